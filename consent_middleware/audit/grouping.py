"""Kinds under the headings by which people look for them."""

from __future__ import annotations

from collections.abc import Iterable

from .kinds import Kind

_HEADINGS = {
    "A0": "Cookies",
    "A1": "Pages",
    "A2": "The choice",
    "A3": "Caches",
    "A4": "In a browser",
    "A9": "The examination",
}


def heading_of(kind: Kind) -> str:
    """Return the heading under which a kind of finding stands."""
    return _HEADINGS[kind.id.removeprefix("consent.")[:2]]


def by_heading(kinds: Iterable[Kind]) -> dict[str, list[Kind]]:
    """Return kinds by their heading, in the order of headings."""
    grouped: dict[str, list[Kind]] = {heading: [] for heading in _HEADINGS.values()}
    for kind in kinds:
        grouped[heading_of(kind)].append(kind)
    return {heading: found for heading, found in grouped.items() if found}
