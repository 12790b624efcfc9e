"""The WSGI shell: what PEP 3333 allows applications and servers still holds with the gate in between."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.lint import LintMiddleware

from consent_middleware import ConsentWSGI, Decision, ResponseStarted
from consent_middleware.shell import DECISION_KEY
from support.three_categories import KEY, POLICY

OK = "200 OK"
TEXT = ("Content-Type", "text/plain")
TRACKED = [TEXT, ("Set-Cookie", "_ga=1"), ("Set-Cookie", "session=s")]
"""What most applications here send: the first cookie is to be withheld."""
TERMINATED: dict[str, Any] = {"wsgi.input_terminated": True}
"""What servers say that mark the end of a body without a length."""

Headers = list[tuple[str, str]]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass
class Server:
    """A WSGI server as small as PEP 3333 lets it be: it keeps what it was told."""

    status: str = ""
    headers: Headers = field(default_factory=list)
    starts: int = 0
    exc_info: Any = None
    has_sent: bool = False
    written: list[bytes] = field(default_factory=list)

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        self.starts += 1
        self.exc_info = exc_info
        if exc_info and self.has_sent:
            raise exc_info[1].with_traceback(exc_info[2])
        assert exc_info or self.starts == 1, "start_response() was called twice without exc_info"
        self.status, self.headers = status, headers
        return self.write

    def write(self, data: bytes) -> None:
        self.has_sent = True
        self.written.append(data)

    def serve(self, app: Any, environ: Any = None, **more: Any) -> bytes:
        body = app(environ or make_environ(**more), self.start_response)
        try:
            for chunk in body:
                assert self.starts, "a chunk came before start_response() was called"
                self.write(chunk)
        finally:
            getattr(body, "close", lambda: None)()
        return b"".join(self.written)

    @property
    def cookies(self) -> list[str]:
        return [value for name, value in self.headers if name.lower() == "set-cookie"]

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


def make_environ(path: str = "/", method: str = "GET", body: bytes = b"", **more: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_HOST": "shop.example.org",
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(body),
        **more,
    }
    setup_testing_defaults(environ)
    return environ


def gate(app: App, policy: Any = POLICY, **options: Any) -> ConsentWSGI:
    return ConsentWSGI(app, policy, **{"secret_keys": KEY, **options})


def tracking(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    start_response(OK, list(TRACKED))
    return [b"hello"]


def choice_environ(action: str = "accept-all", *, length: str | None = None, **more: Any) -> dict[str, Any]:
    body = urlencode({"action": action, "next": "/"}).encode()
    return make_environ(
        "/_consent/choice",
        "POST",
        body,
        **{
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)) if length is None else length,
            "HTTP_SEC_FETCH_SITE": "same-origin",
            **more,
        },
    )


def accepted(**options: Any) -> str:
    """The Cookie header of a visitor who has accepted everything."""
    server = Server()
    server.serve(gate(tracking, **options), choice_environ())
    return server.cookies[0].partition(";")[0]


# How an application starts its response


def test_an_application_may_start_its_response_when_first_iterated() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        environ[DECISION_KEY].grant("analytics")
        start_response(OK, list(TRACKED))
        yield b"late"

    server = Server()
    assert server.serve(gate(app)) == b"late"
    assert [line.partition("=")[0] for line in server.cookies] == ["_ga", "session", "__Host-consent"]


def failed() -> Any:
    try:
        raise ValueError("the page broke")
    except ValueError:
        return sys.exc_info()


@pytest.mark.parametrize("as_keyword", [False, True])
def test_an_error_page_may_replace_the_response_before_the_headers_left(as_keyword: bool) -> None:
    error = failed()

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response(OK, list(TRACKED))
        error_page = [TEXT, ("Set-Cookie", "_ads=1"), ("Set-Cookie", "session=; Max-Age=0")]
        if as_keyword:
            start_response("500 Broken", error_page, exc_info=error)
        else:
            start_response("500 Broken", error_page, error)
        return [b"sorry"]

    server = Server()
    assert server.serve(gate(app)) == b"sorry"
    assert (server.status, server.exc_info) == ("500 Broken", error)
    assert server.cookies == ["session=; Max-Age=0"]


def test_what_was_granted_before_the_error_page_is_told_with_it() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        environ[DECISION_KEY].grant("analytics")
        start_response(OK, [TEXT])
        start_response("500 Broken", [TEXT, ("Set-Cookie", "_ga=1")], failed())
        return [b"sorry"]

    records: list[Any] = []
    server = Server()
    server.serve(gate(app, ledger=Recorder(records)))
    assert [line.partition("=")[0] for line in server.cookies] == ["_ga", "__Host-consent"]
    assert len(records) == 1


def test_an_error_after_the_headers_left_is_raised_as_the_server_raises_it() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, list(TRACKED))
        yield b"half a page"
        start_response("500 Broken", [TEXT], failed())
        yield b"never"

    server = Server()
    with pytest.raises(ValueError, match="the page broke"):
        server.serve(gate(app))
    assert (server.status, server.written) == (OK, [b"half a page"])


def test_write_is_the_servers_own() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        write = start_response(OK, list(TRACKED))
        write(b"written, ")
        return [b"returned"]

    server = Server()
    assert server.serve(gate(app)) == b"written, returned"
    assert server.cookies == ["session=s"]


class Broken(Exception):
    pass


def test_an_error_before_the_start_goes_through_unchanged() -> None:
    error = Broken()

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        raise error

    server = Server()
    with pytest.raises(Broken) as caught:
        server.serve(gate(app))
    assert caught.value is error
    assert server.starts == 0


def test_an_error_while_streaming_goes_through_unchanged_and_the_body_is_closed() -> None:
    body = Body([b"a", Broken()])

    def app(environ: dict[str, Any], start_response: StartResponse) -> Body:
        start_response(OK, [TEXT])
        return body

    server = Server()
    with pytest.raises(Broken):
        server.serve(gate(app))
    assert (server.written, body.closed) == ([b"a"], 1)


def test_acting_once_the_response_has_started_is_a_clear_error() -> None:
    caught: list[ResponseStarted] = []

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [TEXT])
        try:
            environ[DECISION_KEY].grant("analytics")
        except ResponseStarted as error:
            caught.append(error)
        yield b"x"

    server = Server()
    server.serve(gate(app))
    assert "before returning or streaming" in str(caught[0])
    assert server.cookies == []


# What checkers of the specification say of it


def starting_late(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
    environ[DECISION_KEY].grant("analytics")
    start_response(OK, list(TRACKED))
    yield b"late"


def writing(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    start_response(OK, list(TRACKED))(b"written")
    return []


def starting_again(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    start_response(OK, list(TRACKED))
    start_response("500 Broken", list(TRACKED), failed())
    return [b"sorry"]


@pytest.mark.parametrize("check", [validator, LintMiddleware])
@pytest.mark.parametrize(
    ("app", "body"), [(starting_late, b"late"), (writing, b"written"), (starting_again, b"sorry"), (tracking, b"hello")]
)
@pytest.mark.parametrize("cookie", ["", "session=s; _ads=1"])
def test_the_checkers_find_nothing_on_either_side(check: Any, app: App, body: bytes, cookie: str) -> None:
    environ = make_environ(HTTP_COOKIE=cookie)
    assert Server().serve(check(gate(check(app))), environ) == body


@pytest.mark.parametrize("check", [validator, LintMiddleware])
def test_the_checkers_find_nothing_in_our_own_answers(check: Any) -> None:
    app = check(gate(tracking))
    servers = [Server() for _ in range(4)]
    servers[0].serve(app, make_environ("/_consent/settings"))
    servers[1].serve(app, make_environ("/_consent/state"))
    servers[2].serve(app, make_environ("/_consent/nowhere"))
    servers[3].serve(app, choice_environ())
    assert [server.status[:3] for server in servers] == ["200", "200", "404", "303"]


# The body


class Body:
    """An iterable of its own kind: chunks, or an error to raise."""

    def __init__(self, chunks: list[bytes | Exception]) -> None:
        self.chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def close(self) -> None:
        self.closed += 1


def test_the_very_iterable_of_the_application_is_returned_and_closed_once() -> None:
    body = Body([b"a", b"b"])

    def app(environ: dict[str, Any], start_response: StartResponse) -> Body:
        start_response(OK, list(TRACKED))
        return body

    middleware = gate(app)
    assert middleware(make_environ(), Server().start_response) is body
    assert Server().serve(middleware) == b"ab"
    assert body.closed == 1


def test_the_servers_file_wrapper_keeps_working() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response(OK, [TEXT])
        return environ["wsgi.file_wrapper"](BytesIO(b"a file"))

    environ = make_environ()
    environ["wsgi.file_wrapper"] = FileWrapper
    assert isinstance(gate(app)(environ, Server().start_response), FileWrapper)


@pytest.mark.parametrize(("method", "status"), [("HEAD", OK), ("GET", "302 Found"), ("GET", "304 Not Modified")])
def test_responses_without_a_body_are_gated_as_well(method: str, status: str) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response(status, [("Location", "/a"), *TRACKED, ("ETag", '"1"'), ("Content-Length", "5")])
        return []

    server = Server()
    assert server.serve(gate(app), method=method) == b""
    assert (server.status, server.cookies) == (status, ["session=s"])
    assert (server.get("location"), server.get("etag"), server.get("content-length")) == ("/a", '"1"', "5")


# The headers


def test_the_applications_own_list_of_headers_is_never_changed() -> None:
    headers = list(TRACKED)

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response(OK, headers)
        return [b""]

    server = Server()
    server.serve(gate(app), HTTP_COOKIE="_ads=1")
    assert len(server.cookies) > 1
    assert headers == TRACKED


def test_header_names_count_in_any_case_and_keep_it() -> None:
    """Serverless adapters mangle the case of Set-Cookie on purpose, to get several through a gateway."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response(OK, [("sEt-cOokie", "_ga=1"), ("SET-COOKIE", "session=1"), ("set-cookie", "_ads=1")])
        return [b""]

    server = Server()
    server.serve(gate(app))
    assert [field for field in server.headers if field[0].lower() == "set-cookie"] == [("SET-COOKIE", "session=1")]


