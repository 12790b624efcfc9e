"""Where URLs lead, and which category that is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_middleware.html import Rules, literals
from consent_middleware.html.urls import Location, locate

RULES = Rules(
    [
        ("site", ["www.googletagmanager.com/gtag/js?id=G-"], []),
        (
            "ads",
            ["www.googletagmanager.com/gtag/js?id=AW-", "https://doubleclick.net/", "connect.fb.example/*/fbevents.js"],
            [],
        ),
        ("tags", ["www.googletagmanager.com/gtm.js"], []),
        ("maps", ["www.google.com/maps/embed"], []),
        ("clarity", ["*.clarity.ms/collect", "localhost:8001/t.js"], []),
        ("matomo", ["matomo.js", "*/piwik/t.php", "script"], []),
        ("first", ["twice.example"], ["a("]),
        ("second", ["twice.example"], ["a(", "a(b", "ccc"]),
    ]
)

URLS = [
    ("https://www.googletagmanager.com/gtag/js?id=G-1", "site"),
    ("https://www.googletagmanager.com/gtag/js?l=x&id=AW-1", "ads"),
    ("https://www.googletagmanager.com/gtag/js/x?id=AW-1", None),
    ("https://www.googletagmanager.com/gtag/js?uid=AW-1", None),
    ("https://www.googletagmanager.com/%67tm.js?id=1", "tags"),
    ("https://www.googletagmanager.com/x/../gtm.js", "tags"),
    ("https://www.googletagmanager.com/x/%2e%2E/./gtm.js", "tags"),
    ("https://stats.g.doubleclick.net", "ads"),
    ("https://notdoubleclick.net", None),
    ("//connect.fb.example/en_US/fbevents.js#x", "ads"),
    ("//connect.fb.example/fbevents.js", None),
    ("https://www.google.com/maps/embed?pb=1", "maps"),
    ("https://www.google.com/search", None),
    ("https://clarity.ms/collect", "clarity"),
    ("https://x.clarity.ms/collect/1", "clarity"),
    ("http://localhost:8001/t.js", "clarity"),
    ("http://localhost:8002/t.js", None),
    ("matomo.js?x", "matomo"),
    ("/a/b/matomo.js", "matomo"),
    ("/a/notmatomo.js", None),
    ("https://any.example/piwik/t.php", "matomo"),
    ("t.php", None),
    ("/x/script", "matomo"),
    ("/x/script/y", None),
    ("https://twice.example/", "first"),
    ("data:text/plain,doubleclick.net", None),
    ("blob:https://doubleclick.net/1", None),
    ("", None),
    ("https://", None),
    ("https://[::1]:80/x", None),
    ("https://%zz%/x", None),
    ("http:\\\\doubleclick.net\\x", "ads"),
]


@pytest.mark.parametrize(("url", "category"), URLS)
def test_a_url_belongs_to_the_most_specific_rule(url: str, category: str | None) -> None:
    assert RULES.category_of_url(url, "https://site.example/dir/page") == category


def test_a_relative_url_is_read_from_its_page() -> None:
    assert RULES.category_of_url("t.php", "https://site.example/piwik/") == "matomo"
    assert RULES.category_of_url("gtm.js", "https://www.googletagmanager.com/x") == "tags"
    assert RULES.category_of_url("?id=G-1", "https://www.googletagmanager.com/gtag/js") == "site"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("//User@H.example.:0443/a?b#c", Location("https", "h.example", "", "/a", "b")),
        ("http://h.example:8080", Location("http", "h.example", "8080", "/", "")),
        ("../x", Location("https", "site.example", "", "/x", "")),
        ("//h.example//a.b/./c/../", Location("https", "h.example", "", "//a.b/", "")),
        ("https://bücher.example/", Location("https", "xn--bcher-kva.example", "", "/", "")),
        ("https://faß.example/", Location("https", "xn--fa-hia.example", "", "/", "")),
    ],
)
def test_urls_are_resolved_as_browsers_do(url: str, expected: Location) -> None:
    assert locate(url, Location("https", "site.example", "", "/dir/page")) == expected


PIECES_OF_URLS = "https: HTTP: // / \\ a.example A b . .. %2e %61 ? # & = @ :80 :443 é \t".split(" ")


@settings(max_examples=2000, deadline=None)
@given(url=st.lists(st.sampled_from(PIECES_OF_URLS), max_size=8).map("".join))
def test_urls_in_which_nothing_is_put_right_are_read_as_all_others_are(url: str) -> None:
    base = Location("https", "site.example", "", "/dir/page")
    for address in (url, f"https://a.example{url}", f"//a.example/b{url}"):
        assert locate(address, base) == locate(f" {address}", base)  # with a space in front it has to be put right


def test_an_inline_script_belongs_to_its_longest_marker() -> None:
    assert RULES.category_of_inline(b"x a(b)") == "second"
    assert RULES.category_of_inline(b"x a()") == "first"
    assert RULES.category_of_inline(b"x") is None


@pytest.mark.parametrize("rule", ["", "/", "*", "*/", "bad host/x", "a*b.example/"])
def test_a_rule_that_would_match_anything_or_nothing_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match=r"would match|does not begin"):
        Rules([("x", [rule], [])])


def test_an_empty_marker_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Rules([("x", [], [""])])


MARKERS = [b"gtag(", b"tag", b"fbq(", b"_paq", b"q", b"x.y", b"^]-", b"\xc3\xa9("]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    "text", [b"", b"gta", b"xgtag(1)", b"fbq(", b"fbq", b"x-y", b"x.y", b"a^]-", b"\xc3\xa9(", b"_paq"]
)
def test_both_searches_find_what_is_there(text: bytes, native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not native:
        monkeypatch.setattr(literals, "native_finder", lambda words: None)
    elif literals.native_finder([b"x"]) is None:
        pytest.skip("ahocorasick_rs is not installed")
    found = literals.finder(MARKERS)(text)
    assert (found is not None) == any(marker in text for marker in MARKERS)
    assert found is None or found in text
