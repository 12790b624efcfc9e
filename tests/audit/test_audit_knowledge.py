"""What the audit makes of pages, links and cookies, without any site."""

from __future__ import annotations

import pytest

from consent_middleware import Policy
from consent_middleware.audit import State
from consent_middleware.audit.jar import Jar
from consent_middleware.audit.knowledge import Knowledge
from consent_middleware.audit.links import Reference, references
from consent_middleware.html import HTMLGate, Rules

POLICY = Policy.from_dict(
    {
        "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
        "categories": {
            "necessary": {"required": True},
            "analytics": {"services": ["google-analytics"]},
            "marketing": {"services": ["youtube"]},
        },
    }
)
PAGE = (
    b'<script src="https://www.googletagmanager.com/gtag/js?id=G-1"></script><script>gtag("config", "G-1")</script>'
    b"<iframe data-consent=marketing src=https://films.example/></iframe><script data-consent=analytics>x</script>"
    b"<iframe src=https://www.youtube.com/embed/x></iframe><iframe srcdoc='<img src=//www.google-analytics.com/>'>"
)


def subjects(page: bytes) -> list[str]:
    return [trace.subject for trace in Knowledge(POLICY).traces_in(page, "https://shop.example/", "utf-8")[0]]


def test_everything_live_is_seen() -> None:
    expected = ["google-analytics", "google-analytics", "marketing", "analytics", "youtube", "google-analytics"]
    assert subjects(PAGE) == expected


def test_nothing_is_seen_of_what_the_gate_has_made_inert() -> None:
    entries = [(service.category, service.scripts, service.inline) for service in POLICY.services]
    gate = HTMLGate(Rules(entries, categories=POLICY.categories), {"analytics", "marketing"})
    gated = gate.feed(PAGE) + gate.close()
    assert gated != PAGE
    assert subjects(gated) == []


def test_where_a_family_is_declared_its_snippets_are_not_taken_for_a_stranger() -> None:
    # gtag.js of Google Analytics comes from the host of Google Tag Manager and fills the same dataLayer.
    page = b"<script>window.dataLayer = []; gtag('js', new Date()); gtag('config', 'G-1')</script>"
    assert set(subjects(page)) == {"google-analytics"}


@pytest.mark.parametrize(
    ("state", "name", "allowed"),
    [(State.NONE, "analytics", False), (State.ACCEPTED, "analytics", True), (State.REFUSED, "necessary", True)],
)
def test_a_state_permits_what_it_permits(state: State, name: str, allowed: bool) -> None:
    assert Knowledge(POLICY).permits(POLICY.categories[name], state) is allowed


LINKS = [
    (b"<a href=/a>x</a><A HREF='/b?x=1&amp;y=2'>", [("link", "/a"), ("link", "/b?x=1&y=2")]),
    (b"<!-- <a href=/no> --><a href=/yes>", [("link", "/yes")]),
    (b"<script>'<a href=/no>'</script><title><a href=/no></title><a href=/yes>", [("link", "/yes")]),
    (b"<script src=/s.js></script><img src=/i.png><link rel='x StyleSheet' href=/c.css><link rel=icon href=/f>",
     [("part", "/s.js"), ("part", "/i.png"), ("part", "/c.css")]),
    (b"<base href=/b/><iframe src=f></iframe>", [("base", "/b/"), ("link", "f")]),
    (b"1 < 2 <a href=/yes>", [("link", "/yes")]),
    (b"<a href='/no", []),
    (b"<!-- <a href=/no>", []),
    ("<a href=/é>".encode(), [("link", "/é")]),
]  # fmt: skip


@pytest.mark.parametrize(("page", "found"), LINKS)
def test_links_are_read_as_a_browser_reads_them(page: bytes, found: list[tuple[str, str]]) -> None:
    assert [*references(page, "utf-8")] == [Reference(*each) for each in found]
    assert [*references(page, "no such charset")] == [Reference(*each) for each in found]


JARS = [
    (["a=1; Path=/"], "https://x.example/deep", "a=1"),
    (["a=1; Path=/deep"], "https://x.example/deeper", ""),
    (["a=1; Path=/", "a=; Max-Age=0; Path=/"], "https://x.example/", ""),
    (["a=1; Path=/; Domain=x.example", "a=; Max-Age=0; Path=/"], "https://x.example/", "a=1"),
    (["a=1; Path=/; Domain=y.example"], "https://x.example/", ""),
    (["a=1; Path=/; Secure"], "https://x.example/", "a=1"),
    (["__Host-a=1; Path=/"], "https://x.example/", ""),
    (["a=1; Path=/; SameSite=None"], "https://x.example/", ""),
    (["nameless; Path=/"], "https://x.example/", "nameless"),
]


@pytest.mark.parametrize(("lines", "url", "sent"), JARS)
def test_a_jar_keeps_what_a_browser_keeps(lines: list[str], url: str, sent: str) -> None:
    jar = Jar()
    for line in lines:
        jar.take(line, "https://x.example/", 1_800_000_000)
    assert jar.header(url) == sent


def test_secure_cookies_stay_home_over_http_but_for_this_machine() -> None:
    for url, sent in (("http://x.example/", ""), ("http://127.0.0.1/", "a=1"), ("http://localhost:8000/", "a=1")):
        jar = Jar()
        jar.take("a=1; Path=/; Secure", url, 1_800_000_000)
        assert jar.header(url) == sent


def test_a_jar_is_not_filled_without_end() -> None:
    jar = Jar()
    for number in range(1000):
        jar.take(f"c{number}=1; Path=/", "https://x.example/", 1_800_000_000)
    assert len(jar.names) == 180
    assert "c999" in jar.names
