"""``consent ledger import``: what was exported, into a store."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, TextIO, cast

from ...export import record_in
from ...record import Record
from ..command import Command, InputError, counted
from .store import THE_OTHERS, ledger_of, with_progress


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help='what consent ledger export wrote as jsonl, "-" for standard input'
    )


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    from ...ledger.transfer import take_in

    ledger = ledger_of(options, may_be_new=True)
    read = 0

    def noted(records: Iterable[Record]) -> Iterator[Record]:
        nonlocal read
        for record in records:
            read += 1
            yield record

    with ExitStack() as stack:
        lines: Iterable[str] = sys.stdin
        if options.file != "-":
            try:
                lines = stack.enter_context(open(options.file, encoding="utf-8"))
            except OSError as error:
                raise InputError(f"cannot read {options.file}: {error.strerror or error}") from error
        new = sum(take_in(ledger, noted(with_progress(_records(lines), None, "importing"))))
    print(f"{new} of {counted(read, 'record')} imported{'' if new == read else THE_OTHERS}", file=out)
    return False


def _records(lines: Iterable[str]) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        try:
            document: Any = json.loads(line)
            if not isinstance(document, dict):
                raise ValueError("it is no object")
            yield record_in(cast("dict[str, Any]", document))
        except ValueError as error:
            raise InputError(
                f"line {number} is no exported record ({error}); what can be taken in is what consent ledger export "
                "wrote as jsonl"
            ) from error


IMPORT = Command(
    name="import",
    summary="take in records that were exported as jsonl",
    description="Take in records that consent ledger export wrote as jsonl. What is there already is left alone. "
    "Needs the site's keys in CONSENT_SECRET_KEYS.",
    declare=_declare,
    run=_run,
)
