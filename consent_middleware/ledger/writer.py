"""The one who writes into a chain: each process its own, so that nobody waits for another's link."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from ..decision import ONE_CLICK
from ..record import Record, Repeated
from .chain import ChainKey, Link
from .database import Database
from .errors import LedgerError
from .rows import NAMES, values_of
from .schema import CHAINS, RECORDS
from .statements import BY_ID, Prepared, Statements, first_click

_ATTEMPTS = 20
"""Two writers that open a chain at the same moment want the same number, and one of them takes the next."""


@dataclass(frozen=True, slots=True)
class Chain:
    """An open chain: its number in the store, and how far it reaches."""

    number: int
    end: Link


class _Moved(Exception):
    """Somebody else has written into our chain, or it is gone: a store that was put back from a copy, perhaps."""


class Writer:
    """Appends records to a chain that is opened with the first of them. Threads take turns."""

    def __init__(self, database: Database, key: ChainKey, now: Callable[[], float]) -> None:
        self._database = database
        self._key = key
        self._now = now
        self._chain: Chain | None = None
        self._lock = threading.Lock()
        self._statements = Statements(database.sql)

    def append(self, records: Sequence[Record]) -> int:
        """Store what was just decided, all of it or nothing, and return how many records were new.

        What was stored before is known by its record id. Raises Repeated when the only record is the second click of
        one that was stored, and what the driver raises.
        """
        rows = [values_of(record) for record in records]
        if len(rows) == 1:
            return self._patiently(lambda: self._append_one(rows[0]))
        return self._patiently(lambda: self._append_all(rows, clicks=True))

    def take_in(self, records: Sequence[Record]) -> int:
        """Store what was decided earlier, all of it or nothing, and return how many records were new."""
        rows = [values_of(record) for record in records]
        return self._patiently(lambda: self._append_all(rows, clicks=False))

    def close(self) -> None:
        """Give back the connection that is kept; the next record gets another."""
        with self._lock:
            self._database.release_writer()

    def _patiently(self, append: Callable[[], int]) -> int:
        """Append to another chain when this one cannot be gone on with, and once more when the connection broke."""
        was_cut_off = False
        with self._lock:
            for _ in range(_ATTEMPTS):
                try:
                    return append()
                except Repeated:
                    raise
                except (IntegrityError, _Moved):
                    self._chain = None
                except DBAPIError as error:
                    # Whether it was stored cannot be known, nor where the chain ends. A server that was restarted, or
                    # that closes idle connections, deserves a second attempt: what was stored will be found to be.
                    self._chain = None
                    if was_cut_off or not error.connection_invalidated:
                        raise
                    was_cut_off = True
                except BaseException:
                    self._chain = None
                    raise
            raise LedgerError(f"no chain could be opened in {_ATTEMPTS} attempts; other writers were always faster")

    def _append_one(self, row: dict[str, Any]) -> int:
        chain, at_once = self._chain, self._statements.insertion_and_move
        if chain is not None and at_once is not None:
            stored = self._append_at_once(chain, row, at_once)
        else:
            stored = self._append_all([row], clicks=True)
        if not stored and not self._is_known(row):
            raise _Moved
        return stored

    def _append_at_once(self, chain: Chain, row: dict[str, Any], statement: Prepared) -> int:
        """Store the row and move the head in one statement, which is one round trip."""
        linked, end = self._linked(chain, row)
        values = {**_row(linked), **_head(self._key, chain, end), **_click(row)}
        with self._database.appending_at_once() as connection:
            stored = statement.run(connection, values)
        if stored:
            self._chain = replace(chain, end=end)
        return stored

    def _append_all(self, rows: Sequence[dict[str, Any]], *, clicks: bool) -> int:
        with self._database.appending() as connection:
            start = chain = self._chain or self._open(connection)
            for row in rows:
                linked, end = self._linked(chain, row)
                if self._insert(connection, linked, clicks=clicks):
                    chain = replace(chain, end=end)
            if chain != start and not self._statements.move.run(connection, _head(self._key, start, chain.end)):
                raise _Moved
        self._chain = chain
        return chain.end.position - start.end.position

    def _insert(self, connection: Connection, linked: dict[str, Any], *, clicks: bool) -> bool:
        """Insert a row unless the record is there already or, with ``clicks``, is only a second click."""
        statement = self._statements.insertion_of_a_click if clicks else self._statements.insertion
        if statement is not None:
            return statement.run(connection, {**_row(linked), **_click(linked)}) == 1
        # Where SQL has no words for it, nobody else must be inserting the same record at the same moment.
        if connection.scalar(BY_ID, linked) is not None:
            return False
        if clicks and connection.scalar(first_click(RECORDS.c.chain), _click(linked)) is not None:
            return False
        connection.execute(insert(RECORDS), linked)
        return True

    def _linked(self, chain: Chain, row: dict[str, Any]) -> tuple[dict[str, Any], Link]:
        seal = self._key.seal([row[name] for name in NAMES])
        end = Link(chain.end.position + 1, self._key.link(chain.end.link, seal))
        place = {"chain": chain.number, "position": end.position, "seal": seal, "link": end.link}
        return {**place, "erased_at": None, "erasure": None, **row}, end

    def _open(self, connection: Connection) -> Chain:
        last = connection.execute(select(CHAINS.c.chain, CHAINS.c.opening).order_by(CHAINS.c.chain.desc()).limit(1))
        number, previous = last.one_or_none() or (0, b"")
        number += 1
        writer, opened_at = secrets.token_hex(8), int(self._now())
        opening = self._key.opening(number, writer, opened_at, previous)
        start = Link(0, opening)
        connection.execute(
            insert(CHAINS).values(
                chain=number,
                writer=writer,
                key_id=self._key.id,
                opened_at=opened_at,
                opening=opening,
                position=0,
                link=opening,
                head=self._key.head(number, start),
                base_position=0,
                base_link=opening,
                base=None,
            )
        )
        return Chain(number, start)

    def _is_known(self, row: dict[str, Any]) -> bool:
        """Whether the record is in the store; raises Repeated if that of an earlier click on the same choice is."""
        with self._database.reading() as connection:
            if connection.scalar(BY_ID, row) is not None:
                return True
            instant = connection.scalar(first_click(func.max(RECORDS.c.decided_at)), _click(row))
        if instant is not None:
            raise Repeated(instant)
        return False


def _head(key: ChainKey, chain: Chain, end: Link) -> dict[str, Any]:
    return {
        "in_chain": chain.number,
        "was_at": chain.end.position,
        "end_position": end.position,
        "end_link": end.link,
        "end_head": key.head(chain.number, end),
    }


def _row(linked: dict[str, Any]) -> dict[str, Any]:
    # SQLAlchemy keeps the names of the columns for itself.
    return {f"row_{name}": value for name, value in linked.items()}


def _click(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "click_subject": row["subject"],
        "click_from": row["decided_at"] - ONE_CLICK,
        "click_id": row["record_id"],
        "click_previous": row["previous"] or "",
        "click_choices": row["choices"],
    }
