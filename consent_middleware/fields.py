"""Response headers that load or lead like markup does: Link, Refresh, Speculation-Rules.

What they name of a withheld category is cut out; what stays is left as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

IsWithheld = Callable[[str], bool]
"""Whether a URL, as it stands in a header, belongs to something withheld."""

WATCHED = frozenset({"link", "refresh", "speculation-rules"})
"""The headers of this module, by their lower-case names."""

# One link-value of RFC 8288, section 3, or a member of a list of strings: commas inside <…> and "…" do not part it.
_MEMBER = re.compile(r"(?:<[^>]*+>?+|\"(?:\\.|[^\"\\])*+\"?+|[^,<\"])++")
_TARGET = re.compile(r"[ \t]*+<([^>]*+)>")
_RELATION = re.compile(r";[ \t]*+rel[ \t]*+=[ \t]*+(?:\"([^\"]*+)\"?+|([^;,\" \t]++))", re.IGNORECASE)
_FETCHING = frozenset(
    {"preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch", "prerender", "stylesheet", "icon"}
)
# A delay, then a URL with or without "url=" and quotes, as the shared declarative refresh steps of HTML read it.
_REFRESH = re.compile(r"[ \t]*+[0-9.]*+[ \t]*+[;,]?+[ \t]*+(?:url[ \t]*+=[ \t]*+)?+[\"']?+([^\"']++)", re.IGNORECASE)


def without_withheld(name: str, value: str, is_withheld: IsWithheld) -> str | None:
    """Return the value of a watched header as it may leave: the same object, a shorter one, or None for nothing."""
    match name:
        case "link":
            return _members(value, lambda member: _fetches_withheld(member, is_withheld))
        case "speculation-rules":
            return _members(value, lambda member: is_withheld(member.strip(' \t"')))
        case _:
            target = _REFRESH.fullmatch(value)
            return None if target is not None and is_withheld(target[1].strip()) else value


def _members(value: str, goes: Callable[[str], bool]) -> str | None:
    members = list(_split(value))
    kept = [member for member in members if not goes(member)]
    if len(kept) == len(members):
        return value
    return ",".join(kept).strip(" \t") or None


def _split(value: str) -> Iterator[str]:
    return (found[0] for found in _MEMBER.finditer(value))


def _fetches_withheld(member: str, is_withheld: IsWithheld) -> bool:
    target = _TARGET.match(member)
    if target is None:
        return False
    relation = _RELATION.search(member, target.end())
    kinds = (relation[1] or relation[2] or "").lower().split() if relation else ()
    return not _FETCHING.isdisjoint(kinds) and is_withheld(target[1])
