"""Telling caches that a response is one visitor's own."""

from __future__ import annotations

from functools import lru_cache

from .http import Headers

_SHARED = frozenset({"public", "s-maxage", "proxy-revalidate"})
_SHORTEST_TARGETED = len("cdn-cache-control")
_VALUES_REMEMBERED = 64
"""A site writes the same few values all the time, and reading them takes longer than all else here."""


def is_shared(headers: Headers) -> bool:
    """Whether the application explicitly lets shared caches keep this response, as it does for static files."""
    return any(not _SHARED.isdisjoint(_directive_names(value)) for value in _values(headers, "cache-control"))


def keep_private(headers: Headers) -> Headers:
    """Return the headers with shared caches told to keep out (RFC 9111, 5.2.2.7).

    What only speaks to caches in between (CDN-Cache-Control, RFC 9213, and Surrogate-Control) would override the
    plain Cache-Control, so it goes.
    """
    kept = [field for field in headers if len(field[0]) < _SHORTEST_TARGETED or not _is_targeted(field[0].lower())]
    value = _private(", ".join(_values(kept, "cache-control")))
    if value is None:
        return kept
    return [*(field for field in kept if field[0].lower() != "cache-control"), ("Cache-Control", value)]


def vary_on(headers: Headers, names: tuple[str, ...]) -> Headers:
    """Return the headers with ``names`` in Vary, each once whatever its case; ``Vary: *`` already says it all."""
    missing = _missing(", ".join(_values(headers, "vary")), names)
    return [*headers, ("Vary", missing)] if missing else headers


def _values(headers: Headers, wanted: str) -> list[str]:
    size = len(wanted)
    return [value for name, value in headers if len(name) == size and name.lower() == wanted]


@lru_cache(_VALUES_REMEMBERED)
def _private(stated: str) -> str | None:
    """Return the directives with ``private`` among them; None if shared caches keep out already."""
    directives = [part.strip() for part in stated.split(",")]
    present = {_name(directive) for directive in directives}
    if "no-store" in present or "private" in (directive.lower() for directive in directives):
        return None
    return ", ".join([*(d for d in directives if d and _name(d) not in _SHARED), "private"])


@lru_cache(_VALUES_REMEMBERED)
def _missing(vary: str, names: tuple[str, ...]) -> str:
    listed = {part.strip().lower() for part in vary.split(",")}
    return "" if "*" in listed else ", ".join(name for name in names if name.lower() not in listed)


def _directive_names(value: str) -> set[str]:
    return {_name(part) for part in value.split(",")}


def _name(directive: str) -> str:
    return directive.partition("=")[0].strip().lower()


def _is_targeted(name: str) -> bool:
    return name == "surrogate-control" or name.endswith("cdn-cache-control")
