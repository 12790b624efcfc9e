"""What a visitor may rely on in every example shop: the cookie policy, from the first visit to the withdrawal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from consent_middleware.lifetime import Lifetime
from shop.store import DAY, STATIC_MAX_AGE
from support.shops import Answer, Browser, Shop

PAGES = ("/", "/?gclid=Cj0KCQ-x_9", "/product/dune-notebook", "/basket", "/login", "/no-such-page")
NECESSARY = {"session", "consent"}
OPTIONAL = {"functional": "lang", "analytics": "visitor_id", "marketing": "ad_click"}
MEASURED = "Thank you for letting us count your visit."


def day_at_the_shop(visitor: Browser) -> Iterator[tuple[int, Answer]]:
    """Do what can be done in the shop; each answer comes with the status it should have."""
    for page in PAGES[:-1]:
        yield 200, visitor.get(page)
    yield 404, visitor.get("/no-such-page")
    yield 403, visitor.post("/basket", {"action": "add", "product": "midnight-ink"})
    yield 303, visitor.submit("/product/dune-notebook", "/basket", quantity="2")
    yield 400, visitor.submit("/login", "/login", email="ada@example.org", password="byron")
    yield 303, visitor.get("/account")
    yield 303, visitor.log_in()
    yield 200, visitor.get("/account")
    yield 303, visitor.get("/language/fr?next=/basket")
    yield 200, visitor.get("/basket")
    yield 200, visitor.get("/api/stock/midnight-ink")
    yield 200, visitor.get("/orders.csv")
    yield 200, visitor.get("/static/shop.css")
    yield 303, visitor.submit("/account", "/logout")


def cookies_of_a_day(visitor: Browser) -> set[str]:
    """Spend a day at the shop that goes as it should, and return the names of all the cookies that were set."""
    names: set[str] = set()
    for status, answer in day_at_the_shop(visitor):
        assert answer.status == status
        names |= answer.cookies.keys()
    return names


def press(visitor: Browser, button: str, *ticked: str) -> Answer:
    """Choose on the settings page as a browser without JavaScript does: tick boxes, press a button."""
    form = settings_form(visitor)
    assert button in [node.attributes["value"] for node in form.css('button[name="action"]')]
    hidden = [(node.attributes["name"] or "", value_of(node)) for node in form.css('input[type="hidden"]')]
    boxes = {value_of(node) for node in form.css('input[name="category"]:not([disabled])')}
    assert boxes.issuperset(ticked)
    fields = [*hidden, *(("category", name) for name in ticked), ("action", button)]
    assert form.attributes["method"] == "post"
    return visitor.post(form.attributes["action"] or "", fields, Origin=visitor.origin)


def settings_form(visitor: Browser) -> LexborNode:
    form = LexborHTMLParser(visitor.get("/_consent/settings").text).css_first("form")
    assert form is not None
    return form


def ticked_boxes(form: LexborNode) -> set[str]:
    return {value_of(node) for node in form.css('input[type="checkbox"][checked]')}


def value_of(node: LexborNode) -> str:
    return node.attributes["value"] or ""


# The first visit


@pytest.mark.parametrize("page", PAGES)
def test_a_first_visit_sets_no_cookie_that_needs_consent(visitor: Browser, page: str) -> None:
    answer = visitor.get(page)
    assert answer.cookies.keys() <= {"session"}
    assert answer.readable == set()


def test_row_5_without_a_choice_everything_works_and_only_the_session_is_kept(visitor: Browser) -> None:
    assert cookies_of_a_day(visitor) == {"session"}


def test_a_refusal_is_kept_and_changes_nothing_else(visitor: Browser) -> None:
    assert visitor.choose("reject-all").cookies.keys() == {"consent"}
    assert cookies_of_a_day(visitor) == {"session"}
    assert visitor.get("/_consent/state").json()["needs_asking"] is False


# Consent


def test_after_accepting_all_each_declared_cookie_arrives_and_the_undeclared_one_never(consenting: Browser) -> None:
    assert cookies_of_a_day(consenting) == {"session", *OPTIONAL.values()}


@pytest.mark.parametrize(
    ("page", "cookie", "asked", "declared"),
    [
        ("/", "ad_click", 63_072_000, "13 months"),  # two years, cut down to the cap of the policy
        ("/", "visitor_id", 395 * DAY, "13 months"),
        ("/language/fr", "lang", 365 * DAY, "12 months"),
    ],
)
def test_no_cookie_outlives_the_policy(consenting: Browser, page: str, cookie: str, asked: int, declared: str) -> None:
    def allowed() -> int:
        now = int(time.time())
        return min(asked, Lifetime.parse(declared).end(now) - now)

    before = allowed()
    max_age = consenting.get(page).cookies[cookie].max_age
    # Both, as the month may change in between.
    assert max_age in (before, allowed())


def test_thirteen_months_are_less_than_the_two_years_the_shop_asks_for(consenting: Browser) -> None:
    max_age = consenting.get("/").cookies["ad_click"].max_age
    assert max_age is not None
    assert 393 * DAY <= max_age <= 397 * DAY


@pytest.mark.parametrize(("category", "cookie"), OPTIONAL.items())
def test_one_category_saved_is_exactly_its_cookies(visitor: Browser, category: str, cookie: str) -> None:
    visitor.choose("save", category)
    assert cookies_of_a_day(visitor) == {"session", cookie}
    assert visitor.get("/").readable == {"consent", cookie}


def test_accepting_all_leaves_the_chat_to_those_who_ask_for_it(consenting: Browser) -> None:
    assert consenting.get("/_consent/state").json()["categories"]["chat"] == "unset"


def test_a_page_that_depends_on_consent_shows_it_and_is_private(visitor: Browser) -> None:
    def look() -> tuple[bool, str, set[str]]:
        answer = visitor.get("/")
        return MEASURED in answer.text, answer.header("Cache-Control"), answer.vary & {"Cookie", "Sec-GPC"}

    assert look() == (False, "private", {"Cookie", "Sec-GPC"})
    visitor.choose("save", "marketing")
    assert look() == (False, "private", {"Cookie"})  # over the choice the signal has no say
    visitor.choose("save", "analytics")
    assert look() == (True, "private", {"Cookie"})


def test_a_browser_that_signals_global_privacy_control_has_refused_advertising(visitor: Browser) -> None:
    visitor.jar["ad_click"] = "none"
    assert visitor.get("/", **{"Sec-GPC": "1"}).readable == set()
    state = visitor.get("/_consent/state", **{"Sec-GPC": "1"}).json()
    assert (state["categories"]["marketing"], state["source"]) == ("denied", "gpc")


def test_over_https_the_choice_is_kept_in_a_cookie_that_only_this_host_can_set(shop: Shop) -> None:
    visitor = shop.visitor("https")
    cookie = visitor.choose("accept-all").cookies["__Host-consent"]
    assert {"secure", "httponly", "path"} <= cookie.attributes.keys()
    assert "domain" not in cookie.attributes
    assert visitor.get("/").cookies.keys() == {"visitor_id", "ad_click"}


# Withdrawal


@pytest.fixture
def withdrawn(consenting: Browser) -> tuple[Browser, dict[str, str], Answer]:
    """A customer who withdraws with a full basket; the cookies until then; the answer to the withdrawal."""
    consenting.log_in()
    consenting.submit("/product/dune-notebook", "/basket", quantity="2")
    consenting.get("/language/fr")
    consenting.get("/")
    before = dict(consenting.jar)
    assert before.keys() == {*NECESSARY, "consent-first", *OPTIONAL.values()}
    return consenting, before, consenting.choose("withdraw")


Withdrawn = tuple[Browser, dict[str, str], Answer]


def test_a_withdrawal_expires_the_cookies_in_that_very_answer(withdrawn: Withdrawn) -> None:
    visitor, _, answer = withdrawn
    assert answer.expired == set(OPTIONAL.values())
    assert answer.cookies.keys() == {"consent"}
    assert visitor.jar.keys() == NECESSARY


def test_after_a_withdrawal_the_shop_sees_and_sets_no_optional_cookie(withdrawn: Withdrawn) -> None:
    visitor, _, _ = withdrawn
    for page in PAGES:
        answer = visitor.get(page)
        assert answer.readable == NECESSARY
        assert answer.cookies.keys() <= {"session"}
        assert MEASURED not in answer.text


def test_row_16_what_a_browser_sends_all_the_same_is_hidden_and_expired_again(withdrawn: Withdrawn) -> None:
    visitor, before, _ = withdrawn
    visitor.jar |= {name: before[name] for name in OPTIONAL.values()}
    answer = visitor.get("/")
    assert answer.readable == NECESSARY
    assert answer.expired == set(OPTIONAL.values())
    assert visitor.jar.keys() == NECESSARY


def test_row_17_session_basket_and_language_survive_a_withdrawal(withdrawn: Withdrawn) -> None:
    visitor, before, _ = withdrawn
    assert visitor.jar["session"] == before["session"]
    basket, account = visitor.get("/basket").text, visitor.get("/account").text
    assert "Carnet Dune" in basket
    assert "Ada" in account
    assert '<html lang="fr">' in basket


# Caches


@pytest.mark.parametrize("file", ["shop.css", "dune-notebook.svg"])
def test_a_file_for_everybody_stays_as_it_is_whoever_asks(shop: Shop, withdrawn: Withdrawn, file: str) -> None:
    visitor, before, _ = withdrawn
    # Even to somebody whose next page will expire these.
    visitor.jar |= {name: before[name] for name in OPTIONAL.values()}
    for browser in (shop.visitor(), visitor):
        answer = browser.get(f"/static/{file}")
        assert set(answer.header("Cache-Control").split(", ")) == {"public", f"max-age={STATIC_MAX_AGE}"}
        assert answer.all("Set-Cookie") == []
        # Django's sessions vary every answer on Cookie; what consent could change would vary on Sec-GPC too.
        assert answer.vary <= ({"Cookie"} if shop.name.startswith("django") else set())


# The settings page


def test_the_footer_leads_to_a_settings_page_that_nobody_stores(visitor: Browser) -> None:
    footer = LexborHTMLParser(visitor.get("/").text).css_first("footer")
    assert footer is not None
    link = next(node for node in footer.css("a") if node.text() == "Cookie settings")
    answer = visitor.get(link.attributes["href"] or "")
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Cache-Control") == "no-store"


def test_the_settings_page_needs_no_script_and_no_attribute_that_its_own_policy_forbids(visitor: Browser) -> None:
    page = LexborHTMLParser(visitor.get("/_consent/settings").text)
    assert page.css("script") == []
    names = {name for node in page.css("*") for name in node.attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_accepting_and_refusing_are_the_same_kind_of_button_side_by_side(visitor: Browser) -> None:
    accept, refuse = settings_form(visitor).css('button[value="accept-all"], button[value="reject-all"]')
    assert accept.attributes | {"value": ""} == refuse.attributes | {"value": ""}
    assert accept.parent is not None
    assert refuse.parent is not None
    assert accept.parent.mem_id == refuse.parent.mem_id


def test_the_settings_form_shows_what_was_chosen_on_it(visitor: Browser) -> None:
    assert ticked_boxes(settings_form(visitor)) == {"necessary"}
    answer = press(visitor, "save", "analytics", "chat")
    assert (answer.status, answer.header("Location")) == (303, "/_consent/settings")
    assert ticked_boxes(settings_form(visitor)) == {"necessary", "analytics", "chat"}


@pytest.mark.parametrize(
    ("button", "arriving"),
    [("accept-all", {"visitor_id", "ad_click"}), ("reject-all", set[str]()), ("save", {"visitor_id"})],
)
def test_every_button_of_the_settings_form_does_what_it_says(visitor: Browser, button: str, arriving: set[str]) -> None:
    press(visitor, button, "analytics")
    assert visitor.get("/").cookies.keys() == arriving


def test_a_withdrawal_is_offered_to_those_who_have_consented_and_works(visitor: Browser) -> None:
    def offers_withdrawal() -> bool:
        return settings_form(visitor).css_first('button[value="withdraw"]') is not None

    assert not offers_withdrawal()
    press(visitor, "accept-all")
    visitor.get("/")
    assert press(visitor, "withdraw").expired == {"visitor_id", "ad_click"}
    assert not offers_withdrawal()
    assert ticked_boxes(settings_form(visitor)) == {"necessary"}


def test_the_settings_page_speaks_the_language_of_the_browser(visitor: Browser) -> None:
    page = visitor.get("/_consent/settings", **{"Accept-Language": "fr-FR, en;q=0.5"}).text
    assert '<html lang="fr" dir="ltr">' in page
    assert "Mesure d’audience" in page


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://shop.example.evil.example"])
def test_nobody_chooses_for_a_visitor_from_another_site(visitor: Browser, origin: str) -> None:
    answer = visitor.choose("accept-all", Origin=origin)
    assert (answer.status, answer.cookies) == (403, {})
    assert visitor.get("/").cookies == {}


# The state


Act = Callable[[Browser], object]


@pytest.mark.parametrize(
    ("act", "needs_asking", "source", "given"),
    [
        (lambda visitor: None, True, "default", set[str]()),
        (lambda visitor: visitor.choose("accept-all"), False, "visitor", set(OPTIONAL)),
        (lambda visitor: visitor.choose("save", "functional"), False, "visitor", {"functional"}),
        (lambda visitor: visitor.choose("reject-all"), False, "visitor", set[str]()),
    ],
    ids=["first visit", "accept-all", "save", "reject-all"],
)
def test_a_page_can_ask_for_the_state(
    visitor: Browser, act: Act, needs_asking: bool, source: str, given: set[str]
) -> None:
    act(visitor)
    answer = visitor.get("/_consent/state")
    state = answer.json()
    assert answer.header("Cache-Control") == "no-store"
    assert (state["needs_asking"], state["source"]) == (needs_asking, source)
    assert {name for name, status in state["categories"].items() if status == "granted"} == {"necessary", *given}
    assert state["policy"]["version"] == "2026-11-21"
    assert re.fullmatch(r"[\w-]{12}", state["policy"]["fingerprint"])
