"""``consent ledger copy``: from one store into another."""

from __future__ import annotations

import argparse
from typing import TextIO

from ..command import Command, counted
from .store import THE_OTHERS, database_of, ledger_of, with_progress


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="the URL of the other store, which may be new")


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    from ...ledger.reading import all_shown, count, records
    from ...ledger.transfer import take_in

    source, target = database_of(options), ledger_of(options, url=options.target, may_be_new=True)
    target.keep(all_shown(source))
    total = count(source)
    copied = sum(take_in(target, with_progress(records(source), total, "copying")))
    print(f"{copied} of {counted(total, 'record')} copied{'' if copied == total else THE_OTHERS}", file=out)
    return False


COPY = Command(
    name="copy",
    summary="copy records into another store",
    description="Copy every record, and what was shown, into another store, in a chain of its own. What is there "
    "already is left alone, so an interrupted copy can be begun again. Verify the source before; needs the site's "
    "keys in CONSENT_SECRET_KEYS.",
    declare=_declare,
    run=_run,
)
