"""``consent ledger stats``: how many chose what, how, and when."""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..command import Command, InputError, declare_format, print_json
from .store import database_of, declare_selection, selection_of

if TYPE_CHECKING:
    from ...ledger.reading import Statistics

_DAYS_SHOWN = 31
_WIDTH = 40


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
        print(f"{options.html}: {found.records} records", file=out)
    elif options.format == "json":
        print_json(_as_json(found), out)
    else:
        _print(found, out)
    return False


def day_of(number: int) -> str:
    """Return a day, counted from 1970-01-01, as ISO 8601 has it."""
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()


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


def _print(found: Statistics, out: TextIO) -> None:
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table

    console = Console(file=out, highlight=False, soft_wrap=True)
    erased = f", {found.erased} erased" if found.erased else ""
    console.print(f"{found.records} records of {found.subjects} visitors{erased}")
    if not found.records:
        return
    categories = Table("category", "granted", "denied", "", box=None, pad_edge=False, title_justify="left")
    for name, (yes, no) in found.categories.items():
        categories.add_row(name, _share(yes, yes + no), str(no), Bar(yes + no, 0, yes, width=_WIDTH))
    for title, counts in (("decided", found.states), ("how", found.mechanisms), ("language", found.languages)):
        console.print(f"\n{title}: " + ", ".join(f"{name or 'unknown'} {times}" for name, times in counts.items()))
    console.print("")
    console.print(categories)
    days = Table("day", "choices", "", box=None, pad_edge=False)
    most = max(sum(states.values()) for states in found.days.values())
    for day, states in [*found.days.items()][-_DAYS_SHOWN:]:
        times = sum(states.values())
        shown = f" of {found.views[day]} shown" if day in found.views else ""
        days.add_row(day_of(day), f"{times}{shown}", Bar(most, 0, times, width=_WIDTH))
    console.print("")
    console.print(days)


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.0f} %)"


STATS = Command(
    name="stats",
    summary="count choices by category, day and mechanism",
    description="Count choices by category, day and mechanism.",
    declare=_declare,
    run=_run,
)
