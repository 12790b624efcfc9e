"""A page that is the same for everybody, and becomes each visitor's own in the browser."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.handmade import POLICY, Handmade, handmade

PAGE = """
  <script>var order = ["page"]</script>
  <script src="https://stats.example/a.js"></script>
  <img src="https://ads.example/dot.gif">
  <iframe src="https://talk.example/" title="Talk"></iframe>
"""

Arrive = Callable[..., Any]


@pytest.fixture(scope="module")
def shared_site(certificate: Mapping[str, Path]) -> Iterator[Handmade]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate["cert"], certificate["key"])
    with handmade(context, {**POLICY, "banner": {"show": True}, "html": {"cache": "shared"}}) as site:
        site.pages["/"] = PAGE
        yield site


@pytest.fixture(scope="module")
def ports(shared_site: Handmade) -> Mapping[str, int]:
    """The only site of these tests; the shops stay closed."""
    return {"page": shared_site.port}


def asks(visitor: Any) -> bool:
    """Whether the banner is there to be seen."""
    visible: bool = visitor.page.locator("[data-consent-banner] section").is_visible()
    return visible


def test_who_comes_first_is_asked_and_contacts_nobody(arrive: Arrive, shared_site: Handmade) -> None:
    visitor = arrive("page")
    visitor.visit("/")
    assert asks(visitor)
    assert visitor.greeted == visitor.contacted == set()


def test_what_was_accepted_comes_to_life_on_every_page_without_asking_the_server(
    arrive: Arrive, shared_site: Handmade
) -> None:
    visitor = arrive("page")
    visitor.visit("/")
    visitor.page.evaluate("window.consent.choose('save', ['analytics'])")
    visitor.settle()
    assert visitor.contacted == {"stats.example"}

    visitor.forget()
    shared_site.asked.clear()
    visitor.visit("/")
    assert visitor.contacted == {"stats.example"}
    assert not any(path.endswith("/state") for path in shared_site.asked)
    assert not any("/_consent/state" in url for url in visitor.requests)
    assert not asks(visitor)
    assert visitor.page.evaluate("[consent.allows('analytics'), consent.allows('marketing')]") == [True, False]


def test_a_withdrawal_counts_on_the_same_shared_page(arrive: Arrive, shared_site: Handmade) -> None:
    visitor = arrive("page")
    visitor.visit("/")
    visitor.page.evaluate("window.consent.choose('accept-all')")
    visitor.settle()
    assert visitor.contacted == {"stats.example", "ads.example"}
    with visitor.page.expect_navigation():
        visitor.page.evaluate("void window.consent.choose('withdraw')")
    visitor.settle()
    visitor.forget()
    visitor.visit("/")
    assert visitor.contacted == set()


def test_without_the_hint_the_server_is_asked(arrive: Arrive, shared_site: Handmade) -> None:
    visitor = arrive("page")
    visitor.visit("/")
    visitor.page.evaluate("window.consent.choose('save', ['analytics'])")
    visitor.settle()
    visitor.page.evaluate("document.cookie = '__Host-consent-hint=; Max-Age=0; Path=/; Secure'")
    visitor.forget()
    visitor.visit("/")
    assert visitor.contacted == {"stats.example"}
    assert any("/_consent/state" in url for url in visitor.requests)
    assert not asks(visitor)


def test_a_hint_of_another_policy_is_none(arrive: Arrive, shared_site: Handmade) -> None:
    visitor = arrive("page")
    visitor.visit("/")
    visitor.page.evaluate("document.cookie = '__Host-consent-hint=anotherpolicy.0.necessary.analytics; Path=/; Secure'")
    visitor.forget()
    visitor.visit("/")
    assert asks(visitor)
    assert visitor.contacted == set()


def test_a_hint_of_a_sub_domain_is_none(arrive: Arrive, shared_site: Handmade) -> None:
    visitor = arrive("page")
    visitor.visit("/")
    fingerprint = visitor.page.locator("[data-consent-shared]").get_attribute("data-consent-shared")
    forged = f"consent-hint={fingerprint}.0.necessary.analytics; Domain=shop.test; Path=/; Secure"
    visitor.page.evaluate(f"document.cookie = '{forged}'")
    assert "consent-hint" in visitor.page.evaluate("document.cookie")
    visitor.forget()
    visitor.visit("/")
    assert visitor.contacted == set()
    assert asks(visitor)


def test_without_scripts_the_banner_is_there(arrive: Arrive, shared_site: Handmade) -> None:
    visitor = arrive("page", java_script_enabled=False)
    visitor.visit("/")
    assert asks(visitor)
    assert visitor.greeted == set()
