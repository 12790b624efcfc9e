"""Set-Cookie lines for Hypothesis: mostly believable, often wrong, sometimes nonsense."""

from __future__ import annotations

from email.utils import formatdate

from hypothesis import strategies as st

NOW = 1795262400  # Sat, 21 Nov 2026 12:00:00 GMT
DAY = 86400

_fixdates = st.integers(0, 4 * 10**9).map(lambda instant: formatdate(instant, usegmt=True))
_seconds = st.integers(-(10**12), 10**12).map(str) | st.sampled_from(
    ["", "-", "+", "-0", "+3600", "-x", "--1", "3600.5", "36 00", '"60"', "3_600", "\xb2", "60\xa0", "007", "9" * 10]
)
_dates = _fixdates | st.sampled_from(
    [
        "0",
        "garbage",
        "Saturday, 21-Nov-26 13:00:00 GMT",
        "Thu, 31th Dec 2026 00:00:00 GMT",
        "Fri, 31 Dec 10000 23:59:59 GMT",
        "Mon, 01 Jan 1600 00:00:00 GMT",
        "Wed, 30 Feb 2028 00:00:00 GMT",
        "06/21/2030 04:24:34 PM",
        "x" * 1025,
    ]
)
_space = st.sampled_from(["", "", "", " ", "\t", "  "])
_values = _seconds | _dates | st.text('ab=", ;\xa0\xff', max_size=8)
_names = st.sampled_from(["Max-Age", "max-age", "MAX-AGE", "Expires", "expires", "Max-Age\xa0", "Maxage"])
_lifetimes = st.builds("{}{}{}={}{}".format, _space, _names, _space, _space, _values)
_others = st.sampled_from(
    [
        "",
        " ",
        " Path=/",
        "Domain=.example.org",
        " Secure",
        " HttpOnly=false",
        "SameSite=None",
        " Partitioned",
        " Max-Age",
    ]
) | st.text(st.characters(max_codepoint=255, exclude_characters=";"), max_size=12)

pairs = st.sampled_from(["a=b", " a=b", "a", "=b", "a =\tb ", 'a="b']) | st.text(
    st.characters(max_codepoint=255), max_size=12
)
set_cookie_lines = st.builds(
    lambda pair, attributes: ";".join([pair, *attributes]), pairs, st.lists(_lifetimes | _others, max_size=5)
)
