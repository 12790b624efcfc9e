"""What a Set-Cookie line becomes once its cookie is permitted: itself, or itself with one lifetime all browsers share.

A lifetime is never patched in place. Browsers part from the specification, and from each other, in both directions:
``Max-Age=+99999999`` is a session cookie to one and lives for 400 days in another, ``Max-Age=120; Max-Age=abc`` is
two minutes to one and a session to another. So whatever could be read two ways is taken out as a whole and replaced
by the one form that cannot, with the meaning RFC 6265bis gives it.
"""

from __future__ import annotations

from email.utils import formatdate

from .setcookie import SetCookie, without_lifetime

_MOST_MAX_AGE = 9_999_999_999  # ten digits, so that what we write is always plain


def cap_line(
    cookie: SetCookie, line: str, now: int, latest: int, session_only: bool = False, is_dated: bool = False
) -> str:
    """Return the line with a lifetime that ends at ``latest`` (epoch seconds) or before.

    ``cookie`` is what ``line`` was read as. The very same object is returned if its lifetime is plain and within
    ``latest``; otherwise every Max-Age and Expires is taken out, one canonical Max-Age goes in (and an Expires, if
    there was one), and all else stays as it was, octet for octet. Applying this to its own result changes nothing.

    A session cookie stays one, and ``session_only`` makes one of a persistent cookie, whatever ``latest`` is. A
    deletion stays a deletion; a persistent cookie whose time is already over (``latest <= now``) becomes one.
    ``is_dated`` says that the response has a Date of the application's own: browsers measure Expires from that, so
    an Expires alone does not stay.
    """
    lifetime = cookie.lifetime
    is_plain = lifetime.is_plain and not (is_dated and lifetime.max_age is None and lifetime.expires is not None)
    end = lifetime.end(now)
    if end is None:
        return line if is_plain else _session(cookie, line)
    if end <= now:
        return line if is_plain else expire_line(cookie, line)
    if session_only:
        return _session(cookie, line)
    if is_plain and end <= latest and (lifetime.expires is None or lifetime.expires <= latest):
        return line
    if latest <= now:
        return expire_line(cookie, line)
    end = min(end, latest, now + _MOST_MAX_AGE)
    dated = "" if lifetime.expires is None else f"; Expires={formatdate(end, usegmt=True)}"
    return f"{_session(cookie, line)}; Max-Age={end - now}{dated}"


def expire_line(cookie: SetCookie, line: str) -> str:
    """Return the line as a deletion, at the very place where it would have set the cookie."""
    # Browsers ignore a line without name and value, so a nameless cookie is deleted together with its value.
    pair = f"{cookie.name}=" if cookie.name else _pair(cookie, line)
    return f"{pair}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{without_lifetime(cookie.tail)}"


def _session(cookie: SetCookie, line: str) -> str:
    return _pair(cookie, line) + without_lifetime(cookie.tail)


def _pair(cookie: SetCookie, line: str) -> str:
    return line[: len(line) - len(cookie.tail)]
