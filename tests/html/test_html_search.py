"""What the search passes over is harmless, whatever its spelling, and passing over it costs linear time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_middleware.html import Finding, HTMLGate, Rules, ThirdParty
from consent_middleware.html.search import Ignorable, search_for

Gate = Callable[..., bytes]

HOSTS_ONLY = Rules([("analytics", ["tracker.example", "a.b.example/path"], ["track("])])
FILES_TOO = Rules([("analytics", ["tracker.example", "matomo.js"], ["track("])])
WITHHELD = {"analytics"}

_PIECES = st.sampled_from(
    [
        *("//", "https:", "data:", "data:text/html,", "javascript:", ".", "/", "\\", "?", "#", "a.jpg", "matomo.js"),
        *("mat%6fmo.js", "path", ",", " ", "\n", "\t", "100w", "1x", "&amp;", "&#47;", "&colon;", "%2f", ":", "@"),
        *("track(1)", "x", "&lt;script>", ",//tracker.example/", " //tracker.example/b 2x"),
    ]
)
_SCHEMES = st.sampled_from(["//", "//", "https://", "http://", "HTTPS://", "https:", "/\t/", "\\\\", "/&#47;", "/", ""])
_HOSTS = st.sampled_from(
    [
        *("tracker.example", "cdn.tracker.example", "tracker.example.", "Tracker.example", "tracker.example:443"),
        *("a.b.example", "b.example", "mytracker.example", "other.example", "other.example@tracker.example", ""),
    ]
)
_TAILS = st.lists(_PIECES, max_size=3).map("".join)
_ADDRESSES = st.one_of(st.tuples(_SCHEMES, _HOSTS, _TAILS).map("".join), st.lists(_PIECES, max_size=6).map("".join))
_ATTRIBUTES = st.sampled_from(
    [
        *("src", "src", "src", "href", "href", "srcset", "imagesrcset", "poster", "background", "ping", "srcdoc"),
        *("http-equiv", "content", "rel", "type", "alt", "data-src", "data-srcset", "data-consent", "data-consent-x"),
        *("SRC", "style", "xlink:href"),
    ]
)
_FORMS = st.sampled_from(['{}="{}"', '{}="{}"', '{}="{}"', "{}={}", "{}='{}'", '{} = "{}"', '{}="{}'])
_KEYWORDS = st.sampled_from(["preload", "stylesheet", "refresh", "Set-Cookie", "image", ""])
_VALUES = st.one_of(_ADDRESSES, _ADDRESSES, _KEYWORDS)
_ATTRIBUTE = st.builds(lambda form, name, value: form.format(name, value), _FORMS, _ATTRIBUTES, _VALUES)
_GAPS = st.sampled_from([" ", " ", " ", "/", "\n", ""])
_NAMES = st.sampled_from(
    [
        *("img", "img", "script", "script", "iframe", "link rel=preload", "meta", "input type=image", "source"),
        *("video", "audio", "track", "body", "svg", "use", "title"),
    ]
)
_ENDS = st.sampled_from([">", ">", ">", "/>", ' ">', ""])
_REST = st.sampled_from(
    ["", "</script>", "</iframe>", "</svg>", "</title>", "track()</script>", "<use href='//tracker.example/'></svg>"]
)


@st.composite
def tags(draw: st.DrawFn) -> str:
    name = draw(_NAMES)
    attributes = draw(st.lists(st.tuples(_GAPS, _ATTRIBUTE), max_size=3))
    return f"<{name} {''.join(gap + each for gap, each in attributes)}{draw(_ENDS)}{draw(_REST)}"


@pytest.mark.parametrize("lazy", [False, True], ids=["usual", "lazy"])
@pytest.mark.parametrize("third_party", ["allow", "report", "withhold"])
@pytest.mark.parametrize("rules", [HOSTS_ONLY, FILES_TOO], ids=["hosts", "files"])
@settings(max_examples=120, deadline=None)
@given(markup=st.lists(tags(), min_size=1, max_size=3).map("".join))
def test_what_is_passed_over_would_be_left_alone(
    markup: str, rules: Rules, third_party: ThirdParty, lazy: bool
) -> None:
    def outcome(*, exact: bool) -> tuple[bytes, list[Finding]]:
        findings: list[Finding] = []
        gate = HTMLGate(
            rules,
            WITHHELD,
            page="https://site.example/",
            third_party=third_party,
            lazy_attributes=lazy,
            css=exact,
            on_finding=findings.append,
        )
        output = gate.feed(markup.encode()) + gate.close()
        return output.replace(b"data:,", b"") if exact else output, findings

    found = outcome(exact=False)
    every_tag = outcome(exact=True)
    assert found[1] == every_tag[1]
    if b"style" not in found[0]:  # which css=True gates too
        assert found[0].replace(b"data:,", b"") == every_tag[0]


PASSED_OVER = [
    '<img src="/a.jpg" alt="a b">',
    '<img src="a.jpg" srcset="a.jpg 1x, //cdn.example/b.jpg?x=1&amp;y=2 2x">',
    '<img src="data:image/gif;base64,R0lGODdhAQABAIAAAP//">',
    '<link rel=stylesheet href="https://cdn.example/a.css">',
    '<script async src="https://cdn.example/a.js"></script>',
    '<iframe src="https://mytracker.example/"></iframe>',
    '<meta name="description" content="//tracker.example/">',
    '<meta http-equiv="X-UA-Compatible" content="IE=edge">',
    "<!-- a comment -->",
    "<title>A > B</title>",
]
LOOKED_AT = [
    '<img src="//tracker.example/a.gif">',
    '<img src="https://a.b.tracker.example./a.gif">',
    '<img src="/\t/tracker.example/">',
    '<img src="\\\\tracker.example/">',
    '<img src="https://&#116;racker.example/">',
    '<img src="https:tracker.example/">',
    '<img src="https://cdn.example:443@tracker.example/">',
    '<img srcset="a.jpg 1x,//tracker.example/b.jpg 2x">',
    '<IMG SRC="/a.jpg">',
    '<meta http-equiv="refresh" content="0;url=/">',
    '<link data-consent="analytics" href="/a.css">',
    '<iframe srcdoc="x"></iframe>',
    '<iframe src="data:text/html,x"></iframe>',
    '<script src="/a.js">track(1)</script>',
    '<svg><image href="//tracker.example/"/></svg>',
    "<!-- <img> -->",
    "<!-- unfinished",
    '<img src="/a.jpg"',
]


@pytest.mark.parametrize("markup", [*PASSED_OVER, *LOOKED_AT])
def test_ordinary_harmless_tags_are_passed_over_and_nothing_else(markup: str) -> None:
    search = search_for(Ignorable(relative=True, hosts=HOSTS_ONLY.hosts), anchors=False)
    assert (search(markup.encode(), 0) is None) is (markup in PASSED_OVER)


def test_where_a_rules_file_is_mentioned_every_address_is_looked_at(gate: Gate) -> None:
    page = (
        b'<script src="/js/mat%6Fmo.js"></script><script src="/js/matomo.js"></script><script src="/js/a.js"></script>'
    )
    assert gate(page, rules=FILES_TOO).count(b"type=text/plain") == 2
    assert gate(page[:39], rules=FILES_TOO).count(b"type=text/plain") == 1


@pytest.mark.parametrize(
    "piece",
    [
        *('<img a="', "<img a='b\" ", "<img a=b ", "<img a=\"<img b=' ", '<img src="a/', '<img srcset="a,'),
        *("<title>", "<!-- ", "<svg><g>", '<svg><path a="', "<svg><title>", "<script src=a></script", "<style>a"),
        *('<img src="//a.', "<img src=//a-a.a.", '<link href="https://a.a.a.a.a.a.a.a.a/" '),
    ],
)
def test_searching_takes_linear_time(piece: str) -> None:
    search = search_for(Ignorable(relative=True, hosts=HOSTS_ONLY.hosts), anchors=True)

    def seconds(size: int) -> float:
        page = (piece * (size // len(piece) + 1))[:size].encode()
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            at = 0
            while found := search(page, at):
                at = found.end()
            best = min(best, time.process_time() - started)
        return max(best, 0.0005)

    assert seconds(200_000) / seconds(50_000) < 9
