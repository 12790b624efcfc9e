"""What is in a store: single records, all of them as a stream, and numbers about them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from ..record import Record, Shown
from .database import Database
from .rows import record_of
from .schema import CONTENT, RECORDS, SHOWN, VIEWS

_DAY = 86400


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records: of one pseudonym or record id, and decided at or after an instant, before another."""

    subject: str | None = None
    record_id: str | None = None
    since: int | None = None
    until: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [RECORDS.c.record_id.is_not(None)]
        if self.subject is not None:
            found.append(RECORDS.c.subject == self.subject)
        if self.record_id is not None:
            found.append(RECORDS.c.record_id == self.record_id)
        if self.since is not None:
            found.append(RECORDS.c.decided_at >= self.since)
        if self.until is not None:
            found.append(RECORDS.c.decided_at < self.until)
        return found


EVERYTHING = Selection()


def records(database: Database, selection: Selection = EVERYTHING) -> Iterator[Record]:
    """Yield records, oldest first, as the store stands now; memory does not grow with their number."""
    wanted = select(*CONTENT).where(*selection.conditions()).order_by(RECORDS.c.decided_at)
    with database.reading() as connection:
        for row in connection.execute(wanted):
            yield record_of(row)


def count(database: Database, selection: Selection = EVERYTHING) -> int:
    """Return how many records there are."""
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(RECORDS).where(*selection.conditions())) or 0


def named(database: Database, name: str) -> list[Record]:
    """Return the records whose id or pseudonym begins with ``name``, oldest first, at most a hundred."""
    begins = or_(*(column.startswith(name, autoescape=True) for column in (RECORDS.c.record_id, RECORDS.c.subject)))
    wanted = select(*CONTENT).where(begins).order_by(RECORDS.c.decided_at).limit(100)
    with database.reading() as connection:
        return [record_of(row) for row in connection.execute(wanted)]


def shown(database: Database, ui_hash: str) -> bytes | None:
    """Return the document that was shown under this hash, None when it is not kept."""
    with database.reading() as connection:
        document: bytes | None = connection.scalar(select(SHOWN.c.document).where(SHOWN.c.hash == ui_hash))
        return document


def all_shown(database: Database) -> Iterator[Shown]:
    """Yield every document that was shown."""
    with database.reading() as connection:
        for hash_, document in connection.execute(select(SHOWN.c.hash, SHOWN.c.document)):
            yield Shown(hash_, document)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of records. Days are ISO dates in UTC; ``categories`` counts yes and no for each."""

    records: int
    erased: int
    subjects: int
    states: dict[str, int]
    mechanisms: dict[str, int]
    languages: dict[str, int]
    categories: dict[str, tuple[int, int]]
    days: dict[int, dict[str, int]]
    views: dict[int, int]


def statistics(database: Database, selection: Selection = EVERYTHING) -> Statistics:
    """Count records by what was decided, how, and when; the database does the counting."""
    where = selection.conditions()

    def by(*columns: ColumnElement[Any]) -> Any:
        return select(*columns, func.count()).where(*where).group_by(*columns)

    with database.reading() as connection:

        def rows(statement: Any) -> Any:
            return connection.execute(statement)

        day = RECORDS.c.decided_at // _DAY
        days: dict[int, dict[str, int]] = {}
        for number, state, times in rows(by(day, RECORDS.c.state).order_by(day)):
            days.setdefault(int(number), {})[state] = times
        return Statistics(
            records=sum(times for states in days.values() for times in states.values()),
            erased=rows(select(func.count()).where(RECORDS.c.erased_at.is_not(None))).scalar_one(),
            subjects=rows(select(func.count(RECORDS.c.subject.distinct())).where(*where)).scalar_one(),
            states=_counts(rows(by(RECORDS.c.state)).all()),
            mechanisms=_counts(rows(by(RECORDS.c.mechanism)).all()),
            languages=_counts(rows(by(RECORDS.c.language)).all()),
            categories=_by_category(rows(by(RECORDS.c.choices)).all()),
            days=days,
            views=_views(rows(select(VIEWS.c.day, VIEWS.c.views).order_by(VIEWS.c.day)).all(), selection),
        )


def _counts(rows: Sequence[Any]) -> dict[str, int]:
    return dict(sorted(((name, times) for name, times in rows), key=lambda pair: (-pair[1], pair[0])))


def _by_category(rows: Sequence[Any]) -> dict[str, tuple[int, int]]:
    counts: dict[str, list[int]] = {}
    for choices, times in rows:
        for name, granted in json.loads(choices).items():
            counts.setdefault(name, [0, 0])[not granted] += times
    return {name: (yes, no) for name, (yes, no) in sorted(counts.items())}


def _views(rows: Sequence[Any], selection: Selection) -> dict[int, int]:
    since, until = selection.since or 0, selection.until
    return {day: views for day, views in rows if (day + 1) * _DAY > since and (until is None or day * _DAY < until)}
