"""Pages through the WSGI shell: nothing waits, nothing is lost, and errors are told as PEP 3333 wants."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest

from consent_middleware import ConsentWSGI
from support.tracked import GATED, INERT, KEY, PAGE, POLICY, TRACKER

HTML = ("Content-Type", "text/html; charset=utf-8")
TEXT = ("Content-Type", "text/plain")
OK = "200 OK"

StartResponse = Callable[..., Callable[[bytes], object]]


class Server:
    """Keeps what it was told, in the order in which it was told."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if exc_info and any(isinstance(event, bytes) for event in self.events):
            raise exc_info[1]
        assert exc_info or not self.events, "start_response() was called twice without exc_info"
        self.events.append((status, headers))
        return self.events.append

    def run(self, app: Any, **environ: Any) -> bytes:
        setup_testing_defaults(environ)
        chunks = ConsentWSGI(app, POLICY, secret_keys=KEY)(environ, self.start_response)
        try:
            for chunk in filter(None, chunks):
                self.events.append(chunk)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return self.body

    @property
    def body(self) -> bytes:
        return b"".join(event for event in self.events if isinstance(event, bytes))

    @property
    def status(self) -> str:
        status: str = [event for event in self.events if not isinstance(event, bytes)][-1][0]
        return status

    @property
    def headers(self) -> dict[str, str]:
        headers = [event for event in self.events if not isinstance(event, bytes)][-1][1]
        return {name.lower(): value for name, value in headers}


@pytest.fixture
def server() -> Server:
    return Server()


def test_the_first_piece_leaves_before_the_second_is_asked_for(server: Server) -> None:
    asked = 0

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        nonlocal asked
        start_response(OK, [HTML])
        for piece in (b"<p>one</p>", b"<p>two</p>" + TRACKER[:20], TRACKER[20:]):
            asked += 1
            yield piece

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = iter(ConsentWSGI(app, POLICY, secret_keys=KEY)(environ, server.start_response))
    assert next(body) == b"<p>one</p>"
    assert (asked, server.status) == (1, OK)
    assert next(body) == b"<p>two</p>"
    assert asked == 2
    assert b"".join(body) == INERT


def test_a_piece_that_has_to_wait_does_not_keep_the_server_waiting(server: Server) -> None:
    """Middleware yields at least one piece, if only an empty one, for each that it gets (PEP 3333)."""
    asked = 0

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        nonlocal asked
        start_response(OK, [HTML])
        for at in range(len(TRACKER)):
            asked += 1
            yield TRACKER[at : at + 1]

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = iter(ConsentWSGI(app, POLICY, secret_keys=KEY)(environ, server.start_response))
    for number in range(1, 20):
        assert next(body) == b""
        assert asked == number


@pytest.mark.parametrize("pieces", [[PAGE], [PAGE[:50], PAGE[50:]]])
def test_what_is_written_is_gated(server: Server, pieces: list[bytes]) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        write = start_response(OK, [HTML, ("Content-Length", str(2 * len(PAGE)))])
        for piece in pieces:
            write(piece)
        return [PAGE]

    assert server.run(app) == GATED + GATED
    assert "content-length" not in server.headers


def test_what_is_written_of_something_else_is_not(server: Server) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [TEXT])(PAGE)
        return []

    assert server.run(app) == PAGE


@pytest.mark.parametrize("content_type", [HTML, TEXT])
def test_a_late_start_may_announce_a_page(server: Server, content_type: tuple[str, str]) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [content_type])
        yield PAGE

    assert server.run(app) == (GATED if content_type == HTML else PAGE)
    assert server.status == OK


@pytest.mark.parametrize("content_type", [HTML, TEXT])
def test_files_leave_by_the_servers_own_wrapper_unless_they_are_pages(
    server: Server, content_type: tuple[str, str]
) -> None:
    wrapper = FileWrapper(BytesIO(PAGE))

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [content_type])
        return wrapper

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = ConsentWSGI(app, POLICY, secret_keys=KEY)(environ, server.start_response)
    assert (body is wrapper) == (content_type == TEXT)
    assert b"".join(body) == (GATED if content_type == HTML else PAGE)


@pytest.mark.parametrize("declared", [len(PAGE), 10**6, None])
def test_the_body_is_closed_once(server: Server, declared: int | None) -> None:
    class Chunks:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            return iter([PAGE])

        def close(self) -> None:
            self.closed += 1

    chunks = Chunks()

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [HTML] if declared is None else [HTML, ("Content-Length", str(declared))])
        return chunks

    assert server.run(app) == GATED
    assert chunks.closed == 1


