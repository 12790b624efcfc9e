from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.cookies import SetCookie, read_set_cookie
from support.growth import grows_in_proportion
from support.lines import NOW, set_cookie_lines

IGNORED = {
    "NUL": "a=b\x00",
    "CR and LF": "a=b\r\nX: y; Max-Age=60",
    "control character in an attribute": "a=b; Path=/\x0b",
    "unit separator": "a\x1f=b",
    "DEL": "a=b; x=\x7f",
    "nothing": "",
    "only white space": " \t ",
    "no name and no value": "=",
    "no name and no value, but attributes": " = ; Max-Age=60",
    "only attributes": "; Path=/",
    "name and value of 4097 octets": "a=" + "b" * 4096,
    "value of 4097 octets": "=" + "b" * 4097,
}

PAIRS = {
    "a=b": ("a", "b"),
    # Django's WSGI handler sends a space before the name.
    " a=b": ("a", "b"),
    "\ta=b \t": ("a", "b"),
    "a \t= \tb ; Path=/": ("a", "b"),
    "a=b=c==": ("a", "b=c=="),
    "a": ("", "a"),
    "=b": ("", "b"),
    "==b": ("", "=b"),
    "a=": ("a", ""),
    # Nothing protects a semicolon, nothing is decoded.
    'a="b; Max-Age=60"': ("a", '"b'),
    'a="b\\"c"': ("a", '"b\\"c"'),
    "a=%3B": ("a", "%3B"),
    "a=b, c=d; Max-Age=60": ("a", "b, c=d"),
    # NBSP, NEL and their like are part of a name, although str.strip() takes them.
    "\xa0a\x85=\xa0b": ("\xa0a\x85", "\xa0b"),
    "a=b\tc": ("a", "b\tc"),
    "a b=c d": ("a b", "c d"),
    "a=\xe9": ("a", "\xe9"),
    "Max-Age=60; Max-Age=30": ("Max-Age", "60"),
    "a=" + "b" * 4095: ("a", "b" * 4095),
    "a=b; x=" + "c" * 10000: ("a", "b"),
}

YEAR = "9" * 1024
EXPIRES = "Expires=Sat, 21 Nov 2026 14:00:00 GMT"  # in 7200 seconds
PAST = "Expires=Sat, 21 Nov 2026 10:00:00 GMT"

LIFETIMES: dict[str, int | str] = {
    "a=b": "session",
    "a=b; Path=/": "session",
    "a=b; Max-Age=60": 60,
    "a=b;max-age=60": 60,
    "a=b;\tMAX-AGE \t= 60\t;": 60,
    "a=b; Max-Age=0060": 60,
    "a; Max-Age=60": 60,
    "a=b;;;; Max-Age=60": 60,
    "a=b; discard; Max-Age=60": 60,
    'a="b; Max-Age=60; x"': 60,
    "a=b, c=d; Max-Age=60": 60,
    "Max-Age=60; Max-Age=30": 30,
    # Not one of these is a number.
    "a=b; Max-Age": "session",
    "a=b; Max-Age=": "session",
    "a=b; Max-Age=+3600": "session",
    "a=b; Max-Age=-": "session",
    "a=b; Max-Age=-x": "session",
    "a=b; Max-Age=--1": "session",
    "a=b; Max-Age=3600.5": "session",
    "a=b; Max-Age=36 00": "session",
    'a=b; Max-Age="3600"': "session",
    "a=b; Max-Age=3600, 7200": "session",
    "a=b; Max-Age=3_600": "session",
    "a=b; Max-Age=1e3": "session",
    "a=b; Max-Age=\xb2": "session",
    "a=b; Max-Age=3600\xa0": "session",
    "a=b; Max-Age=99999999999999999999x": "session",
    "a=b Max-Age=60": "session",
    "a=b; Max-Age60": "session",
    "a=b; \xa0Max-Age=60": "session",
    'a="b; Max-Age=60"': "session",
    # An attribute of more than 1024 octets is none; up to there every digit counts.
    f"a=b; Max-Age={YEAR}": 10**17,
    f"a=b; Max-Age={YEAR}9": "session",
    "a=b; Max-Age=" + "9" * 5000: "session",
    "a=b; Max-Age=" + "0" * 1020 + "60": 60,
    "a=b; Max-Age=" + "0" * 1024: "deleted",
    f"a=b; {EXPIRES}" + " " * 2000: 7200,
    f"a=b; {EXPIRES}" + "x" * 1000: "session",
    # Zero and less is a deletion.
    "a=b; Max-Age=0": "deleted",
    "a=b; Max-Age=-0": "deleted",
    "a=b; Max-Age=-5": "deleted",
    "a=b; Max-Age=-" + "9" * 1000: "deleted",
    "a=; Max-Age=60": 60,
    "a=": "session",
    # Dates.
    f"a=b; {EXPIRES}": 7200,
    f"a=b; {PAST}": "deleted",
    "a=b; Expires=Sat, 21 Nov 2026 12:00:00 GMT": "deleted",
    "a=b; Expires=Sat, 21 Nov 2026 12:00:01 GMT": 1,
    "a=b; Expires=Thu, 01-Jan-70 00:00:00 GMT": "deleted",
    "a=b; Expires=Wed, 31-Dec-97 23:59:59 GMT": "deleted",
    "a=b; Expires=Mon, 01 Jan 1601 00:00:00 GMT": "deleted",
    "a=b; Expires=Mon, 01 Jan 1600 00:00:00 GMT": "session",
    "a=b; Expires=0": "session",
    "a=b; Expires=-1": "session",
    "a=b; Expires": "session",
    "a=b; Expires=": "session",
    "a=b; expires=06/21/2030 04:24:34 PM": "session",
    # Max-Age beats Expires; the last valid one of each counts.
    f"a=b; Max-Age=60; {EXPIRES}": 60,
    f"a=b; {EXPIRES}; Max-Age=60": 60,
    f"a=b; {PAST}; Max-Age=60": 60,
    f"a=b; Max-Age=0; {EXPIRES}": "deleted",
    f"a=b; Max-Age=abc; {EXPIRES}": 7200,
    f"a=b; {EXPIRES}; Max-Age": 7200,
    "a=b; Max-Age=120; Max-Age=60": 60,
    "a=b; Max-Age=120; Max-Age=0": "deleted",
    "a=b; Max-Age=120; Max-Age=abc": 120,
    f"a=b; Max-Age=120; Max-Age={YEAR}9": 120,
    f"a=b; {PAST}; {EXPIRES}": 7200,
    f"a=b; {EXPIRES}; {PAST}": "deleted",
    f"a=b; {EXPIRES}; Expires=garbage": 7200,
}

