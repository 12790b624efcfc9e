"""The ledger in a database: what the middleware calls when a visitor has chosen, and asks when one wants to know."""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from ..lifetime import Lifetime
from ..record import Record, Shown
from ..views import Views
from . import erasure
from .chain import KeyRing
from .database import Database
from .rows import record_of
from .schema import CONTENT, RECORDS, SHOWN, VIEWS
from .spool import Spool
from .writer import Writer

logger = logging.getLogger("consent_middleware")

_LONGEST_WAIT = 60.0
_FETCHED_AFTER = 30.0


class SQLLedger:
    """Keeps records in a database, in chains of HMACs, and refusals beside it while it is down.

    Nothing connects before the first record; see ``open_ledger`` for how one is made. Safe with threads, with several
    processes and across fork.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        *,
        spool: Path | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.keys = keys
        self.spool = Spool(spool or _beside(database))
        self._now = now
        self._tallies: list[Tally] = []
        self._begin_anew()

    def append(self, records: Sequence[Record]) -> None:
        """Store records durably, after those that had to wait. Raises when they are not stored, Repeated included."""
        self._notice_a_fork()
        if self.spool:
            self.deliver()
        self._writer.append(records)

    def take_in(self, records: Sequence[Record]) -> int:
        """Store records that were made elsewhere and return how many were new; nothing is a second click here."""
        self._notice_a_fork()
        return self._writer.take_in(records)

    def purge(self, retention: Lifetime) -> int:
        """Remove the records that ended longer ago than ``retention`` and return how many rows that were."""
        return sum(erasure.purge(self.database, self.keys.newest, retention, int(self._now())))

    def keep(self, shown: Iterable[Shown]) -> None:
        """Remember what was shown, once for each content."""
        self._notice_a_fork()
        for each in shown:
            if each.hash not in self._kept:
                self._keep(each)
                self._kept.add(each.hash)

    def defer(self, records: Sequence[Record]) -> None:
        """Keep records in the spool. They are delivered before the next record is stored, or when the store is back."""
        self._notice_a_fork()
        self.spool.put(records)
        self._courier.call()

    def deliver(self) -> int:
        """Store what waits in the spool, in order, and return how much that was. Raises as ``append`` does."""
        return self.spool.deliver(self._writer.take_in)

    def records_of(self, subject: str) -> list[Record]:
        """Return every record of one pseudonym, oldest first."""
        self._notice_a_fork()
        if self.spool:
            self.deliver()
        wanted = select(*CONTENT).where(RECORDS.c.subject == subject)
        with self.database.reading() as connection:
            rows = connection.execute(wanted.order_by(RECORDS.c.decided_at, RECORDS.c.chain, RECORDS.c.position))
            return [record_of(row) for row in rows]

    def erase(self, subject: str) -> int:
        """Empty every record of one pseudonym and return how many there were; the chains still verify."""
        self._notice_a_fork()
        if self.spool:
            self.deliver()
        with self.database.writing() as connection:
            return erasure.erase(connection, self.keys.newest, RECORDS.c.subject == subject, int(self._now()))

    def count(self, views: Views) -> None:
        """Fetch what ``views`` counts twice a minute while there is anything, and when the process ends."""
        tally = Tally(views, self._add_views)
        views.on_first = tally.wait
        atexit.register(tally.fetch)
        self._tallies.append(tally)

    def close(self) -> None:
        """Close every connection. The ledger opens new ones if it is used again."""
        for tally in self._tallies:
            tally.fetch()
        self._courier.dismiss()
        self._writer.close()
        self.database.close()

    def _keep(self, shown: Shown) -> None:
        with self.database.reading() as connection:
            if connection.scalar(select(SHOWN.c.hash).where(SHOWN.c.hash == shown.hash)):
                return
        try:
            with self.database.writing() as connection:
                connection.execute(insert(SHOWN).values(hash=shown.hash, document=shown.document))
        except IntegrityError:
            pass  # another process has kept it meanwhile

    def _add_views(self, counts: Mapping[int, int]) -> None:
        self._notice_a_fork()
        with self.database.writing() as connection:
            for day, views in counts.items():
                added = update(VIEWS).where(VIEWS.c.day == day).values(views=VIEWS.c.views + views)
                if not connection.execute(added).rowcount:
                    connection.execute(insert(VIEWS).values(day=day, views=views))

    def _notice_a_fork(self) -> None:
        if self.database.forget_connections_of_a_parent():
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._writer = Writer(self.database, self.keys.newest, self._now)
        self._kept: set[str] = set()
        self._courier = Courier(self.deliver)


class Tally:
    """Carries counted views into the store, a while after the first of them, so that few writes serve many views."""

    def __init__(self, views: Views, add: Callable[[Mapping[int, int]], None]) -> None:
        self._views = views
        self._add = add

    def wait(self) -> None:
        """Fetch what there is in half a minute."""
        timer = threading.Timer(_FETCHED_AFTER, self.fetch)
        timer.daemon = True
        timer.start()

    def fetch(self) -> None:
        """Fetch what there is. What cannot be stored is counted again."""
        counts = self._views.take()
        if not counts:
            return
        try:
            self._add(counts)
        except Exception as error:  # another process had the first view of the day at the same moment, perhaps
            logger.debug("views could not be counted in the store: %s", type(error).__name__)
            self._return(counts)

    def _return(self, counts: Mapping[int, int]) -> None:
        for day, times in counts.items():
            self._views.add(day, times)


class Courier:
    """Delivers what waits in the spool as soon as the store is back, even if nobody chooses anything any more.

    Its thread begins with the first record that waits and ends with the last that was delivered.
    """

    def __init__(self, deliver: Callable[[], object]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._is_dismissed = threading.Event()
        self._thread: threading.Thread | None = None

    def call(self) -> None:
        """See to it that somebody tries."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._try_until_done, name="consent-courier", daemon=True)
                self._thread.start()

    def dismiss(self) -> None:
        """Stop trying."""
        self._is_dismissed.set()
        if self._thread is not None:
            self._thread.join()

    def _try_until_done(self) -> None:
        wait = 1.0
        while not self._is_dismissed.wait(wait):
            try:
                self._deliver()
            except Exception as error:
                logger.debug("the ledger still does not take what waits beside it: %s", type(error).__name__)
                wait = min(2 * wait, _LONGEST_WAIT)
            else:
                return


def _beside(database: Database) -> Path:
    """Where refusals wait unless told otherwise: beside a store in a file, else in the service's own folder.

    The name tells stores apart, so that two sites in one folder never deliver each other's records.
    """
    if database.path is not None:
        return database.path.with_name(f"{database.path.name}-spool")
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]  # what systemd gives a service (systemd.exec)
    identity = hashlib.sha256(database.name.encode()).hexdigest()[:8]
    return Path(folder or ".", f"consent-{identity}.db-spool")
