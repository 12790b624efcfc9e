"""Validators of a page name its variant, and those of another visitor's are not shown to the application."""

from __future__ import annotations

import re

import pytest

from support.gated_pages import (
    HTML,
    NAVIGATION,
    PAGE,
    is_one_visitors,
)
from support.site import Site


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
