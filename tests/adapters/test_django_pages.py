"""Django's own kinds of response as pages: streaming, sync and async, and files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client, override_settings
from django.urls import path
from werkzeug.test import create_environ

from support.doors import asgi_scope, configure_django
from support.tracked import GATED, INERT, PAGE, POLICY, TRACKER

configure_django()

made: list[bytes] = []


def pieces() -> Iterator[bytes]:
    for piece in (b"<p>one</p>", b"<p>two</p>" + TRACKER[:9], TRACKER[9:]):
        made.append(piece)
        yield piece


async def apieces() -> AsyncIterator[bytes]:
    for piece in pieces():
        yield piece


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(pieces())


async def astream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(apieces())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(BytesIO(PAGE), content_type=request.GET["type"])


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError


def handler500(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE, status=500)


urlpatterns = [path("stream", stream), path("astream", astream), path("file", file), path("broken", broken)]

STREAMED = b"<p>one</p><p>two</p>" + INERT


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    made.clear()
    with override_settings(
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["consent_django.ConsentMiddleware"],
        CONSENT={"POLICY": POLICY},
        ALLOWED_HOSTS=["*"],
    ):
        yield


def test_a_synchronous_stream_is_gated_as_it_comes() -> None:
    response = Client().get("/stream")
    body = iter(response.streaming_content)
    assert next(body) == b"<p>one</p>"
    assert len(made) == 1
    assert next(body) == b"<p>two</p>"
    assert len(made) == 2
    assert b"".join(body) == INERT
    assert "Content-Length" not in response.headers


def test_an_asynchronous_stream_is_gated_as_it_comes() -> None:
    left: list[bytes] = []
    made_when_left: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            left.append(message["body"])
            made_when_left.append(len(made))

    asked: list[Callable[[], Any]] = []

    async def receive() -> dict[str, Any]:
        if asked:
            await asyncio.sleep(60)
        asked.append(receive)
        return {"type": "http.request", "body": b""}

    asyncio.run(ASGIHandler()(asgi_scope("/astream", "GET", "https", [("host", "shop.example.org")]), receive, send))
    assert b"".join(left) == STREAMED
    assert made_when_left[:2] == [1, 2]


@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
def test_a_file_is_handed_to_the_server_unless_it_is_a_page(kind: str) -> None:
    environ = create_environ("/file", query_string={"type": kind})
    environ["wsgi.file_wrapper"] = FileWrapper
    response = WSGIHandler()(environ, lambda *args: lambda data: None)
    assert isinstance(response, FileWrapper) == (kind == "text/plain")
    assert b"".join(response) == (GATED if kind == "text/html" else PAGE)
    response.close()


def test_an_error_page_is_gated() -> None:
    response = Client(raise_request_exception=False).get("/broken")
    assert response.status_code == 500
    assert (response.content, response.headers["Content-Length"]) == (GATED, str(len(GATED)))
