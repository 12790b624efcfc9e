"""When something of ours breaks, the page is still served, nothing non-necessary passes, and the log says why."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from consent_middleware import Decision, Record, cookie_gate, endpoints, engine, exchange, seal, sweeping
from support.site import SAME_ORIGIN, Site

OpenSite = Callable[..., Site]

SECRET = "a-value-nobody-may-log"


class Broken(Exception):
    """What an error in our own code looks like."""


def broken(*args: object, **kwargs: object) -> Any:
    raise Broken


ROOMS: dict[str, tuple[object, str]] = {
    "reading the consent cookie": (seal.Seal, "newest"),
    "the browser's signal": (engine, "refuses_by_gpc"),
    "reading Set-Cookie lines": (cookie_gate, "read_set_cookie"),
    "capping lifetimes": (cookie_gate, "cap_line"),
    "hiding request cookies": (cookie_gate, "visible_cookies"),
    "expiring cookies": (sweeping, "deletions"),
    "writing the consent cookie": (seal.Seal, "dumps"),
    "telling caches": (exchange, "keep_private"),
}


@pytest.fixture(params=ROOMS)
def break_room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    owner, name = ROOMS[request.param]
    return lambda: monkeypatch.setattr(owner, name, broken)


def faults(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in said(caplog) if record.levelno >= logging.ERROR]


def said(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What we logged, and not the frameworks."""
    return [record for record in caplog.records if record.name.startswith("consent")]


