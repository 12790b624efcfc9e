"""Report mode as servers see it: the same bytes on a connection, the same messages, whatever a body is made of."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper

import anyio
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from werkzeug.test import EnvironBuilder

from consent_middleware import ConsentASGI, ConsentWSGI
from support.doors import asgi_scope, configure_django
from support.tracked import KEY, PAGE, POLICY

TABLES: dict[str, Any] = {**POLICY, "policy": {**POLICY["policy"], "mode": "report"}}
HTML = [("Content-Type", "text/html; charset=utf-8"), ("Set-Cookie", "nobody=1")]


def sent(app: Any) -> bytes:
    """All that a server of the standard library writes to its connection; it counts the pieces of a body itself."""
    written = io.BytesIO()
    environ = EnvironBuilder("/", base_url="https://shop.example.org/").get_environ()
    handler = SimpleHandler(io.BytesIO(), written, io.StringIO(), environ, multithread=False, multiprocess=False)
    handler.server_software = ""
    handler.http_version = "1.1"
    handler.run(app)
    return written.getvalue()


class Sized:
    """A body of which the pieces can be counted, and that is no list."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.was_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)

    def close(self) -> None:
        self.was_closed = True


BODIES: dict[str, Callable[[], Iterable[bytes]]] = {
    "a list of one": lambda: [PAGE],
    "a tuple of two": lambda: (PAGE[:9], PAGE[9:]),
    "an empty list": list,
    "something that can be counted": lambda: Sized(PAGE),
    "a generator": lambda: (piece for piece in (b"", PAGE, b"")),
    "nothing at all": lambda: iter(()),
    "a file": lambda: FileWrapper(io.BytesIO(PAGE)),
}


def application(body: Callable[[], Iterable[bytes]], *, writes: bool = False, is_late: bool = False) -> Any:
    def late(start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [*HTML])
        yield from body()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if is_late:
            return late(start_response)
        write = start_response("200 OK", [*HTML])
        if writes:
            write(b"<!doctype html>")
            write(PAGE)
        return body()

    return app


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("manner", [{}, {"writes": True}, {"is_late": True}])
def test_a_server_sends_the_same_bytes(body: str, manner: dict[str, bool]) -> None:
    bare = application(BODIES[body], **manner)
    watched = ConsentWSGI(bare, TABLES, secret_keys=KEY)
    assert sent(watched) == sent(bare)


def test_where_it_is_enforced_it_sends_others() -> None:
    bare = application(BODIES["a list of one"])
    assert sent(ConsentWSGI(bare, POLICY, secret_keys=KEY)) != sent(bare)


@pytest.mark.parametrize("name", ["a list of one", "something that can be counted", "a generator"])
@pytest.mark.parametrize("is_late", [False, True])
def test_a_page_that_is_left_as_it_is_was_looked_at(name: str, is_late: bool, caplog: pytest.LogCaptureFixture) -> None:
    sent(ConsentWSGI(application(BODIES[name], is_late=is_late), TABLES, secret_keys=KEY))
    assert "consent.H004: host 'stats.example.net' waits for consent to 'analytics'" in caplog.text


def test_a_page_that_is_sent_as_a_file_is_not_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    sent(ConsentWSGI(application(BODIES["a file"]), TABLES, secret_keys=KEY))
    assert "consent.H001: page '/' was not looked at: the server sends it as a file" in caplog.text


def test_a_body_is_closed() -> None:
    body = Sized(PAGE)
    sent(ConsentWSGI(application(lambda: body), TABLES, secret_keys=KEY))
    assert body.was_closed


def test_what_no_server_would_take_is_no_fault_of_ours() -> None:
    """A body of text is a mistake of the application's, and stays one."""
    pieces: list[Any] = ["text"]
    app: Any = ConsentWSGI(application(lambda: pieces), TABLES, secret_keys=KEY)
    assert app(EnvironBuilder("/").get_environ(), lambda *args: None) is pieces


# ASGI

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"Content-Type", b"text/html"), (b"SET-cookie", b"nobody=1")],
    "trailers": True,
}
STREAMS: dict[str, list[dict[str, Any]]] = {
    "a page in pieces, some of them empty": [
        START,
        *(
            {"type": "http.response.body", "body": piece, "more_body": True}
            for piece in (b"", PAGE[:30], b"", PAGE[30:])
        ),
        {"type": "http.response.body"},
    ],
    "a view of memory": [START, {"type": "http.response.body", "body": memoryview(PAGE)}],
    "a file": [START, {"type": "http.response.pathsend", "path": "/srv/page.html"}],
    "hints and trailers": [
        {"type": "http.response.early_hint", "links": [b"<https://stats.example.net>; rel=preconnect"]},
        START,
        {"type": "http.response.body", "body": PAGE},
        {"type": "http.response.trailers", "headers": [(b"Set-Cookie", b"_ga=1"), (b"X-Sum", b"1")]},
    ],
    "a denied websocket": [
        {"type": "websocket.http.response.start", "status": 403, "headers": START["headers"]},
        {"type": "websocket.http.response.body", "body": PAGE},
    ],
}


@pytest.mark.parametrize("name", STREAMS)
def test_every_message_is_handed_on_as_it_came(name: str) -> None:
    passed: list[Any] = []
    offered: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        offered.append((scope["headers"], scope["extensions"]))
        for message in STREAMS[name]:
            await send(message)

    async def send(message: Any) -> None:
        passed.append(message)

    scope = asgi_scope("/", "GET", "https", [("host", "shop.example.org"), ("cookie", ""), ("cookie", "_ga=1")])
    scope["extensions"] = {"http.response.pathsend": {}, "http.response.trailers": {}, "http.response.early_hint": {}}
    scope["type"] = STREAMS[name][0]["type"].partition(".")[0]
    gate: Any = ConsentASGI(app, TABLES, secret_keys=KEY)
    anyio.run(gate, scope, None, send)
    assert passed == STREAMS[name]
    assert offered == [(scope["headers"], scope["extensions"])]


# Django, which makes its responses before any server sees them

PATH = Path(__file__)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"", PAGE[:9], PAGE[9:]]))


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(PATH.open("rb"), content_type="text/html")


urlpatterns = [path("page", page), path("stream", stream), path("file", file)]


@pytest.mark.parametrize("name", ["page", "stream", "file"])
def test_django_gives_the_server_what_it_would(name: str) -> None:
    configure_django()
    environ = EnvironBuilder(f"/{name}", base_url="https://shop.example.org/").get_environ()
    environ["wsgi.file_wrapper"] = FileWrapper

    def answer(*middleware: str) -> tuple[object, ...]:
        said: list[Any] = []
        with override_settings(
            ROOT_URLCONF=__name__, MIDDLEWARE=middleware, CONSENT={"POLICY": TABLES}, ALLOWED_HOSTS=["*"]
        ):
            handler: Any = WSGIHandler()
            body = handler(dict(environ), lambda *args: said.append(args))
            pieces = list(body)
            body.close()
        return said, type(body), pieces

    assert answer("consent_django.ConsentMiddleware") == answer()
