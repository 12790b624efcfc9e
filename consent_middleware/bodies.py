"""How the body of a page passes through the HTML gate on its way out: decoded if need be, gated, encoded again."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from .documents import Page
from .html import HTMLGate

logger = logging.getLogger("consent_middleware")

_GZIP = 16 + zlib.MAX_WBITS
_STEP = 64 * 1024
"""Bytes decompressed at a time: what expands a thousandfold must not do so in memory."""


class Body:
    """One page's bytes on their way out: decoded if need be, gated, encoded again.

    ``feed`` and ``finish`` never raise. A fault is logged once; then, with ``on_fault`` "pass", what was read goes out
    and the rest follows as it comes, and with "withhold" nothing more goes out. ``watches``: every byte passes and is
    only looked at, for report mode. ``on_corrupt`` is called when a compressed body cannot be decoded to its end; it
    goes out as far as it could be.
    """

    def __init__(
        self,
        gate: HTMLGate | None,
        page: Page,
        on_corrupt: Callable[[], None],
        *,
        on_fault: Literal["pass", "withhold"] = "pass",
        watches: bool = False,
    ) -> None:
        self._gate = gate
        self._coding = _Coding(page.coding, on_corrupt) if page.coding else None
        self.is_short = page.is_short
        """Whether the whole body is best read before anything leaves: its length can then be told."""
        self.watches = watches
        """Whether what goes out is what came in, so that its length and all else hold."""
        self._on_fault = on_fault

    @classmethod
    def of_nothing(cls) -> Body:
        """A body of which no byte goes out."""
        return cls(None, Page(None, "", "", is_fixed=False, is_short=True), lambda: None, on_fault="withhold")

    def watch(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Look at the next bytes, which leave as they came. Whatever they are, this never raises."""
        try:
            self.feed(chunk)
            if is_last:
                self.finish()
        except Exception:
            logger.exception("consent.fault: a page could not be looked at to its end")
            self._gate = None

    def whole(self, chunks: Iterable[bytes]) -> bytes:
        """Take in all of a body at once and return all that goes out."""
        return b"".join([*map(self.feed, chunks), self.finish()])

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes that the application sent; return those that may go out now."""
        chunk = bytes(chunk)  # some frameworks send views of memory
        output = self._gated(chunk) if self._coding is None else self._recoded(self._coding, chunk)
        return chunk if self.watches else output

    def finish(self) -> bytes:
        """Take the end; return what is left to go out."""
        rest = self._end()
        if self.watches:
            return b""
        return rest if self._coding is None else self._coding.encoded(rest) + self._coding.end()

    def _recoded(self, coding: _Coding, chunk: bytes) -> bytes:
        if self.watches:
            for plain in coding.decoded(chunk):
                self._gated(plain)
            return b""
        # One piece after the other, so that never more than one of them is there in full.
        output = b"".join([coding.encoded(self._gated(plain)) for plain in coding.decoded(chunk)])
        return output + coding.flushed()

    def _gated(self, plain: bytes) -> bytes:
        if self._gate is None:
            return plain if self._on_fault == "pass" else b""
        return self._tried(self._gate, self._gate.feed, plain)

    def _end(self) -> bytes:
        return b"" if self._gate is None else self._tried(self._gate, self._gate.close)

    def _tried(self, gate: HTMLGate, step: Callable[..., bytes], *args: bytes) -> bytes:
        try:
            return step(*args)
        except Exception:
            logger.exception("consent.fault: a page could not be gated to its end (on_fault = %r)", self._on_fault)
            self._gate = None
            return gate.release() if self._on_fault == "pass" else b""


class _Coding:
    """A compressed body, opened and closed again around the gate."""

    def __init__(self, name: str, on_corrupt: Callable[[], None]) -> None:
        self._name = name
        self._on_corrupt = on_corrupt
        self._first: bytes | None = b""
        """What came before it could be told which decoder there has to be; None as soon as there is one."""
        self._wbits = _GZIP
        self._decoder = zlib.decompressobj()
        self._encoder = zlib.compressobj()
        self._is_over = False
        self._owes_flush = False

    def decoded(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk holds, in pieces of limited size; nothing more from where it cannot be read."""
        if self._first is not None:
            chunk = self._first + chunk
            if len(chunk) < 2:
                self._first = chunk
                return
            self._first = None
            self._wbits = _wbits(self._name, chunk)
            self._decoder = zlib.decompressobj(self._wbits)
            self._encoder = zlib.compressobj(wbits=self._wbits)
        try:
            yield from self._inflated(chunk)
        except zlib.error:
            self._is_over = True
            self._on_corrupt()

    def _inflated(self, chunk: bytes) -> Iterator[bytes]:
        while chunk and not self._is_over:
            if self._decoder.eof:
                # gzip allows several members in a row (RFC 1952, 2.2); browsers ignore whatever else follows.
                if self._wbits != _GZIP or chunk[:1] != b"\x1f":
                    self._is_over = True
                    return
                self._decoder = zlib.decompressobj(self._wbits)
            plain = self._decoder.decompress(chunk, _STEP)
            yield plain
            chunk = self._decoder.unconsumed_tail or self._decoder.unused_data
            # All of it read does not mean all of it written: zlib keeps what was one piece too much.
            while len(plain) == _STEP and not chunk and not self._decoder.eof:
                plain = self._decoder.decompress(b"", _STEP)
                yield plain

    def encoded(self, plain: bytes) -> bytes:
        """Return what of these bytes may go out at once."""
        self._owes_flush = self._owes_flush or bool(plain)
        return self._encoder.compress(plain) if plain else b""

    def flushed(self) -> bytes:
        """Return the rest of it: a page that streams must not wait for its compressor."""
        owed, self._owes_flush = self._owes_flush, False
        return self._encoder.flush(zlib.Z_SYNC_FLUSH) if owed else b""

    def end(self) -> bytes:
        """Return the end of the compressed body; of one too short to be one, what came of it."""
        return self._encoder.flush() if self._first is None else self._first


def _wbits(coding: str, first: bytes) -> int:
    """What zlib wants to know of a coding: "deflate" is zlib (RFC 9110, 8.4.1.2), and bare deflate in some hands."""
    if coding == "gzip":
        return _GZIP
    is_zlib = first[0] & 0x8F == 8 and int.from_bytes(first[:2]) % 31 == 0  # RFC 1950, 2.2
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
