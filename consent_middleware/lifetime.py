"""How long things may live: calendar months, exact to the second.

Six months are 181 to 184 days and thirteen are 393 to 397, so no fixed number of days keeps a promise made in
months. A period in months ends on the day that bears the same number, or on the last day of the month if there is
none (Regulation 1182/71, article 3; code de procédure civile, article 641). All arithmetic is in UTC, so clocks
that are put forward or back never matter.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_MONTHS = {"month": 1, "year": 12}
_PHRASE = re.compile(r"([0-9]{1,9}) ?([a-z]+?)s?", re.ASCII)
_SHORTEST_MONTH = 28 * 86400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_YEARS = 100  # longer is no promise, and calendars end: datetime knows no year 10000


def add_months(instant: int, months: int) -> int:
    """Return the instant (epoch seconds) that many calendar months after ``instant`` at the same time of day, UTC."""
    start = _EPOCH + timedelta(seconds=instant)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return int((start.replace(year=year, month=month + 1, day=day) - _EPOCH).total_seconds())


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A span of whole calendar months or of whole seconds; neither means "until the browser closes"."""

    months: int = 0
    seconds: int = 0

    @classmethod
    def parse(cls, text: str) -> Lifetime:
        """Read "6 months", "1 year", "30 days", "2 weeks", "1 hour", "90 seconds" or "session".

        Raises ValueError with a reason a policy's author can act on.
        """
        phrase = text.strip().lower()
        if phrase == "session":
            return SESSION
        match = _PHRASE.fullmatch(phrase)
        if match is None or match[2] not in (_SECONDS | _MONTHS):
            raise ValueError(f'{text!r} is not a lifetime; write a number and a unit, like "6 months", or "session"')
        count, unit = int(match[1]), match[2]
        if count == 0:
            raise ValueError('a lifetime of nothing keeps nothing; write "session" or leave the cookie out')
        lifetime = cls(months=count * _MONTHS[unit]) if unit in _MONTHS else cls(seconds=count * _SECONDS[unit])
        if lifetime.exceeds(_LONGEST):
            raise ValueError(f'{text!r} is more than {_LONGEST_YEARS} years; write what is needed, like "13 months"')
        return lifetime

    @classmethod
    def lasting(cls, span: timedelta | float | None) -> Lifetime | None:
        """Return a span (of seconds, if a number) as frameworks have it in their settings; None for what is none."""
        seconds = span.total_seconds() if isinstance(span, timedelta) else span
        return cls(seconds=int(seconds)) if seconds is not None and seconds >= 1 else None

    @property
    def is_session(self) -> bool:
        return not (self.months or self.seconds)

    def end(self, start: int) -> int:
        """Return the instant (epoch seconds) at which something that began at ``start`` is over."""
        return add_months(start, self.months) if self.months else start + self.seconds

    def is_over(self, start: int, now: int) -> bool:
        """Whether something that began at ``start`` is over at ``now``."""
        # No month is shorter than 28 days, so most questions need no calendar (0.1 instead of 2 microseconds).
        return now - start >= (self.months * _SHORTEST_MONTH or self.seconds) and now >= self.end(start)

    @property
    def shortest(self) -> int:
        """The seconds it lasts whenever it begins: thirteen months are never less than 393 days.

        Spans that end in a month too short for their day are no shorter than some that begin on a first.
        """
        return min(self.end(start) - start for start in _MONTH_STARTS)

    def exceeds(self, other: Lifetime) -> bool:
        """Whether this is longer than ``other`` in whichever month both begin; a session exceeds nothing."""
        if self.is_session or other.is_session or bool(self.months) == bool(other.months):
            return (self.months, self.seconds) > (other.months, other.seconds)
        return all(self.end(start) > other.end(start) for start in _MONTH_STARTS)

    def __str__(self) -> str:
        if self.is_session:
            return "session"
        if self.months:
            return _phrase(self.months, "month")
        unit, size = next((u, s) for u, s in reversed(_SECONDS.items()) if self.seconds % s == 0)
        return _phrase(self.seconds // size, unit)


def _phrase(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


SESSION = Lifetime()
_LONGEST = Lifetime(months=12 * _LONGEST_YEARS)
_MONTH_STARTS = tuple(add_months(0, month) for month in range(48))  # a leap year's February among them
