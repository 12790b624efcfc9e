from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.cookies import deletions, read_set_cookie

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"


def sweep(
    name: str = "_ga",
    host: str = "www.shop.example.org",
    *,
    secure: bool = False,
    domain: str | None = None,
    paths: Iterable[str] = (),
    partitioned: bool = False,
) -> list[str]:
    return deletions(name, host, secure=secure, domain=domain, paths=paths, partitioned=partitioned)


def domains(host: str, declared: str | None = None) -> list[str]:
    """The Domains that a sweep reaches, without the line for the host alone, which must come first."""
    first, *others = [line.partition("; Domain=")[2] for line in sweep(host=host, domain=declared)]
    assert first == ""
    return others


def test_a_cookie_is_expired_on_the_host_and_on_every_parent_domain() -> None:
    assert sweep() == [
        "_ga=; Max-Age=0; Path=/",
        "_ga=; Max-Age=0; Path=/; Domain=www.shop.example.org",
        "_ga=; Max-Age=0; Path=/; Domain=shop.example.org",
        "_ga=; Max-Age=0; Path=/; Domain=example.org",
    ]


def test_every_declared_path_is_reached_and_the_root_always() -> None:
    assert sweep(host="localhost", paths=["/shop", "/", "/shop", "/a b"]) == [
        "_ga=; Max-Age=0; Path=/",
        "_ga=; Max-Age=0; Path=/shop",
        "_ga=; Max-Age=0; Path=/a b",
    ]
    assert len(sweep(host="example.org", paths=["/shop"])) == 4


def test_over_https_every_line_is_secure() -> None:
    assert sweep(host="localhost", secure=True) == ["_ga=; Max-Age=0; Path=/; Secure"]


def test_a_partitioned_cookie_is_another_cookie_of_the_same_name() -> None:
    assert sweep(host="localhost", partitioned=True) == [
        "_ga=; Max-Age=0; Path=/",
        "_ga=; Max-Age=0; Path=/; Secure; SameSite=None; Partitioned",
    ]


PREFIXES = {
    "__Host-a": "__Host-a=; Max-Age=0; Path=/; Secure",
    "__hOST-a": "__hOST-a=; Max-Age=0; Path=/; Secure",
    "__Host-Http-a": "__Host-Http-a=; Max-Age=0; Path=/; Secure; HttpOnly",
    "__Host-": "__Host-=; Max-Age=0; Path=/; Secure",
}


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(("name", "line"), PREFIXES.items())
def test_a_cookie_bound_to_its_host_gets_the_one_line_that_browsers_accept(name: str, line: str, secure: bool) -> None:
    assert sweep(name, secure=secure, domain="example.org", paths=["/shop"]) == [line]


@pytest.mark.parametrize(("name", "flags"), [("__Secure-a", "; Secure"), ("__http-a", "; Secure; HttpOnly")])
def test_a_prefix_that_demands_secure_gets_it_everywhere(name: str, flags: str) -> None:
    lines = sweep(name, "www.example.org", paths=["/shop"])
    assert len(lines) == 6
    assert all(line.endswith(flags) for line in lines)


HOSTS = {
    "example.org": ["example.org"],
    "WWW.Example.ORG:8443": ["www.example.org", "example.org"],
    "example.org.": ["example.org"],
    "example.org.:80": ["example.org"],
    "example.org:": ["example.org"],
    "shop.co.uk": ["shop.co.uk", "co.uk"],
    "xn--bcher-kva.example": ["xn--bcher-kva.example"],
    "my_shop.example": ["my_shop.example"],
    # No parents: single labels and addresses.
    "localhost": [],
    "localhost:8000": [],
    "127.0.0.1": [],
    "127.0.0.1:8000": [],
    "0x7f.0.0.0x1": [],
    "1.2.3": [],
    "[::1]": [],
    "[2001:db8::1]:8000": [],
    # Nonsense.
    "": [],
    ".": [],
    ":80": [],
    ".example.org": [],
    "example..org": [],
    "example.org..": [],
    "example.org:80:90": [],
    "example.org:http": [],
    "user@example.org": [],
    "example.org/path": [],
    "example.org; Secure": [],
    "example.org\r\nSet-Cookie: x=y": [],
    "example.org\n": [],
    "ex ample.org": [],
    "b\xfccher.example": [],
    "a" * 64 + ".example": [],
    ".".join(["a" * 60] * 5): [],
}


@pytest.mark.parametrize(("host", "reached"), HOSTS.items())
def test_only_a_proper_domain_name_has_parents(host: str, reached: list[str]) -> None:
    assert domains(host) == reached


