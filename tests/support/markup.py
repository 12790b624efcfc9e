"""Looking for something in HTML that has to be there."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser, LexborNode


def first(within: LexborHTMLParser | LexborNode, selector: str) -> LexborNode:
    """Return the first element that a CSS selector finds; not to find one fails the test."""
    found = within.css_first(selector)
    assert found is not None, f"there is no {selector}"
    return found
