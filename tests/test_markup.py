"""Which responses are pages, and how a body passes through: any coding, any cut, little memory, never an exception."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.bodies import Body
from consent_middleware.documents import Page, of_the_variant, page_of, readable_codings
from consent_middleware.html import HTMLGate, Rules
from consent_middleware.http import Headers
from support.tracked import GATED, INERT, PAGE, TRACKER

RULES = Rules([("analytics", ["stats.example.net/"], [])])
HTML = ("Content-Type", "text/html")


def body(coding: str = "", gate: Any = None, **options: Any) -> Body:
    page = Page(None, coding, "", is_fixed=False, is_short=False)
    return Body(gate or HTMLGate(RULES, {"analytics"}), page, lambda: None, **options)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(ends)]


@pytest.mark.parametrize(
    ("headers", "charset", "coding", "is_hindered", "is_fixed"),
    [
        ([HTML], None, "", False, False),
        ([("content-type", "text/html; charset=UTF-8")], "UTF-8", "", False, False),
        ([("Content-Type", 'Text/HTML;x=y;Charset = "utf-8"')], "utf-8", "", False, False),
        ([HTML, ("Content-Encoding", "GZip")], None, "gzip", False, False),
        ([HTML, ("Content-Encoding", "identity")], None, "", False, False),
        ([HTML, ("Content-Encoding", "br")], None, "br", True, False),
        ([HTML, ("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")], None, "gzip,gzip", True, False),
        ([HTML, ("Cache-Control", "max-age=1"), ("Cache-Control", "No-Transform")], None, "", True, True),
        ([("Content-Type", "application/xhtml+xml")], None, "", True, True),
        ([("Content-Type", "text/plain"), HTML], None, "", False, False),
    ],
)
def test_a_page_is_told_by_its_headers(
    headers: Headers, charset: str | None, coding: str, is_hindered: bool, is_fixed: bool
) -> None:
    page = page_of(200, headers)
    assert page is not None
    assert (page.charset, page.coding, bool(page.hindrance), page.is_fixed) == (charset, coding, is_hindered, is_fixed)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "text/html+x", "html", "text/html,text/css", "*/*", ";", ","]
)
def test_what_is_no_page(content_type: str) -> None:
    assert page_of(200, [("Content-Type", content_type)]) is None


@pytest.mark.parametrize(
    ("length", "is_short"),
    [("0", True), ("262144", True), ("262145", False), ("9" * 50, False), ("-1", False), ("١", False), ("", False)],
)
def test_a_short_page_is_one_that_says_so(length: str, is_short: bool) -> None:
    page = page_of(200, [HTML, ("Content-Length", length)])
    assert page is not None
    assert page.is_short is is_short


@given(st.lists(st.tuples(st.sampled_from(["Content-Type", "Content-Encoding", "Content-Length", "X"]), st.text())))
def test_no_headers_are_too_strange(headers: Headers) -> None:
    page_of(200, headers)
    of_the_variant([*headers, ("ETag", "x")], lambda: "0")


def test_an_entity_tag_that_can_bear_no_mark_goes() -> None:
    assert of_the_variant([HTML, ("ETag", "abc")], lambda: "0") == [HTML]


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip, deflate"),
        ("br;q=1.0, GZIP;q=0.8", "GZIP;q=0.8"),
        ("*", "identity"),
        ("br", "identity"),
        ("", "identity"),
        ("identity;q=0, gzip", "identity;q=0, gzip"),
    ],
)
def test_only_what_can_be_read_is_asked_for(asked: str, left: str) -> None:
    assert readable_codings(asked) == left


def compressed(plain: bytes, wbits: int, level: int = 6) -> bytes:
    compressor = zlib.compressobj(level, wbits=wbits)
    return compressor.compress(plain) + compressor.flush()


def opened(data: bytes) -> bytes:
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    return zlib.decompress(data, 15 if data[0] & 0x8F == 8 and int.from_bytes(data[:2]) % 31 == 0 else -15)


WBITS = st.sampled_from([("gzip", 31), ("deflate", 15), ("deflate", -15)])


@given(form=WBITS, places=st.lists(st.integers(0, 10_000), max_size=12), repeats=st.integers(0, 3))
def test_no_coding_and_no_cut_makes_a_difference(form: tuple[str, int], places: list[int], repeats: int) -> None:
    coding, wbits = form
    data = compressed(PAGE * repeats, wbits)
    assert opened(body(coding).whole(cut(data, places))) == GATED * repeats


@pytest.mark.parametrize("size", [64 * 1024 + extra for extra in (-1, 0, 1, 100, 257, 258, 259)])
@pytest.mark.parametrize("form", [("gzip", 31), ("deflate", -15)])
@pytest.mark.parametrize("step", [1, 2, 10**9])
def test_what_zlib_has_read_but_not_written_is_not_lost(size: int, form: tuple[str, int], step: int) -> None:
    coding, wbits = form
    data = compressed(b"a" * size, wbits)
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    assert opened(body(coding).whole(pieces)) == b"a" * size


@given(coding=st.sampled_from(["", "gzip", "deflate"]), pieces=st.lists(st.binary(max_size=50)), watches=st.booleans())
def test_no_body_raises(coding: str, pieces: list[bytes], watches: bool) -> None:
    output = body(coding, watches=watches).whole(pieces)
    assert not watches or output == b"".join(pieces)


def test_each_compressed_piece_can_be_read_as_soon_as_it_has_left() -> None:
    compressor, reader, gate = zlib.compressobj(wbits=31), zlib.decompressobj(31), body("gzip")
    for piece, left in [(b"<p>one</p>", b"<p>one</p>"), (b"two" + TRACKER[:9], b"two"), (TRACKER[9:], INERT)]:
        output = gate.feed(compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH))
        assert reader.decompress(output) == left


def test_what_expands_a_thousandfold_does_not_do_so_in_memory() -> None:
    bomb = compressed(b"\0" * 100_000_000, 31, 9)
    gate = body("gzip")
    tracemalloc.start()
    try:
        output = gate.feed(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(output) < 1_000_000
    assert peak < 4 * 2**20


class Failing(HTMLGate):
    """A gate that fails at a given step, with all it was fed in its hands."""

    def __init__(self, at: int) -> None:
        super().__init__(RULES, {"analytics"})
        self._steps_left = at
        self.feed = self._failing_feed  # type: ignore[method-assign]
        self.close = self._failing_close  # type: ignore[method-assign]
        self.held = b""

    def _step(self) -> None:
        self._steps_left -= 1
        if self._steps_left < 0:
            raise RuntimeError

    def _failing_feed(self, chunk: bytes) -> bytes:
        self.held = chunk
        self._step()
        self.held = b""
        return chunk

    def _failing_close(self) -> bytes:
        self._step()
        return b""

    def release(self) -> bytes:
        return self.held


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize("on_fault", ["pass", "withhold"])
def test_a_fault_is_said_once_and_loses_nothing_unless_it_is_to(
    caplog: pytest.LogCaptureFixture, at: int, coding: str, on_fault: Any
) -> None:
    pieces = [b"one ", b"two ", b"three ", b"four "]
    compressor = zlib.compressobj(wbits=31)
    fed = pieces
    if coding:
        fed = [compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
        fed[-1] += compressor.flush()
    output = body(coding, Failing(at), on_fault=on_fault).whole(fed)
    plain = opened(output) if coding else output
    assert plain == b"".join(pieces if on_fault == "pass" else pieces[:at])
    assert len(caplog.records) == (1 if at < 5 else 0)


def test_a_body_of_nothing_lets_nothing_out() -> None:
    assert Body.of_nothing().whole([PAGE, PAGE]) == b""
