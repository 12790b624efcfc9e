"""Pages pass through the HTML gate on their way out, through every front door, and everything else passes beside it."""

from __future__ import annotations

import gzip
import logging
import re
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from consent_middleware.html.machine import Machine
from consent_middleware.html.stream import Stream
from consent_middleware.markup import Markup
from support.doors import LintedWSGI, ValidatedWSGI
from support.site import Site

OpenSite = Callable[..., Site]

HTML = ("Content-Type", "text/html; charset=utf-8")
NAVIGATION = [("Sec-Fetch-Dest", "document")]
TRACKER = b'<script src="https://stats.example.net/a.js"></script>'
INERT = b'<script type=text/plain data-consent-category=analytics  data-consent-src="https://stats.example.net/a.js"></script>'
PAGE = b"<!doctype html><title>Shop</title><p>before</p>" + TRACKER + b"<p>after</p>"
GATED = PAGE.replace(TRACKER, INERT)
PLAIN_PAGE = b"<!doctype html><title>Shop</title><p>nothing to see</p>"
VIDEO = b'<iframe src="https://video.example.net/e/1" title="A film" width="560" height="315"></iframe>'


@pytest.fixture
def policy(policy: dict[str, Any]) -> dict[str, Any]:
    policy["services"] = [
        {
            "id": "own-stats",
            "name": "Own statistics",
            "provider": "Example SARL",
            "category": "analytics",
            "scripts": ["stats.example.net/"],
            "inline": ["ownstats("],
        },
        {
            "id": "own-videos",
            "name": "Videos",
            "provider": "Example SARL",
            "category": "marketing",
            "scripts": ["video.example.net/"],
        },
        {
            "id": "own-cdn",
            "name": "CDN",
            "provider": "Example SARL",
            "category": "necessary",
            "scripts": ["cdn.example.net/"],
        },
    ]
    return policy


@pytest.fixture
def site(open_site: OpenSite, policy: dict[str, Any]) -> Site:
    return open_site(policy)


@pytest.fixture
def consenting(open_site: OpenSite, policy: dict[str, Any]) -> Site:
    site = open_site(policy)
    site.choose("save", *policy["categories"])
    return site


def skip_if_checked(site: Site) -> None:
    if isinstance(site.door, ValidatedWSGI | LintedWSGI):
        pytest.skip("the checker itself refuses it")


def said(caplog: pytest.LogCaptureFixture, code: str) -> list[str]:
    return [text for text in map(logging.LogRecord.getMessage, caplog.records) if text.startswith(f"{code}: ")]


def is_one_visitors(answer: Any) -> bool:
    return "cookie" in (answer.get("vary") or "").lower() and "private" in (answer.get("cache-control") or "")


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


# Compressed pages


def deflate(plain: bytes, wbits: int) -> bytes:
    compressor = zlib.compressobj(wbits=wbits)
    return compressor.compress(plain) + compressor.flush()


CODINGS: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(PAGE)),
    "x-gzip": ("X-GZIP", gzip.compress(PAGE)),
    "several members": ("gzip", gzip.compress(PAGE[:40]) + gzip.compress(PAGE[40:90]) + gzip.compress(PAGE[90:])),
    "rubbish behind": ("gzip", gzip.compress(PAGE) + b"\0" * 40),
    "zlib": ("deflate", zlib.compress(PAGE)),
    "bare deflate": ("deflate", deflate(PAGE, -15)),
    "stored deflate": ("deflate", zlib.compress(PAGE, 0)),
}


def decoded(coding: str, body: bytes) -> bytes:
    wbits = 31 if "gzip" in coding else 15 if body[:1] == b"\x78" else -15
    decoder = zlib.decompressobj(wbits)
    plain = decoder.decompress(body)
    assert decoder.eof
    assert not decoder.unused_data
    return plain


@pytest.mark.parametrize("case", CODINGS)
@pytest.mark.parametrize("size", [1, 13, None])
def test_compressed_pages_are_gated(site: Site, case: str, size: int | None) -> None:
    coding, body = CODINGS[case]
    pieces = body if size is None else [body[at : at + size] for at in range(0, len(body), size)]
    headers = [HTML, ("Content-Encoding", coding), ("Content-Length", str(len(body)))]
    answer = site.visit(answers=headers[: 2 if size else 3], page=pieces)
    assert decoded(coding.lower(), answer.body) == GATED
    assert answer.get("content-encoding") == coding
    if size is None:
        assert answer.get("content-length") == str(len(answer.body))


