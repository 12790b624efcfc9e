"""What the ledger costs: storing choices, exporting and verifying a million of them.

    python tests/benchmarks/ledger.py [--records 1000000]

Storing is compared with the same row inserted with bare SQLAlchemy, in a transaction of its own, into a table of the
same shape on the same store; verifying with one HMAC for each row as it comes out of the database. Every figure is the
best of many short rounds that take turns, because whatever else the machine does only ever adds.
"""

from __future__ import annotations

import argparse
import hmac
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from timing import ROOT, print_table

sys.path.insert(0, str(ROOT / "tests"))

from sqlalchemy import insert, select

from consent_middleware import Record
from consent_middleware.ledger import SQLLedger, open_ledger
from consent_middleware.ledger.rows import values_of
from consent_middleware.ledger.schema import RECORDS
from consent_middleware.ledger.transfer import take_in
from consent_middleware.ledger.verification import Tally, verify
from support.postgres import postgres
from support.records import KEY, record

ROUNDS = 60


def rate(store: Callable[[Record], object], count: int) -> float:
    """Choices in a second, one after the other."""
    records = [record() for _ in range(count)]
    start = time.perf_counter()
    for each in records:
        store(each)
    return count / (time.perf_counter() - start)


def storing(url: str, bare_url: str, count: int) -> tuple[float, float]:
    """Return the choices that one process stores in a second, and the bare insertions."""
    ledger, bare = open_ledger(url, KEY), open_ledger(bare_url, KEY)
    place = {"chain": 1, "seal": bytes(32), "link": bytes(32), "erased_at": None, "erasure": None}
    statement = insert(RECORDS)
    position = 0

    def insert_bare(each: Record) -> None:
        nonlocal position
        position += 1
        with bare.database.writing() as connection:
            connection.execute(statement, {**place, "position": position, **values_of(each)})

    def append(each: Record) -> None:
        ledger.append([each])

    ways: dict[str, Callable[[Record], None]] = {"ledger": append, "bare": insert_bare}
    best = dict.fromkeys(ways, 0.0)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            best[name] = max(best[name], rate(way, count))
    ledger.close()
    bare.close()
    return best["ledger"], best["bare"]


def million(count: int) -> Iterator[Record]:
    template = record()
    for number in range(count):
        yield replace(template, record_id=f"{number:032x}", subject=f"{number:022x}", decided_at=10**9 + number)


def verifying(ledger: SQLLedger, count: int) -> tuple[float, float]:
    """Return the records verified in a second, and the rows that a bare loop reads and hashes."""
    best_own = best_bare = 0.0
    for _ in range(2):
        start = time.perf_counter()
        assert not [*verify(ledger.database, ledger.keys, Tally())]
        best_own = max(best_own, count / (time.perf_counter() - start))
        start = time.perf_counter()
        with ledger.database.reading() as connection:
            for row in connection.execute(select(RECORDS).order_by(RECORDS.c.chain, RECORDS.c.position)):
                hmac.digest(b"key", repr(tuple(row)).encode(), "sha256")
        best_bare = max(best_bare, count / (time.perf_counter() - start))
    return best_own, best_bare


def resident(*arguments: str) -> tuple[float, float]:
    """Run ``consent ledger`` and return the seconds it took and the most megabytes it held."""
    start = time.perf_counter()
    code = "import sys; from consent_middleware.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "ledger", *arguments]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000, help="how many are exported and verified")
    parser.add_argument("--choices", type=int, default=50, help="how many are stored in a round")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="consent-benchmark-")))
        server = stack.enter_context(postgres())
        stores = {
            "SQLite": (f"sqlite:///{folder}/own.db", f"sqlite:///{folder}/bare.db"),
            "PostgreSQL": (server.database("own"), server.database("bare")),
        }
        rows: list[list[str]] = []
        for name, (own, bare) in stores.items():
            ledger_rate, bare_rate = storing(own, bare, options.choices)
            rows.append([name, f"{ledger_rate:,.0f}", f"{bare_rate:,.0f}", f"{ledger_rate / bare_rate:.2f}"])
        print_table(["choices stored in a second, one process", "ledger", "bare SQLAlchemy", "ratio"], rows)

        url = f"sqlite:///{folder}/million.db"
        with closing(open_ledger(url, KEY)) as ledger:
            sum(take_in(ledger, million(options.records)))
            own_rate, bare_rate = verifying(ledger, options.records)
        row = ["verify", f"{own_rate:,.0f}", f"{bare_rate:,.0f}", f"{own_rate / bare_rate:.2f}"]
        print_table([f"{options.records:,} records, in a second", "ledger", "one HMAC a row", "ratio"], [row])
        seconds, megabytes = resident("export", "--ledger", url, "--format", "jsonl")
        row = ["export, jsonl", f"{seconds:.0f}", f"{megabytes:.0f}"]
        print_table([f"{options.records:,} records", "seconds", "MB resident"], [row])


if __name__ == "__main__":
    main()
