"""``consent ledger export``: records for others to read."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TextIO

from ...export import COLUMNS, as_27560, as_row
from ...policy import Policy
from ...record import Record
from ..command import Command, InputError
from .store import database_of, declare_selection, policy_of, selection_of, with_progress


def _declare(parser: argparse.ArgumentParser) -> None:
    declare_selection(parser)
    parser.add_argument("--format", choices=("jsonl", "json", "csv"), default="jsonl", help="default: jsonl")
    parser.add_argument("--output", metavar="FILE", help="where to write (default: standard output)")
    parser.add_argument("--policy", metavar="FILE", help="the policy, which names the controller")


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    from ...ledger.reading import count, records

    database, selection, policy = database_of(options), selection_of(options), policy_of(options)
    found = with_progress(records(database, selection), count(database, selection), "exporting")
    with ExitStack() as stack:
        if options.output:
            try:
                out = stack.enter_context(open(options.output, "w", encoding="utf-8", newline=""))
            except OSError as error:
                raise InputError(f"cannot write {options.output}: {error.strerror or error}") from error
        _write(found, options.format, policy, out)
    return False


def _write(found: Iterator[Record], form: str, policy: Policy | None, out: TextIO) -> None:
    if form == "csv":
        table = csv.writer(out, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(as_row(record) for record in found)
        return
    texts = (json.dumps(as_27560(record, policy), ensure_ascii=False) for record in found)
    if form == "jsonl":
        out.writelines(f"{text}\n" for text in texts)
        return
    out.write("[")
    out.writelines(f"{',' if number else ''}\n{text}" for number, text in enumerate(texts))
    out.write("\n]\n")


EXPORT = Command(
    name="export",
    summary="write records under the field names of ISO/IEC TS 27560",
    description="Write records under the field names of ISO/IEC TS 27560:2023, oldest first.",
    declare=_declare,
    run=_run,
)
