"""Every way of finding literals finds the same one."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consent_middleware.html import literals
from consent_middleware.html.literals import Finder, finder

_words = st.lists(st.text("ab.c_", min_size=1, max_size=5).map(str.encode), min_size=1, max_size=8)
_texts = st.text("ab.c_d", max_size=30).map(str.encode)


def _first(words: list[bytes], text: bytes) -> bytes | None:
    for place in range(len(text)):
        here = [word for word in words if text.startswith(word, place)]
        if here:
            return max(here, key=len)
    return None


@settings(max_examples=500, deadline=None)
@given(words=_words, text=_texts)
@example(words=[b"ab.c", b"b", b"ab."], text=b"xab.c")
def test_the_literal_that_begins_first_is_found_and_the_longest_there(words: list[bytes], text: bytes) -> None:
    expected = _first(words, text)
    assert finder(words)(text) == expected
    native = literals.native_finder(words)
    assert native is None or native(text) == expected


def test_without_the_native_library_the_outcome_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [b"gtag(", b"_paq", b"google-analytics.com/", b"analytics.com", b"ttq.load"]
    text = b"var a = 'https://www.google-analytics.com/ga.js'; _paq.push(gtag(ttq.load))"
    monkeypatch.setattr(literals, "native_finder", lambda words: None)
    assert finder(words)(text) == b"google-analytics.com/"
    assert finder(words)(text.replace(b"google-", b"")) == b"analytics.com"
    assert finder(words)(text.replace(b"analytics", b"")) == b"_paq"
    assert finder(words)(b"nothing") is None
    assert finder([])(text) is None


@pytest.mark.parametrize("text", [b"a.", b"ab.", b"a.b", b"aaab", b"ga.ga("])
def test_searching_takes_linear_time(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(literals, "native_finder", lambda words: None)
    find: Finder = finder([b"a.a.a.b(", b"b.a.b.c", b"aaaaaaaaa(", b"ga(c"])

    def seconds(size: int) -> float:
        page = text * (size // len(text))
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            assert find(page) is None
            best = min(best, time.process_time() - started)
        return max(best, 0.0005)

    assert seconds(400_000) / seconds(100_000) < 9
