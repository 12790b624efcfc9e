"""What is put into pages: complete whatever the policy lacks, safe whatever it says, cheap for the next visitor."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from consent_middleware import Policy
from consent_middleware.assets import asset
from consent_middleware.decision import Standing, standing_of
from consent_middleware.insertions import Insertions, View
from consent_middleware.languages import TAGS

TABLES: dict[str, Any] = {"policy": {"controller": "Example SARL", "contact": "dpo@example.org"}}
HOSTILE = "\"><script>alert(1)</script>'&amp;<b>{lifetime}</template></div>"


def policy(**tables: Any) -> Policy:
    return Policy.from_dict({**TABLES, **tables})


def undecided(policy: Policy, *, gpc: bool = False) -> Standing:
    return standing_of(policy, (), "default", gpc=gpc, applies=True)


def inserted(policy: Policy, language: str = "en", standing: Standing | None = None, **page: str) -> tuple[str, str]:
    view = View(standing or undecided(policy), "", is_framed=False, takes_inline=True)
    given = {"nonce": "", "next_path": "/", **page}
    insertion = Insertions(policy, "/_consent", {}).into(view, **given)
    return insertion.head.decode("ascii"), insertion.body_end(language).decode("ascii")


def shadow_of(body_end: str, host: str = "[data-consent-banner]") -> LexborHTMLParser:
    """What stands in the shadow root, as a document of its own: parsers without a browser read it as a template."""
    inside = body_end[body_end.index(f"<div {host[1:-1]}") :]
    start = inside.index('<template shadowrootmode="open">') + len('<template shadowrootmode="open">')
    return LexborHTMLParser(inside[start : inside.index("</template>")])


@pytest.mark.parametrize("language", TAGS)
def test_the_banner_is_complete_in_every_language(language: str) -> None:
    shadow = shadow_of(inserted(policy(), language)[1])
    buttons = [button.text().strip() for button in shadow.css("button")]
    assert len(buttons) == 3 and all(buttons) and len({*buttons}) == 3
    assert len(shadow.css("li strong")) == 3
    assert len(shadow.css("section a")) == 2
    assert "{" not in shadow.text()


@pytest.mark.parametrize(
    "categories",
    [
        {"extras": {}},
        {"extras": {"label": {"fr": "Suppléments"}}},
        {"chat": {"on_request": True}, "analytics": {}},
        {"audience": {"exempt": True}, "marketing": {"gpc": True}},
    ],
)
def test_a_category_without_services_or_words_is_asked_about_all_the_same(categories: dict[str, Any]) -> None:
    shadow = shadow_of(inserted(policy(categories=categories), "de")[1])
    assert len(shadow.css("li strong")) == len(categories)
    assert all(label.text().strip() for label in shadow.css("li strong"))


def test_the_browsers_signal_is_shown_where_it_refuses() -> None:
    asking = policy()
    assert "Global Privacy Control" not in inserted(asking)[1]
    told = shadow_of(inserted(asking, standing=undecided(asking, gpc=True))[1])
    assert [item.css("strong")[0].text() for item in told.css("li") if "Privacy" in item.text()] == ["Advertising"]


@pytest.mark.parametrize("next_path", ["/a?b=1&next=/c#d", '/"><script>', "/%C3%A9", "/'x'", "/\x00nonce\x00"])
def test_the_way_back_to_the_page_is_escaped(next_path: str) -> None:
    head, body_end = inserted(policy(), next_path=next_path, nonce="abc")
    shadow = shadow_of(body_end)
    fields = {each.attributes["value"] for each in shadow.css('input[name="next"]')}
    assert fields == {next_path.replace("\x00", "\ufffd")}
    assert not shadow.css("script")
    assert "\x00next" not in body_end and "\x00query" not in body_end and "\x00" not in head


def test_what_the_policy_says_is_escaped() -> None:
    texts = {"en": HOSTILE}
    hostile = policy(
        policy={"controller": HOSTILE, "contact": HOSTILE, "policy_url": "/cookies?a=1&b=2"},
        categories={"analytics": {"label": texts, "description": texts}},
    )
    body_end = inserted(hostile)[1]
    assert body_end.count("<script") == 1  # the data
    assert "alert(1)</script>" not in body_end
    page = LexborHTMLParser(body_end)
    assert not page.css("b")
    data = json.loads(page.css("script[data-consent-page]")[0].text())
    assert data["categories"]["analytics"]["label"] == HOSTILE
    assert shadow_of(body_end).css_first('a[href="/cookies?a=1&b=2"]') is not None


@given(st.text(), st.text())
def test_no_address_and_no_mount_point_breaks_out(next_path: str, root: str) -> None:
    asking = policy()
    view = View(
        undecided(asking), root.encode("utf-8", "replace").decode("latin-1"), is_framed=False, takes_inline=True
    )
    path = next_path.encode("utf-8", "replace").decode("latin-1")
    insertion = Insertions(asking, "/_consent", {}).into(view, nonce="", next_path=path)
    page = LexborHTMLParser((insertion.head + insertion.body_end("en")).decode("ascii"))
    assert len(page.css("script")) == 3
    assert [node.tag for node in page.css("body > *")] == ["div", "div", "script"]


def test_who_has_chosen_gets_the_way_back_alone_and_who_allows_all_waits_for_no_guard() -> None:
    asking = policy()
    yes = tuple((name, True) for name in asking.choosable)
    head, body_end = inserted(asking, standing=standing_of(asking, yes, "visitor", gpc=False, applies=True))
    assert head.count("<script ") == head.count(" defer></script>") == 2
    assert "data-consent-banner" not in body_end and "data-consent-manage" in body_end
    refused = standing_of(asking, tuple((name, False) for name in asking.choosable), "visitor", gpc=False, applies=True)
    assert 'data-consent-allowed="necessary"' in inserted(asking, standing=refused)[0]


@pytest.mark.parametrize(
    ("tables", "is_needed"),
    [
        ({}, True),
        ({"banner": {"show": False}}, False),
        ({"categories": {"necessary": {}}}, False),
        ({"policy": {**TABLES["policy"], "mode": "report"}}, False),
        ({"categories": {"chat": {"on_request": True}}}, True),
    ],
)
def test_nothing_is_put_in_where_nothing_is_to_be_chosen(tables: dict[str, Any], is_needed: bool) -> None:
    assert Insertions(policy(**tables), "/_consent", {}).is_needed is is_needed


def test_the_corner_is_the_sites_choice_and_may_be_none() -> None:
    assert 'class="cm-back top-right"' in inserted(policy(banner={"link": "top-right"}))[1]
    without = inserted(policy(banner={"link": "off"}))[1]
    assert "cm-back" not in without and 'role="status"' in without
    assert 'class="cm-ask bottom-right"' in inserted(policy(banner={"position": "bottom-right"}))[1]


def test_another_wording_is_another_edition_of_every_page() -> None:
    editions = [
        Insertions(each, "/_consent", {}).edition
        for each in (
            policy(),
            policy(banner={"link": "off"}),
            policy(texts={"en": {"accept-all": "Yes to all"}}),
            policy(categories={"analytics": {}}),
            policy(categories={"analytics": {"label": "Counting"}}),
        )
    ]
    assert len({*editions}) == len(editions)
    assert editions[0] == Insertions(policy(), "/_consent", {}).edition


def test_the_style_sheets_keep_within_what_was_promised() -> None:
    import gzip

    assert len(gzip.compress(asset("consent.css").body, 9)) <= 3000
