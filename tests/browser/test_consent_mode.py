"""What services are told about consent, in a real browser: first of all, truly, and again at each choice."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.handmade import Handmade, handmade

SIGNALS = ("ad_storage", "ad_user_data", "ad_personalization", "analytics_storage")
GOOGLE = {"www.googletagmanager.com G", "www.googletagmanager.com AW"}
TAGS = """
  <script>
    window.dataLayer = window.dataLayer || [];
    function gtag(){dataLayer.push(arguments);}
    gtag('js', new Date());
  </script>
  <script async src="https://www.googletagmanager.com/gtag/js?id=G-0000000000"></script>
  <script>gtag('config', 'G-0000000000');</script>
  <script async src="https://www.googletagmanager.com/gtag/js?id=AW-0000000000"></script>
  <script>gtag('config', 'AW-0000000000');</script>
"""
TAG_MANAGER = """
  <script nonce="abc">
    dataLayer = window.dataLayer || [];
    dataLayer.push({'gtm.start': new Date().getTime(), event: 'gtm.js'});
    var tag = document.createElement('script');
    tag.async = true;
    tag.src = 'https://www.googletagmanager.com/gtm.js?id=GTM-0000000';
    document.head.append(tag);
  </script>
"""


def policy(**html: Any) -> dict[str, Any]:
    return {
        "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
        "categories": {
            "analytics": {"services": ["google-analytics", "microsoft-clarity", "matomo"]},
            "marketing": {"services": ["google-ads", "google-tag-manager", "microsoft-ads", "meta-pixel", "tiktok"]},
        },
        "html": html,
    }


@contextmanager
def serving(certificate: Mapping[str, Path], **html: Any) -> Iterator[Handmade]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate["cert"], certificate["key"])
    with handmade(context, policy(**html)) as site:
        site.head = TAGS
        yield site


@pytest.fixture(scope="module")
def sites(certificate: Mapping[str, Path]) -> Iterator[dict[str, Handmade]]:
    with serving(certificate) as basic, serving(certificate, consent_mode="advanced") as advanced:
        yield {"basic": basic, "advanced": advanced}


@pytest.fixture(scope="module")
def ports(sites: dict[str, Handmade]) -> Mapping[str, int]:
    """The only sites of these tests; the shops stay closed."""
    return {name: site.port for name, site in sites.items()}


@pytest.fixture
def site(sites: dict[str, Handmade]) -> Iterator[Handmade]:
    yield sites["basic"]
    sites["basic"].headers.clear()
    sites["basic"].head = TAGS


Arrive = Callable[..., Any]


def said(visitor: Any) -> list[list[Any]]:
    """Everything in the data layer, in its order."""
    layer: list[list[Any]] = visitor.page.evaluate("dataLayer.map(entry => [...entry])")
    return layer


def state(call: list[Any]) -> dict[str, str]:
    return {name: call[2][name] for name in SIGNALS}


def granted(*names: str) -> dict[str, str]:
    return {name: "granted" if name in names else "denied" for name in SIGNALS}


def test_who_refuses_is_said_to_and_nothing_reaches_google(arrive: Arrive, site: Handmade) -> None:
    visitor = arrive("basic")
    visitor.visit("/")
    visitor.page.goto(visitor.origin + "/_consent/settings")
    visitor.press("reject-all")
    visitor.visit("/")
    first = said(visitor)[0]
    assert first[:2] == ["consent", "default"]
    assert first[2] == {
        **granted(),
        "functionality_storage": "denied",
        "personalization_storage": "denied",
        "security_storage": "granted",
    }
    assert visitor.greeted == set()


def test_the_default_is_the_visitors_true_state_and_comes_first(arrive: Arrive, site: Handmade) -> None:
    visitor = arrive("basic")
    visitor.save("analytics")
    visitor.visit("/")
    layer = said(visitor)
    assert [call[0] for call in layer] == ["consent", "set", "js", "config"]
    assert state(layer[0]) == granted("analytics_storage")
    assert layer[1][1] == {"cookie_expires": 33955200, "cookie_update": False}
    assert GOOGLE & visitor.contacted == {"www.googletagmanager.com G"}


def test_a_choice_made_in_the_page_is_told_before_the_tags_load(arrive: Arrive, site: Handmade) -> None:
    visitor = arrive("basic")
    visitor.visit("/")
    visitor.page.evaluate("window.consent.choose('save', ['analytics'])")
    visitor.settle()
    layer = said(visitor)
    assert [call[:2] for call in layer if call[0] == "consent"] == [["consent", "default"], ["consent", "update"]]
    assert state(layer[0]) == granted()
    assert state(next(call for call in layer if call[1] == "update")) == granted("analytics_storage")
    assert [call[0] for call in layer] == ["consent", "set", "js", "consent", "config"]
    assert GOOGLE & visitor.contacted == {"www.googletagmanager.com G"}


@pytest.mark.parametrize("csp", ["", "script-src 'nonce-abc' 'strict-dynamic'"], ids=["no policy", "a nonce"])
def test_row_26_a_tag_manager_finds_the_true_default_first(arrive: Arrive, site: Handmade, csp: str) -> None:
    """Acceptance row 26: the default call comes before gtm.js in the data layer; refused, nothing reaches Google."""
    site.headers |= {"Content-Security-Policy": csp} if csp else {}
    site.head = TAG_MANAGER
    visitor = arrive("basic")
    visitor.visit("/")
    assert in_order(visitor) == ["consent default denied", "set"]
    assert visitor.greeted == set()
    visitor.save("marketing")
    visitor.visit("/")
    assert in_order(visitor) == ["consent default granted", "set", "gtm.js"]
    assert visitor.contacted == {"www.googletagmanager.com"}


def in_order(visitor: Any) -> list[str]:
    """What is in the data layer: calls, with the state of advertisements, and events."""
    layer: list[str] = visitor.page.evaluate(
        "dataLayer.map(entry => entry.event || [entry[0], entry[0] === 'consent' ? entry[1] : '', "
        "entry[2]?.ad_storage].filter(Boolean).join(' '))"
    )
    return layer


def test_in_advanced_mode_the_tags_load_and_find_the_refusal(arrive: Arrive) -> None:
    visitor = arrive("advanced")
    visitor.visit("/")
    layer = said(visitor)
    assert layer[0][:2] == ["consent", "default"]
    assert state(layer[0]) == granted()
    assert visitor.contacted >= GOOGLE
    visitor.page.evaluate("window.consent.choose('accept-all')")
    visitor.settle()
    assert state(said(visitor)[-1]) == granted(*SIGNALS)


@pytest.mark.parametrize(
    ("csp", "is_inline"),
    [
        ("script-src 'self' 'nonce-abc' https://www.googletagmanager.com", True),
        ("script-src 'self' 'sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' 'unsafe-inline'", False),
        ("default-src 'self'", False),
        ("img-src 'self'", True),
    ],
)
def test_a_policy_about_scripts_is_respected(arrive: Arrive, site: Handmade, csp: str, is_inline: bool) -> None:
    site.headers["Content-Security-Policy"] = csp
    visitor = arrive("basic")
    visitor.visit("/")
    assert said(visitor)[0][:2] == ["consent", "default"]
    first = visitor.page.evaluate("[document.scripts[0].src, document.scripts[0].nonce]")
    assert (first[0] == "") is is_inline
    assert first[1] == ("abc" if "nonce-abc" in csp else "")


def test_others_are_told_in_their_own_words(arrive: Arrive, site: Handmade) -> None:
    visitor = arrive("basic")
    visitor.save("analytics")
    visitor.visit("/")
    evaluate = visitor.page.evaluate
    assert evaluate("uetq") == ["consent", "default", {"ad_storage": "denied"}]
    assert evaluate("clarity.q.map(call => [...call])") == [
        ["consentv2", {"ad_Storage": "denied", "analytics_Storage": "granted"}]
    ]
    assert evaluate("_paq") == [["setConsentGiven"]]
    # Nothing may stand in the way of their snippets, which do nothing where they find their object.
    assert evaluate("[typeof fbq, typeof ttq]") == ["undefined", "undefined"]
    evaluate("calls = []; fbq = (...parts) => calls.push(parts); ttq = {grantConsent: () => calls.push('granted')}; 0")
    evaluate("window.consent.choose('accept-all')")
    visitor.settle()
    assert evaluate("calls") == [["consent", "grant"], "granted"]
    assert evaluate("uetq.slice(3)") == ["consent", "update", {"ad_storage": "granted"}]
