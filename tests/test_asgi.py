"""The ASGI shell: what the specification allows applications and servers still holds with the gate in between.

Everything runs on asyncio and on trio, since Hypercorn offers both.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import urlencode

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from consent_middleware import ConsentASGI, Decision, ResponseStarted
from consent_middleware.shell import DECISION_KEY
from support.three_categories import KEY, POLICY

TRACKED = [(b"content-type", b"text/plain"), (b"set-cookie", b"_ga=1"), (b"set-cookie", b"session=s")]
"""What most applications here send: the first cookie is to be withheld."""

Run = Callable[[Callable[[], Awaitable[Any]]], Any]


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Run:
    return partial(anyio.run, backend=request.param)


def make_scope(path: str = "/", kind: str = "http", headers: Iterable[Any] = (), **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "wss" if kind == "websocket" else "https",
        "path": path,
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.example.org"), *headers],
        **more,
    }


def gate(app: Any, policy: Any = POLICY, **options: Any) -> Any:
    return ConsentASGI(app, policy, **{"secret_keys": KEY, **options})


async def serve(app: Any, scope: Any, incoming: Iterable[Any] = ()) -> list[Any]:
    """Call an application as a server does and return what it sent; after ``incoming`` nothing more arrives."""
    waiting = iter(incoming)
    sent: list[Any] = []

    async def receive() -> Any:
        for message in waiting:
            await anyio.lowlevel.checkpoint()
            return message
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        await anyio.lowlevel.checkpoint()
        sent.append(message)

    await app(scope, receive, send)
    return sent


def sending(*messages: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def start(headers: Any = TRACKED, status: int = 200, kind: str = "http.response.start") -> dict[str, Any]:
    return {"type": kind, "status": status, "headers": headers}


def body(data: bytes = b"hello", more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


tracking = sending(start(), body())


def acting(act: Callable[[Decision], object], then: Any = tracking) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        act(scope[DECISION_KEY])
        await then(scope, receive, send)

    return app


def cookies(message: Any) -> list[bytes]:
    return [value for name, value in message["headers"] if name.lower() == b"set-cookie"]


def names(message: Any) -> list[bytes]:
    return [line.partition(b"=")[0] for line in cookies(message)]


def choice(action: str = "accept-all", *, cut: int | None = None) -> tuple[dict[str, Any], list[Any]]:
    """The scope and the messages of a choice, its body in pieces of ``cut`` bytes."""
    data = urlencode({"action": action, "next": "/"}).encode()
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)] if cut else [data]
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"sec-fetch-site", b"same-origin")]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    return make_scope("/_consent/choice", headers=headers, method="POST"), messages


async def accepted() -> tuple[bytes, bytes]:
    """The Cookie field of a visitor who has accepted everything."""
    [started, _] = await serve(gate(tracking), *choice())
    return (b"cookie", cookies(started)[0].partition(b";")[0])


# What is not HTTP


@pytest.mark.parametrize("kind", ["lifespan", "carrier.pigeon"])
def test_other_kinds_of_scope_go_through_untouched(run: Run, kind: str) -> None:
    seen: list[Any] = []

    async def app(*args: Any) -> None:
        seen.extend(args)

    args = [{"type": kind, "state": {}}, object(), object()]
    run(partial(gate(app), *args))
    assert all(ours is theirs for ours, theirs in zip(seen, args, strict=True))
    assert args[0] == {"type": kind, "state": {}}


def test_a_websocket_is_gated_when_accepted_and_sees_only_its_cookies(run: Run) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(value for name, value in scope["headers"] if name == b"cookie")
        await send({"type": "websocket.accept", "subprotocol": "chat", "headers": TRACKED[1:]})
        await send({"type": "websocket.send", "text": "_ga=1"})
        with pytest.raises(ResponseStarted):
            scope[DECISION_KEY].grant("analytics")

    scope = make_scope("/_consent/choice", "websocket", [(b"cookie", b"session=s; _ga=1")])
    accept, message = run(partial(serve, gate(app), scope))
    assert (seen, names(accept)[:1], accept["subprotocol"]) == ([b"session=s"], [b"session"], "chat")
    assert b"_ga=; Max-Age=0; Path=/; Secure" in cookies(accept)
    assert message == {"type": "websocket.send", "text": "_ga=1"}


@pytest.mark.parametrize("accept", [{"type": "websocket.accept"}, {"type": "websocket.accept", "headers": None}])
def test_a_websocket_may_be_accepted_without_headers(run: Run, accept: Any) -> None:
    [sent] = run(partial(serve, gate(sending(accept)), make_scope(kind="websocket")))
    assert sent == {"type": "websocket.accept", "headers": []}


def test_the_response_that_denies_a_websocket_is_gated(run: Run) -> None:
    denial = start(status=403, kind="websocket.http.response.start")
    rest = {"type": "websocket.http.response.body", "body": b"no"}
    [started, end] = run(partial(serve, gate(sending(denial, rest)), make_scope(kind="websocket")))
    assert (started["status"], cookies(started), end) == (403, [b"session=s"], rest)


# Header fields


def test_headers_made_by_a_generator_are_read_once(run: Run) -> None:
    [started, _] = run(partial(serve, gate(sending(start(field for field in TRACKED), body())), make_scope()))
    assert started["headers"] == [TRACKED[0], TRACKED[2], (b"vary", b"Cookie"), (b"cache-control", b"private")]


@pytest.mark.parametrize(
    "headers", [[[b"content-type", b"a/b"]], [[b"set-cookie", b"_ga=1"], [b"content-type", b"a/b"]]]
)
def test_header_fields_may_be_lists(run: Run, headers: Any) -> None:
    [started, _] = run(partial(serve, gate(sending(start(headers), body())), make_scope()))
    assert list(started["headers"][0]) == [b"content-type", b"a/b"]
    assert cookies(started) == []


def test_header_names_count_in_any_case_and_keep_it(run: Run) -> None:
    headers = [(b"sEt-cOokie", b"_ga=1"), (b"SET-COOKIE", b"session=s"), (b"X-Own", b"1")]
    [started, _] = run(partial(serve, gate(sending(start(headers), body())), make_scope()))
    assert started["headers"][:2] == headers[1:]


def test_request_header_names_count_in_any_case(run: Run) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])
        await tracking(scope, receive, send)

    scope = make_scope(headers=[[b"CooKie", b"_ga=1; session=s"], [b"Accept", b"*/*"]])
    run(partial(serve, gate(app), scope))
    assert [tuple(field) for field in seen[1:]] == [(b"CooKie", b"session=s"), (b"Accept", b"*/*")]


def test_each_of_several_cookie_fields_is_judged_for_itself(run: Run) -> None:
    """HTTP/2 clients may send each cookie in a field of its own (RFC 9113, 8.2.3)."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(value for name, value in scope["headers"] if name == b"cookie")
        seen.append(scope[DECISION_KEY].allows("analytics"))
        await tracking(scope, receive, send)

    async def visit() -> None:
        fields = [(b"cookie", b"session=s"), (b"cookie", b"nobody=1"), await accepted(), (b"cookie", b"_ga=1; x=2")]
        await serve(gate(app), make_scope(headers=fields))

    run(visit)
    assert [seen[0], *seen[2:]] == [b"session=s", b"_ga=1", True]


