"""``consent ledger verify``: was anything changed, removed, inserted or moved?"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..command import Command, InputError, counted, declare_format, print_json
from .store import ledger_of

if TYPE_CHECKING:
    from ...ledger.chain import Link
    from ...ledger.verification import Tally


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--anchor", metavar="FILE", help="what an earlier verification wrote with --write-anchor, kept elsewhere since"
    )
    parser.add_argument("--write-anchor", metavar="FILE", help="write how far every chain reaches")
    declare_format(parser)


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    from ...ledger.verification import Tally, as_text, verify

    ledger = ledger_of(options)
    anchor = _read(options.anchor) if options.anchor else None
    tally = Tally()
    findings = verify(ledger.database, ledger.keys, tally, anchor)
    if options.format == "json":
        found = [asdict(finding) for finding in findings]
        summary = {"records": tally.records, "erased": tally.erased, "chains": tally.chains}
        print_json({**summary, "findings": found}, out)
        count = len(found)
    else:
        count = 0
        for finding in findings:
            count += 1
            print(finding, file=out)
        print(_summary(tally, count), file=out)
    if options.write_anchor and count:
        print(f"{options.write_anchor} was not written: an anchor is for a ledger without findings", file=sys.stderr)
    elif options.write_anchor:
        _write(options.write_anchor, as_text(tally.anchor))
    return bool(count)


def _summary(tally: Tally, count: int) -> str:
    seen = f"{counted(tally.records, 'record')} in {counted(tally.chains, 'chain')}, {tally.erased} erased"
    return f"{seen}: {counted(count, 'finding') if count else 'everything is as it was written'}"


def _read(file: str) -> dict[int, Link]:
    from ...ledger.verification import anchor_in

    try:
        return anchor_in(Path(file).read_text(encoding="ascii").splitlines())
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{file} was not written by --write-anchor") from error


def _write(file: str, text: str) -> None:
    try:
        Path(file).write_text(text, encoding="ascii")
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror or error}") from error


VERIFY = Command(
    name="verify",
    summary="find what was changed, removed, inserted or moved",
    description="Find what was changed, removed, inserted or moved since it was written. Needs the site's keys in "
    "CONSENT_SECRET_KEYS, retired ones included. Exits 1 when there is anything to be found.",
    declare=_declare,
    run=_run,
)
