"""The proof of one choice, as the ledger keeps it: fields after ISO/IEC TS 27560, and nothing about the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

State = Literal["given", "refused", "partial", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Who chose what, when, and under which policy.

    ``record_id`` names this record and ``previous`` the one it replaces; ``subject`` is the random pseudonym in the
    visitor's consent cookie. ``choices`` holds every category that stands decided after the act. Instants are epoch
    seconds. There is no IP address, user agent, referrer or query in it, and there must never be.
    """

    record_id: str
    subject: str
    previous: str | None
    state: State
    choices: Mapping[str, bool]
    decided_at: int
    expires_at: int
    mechanism: str
    source: Literal["visitor", "application"]
    policy_version: str
    fingerprint: str
    host: str
    gpc: bool


class Ledger(Protocol):
    """Where records are kept. ``append`` returns once they are safe, and raises when they are not."""

    def append(self, records: Sequence[Record]) -> None: ...