def test_a_response_with_nothing_to_decide_leaves_unchanged(run: Run) -> None:
    headers = [(b"Content-Type", b"text/css"), (b"ETag", b'"\xe9"')]
    sent = run(partial(serve, gate(sending(start(headers), body())), make_scope()))
    assert sent == [start(headers), body()]


def test_what_the_application_sent_is_never_changed(run: Run) -> None:
    headers = list(TRACKED)
    message = start(headers)
    run(partial(serve, gate(sending(message, body())), make_scope(headers=[(b"cookie", b"_ads=1")])))
    assert (headers, message) == (TRACKED, start(headers))


def test_trailers_lose_set_cookie(run: Run) -> None:
    fields = [(b"Server-Timing", b"db;dur=1"), (b"Set-Cookie", b"session=s"), (b"set-cookie", b"_ga=1")]
    trailers = {"type": "http.response.trailers", "headers": fields, "more_trailers": False}
    [_, _, sent] = run(partial(serve, gate(sending(start() | {"trailers": True}, body(), trailers)), make_scope()))
    assert sent == trailers | {"headers": fields[:1]}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "http.response.early_hint", "links": [b"</shop.css>; rel=preload; as=style"]},
        {"type": "http.response.push", "path": "/shop.css", "headers": [(b"cookie", b"_ga=1")]},
        {"type": "http.response.pathsend", "path": "/srv/file"},
        {"type": "http.response.zerocopysend", "file": 7, "more_body": False},
        {"type": "http.response.debug", "info": {"template": "x"}},
    ],
)
def test_messages_of_extensions_go_through_untouched(run: Run, message: Any) -> None:
    sent = run(partial(serve, gate(sending(message, start(), message)), make_scope()))
    assert (sent[0], sent[2]) == (message, message)
    assert (sent[0] is message, sent[2] is message) == (True, True)


# Time


