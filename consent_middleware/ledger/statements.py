"""The statements by which records are stored, in the words of each database.

A choice is stored by one or two of them, always the same. So each is put into SQL once for a store, and run as text
from then on: what SQLAlchemy does for every execution of a statement costs more than the insertion itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ClauseElement,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    String,
    Update,
    bindparam,
    exists,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from .schema import CHAINS, RECORDS

BY_ID = select(RECORDS.c.chain).where(RECORDS.c.record_id == bindparam("record_id", type_=String))
"""The chain that a record is in; takes ``record_id``."""


class Prepared:
    """A statement that changes rows, as text for one kind of database."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._constants: dict[str, Any] = compiled.params
        self._order: list[str] | None = compiled.positiontup
        self._converters = _converters(compiled.binds, dialect)

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Return how many rows were changed."""
        given = {**self._constants, **values}
        for name, convert in self._converters:
            given[name] = convert(given[name])
        if self._order is None:
            return connection.exec_driver_sql(self._text, given).rowcount
        return connection.exec_driver_sql(self._text, tuple([given[name] for name in self._order])).rowcount


def _converters(
    parameters: Mapping[str, BindParameter[Any]], dialect: Dialect
) -> list[tuple[str, Callable[[Any], Any]]]:
    """What a driver wants done to some values before it takes them, octets above all."""
    found = {name: each.type.dialect_impl(dialect).bind_processor(dialect) for name, each in parameters.items()}
    return [(name, convert) for name, convert in found.items() if convert is not None]


class Statements:
    """The statements for one kind of database. Each takes what ``row``, ``click`` and ``head`` of the writer give."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @cached_property
    def insertion(self) -> Prepared | None:
        """The insertion of a row whose record is not there; None where SQL has no such thing."""
        return self._prepared(_insertion(self._dialect.name))

    @cached_property
    def insertion_of_a_click(self) -> Prepared | None:
        """The same, unless it is the second click of a record that is there."""
        return self._prepared(_insertion(self._dialect.name, ~exists(first_click(RECORDS.c.chain))))

    @cached_property
    def move(self) -> Prepared:
        """The head of a chain, moved from where its writer left it."""
        return Prepared(_move(), self._dialect)

    @cached_property
    def insertion_and_move(self) -> Prepared | None:
        """The insertion of a click and the move of the head, in one statement, where SQL has such a thing."""
        if self._dialect.name != "postgresql":
            return None
        is_in_place = exists(select(CHAINS.c.chain).where(*_where_it_was_left()))
        insertion = _insertion("postgresql", ~exists(first_click(RECORDS.c.chain)), is_in_place)
        stored = insertion.returning(literal(1).label("one")).cte("stored")
        return Prepared(_move().where(exists(select(stored.c.one))), self._dialect)

    def _prepared(self, statement: ClauseElement | None) -> Prepared | None:
        return None if statement is None else Prepared(statement, self._dialect)


def first_click(what: Any) -> Select[Any]:
    """Select the same answer by the same visitor to the same state of things, given a moment earlier."""
    # Nothing before a first choice is NULL, which equals nothing in SQL.
    return select(what).where(
        RECORDS.c.subject == bindparam("click_subject", type_=String),
        RECORDS.c.decided_at >= bindparam("click_from", type_=BigInteger),
        RECORDS.c.record_id != bindparam("click_id", type_=String),
        func.coalesce(RECORDS.c.previous, "") == bindparam("click_previous", type_=String),
        RECORDS.c.choices == bindparam("click_choices", type_=String),
    )


def _insertion(dialect: str, *conditions: ColumnElement[bool]) -> Any:
    match dialect:
        case "sqlite":
            insertion: Any = sqlite.insert(RECORDS)
        case "postgresql":
            insertion = postgresql.insert(RECORDS)
        case _:
            return None
    # SQLAlchemy keeps the names of the columns for itself. A SELECT without a condition would leave SQLite in doubt
    # about what ON CONFLICT belongs to.
    row = select(*(bindparam(f"row_{column.name}", type_=column.type) for column in RECORDS.c))
    insertion = insertion.from_select(list(RECORDS.c), row.where(true(), *conditions))
    return insertion.on_conflict_do_nothing(index_elements=["record_id"])


def _where_it_was_left() -> tuple[ColumnElement[bool], ...]:
    return CHAINS.c.chain == bindparam("in_chain"), CHAINS.c.position == bindparam("was_at")


def _move() -> Update:
    end: dict[str, BindParameter[Any]] = {
        "position": bindparam("end_position"),
        "link": bindparam("end_link"),
        "head": bindparam("end_head"),
    }
    return update(CHAINS).where(*_where_it_was_left()).values(end)