@pytest.mark.parametrize("cut", [30, 80])
def test_a_truncated_compressed_page_goes_as_far_as_it_goes(site: Site, cut: int) -> None:
    body = gzip.compress(PAGE)[:cut]
    expected = zlib.decompressobj(31).decompress(body)
    answer = site.visit(answers=[HTML, ("Content-Encoding", "gzip")], page=body)
    plain = decoded("gzip", answer.body)
    assert PAGE.startswith(expected)
    assert plain == expected or GATED.startswith(plain)


def test_a_corrupt_compressed_page_ends_where_it_breaks(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    compressor = zlib.compressobj(wbits=31)
    fine = compressor.compress(b"<p>fine</p><scr") + compressor.flush(zlib.Z_SYNC_FLUSH)
    for pieces in ([fine, b"\xff" * 40], [fine, b"\xff" * 40, b"<p>plain</p>"], [*(fine + b"\xff" * 40)]):
        page = [piece if isinstance(piece, bytes) else bytes([piece]) for piece in pieces]
        answer = site.visit(answers=[HTML, ("Content-Encoding", "gzip")], page=page)
        assert answer.status == 200
        assert decoded("gzip", answer.body) == b"<p>fine</p><scr"
    assert len(said(caplog, "consent.H005")) == 1


def test_an_empty_compressed_page_stays_empty(site: Site) -> None:
    assert site.visit(answers=[HTML, ("Content-Encoding", "gzip")], page=b"").body == b""


def test_a_compressed_page_streams(site: Site) -> None:
    compressor = zlib.compressobj(wbits=31)
    first = compressor.compress(b"<p>one</p>") + compressor.flush(zlib.Z_SYNC_FLUSH)
    second = compressor.compress(TRACKER) + compressor.flush()
    answer = site.visit(answers=[HTML, ("Content-Encoding", "gzip")], page=[first, second])
    assert decoded("gzip", answer.body) == b"<p>one</p>" + INERT


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "compress"])
def test_a_coding_that_cannot_be_read_passes_loudly(site: Site, caplog: pytest.LogCaptureFixture, coding: str) -> None:
    for _ in range(2):
        answer = site.visit(answers=[HTML, ("Content-Encoding", coding)], page=PAGE)
        assert (answer.body, answer.get("content-encoding")) == (PAGE, coding)
        assert is_one_visitors(answer)
    assert len(said(caplog, "consent.H001")) == 1


@pytest.mark.parametrize(
    ("destination", "asked", "shown"),
    [
        ("document", "gzip, deflate, br, zstd", "gzip, deflate"),
        ("iframe", "br", "identity"),
        ("empty", "gzip;q=0.5, br;q=1.0, *;q=0", "gzip;q=0.5"),
        (None, "gzip, br", "gzip"),
        ("document", "gzip, deflate", "gzip, deflate"),
        ("style", "gzip, br", "gzip, br"),
        ("image", "gzip, br", "gzip, br"),
        ("script", "gzip, br", "gzip, br"),
    ],
)
def test_pages_are_asked_for_in_a_coding_that_can_be_read(
    site: Site, destination: str | None, asked: str, shown: str
) -> None:
    headers = [("Accept-Encoding", asked), *([("Sec-Fetch-Dest", destination)] if destination else [])]
    site.visit(headers=headers)
    assert site.seen_field("accept-encoding") == shown


@pytest.mark.parametrize(
    ("destination", "shown"), [("document", "gzip, br"), ("iframe", "gzip, br"), ("empty", "gzip"), (None, "gzip")]
)
def test_who_consented_gets_pages_in_any_coding_and_what_scripts_ask_for_in_one_that_can_be_read(
    consenting: Site, destination: str | None, shown: str
) -> None:
    """What a script asks for is most often data, for which nothing about the visitor is looked up."""
    consenting.visit(
        headers=[("Accept-Encoding", "gzip, br"), *([("Sec-Fetch-Dest", destination)] if destination else [])]
    )
    assert consenting.seen_field("accept-encoding") == shown


# Validators


def test_the_entity_tag_of_a_page_names_the_variant(site: Site, consenting: Site) -> None:
    tags = {visitor.visit(answers=[HTML, ("ETag", '"abc"')], page=PAGE).get("etag") for visitor in (site, consenting)}
    assert len(tags) == 2
    assert all(tag is not None and re.fullmatch(r'"abc--consent-[0-9a-f]{8}"', tag) for tag in tags)


@pytest.mark.parametrize("tag", ['"abc"', 'W/"abc"', '""', '"a,b"'])
def test_a_page_can_be_revalidated_by_who_has_it(site: Site, tag: str) -> None:
    etag = site.visit(answers=[HTML, ("ETag", tag)], page=PAGE).get("etag")
    assert etag is not None
    answer = site.visit(
        status=304,
        answers=[("ETag", tag)],
        headers=[*NAVIGATION, ("If-None-Match", etag), ("If-Modified-Since", "Sat, 21 Nov 2026 10:00:00 GMT")],
    )
    assert site.seen_field("if-none-match") == tag
    assert site.seen_field("if-modified-since") is None
    assert (answer.status, answer.get("etag")) == (304, etag)
    assert is_one_visitors(answer)


