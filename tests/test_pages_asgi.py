"""Pages through the ASGI shell: nothing waits, and nothing gets past the gate by another way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.responses import FileResponse, StreamingResponse

from consent_middleware import ConsentASGI
from support.doors import asgi_scope
from support.tracked import GATED, INERT, KEY, PAGE, POLICY, TRACKER

HTML = [(b"content-type", b"text/html; charset=utf-8")]
TEXT = [(b"content-type", b"text/plain")]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def start(headers: Any = HTML, **more: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": [*headers], **more}


def body(piece: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": piece, "more_body": more}


def messages_of(app: Any, policy: Any = POLICY, **scope: Any) -> list[dict[str, Any]]:
    """All that leaves when ``app`` answers one request."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def main() -> None:
        fields = scope.pop("fields", [])
        shown = {**asgi_scope("/", "GET", "https", [("host", "shop.example.org"), *fields]), **scope}
        await ConsentASGI(app, policy, secret_keys=KEY)(shown, receive, send)

    anyio.run(main)
    return sent


def sending(*messages: dict[str, Any]) -> Any:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def body_of(sent: list[dict[str, Any]]) -> bytes:
    return b"".join(bytes(m["body"]) for m in sent if m["type"].endswith("response.body"))


def length_of(sent: list[dict[str, Any]]) -> list[bytes]:
    return [v for m in sent if m["type"].endswith("start") for k, v in m["headers"] if k == b"content-length"]


def test_a_page_in_one_message_leaves_with_its_length() -> None:
    sent = messages_of(sending(start([*HTML, (b"content-length", b"%d" % len(PAGE))]), body(PAGE)))
    assert body_of(sent) == GATED
    assert length_of(sent) == [b"%d" % len(GATED)]


def test_the_first_piece_leaves_before_the_second_is_made() -> None:
    left: list[bytes] = []
    made: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number, piece in enumerate((b"<p>one</p>", b"<p>two</p>" + TRACKER[:9], TRACKER[9:])):
            made.append(len(b"".join(left)))
            yield piece
            assert number or left == [b"<p>one</p>"]

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            left.append(message["body"])

    async def receive() -> dict[str, Any]:
        await anyio.sleep(60)
        return {}

    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await StreamingResponse(pieces(), media_type="text/html")(scope, receive, send)

        scope = asgi_scope("/", "GET", "https", [("host", "shop.example.org")])
        await ConsentASGI(app, POLICY, secret_keys=KEY)(scope, receive, send)

    anyio.run(main)
    assert made == [0, 10, 20]
    assert b"".join(left) == b"<p>one</p><p>two</p>" + INERT


@pytest.mark.parametrize("kind", [memoryview, bytearray])
def test_a_body_need_not_be_bytes(kind: Any) -> None:
    assert body_of(messages_of(sending(start(), body(kind(PAGE[:9]), True), body(kind(PAGE[9:]))))) == GATED


def test_trailers_leave_without_cookies_and_the_page_without_a_length() -> None:
    trailers = {"type": "http.response.trailers", "headers": [(b"set-cookie", b"a=1"), (b"server-timing", b"x")]}
    sent = messages_of(sending(start(trailers=True), body(PAGE), trailers))
    assert body_of(sent) == GATED
    assert length_of(sent) == []
    assert sent[-1]["headers"] == [(b"server-timing", b"x")]


def test_a_start_does_not_wait_for_what_is_no_body() -> None:
    debug = {"type": "http.response.debug", "info": {}}
    sent = messages_of(sending(start(), debug, body(PAGE)))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.debug", "http.response.body"]
    assert body_of(sent) == GATED


def test_an_application_that_fails_after_its_start_has_sent_nothing() -> None:
    """So that the server can still send an error page of its own."""

    class Broken(Exception):
        pass

    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send(start())
        raise Broken

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        await ConsentASGI(app, POLICY, secret_keys=KEY)(asgi_scope("/", "GET", "https", []), send, send)

    with pytest.raises(Broken):
        anyio.run(main)
    assert sent == []


def test_the_denial_of_a_websocket_may_be_a_page() -> None:
    messages = [
        {"type": "websocket.http.response.start", "status": 403, "headers": HTML},
        {"type": "websocket.http.response.body", "body": PAGE},
    ]
    sent = messages_of(sending(*messages), type="websocket", scheme="wss")
    assert body_of(sent) == GATED


@pytest.mark.parametrize("link", [b"<https://stats.example.net>; rel=preconnect", b"</a.css>; rel=preload"])
def test_early_hints_to_what_is_withheld_do_not_leave(link: bytes) -> None:
    hint = {"type": "http.response.early_hint", "links": [link, b"</b.css>; rel=preload"]}
    sent = messages_of(sending(hint, start(), body(PAGE)))
    assert sent[0]["links"] == [each for each in hint["links"] if b"stats" not in each]


def test_report_mode_hands_every_message_on_as_it_came() -> None:
    policy = {**POLICY, "policy": {**POLICY["policy"], "mode": "report"}}
    messages = [start([*HTML, (b"content-length", b"%d" % len(PAGE))]), body(PAGE[:20], True), body(PAGE[20:])]
    assert messages_of(sending(*messages), policy) == messages


@pytest.mark.parametrize("name", ["page.html", "page.txt"])
@pytest.mark.parametrize("has_consented", [False, True])
def test_a_file_leaves_past_us_only_if_it_need_not_be_gated(tmp_path: Path, name: str, has_consented: bool) -> None:
    file = tmp_path / name
    file.write_bytes(PAGE)
    applies = {"applies": lambda request: not has_consented}
    offered: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        offered.append(set(scope["extensions"]))
        await FileResponse(file)(scope, receive, send)

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        scope = asgi_scope("/", "GET", "https", [("host", "shop.example.org")])
        scope["extensions"] = {"http.response.pathsend": {}, "http.response.zerocopysend": {}, "tls": {}}
        await ConsentASGI(app, POLICY, secret_keys=KEY, **applies)(scope, send, send)

    anyio.run(main)
    if has_consented:
        assert sent[-1]["type"] == "http.response.pathsend"
        assert offered == [{"http.response.pathsend", "http.response.zerocopysend", "tls"}]
    else:
        assert body_of(sent) == (GATED if name == "page.html" else PAGE)
        assert offered == [{"tls"}]


def test_a_revalidated_page_keeps_its_mark() -> None:
    """A 304 has no Content-Type, and its fields replace what the browser has stored."""
    sent = messages_of(sending(start([*HTML, (b"etag", b'"abc"')]), body(PAGE)))
    etag = dict(sent[0]["headers"])[b"etag"]
    not_modified = {"type": "http.response.start", "status": 304, "headers": [(b"etag", b'"abc"')]}
    answer = dict(
        messages_of(sending(not_modified, body(b"")), fields=[("if-none-match", etag.decode())])[0]["headers"]
    )
    assert answer[b"etag"] == etag
    assert (answer[b"vary"], answer[b"cache-control"]) == (b"Cookie", b"private")
