"""The word of another consent tool counts where a visitor has never chosen with us, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from consent_middleware import engine
from support.jar import Jar
from support.site import NOON, Site

OpenSite = Callable[..., Site]

SIX_MONTHS = int(datetime(2027, 5, 21, 12, tzinfo=UTC).timestamp())
END = int(datetime(2027, 12, 21, 12, tzinfo=UTC).timestamp())  # thirteen months after NOON

YES = 'klaro={"analytics":true,"marketing":true,"necessary":true}'
NO = 'klaro={"analytics":false,"audience":false,"necessary":false}'


@pytest.fixture
def site(open_site: OpenSite, policy: dict[str, Any]) -> Site:
    policy["policy"]["reads"] = ["klaro"]
    return open_site(policy)


def allowed(site: Site, **request: Any) -> tuple[set[str], str]:
    state = site.state(**request)
    return {name for name, status in state["categories"].items() if status == "granted"}, state["source"]


def test_its_yes_lets_cookies_pass_and_its_no_holds_them_back(site: Site) -> None:
    assert site.visit(sets=["_ga=1"], carrying=[YES, "_ga=1"]).set_cookies == ["_ga=1"]
    assert {"_ga", "klaro"} <= site.script.seen_names
    assert allowed(site, carrying=[YES]) == ({"necessary", "analytics", "marketing"}, "foreign")
    site.jar.clear()
    assert site.visit(sets=["_ga=1", "aud=1", "session=s"], carrying=[NO]).set_cookies == ["session=s"]
    assert allowed(site, carrying=[NO]) == ({"necessary"}, "foreign")


def test_it_tells_no_date_and_writes_no_receipt(site: Site) -> None:
    state = site.state(carrying=[YES])
    assert (state["decided_at"], state["expires_at"], state["needs_asking"]) == (None, None, True)  # functional is left
    assert site.consent is None


def test_its_cookie_may_be_set_and_deleted_without_consent(site: Site) -> None:
    lines = ["klaro=%7B%7D; Path=/", "klaro=; Max-Age=0"]
    assert site.visit(sets=lines).set_cookies == lines


def test_it_is_not_read_unasked(open_site: OpenSite) -> None:
    site = open_site()
    assert allowed(site, carrying=[YES]) == ({"necessary"}, "default")
    assert site.visit(sets=["klaro=1"]).set_cookies == []


def test_the_signal_refuses_over_its_yes(site: Site) -> None:
    granted, source = allowed(site, carrying=[YES], headers=[("Sec-GPC", "1")])
    assert (granted, source) == ({"necessary", "analytics"}, "gpc")


@pytest.mark.parametrize("action", ["reject-all", "withdraw", "save"])
def test_a_choice_made_with_us_wins_at_once_and_for_good(site: Site, action: str) -> None:
    site.choose(action, carrying=[YES])
    assert allowed(site, carrying=[YES]) == ({"necessary"}, "visitor")
    site.clock.now = NOON + 200 * 86400  # lapsed: to be asked again, whatever the other tool remembers
    assert allowed(site, carrying=[YES]) == ({"necessary"}, "default")


def test_the_receipt_outlives_the_choice_to_tell_that_there_was_one(site: Site) -> None:
    """Were it gone with the choice, an older yes that the other tool keeps for a year would have the say again."""
    jar = Jar()
    for line in site.choose("reject-all", carrying=[YES]).set_cookies:
        jar.store(line, NOON, "shop.example.org", "/")
    site.jar.clear()
    for months, now in ((6, SIX_MONTHS), (12, END - 1)):
        site.clock.now = now
        kept = jar.header(now, "shop.example.org", "/")
        assert allowed(site, carrying=[YES, kept]) == ({"necessary"}, "default"), months
        assert site.state(carrying=[YES, kept])["needs_asking"]
    assert jar.names(END) == set()


def test_an_application_withdraws_what_it_had_allowed(site: Site) -> None:
    answer = site.visit(act=lambda decision: decision.withdraw(), sets=["_ga=1"], carrying=[YES, "_ga=1"])
    assert "_ga=1" not in answer.set_cookies
    assert allowed(site, carrying=[YES])[1] == "application"


def test_names_of_theirs_are_given_in_the_policy(open_site: OpenSite, policy: dict[str, Any]) -> None:
    names = {"analytics": ["statistics"], "marketing": ["ads", "social"]}
    policy["policy"]["reads"] = [{"tool": "wp-consent-api", "categories": names}, {"tool": "klaro", "cookie": "kc"}]
    site = open_site(policy)
    told = ["wp_consent_statistics=allow", "wp_consent_ads=allow", 'kc={"chat":true}']
    assert allowed(site, carrying=told)[0] == {"necessary", "analytics", "chat"}
    assert allowed(site, carrying=[*told, "wp_consent_social=allow"])[0] == {
        "necessary",
        "analytics",
        "marketing",
        "chat",
    }


def test_of_two_tools_that_differ_the_no_counts(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["reads"] = ["klaro", "tarteaucitron"]
    assert allowed(open_site(policy), carrying=[YES, "tarteaucitron=!analytics=false"])[0] == {"necessary", "marketing"}


def test_a_fault_in_reading_it_is_no_choice(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "told", lambda *args: 1 / 0)
    assert site.visit(sets=["_ga=1"], carrying=[YES]).set_cookies == []


def test_responses_that_it_could_change_vary_on_cookies(site: Site) -> None:
    answer = site.visit(sets=["_ga=1"], carrying=[YES])
    assert (answer.get("vary"), answer.get("cache-control")) == ("Cookie, Sec-GPC", "private")
