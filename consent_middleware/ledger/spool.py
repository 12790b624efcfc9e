"""Where refusals wait while the store is down: a file beside the application, safe with several processes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from ..record import Record

_BUSY = 5
_BATCH = 100


class Spool:
    """Records in the order in which they came, kept through a crash of the process and of the machine.

    The file comes into being with the first record. It is read with the standard library alone, so that it does not
    share the fate of the store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, records: Sequence[Record]) -> None:
        """Keep records; they are on the disk on return. Raises sqlite3.Error when they cannot be."""
        with closing(self._open()) as connection, connection:
            connection.executemany(
                "INSERT OR IGNORE INTO spool (record_id, record) VALUES (?, ?)",
                [(record.record_id, json.dumps(record.as_dict())) for record in records],
            )

    def __bool__(self) -> bool:
        """Whether anything waits. Costs a look at the file system where nothing ever did."""
        return self.path.exists() and bool(len(self))

    def __len__(self) -> int:
        if not self.path.exists():
            return 0
        with closing(self._open()) as connection:
            return int(connection.execute("SELECT count(*) FROM spool").fetchone()[0])

    def deliver(self, append: Callable[[Sequence[Record]], object]) -> int:
        """Hand over what waits, in order, and return how much that was.

        A record leaves the file after ``append`` has returned. Whoever is interrupted in between, or delivers at the
        same time, hands it over twice, and the ledger knows it by its id.
        """
        delivered = 0
        while self.path.exists():
            with closing(self._open()) as connection:
                waiting = connection.execute("SELECT n, record FROM spool ORDER BY n LIMIT ?", (_BATCH,)).fetchall()
                if not waiting:
                    break
                append([Record.from_dict(json.loads(record)) for _, record in waiting])
                with connection:
                    connection.executemany("DELETE FROM spool WHERE n = ?", [(n,) for n, _ in waiting])
                delivered += len(waiting)
        return delivered

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY)
        try:
            # The rollback journal, unlike WAL, leaves one plain file behind.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS spool "
                "(n INTEGER PRIMARY KEY AUTOINCREMENT, record_id TEXT UNIQUE NOT NULL, record TEXT NOT NULL)"
            )
        except BaseException:
            connection.close()
            raise
        return connection