def test_a_host_of_very_many_labels_gets_its_nearer_parents_only() -> None:
    reached = domains(".".join("abcdefghijklmnopqrstuvwxyz"))
    assert len(reached) == 16
    assert reached[0].startswith("a.b.c.")
    assert reached[-1] == "y.z"


DECLARED: list[tuple[str, str | None, list[str]]] = [
    ("www.example.org", ".example.org", ["www.example.org", "example.org"]),
    ("www.example.org", "EXAMPLE.org", ["www.example.org", "example.org"]),
    ("www.example.org", "org", ["www.example.org", "example.org", "org"]),
    ("www.example.org", "ample.org", ["www.example.org", "example.org"]),
    ("www.example.org", "elsewhere.example", ["www.example.org", "example.org"]),
    ("example.org", "www.example.org", ["example.org"]),
    ("www.example.org", "", ["www.example.org", "example.org"]),
    ("www.example.org", ".", ["www.example.org", "example.org"]),
    ("www.example.org", "example.org; Secure", ["www.example.org", "example.org"]),
    ("localhost", "localhost", ["localhost"]),
    ("127.0.0.1", "127.0.0.1", ["127.0.0.1"]),
    ("127.0.0.1", "0.0.1", []),
    ("[::1]", "::1", []),
]


@pytest.mark.parametrize(("host", "declared", "reached"), DECLARED)
def test_a_declared_domain_counts_where_the_host_belongs_to_it(
    host: str, declared: str | None, reached: list[str]
) -> None:
    assert domains(host, declared) == reached


@pytest.mark.parametrize(
    "name", ["", " ", "a;b", "a=b", "a\r\nb", "a\x00", "\x7f", " a", "a ", "\ta", "\u0430", "a;", "a\n"]
)
def test_a_name_that_no_browser_holds_gets_no_line(name: str) -> None:
    assert sweep(name) == []


@pytest.mark.parametrize("name", ["a", "a b", "a\tb", "\xe9", "\xa0", "a,b", "_ga_ABC[1]", '"'])
def test_any_other_name_gets_its_line(name: str) -> None:
    assert sweep(name, "localhost") == [f"{name}=; Max-Age=0; Path=/"]


@pytest.mark.parametrize("path", ["", "shop", "/a;b", "/a\r\nb", "/\x00", "/\u0430", "/" + "a" * 1024, "/a\n"])
def test_a_path_that_would_break_the_line_is_left_out(path: str) -> None:
    assert sweep(host="localhost", paths=[path]) == ["_ga=; Max-Age=0; Path=/"]


_text = st.text() | st.text(st.characters(max_codepoint=255)) | st.text("aA0.:[];=/-_ \r\n", max_size=12)
_names = _text | st.sampled_from(["_ga", "__Host-a", "__Secure-a", "__http-b"])
_hosts = _text | st.sampled_from(["www.example.org", "127.0.0.1:80", "localhost"])


@given(_names, _hosts, st.booleans(), st.none() | _text, st.lists(_text, max_size=3), st.booleans())
def test_nothing_from_outside_gets_into_a_line(
    name: str, host: str, secure: bool, domain: str | None, paths: list[str], partitioned: bool
) -> None:
    lines = sweep(name, host, secure=secure, domain=domain, paths=paths, partitioned=partitioned)
    assert len(set(lines)) == len(lines)
    for line in lines:
        line.encode("latin-1")
        cookie = read_set_cookie(line)
        assert cookie is not None
        assert (cookie.name, cookie.value) == (name, "")
        assert cookie.is_deletion(0)
        assert cookie.lifetime.is_plain
        known = {"max-age", "path", "domain", "secure", "httponly", "samesite", "partitioned"}
        assert [attribute for attribute, _ in cookie.attributes if attribute not in known] == []
        assert cookie.path is not None
        assert cookie.domain is None or host.lower().partition(":")[0].rstrip(".").endswith(cookie.domain)


def test_the_public_suite_agrees_on_which_domains_a_host_belongs_to() -> None:
    path = VECTORS / "tough-cookie-domain-match.json"
    if not path.exists():
        pytest.skip("the vectors are not here")
    for case in json.loads(path.read_text())["cases"]:
        host, declared = case["host"], case["domain_attr"]
        if host and declared and case["expected_6265bis"] is not None:
            reaches = declared.removeprefix(".").lower() in domains(host, declared)
            is_address = ":" in host or host[-1].isdigit()
            assert reaches == (case["expected_6265bis"] and (not is_address or reaches)), case
