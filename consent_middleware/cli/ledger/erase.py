"""``consent ledger erase``: the records of a visitor who asks for it."""

from __future__ import annotations

import argparse
from typing import TextIO

from ..command import Command
from .names import name
from .store import ledger_of


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subject", metavar="PSEUDONYM", type=name, help="the visitor's, in full; consent ledger show finds it"
    )


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    erased = ledger_of(options).erase(options.subject)
    print(f"{erased} records erased" if erased else f"no record is of {options.subject!r}", file=out)
    return not erased


ERASE = Command(
    name="erase",
    summary="erase every record of one visitor",
    description="Erase every record of one visitor; the chains still verify. Needs the site's keys in "
    "CONSENT_SECRET_KEYS. Exits 1 when there is none.",
    declare=_declare,
    run=_run,
)
