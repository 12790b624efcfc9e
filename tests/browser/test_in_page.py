"""What the policy of the shop promises, kept while the visitor stays on one page and chooses there."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations
from typing import Any

import pytest

PRODUCT = "/product/dune-notebook"
HOSTS = {
    "functional": set[str](),
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
SCRIPT_COOKIES = {
    "functional": set[str](),
    "analytics": {"_ga", "_gid", "_ga_0000000000"},
    "marketing": {"_gcl_au", "_fbp"},
    "chat": {"TawkConnectionTime", "twk_uuid_000000000000000000000000"},
}
OWN = {"session", "__Host-consent", "lang", "visitor_id", "ad_click"}
COMBINATIONS = [*chain.from_iterable(combinations(HOSTS, count) for count in range(len(HOSTS) + 1))]

Arrive = Callable[..., Any]


def union(table: dict[str, set[str]], categories: tuple[str, ...]) -> set[str]:
    return set[str]().union(*(table[name] for name in categories))


def choose(visitor: Any, action: str, *categories: str) -> None:
    """Choose as a script of the page would, and stay."""
    visitor.page.evaluate("([action, names]) => void consent.choose(action, names)", [action, categories])
    visitor.settle()


def left_by_scripts(visitor: Any) -> set[str]:
    """The cookies in the site's own jar that its server does not set."""
    return {name for domain, name in visitor.jar if domain in ("", ".shop.test")} - OWN - {"consent_deposits"}


def is_same(visitor: Any) -> bool:
    return bool(visitor.page.evaluate("() => window.isSame === true"))


def stay(visitor: Any) -> None:
    visitor.page.evaluate("() => { window.isSame = true }")


def test_rows_8_and_9_every_combination_of_categories_is_exactly_its_third_parties_and_cookies(arrive: Arrive) -> None:
    """Row 8, and 9 with it: after a choice in the page, without leaving it."""
    for chosen in COMBINATIONS:
        visitor = arrive("flask")
        visitor.visit(PRODUCT)
        assert visitor.contacted == set() and left_by_scripts(visitor) == set()
        stay(visitor)
        choose(visitor, "save", *chosen)
        assert visitor.contacted == union(HOSTS, chosen), chosen
        assert {name for name in left_by_scripts(visitor) if "onsent" not in name} == union(SCRIPT_COOKIES, chosen), (
            chosen
        )
        assert is_same(visitor)
        visitor.page.context.close()


@pytest.mark.parametrize("category", ["analytics", "marketing"])
def test_rows_6_and_7_what_was_accepted_in_the_page_is_withdrawn_in_it(
    arrive: Arrive, door: str, category: str
) -> None:
    """Rows 6 and 7."""
    visitor = arrive(door)
    visitor.visit(PRODUCT)
    choose(visitor, "save", category)
    assert visitor.contacted == HOSTS[category]
    visitor.forget()
    with visitor.page.expect_navigation():
        visitor.page.evaluate("() => void consent.choose('withdraw')")
    visitor.settle()
    visitor.visit(PRODUCT)
    assert visitor.contacted == set() and visitor.greeted == set()
    assert {name for name in left_by_scripts(visitor) if "onsent" not in name} == set()


def test_the_buttons_of_the_banner_keep_the_visitor_in_the_page(arrive: Arrive, shop: str) -> None:
    for button, chosen in (("accept-all", ("functional", "analytics", "marketing")), ("reject-all", ())):
        visitor = arrive(shop)
        visitor.visit(PRODUCT)
        stay(visitor)
        visitor.page.locator(f'[data-consent-banner] button[value="{button}"]').click()
        visitor.settle()
        assert is_same(visitor)
        assert visitor.page.locator("[data-consent-banner]").count() == 0
        assert visitor.page.locator("[data-consent-manage] a.cm-back").is_visible()
        assert visitor.contacted == union(HOSTS, chosen)


def test_the_film_s_button_loads_the_film_and_all_of_its_category(arrive: Arrive, door: str) -> None:
    visitor = arrive(door)
    visitor.visit(PRODUCT)
    stay(visitor)
    visitor.page.locator(".film form button").click()
    visitor.settle()
    assert visitor.page.frame_locator(".film iframe").get_by_text("Film").is_visible()
    assert is_same(visitor) and visitor.contacted == HOSTS["marketing"]


def test_no_cookie_of_a_script_outlives_the_policy(arrive: Arrive) -> None:
    """Row 14: the stand-ins ask for 400 days."""
    visitor = arrive("flask")
    visitor.visit(PRODUCT)
    for category in ("analytics", "marketing", "functional", "chat"):  # at last the visitor allows everything
        choose(visitor, "grant", category)
    visitor.visit(PRODUCT)
    now = visitor.page.evaluate("() => Date.now() / 1000")
    ours = [each for each in visitor.page.context.cookies() if each["domain"].endswith("shop.test")]
    assert {each["name"] for each in ours} >= {"_ga", "_fbp", "TawkConnectionTime"}
    assert [each["name"] for each in ours if each["expires"] > now + 397 * 86400] == []


def test_row_3_a_page_of_somebody_silent_is_as_empty_after_scrolling_waiting_and_escape(arrive: Arrive) -> None:
    """Row 3."""
    visitor = arrive("flask")
    visitor.visit("/")
    for _ in range(3):
        visitor.page.keyboard.press("Escape")
        visitor.page.keyboard.press("PageDown")
    visitor.page.locator('main a[href^="/product/"]').first.click()
    visitor.settle()
    assert visitor.contacted == set() and visitor.greeted == set()
    assert {name for _, name in visitor.jar} <= {"session"}
    assert visitor.page.evaluate("() => [Object.keys(localStorage), Object.keys(sessionStorage)]") == [[], []]
    assert visitor.page.locator("[data-consent-banner] button").first.is_visible()
