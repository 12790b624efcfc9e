"""The only changes the gate makes: insertions that leave every byte of the page where it was.

An insertion is ASCII without quotes, ``<`` or ``>``, so that even inside an attribute value it could break out of
nothing, and what stands on its own ends in a space, so that it swallows nothing of what follows.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from urllib.parse import quote

from .tokens import attributes_of

PREFIX = b"data-consent-"
"""Put in front of an attribute's name to make the attribute mean nothing to browsers."""

HIDDEN = b" hidden data-consent-hidden "
INERT_TYPE = b" type=text/plain"


@lru_cache(maxsize=256)
def category_mark(*categories: str) -> bytes:
    """The attribute that says what an inert element waits for; several categories are joined by commas."""
    names = b",".join(quote(category, safe="").encode() for category in dict.fromkeys(categories))
    return b" " + PREFIX + b"category=" + names + b" "


def neutralise(tag: bytes, name_end: int, mark: bytes, attributes: Collection[bytes]) -> bytes:
    """Insert ``mark`` after the tag's name and rename every occurrence of ``attributes``.

    Every one, because the first duplicate counts: with it renamed, the second would take its place.
    """
    pieces = [tag[:name_end], mark]
    done = name_end
    for attribute in attributes_of(tag, name_end):
        if attribute[1].lower() in attributes:
            pieces += (tag[done : attribute.start()], PREFIX)
            done = attribute.start()
    pieces.append(tag[done:])
    return b"".join(pieces)


def hide(tag: bytes, name_end: int) -> bytes:
    """Take an inert embed out of the layout, in a way that can be told from a site's own ``hidden``."""
    return tag[:name_end] + HIDDEN + tag[name_end:]
