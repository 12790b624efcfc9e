"""A report for a terminal, in colour where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .findings import Finding, State
from .kinds import SEVERITIES, Kind
from .report import CookieSeen, PartySeen, Report

_STYLES = {"high": "bold red", "medium": "yellow", "low": "cyan"}
_MOST_PLACES = 3
_MOST_OF_A_KIND = 10
_MOST_ROWS = 50
_SHORT = {State.NONE: "none", State.REFUSED: "refuse", State.ACCEPTED: "accept"}
_WIDTH = 110
"""Columns where there is no terminal to ask: a log of a pipeline wraps no sooner."""


def print_report(report: Report, out: TextIO, width: int | None = None) -> None:
    """Write a report for people to a stream. Colours come only where the stream is a terminal."""
    if width is None and not out.isatty():
        width = _WIDTH
    console = Console(file=out, width=width, highlight=False, soft_wrap=False, emoji=False)
    console.print(f"[bold]{escape(report.url)}[/]", style=None)
    console.print(escape(_scope(report)))
    console.print()
    for kind in dict.fromkeys(finding.kind for finding in report.findings):
        _print_kind(kind, [finding for finding in report.findings if finding.kind is kind], console)
    if report.cookies:
        console.print(_cookie_table(report.cookies, report.states))
    if report.parties:
        console.print(_party_table(report.parties, report.states))
    for remark in report.remarks:
        console.print(Text(f"Note: {remark}", style="dim"))
    console.print(_verdict(report))


def summary(report: Report) -> str:
    """Say in one line what came of it."""
    if not report.findings:
        return "No findings." if not report.accepted else f"No findings beyond {len(report.accepted)} accepted ones."
    counts = {severity: sum(f.severity == severity for f in report.findings) for severity in SEVERITIES}
    told = ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)
    accepted = f"; {len(report.accepted)} accepted" if report.accepted else ""
    return f"{len(report.findings)} finding{'' if len(report.findings) == 1 else 's'} ({told}){accepted}."


def _scope(report: Report) -> str:
    policy = f"policy {report.policy}" if report.policy else "no policy given: the catalogue decides"
    states = ", ".join(state.value for state in report.states)
    return f"{len(report.addresses)} addresses, {report.requests} requests; {states}; {policy}"


def _verdict(report: Report) -> Text:
    style = _STYLES[report.findings[0].severity] if report.findings else "bold green"
    return Text(summary(report), style=style)


def _print_kind(kind: Kind, findings: Sequence[Finding], console: Console) -> None:
    """Write every finding of one kind: what was promised once, then each thing it is about, then what to do."""
    heading = Text.assemble(
        (f"{kind.id} ", "bold"), (f"{kind.severity} ", _STYLES[kind.severity]), (kind.title, "bold")
    )
    console.print(heading)
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_row("promised", kind.promise)
    for finding in findings[:_MOST_OF_A_KIND]:
        for name, text in _rows(finding):
            rows.add_row(name, Text(text, style="bold" if name == "what" else ""))
    if len(findings) > _MOST_OF_A_KIND:
        rows.add_row("", f"and {len(findings) - _MOST_OF_A_KIND} more of the same; --format json has them all")
    rows.add_row("fix", kind.fix)
    console.print(Padding(rows, (0, 0, 1, 2)))


def _rows(finding: Finding) -> Iterable[tuple[str, str]]:
    yield "what", finding.subject
    yield "seen", finding.seen
    if finding.promised:
        yield "against", finding.promised
    if finding.evidence:
        yield "evidence", finding.evidence
    addresses = list(dict.fromkeys(place.address for place in finding.places))
    more = len(addresses) - _MOST_PLACES
    places = addresses[:_MOST_PLACES] + ([f"and {more} more"] if more > 0 else [])
    yield "where", "\n".join(places)


def _cookie_table(cookies: Sequence[CookieSeen], states: Iterable[State]) -> Table:
    table = _table("Cookies", ("name", "category", "lifetime", "attributes"), states)
    for cookie in cookies[:_MOST_ROWS]:
        category = cookie.category or "undeclared"
        traits = ", ".join([*cookie.traits, *(["by a script"] if cookie.by == "script" else [])])
        table.add_row(Text(cookie.name), category, cookie.lifetime, Text(traits), *_marks(cookie.states, states))
    return _shortened(table, len(cookies))


def _party_table(parties: Sequence[PartySeen], states: Iterable[State]) -> Table:
    table = _table("Services and third parties", ("name", "category", "hosts", "elements"), states)
    for party in parties[:_MOST_ROWS]:
        row = (
            Text(party.name),
            party.category or "undeclared",
            Text("\n".join(party.hosts)),
            ", ".join(party.elements),
        )
        table.add_row(*row, *_marks(party.states, states))
    return _shortened(table, len(parties))


def _shortened(table: Table, rows: int) -> Table:
    if rows > _MOST_ROWS:
        table.caption = f"and {rows - _MOST_ROWS} more; --format json has them all"
    return table


def _table(title: str, columns: Iterable[str], states: Iterable[State]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold", min_width=min(24, max(8, len(name))))
    for state in states:
        table.add_column(_SHORT[state], justify="center", no_wrap=True)
    return table


def _marks(seen: Iterable[State], states: Iterable[State]) -> list[str]:
    return ["yes" if state in set(seen) else "-" for state in states]
