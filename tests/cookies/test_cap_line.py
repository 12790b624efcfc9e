from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent_middleware.cookies import SetCookie, cap_line, read_set_cookie
from support.chromium import chromium_expiry
from support.growth import grows_in_proportion
from support.lines import DAY, NOW, set_cookie_lines

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"

LATEST = NOW + 30 * DAY  # Mon, 21 Dec 2026 12:00:00 GMT
CAPPED = f"Max-Age={30 * DAY}"
GONE = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"

UNTOUCHED = [
    "a=b",
    " a=b ; Path=/;; junk ; SameSite=None;",
    "a=b; Max-Age=60",
    f"a=b; Path=/; {CAPPED}; HttpOnly",
    "a=b; Expires=Mon, 21 Dec 2026 12:00:00 GMT",
    "a=b; expires=Sun, 22 Nov 2026 12:00:00 GMT; Max-Age=60",
    "a=b; Expires=Sat, 21 Nov 2026 10:00:00 GMT; Max-Age=60",
    # Deletions, as Flask, Starlette, bottle, Falcon and Tornado write them.
    "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/",
    'a=""; expires=Sat, 21 Nov 2026 12:00:00 GMT; Max-Age=0; Path=/',
    "a=; Max-Age=-1",
    "a=; Expires=Sat, 21 Nov 2026 11:59:59 GMT",
    "a=; expires=Fri, 21 Nov 2025 12:00:00 GMT; Path=/",
    # What only looks like a lifetime.
    "a=b Max-Age=99999999",
    "a=b; \xa0Max-Age=99999999; Max-Age-x=1; Expired=0",
]

REWRITTEN = {
    # Over the cap.
    "a=b; Max-Age=63072000": f"a=b; {CAPPED}",
    " a=b;Max-Age=63072000;\tPath=/ ;; Secure": f" a=b;\tPath=/ ;; Secure; {CAPPED}",
    "a=b; Expires=Mon, 21 Dec 2026 12:00:01 GMT; x": f"a=b; x; {CAPPED}; Expires=Mon, 21 Dec 2026 12:00:00 GMT",
    "a=b; Max-Age=60; Expires=Fri, 31 Dec 9999 23:59:59 GMT": "a=b; Max-Age=60; Expires=Sat, 21 Nov 2026 12:01:00 GMT",
    "a=b; max-age=" + "9" * 1024: f"a=b; {CAPPED}",
    "a=b; Max-Age=99999999;": f"a=b;; {CAPPED}",
    # Two ways to read it, and the specification's is the one that stays.
    "a=b; Max-Age=+99999999": "a=b",
    "a=b; Max-Age=99999999999999999999x; HttpOnly": "a=b; HttpOnly",
    "a=b; Expires=Fri, 31 Dec 10000 23:59:59 GMT": "a=b",
    "a=b; Expires=06/21/2030 04:24:34 PM; Path=/": "a=b; Path=/",
    "a=b; Max-Age=-x": "a=b",
    "a=b; Expires=0": "a=b",
    "a=b; Max-Age": "a=b",
    "a=b; Max-Age=" + "9" * 5000: "a=b",
    "a=b; Max-Age=120; Max-Age=abc": "a=b; Max-Age=120",
    "a=b; Max-Age =60; x": "a=b; x; Max-Age=60",
    "a=b; Expires=Thu, 31th Dec 2026 00:00:00 GMT": f"a=b; {CAPPED}; Expires=Mon, 21 Dec 2026 12:00:00 GMT",
    "a=b; Expires=Sunday, 22-Nov-26 12:00:00 EST": f"a=b; Max-Age={DAY}; Expires=Sun, 22 Nov 2026 12:00:00 GMT",
    "a=b, c=d; Max-Age=60, e=f; Max-Age=70, g=h": "a=b, c=d",
    # A deletion for one browser is one for all.
    "a=b; Path=/; Expires=Sat, 21 Nov 2026 10:00:00 GMT; Max-Age=+60": f"a=; {GONE}; Path=/",
    " __Host-a = b; Max-Age=60; Max-Age=0; Secure;Path=/": f"__Host-a=; {GONE}; Secure;Path=/",
    "a=; Expires=Wed, 31-Dec-97 23:59:59 GMT": f"a=; {GONE}",
    "a=b; Expires=Sat, 21-Nov-26 12:00:00 GMT": f"a=; {GONE}",
    "a; Max-Age=-99999999999": f"a; {GONE}",
    "=b=c; Max-Age=-99999999999; Path=/": f"=b=c; {GONE}; Path=/",
}


