"""The figures of a ledger, as terminal, page and JSON have them alike."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from ..command import counted

if TYPE_CHECKING:
    from ...ledger.reading import Statistics


def summary(found: Statistics) -> str:
    """Return how many records there are, of how many visitors."""
    erased = f", {found.erased} erased" if found.erased else ""
    return f"{counted(found.records, 'record')} of {counted(found.subjects, 'visitor')}{erased}"


def choices_of(day: int, found: Statistics) -> int:
    """Return how many choices were made on a day."""
    return sum(found.days.get(day, {}).values())


def day_of(number: int) -> str:
    """Return a day, counted from 1970-01-01, as ISO 8601 has it."""
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
