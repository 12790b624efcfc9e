"""The first question an application asks of a decision, whichever shell brought it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from consent_middleware import ConsentASGI, decision
from consent_starlette import consent_of

POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {"necessary": {"required": True}, "analytics": {}},
}
KEY = "a key for tests, long enough to be one"


@pytest.fixture(autouse=True)
def never_warned() -> Iterator[None]:
    decision._warn_of_a_late_question.cache_clear()
    yield
    decision._warn_of_a_late_question.cache_clear()


async def late(request: Request) -> Response:
    async def chunks() -> AsyncIterator[str]:
        yield str(consent_of(request).allows("analytics"))

    return StreamingResponse(chunks())


async def early(request: Request) -> Response:
    answer = str(consent_of(request).allows("analytics"))

    async def chunks() -> AsyncIterator[str]:
        yield answer
        consent_of(request).allows("necessary")

    return StreamingResponse(chunks())


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(str(consent_of(websocket).allows("analytics")))
    await websocket.close()


def open_client(on_consult: Any = None) -> TestClient:
    app = Router([Route("/late", late), Route("/early", early), WebSocketRoute("/talk", talk)])

    async def hooked(scope: Any, receive: Any, send: Any) -> None:
        if "consent_middleware.decision" in scope:
            scope["consent_middleware.decision"].on_consult = on_consult
        await app(scope, receive, send)

    return TestClient(ConsentASGI(hooked, POLICY, secret_keys=KEY))


def test_a_first_question_after_the_headers_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    client = open_client()
    answers = [client.get("/late") for _ in range(2)]
    assert [(answer.text, "vary" in answer.headers) for answer in answers] == [("False", False)] * 2
    [warning] = caplog.records
    assert (warning.levelno, warning.getMessage().partition(":")[0]) == (logging.WARNING, "consent.C005")
    assert "ask before streaming" in warning.getMessage()


def test_a_stream_that_was_asked_for_in_time_is_private_and_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    answer = open_client().get("/early")
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("Cookie", "private")
    assert caplog.records == []


def test_asking_over_an_open_websocket_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with open_client().websocket_connect("/talk") as socket:
        assert socket.receive_text() == "False"
    assert caplog.records == []


def test_the_first_question_and_no_other_calls_on_consult() -> None:
    called: list[str] = []
    client = open_client(lambda: called.append("once"))
    client.get("/early")
    assert called == ["once"]
    client.get("/nowhere")
    assert called == ["once"]


def test_a_fault_in_on_consult_is_logged_and_the_application_gets_its_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    assert open_client(fail).get("/early").text == "False"
    [record] = caplog.records
    assert "consent.fault: on_consult raised" in record.getMessage()
