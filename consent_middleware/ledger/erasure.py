"""Emptying records, at a visitor's wish or at the end of their time, without breaking a chain.

An erased row keeps its place, its seal and its link, and nothing else: a keyed hash of what nobody has any more. Rows
at the beginning of a chain that are empty or past their time are removed altogether, and the chain's signed base says
from where on it is to be read.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, or_, select, update

from ..lifetime import Lifetime, add_months
from .chain import ChainKey, Link
from .database import Database
from .schema import CHAINS, CONTENT, RECORDS

_BATCH = 1000
_PIECE = 5000


def erase(connection: Connection, key: ChainKey, which: ColumnElement[bool], now: int) -> int:
    """Empty the records that ``which`` names and return how many there were."""
    places = select(RECORDS.c.chain, RECORDS.c.position, RECORDS.c.seal).where(which)
    rows = connection.execute(places).all()
    emptied = [
        {
            "in_chain": chain,
            "at": position,
            "instant": now,
            "signature": key.erasure(chain, position, now, seal),
        }
        for chain, position, seal in rows
    ]
    for start in range(0, len(emptied), _BATCH):
        connection.execute(_EMPTY, emptied[start : start + _BATCH])
    return len(emptied)


def purge(database: Database, key: ChainKey, retention: Lifetime, now: int) -> Iterator[int]:
    """Remove what ended longer ago than ``retention`` and yield, piece by piece, how many rows that were.

    Only what stands before every younger record of its chain can go; the rest goes with a later purge. Each piece is
    a short transaction, so that nobody's choice has to wait for long.
    """
    latest = ended_before(retention, now)
    with database.reading() as connection:
        chains = connection.execute(select(CHAINS.c.chain)).scalars().all()
    for chain in chains:
        removed = _PIECE
        while removed == _PIECE:
            with database.writing() as connection:
                removed = _purge_piece(connection, key, chain, latest)
            yield removed


def _purge_piece(connection: Connection, key: ChainKey, chain: int, latest: int) -> int:
    base, end = connection.execute(
        select(CHAINS.c.base_position, CHAINS.c.position).where(CHAINS.c.chain == chain)
    ).one()
    may_go = or_(RECORDS.c.expires_at <= latest, RECORDS.c.erased_at.is_not(None))
    first_to_stay: int | None = connection.scalar(
        select(func.min(RECORDS.c.position)).where(RECORDS.c.chain == chain, ~may_go)
    )
    last = min(end if first_to_stay is None else first_to_stay - 1, base + _PIECE)
    link = connection.scalar(select(RECORDS.c.link).where(RECORDS.c.chain == chain, RECORDS.c.position == last))
    if link is None:
        return 0
    going = delete(RECORDS).where(RECORDS.c.chain == chain, RECORDS.c.position <= last)
    removed = connection.execute(going).rowcount
    signed = {"base_position": last, "base_link": link, "base": key.base(chain, Link(last, link))}
    connection.execute(update(CHAINS).where(CHAINS.c.chain == chain).values(signed))
    return removed


def ended_before(retention: Lifetime, now: int) -> int:
    """Return the latest instant of an ending that is ``retention`` ago."""
    if not retention.months:
        return now - retention.seconds
    # Months differ in length, so the way back from today may be off by some days: try which it is.
    latest = add_months(now, -retention.months) + 4 * 86400
    while retention.end(latest) > now:
        latest -= 3600 if retention.end(latest) - now > 3600 else retention.end(latest) - now
    return latest


_EMPTY = (
    update(RECORDS)
    .where(RECORDS.c.chain == bindparam("in_chain"), RECORDS.c.position == bindparam("at"))
    .values(
        erased_at=bindparam("instant"),
        erasure=bindparam("signature"),
        **dict.fromkeys((column.name for column in CONTENT), None),
    )
)
