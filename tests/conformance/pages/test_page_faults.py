"""A fault in the gate is no error page: the page goes on ungated or ends, as the policy says."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from consent_middleware.html.machine import Machine
from consent_middleware.html.stream import Stream
from consent_middleware.markup import Markup
from support.gated_pages import (
    HTML,
    INERT,
    PAGE,
    TRACKER,
    VIDEO,
    decoded,
    said,
)
from support.site import Site

OpenSite = Callable[..., Site]


class Broken(Exception):
    """What an error in our own code looks like."""


def break_gate(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let the gate of a page fail at its ``at``-th chunk, with what it was fed already in its hands."""
    chunks = 0
    extend = Stream.extend

    def broken(self: Stream, chunk: bytes) -> Any:
        nonlocal chunks
        chunks += 1
        extend(self, chunk)
        if chunks == at:
            raise Broken
        return self.buffer

    monkeypatch.setattr(Stream, "extend", broken)


PIECES = [b"<p>one</p>", b"<p>two</p><scr", b"ipt src=/own.js></script>", b"<p>end</p>"]


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("on_fault", ["pass", "withhold"])
def test_a_fault_in_the_gate_is_no_error_page(
    open_site: OpenSite,
    policy: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    at: int,
    is_compressed: bool,
    on_fault: str,
) -> None:
    policy["html"] = {"on_fault": on_fault}
    site = open_site(policy)
    break_gate(monkeypatch, at)
    headers, pieces = [HTML], PIECES
    if is_compressed:
        headers = [HTML, ("Content-Encoding", "gzip")]
        compressor = zlib.compressobj(wbits=31)
        pieces = [compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH) for piece in PIECES]
        pieces.append(compressor.flush())
    answer = site.visit(answers=headers, page=pieces)
    body = decoded("gzip", answer.body) if is_compressed else answer.body
    assert answer.status == 200
    if on_fault == "pass":
        assert body == b"".join(PIECES)
    else:
        assert body == b"".join(PIECES[: at - 1]).removesuffix(b"<scr")
    assert len(said(caplog, "consent.fault")) == 1


@pytest.mark.parametrize("on_fault", ["pass", "withhold"])
def test_a_fault_at_the_end_of_a_page_loses_nothing(
    open_site: OpenSite,
    policy: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    on_fault: str,
) -> None:
    def broken(self: Machine) -> bytes:
        raise Broken

    policy["html"] = {"on_fault": on_fault}
    site = open_site(policy)
    monkeypatch.setattr(Machine, "close", broken)
    answer = site.visit(answers=[HTML], page=[b"<p>one</p>", b"<scr"])
    assert answer.body == (b"<p>one</p><scr" if on_fault == "pass" else b"<p>one</p>")
    assert len(said(caplog, "consent.fault")) == 1


@pytest.mark.parametrize("on_fault", ["pass", "withhold"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_fault_in_the_headers_of_a_page_is_no_error_page(
    open_site: OpenSite,
    policy: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    on_fault: str,
    coding: str,
) -> None:
    def broken(*args: object) -> Any:
        raise Broken

    policy["html"] = {"on_fault": on_fault}
    site = open_site(policy)
    monkeypatch.setattr(Markup, "headers", broken)
    page = gzip.compress(PAGE) if coding == "gzip" else PAGE
    answer = site.visit(answers=[HTML, ("Content-Encoding", coding), ("Content-Length", str(len(page)))], page=page)
    assert answer.status == 200
    assert answer.body == (page if on_fault == "pass" else b"")
    assert answer.all("content-length") == [str(len(answer.body))]
    assert len(said(caplog, "consent.fault")) == 1
    assert site.visit(answers=[("Content-Type", "application/json")], page=b"{}").body == b"{}"


def test_a_fault_in_a_placeholder_costs_only_the_placeholder(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> Any:
        raise Broken

    monkeypatch.setattr(Markup, "_stand_in", broken)
    body = site.visit(answers=[HTML], page=VIDEO + TRACKER).body
    assert b"<form" not in body
    assert body.endswith(INERT)
    assert b' src="https' not in body
    assert len(said(caplog, "consent.fault")) == 1
