"""Records from elsewhere, into a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..record import Record
from .store import SQLLedger

_BATCH = 500


def take_in(ledger: SQLLedger, records: Iterable[Record]) -> Iterator[int]:
    """Store records in one chain, in order, and yield how many of each batch were new.

    What is there already is known by its record id, so a transfer that broke off can be begun again.
    """
    for batch in _batches(records):
        yield ledger.take_in(batch)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
