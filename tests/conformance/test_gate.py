"""What may leave and what may be seen, before and after the choice."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import pytest

from consent_middleware import Decision
from support.doors import Door, RawASGI, RawWSGI
from support.site import NOON, Site

TWO_YEARS = 2 * 365 * 86400
THIRTEEN_MONTHS = int(datetime(2027, 12, 21, 12, tzinfo=UTC).timestamp()) - NOON

TEXT = ("Content-Type", "text/plain")

OpenSite = Callable[..., Site]


def max_age(line: str) -> int | None:
    found = re.search(r"Max-Age=(-?\d+)", line)
    return int(found[1]) if found else None


def test_before_the_choice_only_necessary_cookies_leave(site: Site) -> None:
    answer = site.visit(sets=["session=s; Path=/", "_ga=1", "_ads=2; Max-Age=63072000", "nobody=3", "theme=dark"])
    assert answer.set_cookies == ["session=s; Path=/"]


@pytest.mark.parametrize("status", [200, 204, 302, 304, 404, 500])
def test_cookies_are_withheld_whatever_the_status(site: Site, status: int) -> None:
    answer = site.visit(sets=["_ga=1", "session=s"], status=status)
    assert (answer.status, answer.cookie_names) == (status, ["session"])


def test_after_accepting_all_the_two_year_cookie_arrives_with_thirteen_months(site: Site) -> None:
    site.choose("accept-all")
    line, _ = site.visit(sets=[f"_ads=2; Max-Age={TWO_YEARS}; Path=/; HttpOnly"]).set_cookies
    assert max_age(line) == THIRTEEN_MONTHS
    assert line.startswith("_ads=2; Path=/; HttpOnly; Max-Age=")


def test_a_declared_lifetime_shorter_than_the_cap_is_kept(site: Site) -> None:
    site.choose("accept-all")
    line, _ = site.visit(sets=["theme=dark; Max-Age=31536000"]).set_cookies
    assert max_age(line) == 30 * 86400


def test_necessary_cookies_are_capped_as_well(site: Site) -> None:
    [line] = site.visit(sets=["basket=1; Max-Age=99999999"]).set_cookies
    assert max_age(line) == 30 * 86400


@pytest.mark.parametrize(
    "line",
    ["session=a b; path=/;  HttpOnly", 'session="q"; Path=/; SameSite=lax', "session=x; Max-Age=60; X-Unknown=1"],
)
def test_what_is_allowed_and_canonical_leaves_byte_identical(site: Site, line: str) -> None:
    assert site.visit(sets=[line]).set_cookies == [line]


def test_order_and_duplicates_stay(site: Site) -> None:
    lines = ["session=1; Path=/a", "basket=2", "session=3; Path=/b", "session=1; Path=/a"]
    assert site.visit(sets=[*lines[:2], "_ga=x", *lines[2:]]).set_cookies == lines


def test_a_deletion_always_passes(site: Site) -> None:
    lines = ["_ga=; Max-Age=0; Path=/", "nobody=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"]
    assert site.visit(sets=lines).set_cookies == lines


@pytest.mark.parametrize(
    "line", ["_ga=1; Expires=0", "_ga=; Max-Age=", "_ga=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60"]
)
def test_what_only_looks_like_a_deletion_does_not_pass(site: Site, line: str) -> None:
    assert site.visit(sets=[line]).set_cookies == []


def test_cookies_without_consent_are_hidden_from_the_application(site: Site) -> None:
    site.visit(carrying=["session=s", "_ga=1", "nobody=2", "basket=b"])
    assert site.script.seen == "session=s; basket=b"


def test_a_hidden_cookie_is_nowhere_in_the_request(site: Site) -> None:
    site.visit(carrying=["_ga=a-hidden-value", "session=a-shown-value", "nobody=a-hidden-value"])
    assert "a-shown-value" in repr(site.script.request)
    assert "a-hidden-value" not in repr(site.script.request)


def test_necessary_cookies_are_seen_byte_identical(site: Site) -> None:
    site.visit(carrying=['session="a b"', "basket=%20;basket=é;  session=x=y"])
    assert site.script.seen == 'session="a b"; basket=%20;basket=é;  session=x=y'


def test_after_consent_the_application_sees_them(site: Site) -> None:
    site.choose("save", "analytics")
    site.visit(carrying=["_ga=1", "_ga_ABC=2", "_ads=3"])
    assert site.script.seen_names == {"__Host-consent", "_ga", "_ga_ABC"}


def test_categories_are_independent(site: Site) -> None:
    site.choose("save", "analytics", "chat")
    answer = site.visit(sets=["_ga=1", "_ads=2", "theme=3", "chat_id=4"])
    assert answer.cookie_names == ["_ga", "chat_id"]


def test_an_exempt_category_is_on_until_the_visitor_objects(site: Site) -> None:
    assert site.visit(sets=["aud=1"]).cookie_names == ["aud"]
    site.choose("reject-all")
    assert site.visit(sets=["aud=1"]).cookie_names == []


def test_accepting_all_does_not_include_what_comes_on_request(site: Site) -> None:
    site.choose("accept-all")
    assert site.visit(sets=["chat_id=1", "_ads=1"]).cookie_names == ["_ads"]
    site.choose("grant", "chat")
    assert site.visit(sets=["chat_id=1", "_ads=1"]).cookie_names == ["chat_id", "_ads"]


@pytest.mark.parametrize(("setting", "leaves"), [("withhold", []), ("allow", ["nobody"]), ("report", ["nobody"])])
def test_undeclared_cookies_follow_the_setting(
    open_site: OpenSite, policy: dict[str, Any], setting: str, leaves: list[str]
) -> None:
    policy["policy"]["undeclared_cookies"] = setting
    site = open_site(policy)
    assert site.visit(sets=["nobody=1"]).cookie_names == leaves
    site.visit(carrying=["nobody=1"])
    assert site.script.seen_names - {"nobody"} == set()
    assert ("nobody" in site.script.seen_names) is bool(leaves)


def test_a_nameless_cookie_does_not_smuggle_in_a_name(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["undeclared_cookies"] = "allow"
    site = open_site(policy)
    assert site.visit(sets=["=_ga=1", "= _ga =1", "=free=1"]).set_cookies == ["=free=1"]


def test_report_mode_changes_nothing_on_the_wire(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["mode"] = "report"
    site = open_site(policy)
    lines = ["_ga=1; Max-Age=99999999", "nobody=1", "session=s"]
    answer = site.visit(sets=lines, carrying=["_ads=1"])
    assert answer.set_cookies == lines
    assert site.script.seen == "_ads=1"
    assert answer.get("vary") is None


def test_where_the_policy_does_not_apply_nothing_is_gated(open_site: OpenSite) -> None:
    site = open_site(applies=lambda request: request.header("x-region") == "eu")
    abroad = site.visit(
        sets=["_ga=1", "nobody=1; Max-Age=99999999"],
        carrying=["_ga=1"],
        act=lambda d: (d.allows("analytics"), d.needs_asking),
    )
    assert abroad.set_cookies == ["_ga=1", "nobody=1; Max-Age=99999999"]
    assert (site.script.seen, site.script.outcome) == ("_ga=1", (True, False))
    site.jar.clear()
    assert site.visit(sets=["_ga=1"], headers=[("X-Region", "eu")]).cookie_names == []


def test_where_a_policy_applies_to_some_only_caches_are_told(open_site: OpenSite) -> None:
    site = open_site(applies=lambda request: False)
    answer = site.visit(sets=["_ga=1"], answers=[TEXT, ("Cache-Control", "public, max-age=600")])
    assert (answer.set_cookies, answer.get("cache-control")) == (["_ga=1"], "max-age=600, private")


@pytest.mark.parametrize("door", [RawWSGI, RawASGI])  # frameworks and checkers refuse such names, some servers do not
@pytest.mark.parametrize("name", ["Set-Cookie ", "Set-Cookie\t", " set-cookie"])
def test_white_space_around_a_header_name_hides_no_cookie(door: type[Door], name: str) -> None:
    answer = Site(door).visit(answers=[TEXT, (name, "_ga=1"), (name, "session=1")])
    assert [line for key, line in answer.headers if key.strip().lower() == "set-cookie"] == ["session=1"]


def test_a_date_of_the_applications_own_stretches_no_lifetime_and_saves_no_cookie(site: Site) -> None:
    # Browsers measure Expires from the Date of the response, so these could live for years.
    sets = ["basket=1; Expires=Sat, 21 Nov 2026 13:00:00 GMT", "_ga=; Expires=Sat, 21 Nov 2026 11:00:00 GMT"]
    answer = site.visit(sets=sets, answers=[TEXT, ("Date", "Tue, 21 Nov 2006 12:00:00 GMT")])
    assert [max_age(line) for line in answer.set_cookies] == [3600, 0]


def test_an_application_may_take_its_time(site: Site) -> None:
    def work(_: Decision) -> None:
        site.clock.now += 10

    line = f"basket=1; Expires={formatdate(NOON + 10 + 30 * 86400, usegmt=True)}; Path=/"
    assert site.visit(sets=[line], act=work).set_cookies == [line]


def test_a_failing_applies_means_that_the_policy_applies(open_site: OpenSite) -> None:
    site = open_site(applies=lambda request: 1 / 0)
    assert site.visit(sets=["_ga=1", "session=s"]).cookie_names == ["session"]


def test_cookies_of_the_framework_given_as_necessary_pass(open_site: OpenSite) -> None:
    site = open_site(necessary=["sid", "pre_*"])
    assert site.visit(sets=["sid=1", "pre_x=2", "prefix=3"]).cookie_names == ["sid", "pre_x"]


# Caches


def test_a_response_that_consent_could_have_changed_says_so(site: Site) -> None:
    answer = site.visit(sets=["_ga=1"], answers=[TEXT, ("Cache-Control", "public, max-age=60"), ("Vary", "Accept")])
    assert answer.get("cache-control") == "max-age=60, private"
    assert {part.strip() for part in (answer.get("vary") or "").split(",")} == {"Accept", "Cookie", "Sec-GPC"}


def test_a_response_whose_view_asked_about_consent_says_so(site: Site) -> None:
    answer = site.visit(act=lambda decision: decision.allows("analytics"))
    assert (answer.get("vary"), answer.get("cache-control")) == ("Cookie, Sec-GPC", "private")


def test_a_response_that_consent_could_not_change_is_left_alone(site: Site) -> None:
    headers = [("Content-Type", "text/css"), ("Cache-Control", "public, max-age=31536000, immutable"), ("ETag", '"1"')]
    answer = site.visit("/static/shop.css", answers=headers, carrying=["_ga=1", "session=s"])
    assert [field for field in answer.headers if field[0].lower() != "content-length"] == [
        (name if name in dict(answer.headers) else name.lower(), value) for name, value in headers
    ]
