"""The tokenizer beside the standard: which start tags there are, and what is in them, at any chunking."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from consent_middleware.html import Rules
from consent_middleware.html.charrefs import decode_attribute
from consent_middleware.html.judge import Judge
from consent_middleware.html.machine import Machine
from consent_middleware.html.plan import Plan
from consent_middleware.html.tokens import ATTRIBUTE, WHOLE_TAG, is_in_data, next_data_place
from consent_middleware.html.urls import NOWHERE
from consent_middleware.html.verdicts import DULL, Situation, Verdict

Tag = tuple[str, dict[str, str]]


class _Witness(Judge):
    """A judge that lets everything pass and notes what it was shown."""

    def __init__(self) -> None:
        super().__init__(Rules([]), Situation(frozenset()), NOWHERE)
        self.seen: list[Tag] = []

    def of_tag(self, name: bytes, tag: bytes, gate_document: Any, *, svg: bool = False) -> Verdict:
        attributes: dict[str, str] = {}
        for attribute in ATTRIBUTE.finditer(tag, 1 + len(name), len(tag) - 1):
            raw, double, single, bare = ((group or b"").decode() for group in attribute.groups())
            attributes.setdefault(raw.lower(), decode_attribute(double or single or bare))
        self.seen.append((name.decode(), attributes))
        return DULL


def start_tags(markup: str, step: int = 0) -> list[Tag]:
    witness = _Witness()
    machine = Machine(Plan(judge=witness, on_finding=lambda finding: None, css=True))
    page = markup.encode()
    step = step or max(1, len(page))
    out = b"".join(machine.feed(page[at : at + step]) for at in range(0, len(page), step)) + machine.close()
    assert out == page
    return witness.seen


TABLE: dict[str, list[Tag]] = {
    "<a>": [("a", {})],
    "<A B=C d>": [("a", {"b": "C", "d": ""})],
    "<a/>": [("a", {})],
    "<a/b/c=d/>": [("a", {"b": "", "c": "d/"})],
    "<a b='c'd=\"e\"f>": [("a", {"b": "c", "d": "e", "f": ""})],
    "<a =b=c>": [("a", {"=b": "c"})],
    "<a b==c>": [("a", {"b": "=c"})],
    "<a b= >": [("a", {"b": ""})],
    "<a b\t=\n\f'>'>": [("a", {"b": ">"})],
    "<a b=c'd\"e<f>": [("a", {"b": "c'd\"e<f"})],
    "<a b=c b=d B=e>": [("a", {"b": "c"})],
    "<a b = c = d>": [("a", {"b": "c", "=": "", "d": ""})],
    "<a<b>": [("a<b", {})],
    "<a <b>": [("a", {"<b": ""})],
    "<a \"b' =c>": [("a", {"\"b'": "c"})],
    "< a><3><b>": [("b", {})],
    "</a b=c><b>": [("b", {})],
    "<a b=&lt;&amp;&#x41;&#66>": [("a", {"b": "<&AB"})],
    "<a b=&copy;&copy=&copyx&copy&notit;>": [("a", {"b": "©&copy=&copyx©&notit;"})],
    "<a b=&#0;&#xD800;&#x110000;&#x80;&#99999999999999;>": [("a", {"b": "\ufffd\ufffd\ufffd€\ufffd"})],
    '<!doctype a ">"><b>': [("b", {})],
    "<!--<a>--><b>": [("b", {})],
    "<!--><b><!---><c><!----><d>": [("b", {}), ("c", {}), ("d", {})],
    "<!--a--!><b>--><c>": [("b", {}), ("c", {})],
    "<!--!><b>--><c>": [("c", {})],
    "<!--<!--><b>": [("b", {})],
    "<!--a-- ><b>--><c>": [("c", {})],
    "<!a><b><?c><d></ e><f>": [("b", {}), ("d", {}), ("f", {})],
    "<!-a><b>-->": [("b", {})],
    "<![CDATA[<b>]]>": [],
    "<title><a></title ><b>": [("title", {}), ("b", {})],
    "<title><a></titlex><c></title/><b>": [("title", {}), ("b", {})],
    "<TEXTAREA><a></TeXtArEa\n><b>": [("textarea", {}), ("b", {})],
    "<style><a></style a='>'><b>": [("style", {}), ("b", {})],
    "<script><a></script><b>": [("script", {}), ("b", {})],
    "<script></scriptx><a></script><b>": [("script", {}), ("b", {})],
    "<script><!--<a></script><b>": [("script", {}), ("b", {})],
    "<script><!--<script><a></script><c></script><b>": [("script", {}), ("b", {})],
    "<script><!--<script>--></script><b>": [("script", {}), ("b", {})],
    "<script><!--><script></script><b>": [("script", {}), ("b", {})],
    "<script><!---><script></script><b>": [("script", {}), ("b", {})],
    "<script><!--<scriptx></script><b>": [("script", {}), ("b", {})],
    "<script><!--<SCRIPT/></SCRIPT></script><b>": [("script", {}), ("b", {})],
    "<script><!--<script></script/>x</script><b>": [("script", {}), ("b", {})],
    "<script><!--<script --></script><b>": [("script", {}), ("b", {})],
    "<plaintext><a></plaintext><b>": [("plaintext", {})],
    "<noscript><a></noscript><b>": [("noscript", {}), ("a", {}), ("b", {})],
    "<iframe><a></iframe><b>": [("iframe", {}), ("b", {})],
    "<svg><title><img></title><style><b></style></svg><title><c></title>": [
        *[("svg", {}), ("title", {}), ("img", {}), ("style", {}), ("b", {}), ("title", {})]
    ],
    "<svg><title><img></title><style><x></style></svg><title><c></title>": [
        *[("svg", {}), ("title", {}), ("img", {}), ("style", {}), ("x", {}), ("title", {})]
    ],
    "<svg><title><a></title><style><b></style>": [("svg", {}), ("title", {}), ("a", {}), ("style", {})],
    "<svg><![CDATA[<a>]]><g>": [("svg", {}), ("g", {})],
    "<svg/><![CDATA[<a>]]>": [("svg", {})],
    "<svg><desc><![CDATA[<a>]]><p><![CDATA[><b>": [("svg", {}), ("desc", {}), ("p", {}), ("b", {})],
    "<svg><p><style><a></style>": [("svg", {}), ("p", {}), ("style", {})],
    "<svg></p><style><a></style>": [("svg", {}), ("style", {})],
    "<svg><font><style><a></style><font size=1><style><b></style>": [
        *[("svg", {}), ("font", {}), ("style", {}), ("a", {}), ("font", {"size": "1"}), ("style", {})]
    ],
    "<svg><foreignObject><svg></foreignObject></svg><style><a></style>": [
        *[("svg", {}), ("foreignobject", {}), ("svg", {}), ("style", {})]
    ],
    "<math><mi><style><a></style></mi><annotation-xml encoding=text/html><style><b></style>": [
        ("style", {}),
        ("style", {}),
    ],
    "<a b='": [],
    "<a b": [],
    "<!-- <a>": [],
}


@pytest.mark.parametrize("step", [0, 1, 2, 3])
@pytest.mark.parametrize(("markup", "expected"), TABLE.items(), ids=TABLE.keys())
def test_start_tags_and_attributes_are_those_of_the_standard(markup: str, expected: list[Tag], step: int) -> None:
    assert start_tags(markup, step) == expected


@pytest.mark.parametrize("seed", range(40))
def test_the_short_proof_of_context_agrees_with_tokenising(seed: int) -> None:
    chance = random.Random(seed)
    pieces = ["<b", ">", '"', "'", "=", " ", "x", "</b", "/", "\n", 'a="', '">', "<", "it's"]
    for _ in range(300):
        text = "".join(chance.choices(pieces, k=chance.randint(1, 14))).encode() + b"<img>"
        place = len(text) - 5
        if is_in_data(text, 0, place):
            assert next_data_place(text, 0, place) == (place, True), text


def _html5lib_tests() -> Path | None:
    folder = os.environ.get("CONSENT_HTML5LIB_TESTS", "")
    return Path(folder) if folder and Path(folder, "tokenizer").is_dir() else None


_FRONTS = {
    "Data state": "",
    "RCDATA state": "title",
    "RAWTEXT state": "xmp",
    "Script data state": "script",
    "PLAINTEXT state": "plaintext",
}
_SWITCHING = {
    "script",
    "title",
    "style",
    "textarea",
    "xmp",
    "iframe",
    "noembed",
    "noframes",
    "plaintext",
    "svg",
    "math",
    "noscript",
    "base",
}


@pytest.mark.skipif(_html5lib_tests() is None, reason="CONSENT_HTML5LIB_TESTS does not name the tests' folder")
@pytest.mark.parametrize("step", [0, 1, 3])
def test_the_html5lib_tokenizer_tests_agree(step: int) -> None:
    """The public test data of html5lib, from a checkout or an unpacked source distribution of html5lib."""
    folder = _html5lib_tests()
    assert folder is not None
    compared = 0
    for path in sorted(folder.glob("tokenizer/*.test")):
        for case in json.loads(path.read_text()).get("tests", []):
            for state in case.get("initialStates", ["Data state"]):
                compared += _compare(case, state, step)
    assert compared > 4000


def _compare(case: dict[str, Any], state: str, step: int) -> int:
    unescape = bool(case.get("doubleEscaped"))
    markup = _plain(case["input"]) if unescape else case["input"]
    expected = [
        (
            _plain(token[1]) if unescape else token[1],
            {_plain(k) if unescape else k: _plain(v) if unescape else v for k, v in token[2].items()},
        )
        for token in case["output"]
        if token[0] == "StartTag"
    ]
    front = _FRONTS.get(state)
    if (
        front is None
        or any(name in _SWITCHING for name, _ in expected)
        or "\ud800" <= max(markup, default="") <= "\udfff"
    ):
        return 0
    try:
        markup.encode()
    except UnicodeEncodeError:
        return 0
    if front not in ("", "plaintext") and case.get("lastStartTag", front) != front:
        return (
            0 if case["lastStartTag"] not in _SWITCHING else _compare_text(case["lastStartTag"], markup, expected, step)
        )
    return _compare_text(front, markup, expected, step)


def _compare_text(front: str, markup: str, expected: list[Tag], step: int) -> int:
    found = start_tags(f"<{front}>{markup}" if front else markup, step)
    found = [
        (name.replace("\0", "\ufffd"), {_nul(k): _nul(v) for k, v in attributes.items()}) for name, attributes in found
    ]
    assert found[1 if front else 0 :] == [
        (name, {_nul(k): _nul(v) for k, v in attrs.items()}) for name, attrs in expected
    ], markup
    return 1


def _nul(text: str) -> str:
    """The standard replaces NUL and normalises newlines; the gate leaves both as they are."""
    return text.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")


def _plain(text: str) -> str:
    return json.loads(f'"{text}"') if "\\" in text and '"' not in text else text


def test_a_whole_tag_is_found_only_when_it_is_whole() -> None:
    tag = b"""<img a="1>" b='2>' c=3 d = 4 e/>"""
    assert all(WHOLE_TAG.match(tag[:cut]) is None for cut in range(len(tag)))
    found = WHOLE_TAG.match(tag + b" x>")
    assert found is not None
    assert found[0] == tag
