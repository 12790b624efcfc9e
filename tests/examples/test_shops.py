"""The shop itself, the same in every framework: its pages, forms and baskets, and the cookies of who consented.

What the policy does to it is in test_shop_consent.py, and to its third parties in test_shop_third_parties.py.
"""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise

import pytest

from consent_middleware.lifetime import Lifetime
from shop import catalogue, store
from shop.store import Basket, BasketLine
from support.shops import SHOPS, Answer, Browser, Shop, open_shop

PAGES = ("/", "/product/dune-notebook", "/product/brass-ruler", "/basket", "/login", "/no-such-page")
DOCUMENTED = {
    "visitor_id": {"path": "/", "samesite": "lax", "httponly": ""},
    "ad_click": {"path": "/", "samesite": "lax"},
    "lang": {"path": "/", "samesite": "lax", "httponly": ""},
    "session": {"path": "/", "samesite": "lax", "httponly": ""},
}
ON_EVERY_PAGE = {"visitor_id", "ad_click"}


def attributes(answer: Answer, name: str) -> dict[str, str]:
    """Return a cookie's attributes but for its lifetime, over which the policy has a say."""
    found = answer.cookies[name].attributes
    return {key: value.lower() for key, value in found.items() if key not in ("expires", "max-age")}


def without_tokens(page: str) -> str:
    """Return a page without what is new each time, and the guard's name: it knows the framework's own cookies."""
    new = r'(?<=name="csrfmiddlewaretoken" value=")[^"]+|(?<=name="once" value=")[^"]+|(?<="once": ")[^"]+'
    return re.sub(rf"{new}|(?<=/guard-)[0-9a-f]{{12}}", "", page)


# Pages


@pytest.mark.parametrize("shop_name", SHOPS[1:])
def test_every_shop_serves_the_same_pages_as_the_first(shop_name: str) -> None:
    def pages(name: str) -> list[tuple[int, str]]:
        with open_shop(name) as shop:
            visitor = shop.visitor()
            answers = [visitor.get(page) for page in PAGES]
            visitor.submit("/product/sealing-wax", "/basket", quantity="3")
            visitor.log_in()
            visitor.get("/language/fr")
            visitor.choose("save", "analytics", "functional")
            answers += [visitor.get(page) for page in (*PAGES, "/account")]
            return [(answer.status, without_tokens(answer.text)) for answer in answers]

    assert pages(shop_name) == pages(SHOPS[0])


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_html_and_links_the_cookie_settings(visitor: Browser, page: str) -> None:
    answer = visitor.get(page)
    assert answer.status == (404 if page == "/no-such-page" else 200)
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert '<a href="/_consent/settings">' in answer.text


@pytest.mark.parametrize(
    "page", ["/product/no-such-thing", "/language/xx", "/static/no-such.css", "/static/../store.py"]
)
def test_what_is_not_there_is_not_found(visitor: Browser, page: str) -> None:
    answer = visitor.get(page)
    assert answer.status == 404
    assert "There is nothing here" in answer.text


@pytest.mark.parametrize(("file", "kind"), [("shop.css", "text/css"), ("dune-notebook.svg", "image/svg+xml")])
def test_style_and_pictures_are_served_as_they_are(visitor: Browser, file: str, kind: str) -> None:
    answer = visitor.get(f"/static/{file}")
    assert answer.status == 200
    assert answer.header("Content-Type").partition(";")[0] == kind
    assert answer.text == (store.STATIC / file).read_text()


def test_stock_is_json_without_cookies(visitor: Browser) -> None:
    known, unknown = visitor.get("/api/stock/brass-ruler"), visitor.get("/api/stock/gold-ruler")
    assert (known.status, unknown.status) == (200, 404)
    assert known.json() == {"product": "brass-ruler", "in_stock": 0, "price": 1600}
    assert {known.header("Content-Type"), unknown.header("Content-Type")} == {"application/json"}
    assert not known.cookies


def test_the_order_book_is_streamed(visitor: Browser) -> None:
    answer = visitor.get("/orders.csv")
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/csv; charset=utf-8"
    assert not answer.all("Content-Length")
    assert len(answer.chunks) > 1_000
    assert len(answer.text.splitlines()) == 1_001
    assert not answer.cookies