def test_a_response_with_nothing_to_decide_leaves_with_the_very_same_list() -> None:
    headers = [TEXT, ("Set-Cookie", "session=s")]

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response(OK, headers)
        return [b""]

    server = Server()
    server.serve(gate(app), HTTP_COOKIE="session=s")
    assert server.headers is headers


def test_a_status_line_without_a_number_is_the_servers_to_judge() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response("fine", list(TRACKED))
        return [b""]

    server = Server()
    server.serve(gate(app))
    assert (server.status, server.cookies) == ("fine", ["session=s"])


# The environ


def seeing(seen: dict[str, Any]) -> App:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        seen.update(environ)
        start_response(OK, [TEXT])
        return [b""]

    return app


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("session=s; _ga=1", "session=s"), ("_ga=1", None), ("session=s", "session=s"), ("", ""), (None, None)],
)
def test_the_application_sees_only_its_cookies(sent: str | None, shown: str | None) -> None:
    seen: dict[str, Any] = {}
    more: dict[str, Any] = {} if sent is None else {"HTTP_COOKIE": sent}
    Server().serve(gate(seeing(seen)), **more)
    assert seen.get("HTTP_COOKIE") == shown


def test_the_decision_is_in_the_environ_for_any_framework() -> None:
    seen: dict[str, Any] = {}
    Server().serve(gate(seeing(seen)), HTTP_COOKIE=accepted())
    decision = seen["consent_middleware.decision"]
    assert isinstance(decision, Decision)
    assert (decision.allows("analytics"), decision.source) == (True, "visitor")


