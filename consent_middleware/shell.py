"""What the shells share: where the decision is found, and the order of proof and answer."""

from __future__ import annotations

import logging

from .errors import ConfigurationError
from .exchange import Exchange
from .record import Ledger, Record

logger = logging.getLogger("consent_middleware")

DECISION_KEY = "consent_middleware.decision"
"""Where any framework finds the Decision: a key of the WSGI environ and of the ASGI scope."""


def checked_ledger(ledger: Ledger | str | None) -> Ledger | None:
    """Return something that can ``append`` records, or None. Raises ConfigurationError for anything else."""
    if ledger is None or callable(getattr(ledger, "append", None)):
        return ledger  # type: ignore[return-value]  # what has append() is a Ledger; a str has none
    raise ConfigurationError(
        f"ledger: {ledger!r} cannot keep records; pass an object with append(records) that raises when it fails"
    )


def store(exchange: Exchange, ledger: Ledger, records: list[Record]) -> None:
    """Store records before the visitor is told. A failure takes grants back and is logged, never raised."""
    try:
        ledger.append(records)
    except Exception:
        logger.exception("consent.fault: the ledger could not store a record; grants are not honoured until it can")
        exchange.store_failed()
