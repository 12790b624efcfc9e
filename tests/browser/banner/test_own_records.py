"""Visitors get the records of their choices, and have them erased, from the settings, as a page and as a dialog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.axe import violations

Come = Callable[..., Any]

EXPORT, ERASE = 'a[href="/_consent/record"]', 'form[action^="/_consent/erase"] button'


def settings_of_who_refused(come: Come, place: str) -> Any:
    """The settings, as a page or as a dialog, of somebody who refused everything."""
    page = come(locale="en-GB", java_script_enabled=place != "page without JavaScript")
    with page.expect_response("**/_consent/choice*"):
        page.locator('button[value="reject-all"]').click()
    if place == "dialog":
        page.locator(".cm-back").click()
        page.get_by_role("dialog").wait_for()
    else:
        page.goto("https://page.shop.test/_consent/settings")
    return page


@pytest.mark.parametrize("place", ["dialog", "page", "page without JavaScript"])
def test_records_are_had_and_erased_by_a_click_each(come: Come, place: str, request: pytest.FixtureRequest) -> None:
    page = settings_of_who_refused(come, place)
    if place == "dialog":
        artefacts = request.config.rootpath / "artefacts"
        artefacts.mkdir(exist_ok=True)
        page.screenshot(path=artefacts / "records-dialog.png")
    with page.expect_download() as download:
        page.locator(EXPORT).click()
    # What is in it the conformance tests say.
    assert download.value.suggested_filename == "records.json"
    assert download.value.url == "https://page.shop.test/_consent/record"
    with page.expect_navigation():
        page.locator(ERASE).click()
    assert "The records of your choices were erased" in page.locator("main").inner_text()
    page.goto("https://page.shop.test/")
    assert page.locator(".cm-ask").is_visible()


@pytest.mark.parametrize("look", [{}, {"viewport": {"width": 320, "height": 256}}, {"color_scheme": "dark"}], ids=str)
def test_row_27_what_is_offered_has_no_serious_finding(
    come: Come, look: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    page = come(**look)
    page.locator('button[value="reject-all"]').click()
    page.locator(".cm-back").wait_for()
    page.goto("https://page.shop.test/_consent/settings?language=de")
    assert violations(page) == []
    assert page.locator(ERASE).get_attribute("aria-describedby") == page.locator("#about-erase").get_attribute("id")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    name = "-".join(["records", *map(str, look)])
    page.set_viewport_size({"width": page.viewport_size["width"], "height": 900})
    page.screenshot(path=request.config.rootpath / "artefacts" / f"{name}.png")
