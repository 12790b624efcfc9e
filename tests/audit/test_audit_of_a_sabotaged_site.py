"""A site of which every promise is broken, one of which none is, and the audit that has to tell them apart."""

from __future__ import annotations

import pytest

from consent_middleware import Policy
from consent_middleware.audit import KINDS, Limits, Options, Report, State, audit
from support.planted import SCRIPTS
from support.saboteur import FAULTS, KEY, POLICY, serve_sabotaged

IN_A_BROWSER = {f"consent.{id}" for id in SCRIPTS}
"""Planted, and looked for, in tests/browser."""

NOTHING_REMEMBERED = {"A201"}
"""Where no choice is remembered, nobody gets to see what follows one."""


def audited(faults: set[str] | frozenset[str], *, keys: tuple[str, ...] = (KEY,)) -> Report:
    with serve_sabotaged(faults) as (url, trust):
        limits = Limits(pause=0, timeout=10)
        return audit(url, Options(policy=Policy.from_dict(POLICY), trust=trust, limits=limits, keys=keys))


def ids(report: Report) -> set[str]:
    return {finding.id.removeprefix("consent.") for finding in report.findings}


@pytest.fixture(scope="module")
def leaky() -> Report:
    return audited(FAULTS - NOTHING_REMEMBERED)


def test_every_kind_of_finding_can_be_planted() -> None:
    assert {f"consent.{fault}" for fault in FAULTS} | IN_A_BROWSER == set(KINDS)
    assert len(FAULTS) > 30


def test_a_clean_site_has_no_findings() -> None:
    report = audited(set())
    assert report.findings == ()
    assert report.remarks == ()
    assert report.states == (State.NONE, State.REFUSED, State.ACCEPTED)
    assert {finding for finding in KINDS if finding not in IN_A_BROWSER} == {kind.id for kind in report.checked}


def test_every_planted_violation_is_found_once_and_nothing_else(leaky: Report) -> None:
    assert ids(leaky) == FAULTS - NOTHING_REMEMBERED
    assert len(leaky.findings) == len(FAULTS - NOTHING_REMEMBERED)


def test_a_choice_that_is_not_remembered_is_found() -> None:
    assert ids(audited({"A201"})) == {"A201"}


@pytest.mark.parametrize("fault", ["A001", "A104", "A212", "A305"])
def test_one_violation_raises_no_second_alarm(fault: str) -> None:
    assert ids(audited({fault})) == {fault}


def test_without_keys_no_expired_consent_can_be_made_and_the_report_does_not_claim_it() -> None:
    report = audited({"A206"}, keys=())
    assert report.findings == ()
    assert "consent.A206" not in {kind.id for kind in report.checked}


def test_a_finding_names_what_it_is_about_and_where(leaky: Report) -> None:
    found = {finding.id.removeprefix("consent."): finding for finding in leaky.findings}
    assert found["A001"].subject == "_gid"
    assert {place.state for place in found["A001"].places} == {State.NONE}
    assert found["A106"].subject == "hotjar"
    assert found["A107"].subject == "cdn.unknown.example"
    assert found["A302"].subject == "/p302"
    assert found["A004"].seen == "it lives for 730 days"
    assert found["A004"].promised == "No cookie lives longer than 13 months."
    assert found["A005"].promised == "Its declaration says: 30 days."


def test_evidence_is_the_line_without_its_value(leaky: Report) -> None:
    found = {finding.id.removeprefix("consent."): finding for finding in leaky.findings}
    assert found["A002"].evidence.startswith("Set-Cookie: _fbp=‹1 byte›; Max-Age=60; Path=/")
    assert all("__Host-consent=1v" not in finding.evidence for finding in leaky.findings)
    assert all("?" not in place.address for finding in leaky.findings for place in finding.places)


def test_the_worst_comes_first(leaky: Report) -> None:
    severities = [finding.severity for finding in leaky.findings]
    assert severities == sorted(severities, key=["high", "medium", "low"].index)


def test_the_inventory_says_who_sees_what(leaky: Report) -> None:
    cookies = {cookie.name: cookie for cookie in leaky.cookies}
    assert cookies["visitor_id"].states == (State.ACCEPTED,)
    assert cookies["visitor_id"].category == "analytics"
    assert cookies["n_long"].lifetime == "400 days (asked for more)"
    assert cookies["session"].lifetime == "session"
    assert cookies["nobody"].category == ""
    assert cookies["n_part"].lifetime == "never stored"
    parties = {party.name: party for party in leaky.parties}
    assert parties["Hotjar"].category == ""
    assert parties["tawk.to"].states == (State.ACCEPTED,)
