"""The banner looks and works the same way for everybody: small screens, zoom, darkness, forced colours, any direction,
any style sheet around it, any Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.axe import violations
from support.handmade import Handmade

Come = Callable[..., Any]

ACCEPT, REFUSE = 'button[value="accept-all"]', 'button[value="reject-all"]'
CUSTOMISE = '.cm-actions form[action$="/settings"] button'
WIDE, NARROW, ZOOMED = {"width": 1280, "height": 800}, {"width": 320, "height": 640}, {"width": 320, "height": 256}

LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": WIDE},
    "narrow": {"viewport": NARROW},
    "zoomed": {"viewport": ZOOMED},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "forced": {"viewport": WIDE, "forced_colors": "active"},
    "forced-dark": {"viewport": WIDE, "forced_colors": "active", "color_scheme": "dark"},
    "french": {"viewport": NARROW, "locale": "fr-FR"},
    "arabic": {"viewport": WIDE, "locale": "ar"},
    "arabic-narrow": {"viewport": NARROW, "locale": "ar"},
    "small": {"viewport": {"width": 320, "height": 568}},
    "zoomed-german": {"viewport": ZOOMED, "locale": "de-DE"},
    "zoomed-arabic-dark": {"viewport": ZOOMED, "locale": "ar", "color_scheme": "dark"},
    "german": {"viewport": {"width": 360, "height": 640}, "locale": "de-DE"},
    "short": {"viewport": {"width": 900, "height": 380}, "locale": "de-DE"},
}

FACE = """button => {
    const style = getComputedStyle(button), box = button.getBoundingClientRect()
    const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true})
    const light = colour => {
        paint.fillStyle = colour
        paint.fillRect(0, 0, 1, 1)
        const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map(
            part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
    }
    const [text, ground] = [light(style.color), light(style.backgroundColor)]
    return {
        tag: button.localName, type: button.type, width: box.width, height: box.height, top: box.top,
        weight: style.fontWeight, size: style.fontSize, border: style.border, colour: style.color,
        ground: style.backgroundColor, decoration: style.textDecorationLine, opacity: style.opacity,
        contrast: Math.max(text, ground) / Math.min(text, ground),
    }
}"""


def dark(site: Handmade) -> None:
    site.head = "<style>:root { color-scheme: light dark; background: Canvas } main a { color: CanvasText }</style>"


def picture(page: Any, request: pytest.FixtureRequest, name: str) -> None:
    artefacts = request.config.rootpath / "artefacts"
    artefacts.mkdir(exist_ok=True)
    page.screenshot(path=artefacts / f"{name}.png")


@pytest.mark.parametrize("look", LOOKS)
def test_row_2_accepting_and_refusing_are_the_same_control(
    site: Handmade, come: Come, look: str, request: pytest.FixtureRequest
) -> None:
    dark(site)
    page = come(**LOOKS[look])
    faces = [page.locator(selector).evaluate(FACE) for selector in (ACCEPT, REFUSE, CUSTOMISE)]
    accept, refuse, customise = faces
    assert abs(accept.pop("width") - refuse.pop("width")) <= 1
    assert accept == refuse
    for face in faces:
        assert face["contrast"] >= 4.5
        assert face["height"] >= 44
    alike = ("tag", "type", "weight", "size", "border", "colour", "ground", "contrast", "opacity")
    assert [accept[name] for name in alike] == [customise[name] for name in alike]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("html").evaluate("it => it.clientWidth") == LOOKS[look]["viewport"]["width"]
    picture(page, request, f"banner-{look}")


@pytest.mark.parametrize("look", LOOKS)
def test_row_2_every_button_is_in_sight_however_little_room_there_is(come: Come, look: str) -> None:
    page = come(**LOOKS[look])
    banner = page.locator(".cm-ask")
    for end in (0, 10_000):
        banner.evaluate("(it, end) => it.scrollTo(0, end)", end)
        ground = banner.bounding_box()
        for selector in (ACCEPT, REFUSE, CUSTOMISE):
            box = page.locator(selector).bounding_box()
            assert ground["y"] <= box["y"]
            assert box["y"] + box["height"] <= LOOKS[look]["viewport"]["height"]
            assert page.locator(selector).evaluate("it => it.scrollWidth <= it.clientWidth")


HINT = """() => {
    const root = document.querySelector("[data-consent-banner]").shadowRoot
    const hints = [...root.querySelectorAll(".cm-foot, .cm-actions")].map((it) => getComputedStyle(it, "::before"))
    return hints.filter(({content}) => content === '""').map(({opacity}) => Number(opacity))
}"""


@pytest.mark.parametrize("look", ["narrow", "zoomed", "short", "arabic-narrow"])
def test_a_hint_says_that_there_is_more_to_read_until_there_is_not(come: Come, look: str) -> None:
    page = come(**LOOKS[look])
    banner = page.locator(".cm-ask")
    assert banner.evaluate("it => it.scrollHeight > it.clientHeight + 20")
    assert page.evaluate(HINT) == [1]
    banner.evaluate("it => it.scrollTo(0, 10_000)")
    page.wait_for_function(f"JSON.stringify(({HINT})()) === '[0]'")


def test_where_all_is_in_sight_nothing_says_that_there_is_more(come: Come) -> None:
    page = come(**LOOKS["wide"])
    assert page.locator(".cm-ask").evaluate("it => it.scrollHeight <= it.clientHeight")
    assert page.evaluate(HINT) == [0]


def test_no_text_is_under_the_buttons_when_all_of_it_was_read(come: Come) -> None:
    for look in ("narrow", "short", "zoomed-german"):
        page = come(**LOOKS[look])
        page.locator(".cm-ask").evaluate("it => it.scrollTo(0, 10_000)")
        last, accept = page.locator(".cm-page li").last.bounding_box(), page.locator(ACCEPT).bounding_box()
        assert last["y"] + last["height"] <= accept["y"]


def test_a_keyboard_scrolls_the_text_where_it_is_too_long(come: Come) -> None:
    page = come(**LOOKS["zoomed-german"])
    banner = page.locator(".cm-ask")
    assert banner.evaluate("it => it.scrollHeight > it.clientHeight")
    banner.focus()
    page.keyboard.press("End")
    page.wait_for_function("""() => {
        const banner = document.querySelector("[data-consent-banner]").shadowRoot.querySelector(".cm-ask")
        return banner.scrollTop + banner.clientHeight >= banner.scrollHeight - 1
    }""")


@pytest.mark.parametrize("look", LOOKS)
def test_row_27_axe_finds_nothing_serious(
    site: Handmade, come: Come, look: str, request: pytest.FixtureRequest
) -> None:
    dark(site)
    site.language = LOOKS[look].get("locale", "en")
    page = come(**LOOKS[look])
    # The site's page names no language, so that ours is the visitor's; that is nothing of ours.
    page.evaluate("() => { document.documentElement.lang = 'en' }")
    assert violations(page) == []
    for name in ("settings", "policy"):
        page.goto(f"https://page.shop.test/_consent/{name}")
        for details in page.locator("details").all():
            details.evaluate("it => it.open = true")
        assert violations(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        page.set_viewport_size({**LOOKS[look]["viewport"], "height": 2200})
        picture(page, request, f"{name}-{look}")
        page.set_viewport_size(LOOKS[look]["viewport"])


@pytest.mark.parametrize("look", ["wide", "narrow", "zoomed"])
def test_row_27_nothing_that_has_the_focus_is_behind_the_banner(come: Come, look: str) -> None:
    page = come(**LOOKS[look], java_script_enabled=True)
    seen: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        told = page.evaluate("""() => {
            let element = document.activeElement
            while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
            const box = element.getBoundingClientRect(), lines = [...element.getClientRects()]
            const hit = ({left, right, top, bottom}) => {
                let found = document.elementFromPoint((left + right) / 2, (top + bottom) / 2)
                while (found?.shadowRoot) {
                    const deeper = found.shadowRoot.elementFromPoint((left + right) / 2, (top + bottom) / 2)
                    if (!deeper || deeper === found) break
                    found = deeper
                }
                return element.contains(found)
            }
            return {text: element.textContent.trim(), isSeen: element === document.body || lines.some(hit)}
        }""")
        assert told["isSeen"], told["text"]
        seen.append(told["text"])
    assert {"Paragraph 39", "Accept all", "Refuse all", "Customise"} <= {*seen}


RESET = """<style>
    * { all: unset !important }
    div, form, button, template, section, a { display: none !important }
    body *, body > div { position: static !important; visibility: hidden !important; opacity: 0 !important }
    html { font-size: 5px }
