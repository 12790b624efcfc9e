"""Compressed pages are opened, gated and compressed again, and asked for in a coding that can be read."""

from __future__ import annotations

import gzip
import zlib

import pytest

from support.gated_pages import (
    GATED,
    HTML,
    INERT,
    PAGE,
    TRACKER,
    decoded,
    is_one_visitors,
    said,
)
from support.site import Site


def deflate(plain: bytes, wbits: int) -> bytes:
    compressor = zlib.compressobj(wbits=wbits)
    return compressor.compress(plain) + compressor.flush()


CODINGS: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(PAGE)),
    "x-gzip": ("X-GZIP", gzip.compress(PAGE)),
    "several members": ("gzip", gzip.compress(PAGE[:40]) + gzip.compress(PAGE[40:90]) + gzip.compress(PAGE[90:])),
    "rubbish behind": ("gzip", gzip.compress(PAGE) + b"\0" * 40),
    "zlib": ("deflate", zlib.compress(PAGE)),
    "bare deflate": ("deflate", deflate(PAGE, -15)),
    "stored deflate": ("deflate", zlib.compress(PAGE, 0)),
}


@pytest.mark.parametrize("case", CODINGS)
@pytest.mark.parametrize("size", [1, 13, None])
def test_compressed_pages_are_gated(site: Site, case: str, size: int | None) -> None:
    coding, body = CODINGS[case]
    pieces = body if size is None else [body[at : at + size] for at in range(0, len(body), size)]
    headers = [HTML, ("Content-Encoding", coding), ("Content-Length", str(len(body)))]
    answer = site.visit(answers=headers[: 2 if size else 3], page=pieces)
    assert decoded(coding.lower(), answer.body) == GATED
    assert answer.get("content-encoding") == coding
    if size is None:
        assert answer.get("content-length") == str(len(answer.body))


@pytest.mark.parametrize("cut", [30, 80])
def test_a_truncated_compressed_page_goes_as_far_as_it_goes(site: Site, cut: int) -> None:
    body = gzip.compress(PAGE)[:cut]
    expected = zlib.decompressobj(31).decompress(body)
    answer = site.visit(answers=[HTML, ("Content-Encoding", "gzip")], page=body)
    plain = decoded("gzip", answer.body)
    assert PAGE.startswith(expected)
    assert plain == expected or GATED.startswith(plain)


def test_a_corrupt_compressed_page_ends_where_it_breaks(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    compressor = zlib.compressobj(wbits=31)
    fine = compressor.compress(b"<p>fine</p><scr") + compressor.flush(zlib.Z_SYNC_FLUSH)
    for pieces in ([fine, b"\xff" * 40], [fine, b"\xff" * 40, b"<p>plain</p>"], [*(fine + b"\xff" * 40)]):
        page = [piece if isinstance(piece, bytes) else bytes([piece]) for piece in pieces]
        answer = site.visit(answers=[HTML, ("Content-Encoding", "gzip")], page=page)
        assert answer.status == 200
        assert decoded("gzip", answer.body) == b"<p>fine</p><scr"
    assert len(said(caplog, "consent.H005")) == 1


def test_an_empty_compressed_page_stays_empty(site: Site) -> None:
    assert site.visit(answers=[HTML, ("Content-Encoding", "gzip")], page=b"").body == b""


def test_a_compressed_page_streams(site: Site) -> None:
    compressor = zlib.compressobj(wbits=31)
    first = compressor.compress(b"<p>one</p>") + compressor.flush(zlib.Z_SYNC_FLUSH)
    second = compressor.compress(TRACKER) + compressor.flush()
    answer = site.visit(answers=[HTML, ("Content-Encoding", "gzip")], page=[first, second])
    assert decoded("gzip", answer.body) == b"<p>one</p>" + INERT


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "compress"])
def test_a_coding_that_cannot_be_read_passes_loudly(site: Site, caplog: pytest.LogCaptureFixture, coding: str) -> None:
    for _ in range(2):
        answer = site.visit(answers=[HTML, ("Content-Encoding", coding)], page=PAGE)
        assert (answer.body, answer.get("content-encoding")) == (PAGE, coding)
        assert is_one_visitors(answer)
    assert len(said(caplog, "consent.H001")) == 1


@pytest.mark.parametrize(
    ("destination", "asked", "shown"),
    [
        ("document", "gzip, deflate, br, zstd", "gzip, deflate"),
        ("iframe", "br", "identity"),
        ("empty", "gzip;q=0.5, br;q=1.0, *;q=0", "gzip;q=0.5"),
        (None, "gzip, br", "gzip"),
        ("document", "gzip, deflate", "gzip, deflate"),
        ("style", "gzip, br", "gzip, br"),
        ("image", "gzip, br", "gzip, br"),
        ("script", "gzip, br", "gzip, br"),
    ],
)
def test_pages_are_asked_for_in_a_coding_that_can_be_read(
    site: Site, destination: str | None, asked: str, shown: str
) -> None:
    headers = [("Accept-Encoding", asked), *([("Sec-Fetch-Dest", destination)] if destination else [])]
    site.visit(headers=headers)
    assert site.seen_field("accept-encoding") == shown


@pytest.mark.parametrize(
    ("destination", "shown"), [("document", "gzip, br"), ("iframe", "gzip, br"), ("empty", "gzip"), (None, "gzip")]
)
def test_who_consented_gets_pages_in_any_coding_and_what_scripts_ask_for_in_one_that_can_be_read(
    consenting: Site, destination: str | None, shown: str
) -> None:
    """What a script asks for is most often data, for which nothing about the visitor is looked up."""
    consenting.visit(
        headers=[("Accept-Encoding", "gzip, br"), *([("Sec-Fetch-Dest", destination)] if destination else [])]
    )
    assert consenting.seen_field("accept-encoding") == shown