# Cookies


@pytest.mark.parametrize("page", PAGES)
def test_with_consent_every_page_sets_its_cookies_as_documented(consenting: Browser, page: str) -> None:
    answer = consenting.get(page)
    assert answer.cookies.keys() - {"session"} == ON_EVERY_PAGE
    for name in answer.cookies:
        assert attributes(answer, name) == DOCUMENTED[name]


def test_who_only_looks_around_gets_no_session(visitor: Browser) -> None:
    assert all("session" not in visitor.get(page).cookies for page in ("/", "/basket", "/product/brass-ruler"))


def test_a_visitor_is_recognised(consenting: Browser) -> None:
    first, second = consenting.get("/").cookies, consenting.get("/basket").cookies
    assert re.fullmatch("[0-9a-f]{32}", first["visitor_id"].value)
    assert {name: first[name].value for name in ON_EVERY_PAGE} == {name: second[name].value for name in ON_EVERY_PAGE}


def test_an_advertisement_is_remembered(consenting: Browser) -> None:
    assert consenting.get("/").cookies["ad_click"].value == "none"
    assert consenting.get("/?gclid=Cj0KCQ-x_9").cookies["ad_click"].value == "Cj0KCQ-x_9"
    assert consenting.get("/basket").cookies["ad_click"].value == "Cj0KCQ-x_9"


@pytest.mark.parametrize("gclid", ["", "a%20b", "a;b", "%3B%20Domain=evil.example", "x" * 101])
def test_what_is_no_click_is_not_put_into_a_cookie(consenting: Browser, gclid: str) -> None:
    assert consenting.get(f"/?gclid={gclid}").cookies["ad_click"].value == "none"


def test_cookies_the_shop_could_not_have_set_are_replaced(consenting: Browser) -> None:
    consenting.jar |= {"visitor_id": "' OR 1=1", "ad_click": "a b", "lang": "xx", "session": "not.a.session"}
    answer = consenting.get("/")
    assert re.fullmatch("[0-9a-f]{32}", answer.cookies["visitor_id"].value)
    assert answer.cookies["ad_click"].value == "none"
    assert '<html lang="en">' in answer.text


def test_a_page_names_the_cookies_the_shop_can_read_and_never_their_values(consenting: Browser) -> None:
    assert consenting.get("/").readable == {"consent"}
    answer = consenting.get("/")
    assert answer.readable == {"consent", *ON_EVERY_PAGE}
    assert not any(consenting.jar[name] in answer.text for name in ("consent", "visitor_id"))


# Language


def test_picking_a_language_leads_back(consenting: Browser) -> None:
    answer = consenting.get("/language/fr?next=/basket")
    assert (answer.status, answer.header("Location")) == (303, "/basket")
    assert answer.cookies["lang"].value == "fr"
    assert attributes(answer, "lang") == DOCUMENTED["lang"]
    assert '<html lang="fr">' in consenting.get("/basket").text


def test_without_consent_a_language_holds_for_the_session(visitor: Browser) -> None:
    visitor.get("/language/fr")
    assert '<html lang="fr">' in visitor.get("/").text
    del visitor.jar["session"]
    assert '<html lang="en">' in visitor.get("/").text


@pytest.mark.parametrize(("lost", "language"), [("lang", "fr"), ("session", "fr"), ("both", "en")])
def test_with_consent_a_language_holds_beyond_the_session(consenting: Browser, lost: str, language: str) -> None:
    consenting.get("/language/fr")
    for name in ("lang", "session") if lost == "both" else (lost,):
        del consenting.jar[name]
    assert f'<html lang="{language}">' in consenting.get("/").text


ELSEWHERE = ["//evil.example", r"/\evil.example", "https://evil.example", "javascript:alert(1)", "evil", "", "/%0d%0ax"]


@pytest.mark.parametrize("next_page", ["//evil.example", r"/\evil.example", "https://evil.example", "evil", ""])
def test_a_language_never_leads_to_another_site(visitor: Browser, next_page: str) -> None:
    assert visitor.get(f"/language/fr?next={next_page}").header("Location") == "/"


# Customers


def test_the_account_needs_a_login(visitor: Browser) -> None:
    answer = visitor.get("/account")
    assert (answer.status, answer.header("Location")) == (303, "/login?next=/account")