def test_another_variants_tag_is_not_shown(site: Site) -> None:
    before = site.visit(answers=[HTML, ("ETag", '"abc"')], page=PAGE).get("etag")
    assert before is not None
    site.choose("save", "analytics", "marketing")
    site.visit(headers=[*NAVIGATION, ("If-None-Match", before)], answers=[HTML], page=PAGE)
    assert site.seen_field("if-none-match") is None
    after = site.visit(answers=[HTML, ("ETag", '"abc"')], page=PAGE).get("etag")
    site.visit(headers=[*NAVIGATION, ("If-None-Match", f"{before}, {after}")], answers=[HTML], page=PAGE)
    assert site.seen_field("if-none-match") == '"abc"'


@pytest.mark.parametrize("destination", ["style", "script", "image", "font", "empty"])
def test_tags_and_dates_of_what_is_no_page_are_shown(site: Site, destination: str) -> None:
    since = "Sat, 21 Nov 2026 10:00:00 GMT"
    site.visit(headers=[("Sec-Fetch-Dest", destination), ("If-None-Match", 'W/"abc"'), ("If-Modified-Since", since)])
    assert site.seen_field("if-none-match") == 'W/"abc"'
    if destination != "empty":
        assert site.seen_field("if-modified-since") == since


def test_any_tag_at_all_is_shown(site: Site) -> None:
    site.visit(headers=[*NAVIGATION, ("If-None-Match", "*")])
    assert site.seen_field("if-none-match") == "*"


OLD = [("If-None-Match", '"abc"'), ("If-Modified-Since", "Sat, 21 Nov 2026 10:00:00 GMT")]


@pytest.mark.parametrize("how", [NAVIGATION, [("Accept", "text/html,application/xhtml+xml")]])
def test_what_a_browser_kept_from_before_the_gate_is_not_revived(
    site: Site, consenting: Site, how: list[tuple[str, str]]
) -> None:
    """An unmarked tag, or a date alone, may stand for a page with live trackers in it."""
    site.visit(headers=[*how, *OLD])
    assert (site.seen_field("if-none-match"), site.seen_field("if-modified-since")) == (None, None)
    consenting.visit(headers=[*how, *OLD])
    assert (consenting.seen_field("if-none-match"), consenting.seen_field("if-modified-since")) == (
        OLD[0][1],
        OLD[1][1],
    )


def test_a_304_after_a_withdrawal_in_the_same_request_keeps_the_name_of_what_the_browser_has(consenting: Site) -> None:
    etag = consenting.visit(answers=[HTML, ("ETag", '"abc"')], page=PAGE).get("etag")
    assert etag is not None
    answer = consenting.visit(
        status=304,
        answers=[("ETag", '"abc"')],
        headers=[("If-None-Match", etag)],
        act=lambda decision: decision.withdraw(),
    )
    assert answer.get("etag") == etag
    consenting.visit(headers=[("If-None-Match", etag)])
    assert consenting.seen_field("if-none-match") is None


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


# Placeholders


def test_a_withheld_embed_can_be_loaded_by_its_own_button(site: Site) -> None:
    path = "/films?a=1&b=%22%3E"
    answer = site.visit(path, answers=[HTML], page=VIDEO)
    form = re.search(rb'<form class="cm-embed" method="post" action="([^"]*)">(.*?)</form>', answer.body)
    assert form is not None
    assert form[1] == b"/_consent/choice?language=en"
    assert b"A film (video.example.net)" in form[2]
    assert b'<canvas width="560" height="315"' in form[2]
    fields = [(n.decode(), unescaped(v)) for n, v in re.findall(rb'name="(\w+)" value="([^"]*)"', form[2])]
    sent = site.send_form(fields)
    assert (sent.status, sent.get("location")) == (303, path)
    assert site.visit(path, answers=[HTML], page=VIDEO).body == VIDEO


def unescaped(value: bytes) -> str:
    return value.decode().replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_a_placeholder_speaks_the_visitors_language(site: Site) -> None:
    french = site.visit(answers=[HTML], page=VIDEO, headers=[("Accept-Language", "fr-CH, en;q=0.5")]).body
    assert b'lang="fr"' in french
    tags = {
        site.visit(answers=[HTML, ("ETag", '"a"')], page=VIDEO, headers=[("Accept-Language", language)]).get("etag")
        for language in ("fr", "en", "de", "de-CH", "xx")
    }
    assert len(tags) == 3


