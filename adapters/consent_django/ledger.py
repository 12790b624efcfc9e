"""A ledger in one of Django's databases: ``CONSENT = {"LEDGER": "default"}``.

It is the ledger that a URL names, with the same tables, chains and statements, and so ``consent ledger verify`` and the
others work on it by its URL. Only the connection is Django's own: SQLAlchemy writes the SQL, and a cursor of
``connections[alias]`` runs it. So the settings of DATABASES hold to the last option, the tables are in the test
database during tests and rolled back with a TestCase, and there is no second pool of connections. An engine on a URL
made from those settings would have had none of that, and in SQLite it would have to wait for whatever transaction the
same thread has open.

What is written is committed when ``append`` returns. The middleware stands outside ATOMIC_REQUESTS; should something
further out have opened a transaction nevertheless, nothing is stored, and nothing granted, because a record that can
still be rolled back proves nothing. Tables are made by ``manage.py migrate``, never by the first choice.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.db import connections, transaction
from django.db import utils as django_errors
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGDialect, PGExecutionContext
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.pool import NullPool

from consent_middleware import ConfigurationError
from consent_middleware.ledger import LedgerError, SQLLedger
from consent_middleware.ledger.chain import KeyRing
from consent_middleware.ledger.database import Database, explained
from consent_middleware.ledger.schema import VERSION, version_of
from consent_middleware.ledger.store import Courier

VENDORS = ("sqlite", "postgresql")

# Django begins with a plain BEGIN, and then SQLite refuses at once, without waiting, who has read before writing if
# somebody else wrote meanwhile. So the first statement is one that takes the lock, and changes nothing.
_LOCK_SQLITE = "UPDATE consent_schema SET version = version WHERE version < 0"

_AS_OF_NOW = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


def open_ledger(alias: str, secret_keys: Sequence[bytes]) -> DjangoLedger:
    """Return the ledger in a database of DATABASES; nothing connects before the first record.

    ``CONSENT_SPOOL`` is the file where refusals wait, as it is for a ledger with a URL. Raises ConfigurationError.
    """
    path = os.environ.get("CONSENT_SPOOL")
    return DjangoLedger(alias, KeyRing(secret_keys), spool=Path(path) if path else None)


class DjangoDatabase(Database):
    """One of DATABASES, by its alias. Raises ConfigurationError for one in which no ledger can be kept."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        settings = self._wrapper.settings_dict
        if self._wrapper.vendor not in VENDORS:
            raise ConfigurationError(
                f'CONSENT["LEDGER"]: {alias!r} is a database of {settings["ENGINE"]}, and a ledger is kept in SQLite '
                "or PostgreSQL; name another database, or write a URL"
            )
        if not settings.get("AUTOCOMMIT", True):
            raise ConfigurationError(
                f'CONSENT["LEDGER"]: DATABASES[{alias!r}] has AUTOCOMMIT off, and what nobody commits is no proof; '
                "name another database, or write a URL"
            )
        super().__init__(f"{self._wrapper.vendor}+consent_django:///{alias}")

    @property
    def name(self) -> str:
        settings = self._wrapper.settings_dict
        return f"DATABASES[{self.alias!r}] ({settings.get('HOST') or ''}/{settings['NAME']})"

    @property
    def path(self) -> Path | None:
        name = str(self._wrapper.settings_dict["NAME"])
        is_file = self.dialect == "sqlite" and name != ":memory:" and not name.startswith("file:")
        return Path(name) if is_file else None

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """One transaction, and never a part of another. What SQLite would refuse later it waits for at once."""
        self._prepare()
        with explained(self), transaction.atomic(using=self.alias, durable=True), self._engine.connect() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql(_LOCK_SQLITE)
            yield connection

    @contextmanager
    def appending(self) -> Generator[Connection]:
        """``writing``: the connection is kept by Django."""
        with self.writing() as connection:
            yield connection

    @contextmanager
    def appending_at_once(self) -> Generator[Connection]:
        """Statements that are each a transaction of their own, and one round trip."""
        if self._wrapper.in_atomic_block:
            with self.writing() as connection:  # a TestCase allows it; whatever else has begun one does not
                yield connection
            return
        self._prepare()
        with explained(self), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """The store as it stands at one moment, whatever is written meanwhile, with rows fetched as they are used."""
        self._prepare()
        is_within = self._wrapper.in_atomic_block
        with explained(self), transaction.atomic(using=self.alias):
            if self.dialect == "postgresql" and not is_within:
                with self._wrapper.cursor() as cursor:
                    cursor.execute(_AS_OF_NOW)
            with self._engine.connect().execution_options(yield_per=1000) as connection:
                yield connection

    def version(self) -> int:
        """The version of the tables, 0 without any."""
        with explained(self), self._engine.connect() as connection:
            return version_of(connection)

    @contextmanager
    def visiting(self) -> Generator[None]:
        """Work in a thread of our own, where no end of a request closes the connection that is opened in it."""
        was_open = self._wrapper.connection is not None
        try:
            yield
        finally:
            if not was_open:
                self._wrapper.close()

    @property
    def _wrapper(self) -> Any:
        return connections[self.alias]

    def _prepare(self) -> None:
        if self._wrapper.errors_occurred:
            self._wrapper.close_if_unusable_or_obsolete()
        if not self._is_current:
            self._look_at_version()
            self._is_current = True

    def _look_at_version(self) -> None:
        found = self.version()
        if found != VERSION:
            raise LedgerError(
                f"the tables of the ledger in {self.name} have version {found}, and this release needs {VERSION}; "
                f"run: python manage.py migrate --database {self.alias}"
            )

    def _make(self) -> Engine:
        # Django opens and closes connections, so there is nothing to pool.
        return create_engine(
            self.url,
            module=_dbapi(self._wrapper),
            creator=lambda: _Borrowed(self._wrapper),
            poolclass=NullPool,
            hide_parameters=True,
        )


