"""In report mode nothing changes, through every front door, and everything that would change is told."""

from __future__ import annotations

import gzip
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from consent_middleware import Decision
from consent_middleware.engine import Engine
from support.doors import KEY, Answer
from support.site import NOON, Site

OpenSite = Callable[..., Site]

HTML = ("Content-Type", "text/html; charset=utf-8")
TEXT = ("Content-Type", "text/plain")
DOCUMENT = ("Sec-Fetch-Dest", "document")
PAGE = (
    b'<!doctype html><html lang=en><head><title>Shop</title><script src="https://stats.example.net/a.js"></script>'
    b'<script>ownstats("x")</script></head><body><img src="https://nobody.example.com/p.gif?who=me">'
    b'<iframe src="https://stats.example.net/film"></iframe></body></html>'
)
MANY = ["_ga=1", "_ads=secret", "session=s", "nobody=4", "theme=dark", "junk", '"=5', "__Host-consent=forged"]


@dataclass(frozen=True)
class Case:
    """A request and what the application answers."""

    answers: list[tuple[str, str]] = field(default_factory=lambda: [TEXT])
    page: bytes | list[bytes] = b"hello"
    sets: list[str] = field(default_factory=list[str])
    carrying: list[str] = field(default_factory=list[str])
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    status: int = 200
    method: str = "GET"
    path: str = "/basket/1234?secret=1"


VALIDATORS = [("ETag", '"abc"'), ("Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT"), ("Accept-Ranges", "bytes")]
SHARED = [("Cache-Control", "public, max-age=600"), ("CDN-Cache-Control", "max-age=60"), ("Vary", "Accept-Language")]
CASES: dict[str, Case] = {
    "cookies of every kind": Case(
        sets=[
            "_ga=1; Max-Age=99999999",
            "nobody=1",
            "session=s; HttpOnly",
            "basket=b; Max-Age=99999999; Path=/",
            "_ga=2",
            "_ads=; Max-Age=0",
            "theme=light; Expires=Sat, 21 Nov 2037 12:00:00 GMT",
        ],
        carrying=MANY,
    ),
    "cookies on what is shared": Case(answers=[TEXT, *SHARED], sets=["_ga=1"]),
    "a dated answer": Case(answers=[TEXT, ("Date", "Sat, 21 Nov 2026 12:00:00 GMT")], sets=["_ga=1; Max-Age=99999999"]),
    "a page": Case([HTML, ("Content-Length", str(len(PAGE))), *VALIDATORS, *SHARED], PAGE, headers=[DOCUMENT]),
    "a page for who sends cookies": Case([HTML], PAGE, ["_ga=1"], MANY, [DOCUMENT]),
    "a page in pieces": Case([HTML], [b"", PAGE[:40], b"", PAGE[40:], b""], headers=[DOCUMENT]),
    "an empty stream": Case([HTML], [], headers=[DOCUMENT]),
    "a compressed page": Case([HTML, ("Content-Encoding", "gzip")], gzip.compress(PAGE), headers=[DOCUMENT]),
    "a broken compressed page": Case([HTML, ("Content-Encoding", "gzip")], b"no gzip", headers=[DOCUMENT]),
    "the head of a page": Case([HTML, ("Content-Length", str(len(PAGE))), *VALIDATORS], b"", method="HEAD"),
    "a page not modified": Case(
        VALIDATORS[:1], b"", status=304, headers=[("If-None-Match", '"abc--consent-12345678"'), DOCUMENT]
    ),
    "part of a page": Case(
        [HTML, ("Content-Range", "bytes 0-9/100")], b"<p>0123456", status=206, headers=[("Range", "bytes=0-9")]
    ),
    "a page in an encoding that hides markup": Case([("Content-Type", "text/html; charset=utf-16")], PAGE),
    "headers that load": Case(
        [
            HTML,
            ("Link", "<https://stats.example.net>; rel=preconnect, </a.css>; rel=preload"),
            ("Refresh", "5; url=https://stats.example.net/"),
            ("Content-Security-Policy", "default-src 'self'"),
        ],
        PAGE,
    ),
    "what a browser says of the bytes it has": Case(
        [HTML],
        PAGE,
        headers=[
            ("Accept-Encoding", "br, zstd, gzip"),
            ("If-None-Match", 'W/"abc--consent-12345678", "other"'),
            ("If-Modified-Since", "Sat, 21 Nov 2026 12:00:00 GMT"),
            DOCUMENT,
        ],
    ),
    "a script of a worker": Case(
        [("Content-Type", "text/javascript"), *VALIDATORS], b"go()", headers=[("Sec-Fetch-Dest", "serviceworker")]
    ),
    "a redirect": Case([TEXT, ("Location", "/there")], b"", ["_ads=1"], status=303),
    "a failure": Case([HTML], PAGE, ["_ga=1"], status=500),
    "nothing": Case([], b"", ["nobody=1"], status=204),
    "who objects by a signal": Case(sets=["_ads=1"], carrying=["_ads=1"], headers=[("Sec-GPC", "1")]),
}

