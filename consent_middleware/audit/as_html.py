"""A report to hand to somebody: one HTML file that needs nothing else, reads well on paper, and runs no script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

from .findings import Finding, Place, State
from .grouping import by_heading
from .kinds import SEVERITIES, Kind, Severity
from .report import CookieSeen, PartySeen, Report

_MOST_PLACES = 4
_MOST_OF_A_KIND = 25
_MEANINGS = {
    "high": "done to the visitor without consent",
    "medium": "a promise that can fail",
    "low": "untidy, or unclear",
}


def as_html(report: Report) -> str:
    """Return the report as one HTML document."""
    style = files(__package__ or "").joinpath("report.css").read_text(encoding="utf-8")
    parts = [
        *_header(report),
        *_summary(report),
        *_findings(report),
        *_cookies(report),
        *_parties(report),
        *_checks(report),
        *_scope(report),
    ]
    title = f"Consent audit of {report.url}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width">\n<meta name="robots" content="noindex">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


def _header(report: Report) -> Iterator[str]:
    instant = datetime.fromtimestamp(report.at, UTC)
    date = f"{instant.day} {instant:%B %Y, %H:%M} UTC"
    policy = (
        f"policy {escape(report.policy)}" if report.policy else "no policy given; the catalogue of services decides"
    )
    yield "<header>"
    yield "<p class=kind>Cookie consent audit</p>"
    yield f"<h1>{escape(report.url)}</h1>"
    yield f"<p class=meta>{date} · {_count(len(report.addresses), 'address', 'addresses')} · {policy}</p>"
    yield "</header>"


def _summary(report: Report) -> Iterator[str]:
    counts = {severity: sum(f.severity == severity for f in report.findings) for severity in SEVERITIES}
    worst = next((severity for severity in SEVERITIES if counts[severity]), "none")
    yield f'<section class="verdict {worst}">'
    yield f"<p class=headline>{escape(_headline(report))}</p>"
    if report.findings:
        tiles = (_tile(severity, counts[severity]) for severity in SEVERITIES)
        yield f"<ul class=tiles>{''.join(tiles)}</ul>"
    states = ", ".join(f"“{state.value}”" for state in report.states)
    yield (
        f"<p>The site was visited as somebody in each of these states: {states}. What each visitor was sent "
        "was compared with what the policy promises.</p>"
    )
    if report.accepted:
        yield f"<p>Accepted by a baseline, and listed at the end: {_count(len(report.accepted), 'finding')}.</p>"
    yield "</section>"


def _tile(severity: Severity, count: int) -> str:
    return f'<li class="{severity}"><strong>{count}</strong> {severity}<span>{_MEANINGS[severity]}</span></li>'


def _headline(report: Report) -> str:
    if not report.findings:
        return "Every promise that was checked is kept."
    broken = len({finding.kind for finding in report.findings})
    return f"{_count(broken, 'promise')} of {len(report.checked)} checked {'is' if broken == 1 else 'are'} not kept."


def _findings(report: Report) -> Iterator[str]:
    if not report.findings:
        return
    yield "<section><h2>Findings</h2>"
    for severity in SEVERITIES:
        kinds = list(dict.fromkeys(finding.kind for finding in report.findings if finding.severity == severity))
        for kind in kinds:
            yield from _kind(kind, [finding for finding in report.findings if finding.kind is kind])
    yield "</section>"


def _kind(kind: Kind, findings: list[Finding]) -> Iterator[str]:
    yield f'<article class="{kind.severity}" id="{kind.id}">'
    yield f"<h3><span class=pill>{kind.severity}</span> {escape(kind.title)} <code>{kind.id}</code></h3>"
    yield f"<p class=promise><b>Promised</b> {escape(kind.promise)}</p>"
    for finding in findings[:_MOST_OF_A_KIND]:
        yield from _instance(finding)
    if len(findings) > _MOST_OF_A_KIND:
        others = ", ".join(f"<code>{escape(finding.subject)}</code>" for finding in findings[_MOST_OF_A_KIND:])
        yield f"<p class=where>The same holds for {others}.</p>"
    yield f"<p class=fix><b>To do</b> {escape(kind.fix)}</p>"
    yield "</article>"


def _instance(finding: Finding) -> Iterator[str]:
    subject = f"<code class=subject>{escape(finding.subject)}</code>"
    yield f"<div class=instance><p><b>Seen</b> {subject} {escape(finding.seen)}</p>"
    if finding.promised:
        yield f"<p class=own>{escape(finding.promised)}</p>"
    if finding.evidence:
        yield f"<pre>{escape(finding.evidence)}</pre>"
    yield f"<p class=where>{_places(finding.places)}</p></div>"


def _places(places: Iterable[Place]) -> str:
    by_address: dict[str, list[str]] = {}
    for place in places:
        by_address.setdefault(place.address, []).append(place.state.value)
    told = [f"{escape(address)} <i>({escape(', '.join(states))})</i>" for address, states in by_address.items()]
    more = [f"and {len(told) - _MOST_PLACES} more"] if len(told) > _MOST_PLACES else []
    return "<br>".join([*told[:_MOST_PLACES], *more])


def _cookies(report: Report) -> Iterator[str]:
    yield "<section><h2>Cookies of the site</h2>"
    if report.cookies:
        rows = [_cookie_row(cookie, report.states) for cookie in report.cookies]
        yield _table(("Name", "Category", "Lifetime in a browser", "Attributes"), report.states, rows)
    else:
        yield "<p>None was set.</p>"
    yield "</section>"


def _cookie_row(cookie: CookieSeen, states: Iterable[State]) -> str:
    service = f"<br><small>{escape(cookie.service)}</small>" if cookie.service else ""
    traits = [escape(trait) for trait in cookie.traits] + (["set by a script"] if cookie.by == "script" else [])
    cells = (
        f"<code>{escape(cookie.name)}</code>",
        _category(cookie.category) + service,
        escape(cookie.lifetime),
        ", ".join(traits) or "none",
    )
    return _row(cells, cookie.states, states)


def _parties(report: Report) -> Iterator[str]:
    yield "<section><h2>Services and third parties in its pages</h2>"
    if report.parties:
        rows = [_party_row(party, report.states) for party in report.parties]
        yield _table(("Name", "Category", "Hosts", "As"), report.states, rows)
    else:
        yield "<p>None was live in any page.</p>"
    yield "</section>"


def _party_row(party: PartySeen, states: Iterable[State]) -> str:
    cells = (
        escape(party.name),
        _category(party.category),
        "<br>".join(map(escape, party.hosts)) or "inline",
        escape(", ".join(party.elements)),
    )
    return _row(cells, party.states, states)


def _table(columns: Iterable[str], states: Iterable[State], rows: Iterable[str]) -> str:
    heads = "".join(f"<th>{column}</th>" for column in columns)
    heads += "".join(f"<th class=state>{state.value}</th>" for state in states)
    return (
        f"<div class=wide tabindex=0><table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(cells: Iterable[str], seen: Iterable[State], states: Iterable[State]) -> str:
    present = set(seen)
    marks = ("<td class=state>yes</td>" if state in present else '<td class="state no">–</td>' for state in states)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}{''.join(marks)}</tr>"


def _category(name: str) -> str:
    return escape(name) if name else "<em>undeclared</em>"


def _checks(report: Report) -> Iterator[str]:
    failed = {finding.kind for finding in report.findings}
    accepted = {finding.kind for finding in report.accepted}
    yield "<section><h2>What was checked</h2>"
    for heading, kinds in by_heading(report.checked).items():
        yield f"<h3>{heading}</h3><ul class=checks>"
        for kind in kinds:
            mark, word = _mark(kind, failed, accepted)
            name = f'<a href="#{kind.id}">{kind.id}</a>' if kind in failed else kind.id
            yield f'<li class="{mark}"><b>{word}</b> <span>{escape(kind.promise)} <small>{name}</small></span></li>'
        yield "</ul>"
    yield "</section>"


def _mark(kind: Kind, failed: set[Kind], accepted: set[Kind]) -> tuple[str, str]:
    if kind in failed:
        return kind.severity, "not kept"
    return ("accepted", "accepted") if kind in accepted else ("kept", "kept")


def _scope(report: Report) -> Iterator[str]:
    yield "<section><h2>How far it went</h2>"
    yield f"<p>{_count(report.requests, 'request')} to {_count(len(report.addresses), 'address', 'addresses')}:</p>"
    yield f"<ul class=addresses>{''.join(f'<li>{escape(address)}</li>' for address in report.addresses)}</ul>"
    if report.remarks:
        yield f"<ul>{''.join(f'<li>{escape(remark)}</li>' for remark in report.remarks)}</ul>"
    if report.accepted:
        yield "<h3>Accepted by the baseline</h3>"
        rows = (
            f"<li><code>{finding.id}</code> {escape(finding.kind.title)}: <code>{escape(finding.subject)}</code></li>"
            for finding in report.accepted
        )
        yield f"<ul>{''.join(rows)}</ul>"
    yield (
        "<p class=fine>An audit sees what is sent to it, on the pages and on the day it looks; it cannot see what a "
        "page does elsewhere, and it is no legal advice. Values of cookies and queries of addresses are left out.</p>"
    )
    yield "</section>"


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"
