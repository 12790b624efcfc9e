"""What ``consent ledger stats`` prints in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from .figures import choices_of, day_of, summary

if TYPE_CHECKING:
    from ...ledger.reading import Statistics

_DAYS_SHOWN = 31
_WIDTH = 40


def print_chart(found: Statistics, out: TextIO) -> None:
    """Print the counts, with a bar for each category and each of the last days."""
    console = Console(file=out, highlight=False, markup=False, soft_wrap=True)
    console.print(summary(found))
    if found.records:
        for title, counts in (("decided", found.states), ("how", found.mechanisms), ("language", found.languages)):
            console.print(f"\n{title}: " + ", ".join(f"{name or 'unknown'} {times}" for name, times in counts.items()))
        console.print("", _categories(found), sep="\n")
    if found.days or found.views:
        console.print("", _days(found), sep="\n")


def _categories(found: Statistics) -> Table:
    table = Table("category", "granted", "denied", "", box=None, pad_edge=False)
    for name, (yes, no) in found.categories.items():
        share = f"{yes} ({100 * yes / (yes + no):.0f} %)"
        table.add_row(name, share, str(no), Bar(yes + no, 0, yes, width=_WIDTH))
    return table


def _days(found: Statistics) -> Table:
    table = Table("day", "choices", "", box=None, pad_edge=False)
    days = sorted({*found.days, *found.views})[-_DAYS_SHOWN:]
    most = max(choices_of(day, found) for day in days)
    for day in days:
        times = choices_of(day, found)
        shown = f" of {found.views[day]} shown" if day in found.views else ""
        table.add_row(day_of(day), f"{times}{shown}", Bar(most or 1, 0, times, width=_WIDTH))
    return table
