"""What the shells share: where the decision is found, and the order of proof and answer."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from typing import Any

from .engine import Engine
from .errors import ConfigurationError
from .exchange import Exchange
from .record import Archive, Ledger, Record, Repeated

logger = logging.getLogger("consent_middleware")

DECISION_KEY = "consent_middleware.decision"
"""Where any framework finds the Decision: a key of the WSGI environ and of the ASGI scope."""


def opened_ledger(ledger: Ledger | str | None, secret_keys: Sequence[bytes]) -> Ledger | None:
    """Return something that can ``append`` records, or None: the ledger itself, or the one that a URL names.

    Raises ConfigurationError for anything else, for a URL that names none, and when its extra is not installed.
    """
    if isinstance(ledger, str):
        return _named(ledger, secret_keys)
    if ledger is None or callable(getattr(ledger, "append", None)):
        return ledger
    raise ConfigurationError(
        f'ledger: {ledger!r} cannot keep records; write a URL like "sqlite:///consent.db", or pass an object with '
        "append(records) that raises when it fails"
    )


def introduce(engine: Engine, ledger: Ledger | None) -> None:
    """Tell each what the other can do: the ledger fetches how often visitors were asked, and gives them back theirs."""
    if isinstance(ledger, Archive):
        engine.endpoints.gives_back = True
        if engine.views is not None:
            ledger.count(engine.views)


def settle(exchange: Exchange, ledger: Ledger) -> None:
    """Store what was decided before the visitor is told, and put the visitor's question. Blocks, and never raises."""
    if records := exchange.take_records():
        _store(exchange, ledger, records)
    if exchange.question is not None and isinstance(ledger, Archive):
        _ask(exchange, ledger)


def _store(exchange: Exchange, ledger: Ledger, records: list[Record]) -> None:
    """A failure takes grants back and is logged; a refusal stands, and waits beside the ledger if that can be."""
    try:
        if isinstance(ledger, Archive):
            ledger.keep(exchange.shown(records))
        ledger.append(records)
    except Repeated as first:
        exchange.stored_before(first.instant)
    except Exception:
        logger.exception("consent.fault: the ledger could not store a record; grants are not honoured until it can")
        _defer(ledger, exchange.store_failed())


def _defer(ledger: Ledger, records: list[Record]) -> None:
    if records and isinstance(ledger, Archive):
        try:
            ledger.defer(records)
        except Exception:
            logger.exception("consent.fault: a refusal could be recorded nowhere; it is honoured all the same")


def _ask(exchange: Exchange, ledger: Archive) -> None:
    question = exchange.question
    if question is None:
        return
    try:
        found = ledger.records_of(question.subject)
        if question.wish == "erase" and found:
            ledger.erase(question.subject)
        exchange.answered(found)
    except Exception:
        logger.exception("consent.fault: the ledger could not be asked; the visitor was told to try again")
        exchange.ask_failed()


def _named(url: str, secret_keys: Sequence[bytes]) -> Ledger:
    # Nothing in the core imports SQLAlchemy; only who names a store by its URL has to have it.
    try:
        package: Any = importlib.import_module("consent_middleware.ledger")
    except ImportError as error:
        raise ConfigurationError(
            f'ledger: a URL needs {error.name or "SQLAlchemy"}, which is not installed; install the extra "ledger": '
            'python -m pip install "consent-middleware[ledger]"'
        ) from error
    opened: Ledger = package.open_ledger(url, secret_keys)
    return opened
