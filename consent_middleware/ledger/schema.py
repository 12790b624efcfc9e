"""The tables, and the steps by which a store of an older version becomes one of this version.

Alembic is not used: it wants an environment in the user's project and a command that somebody runs, where this has to
happen by itself when the first choice arrives, in any of several processes. What is left of it is short: steps with
numbers, each run once, in one transaction, under a lock. Steps only add, so that processes of the release before,
which still run while a new one starts, keep working.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    func,
    inspect,
    select,
    text,
)

from .errors import LedgerError

METADATA = MetaData()

VERSIONS = Table("consent_schema", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))

CHAINS = Table(
    "consent_chain",
    METADATA,
    Column("chain", Integer, primary_key=True, autoincrement=False),
    Column("writer", String(32), nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("opening", LargeBinary(32), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("link", LargeBinary(32), nullable=False),
    Column("head", LargeBinary(32), nullable=False),
    Column("base_position", BigInteger, nullable=False),
    Column("base_link", LargeBinary(32), nullable=False),
    Column("base", String(96)),
)
"""One row for each writer: where its chain begins (after what was purged) and how far it reaches, both signed."""

CONTENT = (
    Column("schema", SmallInteger),
    Column("record_id", String(64), unique=True),
    Column("subject", String(64)),
    Column("previous", String(64)),
    Column("state", String(16)),
    Column("choices", Text),
    Column("decided_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("mechanism", String(64)),
    Column("source", String(16)),
    Column("policy_version", Text),
    Column("fingerprint", String(64)),
    Column("ui_hash", String(64)),
    Column("language", String(35)),
    Column("host", String(255)),
    Column("gpc", SmallInteger),
    Column("middleware_version", String(64)),
)
"""The fields of a record, in the order in which they are sealed; all of them are empty once it is erased."""

RECORDS = Table(
    "consent_record",
    METADATA,
    Column("chain", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("seal", LargeBinary(32), nullable=False),
    Column("link", LargeBinary(32), nullable=False),
    Column("erased_at", BigInteger),
    Column("erasure", String(96)),
    *CONTENT,
    Index("consent_record_subject", "subject"),
    Index("consent_record_decided_at", "decided_at"),
)

SHOWN = Table(
    "consent_shown",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

VIEWS = Table(
    "consent_view",
    METADATA,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("views", BigInteger, nullable=False),
)
"""How often the question was shown on each day (days since 1970-01-01, UTC): a number, and nothing about anybody."""


def _first(connection: Connection) -> None:
    METADATA.create_all(connection, [CHAINS, RECORDS, SHOWN], checkfirst=True)


def _counting_views(connection: Connection) -> None:
    METADATA.create_all(connection, [VIEWS], checkfirst=True)


STEPS: Mapping[int, Callable[[Connection], None]] = {1: _first, 2: _counting_views}
"""What makes each version out of the one before it."""

VERSION = max(STEPS)

# Any number will do that no other program on the same database takes its locks with.
_LOCK = 0x636F6E73656E74


def migrate(connection: Connection, *, to: int = VERSION) -> None:
    """Bring the store to this version, in the transaction of ``connection``. Raises LedgerError if it is newer."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = version_of(connection)
    if found > VERSION:
        raise LedgerError(
            f"the store has version {found} and this release knows versions up to {VERSION}; "
            "it was opened by a newer release, so run that one"
        )
    VERSIONS.create(connection, checkfirst=True)
    for number in range(found + 1, to + 1):
        STEPS[number](connection)
        connection.execute(VERSIONS.insert().values(version=number))


def version_of(connection: Connection) -> int:
    """Return the version of a store, 0 where there is none."""
    if not inspect(connection).has_table(VERSIONS.name):
        return 0
    version: int | None = connection.scalar(select(func.max(VERSIONS.c.version)))
    return version or 0
