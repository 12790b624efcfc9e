"""That pages look right whatever is withheld; pictures of them are left in artefacts/ for human eyes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PRODUCT = "/product/dune-notebook"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 320, "height": 640}

Arrive = Callable[..., Any]

LOOKS = [
    pytest.param("en-GB", WIDE, "light", id="wide"),
    pytest.param("fr-FR", NARROW, "dark", id="narrow-french-dark"),
]


def open_page(visitor: Any, path: str) -> None:
    visitor.visit(path)
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


@pytest.mark.parametrize(("locale", "viewport", "scheme"), LOOKS)
def test_pages_keep_their_shape_whatever_is_withheld(
    arrive: Arrive, request: pytest.FixtureRequest, locale: str, viewport: dict[str, int], scheme: str
) -> None:
    look = request.node.callspec.id
    visitor = arrive("flask", locale=locale, viewport=viewport, color_scheme=scheme)
    visitor.page.goto(visitor.origin + f"/language/{locale[:2]}")
    for choice, categories in (
        ("no-choice", ()),
        ("analytics", ("analytics",)),
        ("all", ("functional", "analytics", "marketing", "chat")),
    ):
        if categories:
            visitor.save(*categories)
            visitor.screenshot(f"settings-{choice}-{look}")
        open_page(visitor, PRODUCT)
        film = visitor.page.locator(".film form, .film iframe:visible")
        assert film.count() == 1
        box = film.bounding_box()
        # The film's own size where there is room for it, and all the width where there is not.
        assert abs(box["width"] - min(560, viewport["width"] - 40)) <= 2
        assert box["height"] >= (315 if viewport is WIDE else 150)
        visitor.screenshot(f"product-{choice}-{look}")
    open_page(visitor, "/_consent/settings")


def test_no_page_scrolls_sideways_on_a_small_screen(arrive: Arrive) -> None:
    visitor = arrive("flask", viewport=NARROW)
    for name, path in {"index": "/", "basket": "/basket", "login": "/login", "error": "/no-such-page"}.items():
        open_page(visitor, path)
        visitor.screenshot(f"{name}-narrow")


def test_the_button_in_the_place_of_the_film_is_visible_and_reached_by_keyboard(arrive: Arrive) -> None:
    visitor = arrive("flask")
    visitor.visit(PRODUCT)
    button = visitor.page.locator(".film form button")
    assert button.is_visible()
    for _ in range(30):
        visitor.page.keyboard.press("Tab")
        if button.evaluate("it => it === it.getRootNode().activeElement"):
            break
    else:
        pytest.fail("the tab key does not lead to the button")
    visitor.page.keyboard.press("Enter")
    visitor.page.locator(".film iframe:visible").wait_for()
    visitor.settle()
    assert visitor.page.frame_locator(".film iframe").get_by_text("Film").is_visible()


def test_no_page_of_the_shop_complains_on_the_console(arrive: Arrive) -> None:
    """A withheld snippet must not break what is left of the page, whichever categories are missing."""
    for choice in ((), ("analytics",), ("marketing", "chat")):
        visitor = arrive("flask")
        complaints: list[str] = []
        visitor.page.on("pageerror", lambda error, to=complaints: to.append(str(error)))
        visitor.page.on("console", lambda said, to=complaints: to.append(said.text) if said.type == "error" else None)
        if choice:
            visitor.save(*choice)
        visitor.visit(PRODUCT)
        assert complaints == []
