"""Pages pass through the HTML gate on their way out, through every front door, and everything else passes beside it."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from typing import Any

import pytest

from support.gated_pages import (
    GATED,
    HTML,
    PAGE,
    PLAIN_PAGE,
    VIDEO,
    is_one_visitors,
    said,
    skip_if_checked,
)
from support.site import Site

OpenSite = Callable[..., Site]


# What is a page, and what becomes of it


def test_a_tracker_is_inert_without_consent(site: Site) -> None:
    answer = site.visit(answers=[HTML], page=PAGE)
    assert (answer.status, answer.body) == (200, GATED)
    assert is_one_visitors(answer)


def test_with_consent_to_everything_a_page_is_byte_identical(consenting: Site) -> None:
    answer = consenting.visit(
        answers=[HTML, ("Content-Length", str(len(PAGE))), ("Last-Modified", "Sat, 21 Nov 2026 10:00:00 GMT")],
        page=PAGE,
    )
    assert answer.body == PAGE
    assert answer.all("content-length") == [str(len(PAGE))]
    assert answer.get("last-modified") is not None
    assert is_one_visitors(answer)


def test_with_consent_to_its_category_a_tracker_runs(site: Site) -> None:
    site.choose("save", "analytics")
    assert site.visit(answers=[HTML], page=PAGE + VIDEO).body.startswith(PAGE)


def test_a_page_with_nothing_in_it_is_byte_identical(site: Site) -> None:
    answer = site.visit(answers=[HTML], page=PLAIN_PAGE)
    assert answer.body == PLAIN_PAGE
    assert is_one_visitors(answer)


def test_a_view_that_grants_gets_its_page_ungated(site: Site) -> None:
    answer = site.visit(answers=[HTML], page=PAGE, act=lambda decision: decision.grant("analytics", "marketing"))
    assert answer.body == PAGE
    assert site.visit(answers=[HTML], page=PAGE).body == PAGE


def test_a_view_that_withdraws_gets_its_page_gated(consenting: Site) -> None:
    answer = consenting.visit(answers=[HTML], page=PAGE, act=lambda decision: decision.withdraw())
    assert answer.body == GATED


def test_where_the_policy_does_not_apply_a_page_is_left_alone(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["html"] = {"third_party_hosts": "withhold"}
    assert open_site(policy, applies=lambda request: False).visit(answers=[HTML], page=PAGE).body == PAGE


@pytest.mark.parametrize("status", [400, 404, 418, 500, 503])
def test_error_pages_are_gated(site: Site, status: int) -> None:
    answer = site.visit(status=status, answers=[HTML], page=PAGE)
    assert (answer.status, answer.body) == (status, GATED)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "TEXT/HTML",
        "text/html ; charset=UTF-8",
        'text/html;charset="utf-8"',
        "text/html; charset=windows-1252",
        "text/html; charset=no-such-thing",
        "text/plain, text/html",
    ],
)
def test_whatever_browsers_read_as_html_is_a_page(site: Site, content_type: str) -> None:
    assert site.visit(answers=[("Content-Type", content_type)], page=PAGE).body == GATED


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/css",
        "text/plain; charset=utf-8",
        "application/javascript",
        "text/htmlx",
        "x-text/html",
        "text/html, text/plain",
        "",
        None,
    ],
)
def test_what_is_no_page_leaves_as_it_came(site: Site, content_type: str | None) -> None:
    headers = [("Cache-Control", "public, max-age=600"), ("ETag", '"abc"'), ("Content-Length", str(len(PAGE)))]
    if content_type is None:
        skip_if_checked(site)
    else:
        headers.append(("Content-Type", content_type))
    answer = site.visit(answers=headers, page=PAGE)
    assert answer.body == PAGE
    assert {name.lower(): value for name, value in answer.headers} == {n.lower(): v for n, v in headers}


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, [HTML, ("Content-Range", "bytes 0-9/100")]),
        (200, [("Content-Type", "application/xhtml+xml")]),
        (200, [HTML, ("Cache-Control", "public, no-transform")]),
    ],
)
def test_what_may_not_be_changed_for_anybody_leaves_as_it_came_and_loudly(
    site: Site, caplog: pytest.LogCaptureFixture, status: int, headers: list[tuple[str, str]]
) -> None:
    headers = [*headers, ("ETag", '"abc"'), ("Content-Length", str(len(PAGE)))]
    for _ in range(2):
        answer = site.visit(status=status, answers=headers, page=PAGE)
        assert answer.body == PAGE
        assert {n.lower(): v for n, v in answer.headers} == {n.lower(): v for n, v in headers}
    assert len(said(caplog, "consent.H001")) == 1


@pytest.mark.parametrize(
    ("charset", "codec"), [("utf-16", "utf-16"), ("utf-16le", "utf-16le"), ("iso-2022-jp", "iso2022_jp")]
)
def test_an_encoding_that_hides_markup_passes_loudly(
    site: Site, caplog: pytest.LogCaptureFixture, charset: str, codec: str
) -> None:
    page = PAGE.decode().encode(codec)
    for _ in range(2):
        answer = site.visit(answers=[("Content-Type", f"text/html; charset={charset}")], page=page)
        assert answer.body == page
    assert len(said(caplog, "consent.H002")) == 1


@pytest.mark.parametrize(("status", "headers"), [(204, []), (304, [("ETag", '"abc"')]), (304, [HTML])])
def test_a_status_without_a_body_has_none(site: Site, status: int, headers: list[tuple[str, str]]) -> None:
    if HTML in headers:
        skip_if_checked(site)
    answer = site.visit(status=status, answers=headers)
    assert (answer.status, answer.body) == (status, b"")


def test_a_policy_whose_scripts_are_all_necessary_changes_nothing(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["services"] = [service for service in policy["services"] if service["category"] == "necessary"]
    headers = [HTML, ("ETag", '"abc"'), ("Cache-Control", "public, max-age=60")]
    answer = open_site(policy).visit(answers=headers, page=PAGE)
    assert answer.body == PAGE
    assert (answer.get("etag"), answer.get("cache-control"), answer.get("vary")) == (
        '"abc"',
        "public, max-age=60",
        None,
    )


def test_our_own_pages_keep_their_length_and_are_not_gated(site: Site) -> None:
    answer = site.visit("/_consent/settings")
    assert answer.get("content-length") == str(len(answer.body))
    assert b"data-consent-category" not in answer.body


# Length, HEAD, and what is only true of the application's own bytes


def test_a_page_known_at_once_leaves_with_its_length(site: Site) -> None:
    answer = site.visit(answers=[HTML, ("Content-Length", str(len(PAGE)))], page=PAGE)
    assert answer.all("content-length") == [str(len(GATED))]


def test_a_page_that_streams_has_no_length_and_is_gated(site: Site) -> None:
    answer = site.visit(answers=[HTML], page=[PAGE[:60], PAGE[60:]])
    assert answer.body == GATED
    assert answer.get("content-length") is None


def test_a_large_declared_length_goes_when_the_page_streams(site: Site) -> None:
    pieces = [PAGE, b"x" * 400_000, PAGE]
    answer = site.visit(answers=[HTML, ("Content-Length", str(sum(map(len, pieces))))], page=pieces)
    assert answer.body == GATED + b"x" * 400_000 + GATED
    assert answer.get("content-length") is None


def test_a_small_declared_length_is_never_wrong(site: Site) -> None:
    answer = site.visit(answers=[HTML, ("Content-Length", str(len(PAGE)))], page=[PAGE[:60], PAGE[60:]])
    assert answer.body == GATED
    assert answer.get("content-length") in (None, str(len(GATED)))


@pytest.mark.parametrize("has_consented", [False, True])
def test_head_has_the_headers_of_get_but_for_an_unknown_length(
    site: Site, consenting: Site, has_consented: bool
) -> None:
    visitor = consenting if has_consented else site
    headers = [HTML, ("ETag", '"abc"'), ("Content-Length", str(len(PAGE))), ("Accept-Ranges", "bytes")]
    got = visitor.visit(answers=headers, page=PAGE)
    head = visitor.visit(answers=headers, page=b"", method="HEAD")
    assert head.body == b""

    def others(answer: Any) -> dict[str, str]:
        return {n.lower(): v for n, v in answer.headers if n.lower() != "content-length"}

    assert others(head) == others(got)
    assert head.get("content-length") == (str(len(PAGE)) if has_consented else None)


OF_THE_BYTES = [
    ("Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
    ("Content-Digest", "sha-256=:AAAA:"),
    ("Repr-Digest", "sha-256=:AAAA:"),
    ("Accept-Ranges", "bytes"),
    ("Last-Modified", "Sat, 21 Nov 2026 10:00:00 GMT"),
]


def test_what_is_only_true_of_the_applications_bytes_goes_where_they_may_change(site: Site, consenting: Site) -> None:
    withheld = site.visit(answers=[HTML, *OF_THE_BYTES], page=PLAIN_PAGE)
    whole = consenting.visit(answers=[HTML, *OF_THE_BYTES], page=PLAIN_PAGE)
    for name, value in OF_THE_BYTES:
        assert withheld.get(name.lower()) is None
        assert whole.get(name.lower()) == value


# Streams


def test_the_output_does_not_depend_on_how_the_page_was_cut(site: Site) -> None:
    page = PAGE + VIDEO + PAGE
    site.choose("reject-all")  # whoever has not chosen gets a page with a mark of its own
    whole = site.visit(answers=[HTML], page=page).body
    assert b"cm-embed" in whole
    for size in (1, 7, 64, 1000):
        pieces = [page[at : at + size] for at in range(0, len(page), size)]
        assert site.visit(answers=[HTML], page=pieces).body == whole


def test_empty_pieces_do_no_harm(site: Site) -> None:
    assert site.visit(answers=[HTML], page=[b"", PAGE[:55], b"", b"", PAGE[55:], b""]).body == GATED
    assert site.visit(answers=[HTML], page=[]).body == b""


# Headers that load


LINKS: list[tuple[str, str | None]] = [
    ("<https://stats.example.net/a.js>; rel=preload; as=script", None),
    ("<https://stats.example.net>; rel=preconnect", None),
    ("<//stats.example.net>; rel=dns-prefetch", None),
    ('<https://stats.example.net/a.js>; rel="modulepreload"', None),
    ("<https://stats.example.net/>; rel=canonical", "<https://stats.example.net/>; rel=canonical"),
    ("<https://cdn.example.net/a.css>; rel=preload", "<https://cdn.example.net/a.css>; rel=preload"),
    (
        '</a,b.css>; rel=preload, <https://stats.example.net/a,b.js>; title="a, b"; rel=preload',
        "</a,b.css>; rel=preload",
    ),
]


@pytest.mark.parametrize(("link", "left"), LINKS)
@pytest.mark.parametrize("content_type", ["text/html", "text/css"])
def test_link_headers_to_what_is_withheld_do_not_leave(
    site: Site, consenting: Site, link: str, left: str | None, content_type: str
) -> None:
    answers = [("Content-Type", content_type), ("Link", link), ("Cache-Control", "public")]
    answer = site.visit(answers=answers, page=PLAIN_PAGE)
    assert answer.get("link") == left
    allowed = consenting.visit(answers=answers, page=PLAIN_PAGE)
    assert allowed.get("link") == link
    # What one visitor's consent lets through must not reach another from a shared cache.
    if left != link or content_type == "text/html":
        assert is_one_visitors(answer)
        assert is_one_visitors(allowed)
    else:
        assert answer.get("cache-control") == allowed.get("cache-control") == "public"


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("Refresh", "0; url=https://stats.example.net/t", None),
        ("Refresh", '5;URL="https://stats.example.net/t"', None),
        ("Refresh", "5", "5"),
        ("Refresh", "5; url=/next", "5; url=/next"),
        ("Speculation-Rules", '"https://stats.example.net/rules.json"', None),
        ("Speculation-Rules", '"/rules.json", "https://stats.example.net/r.json"', '"/rules.json"'),
    ],
)
def test_refresh_and_speculation_rules_to_what_is_withheld_do_not_leave(
    site: Site, consenting: Site, name: str, value: str, left: str | None
) -> None:
    assert site.visit(answers=[HTML, (name, value)], page=PLAIN_PAGE).get(name.lower()) == left
    assert consenting.visit(answers=[HTML, (name, value)], page=PLAIN_PAGE).get(name.lower()) == value


# Settings


def test_undeclared_hosts_are_withheld_from_everybody_where_the_policy_says_so(
    open_site: OpenSite, policy: dict[str, Any]
) -> None:
    policy["html"] = {"third_party_hosts": "withhold", "own_hosts": ["own.example.com"]}
    page = b'<img src="https://nobody.example.com/p.gif"><img src="https://own.example.com/q.gif"><img src="/r.gif">'
    link = "<https://nobody.example.com>; rel=preconnect, <https://own.example.com>; rel=preconnect"
    site = open_site(policy)
    for _ in range(2):
        answer = site.visit(answers=[HTML, ("Link", link)], page=page)
        assert b' src="https://nobody' not in answer.body
        assert b' src="https://own' in answer.body
        assert b' src="/r.gif"' in answer.body
        assert answer.get("link") == "<https://own.example.com>; rel=preconnect"
        site.choose("save", *policy["categories"])


def test_undeclared_hosts_are_reported_where_the_policy_says_so(
    open_site: OpenSite, policy: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    policy["html"] = {"third_party_hosts": "report"}
    page = b'<img src="https://nobody.example.com/p.gif?secret=1">'
    site = open_site(policy)
    for _ in range(2):
        assert site.visit(answers=[HTML], page=page).body == page
    [message] = said(caplog, "consent.H003")
    assert "nobody.example.com" in message
    assert "secret" not in message


@pytest.mark.parametrize("page", [PAGE, [PAGE[:60], PAGE[60:]], gzip.compress(PAGE)])
def test_report_mode_changes_nothing_and_says_what_it_would(
    open_site: OpenSite, policy: dict[str, Any], caplog: pytest.LogCaptureFixture, page: bytes | list[bytes]
) -> None:
    caplog.set_level(logging.INFO, "consent_middleware")
    policy["policy"]["mode"] = "report"
    size = len(page) if isinstance(page, bytes) else len(PAGE)
    headers = [HTML, ("ETag", '"abc"'), ("Content-Length", str(size)), ("Link", LINKS[0][0]), *OF_THE_BYTES]
    if isinstance(page, bytes) and page != PAGE:
        headers.append(("Content-Encoding", "gzip"))
    answer = open_site(policy).visit(answers=headers, page=page)
    assert answer.body == (page if isinstance(page, bytes) else PAGE)
    assert sorted((n.lower(), v) for n, v in answer.headers) == sorted((n.lower(), v) for n, v in headers)
    [message] = said(caplog, "consent.H004")
    assert "stats.example.net" in message


def test_data_consent_works_where_the_gate_is_asked_for(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["services"] = []
    page = b"<script data-consent=analytics>go()</script>"
    assert open_site(policy).visit(answers=[HTML], page=page).body == page
    policy["html"] = {"gate": True}
    assert open_site(policy).visit(answers=[HTML], page=page).body != page
