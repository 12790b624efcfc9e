"""Keeping validators true when one page exists in several variants.

An entity tag names one representation. The application's tag names its own, ours adds which variant of it this visitor
got, so that no 304 can bring another variant back to life (RFC 9110, sections 8.8.3 and 13.1.2).
"""

from __future__ import annotations

import re

_MARK = "--consent-"
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def is_marked(if_none_match: str | None) -> bool:
    """Whether some of these entity tags are ours."""
    return if_none_match is not None and _MARK in if_none_match


def mark_tag(etag: str, variant: str) -> str | None:
    """Return an entity tag for this variant; None for what is no entity tag and could bear no mark."""
    found = _TAG.fullmatch(etag.strip(" \t"))
    return f'{found[1] or ""}"{found[2]}{_MARK}{variant}"' if found else None


def unmark_tags(if_none_match: str, variant: str, *, keeps_unmarked: bool = True) -> str:
    """Return If-None-Match as the application may see it: tags of this variant as its own, of others not at all.

    Tags that we did not mark stay: they belong to what we never change, unless whoever calls knows better.
    """
    if if_none_match.strip(" \t") == "*" or (keeps_unmarked and _MARK not in if_none_match):
        return if_none_match
    tags = (_unmarked(found, variant, keeps_unmarked) for found in _TAG.finditer(if_none_match))
    return ", ".join(tag for tag in tags if tag is not None)


def _unmarked(found: re.Match[str], variant: str, keeps_unmarked: bool) -> str | None:
    opaque, mark, marked_for = found[2].rpartition(_MARK)
    if not mark:
        return found[0] if keeps_unmarked else None
    return f'{found[1] or ""}"{opaque}"' if marked_for == variant else None
