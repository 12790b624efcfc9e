"""Cookie dates: what browsers make of ``Expires`` (RFC 6265bis, section 5.6.1), and the one form all of them share."""

from __future__ import annotations

import re
from datetime import date

_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_MONTHS_LOWER = {name.lower(): number for name, number in _MONTHS.items()}
_EPOCH_DAY = date(1970, 1, 1).toordinal()

# Everything but the delimiters %x09 / %x20-2F / %x3B-40 / %x5B-60 / %x7B-7E: the colon belongs to a token.
_TOKENS = re.compile(r"[^\t -/;-@\[-`{-~]+")
# A field ends where its digits end; what follows in the token is ignored (``31th``, ``2026abc``, ``10:00:00.5``).
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(r"[0-9]{1,2}(?![0-9])")
_YEAR = re.compile(r"[0-9]{2,4}(?![0-9])")
_FIXDATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), "
    rf"[0-9]{{2}} (?:{'|'.join(_MONTH_NAMES)}) [0-9]{{4}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}} GMT"
)


def read_date(text: str) -> int | None:
    """Return the instant (epoch seconds) a browser reads in an ``Expires`` value; None if it finds no date there.

    The weekday and the time zone are not looked at: every date is UTC.
    """
    time = day = month = year = None
    for token in _TOKENS.findall(text):
        if time is None and (found := _TIME.match(token)):
            time = int(found[1]), int(found[2]), int(found[3])
        elif day is None and (found := _DAY.match(token)):
            day = int(found[0])
        elif month is None and token[:3].lower() in _MONTHS_LOWER:
            month = _MONTHS_LOWER[token[:3].lower()]
        elif year is None and (found := _YEAR.match(token)):
            year = int(found[0])
    if time is None or day is None or month is None or year is None:
        return None
    return _instant(_century(year), month, day, *time)


def read_fixdate(text: str) -> int | None:
    """Return the instant of an IMF-fixdate (RFC 9110, section 5.6.7) from 1970 on; None for any other text.

    The form of ``Thu, 01 Jan 1970 00:00:00 GMT`` is the only one that no browser is known to read in its own way.
    """
    if _FIXDATE.fullmatch(text) is None or text[12:16] < "1970":
        return None
    time = int(text[17:19]), int(text[20:22]), int(text[23:25])
    return _instant(int(text[12:16]), _MONTHS[text[8:11]], int(text[5:7]), *time)


def _century(year: int) -> int:
    if 70 <= year <= 99:
        return year + 1900
    return year + 2000 if year <= 69 else year


def _instant(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int | None:
    if year < 1601 or hour > 23 or minute > 59 or second > 59:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:  # 30 February
        return None
    return days * 86400 + hour * 3600 + minute * 60 + second
