"""How Chromium reads the lifetime of a Set-Cookie line where it parts from RFC 6265bis.

An oracle, written from a description of its behaviour: the last attribute of a name is picked before anything is
validated; a Max-Age may have a sign and saturates on overflow, even with junk behind; a date's day has at most two
characters and its year at most five.
"""

from __future__ import annotations

import re
from datetime import date

FOR_EVER = 2**62
LONG_AGO = 0
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def chromium_expiry(line: str, now: int) -> int | None:
    """The instant at which the cookie is over for Chromium; None for a session cookie."""
    attributes: dict[str, str] = {}
    for attribute in line.split(";")[1:]:
        name, _, value = attribute.partition("=")
        if len(value.strip(" \t")) <= 1024:
            attributes[name.strip(" \t").lower()] = value.strip(" \t")
    seconds = _integer(attributes.get("max-age", ""))
    if seconds is not None:
        return LONG_AGO if seconds <= 0 else min(now + seconds, FOR_EVER)
    return _date(attributes.get("expires", ""))


def _integer(text: str) -> int | None:
    found = re.match(r"([+-]?)0*([0-9]*)", text)
    assert found is not None
    if len(found[2]) > 18:
        return -FOR_EVER if found[1] == "-" else FOR_EVER
    if found.end() < len(text) or not re.search("[0-9]", found[0]):
        return None
    return int(found[0])


def _date(text: str) -> int | None:
    time = day = month = year = None
    for token in re.findall(r"[^\t -/;-@\[-`{-~]+", text):
        if not re.match("[0-9]", token):
            named = next((m for m, name in enumerate(_MONTHS, 1) if token.lower().startswith(name)), None)
            month = month or named
        elif ":" in token:
            found = re.match(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})", token)
            time = time or (found and tuple(map(int, found.groups())))
        elif day is None and len(token) <= 2:
            day = _leading(token)
        elif year is None and len(token) <= 5:
            year = _leading(token)
    if time is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    hour, minute, second = time
    if hour > 23 or minute > 59 or second > 59:
        return None
    try:
        # Years this calendar does not have saturate; so do those before 1601.
        days = date(min(max(year, 1), 9999), month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    if year > 9999 or year < 1601:
        return FOR_EVER if year > 9999 else LONG_AGO
    return days * 86400 + hour * 3600 + minute * 60 + second


def _leading(token: str) -> int:
    found = re.match("[0-9]+", token)
    assert found is not None
    return int(found[0])