class DjangoLedger(SQLLedger):
    """A ledger in a database of Django's. Raises ConfigurationError as DjangoDatabase does."""

    def __init__(self, alias: str, keys: KeyRing, *, spool: Path | None = None) -> None:
        self._database = DjangoDatabase(alias)
        super().__init__(self._database, keys, spool=spool)

    def _add_views(self, counts: Mapping[int, int]) -> None:
        with self._database.visiting():
            super()._add_views(counts)

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._courier = Courier(self._deliver_and_leave)

    def _deliver_and_leave(self) -> int:
        with self._database.visiting():
            return self.deliver()


class _Borrowed:
    """Django's connection of this thread as SQLAlchemy sees it: good for cursors; transactions are begun elsewhere."""

    def __init__(self, wrapper: Any) -> None:
        self._wrapper = wrapper

    def cursor(self) -> Any:
        return self._wrapper.cursor()

    def chunked_cursor(self) -> Any:
        return self._wrapper.chunked_cursor()

    @property
    def is_cut_off(self) -> bool:
        raw = self._wrapper.connection
        return raw is None or bool(getattr(raw, "closed", False))  # sqlite3 has no such thing

    def commit(self) -> None:
        """Leave it to Django."""

    def rollback(self) -> None:
        """Leave it to Django."""

    def close(self) -> None:
        """Leave it to Django."""


def _dbapi(wrapper: Any) -> Any:
    """What SQLAlchemy wants to know of a driver, with the errors that Django makes of every driver's."""
    names = ("Error", "InterfaceError", "DatabaseError", "DataError", "OperationalError", "IntegrityError")
    more = ("InternalError", "ProgrammingError", "NotSupportedError")
    return SimpleNamespace(
        paramstyle="pyformat",
        Binary=wrapper.Database.Binary,
        sqlite_version_info=sqlite3.sqlite_version_info,
        **{name: getattr(django_errors, name) for name in (*names, *more)},
    )


class SQLiteOverDjango(SQLiteDialect):
    """SQLite through Django's cursors, which stream anyway."""

    driver = "consent_django"
    supports_statement_cache = True


class _Streaming(PGExecutionContext):
    def create_server_side_cursor(self) -> Any:
        borrowed: Any = self._dbapi_connection.dbapi_connection
        return borrowed.chunked_cursor()


class PostgreSQLOverDjango(PGDialect):
    """PostgreSQL through Django's cursors, those on the server for what is read row by row."""

    driver = "consent_django"
    supports_statement_cache = True
    supports_server_side_cursors = True
    execution_ctx_cls = _Streaming

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        return connection is not None and bool(connection.is_cut_off)


registry.register("sqlite.consent_django", __name__, "SQLiteOverDjango")
registry.register("postgresql.consent_django", __name__, "PostgreSQLOverDjango")
