"""A choice lasts its months from the moment it was made, to the second, and visits do not stretch it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from support.doors import Answer
from support.site import NOON, Site

OpenSite = Callable[..., Site]

DAY = 86400


def epoch(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


SIX_MONTHS = epoch(2027, 5, 21, 12)

AWKWARD = [
    (epoch(2026, 8, 31, 23, 59, 59), epoch(2027, 2, 28, 23, 59, 59)),
    (epoch(2027, 8, 31), epoch(2028, 2, 29)),
    (epoch(2026, 3, 29, 1, 30), epoch(2026, 9, 29, 1, 30)),
    (epoch(2026, 3, 31), epoch(2026, 9, 30)),
    (epoch(2028, 2, 29), epoch(2028, 8, 29)),
    (epoch(2026, 12, 31, 23, 59, 59), epoch(2027, 6, 30, 23, 59, 59)),
    (epoch(2026, 3, 30), epoch(2026, 9, 30)),
    (epoch(2026, 2, 28, 23, 59, 59), epoch(2026, 8, 28, 23, 59, 59)),
    (epoch(2026, 8, 29), epoch(2027, 2, 28)),
    # European and American clocks put forward and back, within the hour that is skipped or comes twice.
    (epoch(2026, 3, 29, 1), epoch(2026, 9, 29, 1)),
    (epoch(2026, 10, 25, 0, 30), epoch(2027, 4, 25, 0, 30)),
    (epoch(2027, 4, 25, 0, 30), epoch(2027, 10, 25, 0, 30)),
    (epoch(2026, 3, 8, 7, 30), epoch(2026, 9, 8, 7, 30)),
    (epoch(2026, 5, 1, 6, 30), epoch(2026, 11, 1, 6, 30)),
]


def status(site: Site, category: str) -> str:
    found: str = site.state()["categories"][category]
    return found


@pytest.mark.parametrize("action", ["accept-all", "reject-all"])
@pytest.mark.parametrize(("chosen", "lapses"), AWKWARD)
def test_a_choice_stands_until_six_months_have_passed_and_is_then_asked_again(
    site: Site, action: str, chosen: int, lapses: int
) -> None:
    """Acceptance row 11."""
    site.clock.now = chosen
    site.choose(action)
    site.clock.now = lapses - 1
    assert not site.state()["needs_asking"]
    assert status(site, "analytics") != "unset"
    site.clock.now = lapses
    assert site.state()["needs_asking"]
    assert (status(site, "analytics"), site.state()["source"], site.state()["expires_at"]) == ("unset", "default", None)


def test_after_the_lapse_cookies_are_withheld_hidden_and_expired(site: Site) -> None:
    site.choose("accept-all")
    site.clock.now = SIX_MONTHS - 1
    assert site.visit(sets=["_ga=2"], carrying=["_ga=1"]).set_cookies == ["_ga=2"]
    assert "_ga" in site.script.seen_names
    site.jar.pop("_ga")
    site.clock.now = SIX_MONTHS
    answer = site.visit(sets=["_ga=2", "session=s"], carrying=["_ga=1", "session=s"])
    assert site.script.seen_names == {"__Host-consent", "session"}
    assert answer.set_cookies[0] == "session=s"
    assert {line.partition(";")[0] for line in answer.set_cookies[1:]} == {"_ga="}
    assert all("Max-Age=0" in line for line in answer.set_cookies[1:])


TRACKER = b'<script src="https://stats.example.net/a.js"></script>'
PAGE = b"<!doctype html><title>Shop</title><p>hello</p>" + TRACKER
DOCUMENT = [("Sec-Fetch-Dest", "document"), ("Accept", "text/html")]


@pytest.fixture
def tracked(policy: dict[str, Any]) -> dict[str, Any]:
    """The tests' policy with a tracker that pages may load."""
    policy["services"] = [
        {"id": "stats", "name": "S", "provider": "S", "category": "analytics", "scripts": ["stats.example.net"]}
    ]
    return policy


def see(site: Site, held: str | None = None, **visit: Any) -> Answer:
    """A visit to a page, by a browser that ``held`` the version of it with this entity tag."""
    headers = [*DOCUMENT, *([("If-None-Match", held)] if held else [])]
    answers = [("Content-Type", "text/html; charset=utf-8"), ("ETag", '"1"')]
    return site.visit(headers=headers, answers=answers, page=PAGE, **visit)


