"""The banner and the way back to the settings come with every page that a browser shows, and with nothing else."""

from __future__ import annotations

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
    assert data["choice"] == "/_consent/choice"
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