def test_a_fault_never_becomes_an_error_page_and_nothing_non_necessary_passes(
    site: Site, break_room: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Acceptance row 28."""
    site.choose("reject-all")
    break_room()
    caplog.clear()
    answer = site.visit(
        sets=[f"session={SECRET}", f"_ga={SECRET}", f"nobody={SECRET}"],
        carrying=[f"session={SECRET}", f"_ads={SECRET}", f"nobody={SECRET}"],
    )
    assert (answer.status, answer.body) == (200, b"hello")
    assert f"session={SECRET}" in answer.set_cookies
    assert not {f"_ga={SECRET}", f"nobody={SECRET}"} & {*answer.set_cookies}
    assert site.script.seen_names <= {"session", "__Host-consent"}
    assert "session" in site.script.seen_names
    assert len({record.getMessage() for record in faults(caplog)}) <= 1  # one for each Cookie field, at most
    assert all(record.getMessage().startswith("consent.fault: ") for record in faults(caplog))
    assert SECRET not in caplog.text


@pytest.mark.parametrize("path", ["/_consent/state", "/_consent/settings"])
def test_our_own_pages_survive_a_fault(site: Site, break_room: Callable[[], None], path: str) -> None:
    site.choose("accept-all")
    break_room()
    assert site.visit(path, carrying=["_ga=1"]).status in (200, 503)


@pytest.mark.parametrize("ledger", [False, True])
def test_a_choice_survives_a_fault_without_granting_anything(
    open_site: OpenSite, break_room: Callable[[], None], ledger: bool
) -> None:
    site = open_site(ledger=Ledger()) if ledger else open_site()
    site.choose("reject-all")
    before = site.consent
    break_room()
    answer = site.choose("accept-all", carrying=["_ga=1"])
    assert answer.status in (303, 503)
    if answer.status == 503:
        assert site.consent == before


@pytest.mark.parametrize("ledger", [False, True])
def test_a_view_that_acts_survives_a_fault(open_site: OpenSite, break_room: Callable[[], None], ledger: bool) -> None:
    site = open_site(ledger=Ledger()) if ledger else open_site()
    break_room()
    answer = site.visit(act=lambda decision: decision.grant("analytics"), sets=["session=s"], carrying=["_ads=1"])
    assert (answer.status, answer.body) == (200, b"hello")
    assert "session=s" in answer.set_cookies


def test_a_broken_seal_is_no_choice(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.choose("accept-all")
    monkeypatch.setattr(seal.Seal, "newest", broken)
    assert site.visit(sets=["_ga=1"], act=lambda decision: decision.allows("analytics")).set_cookies == []
    assert site.script.outcome is False
    assert [record.getMessage() for record in faults(caplog)] == [
        "consent.fault: the consent cookie could not be read; taken as no choice"
    ]


@pytest.mark.parametrize("request_", [("GET", "/_consent/state"), ("POST", "/_consent/choice")])
def test_a_fault_in_our_own_pages_is_an_apology(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, request_: tuple[str, str]
) -> None:
    monkeypatch.setattr(endpoints.Endpoints, "answer", broken)
    method, path = request_
    answer = site.visit(path, method=method, headers=SAME_ORIGIN)
    assert (answer.status, answer.set_cookies) == (503, [])
    assert answer.get("cache-control") == "no-store"
    assert len(faults(caplog)) == 1


def test_a_failing_applies_is_logged_once_a_request(open_site: OpenSite, caplog: pytest.LogCaptureFixture) -> None:
    site = open_site(applies=broken)
    assert site.visit(sets=["_ga=1", "_ads=1"], carrying=["_ga=1"]).status == 200
    assert len(faults(caplog)) == 1


# The ledger


class Ledger:
    """Keeps records in memory, and can be down."""

    def __init__(self, site: Site | None = None) -> None:
        self.records: list[Record] = []
        self.is_down = False
        self.attempts = 0

    def append(self, records: Sequence[Record]) -> None:
        self.attempts += 1
        if self.is_down:
            raise ConnectionError(f"the store at db.internal is down ({SECRET})")
        self.records += records


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_each_choice_gives_one_record_before_the_cookie_leaves(open_site: OpenSite, ledger: Ledger) -> None:
    site = open_site(ledger=ledger)
    site.choose("save", "analytics")
    [record] = ledger.records
    assert (record.state, record.mechanism, record.source) == ("partial", "save", "visitor")
    assert record.choices == dict.fromkeys(["functional", "marketing", "chat", "audience"], False) | {"analytics": True}
    assert record.previous is None
    assert record.host == "shop.example.org"
    site.choose("withdraw")
    assert (ledger.records[1].state, ledger.records[1].previous) == ("withdrawn", record.record_id)
    assert ledger.records[1].subject == record.subject == (site.consent or "").split(".")[1]


def test_visits_and_refused_requests_give_no_record(open_site: OpenSite, ledger: Ledger) -> None:
    site = open_site(ledger=ledger)
    site.visit(sets=["_ga=1"])
    site.state()
    site.choose("accept-all", headers=[("Sec-Fetch-Site", "cross-site")])
    site.choose("grant", "necessary")
    site.choose("nonsense")
    assert ledger.attempts == 0


def test_a_grant_that_cannot_be_stored_is_not_honoured(
    open_site: OpenSite, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    site = open_site(ledger=ledger)
    ledger.is_down = True
    answer = site.choose("accept-all")
    assert (answer.status, answer.set_cookies) == (503, [])
    assert site.state()["needs_asking"]
    assert len(faults(caplog)) == 1
    ledger.is_down = False
    assert site.choose("accept-all").status == 303


def test_json_is_told_that_the_grant_was_not_stored(open_site: OpenSite, ledger: Ledger) -> None:
    site = open_site(ledger=ledger)
    ledger.is_down = True
    answer = site.send_json({"action": "accept-all"})
    assert (answer.status, json.loads(answer.body), answer.set_cookies) == (503, {"error": "not-stored"}, [])


@pytest.mark.parametrize("action", ["reject-all", "withdraw", "save"])
def test_a_refusal_is_honoured_though_it_cannot_be_stored(open_site: OpenSite, ledger: Ledger, action: str) -> None:
    site = open_site(ledger=ledger)
    site.choose("accept-all")
    ledger.is_down = True
    answer = site.choose(action, carrying=["_ga=1"])
    assert answer.status == 303
    assert {"__Host-consent", "_ga"} <= {*answer.cookie_names}
    assert {*site.state()["categories"].values()} == {"granted", "denied"}
    assert site.state()["categories"]["analytics"] == "denied"


def test_what_is_withdrawn_stays_withdrawn_though_what_is_granted_beside_it_cannot_be_stored(
    open_site: OpenSite, ledger: Ledger
) -> None:
    site = open_site(ledger=ledger)
    site.choose("save", "analytics", "marketing")
    ledger.is_down = True
    answer = site.choose("save", "marketing", "functional", carrying=["_ga=1", "_ads=1"])
    assert answer.status == 503
    categories = site.state()["categories"]
    assert categories["analytics"] == "denied"
    assert categories["marketing"] == "granted"  # as before
    assert categories["functional"] == "denied"  # as before
    assert {*answer.cookie_names} == {"__Host-consent", "_ga"}


def test_a_view_that_denies_is_honoured_though_other_categories_stay_granted(
    open_site: OpenSite, ledger: Ledger
) -> None:
    site = open_site(ledger=ledger)
    site.choose("accept-all")
    ledger.is_down = True
    answer = site.visit(act=lambda decision: decision.deny("analytics"), sets=["_ga=1", "_ads=1"])
    assert (answer.status, answer.cookie_names) == (200, ["_ads", "__Host-consent"])
    assert site.state()["categories"]["analytics"] == "denied"


def test_a_view_that_grants_has_granted_nothing_when_it_cannot_be_stored(open_site: OpenSite, ledger: Ledger) -> None:
    site = open_site(ledger=ledger)
    ledger.is_down = True
    answer = site.visit(act=lambda decision: decision.grant("analytics"), sets=["_ga=1", "session=s"])
    assert (answer.status, answer.set_cookies) == (200, ["session=s"])


def test_a_view_that_acts_gives_one_record(open_site: OpenSite, ledger: Ledger) -> None:
    def act(decision: Decision) -> None:
        decision.grant("analytics")
        decision.deny("marketing")

    open_site(ledger=ledger).visit(act=act)
    [record] = ledger.records
    assert (record.source, record.state, dict(record.choices)) == (
        "application",
        "partial",
        {"analytics": True, "marketing": False},
    )


# Privacy of the tool itself

QUERY = "q=a-search-nobody-may-log"


def typical_traffic(site: Site) -> None:
    cookies = [f"session={SECRET}", f"_ga={SECRET}", f"nobody={SECRET}", f"bare-{SECRET}"]
    lines = [
        f"session={SECRET}; Max-Age=99999999",
        f"_ga={SECRET}",
        f"nobody={SECRET}",
        f"bare-{SECRET}",
        f"session={SECRET}{'v' * 5000}",
        f"{SECRET}{'v' * 5000}",
    ]
    if site.door.can_say("\x00"):
        lines.append(f"session={SECRET}\x00")
    agent = [("User-Agent", f"agent {SECRET}"), ("Referer", f"https://shop.example.org/?{SECRET}")]
    for action in ("accept-all", "save", "withdraw", "nonsense"):
        site.clock.now += 60
        site.visit(f"/basket?{QUERY}", sets=lines, carrying=cookies, headers=agent)
        site.choose(action, next=f"/basket?{QUERY}", headers=[*SAME_ORIGIN, *agent], carrying=cookies)
        site.visit(f"/_consent/settings?{QUERY}", carrying=cookies, headers=agent)
        site.visit(act=lambda decision: decision.allows("nothing"), carrying=[f"__Host-consent={SECRET}"])


@pytest.mark.parametrize("undeclared", ["withhold", "report", "allow"])
@pytest.mark.parametrize("mode", ["enforce", "report"])
def test_no_log_ever_holds_a_value_a_query_or_an_address(
    open_site: OpenSite, policy: dict[str, Any], caplog: pytest.LogCaptureFixture, mode: str, undeclared: str
) -> None:
    caplog.set_level(logging.DEBUG, "consent_middleware")
    policy["policy"] |= {"mode": mode, "undeclared_cookies": undeclared}
    site = open_site(policy)
    typical_traffic(site)
    text = "\n".join(f"{record.getMessage()} {record.args}" for record in said(caplog))
    assert "consent.C001" in text
    for secret in (SECRET, QUERY, "127.0.0.1", "agent", (site.consent or "?").rpartition(".")[2]):
        assert secret not in text


def test_no_record_ever_holds_a_query_an_agent_or_an_address(open_site: OpenSite, ledger: Ledger) -> None:
    typical_traffic(open_site(ledger=ledger))
    assert len(ledger.records) == 3
    for secret in (SECRET, QUERY, "127.0.0.1", "agent"):
        assert secret not in repr(ledger.records)


def test_what_a_visitor_sends_cannot_write_lines_into_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.visit(carrying=["a\nconsent.fault: all is lost\x1b[31m\x85=1"])
    assert all(record.getMessage().isprintable() for record in said(caplog))