SITES: dict[str, dict[str, Any]] = {
    "a plain site": {},
    "a site that changes all it can": {
        "html": {
            "third_party_hosts": "withhold",
            "csp": "enforce",
            "cache": "shared",
            "css": True,
            "on_fault": "withhold",
            "browsing_topics": ["marketing"],
        },
        "banner": {"show": True, "count": True},
    },
}


@pytest.fixture
def policy(policy: dict[str, Any]) -> dict[str, Any]:
    policy["services"] = [
        {
            "id": "own-stats",
            "name": "Own statistics",
            "provider": "Example SARL",
            "category": "analytics",
            "scripts": ["stats.example.net/"],
            "inline": ["ownstats("],
        }
    ]
    return policy


class Nobody:
    """The request of nobody in particular, for the decision of a gate further out."""

    method, scheme, host, path, target, root, is_local = "GET", "https", "shop.example.org", "/", "/", "", False
    cookies: tuple[str, ...] = ()

    def header(self, name: str) -> str | None:
        return None


def ask(site: Site, case: Case, **options: Any) -> tuple[Answer, tuple[object, ...]]:
    """What comes out, and what the application saw."""
    site.jar.clear()
    answer = site.visit(
        case.path,
        sets=case.sets,
        answers=case.answers,
        page=case.page,
        carrying=case.carrying,
        headers=case.headers,
        status=case.status,
        method=case.method,
        **options,
    )
    names = ("accept-encoding", "if-none-match", "if-modified-since", "range")
    return answer, (site.script.seen, *map(site.seen_field, names))


@pytest.mark.parametrize("settings", SITES)
@pytest.mark.parametrize("development", ["0", "1"])
def test_every_byte_leaves_as_without_the_middleware(
    open_site: OpenSite, policy: dict[str, Any], monkeypatch: pytest.MonkeyPatch, settings: str, development: str
) -> None:
    """By a word in the environment, whatever the policy file says; on a machine for development as on any other."""
    monkeypatch.setenv("CONSENT_MODE", "report")
    monkeypatch.setenv("CONSENT_DEVELOPMENT", development)
    policy |= SITES[settings]
    site = open_site(policy)
    twin = Decision(Engine(policy, secret_keys=KEY), Nobody())
    for name, case in CASES.items():
        bare = ask(site, case, outer=twin)
        assert ask(site, case) == bare, name
        assert ask(site, case) == bare, name  # and again, when everything has been told already


def test_the_bare_application_is_bare(open_site: OpenSite, policy: dict[str, Any]) -> None:
    """Were the comparison above one of us with us, this would show it."""
    site = open_site(policy)
    twin = Decision(Engine(policy, secret_keys=KEY), Nobody())
    case = CASES["a page for who sends cookies"]
    assert ask(site, case, outer=twin)[0].body == PAGE
    assert ask(site, case)[0].body != PAGE


TOLD = [
    ("consent.C002", "withhold", "cookie", "_ga", "analytics"),
    ("consent.C002", "withhold", "cookie", "theme", "functional"),
    ("consent.C002", "hide", "cookie", "_ga", "analytics"),
    ("consent.C002", "hide", "cookie", "_ads", "marketing"),
    ("consent.C002", "hide", "cookie", "theme", "functional"),
    ("consent.C003", "hide", "cookie", '"', None),
    ("consent.C003", "hide", "cookie", "", None),
    ("consent.C004", "shorten", "cookie", "basket", "necessary"),
    ("consent.C010", "expire", "cookie", "_ga", "analytics"),
    ("consent.C010", "expire", "cookie", "_ads", "marketing"),
    ("consent.C010", "expire", "cookie", "theme", "functional"),
    ("consent.H004", "withhold", "host", "stats.example.net", "analytics"),
    ("consent.H004", "withhold", "markup", "<script> of analytics", "analytics"),
    ("consent.H006", "change", "page", "/basket/*", None),
]


