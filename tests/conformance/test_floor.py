"""The floor under the attributes of cookies, through every front door."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.jar import Jar
from support.site import NOON, Site

FLOOR = {"same_site": "lax", "secure": "https", "http_only": ["session", "auth_*"]}
OWN_FLOORS = [
    {"name": "pay", "category": "necessary", "same_site": "none"},
    {"name": "plain", "category": "necessary", "secure": "leave"},
    {"name": "auth_hint", "category": "necessary", "http_only": False},
    {"name": "bank", "category": "necessary", "same_site": "strict", "http_only": True},
]
OpenSite = Callable[..., Site]


def floored(policy: dict[str, Any], floor: Mapping[str, Any] = FLOOR) -> dict[str, Any]:
    return {**policy, "floor": floor, "cookies": [*policy["cookies"], *OWN_FLOORS]}


@pytest.fixture
def site(open_site: OpenSite, policy: dict[str, Any]) -> Site:
    return open_site(floored(policy))


RAISED = {
    "session=1": "session=1; Secure; HttpOnly; SameSite=Lax",
    "session=1; Path=/; Secure; SameSite=None": "session=1; Path=/; Secure; HttpOnly; SameSite=Lax",
    "basket=1; Max-Age=60": "basket=1; Max-Age=60; Secure; SameSite=Lax",
    "auth_token=1; SameSite=Strict": "auth_token=1; SameSite=Strict; Secure; HttpOnly",
    "pay=1; SameSite=None": "pay=1; SameSite=None; Secure",
    "plain=1; SameSite=None": "plain=1; SameSite=Lax",
    "auth_hint=1": "auth_hint=1; Secure; SameSite=Lax",
    "bank=1; SameSite=Lax; Secure": "bank=1; Secure; HttpOnly; SameSite=Strict",
    "__Host-sid=1; Path=/": "__Host-sid=1; Path=/; Secure; SameSite=Lax",
    "basket=1; Max-Age=99999999": "basket=1; Max-Age=2592000; Secure; SameSite=Lax",
}

LEFT_ALONE = [
    "session=1; Path=/; HttpOnly; SameSite=Lax; Secure",
    "session=1;httponly;samesite=STRICT ;;Secure=0;Path=/",
    "pay=1; SameSite=None; Secure; Partitioned",
    # What expires a cookie must reach it wherever it lives, and leaves nothing to be protected.
    "session=; Max-Age=0; Path=/",
    "pay=; Max-Age=0; Path=/; Secure; SameSite=None; Partitioned",
    "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
]


NEEDED = ["auth_*", "__Host-sid", "pay", "plain", "bank"]
"""What the policy itself does not declare, or only in these tests."""


def test_what_a_cookie_lacks_is_added_over_https(open_site: OpenSite, policy: dict[str, Any]) -> None:
    site = open_site(floored(policy), necessary=NEEDED)

    assert site.visit(sets=RAISED).set_cookies == [*RAISED.values()]


def test_lines_that_need_nothing_leave_byte_for_byte(site: Site) -> None:
    assert site.visit(sets=LEFT_ALONE).set_cookies == LEFT_ALONE


def test_without_a_floor_no_attribute_changes(open_site: OpenSite, policy: dict[str, Any]) -> None:
    site = open_site(policy, necessary=NEEDED)
    lines = [line for line in [*RAISED, *LEFT_ALONE] if "99999999" not in line]

    assert site.visit(sets=lines).set_cookies == lines


def test_over_plain_http_secure_is_not_added(site: Site) -> None:
    answer = site.visit(sets=["session=1", "pay=1; SameSite=None"], scheme="http")

    assert answer.set_cookies == ["session=1; HttpOnly; SameSite=Lax", "pay=1; SameSite=None"]


def test_secure_always_is_for_sites_that_tls_protects_further_out(open_site: OpenSite, policy: dict[str, Any]) -> None:
    site = open_site(floored(policy, {"secure": "always"}))

    assert site.visit(sets=["session=1"], scheme="http").set_cookies == ["session=1; Secure"]
    (receipt,) = site.choose("accept-all", scheme="http", headers=[("Origin", "http://shop.example.org")]).set_cookies
    assert receipt.startswith("consent=")
    assert "Secure" in receipt.split("; ")


@pytest.mark.parametrize("same_site", ["lax", "strict"])
def test_our_own_cookies_are_as_they_have_to_be(open_site: OpenSite, policy: dict[str, Any], same_site: str) -> None:
    site = open_site(floored(policy, {"same_site": same_site, "secure": "https", "http_only": ["__Host-*"]}))

    answer = site.choose("accept-all")
    assert [line.partition("; ")[2].replace("15638400", "…") for line in answer.set_cookies] == [
        "Max-Age=…; Path=/; HttpOnly; SameSite=Lax; Secure"
    ]
    # An application that passes on what it got from another site of the same kind changes nothing about them either.
    assert site.visit(sets=["__Host-consent-hint=x; Path=/; Secure"]).set_cookies == [
        "__Host-consent-hint=x; Path=/; Secure"
    ]


def test_consent_still_decides_first(site: Site) -> None:
    assert site.visit(sets=["_ga=1", "nobody=1"]).set_cookies == []
    site.choose("accept-all")
    (line, _) = site.visit(sets=["_ga=1; Max-Age=60"]).set_cookies
    assert line == "_ga=1; Max-Age=60; Secure; SameSite=Lax"


def test_undeclared_cookies_stand_on_the_same_floor(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["undeclared_cookies"] = "allow"
    site = open_site(floored(policy))

    assert site.visit(sets=["nobody=1"]).set_cookies == ["nobody=1; Secure; SameSite=Lax"]


def test_what_is_swept_away_is_no_business_of_the_floor(site: Site) -> None:
    swept = site.visit(carrying=["_ga=1"]).set_cookies

    assert "_ga=; Max-Age=0; Path=/; Secure" in swept


def test_where_the_policy_does_not_apply_its_floor_does_not_either(open_site: OpenSite, policy: dict[str, Any]) -> None:
    site = open_site(floored(policy), applies=lambda request: False)

    assert site.visit(sets=["session=1"]).set_cookies == ["session=1"]


def test_a_page_stands_on_it_as_well_as_any_other_response(site: Site) -> None:
    page = site.visit(sets=["session=1"], answers=[("Content-Type", "text/html")], page=b"<p>hello")
    moved = site.visit(sets=["session=1"], status=302, answers=[("Location", "/"), ("Content-Type", "text/plain")])

    assert page.set_cookies == moved.set_cookies == ["session=1; Secure; HttpOnly; SameSite=Lax"]


def test_each_cookie_below_the_floor_is_logged_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "consent_middleware"):
        for value in ("secret-1", "secret-2"):
            site.visit(sets=[f"session={value}; Secure; SameSite=None"])
        site.visit(sets=["bank=1; Secure; HttpOnly; SameSite=Strict"])

    told = [message for message in caplog.messages if message.startswith("consent.C009")]
    assert told == ["consent.C009: cookie 'session' lacks HttpOnly, SameSite=Lax: the floor of the policy"]


def test_report_mode_changes_nothing_and_tells(
    open_site: OpenSite, policy: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    policy["policy"]["mode"] = "report"
    site = open_site(floored(policy))
    with caplog.at_level(logging.INFO, "consent_middleware"):
        assert site.visit(sets=["session=1"]).set_cookies == ["session=1"]

    assert "consent.C009: cookie 'session' lacks Secure, HttpOnly, SameSite=Lax: the floor of the policy" in caplog.text


LINES = st.builds(
    lambda name, rest: "; ".join([f"{name}=1", *rest]),
    st.sampled_from(["session", "basket", "pay", "plain", "bank", "_ga", "__Host-ads"]),
    st.lists(
        st.sampled_from(
            ["Secure", "httponly", "Path=/", "SameSite=None", "samesite=lax", "SameSite=Strict", "SameSite="]
        )
    ),
)
STRENGTHS = ["none", "default", "lax", "strict"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(LINES, st.sampled_from(["http", "https"]))
def test_no_cookie_gets_weaker_and_none_that_leaves_is_below_the_floor(site: Site, line: str, scheme: str) -> None:
    is_secure = scheme == "https"
    (sent,) = site.visit(sets=[line], scheme=scheme).set_cookies[:1] or [""]
    site.jar.clear()
    before, after = Jar(), Jar()
    before.store(line, NOON, "shop.example.org", "/", secure=is_secure)
    after.store(sent, NOON, "shop.example.org", "/", secure=is_secure)

    for cookie in after.alive(NOON):
        least = {"pay": "none", "bank": "strict"}.get(cookie.name, "lax")
        assert STRENGTHS.index(cookie.same_site) >= STRENGTHS.index(least)
        assert cookie.secure or not is_secure or cookie.name == "plain"
        assert cookie.http_only or cookie.name not in ("session", "bank")
        for was in before.alive(NOON):
            assert STRENGTHS.index(cookie.same_site) >= STRENGTHS.index(was.same_site)
            assert cookie.secure >= was.secure and cookie.http_only >= was.http_only
    if line.startswith(("session", "basket", "pay", "plain", "bank")):
        assert before.names(NOON) <= after.names(NOON)
