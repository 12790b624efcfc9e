"""What the sub-commands share: which store they work on, with which keys, and how instants are typed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from ...errors import ConfigurationError
from ...policy import Policy
from ..command import InputError
from ..policy_file import load_policy
from .names import name

if TYPE_CHECKING:
    from ...ledger import SQLLedger
    from ...ledger.database import Database
    from ...ledger.reading import Selection

_T = TypeVar("_T")


def declare_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ledger",
        metavar="URL",
        default=os.environ.get("CONSENT_LEDGER"),
        help='where the records are, "sqlite:///consent.db" perhaps (default: CONSENT_LEDGER)',
    )


def declare_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", metavar="DAY", type=_instant, help="decided on this day (UTC) or later: 2026-11-21")
    parser.add_argument("--until", metavar="DAY", type=_instant, help="decided before this day (UTC)")
    parser.add_argument(
        "--subject", metavar="PSEUDONYM", type=name, help="of one visitor, by the pseudonym in the cookie"
    )


def selection_of(options: argparse.Namespace) -> Selection:
    from ...ledger.reading import Selection

    return Selection(subject=options.subject, since=options.since, until=options.until)


def database_of(options: argparse.Namespace) -> Database:
    """Return the store to read from. Raises InputError when none is named, or there is none."""
    return ledger_of(options, keys=["none, for who only reads"]).database


def ledger_of(options: argparse.Namespace, *, url: str | None = None, keys: list[str] | None = None) -> SQLLedger:
    """Return the ledger to work on, closed with the command; ``url`` names one that may be new. Raises InputError."""
    with explained():
        from ...ledger import open_ledger

        wanted = url or options.ledger
        if not wanted:
            raise InputError("which ledger? Write --ledger sqlite:///consent.db, or set CONSENT_LEDGER")
        ledger = open_ledger(wanted, _keys() if keys is None else keys)
        options.opened.callback(ledger.close)
    path = ledger.database.path
    if url is None and path is not None and not path.exists():
        raise InputError(f"there is no file {path}; the middleware makes it when the first visitor chooses")
    return ledger


def policy_of(options: argparse.Namespace) -> Policy | None:
    """Return the policy that --policy names, if it does. Raises InputError."""
    return None if options.policy is None else load_policy(options.policy)


@contextmanager
def explained() -> Generator[None]:
    """Let what a store, a driver or a missing extra has to say end the command in one line."""
    try:
        yield
    except ImportError as error:
        missing = error.name or "SQLAlchemy"
        extra = "report" if missing == "matplotlib" else "ledger"
        raise InputError(
            f'{missing} is not installed; install the extra "{extra}": '
            f'python -m pip install "consent-middleware[{extra}]"'
        ) from error
    except ConfigurationError as error:
        raise InputError(str(error)) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "sqlalchemy" and type(error).__name__ != "LedgerError":
            raise
        raise InputError(str(getattr(error, "orig", None) or error)) from error


def with_progress(items: Iterable[_T], total: int | None, what: str) -> Iterator[_T]:
    """Show, on a terminal, how far along the items are."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, total=total, console=Console(stderr=True), transient=True)


def _keys() -> list[str]:
    keys = [key for key in os.environ.get("CONSENT_SECRET_KEYS", "").split(",") if key]
    if not keys:
        raise InputError(
            "CONSENT_SECRET_KEYS is not set; without the keys of the site nothing can be verified or changed "
            "(several are separated by commas, the oldest first)"
        )
    return keys


def _instant(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is no day; write it like "2026-11-21"') from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
