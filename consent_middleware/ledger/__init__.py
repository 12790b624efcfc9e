"""The ledger: proof of every choice in a database, made so that tampering shows.

``open_ledger`` is what a URL given to the middleware comes to. Needs SQLAlchemy (the extra ``ledger``) and, for
PostgreSQL, psycopg (the extra ``postgresql``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from ..seal import checked_keys
from .chain import KeyRing
from .database import Database
from .errors import LedgerError
from .store import SQLLedger

__all__ = ["LedgerError", "SQLLedger", "open_ledger"]


def open_ledger(
    url: str, secret_keys: str | bytes | Iterable[str | bytes], *, spool: str | PathLike[str] | None = None
) -> SQLLedger:
    """Return the ledger in the database at ``url``, an SQLAlchemy URL; nothing connects before the first record.

    ``secret_keys`` is one key or several, oldest first. ``spool`` is the file where refusals wait while the database
    is down: by default what ``CONSENT_SPOOL`` says, else a file beside a SQLite database, else one in the folder that
    systemd names in ``STATE_DIRECTORY``, else one in the current folder. Raises ConfigurationError.
    """
    path = spool or os.environ.get("CONSENT_SPOOL")
    return SQLLedger(Database(url), KeyRing(checked_keys(secret_keys)), spool=Path(path) if path else None)