PLAIN = [
    "a=b",
    "a=b; Max-Age=60",
    "a=b;max-age=60 ; Path=/",
    "a=b; Max-Age=-1",
    "a=b; Max-Age=9999999999",
    f"a=b; {EXPIRES}",
    f"a=b; {EXPIRES}; Max-Age=60; Path=/",
    f"a=b; Max-Age=60; {PAST}",
    "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "a=b; Maxage=+5; Max-Age-x=+5; \xa0Max-Age=+5; xExpires=0",
]

DISPUTED = [
    "a=b; Max-Age",
    "a=b; Max-Age=",
    "a=b; Max-Age =60",
    "a=b; Max-Age= 60",
    "a=b; Max-Age=+60",
    "a=b; Max-Age=-x",
    "a=b; Max-Age=10000000000",
    "a=b; Max-Age=60; Max-Age=60",
    "a=b; Max-Age=60; Max-Age",
    "a=b; Max-Age; Max-Age=60",
    f"a=b; Max-Age=60; {EXPIRES}; {EXPIRES}",
    f"a=b; Max-Age=60; {EXPIRES}x",
    "a=b; Max-Age=60; Expires=0",
    "a=b; Expires=Wed, 31 Dec 1969 23:59:59 GMT",
    "a=b; Expires=Wed, 30 Feb 2028 00:00:00 GMT",
    "a=b; Expires=Saturday, 21-Nov-26 13:00:00 GMT",
    "a=b; Expires=Sat, 21 Nov 2026 13:00:00 EST",
    "a=b; Expires= Sat, 21 Nov 2026 13:00:00 GMT",
]


def read(line: str) -> SetCookie:
    cookie = read_set_cookie(line)
    assert cookie is not None
    return cookie


@pytest.mark.parametrize("line", IGNORED.values(), ids=IGNORED)
def test_a_line_that_browsers_ignore_is_no_cookie(line: str) -> None:
    assert read_set_cookie(line) is None


@pytest.mark.parametrize("control", [*map(chr, range(9)), *map(chr, range(10, 32)), "\x7f"])
def test_every_control_character_but_tab_spoils_the_whole_line(control: str) -> None:
    assert read_set_cookie(f"a=b{control}") is None
    assert read_set_cookie(f"{control}a=b; Path=/") is None
    assert read_set_cookie(f"a=b; x{control}") is None


@pytest.mark.parametrize(("line", "pair"), PAIRS.items(), ids=range(len(PAIRS)))
def test_name_and_value_are_what_browsers_take_for_them(line: str, pair: tuple[str, str]) -> None:
    cookie = read(line)
    assert (cookie.name, cookie.value) == pair


