"""A report for programs: JSON of our own shape, JUnit XML for pipelines, SARIF for code scanning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from typing import Any
from xml.etree import ElementTree

from .findings import Finding
from .grouping import heading_of
from .kinds import KINDS, Kind
from .report import CookieSeen, PartySeen, Report

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
# What GitHub sorts alerts by, after CVSS: high is 7.0 to 8.9, medium 4.0 to 6.9, low below.
_SCORES = {"high": "8.0", "medium": "5.0", "low": "2.0"}


def as_json(report: Report) -> str:
    """Return the whole report as JSON."""
    document = {
        "url": report.url,
        "at": _instant(report),
        "policy": report.policy,
        "states": [state.value for state in report.states],
        "requests": report.requests,
        "addresses": report.addresses,
        "findings": [_finding(finding) for finding in report.findings],
        "accepted": [_finding(finding) for finding in report.accepted],
        "checked": [kind.id for kind in report.checked],
        "cookies": [_cookie(cookie) for cookie in report.cookies],
        "parties": [_party(party) for party in report.parties],
        "remarks": report.remarks,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_junit(report: Report) -> str:
    """Return the report as JUnit XML: one test case for each kind that was looked for, a failure for each finding.

    Findings that a baseline accepts are skipped.
    """
    failed = {kind.id: [f for f in report.findings if f.kind is kind] for kind in KINDS.values()}
    skipped = {finding.id for finding in report.accepted}
    cases = [kind for kind in KINDS.values() if kind in report.checked or failed[kind.id]]
    failures = [kind for kind in cases if failed[kind.id]]
    suite = ElementTree.Element(
        "testsuite",
        name=f"consent audit {report.url}",
        tests=str(len(cases)),
        failures=str(len(failures)),
        errors="0",
        skipped=str(sum(kind.id in skipped and not failed[kind.id] for kind in cases)),
        timestamp=_instant(report),
    )
    for kind in cases:
        name = f"{kind.id} {_xml(kind.promise)}"
        case = ElementTree.SubElement(suite, "testcase", classname=f"consent.{heading_of(kind)}", name=name)
        if found := failed[kind.id]:
            failure = ElementTree.SubElement(case, "failure", type=kind.severity, message=kind.title)
            failure.text = _xml("\n\n".join(map(_paragraph, found)))
        elif kind.id in skipped:
            ElementTree.SubElement(case, "skipped", message="accepted by the baseline")
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def as_sarif(report: Report) -> str:
    """Return the report as SARIF 2.1.0; findings that a baseline accepts are there, suppressed."""
    rules = list(KINDS.values())
    results = [_result(finding, rules) for finding in report.findings]
    results += [
        {**_result(finding, rules), "suppressions": [{"kind": "external", "justification": "accepted by the baseline"}]}
        for finding in report.accepted
    ]
    run = {
        "tool": {
            "driver": {
                "name": "consent audit",
                "semanticVersion": _version(),
                "rules": [_rule(kind) for kind in rules],
            }
        },
        "invocations": [{"executionSuccessful": True, "endTimeUtc": _instant(report)}],
        "results": results,
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "severity": finding.severity,
        "title": finding.kind.title,
        "subject": finding.subject,
        "promised": finding.promised or finding.kind.promise,
        "seen": finding.seen,
        "evidence": finding.evidence,
        "fix": finding.kind.fix,
        "places": [{"state": place.state.value, "address": place.address} for place in finding.places],
    }


def _cookie(cookie: CookieSeen) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "category": cookie.category or None,
        "service": cookie.service or None,
        "lifetime": cookie.lifetime,
        "attributes": cookie.traits,
        "set_by": cookie.by,
        "states": [state.value for state in cookie.states],
    }


def _party(party: PartySeen) -> dict[str, Any]:
    return {
        "name": party.name,
        "category": party.category or None,
        "hosts": party.hosts,
        "elements": party.elements,
        "states": [state.value for state in party.states],
    }


def _paragraph(finding: Finding) -> str:
    lines = [
        f"{finding.subject}: {finding.seen}",
        f"promised: {finding.promised or finding.kind.promise}",
        *([f"evidence: {finding.evidence}"] if finding.evidence else []),
        f"fix: {finding.kind.fix}",
        *(f"at: {place.address} ({place.state.value})" for place in finding.places),
    ]
    return "\n".join(lines)


def _xml(text: str) -> str:
    """Text without what XML 1.0 cannot hold (2.2)."""
    return "".join(c for c in text if c in "\t\n" or ("\x20" <= c < "\ufffe" and not "\ud800" <= c <= "\udfff"))


def _rule(kind: Kind) -> dict[str, Any]:
    return {
        "id": kind.id,
        "name": "".join(word.capitalize() for word in kind.id.replace(".", " ").split()),
        "shortDescription": {"text": kind.title},
        "fullDescription": {"text": kind.promise},
        "help": {"text": kind.fix},
        "defaultConfiguration": {"level": _LEVELS[kind.severity]},
        "properties": {"security-severity": _SCORES[kind.severity], "tags": ["privacy", heading_of(kind).lower()]},
    }


def _result(finding: Finding, rules: Iterable[Kind]) -> dict[str, Any]:
    addresses = dict.fromkeys(place.address for place in finding.places)
    evidence = f" Evidence: {finding.evidence}" if finding.evidence else ""
    return {
        "ruleId": finding.id,
        "ruleIndex": list(rules).index(finding.kind),
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.kind.title}: {finding.subject}; {finding.seen}.{evidence}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _uri(address)}},
                "logicalLocations": [{"name": finding.subject}],
            }
            for address in addresses
        ],
        "partialFingerprints": {"consentFinding/v1": hashlib.sha256("\n".join(finding.key).encode()).hexdigest()},
    }


def _uri(address: str) -> str:
    """An address as RFC 3986 wants it: whatever a server put into a link may have come here."""
    return "".join(c if c.isascii() and c.isprintable() and c not in ' "<>\\^`{|}' else "%20" for c in address)


def _instant(report: Report) -> str:
    return datetime.fromtimestamp(report.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _version() -> str:
    try:
        return metadata.version("consent-middleware")
    except metadata.PackageNotFoundError:  # run from its source
        return "0.0.0"
