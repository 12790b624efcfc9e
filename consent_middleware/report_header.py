"""``Consent-Report``: what became of the cookies of one response, for who debugs it. A list (RFC 9651, section 3.1).

    Consent-Report: "_ga";code=consent.C002;action=withhold;category="analytics", more;count=3

A member is the name of a cookie, a String, or a Display String where it is not ASCII. A cookie without a category is
one that nobody declared. The token ``more`` counts those for which there was no room.
"""

from __future__ import annotations

from collections.abc import Sequence

from .reports import Event

NAME = "Consent-Report"

_LONGEST = 1024
"""Octets. Common proxies buffer 4 to 8 kB of headers and fail beyond."""


def consent_report(events: Sequence[Event]) -> str:
    """Return the value of the header, of at most about a kilobyte."""
    members: list[str] = []
    size = 0
    for number, event in enumerate(events):
        member = _member(event)
        size += len(member) + len(", ")
        if size > _LONGEST:
            members.append(f"more;count={len(events) - number}")
            break
        members.append(member)
    return ", ".join(members)


def _member(event: Event) -> str:
    category = "" if event.category is None else f";category={_text(event.category)}"
    return f"{_text(event.name)};code={event.code};action={event.action}{category}"


def _text(text: str) -> str:
    """A String holds printable ASCII and nothing else (section 3.3.3), a Display String any text (section 3.3.8)."""
    if text.isascii() and text.isprintable():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    octets = text.encode("utf-8", "replace")
    return '%"' + "".join(chr(o) if _is_plain(o) else f"%{o:02x}" for o in octets) + '"'


def _is_plain(octet: int) -> bool:
    return 0x20 <= octet < 0x7F and octet not in b'%"'