def test_a_customer_logs_in_and_out(visitor: Browser) -> None:
    logged_in = visitor.log_in()
    assert (logged_in.status, logged_in.header("Location")) == (303, "/account")
    assert attributes(logged_in, "session") == DOCUMENTED["session"]
    assert "Hello, Ada" in visitor.get("/account").text

    logged_out = visitor.submit("/account", "/logout")
    assert (logged_out.status, logged_out.header("Location")) == (303, "/")
    assert "session" in logged_out.expired
    assert visitor.get("/account").status == 303


@pytest.mark.parametrize(
    ("email", "password"),
    [("ada@example.org", "byron"), ("eve@example.org", "lovelace"), ("eve@example.org", ""), ("", ""), ("é", "é")],
)
def test_a_wrong_password_logs_nobody_in(visitor: Browser, email: str, password: str) -> None:
    answer = visitor.submit("/login", "/login", email=email, password=password)
    assert answer.status == 400
    assert "We do not know that e-mail and password together." in answer.text
    assert visitor.get("/account").status == 303


def test_a_login_leads_where_the_customer_wanted_to_go_and_never_to_another_site(shop: Shop) -> None:
    for wanted, leads_to in (("/basket", "/basket"), ("//evil.example", "/account")):
        login = f"/login?next={wanted}"
        visitor = shop.visitor()
        hidden = visitor.get(login).hidden_fields("/login")
        answer = visitor.post("/login", hidden | {"email": "ada@example.org", "password": "lovelace"})
        assert answer.header("Location") == leads_to


# Forms


@pytest.mark.parametrize("action", ["/basket", "/login", "/logout"])
@pytest.mark.parametrize("token", [None, "", "x" * 32, "x" * 64, "é"])
def test_a_form_without_the_token_of_this_session_is_refused(visitor: Browser, action: str, token: str | None) -> None:
    visitor.log_in()
    visitor.get("/product/dune-notebook")
    form = {"action": "add", "product": "dune-notebook"} | ({} if token is None else {store.FORM_TOKEN: token})
    answer = visitor.post(action, form)
    assert answer.status == 403
    assert "This form has expired" in answer.text
    assert "Your basket is empty." in visitor.get("/basket").text
    assert visitor.get("/account").status == 200


def test_the_token_of_another_session_does_not_help(shop: Shop) -> None:
    victim, attacker = shop.visitor(), shop.visitor()
    victim.get("/product/dune-notebook")
    stolen = attacker.get("/product/dune-notebook").hidden_fields("/basket")
    assert victim.post("/basket", stolen).status == 403


def test_forms_shown_before_the_login_are_void_after_it(visitor: Browser) -> None:
    before = visitor.get("/product/dune-notebook").hidden_fields("/basket")
    visitor.log_in()
    assert visitor.post("/basket", before).status == 403


# Baskets


def test_a_basket_is_filled_and_emptied(visitor: Browser) -> None:
    added = visitor.submit("/product/dune-notebook", "/basket", quantity="2")
    assert (added.status, added.header("Location")) == (303, "/basket")
    visitor.submit("/product/midnight-ink", "/basket")
    page = visitor.get("/basket").text
    for amount in ("€37.00", "€14.90", "€51.90", "€4.90", "€56.80"):
        assert amount in page

    visitor.submit("/basket", "/basket")
    visitor.submit("/basket", "/basket")
    assert "Your basket is empty." in visitor.get("/basket").text


def test_a_basket_survives_the_login(visitor: Browser) -> None:
    visitor.submit("/product/dune-notebook", "/basket")
    visitor.log_in()
    assert "Dune notebook" in visitor.get("/basket").text


