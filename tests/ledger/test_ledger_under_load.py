"""Several processes at once, killed workers, servers that go and come back, disks that fill up: nothing that a visitor
was told is lost, and the chains verify."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from consent_middleware import ConsentWSGI
from consent_middleware.ledger import SQLLedger, open_ledger, reading
from consent_middleware.ledger.schema import CHAINS, RECORDS
from consent_middleware.ledger.verification import Tally, verify
from support.chooser import choose
from support.postgres import Postgres
from support.records import KEY, record, refusal
from support.three_categories import POLICY

ROOT = Path(__file__).parents[2]
PROCESSES = 8


@dataclass
class Crowd:
    """Worker processes in which visitors choose, and the notes of what these were told."""

    url: str
    folder: Path

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def send(self, count: int, before: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
        """Let a worker answer so many visitors, after doing something in its process."""
        paths = [str(ROOT), str(ROOT / "adapters"), str(ROOT / "tests")]
        return subprocess.Popen(
            [sys.executable, "-m", "support.chooser", self.url, self.spool, self.folder / "notes", str(count)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stderr=subprocess.PIPE,
            preexec_fn=before,
        )

    def told(self, what: str) -> list[str]:
        """What visitors were told: the ids of the records of what was ``granted`` or ``refused``, or ``sorry``."""
        notes = self.folder / "notes"
        lines = notes.read_text().splitlines(keepends=True) if notes.exists() else []
        return [line.strip().rpartition(" ")[2] for line in lines if line.startswith(what) and line.endswith("\n")]

    def check(self) -> Tally:
        """Deliver what waits; then everything told must be there and verify. Return what was verified."""
        with closing(open_ledger(self.url, KEY, spool=self.spool)) as ledger:
            ledger.deliver()
            kept = {each.record_id for each in reading.records(ledger.database)}
            assert {*self.told("granted"), *self.told("refused")} <= kept
            tally = Tally()
            assert [*verify(ledger.database, ledger.keys, tally)] == []
            assert tally.records == len(kept)
            return tally


@pytest.fixture
def crowd(url: str, tmp_path: Path) -> Crowd:
    return Crowd(url, tmp_path)


def finish(*workers: subprocess.Popen[bytes]) -> None:
    for worker in workers:
        _, complaints = worker.communicate(timeout=600)
        assert worker.returncode == 0, complaints.decode()


def kill(worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGKILL)
    worker.communicate()


def wait_for_more(crowd: Crowd, what: str, count: int = 1) -> None:
    """Wait until so many more visitors were told this."""
    before = len(crowd.told(what))
    wait_until(lambda: len(crowd.told(what)) >= before + count)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.01)


def test_eight_processes_write_at_once_and_nothing_is_lost(crowd: Crowd, pytestconfig: pytest.Config) -> None:
    each = (20_000 if pytestconfig.getoption("--soak") else 1_600) // PROCESSES
    finish(*[crowd.send(each) for _ in range(PROCESSES)])
    assert crowd.told("sorry") == []
    tally = crowd.check()
    assert tally.records == len(crowd.told("granted")) + len(crowd.told("refused")) == each * PROCESSES
    assert tally.chains == PROCESSES


def test_a_killed_worker_takes_nothing_with_it(crowd: Crowd, pytestconfig: pytest.Config) -> None:
    chance = random.Random(20261121)
    for _ in range(200 if pytestconfig.getoption("--soak") else 10):
        worker = crowd.send(1_000_000)
        wait_for_more(crowd, "granted")
        time.sleep(chance.random() / 20)  # any instant will do, and must
        kill(worker)
    crowd.check()


def test_a_server_that_goes_and_comes_back_costs_nobody_a_proof(server: Postgres, tmp_path: Path) -> None:
    crowd = Crowd(server.database("restarted"), tmp_path)
    workers = [crowd.send(1_000_000) for _ in range(3)]
    try:
        for mode in ("fast", "immediate"):
            wait_for_more(crowd, "granted", 10)
            server.stop(mode)
            try:
                wait_for_more(crowd, "refused", 3)
                wait_until(lambda: bool(crowd.told("sorry")))
            finally:
                server.start()
        wait_for_more(crowd, "granted", 10)
    finally:
        for worker in workers:
            kill(worker)
    crowd.check()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes, where one may be mounted; else a folder like any other."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "consent", str(folder)]
    is_mounted = os.getuid() == 0 and subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode == 0
    yield folder
    if is_mounted:
        subprocess.run(["umount", folder], check=True)


def a_megabyte() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))


@pytest.mark.parametrize("ballast", [0, 2**20])
def test_a_full_disk_grants_nothing_and_loses_nothing(disk: Path, tmp_path: Path, ballast: int) -> None:
    crowd = Crowd(f"sqlite:///{disk}/consent.db", tmp_path)
    (disk / "ballast").write_bytes(bytes(ballast))  # with it the disk is full first, without it the quota is
    worker = crowd.send(1_000_000, a_megabyte)
    try:
        wait_for_more(crowd, "sorry", 5)
        wait_for_more(crowd, "refused", 5)
    finally:
        kill(worker)
    (disk / "ballast").unlink()
    assert crowd.told("granted")
    assert crowd.check().records


def test_the_spool_outlives_a_killed_worker_and_delivers_once(crowd: Crowd, tmp_path: Path) -> None:
    waiting = [refusal(decided_at=number) for number in range(250)]
    with closing(open_ledger(crowd.url, KEY, spool=crowd.spool)) as ledger:
        ledger.append([record()])
        ledger.spool.put(waiting[:200])
        ledger.spool.put(waiting[150:])
        assert len(ledger.spool) == 250
        kept = crowd.spool.read_bytes()
        ledger.append([record()])
        # As if the process had been killed after the store had them and before they left the spool.
        crowd.spool.write_bytes(kept)
        assert ledger.deliver() == 250
        with ledger.database.reading() as connection:
            rows = connection.exec_driver_sql(
                "SELECT record_id FROM consent_record WHERE state = 'refused' ORDER BY chain, position"
            ).scalars()
            assert [*rows] == [each.record_id for each in waiting]
    assert crowd.check().records == 252


def test_several_processes_share_a_spool(tmp_path: Path, server: Postgres) -> None:
    url = server.database("late").replace(f":{server.port}/", ":1/")  # where nobody listens
    crowd = Crowd(url, tmp_path)
    finish(*[crowd.send(16) for _ in range(3)])
    assert len(crowd.told("refused")) == 12
    assert len(crowd.told("sorry")) == 36
    crowd.url = server.database("in_time")
    assert crowd.check().records == 12


def gate(ledger: SQLLedger) -> ConsentWSGI:
    def page(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"a page"]

    return ConsentWSGI(page, POLICY, secret_keys=KEY, ledger=ledger)


def test_a_slow_store_slows_no_page_that_records_nothing(tmp_path: Path) -> None:
    file = tmp_path / "consent.db"
    with closing(open_ledger(f"sqlite:///{file}", KEY)) as ledger, closing(sqlite3.connect(file)) as slow:
        ledger.append([record()])
        app = gate(ledger)
        slow.execute("BEGIN IMMEDIATE")
        told: list[str] = []
        visitor = threading.Thread(target=lambda: told.append(choose(app, "accept-all")))
        visitor.start()
        until = time.monotonic() + 2
        pages = 0
        while time.monotonic() < until:
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "https", "HTTP_HOST": "x"}
            assert app(environ, lambda status, headers: None) == [b"a page"]  # type: ignore[arg-type]  # not a server's
            pages += 1
        assert pages > 1000
        assert told == []
        slow.rollback()
        visitor.join()
        assert told[0].startswith("granted")


def test_a_forked_worker_opens_its_own_chain(crowd: Crowd) -> None:
    with closing(open_ledger(crowd.url, KEY, spool=crowd.spool)) as ledger:
        ledger.append([record()])
        child = os.fork()
        if not child:
            try:
                ledger.append([record()])
                ledger.append([record()])
                ledger.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        ledger.append([record()])
    tally = crowd.check()
    assert [end.position for end in tally.anchor.values()] == [2, 2]


def test_a_store_put_back_from_a_copy_is_written_on_in_a_new_chain(crowd: Crowd) -> None:
    with closing(open_ledger(crowd.url, KEY, spool=crowd.spool)) as ledger:
        ledger.append([record()])
        with ledger.database.reading() as connection:
            [head] = connection.execute(select(CHAINS)).mappings().all()
        ledger.append([record()])
        with ledger.database.writing() as connection:
            connection.execute(update(CHAINS).values(**head))
            connection.execute(delete(RECORDS).where(RECORDS.c.position == 2))
        ledger.append([record()])
    tally = crowd.check()
    assert [end.position for end in tally.anchor.values()] == [1, 1]
