"""Choosing without leaving the page, what the site's scripts hear of it, and what happens when something fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.axe import violations
from support.handmade import Handmade
from support.readme import blocks_of_all
from support.third_parties import Reply, ThirdParties

ROOT = Path(__file__).parents[3]
FILM = '<iframe src="https://stats.example/film" title="A film" width="400" height="300"></iframe>'
FILM_BUTTON = ".cm-embed button"
LISTEN = """<script>
    document.addEventListener("consent:change", ({ detail, cancelable }) => {
        (window.heard = window.heard || []).push({ granted: detail.granted, withdrawn: detail.withdrawn, cancelable });
    });
</script>"""


class Chooser:
    def __init__(self, visitor: Any, site: Handmade, strangers: ThirdParties) -> None:
        self.visitor, self.site, self.strangers = visitor, site, strangers
        self.page = visitor.page

    def open(self, body: str = "") -> None:
        self.site.pages["/"] = body
        self.visitor.visit("/")
        self.page.evaluate("() => { window.isSame = true }")

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def choose(self, action: str, *categories: str) -> Any:
        return self.run("([action, names]) => consent.choose(action, names)", [action, categories])

    def cut_off(self, path: str) -> None:
        """Let scripts no longer reach an address, which the browser itself still does."""

        def decide(route: Any) -> None:
            if route.request.resource_type == "fetch":
                route.abort()
            else:
                route.fallback()

        self.page.route(f"**{path}*", decide)

    @property
    def stayed(self) -> bool:
        """Whether the page is still the one that was opened."""
        self.visitor.settle()
        return bool(self.run("() => window.isSame === true"))

    @property
    def asked(self) -> list[str]:
        self.visitor.settle()
        return [url.removeprefix("https://") for url in self.strangers.asked]

    @property
    def allowed(self) -> list[str]:
        state = self.run("async () => (await fetch('/_consent/state')).json()")
        return [name for name in state["allowed"] if name != "necessary"]


@pytest.fixture
def chooser(visitor: Any, asking: Handmade, strangers: ThirdParties) -> Chooser:
    strangers.replies.clear()
    return Chooser(visitor, asking, strangers)


# window.consent


def test_scripts_can_ask_and_choose(chooser: Chooser) -> None:
    chooser.open(LISTEN)
    assert chooser.run(
        "() => [consent.allows('necessary'), consent.allows('analytics'), consent.allows('nothing')]"
    ) == [
        True,
        False,
        False,
    ]
    state = chooser.choose("save", "analytics")
    assert state == chooser.run("() => consent.state")
    assert (state["needsAsking"], state["source"]) == (False, "visitor")
    assert {name for name, category in state["categories"].items() if category["allowed"]} == {"necessary", "analytics"}
    assert state["categories"]["marketing"]["status"] == "denied"
    assert chooser.run("() => heard") == [{"granted": ["analytics"], "withdrawn": [], "cancelable": True}]
    assert chooser.allowed == ["analytics"]
    assert chooser.stayed


def test_a_choice_that_is_none_is_an_error_for_the_script_that_made_it(chooser: Chooser) -> None:
    chooser.open()
    told = chooser.run("() => consent.choose('grant', ['nothing']).catch((e) => e.message)")
    assert told == "consent: bad-choice"
    assert chooser.allowed == [] and chooser.stayed


def test_the_state_that_scripts_see_is_theirs_to_spoil(chooser: Chooser) -> None:
    chooser.open()
    chooser.run("() => { consent.state.categories.analytics.allowed = true }")
    assert chooser.run("() => consent.allows('analytics')") is False


def test_an_element_called_consent_is_not_in_the_way(chooser: Chooser) -> None:
    chooser.open('<p id="consent"></p>')
    assert chooser.run("() => typeof consent.allows") == "function"


def test_the_snippet_of_the_guide_does_what_it_says(chooser: Chooser) -> None:
    [snippet] = blocks_of_all("js")
    chooser.open(
        f"""<button id="privacy">Privacy</button>
        <script>window.counted = 0; function startCounting() {{ window.counted++ }}</script>
        <script type="module">{snippet}</script>"""
    )
    assert chooser.run("() => counted") == 0
    chooser.page.locator("#privacy").click()
    chooser.page.get_by_role("dialog").wait_for()
    chooser.choose("save", "analytics")
    assert chooser.run("() => counted") == 1
    chooser.open(chooser.site.pages["/"])
    assert chooser.run("() => counted") == 1


# Placeholders


def test_the_button_in_the_place_of_a_film_loads_it_there(chooser: Chooser) -> None:
    chooser.strangers.replies["stats.example/film"] = Reply("text/html", b"<!doctype html><title>Film</title>Film")
    chooser.open(FILM + '<img src="https://ads.example/1"><img src="https://stats.example/2">')
    chooser.page.locator(FILM_BUTTON).press("Enter")
    assert chooser.stayed
    assert chooser.page.frame_locator("iframe").get_by_text("Film").is_visible()
    assert chooser.page.locator(FILM_BUTTON).count() == 0
    assert sorted(chooser.asked) == ["stats.example/2", "stats.example/film"]
    assert chooser.run("() => document.activeElement.localName") == "iframe"
    attributes = "() => [...document.querySelector('iframe').attributes].map(({ name }) => name).sort()"
    assert chooser.run(attributes) == ["height", "src", "title", "width"]
    assert chooser.allowed == ["analytics"]


def test_a_service_on_request_comes_with_its_own_button_and_with_no_other(chooser: Chooser) -> None:
    """Row 10."""
    chooser.open('<iframe src="https://talk.example/box"></iframe>')
    chooser.choose("accept-all")
    assert chooser.asked == []
    chooser.page.locator(FILM_BUTTON).click()
    assert chooser.asked == ["talk.example/box"]
    assert chooser.allowed == ["functional", "analytics", "marketing", "chat"] and chooser.stayed


def test_a_choice_that_cannot_be_fetched_is_sent_as_a_form(chooser: Chooser) -> None:
    chooser.open(FILM)
    chooser.cut_off("/_consent/choice")
    with chooser.page.expect_navigation():
        chooser.page.locator(FILM_BUTTON).click()
    assert not chooser.stayed
    assert chooser.allowed == ["analytics"]
    assert "stats.example/film" in chooser.asked


def test_a_choice_about_an_older_policy_loads_the_page_anew(chooser: Chooser) -> None:
    chooser.open(FILM)
    chooser.run("() => document.querySelector('[data-consent-page]').remove()")
    chooser.page.route(
        "**/_consent/choice*",
        lambda route: route.continue_(
            post_data=route.request.post_data.replace('"fingerprint":"', '"fingerprint":"older')
        ),
    )
    with chooser.page.expect_navigation():
        chooser.page.locator(FILM_BUTTON).click()
    assert chooser.page.locator(FILM_BUTTON).is_visible()
    assert chooser.allowed == []


@pytest.mark.parametrize("script", ["consent", "guard"])
@pytest.mark.parametrize("body", [None, "throw new Error('broken')", "("], ids=["blocked", "throwing", "unreadable"])
def test_without_a_script_of_ours_the_page_works_and_nothing_is_granted(
    chooser: Chooser, script: str, body: str | None
) -> None:
    def spoil(route: Any) -> None:
        if body is None:
            route.abort("blockedbyclient")
        else:
            route.fulfill(body=body, content_type="text/javascript")

    chooser.page.route(f"**/assets/{script}-*.js", spoil)
    chooser.open(FILM + "<p>here</p>")
    assert chooser.page.locator("p").first.inner_text() == "here"
    assert chooser.asked == [] and chooser.allowed == []
    chooser.page.locator(FILM_BUTTON).click()
    assert chooser.asked == ["stats.example/film"]
    assert chooser.allowed == ["analytics"]


# Withdrawing


def test_a_withdrawal_tells_the_scripts_and_loads_the_page_anew(chooser: Chooser) -> None:
    chooser.open()
    chooser.choose("accept-all")
    chooser.page.reload()
    chooser.open(
        LISTEN.replace(
            "window.heard = window.heard", "window.name = JSON.stringify(detail.withdrawn), window.heard = window.heard"
        )
        + FILM
    )
    assert chooser.asked == ["stats.example/film"]
    chooser.strangers.forget()
    with chooser.page.expect_navigation():
        chooser.run("() => void consent.choose('withdraw')")
    assert not chooser.stayed
    assert chooser.run("() => window.name") == '["functional","analytics","marketing"]'
    assert chooser.asked == [] and chooser.allowed == []
    assert chooser.page.locator(FILM_BUTTON).is_visible()


def test_who_prevents_the_loading_keeps_a_page_in_which_what_can_be_stopped_is(chooser: Chooser) -> None:
    chooser.open()
    chooser.choose("accept-all")
    chooser.open(
        "<script>document.addEventListener('consent:change', (event) => event.preventDefault())</script>" + FILM
    )
    chooser.choose("withdraw")
    assert chooser.stayed
    assert chooser.run("() => frames[0].location.href") == "about:blank"
    chooser.strangers.forget()
    chooser.run("() => { new Image().src = 'https://stats.example/late'; document.cookie = '_ga=1'; }")
    assert chooser.asked == []
    assert chooser.run("() => document.cookie") == ""


# What is said


SAID = """async () => {
    const status = document.querySelector("div[data-consent-manage]").shadowRoot.querySelector("[role=status]");
    const said = [];
    new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
    window.told = said;
}"""


def spoken(page: Any) -> list[str]:
    """What the accessibility tree has of live regions that are polite."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}
    regions = [node for node in nodes if node.get("role", {}).get("value") == "status"]
    for region in regions:
        properties = {each["name"]: each["value"]["value"] for each in region["properties"]}
        assert properties["live"] == "polite"
    return ["".join(by_id[child]["name"]["value"] for child in region["childIds"]) for region in regions]


