"""The one who writes into a chain: each process its own, so that nobody waits for another's link."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    String,
    Update,
    bindparam,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError

from ..decision import ONE_CLICK
from ..record import Record, Repeated
from .chain import ChainKey, Link
from .database import Database
from .errors import LedgerError
from .rows import NAMES, values_of
from .schema import CHAINS, RECORDS

_ATTEMPTS = 20
"""Two writers that open a chain at the same moment want the same number, and one of them takes the next."""

_COUNTED = {"preserve_rowcount": True}


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
        chain = self._chain
        if chain is not None and self._database.dialect == "postgresql":
            stored = self._append_at_once(chain, row)
        else:
            stored = self._append_all([row], clicks=True)
        if not stored and not self._is_known(row):
            raise _Moved
        return stored

    def _append_at_once(self, chain: Chain, row: dict[str, Any]) -> int:
        """Store the row and move the head in one statement, which is one round trip."""
        linked, end = self._linked(chain, row)
        values = {**_row(linked), **_head(self._key, chain, end), **_click(row)}
        with self._database.writing_at_once() as connection:
            stored = connection.execute(_insert_and_move_in_postgresql(), values).rowcount
        if stored:
            self._chain = replace(chain, end=end)
        return stored

    def _append_all(self, rows: Sequence[dict[str, Any]], *, clicks: bool) -> int:
        with self._database.writing() as connection:
            start = chain = self._chain or self._open(connection)
            for row in rows:
                linked, end = self._linked(chain, row)
                if _insert(connection, linked, clicks=clicks):
                    chain = replace(chain, end=end)
            if chain != start and connection.execute(_move(), _head(self._key, start, chain.end)).rowcount != 1:
                raise _Moved
        self._chain = chain
        return chain.end.position - start.end.position

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
            if connection.scalar(_BY_ID, row) is not None:
                return True
            instant = connection.scalar(_first_click(func.max(RECORDS.c.decided_at)), _click(row))
        if instant is not None:
            raise Repeated(instant)
        return False


def _insert(connection: Connection, linked: dict[str, Any], *, clicks: bool) -> bool:
    """Insert a row unless the record is there already or, with ``clicks``, is only a second click."""
    statement = _insert_unless_known(connection.dialect.name, clicks)
    if statement is not None:
        values = {**_row(linked), **_click(linked)} if clicks else _row(linked)
        return connection.execute(statement, values, execution_options=_COUNTED).rowcount == 1
    # Where SQL has no words for it, nobody else must be inserting the same record at the same moment.
    if connection.scalar(_BY_ID, linked) is not None:
        return False
    if clicks and connection.scalar(_first_click(RECORDS.c.chain), _click(linked)) is not None:
        return False
    connection.execute(insert(RECORDS), linked)
    return True


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


# Each statement is made once: SQLAlchemy then compiles it once, too.

_BY_ID = select(RECORDS.c.chain).where(RECORDS.c.record_id == bindparam("record_id", type_=String))


def _first_click(what: Any) -> Select[Any]:
    """Select the same answer by the same visitor to the same state of things, given a moment earlier."""
    # Nothing before a first choice is NULL, which equals nothing in SQL.
    return select(what).where(
        RECORDS.c.subject == bindparam("click_subject", type_=String),
        RECORDS.c.decided_at >= bindparam("click_from", type_=BigInteger),
        RECORDS.c.record_id != bindparam("click_id", type_=String),
        func.coalesce(RECORDS.c.previous, "") == bindparam("click_previous", type_=String),
        RECORDS.c.choices == bindparam("click_choices", type_=String),
    )


@cache
def _insert_unless_known(dialect: str, clicks: bool, in_place: bool = False) -> Any:
    """The insertion of a row that is not there; None where SQL has no such thing.

    With ``clicks`` a second click is not inserted either, with ``in_place`` nothing unless the chain stands where its
    writer left it.
    """
    match dialect:
        case "sqlite":
            insertion: Any = sqlite.insert(RECORDS)
        case "postgresql":
            insertion = postgresql.insert(RECORDS)
        case _:
            return None
    # A SELECT without a condition would leave SQLite in doubt about what ON CONFLICT belongs to.
    row = select(*(bindparam(f"row_{column.name}", type_=column.type) for column in RECORDS.c)).where(true())
    if clicks:
        row = row.where(~exists(_first_click(RECORDS.c.chain)))
    if in_place:
        row = row.where(exists(select(CHAINS.c.chain).where(*_where_it_was_left())))
    return insertion.from_select(list(RECORDS.c), row).on_conflict_do_nothing(index_elements=["record_id"])


def _where_it_was_left() -> tuple[ColumnElement[bool], ...]:
    return CHAINS.c.chain == bindparam("in_chain"), CHAINS.c.position == bindparam("was_at")


@cache
def _move() -> Update:
    """The head of a chain, moved from where its writer left it."""
    end: dict[str, BindParameter[Any]] = {
        "position": bindparam("end_position"),
        "link": bindparam("end_link"),
        "head": bindparam("end_head"),
    }
    return update(CHAINS).where(*_where_it_was_left()).values(end)


@cache
def _insert_and_move_in_postgresql() -> Update:
    insertion = _insert_unless_known("postgresql", clicks=True, in_place=True)
    stored = insertion.returning(literal(1).label("one")).cte("stored")
    return _move().where(exists(select(stored.c.one)))
