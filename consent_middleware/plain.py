"""A first look at the headers of a response, by which most leave as they came: at their names, and at few values.

An application has few names and types for all that it sends, so what they mean is remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Literal

from .fields import WATCHED
from .http import is_set_cookie

RawHeaders = Iterable[tuple[bytes | str, bytes | str]]
"""Header fields as they came from the application: octets behind ASGI, text behind WSGI, and sometimes both."""

Role = Literal["cookie", "date", "type", "loads", "any"]

_NAMES_REMEMBERED = 512
_ROLES: dict[bytes | str, Role] = {}
"""What the names seen so far mean: looked up for every header of every response, at half the cost of ``lru_cache``."""

_TYPES_REMEMBERED = 64


def set_cookies(headers: RawHeaders, *, gates_pages: bool, gates_scripts: Callable[[], bool]) -> list[str] | None:
    """Return the Set-Cookie lines of a response; None where there is more to look at than these.

    That is, if pages are gated, a page or a header that loads like one, and a script where ``gates_scripts`` says so;
    and for lines of cookies a Date, from which browsers count Expires.
    """
    lines: list[str] = []
    is_dated = False
    for name, value in headers:
        role = _ROLES.get(name) or _learned(name)
        if role == "any":
            continue
        if role == "cookie":
            lines.append(_text(value))
        elif role == "date":
            is_dated = True
        elif gates_pages:
            kind = _kind(value) if role == "type" else "page"
            if kind == "page" or (kind == "script" and gates_scripts()):
                return None
    return None if is_dated and lines else lines


def _learned(name: bytes | str) -> Role:
    if len(_ROLES) >= _NAMES_REMEMBERED:
        _ROLES.clear()
    role = _ROLES[name] = _role(_text(name))
    return role


def _role(name: str) -> Role:
    if is_set_cookie(name):
        return "cookie"
    match name.lower():
        case "date":
            return "date"
        case "content-type":
            return "type"
        case key:
            return "loads" if key in WATCHED else "any"


@lru_cache(_TYPES_REMEMBERED)
def _kind(content_type: bytes | str) -> Literal["page", "script"] | None:
    text = _text(content_type).lower()
    if "html" in text:
        return "page"
    return "script" if "javascript" in text else None


def _text(octets: bytes | str) -> str:
    return octets if isinstance(octets, str) else octets.decode("latin-1")
