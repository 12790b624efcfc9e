"""Connections to a store: one way to read and some to write, in SQLite, PostgreSQL and what else SQLAlchemy knows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from ..errors import ConfigurationError
from .errors import LedgerError
from .schema import VERSION, migrate, version_of

BUSY = 5
"""Seconds that a writer waits for another one's lock, or for a server to answer a connection."""

_READING = "consent_reading"


class KeptConnection:
    """A connection that is kept from one use to the next: to fetch it each time costs as much as an insertion."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None

    @contextmanager
    def lent(self) -> Generator[Connection]:
        """The connection; after a failure it will be another one."""
        if self._connection is None:
            self._connection = self._connect()
        try:
            yield self._connection
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class Database:
    """A store, connected to when it is first needed and anew in every process that is forked.

    Raises ConfigurationError for a URL that names no store, or one whose driver is missing; never connects by itself.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self._engine = self._make()
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writers = KeptConnection(self._connect_writer)
        self._left_to_parents: list[KeptConnection] = []
        self._pid = os.getpid()
        self._is_current = False

    @property
    def name(self) -> str:
        """The URL, without its password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def path(self) -> Path | None:
        """The file of a store in SQLite."""
        return Path(self.url.database) if self.dialect == "sqlite" and self.url.database else None

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @property
    def sql(self) -> Dialect:
        """What SQLAlchemy knows of the database's SQL and of its driver."""
        return self._engine.dialect

    def forget_connections_of_a_parent(self) -> bool:
        """Leave connections to the process that opened them; return whether this is another one."""
        if self._pid == os.getpid():
            return False
        self._engine.dispose(close=False)
        self._left_to_parents.append(self._writers)
        self._writers = KeptConnection(self._connect_writer)
        self._pid = os.getpid()
        return True

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """One transaction. What SQLite would refuse later it has to wait for at once, so it locks at the beginning."""
        self._bring_up_to_date()
        with explained(self), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def appending(self) -> Generator[Connection]:
        """``writing``, for the one writer of this process: no two threads at the same time."""
        if self._appends_at_once:
            with self.writing() as connection:
                yield connection
            return
        self._bring_up_to_date()
        with explained(self), self._writers.lent() as connection, connection.begin():
            yield connection

    @contextmanager
    def appending_at_once(self) -> Generator[Connection]:
        """Statements that are each a transaction of their own, and one round trip, for the one writer."""
        self._bring_up_to_date()
        with explained(self), self._writers.lent() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """The store as it stands at one moment, whatever is written meanwhile, with rows fetched as they are used."""
        self._bring_up_to_date()
        options: dict[str, Any] = {"yield_per": 1000}
        if self.dialect == "sqlite":
            options[_READING] = True
        elif self.dialect == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with explained(self), self._engine.connect().execution_options(**options) as connection:
            yield connection

    def version(self) -> int:
        """The version of the tables, 0 without any."""
        with explained(self), self._engine.connect() as connection:
            return version_of(connection)

    def release_writer(self) -> None:
        """Give back the connection that the writer keeps."""
        self._writers.give_back()

    def close(self) -> None:
        self._engine.dispose()

    @property
    def _appends_at_once(self) -> bool:
        return self.dialect == "postgresql"

    def _connect_writer(self) -> Connection:
        return (self._autocommit if self._appends_at_once else self._engine).connect()

    def _bring_up_to_date(self) -> None:
        if not self._is_current:
            with explained(self), self._connect_patiently() as connection, connection.begin():
                if version_of(connection) != VERSION:
                    migrate(connection)
            self._is_current = True

    def _connect_patiently(self) -> Connection:
        # To switch a new file to WAL, SQLite needs it for itself, and does not wait for that of its own accord.
        deadline = time.monotonic() + BUSY
        while True:
            try:
                return self._engine.connect()
            except OperationalError as error:
                if "locked" not in str(error.orig) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _make(self) -> Engine:
        arguments: dict[str, Any] = {}
        match self.url.get_backend_name():
            case "sqlite":
                arguments = {"timeout": BUSY}
            case "postgresql" if self.url.get_driver_name() == "psycopg":
                arguments = {"connect_timeout": BUSY, "tcp_user_timeout": 2000 * BUSY}
            case _:
                pass
        arguments = {name: value for name, value in arguments.items() if name not in self.url.query}
        try:
            # An error message with the parameters of a statement would carry a record into the log.
            engine = create_engine(self.url, connect_args=arguments, hide_parameters=True)
        except (ImportError, NoSuchModuleError) as error:
            raise ConfigurationError(
                f"ledger: {self.name} needs a driver that is not installed ({error}); for PostgreSQL install the extra "
                '"postgresql" and write postgresql+psycopg://…'
            ) from error
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return engine


def _checked(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigurationError(
            'ledger: the text is no URL of a database; write "sqlite:///consent.db" for a file beside the '
            'application, or "postgresql+psycopg://user:password@host/database"'
        ) from error
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigurationError(
            "ledger: a store in memory proves nothing after a restart; write the path of a file, "
            '"sqlite:///consent.db" or "sqlite:////var/lib/shop/consent.db"'
        )
    return url


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Transactions are begun by us, below.
    connection.isolation_level = None
    try:
        # Readers and writers do not wait for each other, and what was committed survives a power cut, too.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()  # SQLAlchemy forgets a connection that could not be prepared
        raise


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def explained(database: Database) -> Generator[None]:
    """Say what a damaged or full file means; everything else the driver says well enough."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig)
        if database.dialect == "sqlite" and ("malformed" in said or "not a database" in said):
            raise LedgerError(
                f"{database.name}: the file is damaged ({said}); stop the site, move the file away, put back the "
                "last good copy, or begin a new one, and verify it with: consent ledger verify"
            ) from error
        raise
