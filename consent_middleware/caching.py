"""Telling caches that a response is one visitor's own."""

from __future__ import annotations

from collections.abc import Iterable

from .http import Headers

_SHARED = frozenset({"public", "s-maxage", "proxy-revalidate"})


def is_shared(headers: Headers) -> bool:
    """Whether the application explicitly lets shared caches keep this response, as it does for static files."""
    return any(
        name.lower() == "cache-control" and not _SHARED.isdisjoint(_directive_names(value)) for name, value in headers
    )


def keep_private(headers: Headers) -> Headers:
    """Return the headers with shared caches told to keep out (RFC 9111, 5.2.2.7).

    What only speaks to caches in between (CDN-Cache-Control, RFC 9213, and Surrogate-Control) would override the
    plain Cache-Control, so it goes.
    """
    kept = [(name, value) for name, value in headers if not _is_targeted(name.lower())]
    directives = [part.strip() for name, value in kept if name.lower() == "cache-control" for part in value.split(",")]
    present = {_name(directive) for directive in directives}
    if "no-store" in present or "private" in (directive.lower() for directive in directives):
        return kept
    value = ", ".join([*(d for d in directives if d and _name(d) not in _SHARED), "private"])
    return [*((n, v) for n, v in kept if n.lower() != "cache-control"), ("Cache-Control", value)]


def vary_on(headers: Headers, names: Iterable[str]) -> Headers:
    """Return the headers with ``names`` in Vary, each once whatever its case; ``Vary: *`` already says it all."""
    listed = {part.strip().lower() for name, value in headers if name.lower() == "vary" for part in value.split(",")}
    missing = [name for name in names if name.lower() not in listed]
    if "*" in listed or not missing:
        return headers
    return [*headers, ("Vary", ", ".join(missing))]


def _directive_names(value: str) -> set[str]:
    return {_name(part) for part in value.split(",")}


def _name(directive: str) -> str:
    return directive.partition("=")[0].strip().lower()


def _is_targeted(name: str) -> bool:
    return name == "surrogate-control" or name.endswith("cdn-cache-control")
