"""The banner and the way back to the settings come with every page that a browser shows, and with nothing else."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from support.doors import Answer
from support.site import Site

HTML = ("Content-Type", "text/html; charset=utf-8")
PAGE = b"<!doctype html><html lang=en><head><title>Shop</title></head><body><p>hello</p></body></html>"
OpenSite = Callable[..., Site]
NAVIGATION = [("Sec-Fetch-Dest", "document"), ("Accept", "text/html")]


@pytest.fixture
def policy(policy: dict[str, Any]) -> dict[str, Any]:
    return policy | {"banner": {"show": True}}


@pytest.fixture
def site(open_site: OpenSite, policy: dict[str, Any]) -> Site:
    return open_site(policy)


def look(site: Site, path: str = "/", *, page: Any = PAGE, **request: Any) -> Answer:
    return site.visit(path, answers=[HTML], page=page, **{"headers": NAVIGATION, **request})


def banners(answer: Answer) -> int:
    return answer.body.count(b"data-consent-banner")


def data_of(answer: Answer) -> dict[str, Any]:
    found = re.search(rb"<script type=\"application/json\" data-consent-page>(.*?)</script>", answer.body)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


# Its language

ASKED = {
    "en": b"Accept all",
    "fr": b"Tout accepter",
    "de": b"Alle akzeptieren",
    "ar": "قبول الكل".encode("ascii", "xmlcharrefreplace"),
}


def words_of(answer: Answer) -> list[str]:
    return [language for language, words in ASKED.items() if words in answer.body]


@pytest.mark.parametrize("choice", ["", "reject-all"])
@pytest.mark.parametrize(
    ("document", "declared", "accepted", "expected"),
    [
        ("<html lang=fr>", "", "en", "fr"),
        ("<html lang=fr-CA>", "", "en", "fr"),
        ("<html lang=fr>", "de", "en", "de"),
        ("<html lang=fr>", "tlh", "en", "fr"),
        ("<html lang=tlh>", "", "de", "de"),
        ("<html lang=''>", "", "de", "de"),
        ("<html xml:lang=fr>", "", "de", "de"),
        ("<!-- x --><html class=a LANG='&#102;r' lang=de>", "", "en", "fr"),
        ("<html>", "", "fr", "fr"),
        ("", "", "fr", "fr"),
        ("<html>", "", "tlh", "en"),
    ],
)
def test_it_speaks_the_language_of_the_page_before_that_of_the_browser(
    site: Site, document: str, declared: str, accepted: str, expected: str, choice: str
) -> None:
    if choice:
        site.choose(choice)
    answer = site.visit(
        answers=[HTML, *([("Content-Language", declared)] if declared else [])],
        page=f"<!doctype html>{document}<head></head><body>x".encode(),
        headers=[*NAVIGATION, ("Accept-Language", accepted)],
    )
    assert f' lang="{expected}" dir="ltr"'.encode() in answer.body
    assert words_of(answer) == ([] if choice else [expected])


def test_what_a_page_leads_to_is_in_its_language(site: Site) -> None:
    page = PAGE.replace(b"lang=en", b"lang=fr")
    body = look(site, page=page, headers=[*NAVIGATION, ("Accept-Language", "en")]).body
    assert body.count(b'href="/_consent/settings?next=/&amp;language=fr"') == 4
    assert body.count(b'href="/_consent/policy?language=fr"') == 1
    assert b'<input type="hidden" name="language" value="fr">' in body
    data = data_of(look(site, page=page))
    assert (data["choice"], data["settings"]) == ("/_consent/choice?language=fr", "/_consent/settings?language=fr")


def test_a_language_that_the_site_does_not_name_is_not_spoken(
    open_site: Callable[..., Site], policy: dict[str, Any]
) -> None:
    site = open_site(policy | {"policy": {**policy["policy"], "languages": ["de"]}})
    page = PAGE.replace(b"lang=en", b"lang=fr")
    assert words_of(look(site, page=page, headers=[*NAVIGATION, ("Accept-Language", "fr")])) == ["de"]


def test_two_pages_in_two_languages_are_two_banners(site: Site) -> None:
    seen = [words_of(look(site, page=PAGE.replace(b"lang=en", b"lang=" + tag))) for tag in (b"fr", b"ar", b"fr")]
    assert seen == [["fr"], ["ar"], ["fr"]]


# Row 1 of the acceptance table: a banner at the first visit


@pytest.mark.parametrize("status", [200, 201, 400, 403, 404, 500, 503])
def test_one_banner_in_each_page_errors_included(site: Site, status: int) -> None:
    answer = look(site, status=status)
    assert banners(answer) == 1
    assert answer.body.index(b"data-consent-banner") > answer.body.index(b"hello")
    assert answer.get("content-length") in (None, str(len(answer.body)))


def test_it_is_still_there_on_the_second_page_if_nothing_was_chosen(site: Site) -> None:
    assert [banners(look(site, path)) for path in ("/", "/second", "/")] == [1, 1, 1]
    assert site.jar == {}
    assert site.ledger == []


@pytest.mark.parametrize("action", ["accept-all", "reject-all", "save"])
def test_it_is_gone_once_something_was_chosen(site: Site, action: str) -> None:
    site.choose(action)
    answer = look(site)
    assert banners(answer) == 0
    assert b"data-consent-manage" in answer.body


def test_a_client_that_does_not_say_what_it_shows_gets_it_in_whole_documents(site: Site) -> None:
    assert banners(look(site, headers=[])) == 1
    fragment = b"<p>more <b>items</b>"
    assert look(site, headers=[], page=fragment).body == fragment


@pytest.mark.parametrize(
    "headers",
    [
        [("Sec-Fetch-Dest", "empty")],
        [("Sec-Fetch-Dest", "empty"), ("Accept", "text/html")],
        [("X-Requested-With", "XMLHttpRequest"), ("Accept", "text/html, */*")],
        [("HX-Request", "true")],
        [("Sec-Fetch-Dest", "image")],
    ],
)
def test_what_a_script_asks_for_has_no_banner(site: Site, headers: list[tuple[str, str]]) -> None:
    assert look(site, headers=headers).body == PAGE


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/pdf", "image/svg+xml", "application/xhtml+xml"]
)
def test_nothing_but_html_is_touched(site: Site, content_type: str) -> None:
    answer = site.visit(answers=[("Content-Type", content_type), ("ETag", '"1"')], page=PAGE, headers=NAVIGATION)
    assert (answer.body, answer.get("etag")) == (PAGE, '"1"' if "xhtml" not in content_type else answer.get("etag"))


def test_a_head_request_has_the_headers_of_a_page_and_no_body(site: Site) -> None:
    answer = look(site, method="HEAD", page=b"")
    assert answer.body == b""


def test_the_first_layer_offers_the_same_button_twice_and_the_settings(site: Site) -> None:
    body = look(site).body
    assert re.findall(rb'<button name="action" value="([a-z-]+)">', body) == [b"accept-all", b"reject-all"]
    assert b'<form action="/_consent/settings">' in body
    assert b"checked" not in body


def test_the_data_block_tells_scripts_how_the_visitor_stands(site: Site) -> None:
    data = data_of(look(site))
    assert data["choice"] == "/_consent/choice?language=en"
    assert data["needsAsking"] is True
    assert data["categories"]["analytics"] == {
        "status": "unset",
        "allowed": False,
        "required": False,
        "onRequest": False,
        "label": "Audience measurement",
    }


def test_every_tag_of_ours_bears_the_nonce_of_the_application(open_site: OpenSite, policy: dict[str, Any]) -> None:
    films = {"id": "films", "name": "Films", "provider": "F", "category": "marketing", "scripts": ["films.example/"]}
    csp = ("Content-Security-Policy", "script-src 'nonce-abc123'; object-src 'none'")
    page = PAGE.replace(b"<p>hello", b'<iframe src="https://films.example/1"></iframe><p>hello')
    answer = open_site(policy | {"services": [films]}).visit(answers=[HTML, csp], page=page, headers=NAVIGATION)
    tags = re.findall(rb"<(?:script src|link rel=\"stylesheet\")[^>]*>", answer.body)
    assert sum(b"embed-" in tag for tag in tags) == 1
    assert [tag for tag in tags if b' nonce="abc123"' not in tag] == []


def test_our_files_are_served_for_ever(site: Site) -> None:
    body = look(site).body
    names = set(re.findall(rb"(?:src|href)=\"(/_consent/assets/[^\"]+)\"", body))
    assert {re.sub(rb"-[0-9a-f]{12}", b"", name).rpartition(b"/")[2] for name in names} == {
        b"guard.js",
        b"consent.js",
        b"consent.css",
    }
    for name in names:
        answer = site.visit(name.decode())
        assert (answer.status, answer.get("cache-control")) == (200, "public, max-age=31536000, immutable")
        assert answer.get("content-type") in ("text/css; charset=utf-8", "text/javascript; charset=utf-8")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, None),
        ("br", None),
        ("gzip;q=0, br", None),
        ("identity, GZIP ;Q=0.0", None),
        ("gzip, deflate, br, zstd", "gzip"),
        ("br;q=1.0, gzip;q=0.5", "gzip"),
    ],
)
def test_our_files_are_compressed_for_who_reads_that(site: Site, accepted: str | None, coding: str | None) -> None:
    [path] = re.findall(rb"src=\"(/_consent/assets/guard[^\"]+)\"", look(site).body)
    headers = [("Accept-Encoding", accepted)] if accepted else []
    answer = site.visit(path.decode(), headers=headers)
    assert (answer.get("content-encoding"), answer.get("vary")) == (coding, "Accept-Encoding")
    assert answer.get("content-length") == str(len(answer.body))
    script = gzip.decompress(answer.body) if coding else answer.body
    assert script.startswith(b"(function")