def test_what_is_mounted_further_in_does_not_move_our_addresses() -> None:
    """Dispatchers, and middleware for proxies, rewrite the environ in place."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        decision = environ[DECISION_KEY]
        seen.update(script=environ["SCRIPT_NAME"], url=decision.settings_url, allowed=decision.allows("analytics"))
        return tracking(environ, start_response)

    def proxy_fix(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.url_scheme"] = "https"
        environ["HTTP_HOST"] = "public.example"
        return DispatcherMiddleware(tracking, {"/inner": app})(environ, start_response)

    plain: dict[str, Any] = {"wsgi.url_scheme": "http", "SCRIPT_NAME": "/site"}
    chosen = Server()
    chosen.serve(gate(proxy_fix), choice_environ(**plain))
    consent = chosen.cookies[0].partition(";")[0]
    Server().serve(gate(proxy_fix), make_environ("/inner/page", HTTP_COOKIE=consent, **plain))
    assert seen == {"script": "/site/inner", "url": "/site/_consent/settings", "allowed": True}


# Mounted more than once


def test_the_same_policy_further_in_stands_down() -> None:
    decisions: list[Decision] = []

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        decisions.append(environ[DECISION_KEY])
        decisions[0].grant("analytics")
        return tracking(environ, start_response)

    inner = gate(app)

    def between(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        decisions.append(environ[DECISION_KEY])
        return inner(environ, start_response)

    server = Server()
    server.serve(gate(between))
    assert decisions[0] is decisions[1]
    assert [line.partition("=")[0] for line in server.cookies] == ["_ga", "session", "__Host-consent"]


def test_different_policies_are_both_enforced() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response(OK, [("Set-Cookie", f"{name}=1") for name in ("session", "_ga", "theme")])
        return [environ.get("HTTP_COOKIE", "").encode()]

    other = {
        **POLICY,
        "cookies": [{"name": "session", "category": "necessary"}, {"name": "theme", "category": "necessary"}],
    }
    necessary_here = {**POLICY, "cookies": [{"name": "_ga", "category": "necessary"}, *POLICY["cookies"][:1]]}
    for inner, outer in [(other, necessary_here), (necessary_here, other)]:
        server = Server()
        seen = server.serve(gate(gate(app, inner), outer), HTTP_COOKIE="_ga=1; session=s; theme=dark")
        assert seen.strip() == b"session=s"
        assert server.cookies == ["session=1"]


def test_a_grant_in_the_inner_of_two_policies_reaches_the_browser() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        environ[DECISION_KEY].grant("analytics")
        return tracking(environ, start_response)

    other = {**POLICY, "policy": {**POLICY["policy"], "revision": 2}}
    server = Server()
    server.serve(gate(gate(app, other)))
    assert [line.partition("=")[0] for line in server.cookies] == ["session", "__Host-consent"]


# The body of a choice


class Recorder:
    """A ledger in a list."""

    def __init__(self, records: list[Any]) -> None:
        self.records = records

    def append(self, records: Any) -> None:
        self.records += records


class Input(BytesIO):
    """A request body that counts what is read of it, and fails when asked for more than its length."""

    asked = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0
        self.asked += size
        return super().read(size)


def test_a_choice_reads_no_more_than_its_length() -> None:
    environ = choice_environ()
    environ["wsgi.input"] = stream = Input(environ["wsgi.input"].getvalue() + b"&action=reject-all")
    server = Server()
    server.serve(gate(tracking), environ)
    assert server.status == "303 See Other"
    assert stream.asked == int(environ["CONTENT_LENGTH"])


def test_a_chunked_choice_is_read_to_its_end_where_the_server_marks_it() -> None:
    server = Server()
    server.serve(gate(tracking), choice_environ(length="", **TERMINATED))
    assert (server.status, server.cookies[0].partition("=")[0]) == ("303 See Other", "__Host-consent")


def test_a_chunked_choice_without_an_end_is_not_waited_for() -> None:
    environ = choice_environ(length="")
    environ["wsgi.input"] = stream = Input(b"action=accept-all")
    server = Server()
    server.serve(gate(tracking), environ)
    assert (server.status[:3], server.cookies, stream.asked) == ("400", [], 0)


@pytest.mark.parametrize("length", ["-1", "+5", "5 ", "1e3", "\u0665", "0x10", "five"])
def test_a_length_that_is_none_is_no_length(length: str) -> None:
    server = Server()
    server.serve(gate(tracking), choice_environ(length=length))
    assert (server.status[:3], server.cookies) == ("400", [])


@pytest.mark.parametrize("length", ["16385", "9" * 5000])
def test_a_length_beyond_the_limit_is_refused_unread(length: str) -> None:
    environ = choice_environ(length=length)
    environ["wsgi.input"] = stream = Input(environ["wsgi.input"].getvalue())
    server = Server()
    server.serve(gate(tracking), environ)
    assert (server.status[:3], server.cookies, stream.asked) == ("413", [], 0)


def test_a_body_that_breaks_off_is_no_choice() -> None:
    """What is missing could have been the half of a category's name, or a category not wanted."""
    environ = choice_environ()
    environ["CONTENT_LENGTH"] = str(int(environ["CONTENT_LENGTH"]) + 1)
    server = Server()
    server.serve(gate(tracking), environ)
    assert (server.status[:3], server.cookies) == ("400", [])


