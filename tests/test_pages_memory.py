"""However long a page streams, the memory it takes does not grow."""

from __future__ import annotations

import asyncio
import resource
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from consent_middleware import ConsentASGI, ConsentWSGI
from support.doors import asgi_scope
from support.tracked import INERT, KEY, POLICY, TRACKER

MEBIBYTE = 2**20
BLOCK = (b"<p>" + b"words and words " * 200 + b"</p>" + TRACKER + b"<script>own()</script>") * 20
WARM_UP = 200
"""Blocks after which the gate, its memories and the allocator have what they need."""


def resident() -> int:
    """Bytes of memory in use now, where the system tells."""
    if sys.platform == "linux":
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize()
    pytest.skip("only Linux tells what is resident now; elsewhere there is only the most there ever was")


class Growth:
    """What is watched as blocks leave."""

    def __init__(self) -> None:
        self.blocks = 0
        self.before = 0
        self.most = 0
        self.inert = 0

    def note(self, piece: bytes) -> None:
        self.inert += piece.count(INERT)
        self.blocks += 1
        if self.blocks == WARM_UP:
            self.before = resident()
        elif self.blocks > WARM_UP and self.blocks % 20 == 0:
            self.most = max(self.most, resident() - self.before)


def through_wsgi(pieces: Iterable[bytes], headers: list[tuple[str, str]], growth: Growth) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", headers)
        return pieces

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    for piece in ConsentWSGI(app, POLICY, secret_keys=KEY)(environ, lambda *args: lambda data: None):
        growth.note(piece)


def through_asgi(pieces: Iterable[bytes], headers: list[tuple[str, str]], growth: Growth) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        growth.note(message.get("body", b""))

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    scope = asgi_scope("/", "GET", "https", [("host", "shop.example.org")])
    asyncio.run(ConsentASGI(app, POLICY, secret_keys=KEY)(scope, receive, send))


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(1, wbits=31)
    for piece in pieces:
        yield compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH)
    yield compressor.flush()


@pytest.mark.parametrize("stream", [through_wsgi, through_asgi])
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_a_long_page_does_not_grow_in_memory(
    request: pytest.FixtureRequest, stream: Callable[..., None], coding: str
) -> None:
    size = (100 if request.config.getoption("--soak") else 30) * MEBIBYTE
    blocks = size // len(BLOCK)
    assert blocks > 2 * WARM_UP
    pieces: Iterable[bytes] = (BLOCK for _ in range(blocks))
    headers = [("Content-Type", "text/html")]
    if coding:
        pieces, headers = compressed(pieces), [*headers, ("Content-Encoding", coding)]
    growth = Growth()
    stream(pieces, headers, growth)
    assert growth.blocks >= blocks
    assert coding or growth.inert == 20 * blocks
    assert growth.most <= 2 * MEBIBYTE
