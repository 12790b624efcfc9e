"""The cookie policy page: reached from anywhere, and true about what this very server sends."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from consent_middleware.lifetime import Lifetime
from support.markup import first
from support.site import Site

OpenSite = Callable[..., Site]

DAY = 86400
TWO_YEARS = 2 * 365 * DAY


def told(site: Site, **request: Any) -> LexborHTMLParser:
    answer = site.visit("/_consent/policy", **request)
    assert answer.status == 200
    assert not site.script.was_called
    return LexborHTMLParser(answer.body.decode())


def lifetimes(page: LexborHTMLParser) -> dict[str, str]:
    """What the page says of each name: how long it is kept."""
    return {first(row, "code").text(): row.css("td")[-1].text() for row in page.css("tbody tr") if row.css("code")}


def observed(line: str) -> int | None:
    """How many seconds a browser keeps what this line sets; None for as long as it is open."""
    age = re.search(r"(?i); *max-age=(\d+)", line)
    return int(age[1]) if age else None


def span(phrase: str, now: int) -> int | None:
    """The seconds from now that a lifetime stands for, in the words of the English page."""
    lifetime = Lifetime.parse(phrase.removeprefix("at most "))
    return None if lifetime.is_session else lifetime.end(now) - now


def test_it_is_a_page_that_anybody_may_read_and_keep_fresh(site: Site) -> None:
    answer = site.visit("/_consent/policy")
    headers = {name.lower(): value for name, value in answer.headers}
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-language"] == "en"
    assert headers["cache-control"] == "no-cache"
    assert "accept-language" in headers["vary"].lower()
    assert "default-src 'none'" in headers["content-security-policy"]
    assert answer.set_cookies == []
    assert site.visit("/_consent/policy", method="HEAD").body == b""
    assert site.visit("/_consent/policy", method="POST").status == 405


def test_rows_20_and_22_it_has_the_version_the_date_the_controller_and_the_contact(site: Site) -> None:
    """Acceptance rows 20 and 22."""
    page = first(told(site), "main").text(separator=" ")
    for said in ("2026-11-21", "21 November 2026", "Example SARL", "dpo@example.org"):
        assert said in page
    settings = site.visit("/_consent/settings").body.decode()
    assert "dpo@example.org" in settings and "2026-11-21" in settings


def test_it_leads_to_the_settings(site: Site) -> None:
    (way,) = told(site).css("a.cm-action")
    target = way.attributes["href"]
    assert target is not None
    assert b"<form" in site.visit(target).body


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "fr", "fr"),
        ("", "zh", "en"),
        ("?language=de", "fr", "de"),
        ("?language=pt-BR", "fr", "pt"),
        ("?language=tlh", "fr", "fr"),
        ("?language=%3Cb%3E&language=", "fr", "fr"),
        ("?x=" + "y&" * 50 + "language=de", "fr", "fr"),
    ],
)
def test_it_is_in_the_language_asked_for_or_else_the_visitors(
    site: Site, query: str, accepted: str, language: str
) -> None:
    for page in ("policy", "settings"):
        answer = site.visit(f"/_consent/{page}{query}", headers=[("Accept-Language", accepted)])
        html = first(LexborHTMLParser(answer.body.decode()), "html")
        assert html.attributes["lang"] == language


def test_one_page_of_ours_leads_to_the_other_in_the_same_language(site: Site) -> None:
    for page, other in (("policy", "settings"), ("settings", "policy")):
        answer = site.visit(f"/_consent/{page}?language=fr", headers=[("Accept-Language", "en")])
        links = [link.attributes["href"] for link in LexborHTMLParser(answer.body.decode()).css("a")]
        assert f"/_consent/{other}?language=fr" in links


def test_a_choice_without_a_page_to_go_back_to_leads_to_the_settings_as_they_were(site: Site) -> None:
    page = LexborHTMLParser(site.visit("/_consent/settings?language=fr").body.decode())
    assert first(page, 'input[name="next"]').attributes["value"] == "/_consent/settings?language=fr"


def test_a_site_speaks_the_languages_that_it_names(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["languages"] = ["fr", "de"]
    site = open_site(policy)
    for query, accepted, language in (("", "en", "fr"), ("", "de-AT", "de"), ("?language=en", "de", "de")):
        answer = site.visit(f"/_consent/policy{query}", headers=[("Accept-Language", accepted)])
        page = LexborHTMLParser(answer.body.decode())
        assert first(page, "html").attributes["lang"] == language


DECLARED = [
    ("brief", "session", "", None),
    ("brief", "session", f"; Max-Age={TWO_YEARS}", None),
    ("month", "30 days", f"; Max-Age={TWO_YEARS}", 30 * DAY),
    ("month", "30 days", f"; Max-Age={30 * DAY}", 30 * DAY),
    ("year", "12 months", f"; Max-Age={TWO_YEARS}", 365 * DAY),
    ("long", "13 months", f"; Max-Age={TWO_YEARS}", 395 * DAY),
    ("open", None, f"; Max-Age={TWO_YEARS}", 395 * DAY),
]


@pytest.mark.parametrize(("name", "lifetime", "asked", "kept"), DECLARED)
@pytest.mark.parametrize("category", ["necessary", "analytics"])
def test_row_19_what_a_browser_keeps_is_what_the_page_says(
    open_site: OpenSite,
    policy: dict[str, Any],
    category: str,
    name: str,
    lifetime: str | None,
    asked: str,
    kept: int | None,
) -> None:
    """Acceptance row 19: session and persistent told apart, and the life that is shown is the capped one."""
    rule = {"name": name, "category": category} | ({"lifetime": lifetime} if lifetime else {})
    policy["cookies"].append(rule)
    site = open_site(policy)
    site.choose("accept-all")
    lines = site.visit(sets=[f"{name}=1; Path=/{asked}"]).set_cookies
    (line,) = [line for line in lines if line.startswith(f"{name}=")]
    shown = lifetimes(told(site))[name]
    assert observed(line) == kept == span(shown, site.clock.now)
    assert (shown == "session") is (kept is None)


def test_row_5_every_necessary_cookie_that_is_observed_is_listed_and_lives_no_longer_than_said(site: Site) -> None:
    """Acceptance row 5: of the application, of its framework, and our own."""
    answer = site.choose("accept-all")
    lines = [*answer.set_cookies, *site.visit(sets=["basket=1; Max-Age=99999999", "session=1", "_ga=1"]).set_cookies]
    shown = lifetimes(told(site))
    for line in lines:
        name = line.partition("=")[0]
        assert name in shown, f"{name} is not in the policy"
        longest = span(shown[name], site.clock.now)
        seconds = observed(line)
        assert seconds is None or (longest is not None and seconds <= longest)
    assert {line.partition("=")[0] for line in lines} >= {"__Host-consent", "basket", "session", "_ga"}


def test_our_own_cookies_are_listed_under_the_name_that_they_have_here(site: Site) -> None:
    secure = lifetimes(told(site))
    plain = lifetimes(told(site, scheme="http"))
    assert secure["__Host-consent"] == plain["consent"] == "6 months"
    assert secure["__Host-consent-first"] == plain["consent-first"] == "at most 13 months"


def test_every_cookie_of_ours_that_is_observed_is_listed(open_site: OpenSite, policy: dict[str, Any]) -> None:
    """The receipt, its companion, and where pages are the same for everybody the hint for scripts."""
    policy["html"] = {"cache": "shared"}
    policy["policy"]["reads"] = ["klaro"]
    site = open_site(policy)
    lines = [*site.choose("accept-all").set_cookies, *site.visit(sets=[f"_ga=1; Max-Age={TWO_YEARS}"]).set_cookies]
    ours = {line.partition("=")[0]: observed(line) for line in lines if "consent" in line}
    shown = lifetimes(told(site))
    assert ours.keys() == {"__Host-consent", "__Host-consent-first", "__Host-consent-hint"}
    assert {name: span(shown[name], site.clock.now) for name in ours} == ours


def test_where_pages_vary_no_hint_is_listed(site: Site) -> None:
    assert "__Host-consent-hint" not in lifetimes(told(site))


def test_the_application_is_told_where_the_policy_is(open_site: OpenSite, policy: dict[str, Any]) -> None:
    found: list[str] = []
    site = open_site(policy)
    site.visit(act=lambda decision: found.append(decision.policy_url))
    policy["policy"]["policy_url"] = {"en": "/cookies", "fr": "/fr/cookies"}
    site = open_site(policy)
    for accepted in ("fr", "de"):
        site.visit(act=lambda decision: found.append(decision.policy_url), headers=[("Accept-Language", accepted)])
    assert found == ["/_consent/policy", "/fr/cookies", "/cookies"]