def test_the_first_byte_waits_for_nothing(run: Run) -> None:
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"first", more=True))
        order.append("application goes on")
        await send(body(b"last"))

    async def server() -> None:
        async def send(message: Any) -> None:
            order.append(message.get("body", b"start").decode())

        await gate(app)(make_scope(), anyio.sleep_forever, send)

    run(server)
    assert order == ["start", "first", "application goes on", "last"]


def test_what_runs_after_the_response_runs(run: Run) -> None:
    done: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await tracking(scope, receive, send)
        await anyio.lowlevel.checkpoint()
        done.append("background task")

    run(partial(serve, gate(app), make_scope()))
    assert done == ["background task"]


def test_a_disconnect_reaches_the_application(run: Run) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(await receive())

    run(partial(serve, gate(app), make_scope(), [{"type": "http.disconnect"}]))
    assert seen == [{"type": "http.disconnect"}]


def test_cancelling_a_request_cancels_the_application(run: Run) -> None:
    ends: list[str] = []
    requests: list[anyio.CancelScope] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        requests[0].cancel()
        try:
            await anyio.sleep_forever()
        finally:
            ends.append("ended")

    async def server() -> None:
        with anyio.CancelScope() as request:
            requests.append(request)
            await serve(gate(app), make_scope())

    run(server)
    assert ends == ["ended"]


class Broken(Exception):
    pass


@pytest.mark.parametrize("before", [[], [start()], [start(), body(b"half", more=True)]])
def test_an_error_of_the_application_goes_through_unchanged(run: Run, before: list[Any]) -> None:
    error = Broken()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(*before)(scope, receive, send)
        raise error

    async def server() -> None:
        with pytest.raises(Broken) as caught:
            await serve(gate(app), make_scope())
        assert caught.value is error

    run(server)


def test_an_error_of_the_server_reaches_the_application(run: Run) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(start())
        except OSError as error:
            seen.append(str(error))

    async def gone(message: Any) -> None:
        raise OSError("client went away")

    run(partial(gate(app), make_scope(), anyio.sleep_forever, gone))
    assert seen == ["client went away"]


# The ledger


