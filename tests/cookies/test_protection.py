"""The floor under the attributes that protect a cookie: only ever stronger, as browsers read them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent_middleware.cookies import Protection, lacking, protect_line, read_set_cookie
from support.growth import grows_in_proportion
from support.jar import Jar, Stored
from support.lines import NOW, pairs, set_cookie_lines

LAX, STRICT = Protection("Lax"), Protection("Strict")
ALL = Protection("Lax", secure=True, http_only=True)
STRENGTHS = ["none", "default", "lax", "strict"]

ENOUGH = [
    ("a=b", Protection()),
    ("a=b; SameSite=None", Protection()),
    ("a=b; SameSite=Lax", LAX),
    ("a=b; SameSite=Strict", LAX),
    (" a=b ;; sAmEsItE =\tLAX ;", LAX),
    ("a=b; SameSite=None; SameSite=Lax", LAX),
    ("a=b; SameSite=Strict", STRICT),
    ("a=b; secure=false; httponly=no; samesite=lax", ALL),
    ("a=b; Path=/;HttpOnly;Secure ;SameSite=Strict; Partitioned", ALL),
    (f"a=b; SameSite=Lax; SameSite={'x' * 1025}", LAX),  # browsers ignore the last one
    ("a=b; \xa0Secure; Secure; HttpOnly; SameSite=Lax", ALL),
]

RAISED = [
    ("a=b", LAX, "a=b; SameSite=Lax"),
    ("a=b;", LAX, "a=b;; SameSite=Lax"),
    ("a", ALL, "a; Secure; HttpOnly; SameSite=Lax"),
    ("a=b; Path=/; SameSite=None", LAX, "a=b; Path=/; SameSite=Lax"),
    ("a=b; SameSite=None; Secure; Partitioned", LAX, "a=b; Secure; Partitioned; SameSite=Lax"),
    ("a=b; SameSite=None", Protection(secure=True), "a=b; SameSite=None; Secure"),
    ("a=b; SameSite=Lax", STRICT, "a=b; SameSite=Strict"),
    ("a=b; SameSite=Strict", ALL, "a=b; SameSite=Strict; Secure; HttpOnly"),
    ("__Host-a=b; Path=/", Protection(secure=True), "__Host-a=b; Path=/; Secure"),
    # What no browser knows counts for nothing, and what it means is their affair.
    ("a=b; SameSite", LAX, "a=b; SameSite=Lax"),
    ("a=b; SameSite=; x", LAX, "a=b; x; SameSite=Lax"),
    ("a=b; SameSite=No_Restriction", LAX, "a=b; SameSite=Lax"),
    ("a=b; SameSite=Laxer;SameSite = none ;Path=/", LAX, "a=b;Path=/; SameSite=Lax"),
    ("a=b; SameSite=Lax; SameSite=None", LAX, "a=b; SameSite=Lax"),
    # One reading is the default, another one Strict: to write Lax would weaken that.
    ("a=b; SameSite=Strict; SameSite=junk", LAX, "a=b; SameSite=Strict"),
    (f"a=b; SameSite={'x' * 1025}", LAX, "a=b; SameSite=Lax"),
    (f"a=b; Secure={'x' * 1025}", Protection(secure=True), f"a=b; Secure={'x' * 1025}; Secure"),
    # What only looks like it.
    ("a=Secure HttpOnly", ALL, "a=Secure HttpOnly; Secure; HttpOnly; SameSite=Lax"),
    ("a=b; SameSite\xa0=Lax; Secure\xa0", ALL, "a=b; SameSite\xa0=Lax; Secure\xa0; Secure; HttpOnly; SameSite=Lax"),
    ("a=b, c=d; SameSite=Lax, x=y", LAX, "a=b, c=d; SameSite=Lax"),
]


@pytest.mark.parametrize(("line", "least"), ENOUGH)
def test_a_line_that_says_enough_leaves_as_the_same_object(line: str, least: Protection) -> None:
    assert protect_line(line, least) is line
    assert lacking(line, least) == []


@pytest.mark.parametrize(("line", "least", "raised"), RAISED)
def test_any_other_line_gets_what_it_lacks(line: str, least: Protection, raised: str) -> None:
    assert protect_line(line, least) == raised
    assert protect_line(raised, least) is raised


def test_what_a_line_lacks_can_be_told() -> None:
    assert lacking("a=b; Secure; SameSite=None", ALL) == ["HttpOnly", "SameSite=Lax"]


protections = st.builds(Protection, st.sampled_from(["None", "Lax", "Strict"]), st.booleans(), st.booleans())
_attributes = st.sampled_from(
    [
        "Secure", " secure=0", "HttpOnly", "\thttponly ", "Partitioned", " Path=/", " Path", "Domain=.example.org", "",
        "Max-Age=60", "SameSite", "samesite=", " SameSite = None", "SameSite=lax", "SAMESITE=Strict", "SameSite=Foo",
        "SameSite=None ", 'SameSite="Lax"', "SameSite=Lax\xa0", "SameSite\xa0=Lax", f"SameSite={'s' * 1025}",
        f"Secure={'s' * 1025}",
    ]
)  # fmt: skip
_names = st.sampled_from(["__Host-a=b", "__Secure-a=b", "__HOST-a=b", "=__Host-a=b"]) | pairs
lines = st.builds(lambda pair, rest: ";".join([pair, *rest]), _names, st.lists(_attributes, max_size=6))
any_lines = lines | set_cookie_lines


def stored(line: str, *, secure: bool) -> Stored | None:
    """What a browser has that got only this line."""
    jar = Jar()
    jar.store(line, NOW, "shop.example.org", "/", secure=secure)
    return next(iter(jar.alive(NOW)), None)


@given(any_lines, protections)
@example("a=b; SameSite=Strict; SameSite=junk", LAX)
def test_raising_twice_is_raising_once(line: str, least: Protection) -> None:
    raised = protect_line(line, least)

    assert protect_line(raised, least) is raised


@given(any_lines, protections, protections)
def test_one_floor_after_another_is_no_weaker_than_either(line: str, first: Protection, second: Protection) -> None:
    raised = protect_line(protect_line(line, first), second)

    assert protect_line(raised, first) is raised
    assert protect_line(raised, second) is raised


@given(any_lines, protections)
@example("a=b; SameSite=Strict; SameSite=junk", LAX)
@example("a=b; SameSite=Strict; SameSite", Protection(secure=True))
def test_no_browser_reads_less_protection_than_before(line: str, least: Protection) -> None:
    before, after = stored(line, secure=True), stored(protect_line(line, least), secure=True)
    if before is None:
        return  # what it refused before it may take now, with the protection that the next test wants
    assert after is not None
    assert STRENGTHS.index(after.same_site) >= STRENGTHS.index(before.same_site)
    assert after.secure >= before.secure and after.http_only >= before.http_only
    assert replace(after, secure=before.secure, http_only=before.http_only, same_site=before.same_site) == before


@given(any_lines, protections)
@example("a=b; SameSite=None; SameSite=\xa0Lax", STRICT)
def test_whatever_browsers_store_has_the_least_protection(line: str, least: Protection) -> None:
    after = stored(protect_line(line, least), secure=True)
    if after is None:
        return
    assert STRENGTHS.index(after.same_site) >= STRENGTHS.index(least.same_site.lower())
    assert after.secure >= least.secure
    assert after.http_only >= least.http_only


@given(any_lines, protections.map(lambda least: least._replace(secure=False)))
def test_without_secure_nothing_that_was_stored_over_plain_http_is_lost(line: str, least: Protection) -> None:
    before, after = stored(line, secure=False), stored(protect_line(line, least), secure=False)
    assert before is None or after is not None


@given(any_lines, protections)
def test_all_other_octets_stay_where_they_are(line: str, least: Protection) -> None:
    raised = protect_line(line, least)
    added = lacking(line, least)
    pair, *rest = line.split(";")
    if any(attribute.startswith("SameSite") for attribute in added):
        rest = [each for each in rest if each.partition("=")[0].strip(" \t").lower() != "samesite"]
    assert raised == "; ".join([";".join([pair, *rest]), *added])


@given(any_lines, protections)
def test_the_gate_reads_what_it_wrote_as_browsers_do(line: str, least: Protection) -> None:
    raised = protect_line(line, least)
    read, kept = read_set_cookie(raised), stored(raised, secure=True)
    if read is not None and kept is not None:
        assert (read.secure, read.http_only, read.same_site.lower()) == (kept.secure, kept.http_only, kept.same_site)


@pytest.mark.parametrize("unit", ["; SameSite=None", "; SameSite =\t", ";;", " SameSite="])
def test_raising_takes_time_in_proportion_to_the_line(unit: str) -> None:
    assert grows_in_proportion(lambda tail: protect_line(f"a=b{tail}", ALL), unit, 5000)
