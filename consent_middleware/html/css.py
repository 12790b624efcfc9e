"""Addresses inside style sheets and JSON, for the two opt-in gates that look there.

The plain spellings are found: ``url(//host/x)``, ``@import "https://host/x"``, ``image-set("//host/x" 1x)``.
CSS escapes inside an address are not; a Content-Security-Policy covers those.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_ADDRESS = re.compile(rb"(?:https?:)?[/\\]{2,}[a-zA-Z0-9%\x80-\xff][^\s\"'()<>,;&]*+", re.IGNORECASE)
_INERT_SCHEME = b"data:,"
"""In front of an address it makes an empty resource of it, fetched from nowhere."""


def withhold_addresses(text: bytes, category_of: Callable[[bytes], str | None]) -> bytes:
    """Make the withheld addresses of a style sheet or a style attribute inert, by insertion only."""
    pieces: list[bytes] = []
    done = 0
    for address in _ADDRESS.finditer(text):
        if category_of(address[0]) is not None:
            pieces += (text[done : address.start()], _INERT_SCHEME)
            done = address.start()
    pieces.append(text[done:])
    return b"".join(pieces)


def first_category(text: bytes, category_of: Callable[[bytes], str | None]) -> str | None:
    """The category of the first address in ``text`` that has one."""
    addresses = _ADDRESS.finditer(text.replace(b"\\/", b"/"))
    return next(filter(None, (category_of(address[0]) for address in addresses)), None)
