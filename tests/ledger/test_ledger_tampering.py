"""Whoever reaches the database without our keys can change nothing unseen; the finding names the row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consent_middleware.ledger import SQLLedger
from consent_middleware.ledger.verification import Tally, anchor_in, as_text, verify
from support.records import record

ROWS = 6


@pytest.fixture
def ids(ledger: SQLLedger) -> list[str]:
    """The ids of six records in chain 1, and of one in chain 2."""
    records = [record() for _ in range(ROWS + 1)]
    for each in records[:-1]:
        ledger.append([each])
    ledger._begin_anew()  # pyright: ignore[reportPrivateUsage]  # as if another process wrote
    ledger.append([records[-1]])
    return [each.record_id for each in records]


def run(ledger: SQLLedger, *statements: str) -> None:
    with ledger.database.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def findings(ledger: SQLLedger, **options: object) -> list[tuple[str, int, int]]:
    found = verify(ledger.database, ledger.keys, Tally(), **options)  # type: ignore[arg-type]  # an anchor, if any
    return [(finding.kind, finding.chain, finding.position) for finding in found]


CHANGED = [
    "UPDATE consent_record SET choices = '{\"analytics\":false}' WHERE chain = 1 AND position = 3",
    "UPDATE consent_record SET decided_at = decided_at - 1 WHERE chain = 1 AND position = 3",
    "UPDATE consent_record SET subject = 'somebody else' WHERE chain = 1 AND position = 3",
    "UPDATE consent_record SET previous = 'x' WHERE chain = 1 AND position = 3",
    "UPDATE consent_record SET gpc = 1 WHERE chain = 1 AND position = 3",
    "UPDATE consent_record SET ui_hash = 'x' WHERE chain = 1 AND position = 3",
    # Emptied as if erased, which only we may do.
    "UPDATE consent_record SET erased_at = 1, erasure = 'x', subject = NULL WHERE chain = 1 AND position = 3",
]


@pytest.mark.parametrize("statement", CHANGED)
def test_a_changed_row_is_named(ledger: SQLLedger, ids: list[str], statement: str) -> None:
    run(ledger, statement)
    assert findings(ledger) == [("changed", 1, 3)]


@pytest.mark.parametrize("position", range(1, ROWS + 1))
def test_a_removed_row_is_named(ledger: SQLLedger, ids: list[str], position: int) -> None:
    run(ledger, f"DELETE FROM consent_record WHERE chain = 1 AND position = {position}")
    assert findings(ledger) == [("removed", 1, position)]


def test_a_tail_that_is_cut_off_is_missed(ledger: SQLLedger, ids: list[str]) -> None:
    run(ledger, "DELETE FROM consent_record WHERE chain = 1 AND position > 4")
    assert findings(ledger) == [("removed", 1, 5)]


def test_a_tail_cannot_be_cut_off_together_with_the_head(ledger: SQLLedger, ids: list[str]) -> None:
    run(
        ledger,
        "DELETE FROM consent_record WHERE chain = 1 AND position > 4",
        "UPDATE consent_chain SET position = 4, link = (SELECT link FROM consent_record WHERE chain = 1 "
        "AND position = 4) WHERE chain = 1",
    )
    assert findings(ledger) == [("changed", 1, 0)]


def test_the_beginning_cannot_be_passed_off_as_purged(ledger: SQLLedger, ids: list[str]) -> None:
    run(
        ledger,
        "UPDATE consent_chain SET base_position = 2, base_link = (SELECT link FROM consent_record WHERE chain = 1 "
        "AND position = 2) WHERE chain = 1",
        "DELETE FROM consent_record WHERE chain = 1 AND position <= 2",
    )
    assert findings(ledger) == [("removed", 1, 0)]


COPY = (
    "INSERT INTO consent_record SELECT {chain}, {position}, seal, link, erased_at, erasure, schema, 'forged', subject, "
    "previous, state, choices, decided_at, expires_at, mechanism, source, policy_version, fingerprint, ui_hash, "
    "language, host, gpc, middleware_version FROM consent_record WHERE chain = 1 AND position = 2"
)
UP = [
    f"UPDATE consent_record SET position = {position + 1} WHERE chain = 1 AND position = {position}"
    for position in (6, 5, 4)
]


def test_an_inserted_row_is_named(ledger: SQLLedger, ids: list[str]) -> None:
    run(ledger, *UP, COPY.format(chain=1, position=4))
    assert findings(ledger) == [("inserted", 1, 4), ("inserted", 1, 7)]


def test_a_row_that_is_added_at_the_end_is_named(ledger: SQLLedger, ids: list[str]) -> None:
    run(ledger, COPY.format(chain=1, position=7))
    assert ("inserted", 1, 7) in findings(ledger)


def test_a_row_in_a_chain_that_nobody_opened_is_named(ledger: SQLLedger, ids: list[str]) -> None:
    run(ledger, COPY.format(chain=7, position=1))
    assert findings(ledger) == [("inserted", 7, 1)]


def test_rows_that_change_places_are_named(ledger: SQLLedger, ids: list[str]) -> None:
    run(
        ledger,
        "UPDATE consent_record SET position = 99 WHERE chain = 1 AND position = 3",
        "UPDATE consent_record SET position = 3 WHERE chain = 1 AND position = 4",
        "UPDATE consent_record SET position = 4 WHERE chain = 1 AND position = 99",
    )
    assert findings(ledger) == [("moved", 1, 3)]


def test_a_removed_chain_is_missed(ledger: SQLLedger, ids: list[str]) -> None:
    run(ledger, "DELETE FROM consent_record WHERE chain = 1", "DELETE FROM consent_chain WHERE chain = 1")
    assert ("removed", 1, 0) in findings(ledger)


def test_a_changed_document_is_named(ledger: SQLLedger, ids: list[str]) -> None:
    run(
        ledger,
        "INSERT INTO consent_shown (hash, document) VALUES ('abc', CAST('other' AS {}))".format(
            "BLOB" if ledger.database.dialect == "sqlite" else "BYTEA"
        ),
    )
    assert [kind for kind, _, _ in findings(ledger)] == ["changed"]


def test_an_anchor_tells_of_what_no_signature_can(ledger: SQLLedger, ids: list[str]) -> None:
    tally = Tally()
    assert not [*verify(ledger.database, ledger.keys, tally)]
    anchor = anchor_in(as_text(tally.anchor).splitlines())
    assert anchor == tally.anchor
    ledger.append([record()])
    assert findings(ledger, anchor=anchor) == []
    # The newest chain goes, as it would if a copy from before its opening were put back.
    run(ledger, "DELETE FROM consent_record WHERE chain = 2", "DELETE FROM consent_chain WHERE chain = 2")
    assert findings(ledger) == []
    assert findings(ledger, anchor=anchor) == [("removed", 2, 0)]


def test_an_anchor_tells_of_a_chain_that_was_put_back_from_a_copy(ledger: SQLLedger, ids: list[str]) -> None:
    run(ledger, "CREATE TABLE copied AS SELECT * FROM consent_chain WHERE chain = 2")
    for _ in range(2):
        ledger.append([record()])
    tally = Tally()
    assert not [*verify(ledger.database, ledger.keys, tally)]
    run(
        ledger,
        "DELETE FROM consent_record WHERE chain = 2 AND position > 1",
        "DELETE FROM consent_chain WHERE chain = 2",
        "INSERT INTO consent_chain SELECT * FROM copied",
    )
    assert findings(ledger) == []  # as docs/ledger.md says
    assert findings(ledger, anchor=tally.anchor) == [("removed", 2, 3)]


TO_CHAIN = "UPDATE consent_record SET chain = {} WHERE chain = {} AND position = 1"


def test_rows_and_keys_that_change_chains_are_found(ledger: SQLLedger, ids: list[str]) -> None:
    run(ledger, TO_CHAIN.format(9, 1), TO_CHAIN.format(1, 2), TO_CHAIN.format(2, 9))
    assert {(chain, position) for _, chain, position in findings(ledger)} >= {(1, 1), (2, 1)}
    run(ledger, TO_CHAIN.format(9, 1), TO_CHAIN.format(1, 2), TO_CHAIN.format(2, 9))
    assert findings(ledger) == []
    run(ledger, "UPDATE consent_chain SET writer = (SELECT min(writer) FROM consent_chain)")
    assert [kind for kind, _, _ in findings(ledger)] == ["changed"]


@pytest.mark.parametrize("column", ["seal", "link", "erasure", "decided_at", "choices", "schema"])
def test_nonsense_of_any_type_is_found_and_stops_nothing(
    opened: Callable[..., SQLLedger], tmp_path: Path, column: str
) -> None:
    ledger = opened(f"sqlite:///{tmp_path}/odd.db")  # which takes any value for any column
    for _ in range(3):
        ledger.append([record()])
    for value in ("'é'", "5", "x'ff'", "1.5"):
        run(
            ledger,
            f"UPDATE consent_record SET {column} = {value}, "
            f"erased_at = {5 if column == 'erasure' else 'NULL'} WHERE position = 2",
        )
        assert 2 in [position for _, _, position in findings(ledger)]
    for name in ("key_id", "writer", "opened_at", "opening", "link", "head", "base_link", "base_position"):
        run(ledger, f"UPDATE consent_chain SET {name} = 'é'")
        assert findings(ledger)


def test_another_site_cannot_vouch_for_it(
    url: str, ledger: SQLLedger, ids: list[str], opened: Callable[..., SQLLedger]
) -> None:
    stranger = opened(url, "another key")
    assert [f.kind for f in verify(ledger.database, stranger.keys, Tally())] == ["unverifiable", "unverifiable"]
