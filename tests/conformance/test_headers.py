"""The examples of docs/headers.md, which are made behind WSGI, turn out the same through every front door."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.doors import DOORS, RawWSGI
from support.header_cases import CASES, HEADERS, Case
from support.header_plays import Play, normal, play

NAMES = {header.name.lower() for header in HEADERS if header.side != "request"}


def example(case: Case) -> Case:
    """An example as far as every framework can be made to send it: some refuse control characters."""
    return replace(case, sets=tuple(line for line in case.sets if line.isprintable()))


EXAMPLES = [example(case) for case in CASES if case.channel == "http" and not (case.breaks or case.environment)]


@pytest.fixture(scope="module")
def expected() -> list[object]:
    return [outcome(play(case, RawWSGI)) for case in EXAMPLES]


@pytest.mark.parametrize("door", DOORS)
def test_every_example_turns_out_the_same(door: str, expected: list[object]) -> None:
    for case, outcome_there in zip(EXAMPLES, expected, strict=True):
        assert outcome(play(case, DOORS[door])) == outcome_there, case.title


def outcome(each: Play) -> object:
    """What the application saw, and what the visitor got. Frameworks tell lengths in their own ways."""
    left: dict[str, list[str]] = {}
    for name, value in each.left:
        if name.lower() in NAMES - {"content-length"}:
            left.setdefault(name, []).append(normal(name, value))
    cookies = sorted(left.pop("Set-Cookie", []))
    seen = None if each.seen is None else [(name, normal(name, value)) for name, value in each.seen]
    return each.status, seen, cookies, {name: ", ".join(values) for name, values in left.items()}
