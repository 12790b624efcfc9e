"""The built-in words of each language: one data file for each, ``data/languages/<tag>.toml``, read when first needed.

A file holds the messages of that language and what it takes to write a date and a number of units in it. Months, units
and plural rules are those of Unicode CLDR, the rules restricted to whole numbers (UTS 35, part 3, section 5.1).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NamedTuple

_FILES = files("consent_middleware").joinpath("data", "languages")

TAGS = tuple(sorted(file.name.removesuffix(".toml") for file in _FILES.iterdir() if file.name.endswith(".toml")))
"""The languages there are, in the order of their tags."""

_RELATION = re.compile(r"n(?: % ([0-9]+))? (!?=) ([0-9]+)(?:\.\.([0-9]+))?", re.ASCII)


class Relation(NamedTuple):
    """One comparison of a plural rule: ``n % modulus`` lies within the two bounds, or does not."""

    modulus: int | None
    first: int
    last: int
    is_within: bool

    def holds(self, count: int) -> bool:
        operand = count % self.modulus if self.modulus else count
        return (self.first <= operand <= self.last) is self.is_within


Rule = tuple[tuple[Relation, ...], ...]
"""Relations of which all must hold, in groups of which one must hold."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language: ``date`` and ``units`` are patterns for ``str.format``, ``plurals`` has no rule for "other".

    ``unreviewed`` are the keys of the messages that no native speaker has read yet.
    """

    tag: str
    is_right_to_left: bool
    date: str
    months: tuple[str, ...]
    plurals: Mapping[str, Rule]
    units: Mapping[str, Mapping[str, str]]
    messages: Mapping[str, str]
    unreviewed: frozenset[str]

    def plural_of(self, count: int) -> str:
        """Return the CLDR plural category of a whole number: "zero", "one", "two", "few", "many" or "other"."""
        return next((category for category, rule in self.plurals.items() if _applies(rule, count)), "other")


@cache
def language(tag: str) -> Language:
    """Return a language of TAGS. Raises KeyError for any other."""
    if tag not in TAGS:
        raise KeyError(tag)
    return _read(tag, tomllib.loads(_FILES.joinpath(f"{tag}.toml").read_text(encoding="utf-8")))


def _read(tag: str, data: Mapping[str, Any]) -> Language:
    messages: dict[str, str] = data["messages"]
    return Language(
        tag=tag,
        is_right_to_left=data["direction"] == "rtl",
        date=data["date"],
        months=tuple(data["months"]),
        plurals=MappingProxyType({category: _rule(text) for category, text in data.get("plurals", {}).items()}),
        units=MappingProxyType({unit: MappingProxyType(forms) for unit, forms in data["units"].items()}),
        messages=MappingProxyType(messages),
        unreviewed=frozenset(messages if data["unreviewed"] == ["*"] else data["unreviewed"]),
    )


def _rule(text: str) -> Rule:
    return tuple(tuple(map(_relation, group.split(" and "))) for group in text.split(" or "))


def _relation(text: str) -> Relation:
    match = _RELATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no relation of a plural rule")
    modulus, sign, first, last = match.groups()
    return Relation(int(modulus) if modulus else None, int(first), int(last or first), sign == "=")


def _applies(rule: Rule, count: int) -> bool:
    return any(all(relation.holds(count) for relation in group) for group in rule)