def assert_nothing_passes(site: Site, held: str) -> None:
    """As for somebody who was never asked: in pages, towards the application, in the jar, and by no 304."""
    answer = see(site, held, sets=["_ga=2", "session=s"], carrying=["_ga=1", "session=s"])
    assert TRACKER not in answer.body
    assert b'data-consent-src="https://stats.example.net/a.js"' in answer.body
    assert "_ga" not in site.script.seen_names
    assert site.seen_field("if-none-match") is None
    assert answer.get("etag") not in (None, held)
    kept, *expired = answer.set_cookies
    assert kept == "session=s"
    assert {line.partition("; Path")[0] for line in expired} == {"_ga=; Max-Age=0"}
    assert site.state()["needs_asking"]


@pytest.mark.parametrize(("chosen", "lapses"), AWKWARD)
def test_row_13_after_the_lapse_nothing_passes_any_more(
    open_site: OpenSite, tracked: dict[str, Any], chosen: int, lapses: int
) -> None:
    site = open_site(tracked)
    site.clock.now = chosen
    site.choose("accept-all")
    site.clock.now = lapses - 1
    last = see(site, sets=["_ga=1"], carrying=["_ga=1"])
    assert TRACKER in last.body
    assert "_ga=1" in last.set_cookies
    assert "_ga" in site.script.seen_names
    site.clock.now = lapses
    assert_nothing_passes(site, last.get("etag") or "")


def test_nothing_slides_over_daily_visits(open_site: OpenSite) -> None:
    """Acceptance row 12."""
    site = open_site()
    site.choose("accept-all")
    token = site.consent
    for day in range(181):
        site.clock.now = NOON + day * DAY
        answer = site.visit(sets=["session=s"], act=lambda decision: decision.expires_at)
        assert (answer.set_cookies, site.script.outcome) == (["session=s"], SIX_MONTHS)
    assert site.consent == token
    site.clock.now = SIX_MONTHS
    assert status(site, "analytics") == "unset"


def test_a_later_grant_of_one_category_never_extends_the_others(site: Site) -> None:
    site.choose("save", "analytics")
    site.clock.now = NOON + 90 * DAY
    site.choose("grant", "chat")
    site.clock.now = SIX_MONTHS - 1
    assert (status(site, "analytics"), status(site, "chat")) == ("granted", "granted")
    site.clock.now = SIX_MONTHS
    assert (status(site, "analytics"), status(site, "chat")) == ("unset", "granted")
    assert status(site, "marketing") == "unset"
    assert site.state()["needs_asking"]


def test_the_next_lapse_is_the_one_that_is_told(site: Site) -> None:
    site.choose("save", "analytics")
    site.clock.now = NOON + 90 * DAY
    site.choose("grant", "chat")
    state = site.state()
    assert (state["decided_at"], state["expires_at"]) == (NOON + 90 * DAY, SIX_MONTHS)


def test_our_cookie_lives_as_long_as_its_last_choice(site: Site) -> None:
    site.choose("save", "analytics")
    site.clock.now = now = epoch(2027, 2, 19, 12)
    [line] = site.choose("grant", "chat").set_cookies
    assert f"Max-Age={epoch(2027, 8, 19, 12) - now};" in line


def test_choosing_the_same_again_is_a_new_choice_with_its_own_six_months(site: Site) -> None:
    site.choose("accept-all")
    site.clock.now = epoch(2027, 1, 31)
    site.choose("accept-all")
    assert site.state()["expires_at"] == epoch(2027, 7, 31)


def test_an_application_that_grants_on_every_visit_extends_nothing(site: Site) -> None:
    site.visit(act=lambda decision: decision.grant("analytics"))
    site.clock.now = NOON + DAY
    assert site.visit(act=lambda decision: decision.grant("analytics")).set_cookies == []
    assert site.state()["expires_at"] == SIX_MONTHS


