"""Response headers that load or lead like markup does: Link, Refresh, Speculation-Rules.

What they name of a withheld category is cut out; what stays is left as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable

IsWithheld = Callable[[str], bool]
"""Whether a URL, as it stands in a header, belongs to something withheld."""

WATCHED = frozenset({"link", "refresh", "speculation-rules"})
"""The headers of this module, by their lower-case names."""

# One link-value of RFC 8288, section 3, or a member of a list of strings: commas inside <…> and "…" do not part it.
_MEMBER = re.compile(r"(?:<[^>]*+>?+|\"(?:\\.|[^\"\\])*+\"?+|[^,<\"])++")
_TARGET = re.compile(r"[ \t]*+<([^>]*+)>")
_PARAMETER = re.compile(r"(?:\"(?:\\.|[^\"\\])*+\"?+|[^;\"])++")
_ESCAPED = re.compile(r"\\(.)")
_STRING = re.compile(r"[ \t]*+\"((?:\\.|[^\"\\])*+)")
_FETCHING = frozenset(
    {
        "preload",
        "modulepreload",
        "prefetch",
        "preconnect",
        "dns-prefetch",
        "prerender",
        "stylesheet",
        "icon",
        "compression-dictionary",
    }
)
# A delay, then a URL with or without "url=" and quotes, as the shared declarative refresh steps of HTML read it.
_REFRESH = re.compile(
    r"[ \t]*+[0-9.]*+[ \t]*+[;,]?+[ \t]*+(?:url[ \t]*+=[ \t]*+)?+(?:\"([^\"]*+)|'([^']*+)|(.++))", re.IGNORECASE
)


def without_withheld(name: str, value: str, is_withheld: IsWithheld) -> str | None:
    """Return the value of a watched header as it may leave: the same object, a shorter one, or None for nothing."""
    match name:
        case "link":
            return _members(value, lambda member: _fetches_withheld(member, is_withheld))
        case "speculation-rules":
            return _members(value, lambda member: is_withheld(_string(member)))
        case _:
            found = _REFRESH.match(value)
            target = "" if found is None else found[1] or found[2] or found[3] or ""
            return None if target and is_withheld(target) else value


def _members(value: str, goes: Callable[[str], bool]) -> str | None:
    members = _MEMBER.findall(value)
    kept = [member for member in members if not goes(member)]
    if len(kept) == len(members):
        return value
    return ",".join(kept).strip(" \t") or None


def _string(text: str) -> str:
    """What a string in quotes says; anything else says itself."""
    found = _STRING.match(text)
    return _ESCAPED.sub(r"\1", found[1]) if found else text


def _fetches_withheld(member: str, is_withheld: IsWithheld) -> bool:
    target = _TARGET.match(member)
    if target is None:
        return False
    parameters = _parameters(member[target.end() :])
    if _FETCHING.isdisjoint(parameters.get("rel", "").lower().split()):
        return False
    candidates = parameters.get("imagesrcset", "").replace(",", " ").split()
    return any(is_withheld(url) for url in (target[1], *candidates))


def _parameters(rest: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for piece in _PARAMETER.findall(rest):
        name, _, value = piece.partition("=")
        # The first of a name counts (RFC 8288, 3.3).
        parameters.setdefault(name.strip(" \t").lower(), _string(value).strip(" \t"))
    return parameters
