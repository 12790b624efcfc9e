"""Two stores: a file of SQLite, and a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consent_middleware.ledger import SQLLedger, open_ledger
from support.postgres import Postgres, postgres
from support.records import KEY
from support.site import Clock

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, in each of the two databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/consent.db"
    server: Postgres = request.getfixturevalue("server")
    return server.database(f"ledger{next(_NUMBERS)}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., SQLLedger]]:
    """Opens ledgers and closes them in the end."""
    ledgers: list[SQLLedger] = []

    def open_one(url: str, keys: str | list[str] = KEY) -> SQLLedger:
        ledger = open_ledger(url, keys, spool=tmp_path / "spool")
        ledger._now = clock  # pyright: ignore[reportPrivateUsage]  # the middleware has no clock for it to share
        ledgers.append(ledger)
        return ledger

    yield open_one
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(url: str, opened: Callable[..., SQLLedger]) -> SQLLedger:
    return opened(url)
