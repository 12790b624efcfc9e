from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.cookies import pairs, visible_cookies
from support.growth import grows_in_proportion


def allows(name: str) -> bool:
    """Everything but what is denied: the nameless, and names that begin with an underscore."""
    return name != "" and not name.startswith("_")


NAMES = {
    "": [],
    " ; ;\t;": [],
    "a=1": ["a"],
    "a=1; b=2;c=3": ["a", "b", "c"],
    " a = 1 ;\tb\t=2": ["a", "b"],
    "a=1; a=2": ["a", "a"],
    "a=b=c; =x; x": ["a", "", ""],
    # What other parsers stumble over: JSON, spaces, brackets, commas, quotes, any octet.
    'g_state={"i_l":0}; consent=X': ["g_state", "consent"],
    "a b=1; c[d]=2; e@f=3; g=1, h=2; i=3": ["a b", "c[d]", "e@f", "g", "i"],
    'a="x; b=y"; c=1': ["a", "b", "c"],
    "a=\xe9\x01; \xe9=1; max-age=; secure;; b=2": ["a", "\xe9", "max-age", "", "b"],
    "\xa0__Host-a=1; \x0b_b=1": ["\xa0__Host-a", "\x0b_b"],
}


@pytest.mark.parametrize(("header", "names"), NAMES.items())
def test_a_cookie_header_is_split_at_its_semicolons_alone(header: str, names: list[str]) -> None:
    found = pairs(header)
    assert [name for _, name in found] == names
    assert all(segment in header and ";" not in segment for segment, _ in found)


VISIBLE = {
    "": "",
    "a=1": "a=1",
    "a=1; b=2": "a=1; b=2",
    " a=1;b=2 ;; ": " a=1;b=2 ;; ",
    "_x=1": "",
    "_x=1; _y=2": "",
    "; _x=1; ;": "",
    "_x=1; a=1; b=2": "a=1; b=2",
    "a=1; _x=1; b=2": "a=1; b=2",
    "a=1; b=2; _x=1": "a=1; b=2",
    "a=1;_x=1;b=2": "a=1;b=2",
    "a=1;b=2 ;\t_x": "a=1;b=2 ",
    "a=1; _x=1; _y=1; b=2; _x=3; c=3": "a=1; b=2; c=3",
    'a="\xe9 ,=\x01"; _x=1; b=': 'a="\xe9 ,=\x01"; b=',
    "a=1;; _x=1;; b=2": "a=1;;; b=2",
    # Nameless cookies and bare tokens have the name "", which is denied here.
    "a=1; token; =x": "a=1",
    # A name that some applications would read as a denied one is denied.
    "\xa0_x=1; a=1; \x1f_x=2": "a=1",
}


@pytest.mark.parametrize(("header", "visible"), VISIBLE.items())
def test_an_application_sees_what_is_allowed_octet_for_octet(header: str, visible: str) -> None:
    assert visible_cookies(header, allows) == visible


@pytest.mark.parametrize("header", ["a=1", "a=1; b=2", " a=1 ;;b=\xe9; ", "", ";;"])
def test_a_header_with_nothing_to_hide_is_the_same_object(header: str) -> None:
    assert visible_cookies(header, allows) is header


def test_a_bare_token_needs_to_be_allowed_as_a_nameless_cookie_and_as_a_name() -> None:
    assert visible_cookies("token; _x; a=1", lambda name: not name.startswith("_")) == "token; a=1"
    assert visible_cookies("token; a=1", lambda name: name != "token") == "a=1"


_segments = st.text('a_=" \t\xa0\x0b,b', max_size=8)


@given(st.lists(_segments, max_size=8).map(";".join))
def test_hidden_is_hidden_and_visible_is_unchanged(header: str) -> None:
    visible = visible_cookies(header, allows)
    shown = [segment.strip(" \t") for segment, _ in pairs(visible)]
    assert shown == [s.strip(" \t") for s, name in pairs(header) if allows(name) and allows(name.strip())]
    assert visible_cookies(visible, allows) is visible
    assert not any(name.strip().startswith("_") for _, name in pairs(visible))


@given(st.text(), st.booleans())
def test_any_text_at_all_is_a_cookie_header(header: str, answer: bool) -> None:
    visible = visible_cookies(header, lambda _: answer)
    assert visible is header if answer else not pairs(visible)


@pytest.mark.parametrize("piece", ["a=1; ", "_x=1; ", ";", "_", " ", "="])
def test_a_flood_of_cookies_costs_time_in_proportion(piece: str) -> None:
    assert grows_in_proportion(lambda flood: visible_cookies("x=1;" + flood, allows), piece)
