"""The third parties in the shop's pages: exactly those are live whose category the visitor has accepted."""

from __future__ import annotations

import re
from itertools import chain, combinations

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from shop import store
from support.live import OF_A_PRODUCT, OF_EVERY_PAGE, live
from support.shops import Browser

PRODUCT = "/product/dune-notebook"
PAGES = ("/", PRODUCT, "/basket", "/login", "/no-such-page")
CATEGORIES = ("functional", "analytics", "marketing", "chat")
CHOICES = [*chain.from_iterable(combinations(CATEGORIES, count) for count in range(len(CATEGORIES) + 1))]


def expected(*categories: str, page: str = PRODUCT) -> frozenset[str]:
    third_parties = OF_A_PRODUCT if page == PRODUCT else OF_EVERY_PAGE
    return frozenset[str]().union(*(third_parties.get(category, ()) for category in categories))


def chat_form(page: str) -> LexborNode | None:
    fields = LexborHTMLParser(page).css('footer form > input[name="category"][value="chat"]')
    return fields[0].parent if fields else None


def test_the_templates_carry_every_third_party_whoever_asks() -> None:
    """What is gone from the pages below was withheld there: the shop itself asks nobody's leave."""
    templates = "".join(path.read_text() for path in store.TEMPLATES.glob("_trackers_*.html"))
    assert live(templates) == expected(*CATEGORIES)


@pytest.mark.parametrize("page", PAGES)
def test_without_a_choice_no_third_party_is_live_in_any_page(visitor: Browser, page: str) -> None:
    assert live(visitor.get(page).text) == set()


def test_after_a_refusal_no_third_party_is_live(visitor: Browser) -> None:
    visitor.choose("reject-all")
    assert live(visitor.get(PRODUCT).text) == set()


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: "+".join(choice) or "nothing")
def test_of_every_choice_exactly_what_was_accepted_is_live(visitor: Browser, choice: tuple[str, ...]) -> None:
    visitor.choose("save", *choice)
    assert live(visitor.get(PRODUCT).text) == expected(*choice)


@pytest.mark.parametrize("page", PAGES)
def test_accepting_all_makes_all_live_but_the_chat(consenting: Browser, page: str) -> None:
    assert live(consenting.get(page).text) == expected("analytics", "marketing", page=page)


def test_a_withdrawal_makes_all_inert_again(consenting: Browser) -> None:
    consenting.choose("withdraw")
    assert live(consenting.get(PRODUCT).text) == set()


def test_global_privacy_control_withholds_advertising_from_who_has_not_chosen(visitor: Browser) -> None:
    assert live(visitor.get(PRODUCT, **{"Sec-GPC": "1"}).text) == set()
    visitor.choose("save", "analytics")
    assert live(visitor.get(PRODUCT, **{"Sec-GPC": "1"}).text) == expected("analytics")


# What stands in their place


def film_form(page: str) -> LexborNode | None:
    """The form of the placeholder, which lives in a template: the parser keeps what is in there apart."""
    template = LexborHTMLParser(page).css_first(".film template")
    if template is None or template.html is None:
        return None
    return LexborHTMLParser(re.sub("</?template[^>]*>", "", template.html)).css_first("form")


def test_in_the_place_of_the_film_a_form_offers_to_load_it(visitor: Browser) -> None:
    form = film_form(visitor.get(PRODUCT).text)
    assert form is not None
    assert "www.youtube.com" in form.text(deep=True)
    fields = [(node.attributes["name"] or "", node.attributes["value"] or "") for node in form.css("input")]
    answer = visitor.post(form.attributes["action"] or "", fields, Origin=visitor.origin)
    assert (answer.status, answer.header("Location")) == (303, PRODUCT)

    film = visitor.get(PRODUCT)
    assert live(film.text) == expected("marketing")
    assert film_form(film.text) is None


def test_who_asks_for_the_chat_gets_the_chat_and_nothing_else(visitor: Browser) -> None:
    form = chat_form(visitor.get("/basket").text)
    assert form is not None
    button = form.css_first("button")
    assert button is not None
    fields = [(n.attributes["name"] or "", n.attributes["value"] or "") for n in (*form.css("input"), button)]
    answer = visitor.post(form.attributes["action"] or "", fields, Origin=visitor.origin)
    assert (answer.status, answer.header("Location")) == (303, "/basket")
    page = visitor.get(PRODUCT).text
    assert live(page) == expected("chat")
    assert chat_form(page) is None


def test_the_chat_is_offered_on_every_page_to_those_who_do_not_have_it(consenting: Browser) -> None:
    assert all(chat_form(consenting.get(page).text) for page in PAGES)
