"""What a real browser asks of whom, and what is in its whole cookie jar, depending on what its user has accepted.

What the browser's own log and the stand-ins for third parties have seen must agree. Every combination of categories
runs at HTTP level, in tests/examples/test_shop_third_parties.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PRODUCT = "/product/dune-notebook"
PAGES = ("/", PRODUCT, "/basket", "/login", "/no-such-page")

THIRD_PARTIES = {
    "analytics": {"www.googletagmanager.com G", "www.google-analytics.com"},
    "marketing": {
        "www.googletagmanager.com AW",
        "googleads.g.doubleclick.net",
        "connect.facebook.net",
        "www.facebook.com",
        "www.youtube.com",
    },
    "chat": {"embed.tawk.to", "va.tawk.to"},
}
NECESSARY = {("", "session"), ("", "__Host-consent")}
# The shop's own stand first; a dot in front means that sub-domains see it too.
COOKIES = {
    "analytics": {
        ("", "visitor_id"),
        ("", "_ga"),
        ("", "_gid"),
        (".shop.test", "_ga"),
        (".shop.test", "_ga_0000000000"),
    },
    "marketing": {
        ("", "ad_click"),
        (".shop.test", "_gcl_au"),
        (".shop.test", "_fbp"),
        (".doubleclick.net", "IDE"),
        (".facebook.com", "fr"),
        (".youtube.com", "VISITOR_INFO1_LIVE"),
    },
    "chat": {(".shop.test", "TawkConnectionTime"), (".shop.test", "twk_uuid_000000000000000000000000")},
}

Arrive = Callable[..., Any]


def third_parties_of(*categories: str) -> set[str]:
    return set[str]().union(*(THIRD_PARTIES[category] for category in categories))


def hosts_of(*categories: str) -> set[str]:
    return {name.partition(" ")[0] for name in third_parties_of(*categories)}


def cookies_of(*categories: str) -> set[tuple[str, str]]:
    return NECESSARY.union(*(COOKIES[category] for category in categories))


def test_the_logs_see_everything_where_nothing_is_withheld(arrive: Arrive) -> None:
    """The same shop with the middleware in report mode: were the logs below blind, this would show it."""
    visitor = arrive("ungated")
    visitor.visit(PRODUCT)
    assert visitor.contacted == third_parties_of("analytics", "marketing", "chat")
    assert visitor.greeted == hosts_of("analytics", "marketing", "chat")
    found = cookies_of("analytics", "marketing", "chat") - {("", "__Host-consent")}
    assert visitor.jar == found | {("", "ab_variant")}
    visitor.screenshot("product-ungated")

    without_scripts = arrive("ungated", java_script_enabled=False)
    without_scripts.visit(PRODUCT)
    assert without_scripts.greeted == {"www.facebook.com", "www.youtube.com"}


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_rows_3_and_9_without_a_choice_nobody_else_is_contacted_and_only_the_necessary_is_kept(
    arrive: Arrive, shop: str, scripts: bool
) -> None:
    visitor = arrive(shop, java_script_enabled=scripts)
    for page in PAGES:
        visitor.visit(page)
        assert visitor.contacted == set()
        assert visitor.jar <= NECESSARY
    assert visitor.greeted == set()
    assert len(visitor.requests) > len(PAGES)  # the log was on
    assert visitor.page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_refusal_is_as_good_as_no_choice(arrive: Arrive) -> None:
    visitor = arrive("flask")
    visitor.page.goto(visitor.origin + "/_consent/settings")
    visitor.press("reject-all")
    visitor.visit(PRODUCT)
    assert visitor.greeted == visitor.contacted == set()
    assert visitor.jar == NECESSARY


def accept_only(visitor: Any, category: str) -> None:
    visitor.save(category)
    assert visitor.contacted == set()
    visitor.visit(PRODUCT)
    assert visitor.contacted == third_parties_of(category)
    assert visitor.greeted == hosts_of(category)
    assert visitor.jar == cookies_of(category)


def test_row_6_analytics_accepted_is_exactly_its_third_parties_and_cookies(arrive: Arrive, shop: str) -> None:
    """Acceptance rows 6 and 9: what begins with consent."""
    accept_only(arrive(shop), "analytics")


def test_row_7_marketing_accepted_is_exactly_its_third_parties_and_cookies(arrive: Arrive, door: str) -> None:
    """Acceptance rows 7 and 9: what begins with consent."""
    accept_only(arrive(door), "marketing")


def test_accepting_all_leaves_out_the_chat_alone(arrive: Arrive, door: str) -> None:
    visitor = arrive(door)
    visitor.page.goto(visitor.origin + "/_consent/settings")
    visitor.press("accept-all")
    visitor.visit(PRODUCT)
    assert visitor.contacted == third_parties_of("analytics", "marketing")
    assert visitor.greeted == hosts_of("analytics", "marketing")
    assert visitor.jar == cookies_of("analytics", "marketing")


def test_the_site_s_own_snippet_counts_with_analytics_and_only_then(arrive: Arrive) -> None:
    visitor = arrive("flask")
    visitor.save("marketing")
    visitor.visit(PRODUCT)
    assert not [url for url in visitor.requests if "view_item" in url]
    visitor.save("analytics")
    visitor.visit(PRODUCT)
    assert [url for url in visitor.requests if "view_item" in url]


# Withdrawal


def test_row_6_a_withdrawal_silences_the_third_parties_and_empties_the_jar_of_host_and_domain(
    arrive: Arrive, shop: str
) -> None:
    """Acceptance rows 6, 7 and 15: what ends with its withdrawal."""
    visitor = arrive(shop)
    visitor.save("analytics")
    visitor.visit(PRODUCT)
    assert visitor.jar == cookies_of("analytics")

    visitor.page.goto(visitor.origin + "/_consent/settings")
    visitor.forget()
    visitor.press("withdraw")
    assert visitor.jar == NECESSARY
    visitor.visit(PRODUCT)
    assert visitor.greeted == visitor.contacted == set()
    assert visitor.jar == NECESSARY


def test_a_partial_withdrawal_leaves_the_rest_alone(arrive: Arrive) -> None:
    """What third parties keep in jars of their own is theirs, and no server of ours can empty it."""
    visitor = arrive("flask")
    visitor.save("analytics", "marketing")
    visitor.visit(PRODUCT)
    visitor.page.goto(visitor.origin + "/_consent/settings")
    visitor.page.locator('input[value="marketing"]').uncheck()
    visitor.press("save")
    visitor.forget()
    visitor.visit(PRODUCT)
    assert visitor.contacted == third_parties_of("analytics")
    of_others = {(domain, name) for domain, name in COOKIES["marketing"] if domain not in ("", ".shop.test")}
    assert visitor.jar == cookies_of("analytics") | of_others


# On request


def test_the_chat_comes_to_those_who_ask_for_it(arrive: Arrive, door: str) -> None:
    visitor = arrive(door)
    visitor.visit(PRODUCT)
    visitor.click('footer button[value="grant"]')
    visitor.settle()
    assert visitor.page.url == visitor.origin + PRODUCT
    assert visitor.contacted == third_parties_of("chat")
    assert visitor.greeted == hosts_of("chat")
    assert visitor.jar == cookies_of("chat")
    assert visitor.page.locator('footer button[value="grant"]').count() == 0


def test_without_javascript_the_place_of_the_film_offers_to_load_it(arrive: Arrive, door: str) -> None:
    visitor = arrive(door, java_script_enabled=False)
    visitor.visit(PRODUCT)
    assert visitor.page.locator(".film iframe:visible").count() == 0
    visitor.click(".film form button")
    visitor.settle()
    assert visitor.page.url == visitor.origin + PRODUCT
    assert visitor.page.frame_locator(".film iframe").get_by_text("Film").is_visible()
    assert visitor.page.locator(".film form").count() == 0
    # No script runs, but for pictures and frames a browser needs none.
    assert visitor.contacted == {"www.youtube.com", "www.facebook.com"}


def test_without_javascript_one_can_choose_and_withdraw(arrive: Arrive, door: str) -> None:
    visitor = arrive(door, java_script_enabled=False)
    visitor.visit("/")
    visitor.click('footer a[href="/_consent/settings"]')
    visitor.page.locator('input[value="marketing"]').check()
    visitor.press("save")
    assert visitor.page.locator('input[value="marketing"]').is_checked()
    visitor.visit("/")
    assert visitor.contacted == {"www.facebook.com"}  # the pixel, in its noscript

    visitor.page.goto(visitor.origin + "/_consent/settings")
    visitor.press("withdraw")
    visitor.forget()
    visitor.visit("/")
    assert visitor.contacted == set()
    assert visitor.jar - {(".facebook.com", "fr")} <= NECESSARY
