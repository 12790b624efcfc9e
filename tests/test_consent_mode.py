"""What pages tell services about consent, up to where a browser has to run it (tests/browser/test_consent_mode.py)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from consent_middleware import Policy, PolicyError, catalogue
from consent_middleware.consent_mode import ConsentMode, signals_of
from consent_middleware.lifetime import Lifetime
from consent_middleware.policy import CONSENT_SIGNALS

ADS = ("ad_personalization", "ad_storage", "ad_user_data")


def policy_of(categories: dict[str, Any], **tables: Any) -> Policy:
    basics = {"policy": {"controller": "Example SARL", "contact": "dpo@example.org"}}
    return Policy.from_dict({**basics, "categories": {"necessary": {"required": True}, **categories}, **tables})


def rules_of(policy: Policy) -> dict[str, Any]:
    script = ConsentMode(policy).markup("necessary")
    found = re.search(r"\}\)\((\{.*\}), document\.currentScript\);</script>$", script, re.DOTALL)
    assert found is not None
    rules: dict[str, Any] = json.loads(found[1])
    return rules


def test_signals_follow_the_services() -> None:
    signals = signals_of(
        policy_of({"mesure": {"services": ["google-analytics"]}, "pub": {"services": ["google-ads", "meta-pixel"]}})
    )
    assert signals["analytics_storage"] == ("mesure",)
    assert [signals[name] for name in ADS] == [("pub",)] * 3
    assert signals["functionality_storage"] == ()
    assert signals["security_storage"] == ("necessary",)


def test_signals_follow_the_names_of_categories_where_no_service_decides() -> None:
    signals = signals_of(policy_of({"functional": {}, "analytics": {}, "marketing": {}}))
    assert signals["analytics_storage"] == ("analytics",)
    assert signals["ad_storage"] == ("marketing",)
    assert signals["personalization_storage"] == ("functional",)


def test_services_in_two_categories_need_both() -> None:
    signals = signals_of(
        policy_of({"ads": {"services": ["google-ads"]}, "floodlight": {"services": ["google-marketing-platform"]}})
    )
    assert signals["ad_storage"] == ("ads", "floodlight")


def test_the_policy_can_say_otherwise() -> None:
    signals = signals_of(
        policy_of(
            {"analytics": {}, "marketing": {}, "profiling": {}},
            consent_mode={"ad_personalization": ["marketing", "profiling"], "analytics_storage": []},
        )
    )
    assert signals["ad_personalization"] == ("marketing", "profiling")
    assert signals["ad_storage"] == ("marketing",)
    assert signals["analytics_storage"] == ()


@pytest.mark.parametrize(
    ("table", "id"),
    [
        ({"ad_storage": ["marketng"]}, "consent.P012"),
        ({"ad_storage": "marketing"}, "consent.P004"),
        ({"ads_storage": ["marketing"]}, "consent.P003"),
    ],
)
def test_a_mistake_is_told(table: dict[str, Any], id: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of({"marketing": {}}, consent_mode=table)
    (mistake,) = caught.value.mistakes
    assert (mistake.id, mistake.place.partition(".")[0]) == (id, "consent_mode")


def test_every_signal_has_its_usual_categories() -> None:
    assert tuple(signals_of(policy_of({}))) == CONSENT_SIGNALS


def test_where_no_service_listens_nothing_is_said() -> None:
    assert not ConsentMode(policy_of({"analytics": {"services": ["plausible"]}})).is_needed


@pytest.mark.parametrize(
    "tables", [{"html": {"consent_mode": "off"}}, {"policy": {"controller": "a", "contact": "b", "mode": "report"}}]
)
def test_nothing_is_said_where_it_is_switched_off(tables: dict[str, Any]) -> None:
    assert not ConsentMode(policy_of({"analytics": {"services": ["google-analytics"]}}, **tables)).is_needed


def test_analytics_keeps_its_cookies_as_long_as_the_policy_says() -> None:
    """33955200 seconds are 393 days, the shortest thirteen months there are."""
    (call,) = [call for call in rules_of(analytics())["calls"] if call["say"][0] == "set"]
    assert call["say"][1] == {"cookie_expires": 33955200, "cookie_update": False}
    shorter = analytics(cookies=[{"name": "_ga", "category": "analytics", "lifetime": "6 months"}])
    (call,) = [call for call in rules_of(shorter)["calls"] if call["say"][0] == "set"]
    assert call["say"][1]["cookie_expires"] == 181 * 86400


def analytics(**tables: Any) -> Policy:
    return policy_of({"analytics": {"services": ["google-analytics"]}}, **tables)


def test_the_shortest_of_a_lifetime_is_never_longer_than_it_comes_to() -> None:
    for months in (1, 6, 13):
        lifetime = Lifetime(months=months)
        start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
        spans = {lifetime.end(day) - day for day in range(start, start + 1461 * 86400, 86400)}
        assert lifetime.shortest == min(spans)


def test_an_exempt_service_is_told_nothing() -> None:
    calls = rules_of(policy_of({"a": {"services": ["matomo"], "exempt": True}, "b": {"services": ["google-ads"]}}))
    assert {call["object"] for call in calls["calls"]} == {"dataLayer"}


def test_every_call_is_for_services_of_the_catalogue() -> None:
    ids = ["google-ads", "microsoft-ads", "microsoft-clarity", "meta-pixel", "tiktok", "matomo"]
    calls = rules_of(policy_of({"all": {"services": ids}}))["calls"]
    assert {call["object"] for call in calls} == {"dataLayer", "uetq", "clarity", "fbq", "ttq", "_paq"}
    assert all(catalogue.find(id) for id in ids)


def test_no_rule_can_end_the_script() -> None:
    assert ConsentMode(analytics()).markup("necessary").count("<") == 2


def test_a_page_that_forbids_inline_scripts_gets_a_file() -> None:
    mode = ConsentMode(analytics())
    tag = mode.markup("necessary analytics", nonce=' nonce="x"', url=f"/_consent{mode.asset.path}")
    assert re.fullmatch(
        r'<script src="/_consent/assets/signals-[0-9a-f]{12}\.js" data-consent-allowed="necessary analytics" nonce="x">'
        r"</script>",
        tag,
    )


# Advanced mode


def test_in_advanced_mode_googles_tags_wait_for_nobody() -> None:
    categories = {"analytics": {"services": ["google-analytics", "hotjar"]}}
    waiting = {service.id: service.category for service in policy_of(categories).page_services}
    assert waiting == {"google-analytics": "analytics", "hotjar": "analytics"}
    advanced = policy_of(categories, html={"consent_mode": "advanced"})
    assert {s.id: s.category for s in advanced.page_services} == {
        "google-analytics": "necessary",
        "hotjar": "analytics",
    }
    assert all(rule.category == "analytics" for rule in advanced.rules)  # cookies wait all the same
