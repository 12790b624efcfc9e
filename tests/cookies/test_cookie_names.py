from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.cookies import NameTable

TABLE = NameTable({"_ga": "exact", "_ga*": "short", "_ga_*": "long", "sess*": "session", "a*b": "literal", "sess": "s"})

FITS = {
    "_ga": "exact",
    "_gat": "short",
    "_ga_": "long",
    "_ga_ABC": "long",
    "sess": "s",
    "session": "session",
    "a*b": "literal",
    "_g": None,
    "": None,
    "_GA": None,
    "x_ga_": None,
    "axb": None,
    "ses": None,
    "_ga*": "short",
}


@pytest.mark.parametrize(("name", "value"), FITS.items())
def test_the_pattern_that_fits_best_decides(name: str, value: str | None) -> None:
    assert TABLE.lookup(name) == value


def test_a_lone_star_fits_every_name_that_nothing_else_fits() -> None:
    table = NameTable({"*": 0, "a": 1})
    assert [table.lookup(name) for name in ("", "*", "a", "ab", "\xff")] == [0, 0, 1, 0, 0]


def test_an_empty_table_knows_nothing() -> None:
    assert NameTable[int]({}).lookup("a") is None


def best_fit(patterns: dict[str, int], name: str) -> int | None:
    """The rule in the plainest words: exact first, then the longest prefix."""
    if name in patterns and not name.endswith("*"):
        return patterns[name]
    prefixes = [p for p in patterns if p.endswith("*") and name.startswith(p[:-1])]
    return patterns[max(prefixes, key=len)] if prefixes else None


@given(
    st.dictionaries(st.text("ab*", max_size=6), st.integers(0, 9), max_size=12),
    st.lists(st.text("ab*c", max_size=7), max_size=12),
)
def test_a_table_agrees_with_the_rule_in_plain_words(patterns: dict[str, int], names: list[str]) -> None:
    table = NameTable(patterns)
    for name in [*names, *patterns]:
        assert table.lookup(name) == best_fit(patterns, name)


class CountedName(str):
    """A name that counts how many of its characters are looked at."""

    __slots__ = ("looks",)

    def __iter__(self) -> Iterator[str]:
        self.looks = 0
        for character in str.__str__(self):
            self.looks += 1
            yield character


@pytest.mark.parametrize("name", ["rule_7_abc", "rule_x", "unknown", "_" * 10000])
def test_a_thousand_rules_cost_no_more_steps_than_ten(name: str) -> None:
    def steps(rules: int) -> int:
        counted = CountedName(name)
        NameTable({f"rule_{n}_*": n for n in range(rules)}).lookup(counted)
        return counted.looks

    assert steps(10) == steps(1000) <= len("rule_7_") + 1


def test_looking_up_names_that_visitors_invent_keeps_nothing_of_them() -> None:
    table = NameTable({"_ga_*": 1})
    name = "_ga_" + "x" * 60_000
    before = sys.getrefcount(name)
    assert table.lookup(name) == 1
    assert sys.getrefcount(name) == before
