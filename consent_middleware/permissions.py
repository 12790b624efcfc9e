"""Permissions-Policy: what the browser itself keeps about a visitor's interests waits for consent, too.

Topics is being withdrawn and FLoC is gone, but Chromium still knows both names. What else there was
(attribution-reporting, join-ad-interest-group and others) is unknown to it by now and would fill consoles with errors.
"""

from __future__ import annotations

import re

from .http import Headers
from .policy import Policy

_REFUSED = ("browsing-topics", "interest-cohort")
_NAME = "permissions-policy"

# A member of a dictionary (RFC 9651, section 3.2): commas inside of strings do not part it.
_MEMBER = re.compile(r"(?:\"(?:\\.|[^\"\\])*+\"?+|[^,\"])++")
_KEY = re.compile(r"[ \t]*+([a-z*][a-z0-9_.*-]*+)")


class Topics:
    """Who is told to keep a visitor's topics: the browsers of those who have not consented, for pages only."""

    def __init__(self, policy: Policy) -> None:
        named = policy.html.browsing_topics
        refused_by_gpc = tuple(category.name for category in policy.categories.values() if category.gpc)
        self._categories = frozenset(refused_by_gpc if named is None else named)

    def kept(self, headers: Headers, withheld: frozenset[str]) -> Headers:
        """Return a page's headers with the topics kept; what the application says about them itself stands."""
        if self._categories.isdisjoint(withheld):
            return headers
        stated = [value for name, value in headers if name.lower() == _NAME]
        said = {key[1] for value in stated for member in _MEMBER.findall(value) if (key := _KEY.match(member))}
        missing = [f"{feature}=()" for feature in _REFUSED if feature not in said]
        if not missing:
            return headers
        others = [field for field in headers if field[0].lower() != _NAME]
        # In one field: some servers and frameworks keep but one of a name.
        return [*others, ("Permissions-Policy", ", ".join([*stated, *missing]))]
