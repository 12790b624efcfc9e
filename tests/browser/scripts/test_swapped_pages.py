"""Pages whose body is swapped for that of another by scripts keep the banner and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.handmade import Handmade
from support.npm import npm_file

BANNER, BACK = "[data-consent-banner]", "div[data-consent-manage]"
SWAPPERS = {
    "htmx": ("htmx.org@2.0.6", "dist/htmx.min.js"),
    "Turbo": ("@hotwired/turbo@8.0.23", "dist/turbo.es2017-umd.js"),
}
LINKS = '<main hx-boost="true"><h1>{0}</h1><a href="/{0}">This</a> <a href="/{1}">Other</a></main>'

Visit = Callable[[], Any]


@pytest.fixture(params=SWAPPERS)
def visit(visitor: Any, asking: Handmade, request: pytest.FixtureRequest) -> Visit:
    """Open the first of two pages whose links a library follows by swapping the body."""
    asking.files["/swapper.js"] = ("text/javascript", npm_file(*SWAPPERS[request.param]))
    asking.head = '<script src="/swapper.js" defer></script>'
    asking.pages |= {"/one": LINKS.format("one", "two"), "/two": LINKS.format("two", "one")}

    def visit() -> Any:
        visitor.visit("/one")
        visitor.page.evaluate("() => { window.isSame = true }")
        return visitor.page

    return visit


def follow(page: Any, name: str) -> None:
    page.get_by_role("link", name="Other").click()
    page.get_by_role("heading", name=name).wait_for()
    assert page.evaluate("() => window.isSame") is True


def ours(page: Any) -> list[int]:
    """How many banners and ways back there are, and how many links in the place of them."""
    return [page.locator(each).count() for each in (BANNER, BACK, "[lang] > a:not(.cm-back):visible")]


def test_the_banner_and_what_it_does_stay(visit: Visit) -> None:
    page = visit()
    for name in ("two", "one", "two"):
        follow(page, name)
        assert ours(page) == [1, 1, 0]
        assert page.locator(".cm-ask").is_visible()
    page.locator('.cm-ask button[value="accept-all"]').click()
    page.locator(".cm-back").wait_for()
    assert page.evaluate("() => [window.isSame, consent.allows('analytics')]") == [True, True]


def test_the_way_back_stays_and_the_banner_does_not_come_again(visit: Visit) -> None:
    page = visit()
    page.locator('.cm-ask button[value="reject-all"]').click()
    page.locator(".cm-back").wait_for()
    for name in ("two", "one"):
        follow(page, name)
        assert ours(page) == [0, 1, 0]
    page.locator(".cm-back").click()
    page.get_by_role("dialog").wait_for()


def test_what_caches_of_the_browser_s_history_give_back_is_no_second_banner(visit: Visit) -> None:
    page = visit()
    follow(page, "two")
    page.locator('.cm-ask button[value="reject-all"]').click()
    page.locator(".cm-back").wait_for()
    page.go_back()
    page.get_by_role("heading", name="one").wait_for()
    assert ours(page) == [0, 1, 0]
    assert page.locator(".cm-back").is_visible()


def test_settings_that_were_swapped_away_can_be_opened_again(visit: Visit) -> None:
    page = visit()
    follow(page, "two")
    page.evaluate("() => consent.open()")
    page.get_by_role("dialog").wait_for()
    page.go_back()
    page.get_by_role("heading", name="one").wait_for()
    assert page.get_by_role("dialog").count() == 0
    page.evaluate("() => consent.open()")
    page.get_by_role("dialog").wait_for()


def test_who_takes_away_ours_and_nothing_else_is_not_fought(visitor: Any, asking: Handmade) -> None:
    asking.pages["/"] = """<script>
        window.removed = 0;
        new MutationObserver(() => document.querySelectorAll("[data-consent-banner]").forEach((it) => {
            it.remove();
            window.removed++;
        })).observe(document.documentElement, { childList: true, subtree: true });
    </script>"""
    visitor.visit("/")
    visitor.page.evaluate("() => document.body.append(document.createElement('p'))")
    visitor.settle()
    assert visitor.page.locator(BANNER).count() == 0
    assert visitor.page.evaluate("() => removed") <= 2