def test_another_lifetime_can_be_promised(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["consent_lifetime"] = "30 days"
    site = open_site(policy)
    site.choose("accept-all")
    site.clock.now = NOON + 30 * DAY - 1
    assert status(site, "analytics") == "granted"
    site.clock.now += 1
    assert status(site, "analytics") == "unset"


def test_the_cap_follows_the_calendar_from_the_day_of_the_line(site: Site) -> None:
    site.clock.now = now = epoch(2027, 1, 31)
    [line] = site.visit(sets=["session=s; Max-Age=99999999"]).set_cookies
    assert line == f"session=s; Max-Age={epoch(2028, 2, 29) - now}"


# A policy that changes


def reopened(site: Site, open_site: OpenSite, policy: dict[str, Any]) -> Site:
    """The same visitor after the site has deployed another policy."""
    again = open_site(policy)
    again.jar = site.jar
    return again


def rename(policy: dict[str, Any]) -> None:
    policy["categories"]["analytics"]["label"] = {"en": "Measurement"}
    policy["categories"]["analytics"]["description"] = {"en": "A word corrected"}
    policy["policy"] |= {"version": "2026-12-01", "controller": "Example SAS", "contact": "privacy@example.org"}


def reorder(policy: dict[str, Any]) -> None:
    policy["categories"] = dict(reversed(policy["categories"].items()))
    policy["cookies"].reverse()


@pytest.mark.parametrize("change", [rename, reorder])
def test_a_corrected_word_asks_nobody_again(
    site: Site, open_site: OpenSite, policy: dict[str, Any], change: Callable[[dict[str, Any]], None]
) -> None:
    site.choose("save", "analytics")
    change(policy)
    again = reopened(site, open_site, policy)
    assert (status(again, "analytics"), status(again, "marketing")) == ("granted", "denied")


def new_category(policy: dict[str, Any]) -> None:
    policy["categories"]["profiling"] = {}


def new_service(policy: dict[str, Any]) -> None:
    policy["services"] = [{"id": "own-stats", "name": "Own", "provider": "Example", "category": "analytics"}]


def new_revision(policy: dict[str, Any]) -> None:
    policy["policy"]["revision"] = 2


@pytest.mark.parametrize("change", [new_category, new_service, new_revision])
def test_row_20_a_material_change_asks_again_at_once(
    site: Site, open_site: OpenSite, policy: dict[str, Any], change: Callable[[dict[str, Any]], None]
) -> None:
    site.choose("accept-all")
    who = (site.consent or "").split(".")[1]
    change(policy)
    again = reopened(site, open_site, policy)
    assert again.state()["needs_asking"]
    assert status(again, "analytics") == "unset"
    assert again.visit(sets=["_ga=1"]).set_cookies == []
    again.choose("accept-all")
    assert status(again, "analytics") == "granted"
    assert (again.consent or "").split(".")[1] == who


@pytest.mark.parametrize("change", [new_category, new_service, new_revision])
def test_after_a_material_change_nothing_passes_any_more(
    open_site: OpenSite, tracked: dict[str, Any], change: Callable[[dict[str, Any]], None]
) -> None:
    site = open_site(tracked)
    site.choose("accept-all")
    held = see(site, sets=["_ga=1"])
    assert TRACKER in held.body
    there_already = tracked["services"]
    change(tracked)
    tracked["services"] = [*there_already, *(each for each in tracked["services"] if each not in there_already)]
    assert_nothing_passes(reopened(site, open_site, tracked), held.get("etag") or "")


def test_another_provider_behind_the_same_service_is_a_material_change(
    open_site: OpenSite, policy: dict[str, Any]
) -> None:
    new_service(policy)
    site = open_site(policy)
    site.choose("accept-all")
    policy["services"][0]["provider"] = "Somebody else"
    assert status(reopened(site, open_site, policy), "analytics") == "unset"


# Clocks that disagree


@pytest.mark.parametrize(("behind", "expected"), [(1, "granted"), (60, "granted"), (61, "unset"), (DAY, "unset")])
def test_a_choice_from_the_future_counts_only_within_the_clock_skew_of_machines(
    site: Site, behind: int, expected: str
) -> None:
    site.choose("accept-all")
    site.clock.now = NOON - behind
    assert status(site, "analytics") == expected


def test_a_choice_made_on_a_slow_machine_replaces_one_of_a_fast_machine(site: Site) -> None:
    site.choose("accept-all")
    site.clock.now = NOON - 30
    site.choose("reject-all")
    site.clock.now = NOON
    assert status(site, "analytics") == "denied"
