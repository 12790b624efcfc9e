"""Response headers that load: what is withheld is cut out, what stays is left as it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.fields import WATCHED, without_withheld
from support.growth import grows_in_proportion


def is_tracker(url: str) -> bool:
    return "tracker.example" in url


T = "https://tracker.example/a.js"
KEPT = "the same"
"""Stands for: nothing is cut out, so the very same object is returned."""


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (f"<{T}>; rel=preload; as=script", None),
        (f"<{T}>;rel=preload", None),
        (f"<{T}>; REL=PreLoad", None),
        (f'<{T}>; rel="preload"', None),
        (f'<{T}>; rel = "preload"', None),
        (f'<{T}>; rel="alternate  stylesheet"', None),
        (f'<{T}>; rel="\\preload"', None),
        (f'<{T}>; title="a, b; c"; rel=preload', None),
        (f'<{T}>; title="; rel=canonical"; rel=preload', None),
        (f'<{T}>; title="\\"; rel=canonical"; rel=preload', None),
        (f"<{T}>; rel=preload; rel=canonical", None),
        (f'</a.png>; rel=preload; as=image; imagesrcset="/b.png 1x, {T} 2x"', None),
        (f'<>; rel=preload; as=image; imagesrcset="{T} 2x"', None),
        *((f"<{T}>; rel={kind}", None) for kind in ("modulepreload", "prefetch", "preconnect", "dns-prefetch")),
        *((f"<{T}>; rel={kind}", None) for kind in ("prerender", "stylesheet", "icon", "compression-dictionary")),
        *((f"<{T}>; rel={kind}", KEPT) for kind in ("canonical", "alternate", "next", "author", "license", "me")),
        (f"<{T}>", KEPT),
        (f"<{T}>; rel", KEPT),
        (f"<{T}>; rel=canonical; rel=preload", KEPT),
        (f'<{T}>; title="; rel=preload"; rel=canonical', KEPT),
        (f"<{T}>; xrel=preload", KEPT),
        (f'</own>; rel=preload; title="<{T}>; rel=preload"', KEPT),
        ("", KEPT),
        (",,", KEPT),
        ("nonsense", KEPT),
        (f"<{T}>; rel=preload, </b>; rel=preload", "</b>; rel=preload"),
        (f"</b>; rel=preload, <{T}>; rel=preload", "</b>; rel=preload"),
        (f"</a>; rel=x,  <{T},b>; rel=prefetch, </c,d>; rel=y", "</a>; rel=x, </c,d>; rel=y"),
        (f"<{T}>; rel=preload,<{T}>; rel=preload", None),
    ],
)
def test_links(value: str, left: str | None) -> None:
    outcome = without_withheld("link", value, is_tracker)
    assert outcome is value if left is KEPT else outcome == left


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (f"0; url={T}", None),
        (f"0;URL='{T}'", None),
        (f'0;url="{T}"', None),
        (f'0; url = "{T}" and more', None),
        (f"5,{T}", None),
        (f"5 {T}", None),
        (f"0.5;url={T}?a='b'", None),
        (f";{T}", None),
        ("5", KEPT),
        ("", KEPT),
        ("0; url=", KEPT),
        ("0; url=/next", KEPT),
        ('0; url=""', KEPT),
    ],
)
def test_refreshes(value: str, left: str | None) -> None:
    outcome = without_withheld("refresh", value, is_tracker)
    assert outcome is value if left is KEPT else outcome == left


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (f'"{T}"', None),
        (f'"{T}";as=x', None),
        (f'"/own.json", "{T}"', '"/own.json"'),
        (f'"{T}", "/own,comma.json"', '"/own,comma.json"'),
        ('"/own.json"', KEPT),
        ("", KEPT),
    ],
)
def test_speculation_rules(value: str, left: str | None) -> None:
    outcome = without_withheld("speculation-rules", value, is_tracker)
    assert outcome is value if left is KEPT else outcome == left


LENGTH = 4096  # and sixteen times as much, the 64 kB that a server may let through

TEXTS = st.text(st.sampled_from('<>",;=\\ \trelpoadu/t:0x'), max_size=60) | st.text(max_size=60)


@given(name=st.sampled_from(sorted(WATCHED)), value=TEXTS)
def test_nothing_raises_and_with_nothing_withheld_nothing_changes(name: str, value: str) -> None:
    assert without_withheld(name, value, lambda url: False) is value
    left = without_withheld(name, value, lambda url: True)
    assert left is None or len(left) <= len(value)


@given(before=TEXTS.filter(lambda t: '"' not in t and "<" not in t), after=TEXTS)
def test_a_link_of_its_own_is_found_among_anything(before: str, after: str) -> None:
    left = without_withheld("link", f"{before},<{T}>;rel=preload,{after}", is_tracker)
    assert left is None or f"<{T}>;rel=preload" not in left


@pytest.mark.parametrize("name", sorted(WATCHED))
@pytest.mark.parametrize(
    "piece", ["<", '"', "\\", '"\\', ",", ";", "; rel=", "<a>,", " ", '<a>;rel="', "'", "0", "url=", "\t;"]
)
def test_time_is_linear(name: str, piece: str) -> None:
    assert grows_in_proportion(lambda value: without_withheld(name, value, is_tracker), piece, LENGTH)
    assert grows_in_proportion(
        lambda value: without_withheld(name, "<a>;rel=preload;" + value, is_tracker), piece, LENGTH
    )