</style>"""


@pytest.mark.parametrize("head", ["", RESET], ids=["plain", "reset"])
def test_a_sites_own_reset_does_not_undo_it(site: Handmade, come: Come, head: str) -> None:
    site.head = head
    page = come()
    box = page.locator(".cm-ask").bounding_box()
    assert (box["x"], box["width"]) == (0, 1280)
    assert box["y"] + box["height"] == 720
    assert page.locator(ACCEPT).evaluate("it => getComputedStyle(it).fontSize") == "16px"
    assert page.evaluate("""() => {
        const host = document.querySelector("[data-consent-banner]"), button = host.shadowRoot.querySelector("button")
        const {left, top, width, height} = button.getBoundingClientRect()
        return host.shadowRoot.elementFromPoint(left + width / 2, top + height / 2) === button
    }""")
    with page.expect_response("**/_consent/choice*") as answer:
        page.locator(REFUSE).click()
    assert answer.value.ok


STYLES = """() => [...document.querySelectorAll("main, main *")].map(element => {
    const style = getComputedStyle(element)
    // A custom property is inherited by everybody, and means nothing to anybody else.
    const names = [...style].filter(name => !name.startsWith("--consent-"))
    return names.map(name => name + ":" + style.getPropertyValue(name)).join(";")
})"""


def test_nothing_of_its_style_leaks_into_the_site(site: Handmade, come: Come) -> None:
    site.pages["/"] = (
        '<main><h1>A page</h1><button class="ask">Buy</button><p class="words">Text</p><form><input type="checkbox">'
        "</form><table><caption>c</caption><tr><td>1</table><details><summary>s</summary></details></main>"
    )
    with_banner = come()
    assert with_banner.locator(".cm-ask").is_visible()
    shown = with_banner.evaluate(STYLES)
    with_banner.evaluate("document.querySelectorAll('body > div, body > link').forEach(ours => ours.remove())")
    assert shown == with_banner.evaluate(STYLES)


@pytest.mark.parametrize(
    "policy",
    [
        "default-src 'none'; script-src 'nonce-n0nce'; style-src 'nonce-n0nce'; connect-src 'self'; form-action 'self'",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'",
        "default-src 'self'",
    ],
    ids=["nonce", "self", "default"],
)
def test_it_works_under_a_strict_content_security_policy(site: Handmade, come: Come, policy: str) -> None:
    site.headers["Content-Security-Policy"] = policy
    site.headers["X-Frame-Options"] = "DENY"
    page = come()
    assert page.locator(".cm-ask").evaluate("it => getComputedStyle(it).position") == "fixed"
    page.evaluate("window.stayed = true")
    page.locator(REFUSE).click()
    page.locator("[data-consent-banner]").wait_for(state="detached")
    assert page.evaluate("window.stayed") is True
    assert page.locator(".cm-back").is_visible()


def test_without_scripts_that_may_run_the_forms_do_it(site: Handmade, come: Come) -> None:
    site.headers["Content-Security-Policy"] = "script-src 'none'"
    page = come()
    with page.expect_navigation():
        page.locator(REFUSE).click()
    assert page.locator(".cm-ask").count() == 0


def test_the_page_neither_waits_for_it_nor_moves(site: Handmade, come: Come) -> None:
    page = come()
    shifts = page.evaluate("""new Promise(resolve => {
        new PerformanceObserver(list => resolve(list.getEntries().map(entry => entry.value)))
            .observe({type: "layout-shift", buffered: true})
        setTimeout(() => resolve([]), 500)
    })""")
    assert shifts == []


def test_it_is_no_wall(come: Come) -> None:
    page = come()
    page.get_by_role("link", name="Paragraph 3", exact=True).click()
    assert page.url.endswith("#3")
    page.mouse.wheel(0, 20_000)
    page.wait_for_function("scrollY > 500")
    assert page.locator("[aria-modal], [inert]").count() == 0


def test_it_is_not_printed(come: Come) -> None:
    page = come()
    page.emulate_media(media="print")
    assert not page.locator(".cm-ask").is_visible()
    page.emulate_media(media="screen")
    page.locator(REFUSE).click()
    page.locator(".cm-back").wait_for()
    page.emulate_media(media="print")
    assert not page.locator(".cm-back").is_visible()


def test_nothing_moves_for_who_wants_less_motion(come: Come) -> None:
    page = come(reduced_motion="reduce")
    page.locator(REFUSE).click()
    span = page.locator(".cm-back span")
    span.wait_for(state="attached")
    assert span.evaluate("it => getComputedStyle(it).transitionProperty") == "none"


def test_a_site_dresses_it_with_a_few_custom_properties(site: Handmade, come: Come) -> None:
    site.head = "<style>:root { --consent-background: rgb(1, 2, 3); --consent-button-background: rgb(4, 5, 6) }</style>"
    page = come()
    assert page.locator(".cm-ask").evaluate("it => getComputedStyle(it).backgroundColor") == "rgb(1, 2, 3)"
    grounds = {page.locator(each).evaluate("it => getComputedStyle(it).backgroundColor") for each in (ACCEPT, REFUSE)}
    assert grounds == {"rgb(4, 5, 6)"}


def test_arabic_is_read_from_right_to_left(come: Come) -> None:
    page = come(locale="ar")
    accept, refuse = (page.locator(each).bounding_box() for each in (ACCEPT, REFUSE))
    assert accept["x"] > refuse["x"]
    assert page.locator(".cm-ask").evaluate("it => getComputedStyle(it).direction") == "rtl"


def test_the_enter_key_in_the_settings_saves_what_is_ticked(come: Come) -> None:
    page = come()
    page.goto("https://page.shop.test/_consent/settings")
    page.locator('input[value="analytics"]').focus()
    page.keyboard.press("Space")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    ticked = page.locator("input:checked:not(:disabled)").evaluate_all("boxes => boxes.map(box => box.value)")
    assert ticked == ["analytics"]
