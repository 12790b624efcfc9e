"""What the application sees of a decision, and how it acts for the visitor, the same in each framework."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from consent_middleware import Decision, ResponseStarted, UnknownCategory
from support.site import NOON, Site

OpenSite = Callable[..., Site]
Act = Callable[[Decision], object]

SIX_MONTHS = int(datetime(2027, 5, 21, 12, tzinfo=UTC).timestamp())
GPC = [("Sec-GPC", "1")]


def ask(site: Site, question: Act, **request: Any) -> object:
    """What a view gets as the answer to a question about the decision."""
    site.visit(act=question, **request)
    return site.script.outcome


# Acting


def test_granting_in_a_view_sets_our_cookie_and_lets_cookies_of_the_same_response_through(site: Site) -> None:
    answer = site.visit(sets=["_ga=1", "_ads=1"], act=lambda decision: decision.grant("analytics"))
    assert answer.cookie_names == ["_ga", "__Host-consent"]
    assert "HttpOnly; SameSite=Lax; Secure" in answer.set_cookies[1]
    assert site.visit(sets=["_ga=2"]).set_cookies == ["_ga=2"]
    assert site.state()["source"] == "application"


def test_denying_in_a_view_takes_effect_in_the_same_response(site: Site) -> None:
    site.choose("accept-all")
    answer = site.visit(sets=["_ga=2", "_ads=2"], act=lambda decision: decision.deny("analytics"))
    assert answer.cookie_names == ["_ads", "__Host-consent"]


def test_withdrawing_in_a_view_refuses_all_that_was_allowed_and_nothing_else(site: Site) -> None:
    site.choose("grant", "analytics", "chat")
    site.visit(act=lambda decision: decision.withdraw())
    categories = site.state()["categories"]
    assert {name for name, status in categories.items() if status == "denied"} == {"analytics", "chat", "audience"}
    assert categories["marketing"] == "unset"


def test_granting_what_is_granted_sets_nothing(site: Site) -> None:
    site.choose("accept-all")
    assert site.visit(act=lambda decision: decision.grant("analytics", "marketing")).set_cookies == []
    assert site.state()["source"] == "visitor"


def test_denying_what_is_denied_sets_nothing(site: Site) -> None:
    site.choose("reject-all")
    assert site.visit(act=lambda decision: decision.deny("analytics")).set_cookies == []


def test_withdrawing_without_consent_does_nothing(open_site: OpenSite, policy: dict[str, Any]) -> None:
    del policy["categories"]["audience"]["exempt"]
    site = open_site(policy)
    assert site.visit(act=lambda decision: decision.withdraw()).set_cookies == []
    site.choose("reject-all")
    assert site.visit(act=lambda decision: decision.withdraw()).set_cookies == []


def test_necessary_categories_can_be_neither_granted_nor_denied(site: Site) -> None:
    def act(decision: Decision) -> bool:
        decision.deny("necessary")
        decision.grant("necessary")
        decision.grant()
        decision.deny()
        return decision.allows("necessary")

    assert site.visit(act=act, sets=["session=s"]).set_cookies == ["session=s"]
    assert site.script.outcome is True


def test_the_last_act_of_a_view_is_what_counts(site: Site) -> None:
    def waver(decision: Decision) -> list[bool]:
        seen: list[bool] = []
        for act in (decision.grant, decision.deny, decision.grant, decision.deny):
            act("analytics")
            seen.append(decision.allows("analytics"))
        return seen

    answer = site.visit(act=waver, sets=["_ga=1"])
    assert site.script.outcome == [True, False, True, False]
    assert answer.set_cookies[0].startswith("__Host-consent=")
    assert site.state()["categories"]["analytics"] == "denied"


def test_one_response_carries_one_cookie_of_ours_however_often_a_view_acts(site: Site) -> None:
    def act(decision: Decision) -> None:
        decision.grant("analytics")
        decision.grant("marketing")
        decision.deny("functional")

    assert site.visit(act=act).cookie_names == ["__Host-consent"]


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_an_act_counts_whatever_the_status(site: Site, status: int) -> None:
    assert site.visit(status=status, act=lambda decision: decision.grant("analytics")).cookie_names == [
        "__Host-consent"
    ]


@pytest.mark.parametrize("name", ["grant", "deny", "withdraw"])
def test_acting_after_the_response_has_started_is_a_clear_error_and_does_not_break_the_stream(
    site: Site, name: str
) -> None:
    site.choose("save", "marketing")

    def late(decision: Decision) -> object:
        with pytest.raises(ResponseStarted, match=rf"{name}\(\) came after the response had started"):
            getattr(decision, name)(*[] if name == "withdraw" else ["analytics"])
        return decision.allows("analytics"), decision.allows("marketing")

    answer = site.visit(late=late, sets=["_ga=1", "_ads=1"])
    assert (answer.status, answer.body, answer.set_cookies) == (200, b"hello", ["_ads=1"])
    assert site.script.outcome == (False, True)


def test_acting_before_a_streamed_response_works(site: Site) -> None:
    answer = site.visit(act=lambda decision: decision.grant("analytics"), late=lambda decision: None, sets=["_ga=1"])
    assert (answer.cookie_names, answer.body) == (["_ga", "__Host-consent"], b"hello")


@pytest.mark.parametrize("name", ["grant", "deny"])
def test_naming_an_unknown_category_is_an_error_with_a_suggestion_and_changes_nothing(site: Site, name: str) -> None:
    def act(decision: Decision) -> None:
        with pytest.raises(UnknownCategory, match=r"'analitics' is not a category.*did you mean 'analytics'"):
            getattr(decision, name)("marketing", "analitics")

    assert site.visit(act=act).set_cookies == []


# Asking


def test_an_unknown_category_is_never_allowed_and_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.choose("accept-all")
    with caplog.at_level(logging.WARNING, "consent_middleware"):
        assert ask(site, lambda decision: decision.allows("statistics")) is False
    assert "'statistics' is not a category of the policy" in caplog.text


def test_a_decision_nobody_made(site: Site) -> None:
    def question(decision: Decision) -> object:
        return decision.source, decision.decided_at, decision.expires_at, decision.needs_asking

    assert ask(site, question) == ("default", None, None, True)


def test_a_decision_of_the_visitor(site: Site) -> None:
    site.choose("save", "analytics")

    def question(decision: Decision) -> object:
        return decision.source, decision.decided_at, decision.expires_at, decision.needs_asking

    assert ask(site, question) == ("visitor", NOON, SIX_MONTHS, False)


def test_the_state_of_every_category_in_the_order_of_the_policy(site: Site) -> None:
    site.choose("grant", "analytics")
    expected = ["granted", "unset", "granted", "unset", "unset", "unset"]
    assert ask(site, lambda decision: list(decision.categories.values())) == expected


def test_only_what_needs_consent_needs_asking(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["categories"] = {"chat": {"on_request": True}, "audience": {"exempt": True}}
    policy["cookies"] = []
    site = open_site(policy)
    assert ask(site, lambda decision: decision.needs_asking) is False


def test_an_act_is_seen_at_once_by_whoever_asks_next(site: Site) -> None:
    def act(decision: Decision) -> object:
        decision.grant("analytics")
        return decision.allows("analytics"), decision.source, decision.decided_at, decision.categories["analytics"]

    assert ask(site, act) == (True, "application", NOON, "granted")


def test_a_decision_says_nothing_about_the_visitor_in_its_representation(site: Site) -> None:
    site.choose("accept-all")
    shown = ask(site, repr)
    assert isinstance(shown, str)
    assert (site.consent or "")[3:20] not in shown


# Global Privacy Control


@pytest.mark.parametrize(
    ("value", "refuses"),
    [
        ("1", True),
        ("1,1", True),
        ("1, 0", True),
        ("0, 1", True),
        ("0", False),
        ("", False),
        ("true", False),
        (" 1x", False),
        ("1x", False),
        ("01", False),
        ("1.0", False),
        ("11", False),
        ('"1"', False),
        ("?1", False),
        ("1;a=b", False),
        ("¹", False),
    ],
)
def test_only_the_value_one_is_a_signal(site: Site, value: str, refuses: bool) -> None:
    site.script.outcome = None

    def question(decision: Decision) -> object:
        return decision.categories["marketing"], decision.source

    expected = ("denied", "gpc") if refuses else ("unset", "default")
    assert ask(site, question, headers=[("Sec-GPC", value)]) == expected


def test_the_signal_refuses_only_the_categories_that_the_policy_says(site: Site) -> None:
    categories = ask(site, lambda decision: decision.categories, headers=GPC)
    assert isinstance(categories, dict)
    assert [name for name, status in categories.items() if status == "denied"] == ["marketing"]


def test_the_signal_alone_writes_no_cookie_and_withholds(site: Site) -> None:
    answer = site.visit(sets=["_ads=1", "session=s"], act=lambda decision: decision.allows("marketing"), headers=GPC)
    assert (answer.set_cookies, site.script.outcome) == (["session=s"], False)


@pytest.mark.parametrize("action", ["accept-all", "save"])
def test_an_explicit_choice_wins_over_the_signal(site: Site, action: str) -> None:
    site.choose(action, "marketing", headers=[*GPC, ("Sec-Fetch-Site", "same-origin")])
    answer = site.visit(sets=["_ads=1"], headers=GPC, act=lambda decision: decision.source)
    assert (answer.set_cookies, site.script.outcome) == (["_ads=1"], "visitor")


def test_a_lapsed_choice_gives_way_to_the_signal(site: Site) -> None:
    site.choose("accept-all")
    site.clock.now = SIX_MONTHS
    assert ask(site, lambda decision: (decision.allows("marketing"), decision.source), headers=GPC) == (False, "gpc")


def test_with_the_signal_the_other_categories_are_still_asked(site: Site) -> None:
    assert ask(site, lambda decision: decision.needs_asking, headers=GPC) is True


def test_a_response_that_the_signal_could_change_varies_on_it(site: Site) -> None:
    assert site.visit(sets=["_ads=1"]).get("vary") == "Cookie, Sec-GPC"
    assert site.visit(act=lambda decision: decision.grant("marketing")).get("vary") == "Cookie, Sec-GPC"
    assert site.visit(sets=["_ads=1"]).get("vary") == "Cookie"  # over a choice the signal has no say


def test_where_no_category_heeds_the_signal_nothing_varies_on_it(open_site: OpenSite, policy: dict[str, Any]) -> None:
    del policy["categories"]["marketing"]["gpc"]
    site = open_site(policy)
    answer = site.visit(sets=["_ads=1"], headers=GPC, act=lambda decision: decision.source)
    assert (answer.get("vary"), site.script.outcome) == ("Cookie", "default")


# Behaviours that users of the best-known peer rely on, those that make sense here


def test_checks_can_be_off_for_a_request(open_site: OpenSite) -> None:
    site = open_site(applies=lambda request: not request.path.startswith("/internal/"))
    assert site.visit("/page", sets=["_ga=1"]).set_cookies == []
    assert site.visit("/internal/page", sets=["_ga=1"]).set_cookies == ["_ga=1"]


def test_consent_is_read_from_the_request_cookie(site: Site) -> None:
    site.choose("accept-all")
    token = site.consent
    site.jar.clear()
    assert site.visit(sets=["_ga=1"]).set_cookies == []
    assert site.visit(sets=["_ga=1"], carrying=[f"__Host-consent={token}"]).set_cookies == ["_ga=1"]


@pytest.mark.parametrize("value", ["yes", "true", "1", "granted", "accept-all", '{"analytics":true}', ""])
def test_another_value_is_no_consent(site: Site, value: str) -> None:
    assert site.visit(sets=["_ga=1"], carrying=[f"__Host-consent={value}"]).set_cookies == []


def test_withdrawing_withholds_what_was_set_before_and_after_it(site: Site) -> None:
    site.choose("accept-all")
    site.visit(sets=["_ga=1"])
    answer = site.visit(sets=["_ga=2", "session=s", "_ads=3"], act=lambda decision: decision.withdraw())
    assert not {"_ga=2", "_ads=3"} & {*answer.set_cookies}
    assert "session=s" in answer.set_cookies
    assert "_ga" not in site.jar


def test_deleting_a_cookie_is_always_allowed_with_any_domain_and_path(site: Site) -> None:
    lines = ["_ga=; Max-Age=0; Path=/deep; Domain=example.org; Secure; SameSite=None"]
    assert site.visit(sets=lines).set_cookies == lines


def test_a_revision_of_the_policy_invalidates_old_consents(
    site: Site, open_site: OpenSite, policy: dict[str, Any]
) -> None:
    site.choose("accept-all")
    policy["policy"]["revision"] = 2
    revised = open_site(policy)
    revised.jar = site.jar
    assert revised.visit(sets=["_ga=1"]).set_cookies == []
