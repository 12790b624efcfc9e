"""What goes into the ledger comes out again, once, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consent_middleware import Lifetime
from consent_middleware.ledger import LedgerError, SQLLedger, reading
from consent_middleware.ledger.schema import STEPS, VERSION, VERSIONS, migrate
from consent_middleware.ledger.verification import Tally, verify
from consent_middleware.record import Repeated, Shown
from support.records import KEY, record, refusal
from support.site import NOON, Clock

Open = Callable[..., SQLLedger]


def verified(ledger: SQLLedger) -> Tally:
    tally = Tally()
    assert [*verify(ledger.database, ledger.keys, tally)] == []
    return tally


def test_a_record_comes_back_as_it_was(ledger: SQLLedger) -> None:
    given = record(host="é; drop table\n\"'", choices={"b": True, "a": False}, gpc=True, previous="x" * 32)
    ledger.append([given])
    assert ledger.records_of(given.subject) == [given]
    assert ledger.records_of("nobody") == []


def test_the_same_record_twice_is_one(ledger: SQLLedger) -> None:
    given = record()
    for _ in range(3):
        ledger.append([given])
    ledger.append([given, record(), given])
    assert reading.count(ledger.database) == 2
    assert verified(ledger).records == 2


def test_a_second_click_is_told_when_the_first_was(ledger: SQLLedger) -> None:
    first = record(previous="p" * 32)
    ledger.append([first])
    with pytest.raises(Repeated) as told:
        ledger.append([record(subject=first.subject, previous=first.previous, decided_at=NOON + 3)])
    assert told.value.instant == NOON
    ledger.append([record(subject=first.subject, previous=first.previous, decided_at=NOON + 60)])
    ledger.append([refusal(subject=first.subject, previous=first.previous, decided_at=NOON + 1)])
    ledger.append([record(subject=first.subject, previous=first.record_id, decided_at=NOON + 2)])
    assert [found.decided_at - NOON for found in ledger.records_of(first.subject)] == [0, 1, 2, 60]


def test_what_was_shown_is_kept_once(url: str, opened: Open) -> None:
    shown = Shown.of(b"<p>Accept?</p>")
    opened(url).keep([shown])
    ledger = opened(url)
    ledger.keep([shown, shown])
    ledger.keep([shown])
    assert [*reading.all_shown(ledger.database)] == [shown]
    assert reading.shown(ledger.database, shown.hash) == shown.document
    assert reading.shown(ledger.database, "other") is None


def test_several_writers_have_a_chain_each(url: str, opened: Open) -> None:
    ledgers = [opened(url) for _ in range(3)]
    for ledger in [*ledgers, *ledgers]:
        ledger.append([record()])
    tally = verified(ledgers[0])
    assert (tally.chains, tally.records) == (3, 6)
    assert [end.position for end in tally.anchor.values()] == [2, 2, 2]


def test_erased_records_leave_nothing_that_names_anybody(ledger: SQLLedger, clock: Clock) -> None:
    mine, other = record(), record()
    ledger.append([mine])
    ledger.append([other])
    assert ledger.erase(mine.subject) == 1
    assert ledger.erase(mine.subject) == 0
    assert [*reading.records(ledger.database)] == [other]
    with ledger.database.reading() as connection:
        row = connection.exec_driver_sql("SELECT * FROM consent_record WHERE erased_at IS NOT NULL").mappings().one()
    kept = {name: value for name, value in row.items() if value is not None}
    assert set(kept) == {"chain", "position", "seal", "link", "erased_at", "erasure"}
    tally = verified(ledger)
    assert (tally.records, tally.erased) == (1, 1)


def test_what_is_past_its_time_is_purged_and_the_rest_verifies(ledger: SQLLedger, clock: Clock) -> None:
    old, older, young = record(), record(), record(decided_at=NOON + 40 * 86400)
    for each in (old, older, young):
        ledger.append([each])
    ends = Lifetime(months=60).end(old.expires_at)
    clock.now = ends - 1
    assert ledger.purge(Lifetime(months=60)) == 0
    clock.now = ends
    assert ledger.purge(Lifetime(months=60)) == 2
    assert [*reading.records(ledger.database)] == [young]
    verified(ledger)
    ledger.append([record(decided_at=NOON + 50 * 86400)])
    clock.now *= 2
    assert ledger.purge(Lifetime(months=60)) == 2
    ledger.append([record()])
    assert verified(ledger).records == 1


def test_the_newest_key_writes_and_all_of_them_verify(url: str, opened: Open) -> None:
    opened(url, "old key").append([record()])
    rotated = opened(url, ["old key", "new key"])
    rotated.append([record()])
    assert verified(rotated).chains == 2
    [finding] = verify(rotated.database, opened(url, "new key").keys, Tally())
    assert (finding.kind, finding.chain) == ("unverifiable", 1)


def test_a_store_of_the_version_before_is_brought_up_to_date(url: str, opened: Open) -> None:
    before = opened(url)
    with before.database._engine.begin() as connection:  # pyright: ignore[reportPrivateUsage]  # no other way back
        migrate(connection, to=1)
    assert before.database.version() == 1
    before.database._is_current = True  # pyright: ignore[reportPrivateUsage]  # the release before stops there
    before.append([record()])
    now = opened(url)
    assert verified(now).records == 1
    assert now.database.version() == VERSION == max(STEPS)
    before.append([record()])  # a process of the release before, which still runs
    assert verified(now).records == 2


def test_a_store_of_a_later_release_is_left_alone(url: str, opened: Open) -> None:
    ledger = opened(url)
    ledger.append([record()])
    with ledger.database.writing() as connection:
        connection.execute(VERSIONS.insert().values(version=VERSION + 1))
    with pytest.raises(LedgerError, match="newer release"):
        opened(url, KEY).append([record()])
