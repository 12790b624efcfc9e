"""Pages that are the same for everybody, ``cache = "shared"``, through every front door."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from support.doors import Answer
from support.site import NOON, Site

HTML = ("Content-Type", "text/html; charset=utf-8")
SHARED = ("Cache-Control", "public, s-maxage=600")
TRACKER = b'<script src="https://stats.example.net/a.js"></script>'
PAGE = b"<!doctype html><title>Shop</title><p>hello</p>" + TRACKER
DOCUMENT = [("Sec-Fetch-Dest", "document"), ("Accept", "text/html")]
OPTIONAL = ("functional", "analytics", "marketing", "chat", "audience")


@pytest.fixture
def tables(policy: dict[str, Any]) -> dict[str, Any]:
    policy["html"] = {"cache": "shared"}
    policy["banner"] = {"show": True}
    policy["services"] = [
        {"id": "stats", "name": "S", "provider": "S", "category": "analytics", "scripts": ["stats.example.net"]}
    ]
    return policy


@pytest.fixture
def site(open_site: Callable[..., Site], tables: dict[str, Any]) -> Site:
    return open_site(tables)


def see(site: Site, *answers: tuple[str, str], **visit: Any) -> Answer:
    visit.setdefault("headers", DOCUMENT)
    return site.visit(answers=[HTML, SHARED, *answers], page=PAGE, **visit)


VISITORS: dict[str, Callable[[Site], object]] = {
    "accepts all": lambda site: site.choose("save", *OPTIONAL),
    "accepts analytics": lambda site: site.choose("save", "analytics"),
    "refuses": lambda site: site.choose("reject-all"),
    "withdraws": lambda site: (site.choose("accept-all"), site.choose("withdraw")),
}
REQUESTS: dict[str, list[tuple[str, str]]] = {
    "a script": [("Sec-Fetch-Dest", "empty")],
    "a frame": [("Sec-Fetch-Dest", "iframe")],
    "an old browser": [],
    "another language": [*DOCUMENT, ("Accept-Language", "fr")],
    "global privacy control": [*DOCUMENT, ("Sec-GPC", "1")],
    "htmx": [("HX-Request", "true")],
}


@pytest.mark.parametrize("visitor", VISITORS)
def test_whoever_asks_gets_the_same_page(site: Site, visitor: str) -> None:
    first = see(site, ("ETag", '"1"'))
    VISITORS[visitor](site)
    again = see(site, ("ETag", '"1"'))
    assert (again.body, again.headers) == (first.body, first.headers)
    assert TRACKER not in first.body


@pytest.mark.parametrize("request_", REQUESTS)
def test_however_it_is_asked_for_the_page_is_the_same(site: Site, request_: str) -> None:
    assert see(site, headers=REQUESTS[request_]).body == see(site).body


def test_the_page_stays_in_shared_caches(site: Site) -> None:
    site.choose("accept-all")
    answer = see(site)
    assert answer.get("cache-control") == SHARED[1]
    assert answer.get("vary") is None
    assert answer.set_cookies == []


def test_where_the_policy_does_not_apply_the_page_is_the_same(
    open_site: Callable[..., Site], tables: dict[str, Any], site: Site
) -> None:
    elsewhere = open_site(tables, applies=lambda request: False)
    assert see(elsewhere).body == see(site).body
    assert "analytics" in elsewhere.state()["allowed"]


def test_a_part_of_a_page_gets_nothing_of_ours(site: Site) -> None:
    part = b"<li>one</li>" + TRACKER
    answer = site.visit(answers=[HTML, SHARED], page=part, headers=DOCUMENT)
    assert b"data-consent-page" not in answer.body
    assert TRACKER not in answer.body


def test_a_site_that_asks_by_itself_has_the_scripts_all_the_same(
    open_site: Callable[..., Site], tables: dict[str, Any]
) -> None:
    """Without them nothing in a page for everybody would ever come to life."""
    tables["banner"]["show"] = False
    page = see(open_site(tables)).body
    assert b"/assets/consent-" in page and b"data-consent-page" in page
    assert b"data-consent-banner" not in page and b"data-consent-manage" not in page


def test_one_validator_is_everybodys(site: Site) -> None:
    tag = see(site, ("ETag", '"1"')).get("etag") or ""
    site.choose("accept-all")
    seen: list[str | None] = []
    see(
        site,
        headers=[*DOCUMENT, ("If-None-Match", tag)],
        act=lambda decision: seen.append(site.seen_field("if-none-match")),
    )
    assert seen == ['"1"']


def test_a_set_cookie_is_gated_for_its_visitor_and_then_the_page_is_theirs(site: Site) -> None:
    refused = see(site, sets=["_ga=1; Path=/"])
    assert refused.set_cookies == []
    assert "private" in (refused.get("cache-control") or "")
    site.choose("save", "analytics")
    accepted = see(site, sets=["_ga=1; Path=/"])
    assert "_ga" in accepted.cookie_names
    assert "private" in (accepted.get("cache-control") or "")
    assert accepted.body == refused.body


def test_a_page_for_which_the_application_asks_is_its_visitors(site: Site) -> None:
    answer = see(site, act=lambda decision: decision.allows("analytics"))
    assert "private" in (answer.get("cache-control") or "")
    assert "Cookie" in (answer.get("vary") or "")


def test_cookies_are_hidden_from_the_application_as_ever(site: Site) -> None:
    see(site, carrying=["_ga=1", "session=2"])
    assert site.script.seen_names == {"session"}


def test_the_wall_is_the_same_for_everybody_and_holds_what_is_declared(
    open_site: Callable[..., Site], tables: dict[str, Any]
) -> None:
    tables["html"]["csp"] = "enforce"
    site = open_site(tables)
    first = see(site)
    assert "stats.example.net" in (first.get("content-security-policy") or "")
    site.choose("save", *OPTIONAL)
    assert see(site).headers == first.headers


# The hint


def hint_of(answer: Answer) -> tuple[str, str]:
    (line,) = [line for line in answer.set_cookies if line.startswith("__Host-consent-hint=")]
    pair, _, attributes = line.partition("; ")
    return pair.partition("=")[2], attributes


def test_a_choice_leaves_a_hint_for_scripts(site: Site) -> None:
    fingerprint = site.state()["policy"]["fingerprint"]
    value, attributes = hint_of(site.choose("save", "analytics", "chat"))
    assert value == f"{fingerprint}.0.necessary.analytics.chat"
    assert re.fullmatch(r"Max-Age=\d+; Path=/; SameSite=Lax; Secure", attributes)
    assert hint_of(site.choose("withdraw"))[0] == f"{fingerprint}.0.necessary"


def test_the_hint_is_gone_with_the_first_choice_that_lapses(site: Site) -> None:
    site.choose("grant", "chat")
    site.clock.now = NOON + 100 * 86400
    _, attributes = hint_of(site.choose("grant", "analytics"))
    six_months = 181 * 86400  # from 21 November to 21 May
    assert f"Max-Age={six_months - 100 * 86400};" in attributes


def test_the_server_believes_no_hint(site: Site) -> None:
    fingerprint = site.state()["policy"]["fingerprint"]
    forged = f"__Host-consent-hint={fingerprint}.0.necessary.analytics.marketing"
    see(site, carrying=[forged, "_ga=1"])
    assert site.script.seen_names <= {"__Host-consent-hint"}
    state = json.loads(site.visit("/_consent/state", carrying=[forged]).body)
    assert state["categories"]["analytics"] == "unset"


@pytest.mark.parametrize(
    ("scheme", "domain", "name"),
    [
        ("https", None, "__Host-consent-hint"),
        ("https", ".example.org", "__Secure-consent-hint"),
        ("http", None, "consent-hint"),
    ],
)
def test_scripts_look_for_the_hint_that_this_host_alone_could_set(
    open_site: Callable[..., Site], tables: dict[str, Any], scheme: str, domain: str | None, name: str
) -> None:
    """A sub-domain could else tell them, for all the site, that everything is allowed."""
    if domain:
        tables["policy"]["cookie_domain"] = domain
    site = open_site(tables)
    headers = [("Sec-Fetch-Site", "same-origin")]
    assert name in site.choose("accept-all", headers=headers, scheme=scheme).cookie_names
    assert f'data-consent-hint="{name}"'.encode() in see(site, scheme=scheme).body


def test_where_pages_vary_there_is_no_hint(open_site: Callable[..., Site], policy: dict[str, Any]) -> None:
    assert "__Host-consent-hint" not in open_site(policy).choose("accept-all").cookie_names