def test_a_small_declared_length_is_kept_right(server: Server) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [HTML, ("Content-Length", str(len(PAGE)))])
        yield from (PAGE[:50], PAGE[50:])

    # A generator function starts late, so its headers come when it is iterated; Flask's and Django's come before.
    def eager(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [HTML, ("Content-Length", str(len(PAGE)))])
        return (piece for piece in (PAGE[:50], PAGE[50:]))

    assert server.run(app) == GATED
    assert "content-length" not in server.headers
    other = Server()
    assert other.run(eager) == GATED
    assert other.headers["content-length"] == str(len(GATED))


def test_a_body_longer_than_it_said_is_not_gathered_for_ever(server: Server) -> None:
    produced = 0

    def endless() -> Iterator[bytes]:
        nonlocal produced
        while True:
            produced += 1
            yield b"<p>more</p>" * 1000

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [HTML, ("Content-Length", "10")])
        return endless()

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = iter(ConsentWSGI(app, POLICY, secret_keys=KEY)(environ, server.start_response))
    assert produced < 40
    read = [next(body) for _ in range(60)]
    assert all(piece == b"<p>more</p>" * 1000 for piece in read)
    assert "content-length" not in server.headers


# Errors


class Broken(Exception):
    """What an error in the application looks like."""


def failing(first: tuple[str, str], second: tuple[str, str], *before: bytes) -> Any:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [first])
        try:
            yield from before
            raise Broken
        except Broken:
            start_response("500 Oh", [second], sys.exc_info())
        yield PAGE

    return app


@pytest.mark.parametrize(("first", "second"), [(HTML, HTML), (HTML, TEXT), (TEXT, HTML), (TEXT, TEXT)])
@pytest.mark.parametrize("is_list", [False, True])
def test_an_error_page_takes_the_place_of_what_has_not_left(
    server: Server, first: tuple[str, str], second: tuple[str, str], is_list: bool
) -> None:
    app = failing(first, second)

    def at_once(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return [*app(environ, start_response)]

    assert server.run(at_once if is_list else app) == (GATED if second == HTML else PAGE)
    assert server.status == "500 Oh"


def test_an_error_page_takes_the_place_of_a_page_that_waits_for_its_length(server: Server) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [HTML, ("Content-Length", "100")])

        def pieces() -> Iterator[bytes]:
            yield b"<p>half of it</p>"
            try:
                raise Broken
            except Broken:
                start_response("500 Oh", [HTML], sys.exc_info())
            yield PAGE

        return pieces()

    assert server.run(app) == GATED
    assert (server.status, server.headers["content-length"]) == ("500 Oh", str(len(GATED)))


@pytest.mark.parametrize("first", [HTML, TEXT])
def test_once_something_has_left_the_error_comes_through(server: Server, first: tuple[str, str]) -> None:
    with pytest.raises(Broken):
        server.run(failing(first, HTML, b"<p>left</p>"))
    assert server.body == b"<p>left</p>"


def test_an_error_of_the_application_comes_through_and_closes(server: Server) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response(OK, [HTML])
        yield b"<p>left</p>"
        raise Broken

    with pytest.raises(Broken):
        server.run(app)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_breaks_before_it_starts_is_closed_and_the_error_comes_through(
    server: Server, declared: bool
) -> None:
    closed = False

    class Chunks:
        def __iter__(self) -> Iterator[bytes]:
            raise Broken

        def close(self) -> None:
            nonlocal closed
            closed = True

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response(OK, [HTML, ("Content-Length", "5")] if declared else [HTML])
        return Chunks()

    with pytest.raises(Broken):
        server.run(app)
    assert closed
    assert server.events == []


def test_early_hints_to_what_is_withheld_do_not_leave(server: Server) -> None:
    hinted: list[Any] = []

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        links = [("Link", "<https://stats.example.net>; rel=preconnect"), ("Link", "</a.css>; rel=preload")]
        environ["wsgi.early_hints"]([*links, ("X-Other", "1")])
        start_response(OK, [HTML])
        return [PAGE]

    server.run(app, **{"wsgi.early_hints": hinted.extend})
    assert hinted == [("Link", "</a.css>; rel=preload"), ("X-Other", "1")]