def test_a_choice_made_in_the_page_is_said_aloud(chooser: Chooser) -> None:
    chooser.site.language = "en"
    chooser.open("<main><h1>Page</h1></main>")
    assert spoken(chooser.page) == [""]
    chooser.run(SAID)
    chooser.page.locator('.cm-ask button[value="reject-all"]').press("Enter")
    chooser.page.wait_for_function("() => told.length === 1")
    assert spoken(chooser.page) == ["Your choice has been saved."]
    chooser.choose("grant", "analytics")
    chooser.page.wait_for_function("() => told.length === 3")
    assert chooser.run("() => told") == ["Your choice has been saved.", "", "Your choice has been saved."]
    assert violations(chooser.page) == []


def test_nothing_is_said_of_a_choice_that_was_none_nor_of_one_made_elsewhere(chooser: Chooser) -> None:
    chooser.open()
    other = chooser.page.context.new_page()
    other.goto(chooser.visitor.origin + "/")
    other.evaluate(SAID)
    chooser.run(SAID)
    chooser.run("() => consent.choose('grant', ['nothing']).catch(() => {})")
    assert chooser.stayed and chooser.run("() => told") == []
    chooser.choose("save", "analytics")
    chooser.page.wait_for_function("() => told.length === 1")
    assert other.evaluate("() => [consent.allows('analytics'), told]") == [True, []]


