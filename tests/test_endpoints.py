"""Who may choose and where a choice may lead, as properties."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent_middleware.endpoints import Refusal, Wish, comes_from_here, local_path, read_wish

SITE = "https://shop.example.org/_consent/choice"
TRICKY = st.text(st.sampled_from("/\\.:@?#%&=;ae \t\r\n\x00\x7f\xa0é[]"), max_size=12)


@given(st.one_of(TRICKY, TRICKY.map("/".__add__), st.text()))
@example("/\t/evil.example")
@example("/\\evil.example")
@example("/.//evil.example")
@example("/..//evil.example")
@example("/@evil.example")
def test_a_local_path_stays_on_the_site(target: str) -> None:
    path = local_path(target)
    assert path in (None, target)
    if path is not None:
        assert path.isascii()
        assert path.isprintable()
        # As browsers do: they take out tabs and newlines and read a backslash as a slash.
        assert urlsplit(urljoin(SITE, path.replace("\\", "/"))).netloc == "shop.example.org"


@given(
    st.from_regex(r"/[A-Za-z0-9._~-]{1,20}(/[A-Za-z0-9%.-]{1,9}){0,3}(\?[a-z=&]{0,9})?(#[a-z]{0,5})?", fullmatch=True)
)
def test_an_ordinary_path_is_local(target: str) -> None:
    assert local_path(target) == target


class Request:
    """A request of which only the origin is asked."""

    is_local = False
    method, path, target, root = "POST", "/_consent/choice", "/_consent/choice", ""
    cookies: tuple[str, ...] = ()

    def __init__(self, scheme: str, host: str, **headers: str) -> None:
        self.scheme, self.host = scheme, host
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def header(self, name: str) -> str | None:
        return self._headers.get(name)


hosts = st.sampled_from(
    ["shop.example.org", "shop.example.org:8443", "localhost:8000", "127.0.0.1", "[::1]:80", "xn--e1a.org"]
)


@given(hosts, st.sampled_from(["http", "https"]))
def test_a_sites_own_origin_may_choose(host: str, scheme: str) -> None:
    assert comes_from_here(Request(scheme, host, origin=f"{scheme}://{host}"))
    assert comes_from_here(Request(scheme, host, referer=f"{scheme}://{host}/page?x=1"))


@given(hosts, hosts, st.sampled_from(["http", "https"]))
def test_no_other_origin_may(host: str, other: str, scheme: str) -> None:
    assert comes_from_here(Request(scheme, host, origin=f"{scheme}://{other}")) is (host == other)


@given(st.text(), st.text(), st.sampled_from(["http", "https"]))
def test_no_text_in_the_place_of_an_origin_raises(host: str, origin: str, scheme: str) -> None:
    assert comes_from_here(Request(scheme, host, origin=origin)) in (True, False)
    assert not comes_from_here(Request(scheme, "shop.example.org", origin=origin))


@given(st.text().filter(lambda text: text != "same-origin"))
def test_what_the_browser_says_about_the_site_is_final(value: str) -> None:
    own = "https://shop.example.org"
    assert not comes_from_here(Request("https", "shop.example.org", sec_fetch_site=value, origin=own))


@given(st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", ""]), st.binary())
@example("application/json", b"[" * 100_000)
@example("application/json", b"1" * 10_000)
@example("application/x-www-form-urlencoded", b"&" * 16_000)
def test_no_body_raises_anything_but_a_refusal(content_type: str, body: bytes) -> None:
    try:
        assert isinstance(read_wish(content_type, body), Wish)
    except Refusal as refusal:
        assert refusal.status in (400, 415)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json"])
def test_a_wish_is_the_same_as_a_form_and_as_json(content_type: str) -> None:
    body = {
        "application/x-www-form-urlencoded": b"action=save&category=a&category=b&next=%2Fx&fingerprint=f",
        "application/json": b'{"action": "save", "categories": ["a", "b"], "next": "/x", "fingerprint": "f"}',
    }[content_type]
    assert read_wish(content_type, body) == Wish("save", ("a", "b"), "/x", "f")
