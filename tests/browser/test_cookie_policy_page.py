"""The cookie policy page as visitors see it; pictures of it are left in artefacts/ for human eyes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

WIDE, NARROW = {"width": 1100, "height": 900}, {"width": 320, "height": 640}

Arrive = Callable[..., Any]

CARDS = "matchMedia('(max-width: 40rem)').matches"
# What the eye gets beside each other, or in cards one below the other with their columns' names.
LABELS = """[...document.querySelectorAll("td")].every(cell =>
    getComputedStyle(cell, "::before").content.includes(cell.dataset.column))"""


@pytest.mark.parametrize(
    ("locale", "direction", "viewport", "scheme"),
    [
        pytest.param("fr-FR", "ltr", WIDE, "light", id="fr-wide"),
        pytest.param("ar", "rtl", WIDE, "light", id="ar-wide"),
        pytest.param("fr-FR", "ltr", NARROW, "dark", id="fr-narrow-dark"),
        pytest.param("ar", "rtl", NARROW, "light", id="ar-narrow"),
    ],
)
def test_it_is_whole_on_any_screen_in_either_direction(
    arrive: Arrive,
    request: pytest.FixtureRequest,
    locale: str,
    direction: str,
    viewport: dict[str, int],
    scheme: str,
) -> None:
    visitor = arrive("flask", locale=locale, viewport=viewport, color_scheme=scheme)
    complaints: list[str] = []
    visitor.page.on("console", lambda said: complaints.append(said.text))
    visitor.visit("/_consent/policy")
    page = visitor.page
    visitor.screenshot(f"cookie-policy-{request.node.callspec.id}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert page.evaluate("getComputedStyle(document.body).direction") == direction
    assert page.evaluate(CARDS) is (viewport is NARROW)
    assert page.evaluate(LABELS) is (viewport is NARROW)
    assert complaints == []
    # Rows are rows to who listens, whatever they look like.
    table = page.get_by_role("table").first
    assert table.get_by_role("columnheader").count() == 4
    row = table.get_by_role("row").filter(has_text="__Host-consent-first")
    assert row.get_by_role("rowheader").inner_text() == "__Host-consent-first"
    assert row.get_by_role("cell").count() == 3
    # Names are read from left to right in every language.
    assert page.evaluate("[...document.querySelectorAll('code')].every(it => getComputedStyle(it).direction == 'ltr')")


def test_it_leads_to_the_settings_by_keyboard(arrive: Arrive) -> None:
    visitor = arrive("flask", locale="fr-FR")
    visitor.visit("/_consent/policy")
    visitor.page.keyboard.press("Tab")
    assert visitor.page.locator(":focus").inner_text() == "Réglages des cookies"
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("Enter")
    assert visitor.page.url.endswith("/_consent/settings?language=fr")


def test_rows_5_and_19_what_the_jar_holds_is_what_the_page_says(arrive: Arrive) -> None:
    """Acceptance rows 5 and 19, in a browser: every cookie of the site is listed, and session ones are told apart."""
    visitor = arrive("flask", locale="en-GB")
    visitor.save("functional", "analytics", "marketing")
    visitor.visit("/")
    visitor.visit("/_consent/policy")
    rows = visitor.page.locator("tbody tr").filter(has=visitor.page.locator("code")).all()
    told = {row.locator("code").first.inner_text(): row.locator("td").last.inner_text() for row in rows}
    site = [cookie for cookie in visitor.page.context.cookies() if cookie["domain"].lstrip(".").endswith("shop.test")]
    assert site
    for cookie in site:
        listed = [
            lifetime
            for name, lifetime in told.items()
            if cookie["name"] == name or (name.endswith("*") and cookie["name"].startswith(name[:-1]))
        ]
        assert listed, f"{cookie['name']} is not in the policy"
        assert ("session" in listed[0]) is (cookie["expires"] == -1), (cookie["name"], listed)


def test_row_18_every_cookie_of_a_third_party_is_in_the_table_with_its_provider(arrive: Arrive) -> None:
    visitor = arrive("flask", locale="en-GB")
    visitor.save("functional", "analytics", "marketing", "chat")
    visitor.visit("/product/dune-notebook")
    jar = visitor.page.context.cookies()
    others = [each for each in jar if not each["domain"].endswith("shop.test")]
    assert {each["name"] for each in others} == {"IDE", "fr", "VISITOR_INFO1_LIVE"}
    visitor.visit("/_consent/policy")
    for cookie in others:
        row = visitor.page.locator("tbody tr").filter(has=visitor.page.locator(f"th code:text-is('{cookie['name']}')"))
        told = row.filter(has_text=cookie["domain"].lstrip("."))
        assert told.count() == 1, cookie
        provider, purpose, lifetime = told.locator("td").all_inner_texts()
        assert provider not in ("", "Encre & Fil SARL") and purpose and lifetime, cookie
        service = visitor.page.locator("table").last.locator("tr", has_text=provider)
        assert service.locator("a[href^='https://']").count() > 0, provider
