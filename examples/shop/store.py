"""The shop itself, without a framework: visits, baskets, forms, and the cookies its pages set.

Each framework's file beside this one turns requests into calls of these functions, and nothing more. That is why
the four shops behave alike, down to the byte.

By itself the shop does what far too many do: every page sets an identifier for statistics, an advertising cookie that
lives for two years, and a test cookie that no policy mentions, and carries the tags of four third parties
(``templates/_trackers_*.html``, with made-up account numbers), and nobody is asked. The consent middleware stops that
without a change in here.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from .catalogue import LANGUAGES, PRODUCTS, Order, Product, format_price, order_book
from .texts import translate

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC = HERE / "static"
STATIC_MAX_AGE = 86_400
POLICY = Path(os.environ.get("SHOP_POLICY", HERE / "consent.toml"))
LEDGER = os.environ.get("CONSENT_LEDGER")
"""Where the proof of every choice is kept: the URL of a database. `examples/run` names a file beside itself."""

DAY = 86_400
SESSION_COOKIE = "session"

DEVELOPMENT_KEY = "for development only: set SHOP_SECRET_KEY before anybody else can reach this shop"
SECRET_KEY = os.environ.get("SHOP_SECRET_KEY", DEVELOPMENT_KEY)

HTTPS = os.environ.get("SHOP_HTTPS") == "1"
"""Whether the shop is reached over https, so that its cookies can be Secure."""

FORM_TOKEN = "csrfmiddlewaretoken"
"""The form field with the CSRF token. Django does not let a site choose the name, so the others follow."""

FREE_DELIVERY_FROM = 60_00
DELIVERY = 4_90
MOST_OF_ONE_PRODUCT = 20

CUSTOMERS = {"ada@example.org": ("Ada", "lovelace")}
"""The only customer of a shop that sells nothing. A real one stores password hashes, never passwords."""


class Session(Protocol):
    """What every framework's session can do."""

    def get(self, key: str, default: Any, /) -> Any: ...
    def pop(self, key: str, default: Any, /) -> Any: ...
    def __setitem__(self, key: str, value: Any, /) -> None: ...


# Baskets


@dataclass(frozen=True, slots=True)
class BasketLine:
    product: Product
    quantity: int

    @property
    def amount(self) -> int:
        return self.product.price * self.quantity


@dataclass(frozen=True, slots=True)
class Basket:
    """What a visitor wants to buy. All amounts are whole cents."""

    lines: tuple[BasketLine, ...] = ()

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def delivery(self) -> int:
        return 0 if not self.lines or self.subtotal >= FREE_DELIVERY_FROM else DELIVERY

    @property
    def total(self) -> int:
        return self.subtotal + self.delivery


def basket_of(session: Session) -> Basket:
    """Return the basket kept in ``session``, which holds it as product slug to quantity."""
    quantities: Mapping[str, int] = session.get("basket", {})
    known = {slug: quantity for slug, quantity in quantities.items() if slug in PRODUCTS}
    return Basket(tuple(BasketLine(PRODUCTS[slug], quantity) for slug, quantity in known.items()))


def change_basket(session: Session, form: Mapping[str, str]) -> None:
    """Do what the form asks: add some of a product, or remove it. A form the shop did not make changes nothing."""
    product = PRODUCTS.get(form.get("product", ""))
    if product is None:
        return
    # A changed copy is assigned anew: a session notices assignments, not what happens inside its values.
    quantities: dict[str, int] = dict(session.get("basket", {}))
    match form.get("action"):
        case "add" if product.stock:
            wanted = quantities.get(product.slug, 0) + _quantity(form.get("quantity", ""))
            quantities[product.slug] = min(wanted, product.stock, MOST_OF_ONE_PRODUCT)
        case "remove":
            quantities.pop(product.slug, None)
        case _:
            return
    session["basket"] = quantities


def _quantity(text: str) -> int:
    return int(text) if re.fullmatch(r"[1-9][0-9]?", text) else 1


# Customers and forms


def log_in(session: Session, form: Mapping[str, str]) -> bool:
    """Remember the customer in ``session`` if e-mail and password belong together; tell whether they do."""
    email = form.get("email", "").strip().lower()
    _, password = CUSTOMERS.get(email, ("", ""))
    if not (hmac.compare_digest(password.encode(), form.get("password", "").encode()) and email in CUSTOMERS):
        return False
    session.pop("form_token", None)  # who could read the forms before the login cannot use them after it
    session["customer"] = email
    return True