# Elsewhere


def test_another_tab_learns_of_a_choice(chooser: Chooser) -> None:
    chooser.open("<img src='https://stats.example/1'>")
    other = chooser.page.context.new_page()
    other.goto(chooser.visitor.origin + "/")
    chooser.choose("save", "analytics")
    other.wait_for_function("() => consent.allows('analytics')")
    assert chooser.asked == ["stats.example/1"] * 2
    with other.expect_navigation():
        chooser.run("() => void consent.choose('withdraw')")
    assert other.evaluate("() => consent.allows('analytics')") is False


CHOOSE_UNSEEN = """() => fetch("/_consent/choice", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: '{ "action": "save", "categories": ["analytics"] }',
})"""
"""A choice of which the page does not hear."""


def test_row_16_a_page_from_the_back_forward_cache_asks_what_is_so_now(chooser: Chooser) -> None:
    """Row 16. Playwright starts Chromium without that cache, so its event is sent by hand."""
    chooser.open("<img src='https://stats.example/1'>")
    chooser.run(CHOOSE_UNSEEN)
    chooser.run("() => { dispatchEvent(new PageTransitionEvent('pageshow', { persisted: false })) }")
    assert chooser.asked == []
    chooser.run("() => { dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })) }")
    assert chooser.asked == ["stats.example/1"]


