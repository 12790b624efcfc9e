"""The report of ``consent ledger stats --html``: one page with a plot in it, without a request to anybody."""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from ...assets import asset
from .figures import choices_of, day_of, summary

if TYPE_CHECKING:
    from ...ledger.reading import Statistics

_COLOURS = {"given": "#2a7de1", "partial": "#8bbcf0", "refused": "#c8553d", "withdrawn": "#7a3b2e"}
_TABLES = "table { border-collapse: collapse } th, td { text-align: start; padding: .2rem 1rem .2rem 0 }"


def report(found: Statistics) -> str:
    """Return the page as HTML."""
    parts = [
        f"<h1>Choices</h1>\n<p>{summary(found)}.</p>",
        _plot(found) if found.days else "",
        _table("Category", "Granted", "Denied", found.categories),
        _table("Decided", "Times", None, {name: (times,) for name, times in found.states.items()}),
        _table("How", "Times", None, {name: (times,) for name, times in found.mechanisms.items()}),
        _table("Day", "Choices", "Banner shown", _shown(found)) if found.views else "",
    ]
    body = "\n".join(part for part in parts if part)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Choices</title>
<style>{asset("pages.css").body.decode()}svg {{ max-width: 100%; height: auto; background: #fff }}
{_TABLES}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _shown(found: Statistics) -> dict[str, tuple[int, int]]:
    return {day_of(day): (choices_of(day, found), views) for day, views in found.views.items()}


def _plot(found: Statistics) -> str:
    """The choices of each day, stacked by what was decided, as an SVG element."""
    # Not pyplot: it keeps figures, and wants to know about screens.
    matplotlib: Any = importlib.import_module("matplotlib")
    figures: Any = importlib.import_module("matplotlib.figure")

    figure = figures.Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    first, last = min(found.days), max(found.days)
    days = range(first, last + 1)
    below = [0] * len(days)
    for state in _COLOURS:
        counts = [found.days.get(day, {}).get(state, 0) for day in days]
        axes.bar(days, counts, bottom=below, label=state, color=_COLOURS[state], width=0.9)
        below = [sum(pair) for pair in zip(below, counts, strict=True)]
    step = max(1, len(days) // 8)
    axes.set_xticks(days[::step], [day_of(day) for day in days[::step]], rotation=30, ha="right")
    axes.set_ylabel("choices per day")
    axes.legend(frameon=False)
    written = io.StringIO()
    # Without a date and random names, the same ledger gives the same report.
    with matplotlib.rc_context({"svg.hashsalt": "consent"}):
        figure.savefig(written, format="svg", metadata={"Date": None})
    svg = written.getvalue()
    return svg[svg.index("<svg") :]


def _table(head: str, first: str, second: str | None, rows: Mapping[str, tuple[int, ...]]) -> str:
    titles = "".join(f'<th scope="col">{title}</th>' for title in (head, first, second) if title)
    lines = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{count}</td>" for count in counts)}</tr>'
        for name, counts in rows.items()
    )
    return f"<table>\n<tr>{titles}</tr>\n{lines}\n</table>"