@pytest.mark.parametrize(("line", "lifetime"), LIFETIMES.items(), ids=range(len(LIFETIMES)))
def test_a_lifetime_is_read_as_the_specification_reads_it(line: str, lifetime: int | str) -> None:
    cookie = read(line)
    expiry = cookie.expiry(NOW)
    if lifetime == "session":
        assert expiry is None
    elif lifetime == "deleted":
        assert expiry is not None
        assert expiry <= NOW
    elif lifetime == 10**17:
        assert expiry is not None
        assert expiry > 10**17
    else:
        assert expiry == NOW + int(lifetime)
    assert cookie.is_deletion(NOW) is (lifetime == "deleted")


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_lifetime_is_known_as_such(line: str) -> None:
    assert read(line).lifetime.is_plain


@pytest.mark.parametrize("line", DISPUTED)
def test_a_lifetime_that_browsers_dispute_is_known_as_such(line: str) -> None:
    assert not read(line).lifetime.is_plain


def test_a_lower_limit_on_long_numbers_in_python_hurts_nobody() -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert read(f"a=b; Max-Age={YEAR}").expiry(NOW) is not None
    finally:
        sys.set_int_max_str_digits(limit)


ATTRIBUTES: list[tuple[str, str, object]] = [
    ("", "domain", None),
    ("Domain", "domain", None),
    ("domain=Example.ORG", "domain", "example.org"),
    ("Domain=.example.org", "domain", "example.org"),
    ("Domain=..example.org", "domain", ".example.org"),
    ("Domain=a.example; DOMAIN = b.example ", "domain", "b.example"),
    ("Domain=a.example; Domain=", "domain", None),
    ("Domain=a.example; Domain=" + "b" * 1025, "domain", "a.example"),
    ("", "path", None),
    ("Path", "path", None),
    ("Path=a", "path", None),
    ("Path=/a b", "path", "/a b"),
    ("path=/A", "path", "/A"),
    ("Path=/a; Path=/b", "path", "/b"),
    ("Path=/a; Path=b", "path", None),
    ('Path="/a"', "path", None),
    ("", "secure", False),
    ("secure", "secure", True),
    ("Secure=false", "secure", True),
    ("Secured", "secure", False),
    ("x=Secure", "secure", False),
    ("", "http_only", False),
    (" HTTPONLY=0", "http_only", True),
    ("", "partitioned", False),
    ("partitioned", "partitioned", True),
    ("", "same_site", "Default"),
    ("SameSite", "same_site", "Default"),
    ("samesite=STRICT", "same_site", "Strict"),
    ("SameSite=lax", "same_site", "Lax"),
    ("SameSite=None", "same_site", "None"),
    ("SameSite=Lax; SameSite=junk", "same_site", "Default"),
]


@pytest.mark.parametrize(("attributes", "question", "answer"), ATTRIBUTES)
def test_attributes_are_read_as_browsers_read_them(attributes: str, question: str, answer: object) -> None:
    assert getattr(read(f"a=b; {attributes}"), question) == answer
    assert getattr(read(f"a=b;{attributes} ; Max-Age=60"), question) == answer


@given(set_cookie_lines | st.text())
def test_reading_a_line_never_raises_and_loses_nothing(line: str) -> None:
    cookie = read_set_cookie(line)
    if cookie is None:
        return
    assert line.endswith(cookie.tail)
    assert ";" not in line.removesuffix(cookie.tail)
    expiry = cookie.expiry(NOW)
    assert cookie.is_deletion(NOW) is (expiry is not None and expiry <= NOW)
    assert cookie.same_site in ("Strict", "Lax", "None", "Default")
    assert cookie.domain != ""
    assert cookie.path is None or cookie.path.startswith("/")


FLOODS = {
    "semicolons": ";",
    "spaces": " ",
    "semicolons and spaces": "; ",
    "lifetimes": ";Max-Age=1",
    "broken lifetimes": "; Max-Age =x",
    "dates": ";Expires=Sat, 21 Nov 2026 13:00:00 GMT",
    "broken dates": ";expires=Jan 1 Jan 1",
    "beginnings": ";max-ag",
    "equal signs": "=",
    "digits": "; Max-Age=" + "9" * 5000,
}


@pytest.mark.parametrize("piece", FLOODS.values(), ids=FLOODS)
def test_a_flood_costs_time_in_proportion(piece: str) -> None:
    assert grows_in_proportion(lambda flood: read("a=b; x" + flood).expiry(NOW), piece)
