"""Pages with and without a tracker, and what the tests of conformance/pages ask of an answer."""

from __future__ import annotations

import logging
import zlib
from typing import Any

import pytest

from support.doors import LintedWSGI, ValidatedWSGI
from support.site import Site

HTML = ("Content-Type", "text/html; charset=utf-8")
NAVIGATION = [("Sec-Fetch-Dest", "document")]
TRACKER = b'<script src="https://stats.example.net/a.js"></script>'
INERT = b'<script type=text/plain data-consent-category=analytics  data-consent-src="https://stats.example.net/a.js"></script>'
PAGE = b"<!doctype html><title>Shop</title><p>before</p>" + TRACKER + b"<p>after</p>"
GATED = PAGE.replace(TRACKER, INERT)
PLAIN_PAGE = b"<!doctype html><title>Shop</title><p>nothing to see</p>"
VIDEO = b'<iframe src="https://video.example.net/e/1" title="A film" width="560" height="315"></iframe>'


def skip_if_checked(site: Site) -> None:
    if isinstance(site.door, ValidatedWSGI | LintedWSGI):
        pytest.skip("the checker itself refuses it")


def said(caplog: pytest.LogCaptureFixture, code: str) -> list[str]:
    return [text for text in map(logging.LogRecord.getMessage, caplog.records) if text.startswith(f"{code}: ")]


def is_one_visitors(answer: Any) -> bool:
    return "cookie" in (answer.get("vary") or "").lower() and "private" in (answer.get("cache-control") or "")


def decoded(coding: str, body: bytes) -> bytes:
    wbits = 31 if "gzip" in coding else 15 if body[:1] == b"\x78" else -15
    decoder = zlib.decompressobj(wbits)
    plain = decoder.decompress(body)
    assert decoder.eof
    assert not decoder.unused_data
    return plain
