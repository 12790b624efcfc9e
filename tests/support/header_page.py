"""Writes docs/headers.md anew: ``PYTHONPATH=tests python -m support.header_page``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from support.header_cases import CASES, HEADERS, POLICY, Case, Header, Side
from support.header_plays import Lines, Play, normal, play

FILE = Path(__file__).parents[2] / "docs" / "headers.md"

_DEEDS = ("reads", "adds", "changes", "removes")
_LINKS = 4
"""Examples to which a table leads; of some headers there are many."""

_TITLES: dict[Side, str] = {
    "request": "Of a request",
    "response": "Of a response",
    "ours": "Of the answers of our own addresses",
}
_INTROS: dict[Side, str] = {
    "request": "What is not listed is not read, unless your own `applies` asks for it. What is changed or removed is "
    "so for the application only.",
    "response": "What is not listed leaves as the application sent it, on every status, with every duplicate and in "
    "its order. Behind Django several fields of one name leave as one, which is all that its responses can hold.",
    "ours": "Below `/_consent`, or the prefix that you chose; the application never sees these requests.",
}
_HEAD = """\
# Every header that we have to do with

This page is made by sending real requests through the middleware and writing down both sides of it. The tests fail when
it is no longer true: when an example turns out otherwise, behind any of the frameworks; when the source names a header
that is not listed; and when a header that is not listed is read or changed in any of the requests by which the gate is
tested. `PYTHONPATH=tests python -m support.header_page` writes it anew.

Why and when are in words of ours; what we do, and the examples, are what was seen. Consent could have changed a
response when a cookie in it or in its request waits for consent, when it is a page that is gated, when the application
asked for the decision, and when something was decided. Everything else passes untouched:
[the first example](#1-what-consent-has-no-say-in-leaves-as-it-came).

The policy of all examples, beside what each of them says:

"""
_LEGEND = """
## Examples

In the request, `-` is what the visitor sends and `+` what the application sees instead. In the response, `-` is what
the application sends and `+` what the visitor gets. Unmarked lines pass. `…` stands for what is signed, or another
one each time; all of it happens on 21 November 2026, at noon.
"""


def page(plays: Sequence[Play]) -> str:
    """Return the page that these cases make."""
    policy = json.dumps(POLICY, indent=2)
    sections = "\n".join("\n".join(_section(side, plays)) for side in _TITLES)
    examples = "\n".join("\n".join(_example(number, each)) for number, each in enumerate(plays, 1))
    return f"{_HEAD}```json\n{_compact(policy)}\n```\n\n{sections}{_LEGEND}\n{examples}"


def deeds_of(side: Side, header: str, plays: Iterable[Play]) -> dict[str, list[int]]:
    """Return what was done to a header, and the numbers of the examples that show it."""
    shown: dict[str, list[int]] = {}
    for number, each in enumerate(plays, 1):
        for where, name, deed in each.deeds:
            if (where, name) == (side, header.lower()):
                shown.setdefault(deed, []).append(number)
    return {deed: shown[deed] for deed in _DEEDS if deed in shown}


def _section(side: Side, plays: Sequence[Play]) -> Iterator[str]:
    yield f"## {_TITLES[side]}"
    yield ""
    yield _INTROS[side]
    yield ""
    yield "| header | what we do | why | when | setting | rule | before and after |"
    yield "|---|---|---|---|---|---|---|"
    yield from (_row(header, plays) for header in HEADERS if header.side == side)
    yield ""


def _row(header: Header, plays: Sequence[Play]) -> str:
    deeds = deeds_of(header.side, header.name, plays)
    what = "sends" if header.side == "ours" else ", ".join(deeds)
    telling = [number for deed in deeds if deed != "reads" for number in deeds[deed]] or deeds.get("reads", [])
    present = [number for number in sorted({*telling}) if _holds(plays[number - 1], header)] or telling
    links = ", ".join(f"[{number}](#{_anchor(number, plays[number - 1].case)})" for number in present[:_LINKS])
    return f"| `{header.name}` | {what} | {header.why} | {header.when} | {header.setting} | {header.rule} | {links} |"


def _holds(each: Play, header: Header) -> bool:
    """Whether a header is there to be seen, before or after."""
    lines = each.asked if header.side == "request" else [*(each.said or ()), *each.left]
    return any(name.lower() == header.name.lower() for name, _ in lines)


def _example(number: int, each: Play) -> Iterator[str]:
    case = each.case
    yield f"### {number}. {case.title}"
    yield ""
    if context := [*_settings(case), *([f"The visitor has chosen: {case.chosen}."] if case.chosen else [])]:
        yield " ".join(context)
        yield ""
    yield "```diff"
    version = "" if case.channel == "websocket" else " HTTP/1.1"
    yield f"  {case.method} {_shown(each.target)}{version}"
    yield from _diff(each.asked, each.asked if each.seen is None else each.seen)
    if case.body:
        yield ""
        yield f"  {case.body.decode()}"
    yield ""
    trailers = " trailers" if case.channel == "trailers" else ""
    yield f"  HTTP/1.1 {each.status} {HTTPStatus(each.status).phrase}{trailers}"
    yield from _diff(each.said or [], [_of_any_release(line, each.said or []) for line in each.left])
    yield "```"
    yield ""


def _settings(case: Case) -> Iterator[str]:
    for name, value in case.environment.items():
        yield f"With `{name}={value}` in the environment, from the same machine."
    for table, settings in case.settings.items():
        stated = ", ".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
        yield f"With `[{table}]` `{stated}`."


def _of_any_release(line: tuple[str, str], said: Lines) -> tuple[str, str]:
    """A line of a response without the length of what we wrote ourselves, which any new wording changes."""
    is_length = line[0] == "Content-Length" and line not in said and line[1] != "0"
    return ("Content-Length", "…") if is_length else line


def _diff(before: Lines, after: Lines) -> Iterator[str]:
    left, right = [*map(_spelt, before)], [*map(_spelt, after)]
    for what, line in left:
        if (what, line) in right:
            right.remove((what, line))
            yield f"  {line}"
            continue
        yield f"- {line}"
        for each in [each for each in right if each[0] == what and each not in left]:
            right.remove(each)
            yield f"+ {each[1]}"
    yield from (f"+ {line}" for _, line in right)


def _spelt(field: tuple[str, str]) -> tuple[str, str]:
    """What a field is about, by which it is found again when it has changed, and how it is written."""
    name, value = field
    about = value.partition(";")[0] if name == "Set-Cookie" else ""
    return f"{name} {about}", f"{name}: {_visible(normal(name, value))}"


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _shown(target: str) -> str:
    return re.sub(r"[.-][0-9a-f]{8,}(?=\.)", "-…", target)


def _anchor(number: int, case: Case) -> str:
    """The fragment that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", f"{number}. {case.title}".lower()).replace(" ", "-")


def _compact(policy: Any) -> str:
    """Put short tables and lists on one line each."""
    return re.sub(r"[\[{]\s+[^\[\]{}]{,90}?\s+[\]}]", lambda found: re.sub(r"\s+", " ", found[0]), policy)


def all_plays() -> list[Play]:
    return [play(case) for case in CASES]


if __name__ == "__main__":
    FILE.write_text(page(all_plays()), encoding="utf-8")