class Slow:
    """A ledger that blocks its thread until it is released."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.released = threading.Event()
        self.records: list[Any] = []
        self.thread: int | None = None

    def append(self, records: Any) -> None:
        self.thread = threading.get_ident()
        self.called.set()
        assert self.released.wait(10), "nothing else ran while the ledger was storing"
        self.records += records


@pytest.mark.parametrize("ours", [True, False])
def test_a_ledger_that_blocks_does_not_block_the_event_loop(run: Run, ours: bool) -> None:
    ledger = Slow()
    app = gate(acting(lambda decision: decision.grant("analytics")), ledger=ledger)

    async def server() -> list[Any]:
        sent: list[Any] = []

        async def visit() -> None:
            sent.extend(await serve(app, *choice()) if ours else await serve(app, make_scope()))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(visit)
            await anyio.to_thread.run_sync(ledger.called.wait, 10)
            assert sent == []
            ledger.released.set()
        return sent

    [started, _] = run(server)
    assert b"__Host-consent" in names(started)
    assert len(ledger.records) == 1
    assert ledger.thread != threading.get_ident()


def test_a_ledger_that_fails_refuses_a_grant_and_the_page_is_served(run: Run) -> None:
    class Down:
        def append(self, records: Any) -> None:
            raise OSError("no disk")

    app = gate(acting(lambda decision: decision.grant("analytics")), ledger=Down())
    [page, _] = run(partial(serve, app, make_scope()))
    [refused, _] = run(partial(serve, app, *choice()))
    assert (page["status"], cookies(page)) == (200, [b"session=s"])
    assert (refused["status"], cookies(refused)) == (503, [])


# The body of a choice


@pytest.mark.parametrize("cut", [None, 1, 7])
def test_a_choice_may_come_in_pieces(run: Run, cut: int | None) -> None:
    [started, _] = run(partial(serve, gate(tracking), *choice(cut=cut)))
    assert (started["status"], names(started)) == (303, [b"__Host-consent"])


def test_a_choice_chunked_for_ever_stops_at_the_limit(run: Run) -> None:
    taken = count()
    endless = ({"type": "http.request", "body": b"x" * 100, "more_body": True} for _ in taken)
    scope, _ = choice()
    [started, _] = run(partial(serve, gate(tracking), scope, endless))
    assert (started["status"], cookies(started), next(taken)) == (413, [], 164)


def test_a_choice_of_empty_pieces_for_ever_stops_too(run: Run) -> None:
    nothing = ({"type": "http.request", "body": b"", "more_body": True} for _ in range(100_000))
    [started, _] = run(partial(serve, gate(tracking), choice()[0], nothing))
    assert (started["status"], cookies(started)) == (413, [])


def test_a_choice_that_breaks_off_is_none(run: Run) -> None:
    scope, messages = choice(cut=10)
    [started, _] = run(partial(serve, gate(tracking), scope, [*messages[:-1], {"type": "http.disconnect"}]))
    assert (started["status"], cookies(started)) == (400, [])


def test_our_pages_wait_for_no_body(run: Run) -> None:
    [started, page] = run(partial(serve, gate(tracking), make_scope("/_consent/settings")))
    assert (started["status"], dict(started["headers"])[b"content-length"]) == (200, b"%d" % len(page["body"]))


# The scope


def test_the_servers_scope_is_not_touched(run: Run) -> None:
    headers = [(b"cookie", b"_ga=1; session=s")]
    state = {"pool": object()}
    scope = make_scope(headers=headers, state=state)
    before = {**scope, "headers": list(scope["headers"]), "state": dict(state)}
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await tracking(scope, receive, send)

    run(partial(serve, gate(app), scope))
    assert scope == before
    assert isinstance(seen[0][DECISION_KEY], Decision)
    assert seen[0]["state"] is state
    assert {**seen[0], "headers": [], DECISION_KEY: None} == {**before, "headers": [], DECISION_KEY: None}


@pytest.mark.parametrize(
    ("root_path", "path", "ours"),
    [
        ("", "/_consent/state", True),
        ("/app", "/app/_consent/state", True),
        ("/app/", "/app/_consent/state", True),
        ("/app", "/_consent/state", True),
        ("/app", "/application/_consent/state", False),
        ("/a", "/a_consent/state", False),
        ("", "/_consentful/state", False),
        ("", "/x/_consent/state", False),
    ],
)
def test_our_addresses_are_below_the_mount_point(run: Run, root_path: str, path: str, ours: bool) -> None:
    [_, page] = run(partial(serve, gate(tracking), make_scope(path, root_path=root_path)))
    assert (b"needs_asking" in page["body"]) is ours


@pytest.mark.parametrize(
    ("root_path", "path", "seen"),
    [("/app", "/app/x", "/x"), ("/app", "/app", ""), ("/app", "/apple/x", "/apple/x"), ("/app/", "/app/x", "/x")],
)
def test_the_path_a_site_can_ask_about_is_below_the_mount_point(run: Run, root_path: str, path: str, seen: str) -> None:
    paths: list[str] = []
    app = gate(tracking, applies=lambda request: bool(paths.append(request.path)))  # type: ignore[func-returns-value]
    run(partial(serve, app, make_scope(path, root_path=root_path)))
    assert paths == [seen]


# Mounted more than once


def test_the_same_policy_further_in_stands_down(run: Run) -> None:
    app = gate(gate(acting(lambda decision: decision.grant("analytics"))))
    [started, _] = run(partial(serve, app, make_scope(headers=[(b"cookie", b"_ga=1")])))
    assert names(started) == [b"_ga", b"session", b"__Host-consent"]


def test_different_policies_are_both_enforced(run: Run) -> None:
    other = {
        **POLICY,
        "cookies": [{"name": "_ga", "category": "necessary"}, {"name": "theme", "category": "necessary"}],
    }
    app = sending(start([(b"set-cookie", name + b"=1") for name in (b"session", b"_ga", b"theme")]), body())
    for inner, outer in [(POLICY, other), (other, POLICY)]:
        [started, _] = run(partial(serve, gate(gate(app, inner), outer), make_scope()))
        assert cookies(started) == []


# Many at once


def test_requests_at_the_same_time_share_nothing(run: Run) -> None:
    together = 20

    async def server() -> list[list[bytes]]:
        arrived = anyio.Event()
        waiting: list[int] = []
        seen: dict[int, list[bytes]] = {}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            number = scope["number"]
            if number % 2:
                scope[DECISION_KEY].grant("analytics")
            waiting.append(number)
            if len(waiting) == together:
                arrived.set()
            await arrived.wait()
            lines = [b"_ga=%d" % number, b"_ads=%d" % number, b"session=%d" % number]
            await sending(start([(b"set-cookie", line) for line in lines]), body())(scope, receive, send)

        middleware = gate(app)

        async def visit(number: int) -> None:
            [started, _] = await serve(middleware, make_scope(number=number))
            seen[number] = [line for line in cookies(started) if b"consent" not in line]

        async with anyio.create_task_group() as tasks:
            for number in range(together):
                tasks.start_soon(visit, number)
        return [seen[number] for number in range(together)]

    expected = [([b"_ga=%d" % n] if n % 2 else []) + [b"session=%d" % n] for n in range(together)]
    assert run(server) == expected
