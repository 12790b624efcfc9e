"""One Set-Cookie line as a browser reads it (RFC 6265bis, section 5.6).

A line is kept as its cookie and its untouched tail, so what is re-emitted differs from what came in nowhere but in
the lifetime. Nothing is unquoted, unescaped or decoded, because browsers do not. Attributes are read when asked for:
most lines are decided by their name alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .dates import read_date, read_fixdate

WHITESPACE = " \t"
"""WSP. ``str.strip()`` without arguments takes NBSP, %x85 and %x1C-1F too, which browsers keep in names."""

_CONTROLS = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])
_MOST_NAME_AND_VALUE = 4096  # octets; section 5.6, step 5
_MOST_ATTRIBUTE_VALUE = 1024  # octets; longer attributes are ignored, the cookie is not

# A whole attribute with a say in the lifetime, from its semicolon up to the next: its number of seconds or its date if
# it is tidy, and otherwise its name and whatever follows.
#
# Tidy is a Max-Age of at most ten digits: Chromium takes a leading "+" and saturates on overflow (317 years are far
# from it) before it sees junk, and Firefox deletes on any leading "-".
_LIFETIME = re.compile(
    r";[ \t]*+(?:(?i:max-age)=(-?[0-9]{1,10})[ \t]*+(?![^;])"
    r"|(?i:expires)=([A-Z][^;]{27}T)[ \t]*+(?![^;])"
    r"|((?i:max-age|expires))([ \t]*+(?:=[^;]*+)?+)(?![^;]))",
    re.ASCII,
)
_MAX_AGE = re.compile(r"(-?)(?=[0-9])0*+([0-9]*)")
# int() refuses long texts, from 640 digits on if sys.set_int_max_str_digits says so; eighteen outlive the sun.
_ENOUGH_DIGITS = 18

# An application writes the same few tails all the time, and each is looked at more than once on its way out.
_TAILS_REMEMBERED = 256
_WORTH_REMEMBERING = 256  # characters; together with the number before, this bounds the memory

EARLIEST = 0
"""The expiry of a cookie whose Max-Age is zero or less: "the earliest representable date and time"."""


class StatedLifetime(NamedTuple):
    """What a line says about its lifetime: its last valid Max-Age (seconds) and Expires (epoch seconds).

    ``is_plain`` tells whether every browser reads the same there: at most one Max-Age of at most ten digits, at most
    one Expires that is an IMF-fixdate from 1970 on, and nothing else by these names.
    """

    max_age: int | None = None
    expires: int | None = None
    is_plain: bool = True

    def end(self, now: int) -> int | None:
        """Return the instant at which it is over; None if it lasts for the session. Max-Age beats Expires."""
        if self.max_age is None:
            return self.expires
        return now + self.max_age if self.max_age > 0 else EARLIEST


class SetCookie(NamedTuple):
    """A cookie that a browser would at least consider; ``tail`` is the line from its first semicolon on."""

    name: str
    value: str
    tail: str = ""

    @property
    def attributes(self) -> tuple[tuple[str, str], ...]:
        """Every attribute as (lower-cased name, value), known or not, except those too long for a browser."""
        read = (_split(attribute) for attribute in self.tail.split(";")[1:])
        return tuple((name.lower(), value) for name, value in read if len(value) <= _MOST_ATTRIBUTE_VALUE)

    @property
    def domain(self) -> str | None:
        """The Domain without its leading dot, in lower case; None for a host-only cookie."""
        return self._last("domain").removeprefix(".").lower() or None

    @property
    def path(self) -> str | None:
        """The Path; None if browsers derive it from the address of the request."""
        path = self._last("path")
        return path if path.startswith("/") else None

    @property
    def secure(self) -> bool:
        return self._has("secure")

    @property
    def http_only(self) -> bool:
        return self._has("httponly")

    @property
    def partitioned(self) -> bool:
        return self._has("partitioned")

    @property
    def same_site(self) -> str:
        """``Strict``, ``Lax``, ``None`` or, for anything else, ``Default``."""
        same_site = self._last("samesite").capitalize()
        return same_site if same_site in ("Strict", "Lax", "None") else "Default"

    @property
    def lifetime(self) -> StatedLifetime:
        """What Max-Age and Expires say, and whether all browsers agree on it."""
        return (_recall_lifetime if len(self.tail) <= _WORTH_REMEMBERING else _read_lifetime)(self.tail)

    def expiry(self, now: int) -> int | None:
        """Return the instant (epoch seconds) at which the cookie is over; None if it lasts for the session.

        ``now`` has to be the clock that the response's Date comes from: browsers measure Expires against that. The
        400 days after which browsers end any cookie are left to them.
        """
        return self.lifetime.end(now)

    def is_deletion(self, now: int) -> bool:
        """Whether a browser that reads this line ends up without the cookie."""
        expiry = self.expiry(now)
        return expiry is not None and expiry <= now

    def _has(self, wanted: str) -> bool:
        return any(name == wanted for name, _ in self.attributes)

    def _last(self, wanted: str) -> str:
        return next((value for name, value in reversed(self.attributes) if name == wanted), "")


def read_set_cookie(line: str) -> SetCookie | None:
    """Read one Set-Cookie field value; None if browsers ignore the whole line.

    They do so for a control character anywhere, for a name and value of more than 4096 octets together, and if both
    are empty. Domain, Secure and the name's prefix may make them ignore it too, which depends on the request.
    """
    octets = line.encode("latin-1", "replace")
    if len(octets.translate(None, _CONTROLS)) != len(octets):
        return None
    end = line.find(";")
    pair, tail = (line, "") if end < 0 else (line[:end], line[end:])
    name, value = _split(pair) if "=" in pair else ("", pair.strip(WHITESPACE))
    if not 0 < len(name) + len(value) <= _MOST_NAME_AND_VALUE:
        return None
    return SetCookie(name, value, tail)


def without_lifetime(tail: str) -> str:
    """Return a line's tail without any Max-Age and Expires, and otherwise untouched."""
    return _LIFETIME.sub("", tail)


def _split(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(WHITESPACE), value.strip(WHITESPACE)


def _read_lifetime(tail: str) -> StatedLifetime:
    max_age = expires = None
    is_plain = True
    for seconds, fixdate, name, rest in _LIFETIME.findall(tail):
        if seconds:
            is_plain = is_plain and max_age is None
            max_age = int(seconds)
        elif fixdate and (instant := read_fixdate(fixdate)) is not None:
            is_plain = is_plain and expires is None
            expires = instant
        else:
            is_plain = False
            value = fixdate or rest.partition("=")[2].strip(WHITESPACE)
            # An invalid attribute is as good as absent, so it cannot shadow a valid one before it.
            if len(value) > _MOST_ATTRIBUTE_VALUE:
                continue
            if name[:1] in ("M", "m"):
                max_age = _last_valid(_read_max_age(value), max_age)
            else:
                expires = _last_valid(read_date(value), expires)
    return StatedLifetime(max_age, expires, is_plain)


_recall_lifetime = lru_cache(_TAILS_REMEMBERED)(_read_lifetime)


def _read_max_age(value: str) -> int | None:
    found = _MAX_AGE.fullmatch(value)
    if found is None:
        return None
    return 0 if found[1] else int(found[2][:_ENOUGH_DIGITS] or "0")


def _last_valid(reading: int | None, earlier: int | None) -> int | None:
    return earlier if reading is None else reading
