"""The banner in front of the shops, by the rows of the acceptance table: by mouse, by keyboard, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PRODUCT = "/product/dune-notebook"
PAGES = ("/", PRODUCT, "/basket", "/login", "/no-such-page")
NECESSARY = {("", "session"), ("", "__Host-consent")}
CONSENT = ("", "__Host-consent")
BANNER, BACK = ".cm-ask", ".cm-back"
FOCUSED = """() => {
    let element = document.activeElement
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
    return element ? element.textContent.trim() : ""
}"""
COUNTERS = {"www.googletagmanager.com", "www.google-analytics.com"}

Arrive = Callable[..., Any]


def button(visitor: Any, action: str) -> Any:
    return visitor.page.locator(f'{BANNER} button[value="{action}"]')


def tab_to(visitor: Any, name: str) -> None:
    for _ in range(80):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate(FOCUSED) == name:
            return
    pytest.fail(f"the tab key does not lead to {name}")


def categories(visitor: Any) -> dict[str, str]:
    """What the site knows, as its state address says."""
    page = visitor.page.context.new_page()
    state: dict[str, dict[str, str]] = page.goto(visitor.origin + "/_consent/state").json()
    page.close()
    return state["categories"]


def chosen(visitor: Any) -> set[str]:
    return {name for name, status in categories(visitor).items() if status == "granted"} - {"necessary"}


def test_row_1_the_banner_is_there_at_the_first_visit_and_the_page_usable(arrive: Arrive, door: str) -> None:
    visitor = arrive(door)
    visitor.visit("/")
    assert visitor.page.locator(BANNER).count() == 1
    assert visitor.page.get_by_role("region", name="Your choice").is_visible()
    tab_to(visitor, "Accept all")
    visitor.page.evaluate("scrollTo(0, 0)")
    visitor.click(f'a[href="{PRODUCT}"] >> nth=0')
    assert visitor.page.url.endswith(PRODUCT)
    assert visitor.page.locator(BANNER).is_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
@pytest.mark.parametrize(
    ("action", "expected"), [("accept-all", {"functional", "analytics", "marketing"}), ("reject-all", set[str]())]
)
def test_row_2_one_click_accepts_or_refuses(
    arrive: Arrive, door: str, action: str, expected: set[str], scripts: bool
) -> None:
    visitor = arrive(door, java_script_enabled=scripts)
    visitor.visit(PRODUCT)
    with visitor.page.expect_response("**/_consent/choice*") as answer:
        button(visitor, action).click()
    assert answer.value.status == (200 if scripts else 303)
    visitor.page.locator(BANNER).wait_for(state="detached")
    assert visitor.page.url.endswith(PRODUCT)
    visitor.page.locator(BACK).wait_for()
    assert chosen(visitor) == expected


def test_row_2_customising_without_javascript_leads_to_the_settings_and_back(arrive: Arrive, door: str) -> None:
    visitor = arrive(door, java_script_enabled=False)
    visitor.visit(PRODUCT)
    visitor.click(f"{BANNER} form:last-child button")
    assert visitor.page.locator("input:checked:not(:disabled)").count() == 0
    visitor.page.locator('input[value="analytics"]').check()
    visitor.press("save")
    assert visitor.page.url.endswith(PRODUCT)
    assert visitor.page.locator(BANNER).count() == 0
    assert chosen(visitor) == {"analytics"}


def test_row_2_customising_with_javascript_opens_the_settings_over_the_page(
    arrive: Arrive, request: pytest.FixtureRequest
) -> None:
    visitor = arrive("flask")
    visitor.visit(PRODUCT)
    visitor.page.locator(f"{BANNER} form:last-child button").click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.wait_for()
    visitor.page.screenshot(path=request.config.rootpath / "artefacts" / "settings-dialog.png")
    dialog.get_by_role("switch", name="Audience measurement").check()
    dialog.get_by_role("button", name="Save my choice").click()
    dialog.wait_for(state="detached")
    visitor.settle()
    assert visitor.page.url.endswith(PRODUCT)
    assert visitor.greeted >= COUNTERS
    assert chosen(visitor) == {"analytics"}


@pytest.mark.parametrize("name", ["Accept all", "Refuse all"])
def test_row_2_by_keyboard_alone(arrive: Arrive, name: str) -> None:
    visitor = arrive("flask")
    visitor.visit(PRODUCT)
    tab_to(visitor, name)
    visitor.page.keyboard.press("Enter")
    visitor.page.locator(BANNER).wait_for(state="detached")
    assert bool(chosen(visitor)) is (name == "Accept all")


def test_row_3_nothing_happens_before_the_choice(arrive: Arrive, door: str) -> None:
    visitor = arrive(door)
    visitor.visit("/")
    visitor.click(f'a[href="{PRODUCT}"] >> nth=0')
    visitor.settle()
    assert visitor.contacted == visitor.greeted == set()
    assert visitor.jar <= NECESSARY - {CONSENT}
    assert visitor.page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_row_4_silence_is_refusal(arrive: Arrive) -> None:
    visitor = arrive("flask")
    for page in PAGES:
        visitor.visit(page)
        visitor.page.keyboard.press("Escape")
        visitor.page.mouse.click(400, 30)
        assert visitor.page.locator(BANNER).is_visible()
    assert visitor.contacted == visitor.greeted == set()
    assert visitor.jar <= NECESSARY - {CONSENT}
    assert "granted" not in {status for name, status in categories(visitor).items() if name != "necessary"}


def test_row_10_the_chat_loads_only_when_it_is_asked_for(arrive: Arrive, door: str) -> None:
    visitor = arrive(door)
    visitor.visit(PRODUCT)
    button(visitor, "accept-all").click()
    visitor.page.locator(BANNER).wait_for(state="detached")
    visitor.visit(PRODUCT)
    assert not {name for name in visitor.greeted if name.endswith("tawk.to")}
    assert not {name for _, name in visitor.jar if name.startswith(("Tawk", "twk_"))}
    visitor.page.goto(visitor.origin + "/_consent/settings")
    visitor.press("grant")
    visitor.visit(PRODUCT)
    assert {name for name in visitor.greeted if name.endswith("tawk.to")} == {"embed.tawk.to", "va.tawk.to"}
    assert "chat" in chosen(visitor)


def test_row_15_the_way_back_is_on_every_page_and_reached_by_keyboard(arrive: Arrive, shop: str) -> None:
    visitor = arrive(shop)
    visitor.visit("/")
    button(visitor, "accept-all").click()
    visitor.page.locator(BANNER).wait_for(state="detached")
    for page in PAGES:
        visitor.page.goto(visitor.origin + page)
        assert visitor.page.locator(BACK).is_visible()
        box = visitor.page.locator(BACK).bounding_box()
        assert min(box["width"], box["height"]) >= 44
    tab_to(visitor, "Cookie settings")  # the shop has one of its own in its footer
    visitor.page.keyboard.press("Enter")
    withdraw = visitor.page.get_by_role("button", name="Withdraw my consent")
    withdraw.wait_for()
    withdraw.focus()
    with visitor.page.expect_response("**/_consent/choice*"):
        visitor.page.keyboard.press("Enter")
    assert chosen(visitor) == set()


def test_row_15_without_javascript(arrive: Arrive) -> None:
    visitor = arrive("flask", java_script_enabled=False)
    visitor.visit("/no-such-page")
    visitor.press("accept-all")
    visitor.click(BACK)
    visitor.press("withdraw")
    assert visitor.page.url.endswith("/no-such-page")
    assert chosen(visitor) == set()