def cap(line: str, latest: int = LATEST, session_only: bool = False) -> str:
    return cap_line(read(line), line, NOW, latest, session_only)


def read(line: str) -> SetCookie:
    cookie = read_set_cookie(line)
    assert cookie is not None
    return cookie


@pytest.mark.parametrize("line", UNTOUCHED)
def test_a_plain_line_within_the_cap_leaves_as_the_same_object(line: str) -> None:
    assert cap(line) is line


@pytest.mark.parametrize(("line", "rewritten"), REWRITTEN.items(), ids=range(len(REWRITTEN)))
def test_any_other_line_gets_the_one_lifetime_all_browsers_share(line: str, rewritten: str) -> None:
    assert cap(line) == rewritten
    assert cap(rewritten) is rewritten


@pytest.mark.parametrize("lifetime", ["Max-Age=60", "Expires=Sun, 22 Nov 2026 12:00:00 GMT", "Max-Age=+60", "Expires"])
@pytest.mark.parametrize("latest", [NOW - 1, NOW, LATEST])
def test_a_cookie_declared_for_the_session_loses_its_lifetime(lifetime: str, latest: int) -> None:
    assert cap(f"a=b; {lifetime}; Path=/", latest, session_only=True) == "a=b; Path=/"


@pytest.mark.parametrize("line", ["a=b; Path=/", "a=; Max-Age=0", "a=b; Expires=Sat, 21 Nov 2026 12:00:00 GMT"])
def test_session_cookies_and_deletions_are_no_business_of_a_session_rule(line: str) -> None:
    assert cap(line, NOW, session_only=True) is line


@pytest.mark.parametrize("latest", [NOW, NOW - 1, 0])
def test_a_cookie_whose_time_is_over_is_deleted(latest: int) -> None:
    assert cap("a=b; Max-Age=60; Path=/", latest) == f"a=; {GONE}; Path=/"
    assert cap("a=b; Path=/", latest) == "a=b; Path=/"


def test_the_last_permitted_second_is_permitted() -> None:
    assert cap("a=b; Max-Age=61", NOW + 60) == "a=b; Max-Age=60"
    assert (line := "a=b; Max-Age=60") is cap(line, NOW + 60)
    assert cap("a=b; Max-Age=2", NOW + 1) == "a=b; Max-Age=1"


def test_without_a_cap_to_speak_of_a_lifetime_is_still_plain() -> None:
    assert cap("a=b; Max-Age=" + "9" * 30, 10**40) == "a=b; Max-Age=9999999999"


def without_lifetimes(line: str) -> list[str]:
    """Every octet of a line but its lifetimes, found another way than the gate finds them."""
    pair, *attributes = line.split(";")
    kept = [a for a in attributes if a.partition("=")[0].strip(" \t").lower() not in ("max-age", "expires")]
    return [pair, *kept]


@given(set_cookie_lines, st.integers(NOW - DAY, NOW + 400 * DAY), st.booleans())
@example("a=b; Max-Age=99999999999999999999x", LATEST, False)
@example("a=b; Max-Age=" + "0" * 1020 + "60; Max-Age=+5", LATEST, False)
def test_whatever_comes_no_browser_keeps_it_too_long(line: str, latest: int, session_only: bool) -> None:
    cookie = read_set_cookie(line)
    if cookie is None:
        return
    out = cap_line(cookie, line, NOW, latest, session_only)
    result = read(out)
    expiry = result.expiry(NOW)

    assert cap_line(result, out, NOW, latest, session_only) is out
    assert result.lifetime.is_plain
    assert chromium_expiry(out, NOW) == expiry
    assert result.name == cookie.name
    if cookie.is_deletion(NOW):
        assert result.is_deletion(NOW)
    elif cookie.expiry(NOW) is None or session_only:
        assert expiry is None
    else:
        assert expiry is not None
        assert expiry <= max(latest, NOW)
        assert expiry <= (cookie.expiry(NOW) or 0)
    if result.is_deletion(NOW):
        assert without_lifetimes(out)[1:] == without_lifetimes(line)[1:]
    else:
        assert without_lifetimes(out) == without_lifetimes(line)
        assert result.value == cookie.value


@given(set_cookie_lines)
def test_a_plain_lifetime_is_the_same_for_the_specification_and_for_chromium(line: str) -> None:
    cookie = read_set_cookie(line)
    if cookie is not None and cookie.lifetime.is_plain:
        assert cookie.expiry(NOW) == chromium_expiry(line, NOW)


