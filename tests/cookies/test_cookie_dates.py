from __future__ import annotations

import json
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.cookies.dates import read_date, read_fixdate

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"

ONE_O_CLOCK = 1795266000  # Sat, 21 Nov 2026 13:00:00 GMT
MIDNIGHT = 1798675200  # Thu, 31 Dec 2026 00:00:00 GMT

READ = {
    "Sat, 21 Nov 2026 13:00:00 GMT": ONE_O_CLOCK,
    # Every order, separator and wording, as long as each field can be told.
    "Saturday, 21-Nov-26 13:00:00 GMT": ONE_O_CLOCK,
    "Sat Nov 21 13:00:00 2026": ONE_O_CLOCK,
    "21 November 2026 13:00:00": ONE_O_CLOCK,
    "2026 21 nOvXYZ 13:00:00": ONE_O_CLOCK,
    "13:00:00 2026 Nov 21": ONE_O_CLOCK,
    '"21/Nov/2026,13:00:00"': ONE_O_CLOCK,
    "Sat\t21\tNov\t2026\t13:00:00": ONE_O_CLOCK,
    # Weekday and zone say nothing: it is always UTC.
    "Xxx, 21 Nov 2026 13:00:00 GMT": ONE_O_CLOCK,
    "Sat, 21 Nov 2026 13:00:00 +0200": ONE_O_CLOCK,
    "Sat, 21 Nov 2026 13:00:00 EST": ONE_O_CLOCK,
    # A field ends where its digits end.
    "21 Nov 2026 13:00:00.999 GMT": ONE_O_CLOCK,
    "21 Nov 2026 13:00:00pm GMT": ONE_O_CLOCK,
    "Thu, 31th Dec 2026 00:00:00 GMT": MIDNIGHT,
    "Thu, 31 Dec 2026abc 0:0:0": MIDNIGHT,
    "Thu, 31 Dec 2026 00:00:00 GMT, c=d": MIDNIGHT,
    # The first of two fits, a token feeds one field only.
    "21 Nov 2026 13:00:00 14:00:00 22 Dec 2027": ONE_O_CLOCK,
    "26 21 Nov 13:00:00": 1637931600,
    "21 22 Nov 2026 13:00:00": 1669035600,
    # Centuries.
    "01-Jan-70 00:00:00": 0,
    "31-Dec-99 23:59:59": 946684799,
    "01-Jan-00 00:00:00": 946684800,
    "01-Jan-69 00:00:00": 3124224000,
    "01-Jan-1601 00:00:00": -11644473600,
    "29 Feb 2028 00:00:00": 1835395200,
}

NOT_READ = [
    "",
    "0",
    "-1",
    "Thu",
    "garbage",
    "Thu, 31 Dec 2026 12:00 GMT",  # no seconds
    "2026-11-21T13:00:00Z",  # no month by name
    "20/06/95 21:07:00",
    "Mon, 01 Jan 1600 00:00:00 GMT",
    "Fri, 31 Dec 10000 23:59:59 GMT",
    "Fri, 31 Dec 5 23:59:59 GMT",
    "Wed, 30 Feb 2028 00:00:00 GMT",
    "29 Feb 2027 00:00:00",
    "00 Jan 2027 00:00:00",
    "32 Jan 2027 00:00:00",
    "01 Jan 2027 24:00:00",
    "01 Jan 2027 23:60:00",
    "01 Jan 2027 23:59:60",
    "01 Jan 2027 123:59:59",
    "01 Jan 2027 23:59:599",
    "01 Jan 2027 23 :59:59",
    "01 Ja 2027 00:00:00",
    "01 XJan 2027 00:00:00",
    "\u00b2\u00b9 Nov 2026 13:00:00",  # superscripts are digits for str.isdigit only
    "\xa021 Nov 2026 13:00:00",  # NBSP is no delimiter, so nothing here is a day
]


@pytest.mark.parametrize(("text", "instant"), READ.items())
def test_a_cookie_date_is_read_as_browsers_read_it(text: str, instant: int) -> None:
    assert read_date(text) == instant
    assert read_date(f" ,{text}; ") == instant


@pytest.mark.parametrize("text", NOT_READ)
def test_what_is_no_cookie_date_is_none(text: str) -> None:
    assert read_date(text) is None
    assert read_fixdate(text) is None


NOT_FIXDATES = [
    "Sat, 21 Nov 2026 13:00:00 gmt",
    "sat, 21 Nov 2026 13:00:00 GMT",
    "Xxx, 21 Nov 2026 13:00:00 GMT",
    "Sat, 21 nov 2026 13:00:00 GMT",
    "Sat,  21 Nov 2026 13:00:00 GMT",
    "Saturday, 21-Nov-26 13:00:00 GMT",
    "Sat, 21 Nov 2026 13:00:00 +0000",
    "Sat, 21 Nov 2026 13:00:00 GMT ",
    "Wed, 31 Dec 1969 23:59:59 GMT",
    "Sat, 21 Nov 2026 13:00:60 GMT",
    "Wed, 30 Feb 2028 00:00:00 GMT",
    "Sat, \u0662\u0661 Nov 2026 13:00:00 GMT",
]


@pytest.mark.parametrize("text", NOT_FIXDATES)
def test_only_the_exact_form_is_a_fixdate(text: str) -> None:
    assert read_fixdate(text) is None


@given(st.integers(0, 253402300799))
def test_every_fixdate_from_1970_on_is_read_as_what_it_says(instant: int) -> None:
    text = formatdate(instant, usegmt=True)
    assert read_fixdate(text) == read_date(text) == instant


@given(st.text(st.sampled_from("0123456789:-, /;\tJanfebGMT\xa0\xff"), max_size=40) | st.text(max_size=40))
def test_reading_a_date_never_raises(text: str) -> None:
    instant = read_date(text)
    assert instant is None or -11644473600 <= instant <= 253402300799


def _vectors() -> list[tuple[str, int | None]]:
    rows: list[tuple[str, int | None]] = []
    for name in ("http-state-dates.json", "tough-cookie-dates.json"):
        if (VECTORS / name).exists():
            cases: list[dict[str, Any]] = json.loads((VECTORS / name).read_text())["cases"]
            rows += [(case["input"], case.get("expected_6265bis_epoch", case["expected_epoch"])) for case in cases]
    return rows


def test_the_public_suites_agree() -> None:
    rows = _vectors()
    if not rows:
        pytest.skip("the vectors are not here")
    assert {text: read_date(text) for text, _ in rows} == dict(rows)
