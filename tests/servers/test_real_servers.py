"""The middleware under the servers people run it on, each in a process of its own, over a loopback socket."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.served import SESSION_LINE
from support.servers import free_port, running, wait_for

ROOT = Path(__file__).parents[2]
PATHS = [str(ROOT / folder) for folder in (".", "adapters", "tests")]
SERVERS = {
    "uvicorn": ["uvicorn", "--port={port}", "--log-level=warning", "support.served:asgi"],
    "hypercorn": ["hypercorn", "--bind=127.0.0.1:{port}", "support.served:asgi"],
    "hypercorn-trio": ["hypercorn", "--worker-class=trio", "--bind=127.0.0.1:{port}", "support.served:asgi"],
    # Gunicorn's ordinary worker closes after each response; with threads it keeps connections alive.
    "gunicorn": ["gunicorn", "--threads=2", "--log-level=warning", "--bind=127.0.0.1:{port}", "support.served:wsgi"],
    "waitress": ["waitress", "--host=127.0.0.1", "--port={port}", "support.served:wsgi"],
}
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
FORM = {"Content-Type": "application/x-www-form-urlencoded", **SAME_ORIGIN}
MORE_THAN_A_YEAR = 400 * 86400


@dataclass(frozen=True)
class Served:
    name: str
    port: int

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=10)

    def exchange(self, request: bytes) -> bytes:
        """Send octets, and return every octet that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            pieces = list(iter(lambda: connection.recv(65536), b""))
        return b"".join(pieces)


@contextmanager
def serve(name: str) -> Iterator[Served]:
    port = free_port()
    command = [sys.executable, "-m", *(part.format(port=port) for part in SERVERS[name])]
    paths = os.pathsep.join([*PATHS, os.environ.get("PYTHONPATH", "")])
    with running(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}) as process:
        wait_for(port, process)
        yield Served(name, port)


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve(request.param) as served:
        yield served


class Visitor:
    """A browser of few words, on one connection for as long as the server keeps it."""

    def __init__(self, server: Served) -> None:
        self.connection = server.connect()
        self.jar: dict[str, str] = {}

    def ask(self, path: str = "/", method: str = "GET", body: Any = None, **headers: str) -> tuple[HTTPResponse, str]:
        if self.jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        self.connection.request(method, path, body, headers, encode_chunked=not isinstance(body, bytes | None))
        answer = self.connection.getresponse()
        text = answer.read().decode("latin-1")
        for line in set_cookies(answer):
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return answer, text

    def choose(self, action: str) -> HTTPResponse:
        return self.ask("/_consent/choice", "POST", f"action={action}&next=/".encode(), **FORM)[0]

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def visitor(server: Served) -> Iterator[Visitor]:
    visitor = Visitor(server)
    yield visitor
    visitor.close()


def set_cookies(answer: HTTPResponse) -> list[str]:
    return answer.headers.get_all("Set-Cookie") or []


def test_a_first_visit_gets_only_what_is_necessary(visitor: Visitor) -> None:
    visitor.jar = {"_ga": "before", "session": "s", "nobody": "1"}
    answer, text = visitor.ask()
    assert (answer.status, text) == (200, "saw <session=s>")
    assert [line for line in set_cookies(answer) if "Max-Age=0" not in line] == [SESSION_LINE]


def test_a_choice_a_capped_cookie_and_its_withdrawal(visitor: Visitor) -> None:
    chosen = visitor.choose("accept-all")
    assert (chosen.status, chosen.headers["Location"]) == (303, "/")
    [tracker, session, first_days] = set_cookies(visitor.ask()[0])
    assert first_days.startswith("consent-first=")
    assert session == SESSION_LINE
    assert 0 < int(tracker.partition("Max-Age=")[2].partition(";")[0]) < MORE_THAN_A_YEAR
    assert "_ga=1" in visitor.ask()[1]
    assert any(line.startswith("_ga=; Max-Age=0") for line in set_cookies(visitor.choose("withdraw")))
    assert "_ga" not in visitor.ask()[1]


def test_one_connection_serves_pages_and_choices_in_turn(visitor: Visitor) -> None:
    visitor.ask()
    first = visitor.connection.sock
    assert visitor.choose("reject-all").status == 303
    assert visitor.ask("/_consent/state")[0].status == 200
    assert visitor.ask()[0].status == 200
    assert visitor.connection.sock is first


@pytest.mark.parametrize("path", ["/", "/_consent/settings", "/_consent/state"])
def test_head_has_the_headers_and_no_body(visitor: Visitor, path: str) -> None:
    got, text = visitor.ask(path)
    head, nothing = visitor.ask(path, "HEAD")
    assert (head.status, nothing) == (got.status, "")
    assert set_cookies(head) == set_cookies(got)
    assert got.headers["Content-Length"] == str(len(text.encode("latin-1")))
    assert visitor.ask()[0].status == 200


def test_a_choice_may_come_in_chunks(visitor: Visitor) -> None:
    pieces = iter([b"action=acc", b"ept-all", b"&next=/stream"])
    answer, _ = visitor.ask("/_consent/choice", "POST", pieces, **FORM, **{"Transfer-Encoding": "chunked"})
    assert (answer.status, answer.headers["Location"]) == (303, "/stream")
    assert "consent" in visitor.jar


def test_a_choice_that_is_too_large_is_refused(server: Served) -> None:
    """The server may close before all of it was sent, so this reads what arrives and no more."""
    head = b"POST /_consent/choice HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n"
    body = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000
    assert server.exchange(head + body).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(("path", "status"), [("/gone", 302), ("/same", 304), ("/stream", 200)])
def test_every_kind_of_response_is_gated(visitor: Visitor, path: str, status: int) -> None:
    answer, _ = visitor.ask(path)
    assert (answer.status, set_cookies(answer)) == (status, [SESSION_LINE])


def test_what_is_allowed_leaves_octet_by_octet(server: Served) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    lines = server.exchange(request).partition(b"\r\n\r\n")[0].split(b"\r\n")
    cookies = [line.partition(b":")[2] for line in lines if line.lower().startswith(b"set-cookie:")]
    assert cookies == [b" " + SESSION_LINE.encode("latin-1")]


def test_http_2_visitors_may_send_each_cookie_by_itself() -> None:
    with serve("hypercorn") as server, httpx.Client(http1=False, http2=True) as client:
        fields = [("cookie", "session=s"), ("cookie", "_ga=1"), ("cookie", "session=t")]
        answer = client.get(f"http://127.0.0.1:{server.port}/", headers=fields)
    assert (answer.http_version, answer.text) == ("HTTP/2", "saw <session=s; session=t>")
    assert answer.headers.get_list("set-cookie")[0].encode("latin-1") == SESSION_LINE.encode("latin-1")


def test_the_response_that_opens_a_websocket_is_gated() -> None:
    request = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with serve("hypercorn") as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
    lines = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 101 ")
    cookies = [line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"set-cookie:")]
    assert cookies == [SESSION_LINE.encode("latin-1")]
