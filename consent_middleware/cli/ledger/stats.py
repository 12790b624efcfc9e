"""``consent ledger stats``: how many chose what, how, and when."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..command import Command, InputError, counted, declare_format, print_json
from .figures import day_of
from .store import database_of, declare_selection, selection_of

if TYPE_CHECKING:
    from ...ledger.reading import Statistics


def _declare(parser: argparse.ArgumentParser) -> None:
    declare_selection(parser)
    declare_format(parser)
    parser.add_argument("--html", metavar="FILE", help="write a report with a plot, one page that needs nothing else")


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    from ...ledger.reading import statistics

    database = database_of(options)
    found = statistics(database, selection_of(options))
    if options.html:
        from .report import report

        try:
            Path(options.html).write_text(report(found), encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot write {options.html}: {error.strerror or error}") from error
        print(f"{options.html}: {counted(found.records, 'record')}", file=out)
    elif options.format == "json":
        print_json(_as_json(found), out)
    else:
        from .chart import print_chart

        print_chart(found, out)
    return False


def _as_json(found: Statistics) -> dict[str, Any]:
    return {
        "records": found.records,
        "erased": found.erased,
        "subjects": found.subjects,
        "states": found.states,
        "mechanisms": found.mechanisms,
        "languages": found.languages,
        "categories": {name: {"granted": yes, "denied": no} for name, (yes, no) in found.categories.items()},
        "days": {day_of(day): states for day, states in found.days.items()},
        "banner_shown": {day_of(day): views for day, views in found.views.items()},
    }


STATS = Command(
    name="stats",
    summary="count choices by category, day and mechanism",
    description="Count choices by category, day and mechanism.",
    declare=_declare,
    run=_run,
)