def test_a_body_of_exactly_the_limit_is_read() -> None:
    body = b"action=accept-all&x=".ljust(16 * 1024, b"x")
    environ = choice_environ(length=str(len(body)))
    environ["wsgi.input"] = BytesIO(body)
    server = Server()
    server.serve(gate(tracking), environ)
    assert server.status == "303 See Other"


def test_an_endless_choice_stops_at_the_limit() -> None:
    class Endless(Input):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            self.asked += min(size, 100)
            return b"x" * min(size, 100)

    environ = choice_environ(length="", **TERMINATED)
    environ["wsgi.input"] = stream = Endless()
    server = Server()
    server.serve(gate(tracking), environ)
    assert server.status[:3] == "413"
    assert stream.asked == 16 * 1024 + 1


def test_a_body_that_cannot_be_read_is_no_choice() -> None:
    class Gone(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("client disconnected")

    environ = choice_environ()
    environ["wsgi.input"] = Gone()
    server = Server()
    server.serve(gate(tracking), environ)
    assert (server.status[0], server.cookies) == ("4", [])


def test_head_of_our_own_pages_has_their_headers_and_no_body() -> None:
    got, head = Server(), Server()
    body = got.serve(gate(tracking), path="/_consent/settings")
    assert head.serve(gate(tracking), path="/_consent/settings", method="HEAD") == b""
    assert head.headers == got.headers
    assert head.get("content-length") == str(len(body))


# The ledger


def test_a_ledger_that_fails_refuses_a_grant_of_the_application_and_the_page_is_served() -> None:
    class Down:
        def append(self, records: Any) -> None:
            raise OSError("no disk")

    def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        environ[DECISION_KEY].grant("analytics")
        return tracking(environ, start_response)

    server = Server()
    assert server.serve(gate(app, ledger=Down())) == b"hello"
    assert (server.status, server.cookies) == (OK, ["session=s"])


def test_a_grant_is_stored_before_the_response_starts() -> None:
    records: list[Any] = []
    order: list[str] = []

    class Noting(Recorder):
        def append(self, records: Any) -> None:
            order.append("stored")
            super().append(records)

    middleware = gate(tracking, ledger=Noting(records))

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        order.append("started")
        return lambda data: None

    middleware(choice_environ(), start_response)
    assert order == ["stored", "started"]
    assert [record.state for record in records] == ["given"]
