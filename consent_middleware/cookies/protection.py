"""The attributes that protect a cookie, raised to a floor: SameSite, Secure and HttpOnly of a Set-Cookie line.

Nothing here can weaken a line. Where browsers could read its SameSite in two ways, what is written is no weaker than
either of them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from .setcookie import SetCookie

_DEFAULT = "Default"
_STRENGTHS = {"None": 0, _DEFAULT: 1, "Lax": 2, "Strict": 3}
"""Default is what a line without a word about it gets, or with an unknown one: browsers take it for Lax with an
exception for new cookies (Chromium), or for None (Firefox, Safari)."""

# A whole attribute, from its semicolon up to the next.
_SAME_SITE = re.compile(r";[ \t]*+(?i:samesite)[ \t]*+(?:=[^;]*+)?+(?![^;])", re.ASCII)

# As in ``setcookie``: applications write the same few tails all the time, and this bounds the memory.
_TAILS_REMEMBERED = 256
_WORTH_REMEMBERING = 256


class Protection(NamedTuple):
    """The least that a line has to say about who may send a cookie along, over what, and who may read it."""

    same_site: Literal["None", "Lax", "Strict"] = "None"
    secure: bool = False
    http_only: bool = False


def protect_line(line: str, least: Protection) -> str:
    """Return a Set-Cookie line that browsers would consider with at least this protection.

    The very same object is returned if it has that already, by whichever reading. Otherwise what it lacks is appended
    and all else stays as it was, octet for octet, in its order; only a SameSite that is too weak is taken out with all
    its duplicates. Applying this to its own result changes nothing.

    A line may ask for what browsers refuse, as ``SameSite=None`` without Secure is, or a ``__Secure-`` name; it is
    raised like any other and may be taken then, for the cookie that its author meant.
    """
    end = line.find(";")
    pair, tail = (line, "") if end < 0 else (line[:end], line[end:])
    protected = (_recall if len(tail) <= _WORTH_REMEMBERING else _protected)(tail, least)
    return line if protected == tail else pair + protected


def lacking(line: str, least: Protection) -> list[str]:
    """Return the attributes that ``protect_line`` would write."""
    end = line.find(";")
    return _lacking("" if end < 0 else line[end:], least)


def _protected(tail: str, least: Protection) -> str:
    added = _lacking(tail, least)
    if not added:
        return tail
    kept = _SAME_SITE.sub("", tail) if added[-1].startswith("SameSite") else tail
    return "; ".join([kept, *added])


_recall = lru_cache(_TAILS_REMEMBERED)(_protected)


def _lacking(tail: str, least: Protection) -> list[str]:
    attributes = SetCookie("", "", tail).attributes
    names = {name for name, _ in attributes}
    readings = _readings([value.capitalize() for name, value in attributes if name == "samesite"])
    same_site = max(least.same_site, *readings, key=_STRENGTHS.__getitem__)
    is_too_weak = any(_STRENGTHS[reading] < _STRENGTHS[least.same_site] for reading in readings)
    wanted = {
        "Secure": least.secure and "secure" not in names,
        "HttpOnly": least.http_only and "httponly" not in names,
        f"SameSite={same_site}": is_too_weak,
    }
    return [attribute for attribute, is_lacking in wanted.items() if is_lacking]


def _readings(stated: list[str]) -> tuple[str, str]:
    """What browsers may make of several SameSite: the last one counts (RFC 6265bis), or the last that they know.

    The second is how its successor reads, draft-ietf-httpbis-layered-cookies.
    """
    known = [value for value in stated if value in ("None", "Lax", "Strict")]
    last = stated[-1] if stated and stated[-1] in known else _DEFAULT
    return last, known[-1] if known else _DEFAULT
