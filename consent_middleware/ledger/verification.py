"""Does the store still say what was written into it? Finds what was changed, removed, inserted or moved, row by row.

What cannot be seen from the inside: the whole store, or one chain, put back as it was at an earlier moment, or the
newest chains removed together with their rows. For that, keep the ``anchor`` of a Tally somewhere else, and compare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Literal

from sqlalchemy import Connection, select

from .chain import ChainKey, KeyRing, Link
from .database import Database
from .schema import CHAINS, CONTENT, RECORDS, SHOWN

Kind = Literal["changed", "removed", "inserted", "moved", "unverifiable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written; ``position`` 0 stands for the chain itself."""

    kind: Kind
    chain: int
    position: int
    record_id: str | None
    explanation: str

    def __str__(self) -> str:
        named = f" (record {self.record_id})" if self.record_id else ""
        place = f"chain {self.chain}, row {self.position}{named}" if self.position else f"chain {self.chain}"
        return f"{self.kind}: {place}: {self.explanation}"


@dataclass
class Tally:
    """What was looked at; complete once the findings have all been read."""

    records: int = 0
    erased: int = 0
    chains: int = 0
    anchor: dict[int, Link] = field(default_factory=dict[int, Link])
    """How far each chain reaches, for those that still grow or may be compared: chain to position and link."""


def verify(
    database: Database, keys: KeyRing, tally: Tally, anchor: Mapping[int, Link] | None = None
) -> Iterator[Finding]:
    """Yield everything that is not as it was written, reading each row once and holding none.

    ``anchor`` is what an earlier verification left in its tally: each chain must still pass through that link.
    """
    expected = dict(anchor or {})
    with database.reading() as connection:
        rows = _Rows(connection)
        previous: Any = None
        for opening in connection.execute(select(CHAINS).order_by(CHAINS.c.chain)):
            yield from rows.of_no_chain(before=opening.chain)
            yield from _opening(opening, previous, keys)
            yield from _chain(opening, rows, keys, tally, expected.pop(opening.chain, None))
            previous = opening
        yield from rows.of_no_chain(before=None)
        yield from _shown(connection)
    for chain in expected:
        yield Finding("removed", chain, 0, None, "an earlier verification saw this chain, and it is gone")


class _Rows:
    """All rows in the order of their chains, a look ahead at the next."""

    def __init__(self, connection: Connection) -> None:
        order = (RECORDS.c.chain, RECORDS.c.position)
        names = ("chain", "position", "seal", "link", "erased_at", "erasure")
        columns = [*(RECORDS.c[name] for name in names), *CONTENT]
        found: Any = connection.execute(select(*columns).order_by(*order))
        self._rows: Iterator[Any] = iter(found)
        self._next: Any = next(self._rows, None)

    def of(self, chain: int) -> Iterator[Any]:
        row = self._next
        try:
            while row is not None and row[0] == chain:
                yield row
                row = next(self._rows, None)
        finally:
            self._next = row

    def of_no_chain(self, before: int | None) -> Iterator[Finding]:
        while self._next is not None and (before is None or self._next[0] < before):
            for row in self.of(self._next[0]):
                yield Finding("inserted", row[0], row[1], _id_in(row), "no writer has opened a chain of this number")


def _opening(chain: Any, previous: Any, keys: KeyRing) -> Iterator[Finding]:
    number = previous.chain if previous is not None else 0
    for missing in range(number + 1, chain.chain):
        yield Finding("removed", missing, 0, None, "the chain and all of its rows are gone")
    key = keys.get(chain.key_id)
    if key is None:
        yield Finding(
            "unverifiable", chain.chain, 0, None, f"it was written with a key (id {chain.key_id}) that was not given"
        )
        return
    before = _octets(previous.opening) if previous is not None else b""
    follows = chain.chain == number + 1
    if follows and not compare_digest(
        key.opening(chain.chain, str(chain.writer), _number(chain.opened_at), before), _octets(chain.opening)
    ):
        yield Finding("changed", chain.chain, 0, None, "its opening does not follow from the chain before it")


def _chain(chain: Any, rows: _Rows, keys: KeyRing, tally: Tally, anchor: Link | None) -> Iterator[Finding]:
    tally.chains += 1
    key = keys.get(chain.key_id)
    head = Link(_number(chain.position), _octets(chain.link))
    if key is None:
        for row in rows.of(chain.chain):
            tally.records += row[4] is None
        return
    is_signed = compare_digest(key.head(chain.chain, head), _octets(chain.head))
    if is_signed:
        tally.anchor[chain.chain] = head
    else:
        yield Finding("changed", chain.chain, 0, None, "the signature over how far it reaches does not fit")
    start = Link(_number(chain.base_position), _octets(chain.base_link))
    if start == Link(0, chain.opening):
        pass
    elif not keys.vouches_for_base(chain.base, chain.chain, start):
        yield Finding(
            "removed", chain.chain, 0, None, f"rows up to {start.position} are gone and were not purged by us"
        )
    walk = _Walk(chain.chain, key, keys, start, anchor)
    for row in rows.of(chain.chain):
        if row[4] is None:
            tally.records += 1
        else:
            tally.erased += 1
        yield from walk.step(row)
    yield from walk.end(head if is_signed else None)