DISPUTED = {
    "a=b; Max-Age=+3600": 3600,
    "a=b; Max-Age=99999999999999999999x": 400 * DAY,
    "a=b; Max-Age=120; Max-Age=abc": None,
    "a=b; Expires=Sat, 21 Nov 2026 14:00:00 GMT; Expires=junk": None,
    "a=b; Max-Age=-x": None,
    "a=b; Expires=Fri, 31 Dec 10000 23:59:59 GMT": 400 * DAY,
    "a=b; Expires=Mon, 01 Jan 1600 00:00:00 GMT": -NOW,
    "a=b; Expires=Thu, 31th Dec 2026 00:00:00 GMT": None,
    "a=b; Expires=Wed, 30 Feb 2028 00:00:00 GMT": None,
    "a=b; Expires=26 21 Nov 13:00:00": -NOW,
}


@pytest.mark.parametrize(("line", "lifetime"), DISPUTED.items())
def test_the_oracle_reads_disputed_lines_in_chromiums_way(line: str, lifetime: int | None) -> None:
    expiry = chromium_expiry(line, NOW)
    if lifetime is None:
        assert expiry is None
    elif lifetime < 0:
        assert expiry is not None
        assert expiry <= NOW
    else:
        assert expiry is not None
        assert min(expiry - NOW, 400 * DAY) == lifetime


def lines_of_the_public_suites() -> list[dict[str, Any]]:
    path = VECTORS / "lines-open.json"
    if not path.exists():
        pytest.skip("the vectors are not here")
    cases: list[dict[str, Any]] = json.loads(path.read_text())["cases"]
    return cases


def test_every_line_of_the_public_suites_is_read_as_expected() -> None:
    unread = ("control-character", "empty-name-and-value", "name+value>4096")
    for case in lines_of_the_public_suites():
        cookie = read_set_cookie(case["set_cookie"])
        assert (cookie is None) is (case.get("reason") in unread), case
        if cookie is None or case["outcome"] == "rejected":
            continue
        assert (cookie.name, cookie.value) == (case["name"], case["value"]), case
        assert (cookie.secure, cookie.http_only) == (case["secure"], case["http_only"]), case
        assert (cookie.same_site, cookie.partitioned) == (case["same_site"], case["partitioned"]), case
        assert case["host_only"] or cookie.domain == case["domain"], case
        assert cookie.path in (None, case["path"]), case
        assert lifetime_of(cookie, case["now"]) == case["lifetime"], case


def lifetime_of(cookie: SetCookie, now: int) -> int | str:
    expiry = cookie.expiry(now)
    if expiry is None:
        return "session"
    return "deleted" if expiry <= now else min(expiry - now, 400 * DAY)


def test_every_line_of_the_public_suites_that_passes_is_the_same_cookie_and_within_the_cap() -> None:
    for case in lines_of_the_public_suites():
        line, now = case["set_cookie"], case["now"]
        cookie = read_set_cookie(line)
        if cookie is None:
            continue
        for latest in (now + 60, now + 393 * DAY):
            out = cap_line(cookie, line, now, latest)
            expiry = read(out).expiry(now)
            assert expiry == chromium_expiry(out, now), case
            assert expiry is None or expiry <= latest, case
            if not cookie.is_deletion(now):
                assert without_lifetimes(out) == without_lifetimes(line), case


def test_a_folded_line_is_one_cookie_named_by_its_first() -> None:
    path = VECTORS / "folded-split.json"
    if not path.exists():
        pytest.skip("the vectors are not here")
    for case in json.loads(path.read_text())["cases"]:
        cookie = read_set_cookie(case["input"])
        if cookie is None:
            assert case["input"] == ""
            continue
        assert cookie.name == re.split("[=;]", case["input"])[0].strip()
        out = cap_line(cookie, case["input"], NOW, NOW + 60)
        expiry = read(out).expiry(NOW)
        assert expiry == chromium_expiry(out, NOW)
        assert expiry is None or expiry <= NOW + 60


@pytest.mark.parametrize("piece", [";", "; ", ";Max-Age=1", ";Expires", "; x"])
def test_a_flood_of_attributes_is_capped_in_proportion(piece: str) -> None:
    assert grows_in_proportion(lambda flood: cap("a=b; Max-Age=99999999" + flood), piece)
