"""The proof of one choice, as the ledger keeps it: fields after ISO/IEC TS 27560, and nothing about the person."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, cast, get_args, runtime_checkable

from .views import Views

State = Literal["given", "refused", "partial", "withdrawn"]
Actor = Literal["visitor", "application"]

SCHEMA = 1
"""The version of what a record holds. Readers know every version up to their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Who chose what, when, under which policy and in front of which texts.

    ``record_id`` names this record and ``previous`` the one it replaces; ``subject`` is the random pseudonym in the
    visitor's consent cookie. ``choices`` holds every category that stands decided after the act. Instants are epoch
    seconds. ``ui_hash`` is the hash of what was shown, in ``language``. There is no IP address, user agent, referrer
    or query in it, and there must never be.
    """

    record_id: str
    subject: str
    previous: str | None
    state: State
    choices: Mapping[str, bool]
    decided_at: int
    expires_at: int
    mechanism: str
    source: Actor
    policy_version: str
    fingerprint: str
    host: str
    gpc: bool
    ui_hash: str = ""
    language: str = ""
    middleware_version: str = ""
    schema: int = SCHEMA

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by their names, ready for JSON; ``from_dict`` makes the same record of them."""
        return {**{name: getattr(self, name) for name in FIELDS}, "choices": dict(self.choices)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Record:
        """Return the record that these fields make. Raises ValueError when they make none."""
        unknown = sorted(set(values) - FIELDS.keys())
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no field of a record")
        for name, kind in FIELDS.items():
            if name in values and not _is(values[name], kind):
                raise ValueError(f"{name}: {values[name]!r} cannot be")
        try:
            record = cls(**values)
        except TypeError as error:
            raise ValueError(str(error).partition("() ")[2]) from None
        answers = cast("Iterable[object]", record.choices.values())
        if not all(isinstance(answer, bool) for answer in answers):
            raise ValueError("choices: every answer is true or false")
        return record


FIELDS: Mapping[str, Any] = {
    **{field.name: str for field in fields(Record)},
    "previous": str | None,
    "state": get_args(State),
    "choices": Mapping,
    "decided_at": int,
    "expires_at": int,
    "source": get_args(Actor),
    "gpc": bool,
    "schema": int,
}
"""Every field of a record with its type, or the values it can have."""


def _is(value: object, kind: Any) -> bool:
    if isinstance(kind, tuple):
        return value in cast("tuple[object, ...]", kind)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


@dataclass(frozen=True, slots=True)
class Shown:
    """What visitors saw when they chose: a self-contained HTML ``document``, named by the hash of its content."""

    hash: str
    document: bytes

    @classmethod
    def of(cls, document: bytes) -> Shown:
        return cls(hashlib.sha256(document).hexdigest(), document)


class Ledger(Protocol):
    """Where records are kept. ``append`` returns once they are safe, and raises when they are not.

    A record may come a second time, when it was uncertain whether the first was stored: its ``record_id`` tells.
    """

    def append(self, records: Sequence[Record]) -> None: ...


@runtime_checkable
class Archive(Ledger, Protocol):
    """A ledger that can do more than keep: remember what was shown, bridge its own failures, and give back."""

    def keep(self, shown: Iterable[Shown]) -> None:
        """Remember what was shown, for good; what is known already costs nothing."""
        ...

    def defer(self, records: Sequence[Record]) -> None:
        """Keep records that ``append`` could not store, durably and elsewhere, and deliver them later, in order."""
        ...

    def records_of(self, subject: str) -> list[Record]:
        """Return every record of one pseudonym, oldest first."""
        ...

    def erase(self, subject: str) -> int:
        """Erase every record of one pseudonym and return how many there were."""
        ...

    def count(self, views: Views) -> None:
        """From now on, fetch and add up what ``views`` counts."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What a visitor asks of the ledger, about nobody else: to be shown every record, or to have them erased."""

    wish: Literal["show", "erase"]
    subject: str


class Repeated(Exception):
    """What was to be stored is the second click of a choice that was stored at ``instant`` (epoch seconds)."""

    def __init__(self, instant: int) -> None:
        super().__init__(instant)
        self.instant = instant