class _Walk:
    """Goes along a chain. ``_good`` is the link of the last row that stood in its place."""

    def __init__(self, chain: int, key: ChainKey, keys: KeyRing, start: Link, anchor: Link | None) -> None:
        self._chain = chain
        self._keys = keys
        self._key = key
        self._position = start.position
        self._last = self._before_last = self._good = start.link
        self._anchor = anchor if anchor is not None and anchor.position > start.position else None

    def step(self, row: Any) -> Iterator[Finding]:
        position, seal, link = row[1], _octets(row[2]), _octets(row[3])
        is_next = position == self._position + 1
        if not is_next:
            yield from self._gap(position)
        is_genuine = self._is_genuine(row, seal)
        follows = compare_digest(self._key.link(self._last, seal), link)
        if not is_genuine and (follows or not is_next):
            yield self._finding("changed", row, "its content is not what was written")
        elif not is_genuine:
            yield self._finding("inserted", row, "it was not written by us")
            self._position = position
            return  # what comes next is to follow from what stood before it
        elif is_next and not follows and not self._fits_nearby(seal, link):
            yield self._finding("moved", row, "it, or the row before it, is not where it was written")
        if self._anchor is not None and position == self._anchor.position:
            if not compare_digest(link, self._anchor.link):
                yield self._finding("changed", row, "an earlier verification saw another row here")
            self._anchor = None
        self._before_last, self._last = self._last, link
        if is_genuine and (follows or not is_next):
            self._good = link
        self._position = position

    def end(self, head: Link | None) -> Iterator[Finding]:
        """Compare the end of the rows with the signed head."""
        if head is None:
            return
        if head.position > self._position:
            yield from self._gap(head.position + 1)
        elif head.position < self._position:
            yield Finding(
                "inserted", self._chain, self._position, None, f"its writer never went beyond {head.position}"
            )
        elif not compare_digest(head.link, self._last) and not compare_digest(head.link, self._good):
            yield Finding(
                "changed", self._chain, self._position, None, "its link is not the one its writer signed last"
            )
        if self._anchor is not None:
            yield Finding("removed", self._chain, self._anchor.position, None, "an earlier verification saw this row")

    def _gap(self, position: int) -> Iterator[Finding]:
        first, last = self._position + 1, position - 1
        if first == last:
            yield Finding("removed", self._chain, first, None, "the row is gone")
        else:
            yield Finding("removed", self._chain, first, None, f"the rows from here to {last} are gone")

    def _is_genuine(self, row: Any, seal: bytes) -> bool:
        try:
            if row[4] is None:
                return compare_digest(self._key.seal(row[6:]), seal)
            is_empty = all(value is None for value in row[6:])
            return is_empty and self._keys.vouches_for(row[5], erasure=(row[0], row[1], row[4], seal))
        except TypeError:  # nothing of ours has such a type
            return False

    def _fits_nearby(self, seal: bytes, link: bytes) -> bool:
        """Whether a row only seems out of place because something was put before it, or its neighbours changed."""
        return any(compare_digest(self._key.link(before, seal), link) for before in (self._good, self._before_last))

    def _finding(self, kind: Kind, row: Any, explanation: str) -> Finding:
        return Finding(kind, self._chain, row[1], _id_in(row), explanation)


def _octets(value: object) -> bytes:
    """What should be octets; a store in SQLite may have been made to hold anything."""
    return value if isinstance(value, bytes) else repr(value).encode()


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1


def _id_in(row: Any) -> str | None:
    record_id: str | None = row[6 + [column.name for column in CONTENT].index("record_id")]
    return record_id


def _shown(connection: Connection) -> Iterator[Finding]:
    for hash_, document in connection.execute(select(SHOWN.c.hash, SHOWN.c.document)):
        if hashlib.sha256(_octets(document)).hexdigest() != hash_:
            yield Finding("changed", 0, 0, None, f"what was shown under the hash {hash_} is not what is kept")


def as_text(anchor: Mapping[int, Link]) -> str:
    """Return an anchor as lines, to be kept elsewhere."""
    return "".join(f"{chain} {end.position} {end.link.hex()}\n" for chain, end in anchor.items())


def anchor_in(lines: Iterable[str]) -> dict[int, Link]:
    """Return the anchor in what ``as_text`` made. Raises ValueError when it is none."""
    anchor: dict[int, Link] = {}
    for line in lines:
        chain, position, link = line.split()
        anchor[int(chain)] = Link(int(position), bytes.fromhex(link))
    return anchor
