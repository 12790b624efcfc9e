"""``consent ledger purge``: what is past its time."""

from __future__ import annotations

import argparse
from typing import TextIO

from ...lifetime import Lifetime
from ..command import Command
from .store import ledger_of

# Five years, in which a claim can be brought (code civil, article 2224); no regulator has named a figure.
_DEFAULT = "60 months"


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep",
        metavar="TIME",
        type=_lifetime,
        default=Lifetime.parse(_DEFAULT),
        help=f'how long records are kept after the choice in them has ended (default: "{_DEFAULT}")',
    )


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    removed = ledger_of(options).purge(options.keep)
    print(f"{removed} removed: what was erased, and choices that ended more than {options.keep} ago", file=out)
    return False


def _lifetime(text: str) -> Lifetime:
    try:
        lifetime = Lifetime.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if lifetime.is_session:
        raise argparse.ArgumentTypeError('records know no session; write a time like "60 months"')
    return lifetime


PURGE = Command(
    name="purge",
    summary="remove what is past its time",
    description="Remove the records of choices that ended long ago; the rest still verifies. Needs the site's keys in "
    "CONSENT_SECRET_KEYS.",
    declare=_declare,
    run=_run,
)