class TestWhatIsTold:
    """``reporting`` sites tell, and so do those that enforce."""

    @pytest.fixture(params=["report", "enforce"])
    def site(self, request: pytest.FixtureRequest, open_site: OpenSite, policy: dict[str, Any]) -> Site:
        policy["policy"]["mode"] = request.param
        self.mode = request.param
        return open_site(policy)

    def told(self, caplog: pytest.LogCaptureFixture) -> set[tuple[str, ...]]:
        fields = ("code", "mode", "action", "subject", "name", "category", "route")
        return {
            tuple(getattr(record, f"consent_{each}") for each in fields)
            for record in caplog.records
            if hasattr(record, "consent_code")
        }

    def test_everything_in_structured_fields(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "consent_middleware")
        for _ in range(2):
            ask(site, CASES["cookies of every kind"])
            ask(site, CASES["headers that load"])
            ask(site, CASES["a page"])
        events = self.told(caplog)
        # Of what nobody declared one line says all, whichever way it went.
        [nobody] = {event for event in events if event[4] == "nobody"}
        assert nobody[0] == "consent.C003"
        assert events - {nobody} == {
            (code, self.mode, action, subject, name, category, "/basket/*")
            for code, action, subject, name, category in TOLD
        }
        # Nothing of a record but what every record has: in times and numbers of threads there may be any digits.
        usual = vars(logging.makeLogRecord({})).keys() - {"msg", "args"} | {"message", "asctime"}
        fields = [field for record in caplog.records for field in vars(record).items()]
        text = str([(name, each) for name, each in fields if name not in usual])
        for secret in ("secret=1", "dark", "who=me", "1234"):
            assert secret not in text

    def test_report_mode_warns_and_enforcing_is_daily_work(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.WARNING, "consent_middleware")
        ask(site, Case(sets=["_ga=1; Max-Age=99999999", "basket=1; Max-Age=99999999"]))
        ask(site, CASES["a page"])
        codes = {event[0] for event in self.told(caplog)}
        assert codes == (
            {"consent.C002", "consent.C004", "consent.H004", "consent.H006"} if self.mode == "report" else set()
        )

    def test_an_undeclared_cookie_is_told_once_with_the_line_to_write(
        self, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        for number in range(3):
            site.visit(f"/{number}", sets=["nobody=1"], carrying=["nobody=2", "odd=1"])
        [line] = [record.getMessage() for record in caplog.records if "'nobody'" in record.getMessage()]
        assert 'add [[cookies]] with name = "nobody" and its category' in line
        assert ("would be withheld" if self.mode == "report" else "was withheld") in line

    def test_no_name_of_a_visitors_breaks_a_line(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        site.visit(carrying=["a\nconsent.fault: all is lost\x1b[31m\x85=1"], path="/a%0Aconsent.fault/x%1b")
        records = [record for record in caplog.records if hasattr(record, "consent_code")]
        assert records
        for record in records:
            assert record.getMessage().isprintable()
            assert all(str(value).isprintable() for key, value in vars(record).items() if key.startswith("consent_"))

    def test_no_markup_of_a_page_breaks_a_line(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "consent_middleware")
        made_up = b'<script data-consent="a&#10;consent.fault:&#27;[31m%s">go()</script>' % (b"x" * 5000)
        site.visit(answers=[HTML], page=made_up, headers=[DOCUMENT])
        [told] = [record for record in caplog.records if getattr(record, "consent_code", "") == "consent.H004"]
        for text in (told.getMessage(), *(str(getattr(told, f"consent_{key}")) for key in ("name", "category"))):
            assert text.isprintable()
            assert len(text) < 400


class TestTheHeader:
    @pytest.fixture
    def policy(self, policy: dict[str, Any]) -> dict[str, Any]:
        return policy | {"reports": {"header": True}}

    @pytest.mark.parametrize("mode", ["report", "enforce"])
    def test_it_tells_of_the_cookies_of_one_response(
        self, open_site: OpenSite, policy: dict[str, Any], mode: str
    ) -> None:
        policy["policy"]["mode"] = mode
        site = open_site(policy)
        for _ in range(2):
            site.jar.clear()
            answer = site.visit(sets=["_ga=secret", "nobody=1"], carrying=["_ads=1"])
            assert answer.get("consent-report") == (
                '"_ads";code=consent.C002;action=hide;category="marketing", '
                '"_ga";code=consent.C002;action=withhold;category="analytics", '
                '"nobody";code=consent.C003;action=withhold, '
                '"_ads";code=consent.C010;action=expire;category="marketing"'
            )

    def test_a_response_of_which_nothing_is_to_be_told_has_none(
        self, open_site: OpenSite, policy: dict[str, Any]
    ) -> None:
        assert open_site(policy).visit(sets=["session=1"], carrying=["session=1"]).get("consent-report") is None

    def test_hiding_what_nobody_declared_is_told_too(self, open_site: OpenSite, policy: dict[str, Any]) -> None:
        answer = open_site(policy).visit(carrying=["nobody=1"])
        assert answer.get("consent-report") == '"nobody";code=consent.C003;action=hide'

    def test_it_is_short_whatever_is_sent(self, open_site: OpenSite, policy: dict[str, Any]) -> None:
        value = open_site(policy).visit(carrying=[f"junk{number}=1" for number in range(500)]).get("consent-report")
        assert value is not None
        assert len(value) < 1200
        shown = value.count("code=")
        assert value.endswith(f", more;count={50 - shown}")  # of which it takes no more notice


class TestTheSummary:
    @pytest.fixture(params=["report", "enforce"])
    def site(
        self, request: pytest.FixtureRequest, open_site: OpenSite, policy: dict[str, Any], monkeypatch: Any
    ) -> Site:
        policy["policy"]["mode"] = request.param
        monkeypatch.setenv("CONSENT_DEVELOPMENT", "1")
        return open_site(policy)

    def see(self, site: Site, path: str = "/_consent/report", **request: Any) -> Answer:
        return site.visit(path, host="localhost:8000", scheme="http", **request)

    def test_it_tells_what_was_seen_and_done(self, site: Site) -> None:
        ask(site, CASES["cookies of every kind"])
        ask(site, CASES["a page"])
        site.jar.clear()
        told = json.loads(self.see(site, headers=[("Accept", "application/json")]).body)
        assert told["version"] == 1
        cookies = {each["name"]: each for each in told["cookies"]}
        assert cookies.keys() == {"_ga", "nobody", "session", "basket", "theme", "_ads", '"'}
        assert {
            key: cookies["basket"][key] for key in ("category", "count", "set", "attributes", "routes", "last_seen")
        } == {
            "category": "necessary",
            "count": 1,
            "set": 1,
            "attributes": {"max_age": 99999999, "domain": None, "path": "/"},
            "routes": ["/basket/*"],
            "last_seen": NOON,
        }
        assert cookies["basket"]["actions"] == [{"action": "shorten", "reason": "consent.C004", "count": 1}]
        assert cookies["session"]["actions"] == []
        assert (cookies["nobody"]["category"], cookies["nobody"]["count"]) == (None, 2)
        hosts = {each["host"]: each for each in told["hosts"]}
        stats, nobody = hosts["stats.example.net"], hosts["nobody.example.com"]
        assert (stats["category"], stats["service"], stats["count"]) == ("analytics", "own-stats", 2)
        assert stats["elements"] == ["script", "iframe"]
        assert (nobody["category"], nobody["service"], nobody["elements"]) == (None, None, ["img"])
        for secret in ("secret", "who=me", "dark", "1234"):
            assert secret not in json.dumps(told)

    def test_it_is_a_page_with_the_lines_that_the_policy_lacks(self, site: Site) -> None:
        site.visit(sets=["nobody=1", '<b>&"=1'], answers=[HTML], page=PAGE, headers=[DOCUMENT])
        answer = self.see(site)
        assert answer.get("content-type") == "text/html; charset=utf-8"
        page = answer.body.decode()
        assert "<b>" not in page
        assert "[[cookies]]\nname = &quot;nobody&quot;" in page
        assert "own_hosts = [&quot;nobody.example.com&quot;]" in page
        assert len(re.findall(r"<th scope=\"row\"><code>stats.example.net</code>", page)) == 1
        assert (answer.get("cache-control"), answer.get("x-content-type-options")) == ("no-store", "nosniff")

    def test_nobody_else_gets_it(self, site: Site) -> None:
        for path in ("/_consent/report", "/_consent/report.json"):
            for host, *headers in STRANGERS:
                assert site.visit(path, host=host, headers=headers).status == 404, (host, headers)

    def test_this_machine_does(self, site: Site) -> None:
        for host in ("localhost", "shop.localhost:8000", "127.0.0.1:8000", "127.8.9.1", "[::1]:8000"):
            assert site.visit("/_consent/report", host=host, headers=[("Sec-Fetch-Site", "none")]).status == 200


STRANGERS: list[tuple[Any, ...]] = [
    ("shop.example.org",),
    ("localhost.evil.example",),
    ("127.0.0.1.evil.example",),
    ("",),
    ("[::1",),
    ("192.0.2.1",),
    ("localhost", ("X-Forwarded-For", "127.0.0.1")),
    ("localhost", ("Forwarded", "for=127.0.0.1")),
    ("localhost", ("X-Real-IP", "127.0.0.1")),
    ("localhost", ("Via", "1.1 proxy")),
    ("localhost:8000", ("Connection", "close")),
    ("localhost", ("Sec-Fetch-Site", "cross-site")),
    ("localhost", ("Sec-Fetch-Site", "same-site")),
]


def test_without_a_word_in_the_environment_there_is_no_summary(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["mode"] = "report"
    for path in ("/_consent/report", "/_consent/report.json"):
        assert open_site(policy).visit(path, host="localhost").status == 404
