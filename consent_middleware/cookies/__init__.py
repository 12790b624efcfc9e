"""Cookies as browsers read them: Set-Cookie lines, Cookie headers, names and lifetimes (RFC 6265bis).

All text is ``str`` with one character per octet (latin-1), as WSGI has it. Nothing here raises because of what an
application or a visitor sent, and everything costs time linear in the length of its input.
"""

from __future__ import annotations

from .gate import cap_line, expire_line
from .names import NameTable
from .protection import Protection, lacking, protect_line
from .request import pairs, visible_cookies
from .setcookie import SetCookie, StatedLifetime, read_set_cookie
from .sweep import deletions

__all__ = [
    "NameTable",
    "Protection",
    "SetCookie",
    "StatedLifetime",
    "cap_line",
    "deletions",
    "expire_line",
    "lacking",
    "pairs",
    "protect_line",
    "read_set_cookie",
    "visible_cookies",
]
