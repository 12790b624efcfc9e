"""What holds for every page: made by Hypothesis, mutated from real ones, or meant to hurt."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_middleware.html import Embed, HTMLGate, Rules

Gate = Callable[..., bytes]

SHARED = Path(__file__).parents[2].parent / "shared" / "pages"
PAGES = sorted(SHARED.glob("*.html")) if SHARED.is_dir() else []

_RULES = Rules([("analytics", ["tracker.example", "matomo.js"], ["track("]), ("marketing", ["ads.example"], ["fbq("])])
_REAL = Rules(
    [
        (
            "analytics",
            "google-analytics.com googletagmanager.com scorecardresearch.com doubleclick.net facebook.com facebook.net "
            "twitter.com taboola.com outbrain.com chartbeat.com quantserve.com optimizely.com".split(),
            "gtag( _gaq fbq( GoogleAnalyticsObject ga( gtm.start _comscore".split(),
        )
    ]
)

PIECES = [
    *(
        "<script>",
        "</script>",
        "<script src=//tracker.example/x>",
        "<img src='//ads.example/1'>",
        "<!--",
        "-->",
        "--!>",
    ),
    *(
        "<svg>",
        "</svg>",
        "<math>",
        "</math>",
        "<![CDATA[",
        "]]>",
        "<title>",
        "</title>",
        "<style>",
        "</style>",
        "<p>",
        "</p>",
    ),
    *(
        "<noscript>",
        "</noscript>",
        "<iframe src=//tracker.example>",
        "</iframe>",
        "<textarea>",
        "</textarea>",
        "<desc>",
    ),
    *(
        "<foreignObject>",
        "</foreignObject>",
        "<div a='",
        "'>",
        '<b c="',
        '">',
        "<",
        ">",
        "=",
        "'",
        '"',
        "/",
        " ",
        "\n",
        "\0",
    ),
    *(
        "track(",
        "fbq(1)",
        "&lt;",
        "é",
        "<base href=//tracker.example>",
        "<a ping=//ads.example>",
        "<plaintext",
        "<head>",
    ),
    *(
        "<body>",
        "</body>",
        "<html>",
        "<html lang=fr>",
        "<html xml:lang=de LANG = '&#101;n' lang=fr>",
        "<meta charset=utf-8>",
        "<!doctype html>",
        "<iframe srcdoc='&lt;img src=//ads.example&gt;'>",
    ),
    *(
        "<template>",
        "</template>",
        "<mi>",
        "<annotation-xml encoding=text/html>",
        "</scrip",
        "<use href=//ads.example/#a />",
    ),
]
pages = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=25).map(
    lambda pieces: "".join(pieces).encode()
)
cuts = st.lists(st.integers(0, 400), max_size=6)
OPTIONS: tuple[dict[str, object], ...] = (
    {},
    {"css": True, "lazy_attributes": True, "speculation_rules": True},
    {"third_party": "withhold"},
)


def _end(language: str) -> bytes:
    return f"<END {language}>".encode()


def _stand_in(embed: Embed, language: str) -> bytes:
    return f"<b>{embed.host} {language}</b>".encode()


@settings(max_examples=400, deadline=None)
@given(
    page=pages,
    places=cuts,
    withheld=st.sampled_from([(), ("analytics", "marketing")]),
    options=st.sampled_from(OPTIONS),
    head=st.sampled_from([b"", b"<HEAD>", b"<HEAD>" * 30]),
)
def test_the_output_is_independent_of_chunking(
    page: bytes, places: list[int], withheld: tuple[str, ...], options: dict[str, object], head: bytes
) -> None:
    def run(*at: int) -> bytes:
        machine = HTMLGate(
            _RULES,
            withheld,
            page="https://site.example/",
            inject_head=head,
            inject_body_end=b"<END>" if len(head) == 6 else _end,
            placeholder=_stand_in if head else None,
            charset_declared=False,
            **options,  # type: ignore[arg-type]  # a table of options cannot be typed per keyword
        )
        ends = [0, *sorted(min(place, len(page)) for place in at), len(page)]
        return b"".join([*(machine.feed(page[a:b]) for a, b in pairwise(ends)), machine.close()])

    whole = run()
    assert run(*places) == whole
    assert run(*range(1, len(page))) == whole


@settings(max_examples=300, deadline=None)
@given(page=pages)
def test_only_insertions_are_made(page: bytes) -> None:
    machine = HTMLGate(_RULES, {"analytics", "marketing"}, page="https://site.example/")
    gated = machine.feed(page) + machine.close()
    remaining = iter(gated)
    assert all(byte in remaining for byte in page), "the page is no longer contained in the output"
    assert machine.is_changed == (gated != page)


@settings(max_examples=300, deadline=None)
@given(
    page=st.binary(max_size=200), encoding=st.sampled_from(["utf-8", "latin-1", "shift_jis", "gbk", "no-such", "idna"])
)
def test_no_bytes_make_it_raise(page: bytes, encoding: str) -> None:
    machine = HTMLGate(_RULES, {"analytics"}, encoding=encoding, css=True, lazy_attributes=True)
    machine.feed(b"<img src=//" + page + b" srcset='" + page + b"'><script src='" + page)
    machine.feed(page)
    machine.close()


@settings(max_examples=300, deadline=None)
@given(page=pages)
def test_gating_what_was_gated_changes_nothing_more(page: bytes) -> None:
    def run(document: bytes) -> bytes:
        machine = HTMLGate(_RULES, {"analytics", "marketing"}, page="https://site.example/")
        return machine.feed(document) + machine.close()

    assert run(run(page)) == run(page)


def _mutants(page: bytes, chance: random.Random, count: int) -> list[bytes]:
    mutants: list[bytes] = []
    for _ in range(count):
        start = chance.randrange(max(1, len(page) - 6000))
        piece = bytearray(page[start : start + 6000])
        for _ in range(chance.randint(1, 12)):
            at = chance.randrange(len(piece) + 1)
            kind = chance.random()
            if kind < 0.5:
                piece[at:at] = chance.choice(PIECES).encode()
            elif kind < 0.8:
                del piece[at : at + chance.randint(1, 30)]
            else:
                other = chance.randrange(len(piece) + 1)
                piece[at:at] = piece[other : other + 200]
        mutants.append(bytes(piece))
    return mutants


def _made_up_page() -> bytes:
    chance = random.Random(5)
    return "".join(chance.choice([*PIECES, "text ", "<div class='x'>", "</div>"]) for _ in range(2500)).encode()


@pytest.mark.parametrize("path", PAGES or [None], ids=lambda path: path.stem if path else "made up")
def test_real_pages_come_out_whole(path: Path | None, gate: Gate, strip_insertions: Callable[[bytes], bytes]) -> None:
    page = path.read_bytes() if path else _made_up_page()
    withheld = frozenset({"analytics"})
    gated = gate(page, rules=_REAL, withheld=withheld)
    assert strip_insertions(gated) == page
    chance = random.Random(len(page))
    for count in (3, 40):
        assert gate(page, *chance.choices(range(len(page)), k=count), rules=_REAL, withheld=withheld) == gated
    # every tag read one by one, as with css=True, finds what the short proof finds
    assert gate(page, rules=_REAL, withheld=withheld, css=True).count(b"data-consent-") == gated.count(b"data-consent-")


@pytest.mark.parametrize("path", PAGES[::4] or [None], ids=lambda path: path.stem if path else "made up")
def test_mutated_pages_are_read_alike_fast_and_slow_and_at_any_cut(path: Path | None, gate: Gate) -> None:
    page = path.read_bytes() if path else _made_up_page()
    chance = random.Random(11)
    for mutant in _mutants(page, chance, 25):
        fast = gate(mutant, rules=_RULES)
        assert gate(mutant, *chance.choices(range(len(mutant)), k=5), rules=_RULES) == fast
        assert gate(mutant, *range(0, len(mutant), 17), rules=_RULES) == fast
        slow = gate(mutant, rules=_RULES, css=True)
        assert slow.replace(b"data:,", b"") == fast.replace(b"data:,", b"")


HURTFUL = {
    "less-thans": b"<",
    "open tags": b"<a<a",
    "open tags with spaces": b"<a <a ",
    "open comment": b"<!-- x",
    "comments": b"<!---->",
    "end tag openers": b"</",
    "declarations": b"<!",
    "script that never ends": b"<script>x",
    "half end tags": b"<script></scrip",
    "escape toggles": b"<!--<script></script>",
    "quotes": b"<b a=\"'>",
    "attributes": b" a=b",
    "nested svg": b"<svg>",
    "svg and math": b"<svg></math>",
    "svg left by an end tag": b"<svg></a>",
    "svg and font": b"<svg><font>",
    "points of integration": b"<math><mi><svg><desc>",
    "bases": b"<base>",
    "ends of the body": b"</body>",
    "closed noscripts": b"<noscript><object></noscript>",
    "closed noscripts with comments": b"<noscript><object><!--<--></noscript>",
    "svg g and desc": b"<svg><g><desc></g>",
    "svg with stray end tags": b"<svg><title><svg></div>",
    "svg scripts": b"<svg><script>",
    "deep divs": b"<div>",
    "divs and paragraphs": b"<div></p>",
    "images": b"<img>",
    "images with sources": b"<img src=//tracker.example/%61>",
    "noscripts": b"<noscript><img>",
    "CDATA": b"<svg><![CDATA[",
    "title": b"<title></titl",
    "equals and spaces": b'=    "<img>',
    "commas": b"<img srcset='" + b"," * 50,
    "references": b"<img src='&#x41&amp&",
    "srcdocs": b"<iframe srcdoc='&lt;iframe srcdoc=",
    "words": b"word ",
    "svg paths": b"<svg><path d='M0 0'/>",
}
FRONTS = {"attributes": b"<img ", "quotes": b"<img a='", "escape toggles": b"<script>", "commas": b"", "words": b""}


@pytest.mark.parametrize("step", [1 << 30, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("name", HURTFUL)
def test_time_grows_with_the_page_and_not_faster(name: str, step: int) -> None:
    base = 80_000 if step > 1 else 8_000

    def seconds(size: int) -> float:
        page = (FRONTS.get(name, b"") + HURTFUL[name] * (size // len(HURTFUL[name]) + 1))[:size]
        best = float("inf")
        for _ in range(3):
            machine = HTMLGate(_RULES, {"analytics"}, page="https://site.example/")
            started = time.process_time()
            for at in range(0, len(page), step):
                machine.feed(page[at : at + step])
            machine.close()
            best = min(best, time.process_time() - started)
        return max(best, 0.0005)

    assert seconds(base * 4) / seconds(base) < 9  # 4 is linear, 16 quadratic


def test_held_bytes_are_bounded() -> None:
    for front in (b"<script>", b"<img a='", b"<noscript><img a='", b"<title>", b"<!--", b"<svg><script>", b"<style>"):
        machine = HTMLGate(_RULES, {"analytics"}, css=True)
        given_out = len(machine.feed(front))
        taken_in = len(front)
        for _ in range(200):
            given_out += len(machine.feed(b"x" * 4096))
            taken_in += 4096
            assert taken_in - given_out <= 256 * 1024 + 4096
        assert given_out > 500_000
