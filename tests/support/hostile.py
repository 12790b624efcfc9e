"""A server that means ill: every address misbehaves in a way of its own, and the first page links to all of them."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_TLS = b"\x16"
"""The type of a handshake (RFC 8446, 5.1), answered with something else."""

Misbehaviour = Callable[[socket.socket, threading.Event, str], None]

_BOMB = gzip.compress(b"<p>" * 7_000_000, 1)
NO_ADDRESSES = (
    "http://[",
    "http://[::1",
    "//:99999999/",
    "//x:port/",
    "http://\udcff/",
    "http://xn--/",
    "http:///",
    "javascript:void(0)",
    "data:text/html,x",
    "\x00",
    "/\x01\x7f%zz%",
    "?" * 3000,
    "//" + "a" * 300 + ".example/",
    "http://user:password@/",
)
"""What stands in links and leads nowhere."""
_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"


def _first(connection: socket.socket, end: threading.Event, path: str) -> None:
    bad = "".join(f'<a href="{href}">x</a>' for href in NO_ADDRESSES) + '<base href="\\\\">'
    links = bad.encode("utf-8", "surrogateescape") + b"".join(b"<a href=%s>x</a>" % path.encode() for path in PATHS)
    connection.sendall(_PAGE + b"\r\n<base href=/>" + links)


def _hangs(connection: socket.socket, end: threading.Event, path: str) -> None:
    end.wait(60)


def _drips_headers(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE)
    while not end.wait(0.2):
        connection.sendall(b"X-More: 1\r\n")


def _drips_body(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"\r\n")
    while not end.wait(0.2):
        connection.sendall(b"<p>")


def _loops(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % path.encode())


def _wanders(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: %sx\r\nContent-Length: 0\r\n\r\n" % path.encode())


def _leads_astray(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://[\xff\r\nContent-Length: 0\r\n\r\n")


def _floods(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"\r\n")
    piece = b"<script src=https://www.google-analytics.com/analytics.js></script>" * 1000
    for _ in range(100_000_000 // len(piece)):
        connection.sendall(piece)


def _bombs(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"Content-Encoding: gzip\r\n\r\n" + _BOMB)


def _corrupts(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b nonsense")


def _breaks_off_compressed(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"Content-Encoding: gzip\r\n\r\n" + _BOMB[:100])


def _invents_a_coding(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"Content-Encoding: br, x\r\n\r\nnonsense")


def _hides_in_utf_16(connection: socket.socket, end: threading.Event, path: str) -> None:
    page = "<script src=https://www.google-analytics.com/analytics.js></script>".encode("utf-16")
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-16\r\nConnection: close\r\n\r\n" + page
    )


def _invents_a_charset(connection: socket.socket, end: threading.Event, path: str) -> None:
    kind = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=\xff\x00no\r\nConnection: close\r\n\r\n"
    connection.sendall(kind.replace(b"\x00", b"") + b"\xff\xfe\xfa<p>\xc3\x28</p>" + bytes(range(256)))


def _breaks_off(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"Content-Length: 1000\r\n\r\n<p>")


def _resets(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def _resets_in_the_middle(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"Content-Length: 1000\r\n\r\n<p>")
    end.wait(0.2)  # what is still unread when the reset comes is lost to the reader
    _resets(connection, end, path)


def _boasts(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"X-Boast: " + b"x" * 1_000_000 + b"\r\n\r\n<p>")


def _speaks_no_http(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(b"220 mail.example ESMTP\r\n\r\n")


def _sends_many_cookies(connection: socket.socket, end: threading.Event, path: str) -> None:
    lines = b"".join(b"Set-Cookie: c%d=%s; Max-Age=%s\r\n" % (i, b"v" * 20, b"9" * 30) for i in range(600))
    connection.sendall(_PAGE + lines + b"\r\n<p>")


def _sends_far_too_many_cookies(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"".join(b"Set-Cookie: c%d=v\r\n" % i for i in range(10_000)) + b"\r\n<p>")


def _sends_odd_cookies(connection: socket.socket, end: threading.Event, path: str) -> None:
    odd = [
        b"",
        b"=",
        b";",
        b"=;=",
        b"\xff\xfe=\xff",
        b"a=b; Expires=x; Max-Age=--",
        b"a" * 5000 + b"=1",
        b"__Host-\x7f=1",
    ]
    connection.sendall(_PAGE + b"".join(b"Set-Cookie: %s\r\n" % line for line in odd) + b"\r\n<p>")


def _nests(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(_PAGE + b"\r\n" + b"<div>" * 20_000 + b"<svg><math>" * 5_000 + b"<a href='" + b"y" * 100_000)


def _never_ends(connection: socket.socket, end: threading.Event, path: str) -> None:
    number = int("0" + "".join(filter(str.isdigit, path)))
    links = b"".join(b"<a href='/endless/%s%d'>x</a>" % (b"deep/" * number, number + i) for i in range(1, 50))
    connection.sendall(_PAGE + b"\r\n" + links)


def _deep_json(connection: socket.socket, end: threading.Event, path: str) -> None:
    body = b"[" * 200_000
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body)


PATHS: dict[str, Misbehaviour] = {
    "/hang": _hangs,
    "/drip-headers": _drips_headers,
    "/drip-body": _drips_body,
    "/loop": _loops,
    "/wander": _wanders,
    "/astray": _leads_astray,
    "/flood": _floods,
    "/bomb": _bombs,
    "/corrupt": _corrupts,
    "/break-compressed": _breaks_off_compressed,
    "/coding": _invents_a_coding,
    "/utf-16": _hides_in_utf_16,
    "/charset": _invents_a_charset,
    "/break": _breaks_off,
    "/reset": _resets,
    "/cut": _resets_in_the_middle,
    "/boast": _boasts,
    "/smtp": _speaks_no_http,
    "/many-cookies": _sends_many_cookies,
    "/ten-thousand-cookies": _sends_far_too_many_cookies,
    "/odd-cookies": _sends_odd_cookies,
    "/nest": _nests,
    "/endless/1": _never_ends,
}


def _has_none(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _forbids_without_end(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nUser-agent: *\nDisallow: /hang\n")
    for number in range(50):
        connection.sendall(b"".join(b"Disallow: /%d/%d\n" % (number, line) for line in range(50_000)))


def _fails(connection: socket.socket, end: threading.Event, path: str) -> None:
    connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


ROBOTS: dict[str, Misbehaviour] = {
    "none": _has_none,
    "endless": _forbids_without_end,
    "hangs": _hangs,
    "drips": _drips_body,
    "resets": _resets,
    "fails": _fails,
    "loops": _loops,
    "bomb": _bombs,
}
"""How robots.txt may misbehave."""


def _misbehaviour(path: str, robots: str) -> Misbehaviour:
    if path == "/":
        return _first
    if path == "/robots.txt":
        return ROBOTS[robots]
    if path == "/_consent/state":
        return _deep_json
    return next((does for start, does in PATHS.items() if path.startswith(start.rstrip("1"))), _speaks_no_http)


def _serve(connection: socket.socket, end: threading.Event, robots: str) -> None:
    with connection, suppress(OSError):
        connection.settimeout(30)
        request = b""
        while b"\r\n\r\n" not in request and not request.startswith(_TLS) and (piece := connection.recv(65536)):
            request += piece
        path = request.split(b" ")[1].decode("latin-1") if request.count(b" ") else "/"
        _misbehaviour(path.partition("?")[0], robots)(connection, end, path)


@contextmanager
def hostile_server(robots: str = "none") -> Iterator[str]:
    """Serve on loopback; yields the address, with a slash at its end. ``robots`` is how robots.txt misbehaves."""
    end = threading.Event()
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)

        def accept() -> None:
            while not end.is_set():
                with suppress(TimeoutError):
                    connection, _ = listening.accept()
                    threads.append(threading.Thread(target=_serve, args=(connection, end, robots), daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            end.set()
            accepting.join()
            for thread in threads:
                thread.join(10)