@pytest.mark.parametrize(
    ("fields", "quantity"),
    [
        ({"quantity": "3"}, 3),
        ({"quantity": "99"}, 14),  # all there is
        ({"quantity": "0"}, 1),
        ({"quantity": "-1"}, 1),
        ({"quantity": "1e9"}, 1),
        ({"quantity": "٣"}, 1),
        ({"quantity": "9" * 5_000}, 1),
        ({"product": "no-such-thing"}, 0),
        ({"product": "brass-ruler"}, 0),  # sold out
        ({"action": "steal"}, 0),
        ({"action": ""}, 0),
    ],
    ids=str,
)
def test_a_form_nobody_made_does_no_harm(visitor: Browser, fields: dict[str, str], quantity: int) -> None:
    answer = visitor.submit("/product/sealing-wax", "/basket", **fields)
    assert answer.status == 303
    page = visitor.get("/basket").text
    assert (f"<td>{quantity}</td>" in page) if quantity else ("Your basket is empty." in page)


# The shop without a framework


@pytest.mark.parametrize("candidate", [*ELSEWHERE, "/\t/evil.example", "/\n/evil.example", "/é", " /", None])
def test_a_path_that_could_lead_elsewhere_is_not_local(candidate: str | None) -> None:
    expected = "/%0d%0ax" if candidate == "/%0d%0ax" else "/default"
    assert store.local_path(candidate, "/default") == expected


@pytest.mark.parametrize("candidate", ["/", "/basket", "/product/dune-notebook?x=1#top", "/a//b"])
def test_a_local_path_stays_as_it_is(candidate: str) -> None:
    assert store.local_path(candidate, "/default") == candidate


@pytest.mark.parametrize(
    ("cents", "english", "french"),
    [
        (0, "€0.00", "0,00\u00a0€"),
        (5, "€0.05", "0,05\u00a0€"),
        (1850, "€18.50", "18,50\u00a0€"),
        (123456789, "€1,234,567.89", "1\u202f234\u202f567,89\u00a0€"),
    ],
)
def test_prices_read_as_their_readers_expect(cents: int, english: str, french: str) -> None:
    assert catalogue.format_price(cents, "en") == english
    assert catalogue.format_price(cents, "fr") == french


@pytest.mark.parametrize(
    ("quantities", "subtotal", "delivery"),
    [
        ({}, 0, 0),
        ({"brass-ruler": 1}, 1600, 490),
        ({"brass-ruler": 1, "letter-set": 1, "dune-notebook": 1}, 5650, 490),
        ({"heron-fountain-pen": 1}, 6400, 0),
        ({"wall-calendar": 2, "sealing-wax": 1}, 7700, 0),
    ],
    ids=str,
)
def test_delivery_is_free_from_sixty_euros(quantities: dict[str, int], subtotal: int, delivery: int) -> None:
    basket = Basket(tuple(BasketLine(catalogue.PRODUCTS[slug], count) for slug, count in quantities.items()))
    assert (basket.subtotal, basket.delivery, basket.total) == (subtotal, delivery, subtotal + delivery)


def test_a_basket_forgets_what_the_shop_no_longer_sells() -> None:
    assert store.basket_of({"basket": {"quill": 2, "midnight-ink": 1}}).count == 1


def test_the_texts_exist_in_every_language() -> None:
    from shop.texts import TEXTS

    assert TEXTS.keys() == catalogue.LANGUAGES.keys()
    assert all(one.keys() == other.keys() for one, other in pairwise(TEXTS.values()))
    assert all(
        text.keys() == catalogue.LANGUAGES.keys()
        for product in catalogue.PRODUCTS.values()
        for text in (product.name, product.summary, product.details)
    )


# The policy


def test_the_policy_declares_every_cookie_of_the_shop_but_the_test_cookie() -> None:
    tables = tomllib.loads(store.POLICY.read_text())
    declared = {cookie["name"]: cookie["category"] for cookie in tables["cookies"]}
    assert declared == {
        "session": "necessary",
        "lang": "functional",
        "visitor_id": "analytics",
        "ad_click": "marketing",
    }
    assert declared.keys() == DOCUMENTED.keys()
    assert set(declared.values()) <= tables["categories"].keys()
    assert all(Lifetime.parse(cookie["lifetime"]) for cookie in tables["cookies"] if "lifetime" in cookie)


def test_the_policy_speaks_every_language_of_the_shop() -> None:
    tables = tomllib.loads(store.POLICY.read_text())
    texts = [category[key] for category in tables["categories"].values() for key in ("label", "description")]
    texts += [cookie["purpose"] for cookie in tables["cookies"]]
    assert all(text.keys() == catalogue.LANGUAGES.keys() for text in texts)