def orders_of(session: Session) -> list[Order]:
    """Return the logged-in customer's orders, made up like everything here."""
    return [order for order in order_book() if order.number % 250 == 7]


def form_token(session: Session) -> str:
    """Return the token that this session's forms carry. Django has its own; the other shops use this one."""
    token: str | None = session.get("form_token", None)
    if token is None:
        token = session["form_token"] = secrets.token_urlsafe(24)
    return token


def has_form_token(session: Session, form: Mapping[str, str]) -> bool:
    """Whether a form came from a page this session was shown; if not, another site may have sent it."""
    expected: str | None = session.get("form_token", None)
    return expected is not None and hmac.compare_digest(expected.encode(), form.get(FORM_TOKEN, "").encode())


def local_path(candidate: str | None, default: str = "/") -> str:
    r"""Return ``candidate`` if a redirect to it stays on this site; browsers read ``//x`` and ``/\x`` as host names."""
    if candidate is None or not re.fullmatch(r"/(?![/\\])[!-~]*", candidate, re.ASCII):
        return default
    return candidate


# Cookies


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie of the shop's own, as its developers meant it."""

    name: str
    max_age: int
    httponly: bool
    value: re.Pattern[str]

    def set_to(self, value: str) -> dict[str, Any]:
        """Return the arguments for the framework's own ``response.set_cookie``, the same in all of them."""
        return {
            "key": self.name,
            "value": value,
            "max_age": self.max_age,
            "path": "/",
            "secure": HTTPS,
            "httponly": self.httponly,
            "samesite": "lax",
        }

    def known(self, cookies: Mapping[str, str]) -> str | None:
        """Return the value the browser sent, if the shop could have set it."""
        value = cookies.get(self.name, "")
        return value if self.value.fullmatch(value) else None


LANGUAGE = Cookie(name="lang", max_age=365 * DAY, httponly=True, value=re.compile("|".join(LANGUAGES)))
VISITOR = Cookie(name="visitor_id", max_age=395 * DAY, httponly=True, value=re.compile(r"[0-9a-f]{32}"))
# Scripts of the advertiser and of the test read these two, hence no HttpOnly.
ADVERTISING = Cookie(name="ad_click", max_age=63_072_000, httponly=False, value=re.compile(r"[A-Za-z0-9_-]{1,100}"))
TEST = Cookie(name="ab_variant", max_age=30 * DAY, httponly=False, value=re.compile(r"[ab]"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request for a page, as far as the shop is concerned."""

    path: str
    query: Mapping[str, str]
    cookies: Mapping[str, str]
    session: Session

    @property
    def language(self) -> str:
        """The language picked in this session, or else the one the cookie brings from an earlier visit."""
        picked: str | None = self.session.get("language", None)
        return picked or LANGUAGE.known(self.cookies) or "en"

    def context(self) -> dict[str, Any]:
        """Return what every template may use, but for ``consent``, which comes from the consent middleware."""
        customer = CUSTOMERS.get(self.session.get("customer", ""))
        return {
            "language": self.language,
            "languages": LANGUAGES,
            "t": partial(translate, self.language),
            "price": partial(format_price, language=self.language),
            "path": self.path,
            "customer": customer[0] if customer else None,
            "basket": basket_of(self.session),
            "cookies": sorted(self.cookies),
            "token_field": FORM_TOKEN,
            # Called by the templates that have a form, so that a page without one starts no session.
            "form_token": partial(form_token, self.session),
        }

    def page_cookies(self) -> list[dict[str, Any]]:
        """Return what every page sets, each as arguments for ``response.set_cookie``, renewed on every view."""
        click = {ADVERTISING.name: self.query.get("gclid", "")}  # the name Google Ads gives a click in the address
        return [
            VISITOR.set_to(VISITOR.known(self.cookies) or secrets.token_hex(16)),
            ADVERTISING.set_to(ADVERTISING.known(click) or ADVERTISING.known(self.cookies) or "none"),
            TEST.set_to(TEST.known(self.cookies) or secrets.choice("ab")),
        ]


def stock_of(slug: str) -> dict[str, Any] | None:
    """Return what the stock address answers, as plain data for JSON, or None for a product the shop never had."""
    product = PRODUCTS.get(slug)
    return None if product is None else {"product": product.slug, "in_stock": product.stock, "price": product.price}
