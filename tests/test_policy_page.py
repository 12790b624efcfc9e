"""The cookie policy that visitors read: true to what is enforced, whole in every language, safe to put into a page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from consent_middleware import Lifetime, Policy
from consent_middleware.languages import TAGS
from consent_middleware.lifetime import SESSION
from consent_middleware.messages import MESSAGES, label_of
from consent_middleware.policy import KnownCookie
from consent_middleware.policy_page import CookiePolicy, Place
from consent_middleware.prose import Action, Code, Heading, Link, Listing, Name, Paragraph, Table, html_of, markdown_of
from support.markup import first

TABLES: dict[str, Any] = {
    "policy": {"version": "2026-11-21", "controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {
        "necessary": {"required": True},
        "functional": {},
        "analytics": {"services": ["google-analytics", "own-stats"]},
        "marketing": {"services": ["google-marketing-platform"], "gpc": True},
        "chat": {"on_request": True, "services": ["tawk-to"]},
        "audience": {"exempt": True, "label": "Mesure"},
    },
    "cookies": [
        {"name": "basket", "category": "necessary", "lifetime": "30 days", "purpose": {"en": "Keeps <your> basket"}},
        {"name": "theme", "category": "functional", "lifetime": "session"},
        {"name": "taste_*", "category": "functional"},
    ],
    "services": [
        {
            "id": "own-stats",
            "name": "Own statistics",
            "provider": "Example SARL",
            "policy_url": "https://example.org/privacy",
            "cookies": [{"name": "_os", "lifetime": "7 months"}],
            "storage": ["_os_*"],
        },
    ],
}
ENGLISH = Place("en", "/_consent/settings")


def policy(**settings: Any) -> Policy:
    return Policy.from_dict({**TABLES, "policy": {**TABLES["policy"], **settings}})


def text(html: str) -> str:
    body = LexborHTMLParser(html).body
    assert body is not None
    return " ".join(body.text(separator=" ").split())


def rows(html: str) -> dict[str, list[str]]:
    """The tables of a policy: what stands beside each name."""
    return {
        " ".join(first(row, "th").text(separator=" ").split()): [cell.text() for cell in row.css("td")]
        for row in LexborHTMLParser(html).css("tbody tr")
    }


class TestTheTableOfCookies:
    html = CookiePolicy(policy()).html(ENGLISH)

    @pytest.mark.parametrize(
        ("name", "provider", "purpose", "lifetime"),
        [
            ("__Host-consent", "Example SARL", "Keeps your choice about cookies", "6 months"),
            (
                "__Host-consent-first",
                "Example SARL",
                "Notes since when you have which cookie, so that none is kept for too long",
                "at most 13 months",
            ),
            ("basket", "Example SARL", "Keeps <your> basket", "30 days"),
            ("theme", "Example SARL", "Comfort", "session"),
            ("taste_*", "Example SARL", "Comfort", "at most 13 months"),
            ("_ga", "Google Ireland Limited", "Tells visitors apart", "13 months"),
            ("_gid", "Google Ireland Limited", "Tells visitors of one day apart", "1 day"),
            ("_os", "Example SARL", "Audience measurement", "7 months"),
            ("_os_* browser storage", "Example SARL", "Audience measurement", "until it is deleted"),
            ("IDE domain: doubleclick.net", "Google Ireland Limited", "Shows and measures advertising", "13 months"),
            ("TawkConnectionTime", "tawk.to inc.", "Keeps the chat in step between tabs", "session"),
        ],
    )
    def test_it_tells_name_provider_purpose_and_lifetime(
        self, name: str, provider: str, purpose: str, lifetime: str
    ) -> None:
        assert rows(self.html)[name] == [provider, purpose, lifetime]

    def test_every_cookie_and_key_of_the_policy_is_in_it(self) -> None:
        names = {name.split(" ")[0] for name in rows(self.html)}
        declared = {rule.name for rule in policy().cookies}
        declared |= {rule.name for service in policy().services for rule in service.cookies}
        declared |= {key for service in policy().services for key in service.storage}
        assert declared <= names

    def test_what_lives_in_the_jar_of_others_keeps_its_true_lifetime(self) -> None:
        told = rows(CookiePolicy(policy(cookie_lifetime="7 months")).html(ENGLISH))
        assert told["_ga"][-1] == "7 months"
        assert told["IDE domain: doubleclick.net"][-1] == "13 months"

    def test_cookies_of_the_framework_are_in_it_unless_the_site_declares_them(self) -> None:
        known = [
            KnownCookie(name="session", purpose="session", lifetime=Lifetime(seconds=31 * 86400), or_session=True),
            KnownCookie(name="csrf", purpose="security", lifetime=Lifetime(seconds=400 * 86400)),
            KnownCookie(name="notice", purpose="notice", lifetime=SESSION),
            KnownCookie(name="other"),
            KnownCookie(name="basket", purpose="session"),
        ]
        told = rows(CookiePolicy(policy(), known).html(ENGLISH))
        assert told["session"][1:] == [
            "Recognises you during your visit, for example to keep you logged in",
            "session / at most 31 days",
        ]
        assert told["csrf"][-1] == "at most 13 months"
        assert told["notice"][-1] == "session"
        assert told["other"][1:] == ["Necessary", "at most 13 months"]
        assert told["basket"][1] == "Keeps <your> basket"

    def test_a_reader_gets_the_name_of_the_purpose_rather_than_a_foreign_text(self) -> None:
        told = rows(CookiePolicy(policy()).html(Place("de", "/s")))
        assert told["_ga"][1] == "Reichweitenmessung"
        assert told["basket"][1] == "Notwendig"


class TestWhatIsPromised:
    def test_each_category_says_on_what_terms_it_is_on(self) -> None:
        told = text(CookiePolicy(policy()).html(ENGLISH))
        assert "Always on: the site cannot work without it. No consent is needed" in told
        assert "Only with your consent. Only if you want it" in told
        assert "Mesure On until you object. No cookies are known for this purpose." in told
        assert "refusal of the following, unless you choose otherwise here: Advertising." in told

    def test_it_says_who_is_responsible_and_what_holds_since_when(self) -> None:
        html = CookiePolicy(policy()).html(ENGLISH)
        assert "Policy version: 2026-11-21 · Date: 21 November 2026" in text(html)
        assert "Controller: Example SARL" in text(html)
        assert '<a href="mailto:dpo@example.org">dpo@example.org</a>' in html

    def test_of_other_domains_it_says_that_the_site_can_only_refrain_from_loading(self) -> None:
        html = CookiePolicy(policy()).html(ENGLISH)
        assert "it can neither read nor shorten nor delete them. All it can do is not load the service." in text(html)
        assert rows(html)["Google Analytics"] == [
            "Google Ireland Limited",
            "Audience measurement",
            "policies.google.com/privacy",
        ]
        assert "Own statistics" not in rows(html)

    @pytest.mark.parametrize("key", ["policy-withheld", "policy-erased", "policy-cap", "policy-undeclared"])
    def test_in_report_mode_nothing_is_said_to_be_enforced(self, key: str) -> None:
        promise = MESSAGES["en"][key].partition("{")[0]
        assert promise in text(CookiePolicy(policy()).html(ENGLISH))
        assert promise not in text(CookiePolicy(policy(mode="report")).html(ENGLISH))

    def test_where_undeclared_cookies_pass_it_does_not_say_that_there_are_none(self) -> None:
        for word in ("allow", "report"):
            told = text(CookiePolicy(policy(undeclared_cookies=word)).html(ENGLISH))
            assert "no cookies other than those listed" not in told

    def test_without_a_signal_without_others_it_does_not_speak_of_them(self) -> None:
        told = text(CookiePolicy(Policy(categories={"necessary": Policy().categories["necessary"]})).html(ENGLISH))
        assert "Global Privacy Control" not in told and "Services of other providers" not in told
        assert "Controller" not in told and "Policy version" not in told

    @pytest.mark.parametrize(
        ("contact", "link"),
        [
            ("https://example.org/contact", 'href="https://example.org/contact"'),
            ("mailto:a@example.org", 'href="mailto:a@example.org"'),
            ("1 rue Verte, Toulon", None),
            ("a@example.org, b@example.org", None),
            ("javascript:alert(1)@x.org", None),
        ],
    )
    def test_a_contact_is_a_link_only_where_it_is_an_address(self, contact: str, link: str | None) -> None:
        html = CookiePolicy(policy(contact=contact)).html(ENGLISH)
        assert contact.removeprefix("mailto:") in text(html)
        assert (link in html) if link else "javascript:" not in str(re.findall("href=[^>]*", html))

    def test_the_sites_own_words_go_in_the_place_of_ours(self) -> None:
        own = Policy.from_dict({**TABLES, "texts": {"fr": {"policy": "Nos cookies", "policy-intro": "Voici."}}})
        page = CookiePolicy(own).page(Place("fr", "/s"))
        assert "<h1>Nos cookies</h1>" in page and "<p>Voici.</p>" in page
        assert "<h1>Cookie policy</h1>" in CookiePolicy(own).page(ENGLISH)


@pytest.mark.parametrize("language", TAGS)
class TestEveryLanguage:
    def test_the_page_is_whole(self, language: str) -> None:
        page = CookiePolicy(policy()).page(Place(language, "/_consent/settings"), home="/")
        document = LexborHTMLParser(page)
        html = first(document, "html")
        assert html.attributes["lang"] == language
        assert html.attributes["dir"] == ("rtl" if language in ("ar", "he") else "ltr")
        assert "{" not in text(page).replace(first(document, "style").text(), "")
        headings = [heading.text() for heading in document.css("h3")]
        assert headings == [label_of(category, language) for category in policy().categories.values()]
        assert [link.text() for link in document.css("a.cm-action")] == [MESSAGES[language]["title"]]

    def test_markdown_says_the_same(self, language: str) -> None:
        place = Place(language, "/_consent/settings")
        told = CookiePolicy(policy())
        markdown = re.sub(r"\]\(<[^>]*>\)|[`*#|\[\]-]|<br>", " ", told.markdown(place).replace("\\", ""))
        html = re.sub(r"[*#|\[\]-]", " ", text(told.page(place)))
        style = re.sub(r"[*#|\[\]-]", " ", first(LexborHTMLParser(told.page(place)), "style").text())
        assert sorted(set(html.split()) - set(style.split()) - set(markdown.split())) == []


ODD = st.text(alphabet="ab<>&\"'|`*_[]()#\\\n -+1.~!{}é", max_size=12)


class TestProse:
    @given(ODD, ODD)
    def test_no_text_becomes_markup(self, one: str, other: str) -> None:
        html = html_of(
            [
                Heading(1, one),
                Paragraph((one, Name(other), Code(one), Link(other, one))),
                Action(Link(one, other)),
                Listing(((one,), (Code(other),))),
                Table(one, (other, one), ((((one,), (other,)), ((Code(other),),)),)),
            ]
        )
        elements = {node.tag for node in LexborHTMLParser(html).css("body *")}
        assert elements <= set("h2 p bdi code a ul li table caption thead tbody tr th td br small".split())
        found = first(LexborHTMLParser(html), "h2")
        assert found.text() == one

    @given(ODD)
    def test_a_row_of_markdown_has_as_many_cells_as_columns(self, odd: str) -> None:
        markdown = markdown_of([Table("t", ("a", "b"), ((((odd,),), ((Code(odd.replace("\n", "")),),)),))])
        row = markdown.rstrip("\n").split("\n")[-1]
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 3 or "`" in row

    def test_what_opens_a_paragraph_opens_no_list(self) -> None:
        told = [markdown_of([Paragraph((opening,))]) for opening in ("1. x", "- x", "+ x", "12) x", "# x", "> x")]
        assert told == ["1\\. x\n", "\\- x\n", "\\+ x\n", "12\\) x\n", "\\# x\n", "\\> x\n"]

    def test_an_address_stays_one_address(self) -> None:
        link = Paragraph((Link("a]b", "https://x.org/(a)<b>?c&d"),))
        assert markdown_of([link]) == "[a\\]b](<https://x.org/(a)%3Cb%3E?c&d>)\n"
        assert html_of([link]) == '<p><a href="https://x.org/(a)&lt;b&gt;?c&amp;d">a]b</a></p>'

    def test_headings_nest_and_go_no_deeper_than_six(self) -> None:
        assert html_of([Heading(1, "a"), Heading(2, "b")], top=6) == "<h6>a</h6>\n<h6>b</h6>"