def test_a_page_that_was_loaded_ahead_asks_what_is_so_when_it_is_shown(chooser: Chooser) -> None:
    """Chromium loads nothing ahead while it is driven from outside, so its event is sent by hand."""
    chooser.open("<img src='https://stats.example/1'>")
    chooser.run(CHOOSE_UNSEEN)
    chooser.run("() => { document.dispatchEvent(new Event('prerenderingchange')) }")
    assert chooser.asked == ["stats.example/1"]


# The settings


def test_the_settings_open_over_the_page_and_escape_is_no_choice(chooser: Chooser) -> None:
    chooser.open('<p><a id="own" href="/_consent/settings" data-consent-manage>Settings</a></p>')
    link = chooser.page.locator("#own")
    link.press("Enter")
    dialog = chooser.page.get_by_role("dialog")
    dialog.wait_for()
    assert dialog.get_attribute("aria-label")
    assert chooser.run("() => document.activeElement.shadowRoot.activeElement.closest('dialog') !== null")
    chooser.page.keyboard.press("Escape")
    assert dialog.count() == 0
    assert link.evaluate("it => it === document.activeElement")
    assert chooser.stayed and chooser.allowed == []


def test_the_settings_are_closed_by_mouse_too_and_that_is_no_choice(chooser: Chooser) -> None:
    chooser.open()
    dialog = chooser.page.get_by_role("dialog")
    for closing in (dialog.get_by_role("button", name="Back to the site"), dialog.get_by_role("link", name="Back to")):
        chooser.run("() => consent.open()")
        closing.click()
        dialog.wait_for(state="detached")
    assert chooser.stayed and chooser.allowed == []
    assert chooser.page.locator(".cm-ask").is_visible()


def test_the_settings_open_once_however_often_they_are_asked_for(chooser: Chooser) -> None:
    chooser.open()
    chooser.page.locator('.cm-actions form[action$="/settings"] button').dblclick()
    chooser.page.get_by_role("dialog").wait_for()
    chooser.visitor.settle()
    assert chooser.page.get_by_role("dialog").count() == 1


def test_who_chooses_by_keyboard_goes_on_at_the_way_back(chooser: Chooser) -> None:
    chooser.open()
    chooser.page.locator('.cm-ask button[value="reject-all"]').press("Enter")
    chooser.page.locator(".cm-ask").wait_for(state="detached")
    assert chooser.run("() => document.activeElement.shadowRoot.activeElement.className").startswith("cm-back")


def test_a_choice_in_the_settings_is_made_without_leaving_the_page(chooser: Chooser) -> None:
    chooser.open("<img src='https://stats.example/1'>")
    chooser.run("() => consent.open()")
    dialog = chooser.page.get_by_role("dialog")
    dialog.locator('input[value="analytics"]').check()
    dialog.locator('button[value="save"]').click()
    assert chooser.asked == ["stats.example/1"]
    assert chooser.stayed and chooser.allowed == ["analytics"]
    assert dialog.count() == 0


def test_settings_that_are_an_error_do_not_open_over_the_page(chooser: Chooser) -> None:
    chooser.open()
    chooser.page.route("**/_consent/settings?*", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    with chooser.page.expect_navigation():
        chooser.run("() => void consent.open()")
    assert chooser.page.url.endswith("/_consent/settings?language=en")


def test_where_the_settings_cannot_be_fetched_the_browser_goes_there(chooser: Chooser) -> None:
    chooser.open()
    chooser.cut_off("/_consent/settings?*")
    with chooser.page.expect_navigation():
        chooser.run("() => void consent.open()")
    assert chooser.page.url.endswith("/_consent/settings?language=en")
