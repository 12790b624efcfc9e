"""Choosing: at our own addresses, with plain forms or JSON, and from this very site only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from support.doors import Answer
from support.site import FORM, NOON, SAME_ORIGIN, Site

OpenSite = Callable[..., Site]

ALL = ["functional", "analytics", "marketing", "chat", "audience"]
SIX_MONTHS = int(datetime(2027, 5, 21, 12, tzinfo=UTC).timestamp())


def statuses(site: Site) -> dict[str, str]:
    categories: dict[str, str] = site.state()["categories"]
    return categories


def granted(site: Site) -> set[str]:
    return {name for name, status in statuses(site).items() if status == "granted"}


def epoch(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


# What each action means


def test_before_any_choice_everything_optional_is_unset(site: Site) -> None:
    assert statuses(site) == {"necessary": "granted", **dict.fromkeys(ALL, "unset")}


@pytest.mark.parametrize(
    ("action", "ticked", "expected"),
    [
        ("accept-all", [], {"necessary", "functional", "analytics", "marketing", "audience"}),
        ("accept-all", ["chat"], {"necessary", "functional", "analytics", "marketing", "audience"}),
        ("reject-all", [], {"necessary"}),
        ("reject-all", ["analytics"], {"necessary"}),
        ("save", [], {"necessary"}),
        ("save", ["analytics"], {"necessary", "analytics"}),
        ("save", ["chat", "marketing", "chat"], {"necessary", "chat", "marketing"}),
        ("save", ["necessary"], {"necessary"}),
        ("grant", ["chat"], {"necessary", "chat"}),
        ("withdraw", [], {"necessary"}),
    ],
)
@pytest.mark.parametrize("form", [True, False])
def test_each_action_does_what_it_says(
    site: Site, action: str, ticked: list[str], expected: set[str], form: bool
) -> None:
    if form:
        site.choose(action, *ticked)
    else:
        site.send_json({"action": action, "categories": ticked})
    assert granted(site) == expected


def test_saving_answers_every_category_and_granting_only_those_named(site: Site) -> None:
    site.choose("grant", "analytics")
    assert statuses(site)["marketing"] == "unset"
    assert site.state()["needs_asking"]
    site.choose("save", "analytics")
    assert set(statuses(site).values()) == {"granted", "denied"}
    assert not site.state()["needs_asking"]


def test_a_later_choice_replaces_an_earlier_one(site: Site) -> None:
    site.choose("accept-all")
    site.choose("save", "functional")
    assert granted(site) == {"necessary", "functional"}
    site.choose("reject-all")
    assert granted(site) == {"necessary"}


def test_accepting_all_keeps_what_was_granted_on_request(site: Site) -> None:
    site.choose("grant", "chat")
    site.choose("accept-all")
    assert "chat" in granted(site)


@pytest.mark.parametrize("number", range(8))
def test_categories_are_chosen_independently_in_every_combination(site: Site, number: int) -> None:
    ticked = [name for bit, name in enumerate(["functional", "analytics", "marketing"]) if number >> bit & 1]
    site.choose("save", *ticked)
    cookie_of = {"functional": "theme", "analytics": "_ga", "marketing": "_ads"}
    answer = site.visit(sets=[f"{name}=1" for name in cookie_of.values()])
    assert answer.cookie_names == [cookie_of[name] for name in cookie_of if name in ticked]


# The answers


def test_a_form_is_answered_with_a_redirect_to_next(site: Site) -> None:
    answer = site.choose("accept-all", next="/basket?step=2#total")
    assert (answer.status, answer.get("location"), answer.body) == (303, "/basket?step=2#total", b"")
    assert answer.get("cache-control") == "no-store"


def test_without_next_a_form_leads_home(site: Site) -> None:
    assert site.send_form([("action", "reject-all")]).get("location") == "/"


def test_json_is_answered_with_the_new_state(site: Site) -> None:
    answer = site.send_json({"action": "save", "categories": ["analytics"]})
    assert (answer.status, answer.get("content-type")) == (200, "application/json")
    assert answer.get("cache-control") == "no-store"
    assert json.loads(answer.body) == site.state()


@pytest.mark.parametrize("type_", ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
def test_json_is_recognised_as_media_types_are(site: Site, type_: str) -> None:
    headers = [*SAME_ORIGIN, ("Content-Type", type_)]
    body = b'{"action": "accept-all"}'
    assert site.visit("/_consent/choice", method="POST", headers=headers, body=body).status == 200


def test_the_state_says_exactly_what_was_promised(site: Site) -> None:
    assert site.state() == {
        "needs_asking": True,
        "categories": {"necessary": "granted", **dict.fromkeys(ALL, "unset")},
        "allowed": ["necessary", "audience"],
        "source": "default",
        "decided_at": None,
        "expires_at": None,
        "policy": {"version": "2026-11-21", "fingerprint": site.state()["policy"]["fingerprint"]},
    }
    site.choose("save", "analytics")
    assert site.state() == {
        "needs_asking": False,
        "categories": {"necessary": "granted", **dict.fromkeys(ALL, "denied"), "analytics": "granted"},
        "allowed": ["necessary", "analytics"],
        "source": "visitor",
        "decided_at": NOON,
        "expires_at": SIX_MONTHS,
        "policy": {"version": "2026-11-21", "fingerprint": site.state()["policy"]["fingerprint"]},
    }


def test_the_state_keeps_the_order_of_the_policy(site: Site) -> None:
    assert list(statuses(site)) == ["necessary", *ALL]


@pytest.mark.parametrize("path", ["/_consent/state", "/_consent/settings", "/_consent/nothing"])
def test_our_own_answers_are_never_stored_by_caches(site: Site, path: str) -> None:
    answer = site.visit(path)
    assert answer.get("cache-control") == "no-store"
    assert answer.get("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("path", ["/_consent/state", "/_consent/settings", "/_consent/nothing"])
def test_head_has_the_headers_of_get_and_no_body(site: Site, path: str) -> None:
    got, headed = site.visit(path), site.visit(path, method="HEAD")
    assert (headed.status, headed.body) == (got.status, b"")
    assert sorted(headed.headers) == sorted(got.headers)
    assert got.get("content-length") == str(len(got.body))


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("/_consent/choice", "GET", "POST"),
        ("/_consent/choice", "HEAD", "POST"),
        ("/_consent/choice", "PUT", "POST"),
        ("/_consent/choice", "OPTIONS", "POST"),
        ("/_consent/state", "POST", "GET, HEAD"),
        ("/_consent/settings", "DELETE", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(site: Site, path: str, method: str, allow: str) -> None:
    answer = site.visit(path, method=method, headers=SAME_ORIGIN)
    assert (answer.status, answer.get("allow"), answer.cookie_names) == (405, allow, [])


@pytest.mark.parametrize(
    "path", ["/_consent/", "/_consent/nothing", "/_consent/state/", "/_consent//state", "/_consent/STATE"]
)
def test_an_unknown_address_below_the_prefix_is_not_found_and_not_the_applications(site: Site, path: str) -> None:
    assert site.visit(path).status == 404
    assert not site.script.was_called


@pytest.mark.parametrize("path", ["/_consent", "/_consents/state", "/a/_consent/state", "/_CONSENT/state"])
def test_addresses_beside_the_prefix_are_the_applications(site: Site, path: str) -> None:
    assert site.visit(path).body == b"hello"
    assert site.script.was_called


def test_the_application_never_sees_requests_of_ours(site: Site) -> None:
    for path in ("/_consent/state", "/_consent/settings"):
        site.visit(path)
        assert not site.script.was_called
    site.choose("accept-all")
    assert not site.script.was_called


def test_the_prefix_can_be_another_one(open_site: OpenSite) -> None:
    site = open_site(prefix="/privacy/cookies")
    assert site.visit("/_consent/state").body == b"hello"
    assert json.loads(site.visit("/privacy/cookies/state").body)["needs_asking"]
    form = form_of(site.visit("/privacy/cookies/settings"))
    assert form.action == "/privacy/cookies/choice?language=en"
    site.visit(act=lambda decision: decision.settings_url)
    assert site.script.outcome == "/privacy/cookies/settings"
    answer = site.visit(form.action, method="POST", headers=[*SAME_ORIGIN, FORM], body=b"action=accept-all")
    assert answer.cookie_names == ["__Host-consent"]


@pytest.mark.parametrize(("root", "quoted"), [("/shop", "/shop"), ("/a b/c", "/a%20b/c")])
def test_a_mounted_application_has_our_addresses_below_its_root(site: Site, root: str, quoted: str) -> None:
    assert json.loads(site.visit("/_consent/state", root=root).body)["needs_asking"]
    form = form_of(site.visit("/_consent/settings", root=root))
    assert (form.action, form.fields["next"]) == (
        f"{quoted}/_consent/choice?language=en",
        f"{quoted}/_consent/settings",
    )
    answer = site.send_form([("action", "accept-all")], root=root)
    assert answer.get("location") == f"{quoted}/"
    assert "Path=/;" in answer.set_cookies[0]
    site.visit(act=lambda decision: decision.settings_url, root=root)
    assert site.script.outcome == f"{quoted}/_consent/settings"


# Our cookie


def attributes(line: str) -> dict[str, str]:
    parts = (part.strip().partition("=") for part in line.split(";")[1:])
    return {name.lower(): value for name, _, value in parts}


def test_over_https_the_cookie_is_bound_to_this_host(site: Site) -> None:
    [line] = site.choose("accept-all").set_cookies
    assert line.startswith("__Host-consent=")
    lasting = str(SIX_MONTHS - NOON)
    assert attributes(line) == {"max-age": lasting, "path": "/", "secure": "", "httponly": "", "samesite": "Lax"}


def test_over_http_the_cookie_has_no_prefix_and_is_not_secure(site: Site) -> None:
    [line] = site.choose("accept-all", scheme="http", host="localhost:8000").set_cookies
    assert line.startswith("consent=")
    assert attributes(line).keys() == {"max-age", "path", "httponly", "samesite"}
    answer = site.visit("/_consent/state", scheme="http", host="localhost:8000")
    assert json.loads(answer.body)["categories"]["analytics"] == "granted"


def test_a_choice_made_over_http_is_none_over_https(site: Site) -> None:
    site.choose("accept-all", scheme="http")
    assert granted(site) == {"necessary"}


def test_a_cookie_domain_shares_the_choice_between_sub_domains(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["cookie_domain"] = ".example.org"
    site = open_site(policy)
    [line] = site.choose("accept-all", host="shop.example.org:8443").set_cookies
    assert line.startswith("__Secure-consent=")
    assert attributes(line)["domain"] == "example.org"
    assert "secure" in attributes(line)
    assert json.loads(site.visit("/_consent/state", host="blog.example.org").body)["source"] == "visitor"


@pytest.mark.parametrize("host", ["localhost", "notexample.org", "example.org.evil.example", "[::1]:8000"])
def test_a_cookie_domain_is_left_out_where_the_browser_would_refuse_it(
    open_site: OpenSite, policy: dict[str, Any], host: str
) -> None:
    policy["policy"]["cookie_domain"] = "example.org"
    [line] = open_site(policy).choose("accept-all", host=host).set_cookies
    assert "domain" not in attributes(line)


@pytest.mark.parametrize(
    ("chosen", "lapses"),
    [
        (epoch(2026, 8, 31, 23, 59, 59), epoch(2027, 2, 28, 23, 59, 59)),
        (epoch(2027, 8, 31), epoch(2028, 2, 29)),
        (epoch(2026, 3, 29, 1, 30), epoch(2026, 9, 29, 1, 30)),  # the night clocks go forward in Europe
        (epoch(2026, 3, 30), epoch(2026, 9, 30)),
        (epoch(2026, 3, 31), epoch(2026, 9, 30)),
        (epoch(2027, 2, 28), epoch(2027, 8, 28)),
        (epoch(2028, 2, 29), epoch(2028, 8, 29)),
        (epoch(2026, 12, 31, 23, 59, 59), epoch(2027, 6, 30, 23, 59, 59)),
        (epoch(2026, 10, 25, 2, 30), epoch(2027, 4, 25, 2, 30)),
    ],
)
def test_a_choice_is_kept_six_calendar_months_to_the_second(site: Site, chosen: int, lapses: int) -> None:
    site.clock.now = chosen
    [line] = site.choose("accept-all").set_cookies
    assert attributes(line)["max-age"] == str(lapses - chosen)
    assert site.state()["expires_at"] == lapses


def test_the_choice_is_never_sent_again_without_a_new_one(site: Site) -> None:
    site.choose("accept-all")
    for path in ("/", "/_consent/state", "/_consent/settings"):
        assert site.visit(path).set_cookies == []
    assert site.visit(act=lambda decision: decision.allows("analytics")).set_cookies == []


def test_a_visitor_keeps_the_pseudonym_of_the_first_choice(site: Site) -> None:
    site.choose("accept-all")
    who = site.consent and site.consent.split(".")[1]
    site.choose("reject-all")
    assert site.consent
    assert site.consent.split(".")[1] == who


def test_two_visitors_have_two_pseudonyms(open_site: OpenSite) -> None:
    site = open_site()
    site.choose("accept-all")
    first = site.consent
    site.jar.clear()
    site.choose("accept-all")
    assert first
    assert site.consent
    assert first.split(".")[1] != site.consent.split(".")[1]


@pytest.mark.parametrize("action", ["accept-all", "reject-all", "save"])
def test_nothing_to_choose_is_no_choice(open_site: OpenSite, policy: dict[str, Any], action: str) -> None:
    policy["categories"], policy["cookies"] = {"necessary": {"required": True}}, []
    site = open_site(policy)
    answer = site.choose(action)
    assert (answer.status, answer.set_cookies) == (303, [])
    assert site.state()["source"] == "default"


def test_granting_what_is_always_granted_is_no_choice(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    assert site.choose("grant", "necessary").set_cookies == []
    assert caplog.records == []


# The settings page


class Form(HTMLParser):
    """The form of a page in which everything is chosen, as a browser without JavaScript would submit it."""

    def __init__(self) -> None:
        super().__init__()
        self._is_read = False
        self.action = ""
        self.fields: dict[str, str] = {}
        self.boxes: dict[str, bool] = {}
        self.buttons: list[str] = []
        self.text: list[str] = []
        self.language: str | None = None
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        match tag, given.get("type"):
            case "html", _:
                self.language = given["lang"]
            case "form", _:
                assert given["method"] == "post"
                self.action = given["action"]
                self._is_read = not given.get("id", "").startswith("ask-")
            case "input", "hidden" if self._is_read:
                self.fields[given["name"]] = given["value"]
            case "input", "checkbox" if "disabled" not in given:
                assert given["name"] == "category"
                if "disabled" not in given:  # a browser sends none of those
                    self.boxes[given["value"]] = "checked" in given
            case "button", _ if "form" not in given:
                assert given["name"] == "action"
                self.buttons.append(given["value"])

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def submission(self, button: str, ticked: set[str] | None = None) -> list[tuple[str, str]]:
        assert button in self.buttons
        ticked = {name for name, is_ticked in self.boxes.items() if is_ticked} if ticked is None else ticked
        assert ticked <= self.boxes.keys()
        return [*self.fields.items(), *(("category", name) for name in sorted(ticked)), ("action", button)]


def read(page: Answer) -> Form:
    assert page.get("content-type") == "text/html; charset=utf-8"
    form = Form()
    form.feed(page.body.decode())
    form.close()
    return form


def form_of(page: Answer) -> Form:
    assert page.status == 200
    return read(page)


def settings(site: Site, **request: Any) -> Form:
    return form_of(site.visit("/_consent/settings", **request))


def test_the_settings_page_offers_each_optional_category_and_every_action(site: Site) -> None:
    form = settings(site)
    assert form.boxes == {**dict.fromkeys(ALL, False), "audience": True}
    assert form.buttons == ["save", "accept-all", "reject-all"]


@pytest.mark.parametrize(("button", "expected"), [("accept-all", 5), ("reject-all", 1)])
def test_one_click_accepts_or_refuses_all(site: Site, button: str, expected: int) -> None:
    answer = site.send_form(settings(site).submission(button))
    assert (answer.status, answer.get("location")) == (303, "/_consent/settings")
    assert len(granted(site)) == expected


@pytest.mark.parametrize("ticked", [set[str](), {"analytics"}, {"chat", "functional", "audience"}])
def test_the_ticks_of_the_form_are_the_choice(site: Site, ticked: set[str]) -> None:
    site.send_form(settings(site).submission("save", ticked))
    assert granted(site) == {"necessary", *ticked}
    assert {name for name, is_ticked in settings(site).boxes.items() if is_ticked} == ticked


def test_saving_the_form_untouched_changes_nothing(site: Site) -> None:
    site.choose("save", "analytics", "chat")
    before = statuses(site)
    site.send_form(settings(site).submission("save"))
    assert statuses(site) == before


def test_withdrawal_is_offered_once_there_is_a_choice(site: Site) -> None:
    assert "withdraw" not in settings(site).buttons
    site.choose("accept-all")
    site.send_form(settings(site).submission("withdraw"))
    assert granted(site) == {"necessary"}


@pytest.mark.parametrize(("language", "expected"), [("en", "not chosen yet"), ("fr-CA, en;q=0.5", "pas encore choisi")])
def test_the_page_says_that_nothing_was_chosen(site: Site, language: str, expected: str) -> None:
    form = settings(site, headers=[("Accept-Language", language)])
    assert form.language == language[:2]
    assert expected in "".join(form.text)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Your choice of 21 November 2026 is kept until 21 May 2027."),
        ("fr", "Votre choix du 21 novembre 2026 est conservé jusqu'au 21 mai 2027."),
    ],
)
def test_the_page_says_when_it_was_chosen_and_until_when(site: Site, language: str, expected: str) -> None:
    site.choose("accept-all")
    assert expected in "".join(settings(site, headers=[("Accept-Language", language)]).text)


@pytest.mark.parametrize(
    "expected", ["for 6 months", "Example SARL", "Contact: dpo@example.org", "Policy version: 2026-11-21", "_ga_*"]
)
def test_the_page_names_who_asks_what_and_for_how_long(site: Site, expected: str) -> None:
    assert expected in "".join(settings(site).text)


HOSTILE = "\"><script>alert(1)</script>'&amp;<b>"


def test_everything_the_policy_says_is_escaped(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"] |= {"controller": HOSTILE, "contact": HOSTILE, "version": HOSTILE}
    policy["categories"]["analytics"] |= {"label": {"en": HOSTILE}, "description": {"en": HOSTILE}}
    policy["cookies"].append({"name": "<b>&'", "category": "analytics"})
    policy["services"] = [{"id": "own", "name": HOSTILE, "provider": HOSTILE, "category": "analytics"}]
    site = open_site(policy)
    page = site.visit("/_consent/settings")
    form = form_of(page)
    assert not form.tags & {"script", "b"}
    assert "".join(form.text).count("<script>alert(1)</script>") > 7
    assert b"<b>" not in page.body


def test_the_page_of_a_mounted_application_escapes_its_root(site: Site) -> None:
    page = site.visit("/_consent/settings", root='/"><b>')
    assert b"<b>" not in page.body
    assert '"' not in form_of(page).action


def test_the_page_allows_no_script_and_no_frame(site: Site) -> None:
    directives = (site.visit("/_consent/settings").get("content-security-policy") or "").split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= {*directives}


def test_a_form_shown_under_an_older_policy_chooses_nothing(open_site: OpenSite, policy: dict[str, Any]) -> None:
    form = settings(open_site(policy))
    policy["categories"]["new-purpose"] = {}
    site = open_site(policy)
    answer = site.send_form(form.submission("accept-all"))
    assert (answer.status, answer.cookie_names) == (409, [])
    assert b'href="/_consent/settings"' in answer.body


def test_the_page_says_what_the_browsers_signal_refuses(site: Site) -> None:
    gpc = [("Sec-GPC", "1")]
    assert "Global Privacy Control refuses this" in "".join(settings(site, headers=gpc).text)
    site.choose("accept-all")
    assert "Global Privacy Control refuses this" not in "".join(settings(site, headers=gpc).text)


# Who may choose

SHOP = "https://shop.example.org"


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ([("Sec-Fetch-Site", "same-origin")], True),
        ([("Sec-Fetch-Site", "same-origin"), ("Origin", "null")], True),  # under Referrer-Policy: no-referrer
        ([("Sec-Fetch-Site", "same-origin"), ("Origin", SHOP)], True),
        ([("Sec-Fetch-Site", "same-site"), ("Origin", SHOP)], False),
        ([("Sec-Fetch-Site", "cross-site"), ("Origin", SHOP)], False),
        ([("Sec-Fetch-Site", "none"), ("Origin", SHOP)], False),
        ([("Sec-Fetch-Site", ""), ("Origin", SHOP)], False),
        ([("Sec-Fetch-Site", "Same-Origin")], False),
        ([("Sec-Fetch-Site", "same-origin, cross-site")], False),
        ([("Sec-Fetch-Site", "same-origin, same-origin")], False),
        ([("Origin", SHOP)], True),
        ([("Origin", f"{SHOP}:443")], True),
        ([("Origin", f"{SHOP}:8443")], False),
        ([("Origin", "http://shop.example.org")], False),
        ([("Origin", "https://blog.example.org")], False),
        ([("Origin", "https://example.org")], False),
        ([("Origin", "https://evilshop.example.org")], False),
        ([("Origin", "https://shop.example.org.evil.example")], False),
        ([("Origin", "https://shop.example.org@evil.example")], False),
        ([("Origin", "https://evil.example#shop.example.org")], False),
        ([("Origin", f"{SHOP}, https://evil.example")], False),
        ([("Origin", "null")], False),
        ([("Origin", "null"), ("Referer", f"{SHOP}/")], False),
        ([("Origin", ""), ("Referer", f"{SHOP}/")], False),
        ([("Origin", "https://evil.example"), ("Referer", f"{SHOP}/")], False),
        ([("Origin", "shop.example.org")], False),
        ([("Origin", "file://shop.example.org")], False),
        ([("Origin", "https://shop.example.org:x")], False),
        ([("Origin", "https://[")], False),
        ([("Referer", f"{SHOP}/basket?x=1")], True),
        ([("Referer", SHOP)], True),
        ([("Referer", "https://evil.example/?https://shop.example.org/")], False),
        ([("Referer", "http://shop.example.org/")], False),
        ([("Referer", "about:blank")], False),
        ([("Referer", "")], False),
        ([], False),
    ],
)
def test_only_this_very_origin_can_choose(site: Site, headers: list[tuple[str, str]], may: bool) -> None:
    answer = site.choose("accept-all", headers=headers)
    assert answer.cookie_names == (["__Host-consent"] if may else [])
    assert (answer.status == 403) is not may


@pytest.mark.parametrize("headers", [[("Sec-Fetch-Site", "cross-site")], [("Origin", "null")], []])
def test_a_foreign_script_cannot_choose_either(site: Site, headers: list[tuple[str, str]]) -> None:
    answer = site.send_json({"action": "accept-all"}, headers=headers)
    assert (answer.status, answer.cookie_names) == (403, [])
    assert json.loads(answer.body) == {"error": "foreign-choice"}


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "may"),
    [
        ("http", "localhost:8000", "http://localhost:8000", True),
        ("http", "localhost:8000", "http://localhost:8001", False),
        ("http", "localhost", "http://localhost:80", True),
        ("http", "LOCALHOST", "http://localhost", True),
        ("http", "shop.example.org", "https://shop.example.org", True),  # a proxy ends TLS in front of us
        ("http", "shop.example.org", "https://shop.example.org:8443", False),
        ("https", "shop.example.org:8443", "https://shop.example.org:8443", True),
        ("https", "shop.example.org:8443", "https://shop.example.org", False),
        ("http", "[::1]:8000", "http://[::1]:8000", True),
        ("http", "[::1]:8000", "http://[::2]:8000", False),
    ],
)
def test_origins_are_compared_with_scheme_host_and_port(
    site: Site, scheme: str, host: str, origin: str, may: bool
) -> None:
    answer = site.choose("accept-all", headers=[("Origin", origin)], scheme=scheme, host=host)
    assert bool(answer.set_cookies) is may


def test_a_refused_request_says_so_in_the_visitors_words(site: Site) -> None:
    page = site.choose("accept-all", headers=[("Accept-Language", "fr")])
    assert page.status == 403
    assert "Un choix ne peut être fait que sur le site lui-même" in "".join(read(page).text)


def test_a_link_cannot_choose(site: Site) -> None:
    answer = site.visit("/_consent/choice?action=accept-all", headers=SAME_ORIGIN)
    assert (answer.status, answer.cookie_names) == (405, [])
    answer = site.visit("/_consent/choice?action=accept-all", method="POST", headers=[*SAME_ORIGIN, FORM])
    assert (answer.status, answer.cookie_names) == (400, [])


def test_a_foreign_refusal_does_not_undo_a_choice(site: Site) -> None:
    site.choose("accept-all")
    before = site.consent
    site.choose("withdraw", headers=[("Sec-Fetch-Site", "cross-site")])
    assert site.consent == before
    assert re.match(r"1v\.", before or "")