def test_a_placeholder_leads_to_the_mount_point(site: Site) -> None:
    answer = site.visit("/films", root="/shop", answers=[HTML], page=VIDEO)
    assert b'action="/shop/_consent/choice?language=en"' in answer.body
    assert b'name="next" value="/shop/films"' in answer.body
    style = re.search(rb'href="(/shop/_consent/assets/embed-[0-9a-f]{12}\.css)"', answer.body)
    assert style is not None
    sheet = site.visit(style[1].decode().removeprefix("/shop"), root="/shop")
    assert sheet.status == 200
    assert sheet.get("content-type") == "text/css; charset=utf-8"
    assert "immutable" in (sheet.get("cache-control") or "")
    assert sheet.get("vary") == "Accept-Encoding"  # and never Cookie: everybody gets the same


def test_undeclared_embeds_have_no_placeholder(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["html"] = {"third_party_hosts": "withhold"}
    body = open_site(policy).visit(answers=[HTML], page=b'<iframe src="https://nobody.example.com/"></iframe>').body
    assert b"<form" not in body
    assert b' src="https' not in body


# Faults


class Broken(Exception):
    """What an error in our own code looks like."""


def break_gate(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let the gate of a page fail at its ``at``-th chunk, with what it was fed already in its hands."""
    chunks = 0
    extend = Stream.extend

    def broken(self: Stream, chunk: bytes) -> Any:
        nonlocal chunks
        chunks += 1
        extend(self, chunk)
        if chunks == at:
            raise Broken
        return self.buffer

    monkeypatch.setattr(Stream, "extend", broken)


PIECES = [b"<p>one</p>", b"<p>two</p><scr", b"ipt src=/own.js></script>", b"<p>end</p>"]


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("on_fault", ["pass", "withhold"])
def test_a_fault_in_the_gate_is_no_error_page(
    open_site: OpenSite,
    policy: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    at: int,
    is_compressed: bool,
    on_fault: str,
) -> None:
    policy["html"] = {"on_fault": on_fault}
    site = open_site(policy)
    break_gate(monkeypatch, at)
    headers, pieces = [HTML], PIECES
    if is_compressed:
        headers = [HTML, ("Content-Encoding", "gzip")]
        compressor = zlib.compressobj(wbits=31)
        pieces = [compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH) for piece in PIECES]
        pieces.append(compressor.flush())
    answer = site.visit(answers=headers, page=pieces)
    body = decoded("gzip", answer.body) if is_compressed else answer.body
    assert answer.status == 200
    if on_fault == "pass":
        assert body == b"".join(PIECES)
    else:
        assert body == b"".join(PIECES[: at - 1]).removesuffix(b"<scr")
    assert len(said(caplog, "consent.fault")) == 1


@pytest.mark.parametrize("on_fault", ["pass", "withhold"])
def test_a_fault_at_the_end_of_a_page_loses_nothing(
    open_site: OpenSite,
    policy: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    on_fault: str,
) -> None:
    def broken(self: Machine) -> bytes:
        raise Broken

    policy["html"] = {"on_fault": on_fault}
    site = open_site(policy)
    monkeypatch.setattr(Machine, "close", broken)
    answer = site.visit(answers=[HTML], page=[b"<p>one</p>", b"<scr"])
    assert answer.body == (b"<p>one</p><scr" if on_fault == "pass" else b"<p>one</p>")
    assert len(said(caplog, "consent.fault")) == 1


@pytest.mark.parametrize("on_fault", ["pass", "withhold"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_fault_in_the_headers_of_a_page_is_no_error_page(
    open_site: OpenSite,
    policy: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    on_fault: str,
    coding: str,
) -> None:
    def broken(*args: object) -> Any:
        raise Broken

    policy["html"] = {"on_fault": on_fault}
    site = open_site(policy)
    monkeypatch.setattr(Markup, "headers", broken)
    page = gzip.compress(PAGE) if coding == "gzip" else PAGE
    answer = site.visit(answers=[HTML, ("Content-Encoding", coding), ("Content-Length", str(len(page)))], page=page)
    assert answer.status == 200
    assert answer.body == (page if on_fault == "pass" else b"")
    assert answer.all("content-length") == [str(len(answer.body))]
    assert len(said(caplog, "consent.fault")) == 1
    assert site.visit(answers=[("Content-Type", "application/json")], page=b"{}").body == b"{}"


def test_a_fault_in_a_placeholder_costs_only_the_placeholder(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> Any:
        raise Broken

    monkeypatch.setattr(Markup, "_stand_in", broken)
    body = site.visit(answers=[HTML], page=VIDEO + TRACKER).body
    assert b"<form" not in body
    assert body.endswith(INERT)
    assert b' src="https' not in body
    assert len(said(caplog, "consent.fault")) == 1
