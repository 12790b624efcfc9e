"""What ``consent init`` sees of a running site, friendly or not, and of the report of one."""

from __future__ import annotations

import io
import json
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from consent_middleware import ConsentWSGI
from consent_middleware.cli import main
from support.hostile import hostile_server
from support.servers import free_port, serving

GA = "https://www.googletagmanager.com/gtag/js?id=G-0000000000"
COOKIES = {
    "/": ["session=1; Path=/; HttpOnly", "theme=dark; Max-Age=2592000; Path=/", "_ga=1; Max-Age=63072000; Path=/"],
    "/shop": [
        "visitor_id=8f; Max-Age=63072000; Path=/shop",
        "_fbp=1; Path=/",
        "gone=; Max-Age=0",
        "none; SameSite=None",
        "consent=ours; Path=/",
        "a*b=1",
        "?=1",
    ],
}
PAGE = f"""<!doctype html><script src="{GA}"></script><a href="/shop">shop</a>
<script src="//counter.example.net/c.js"></script><iframe src="https://widget.counter.example.net/"></iframe>
<script src="https://a-b.example/1.js"></script><script src="https://a.b.example/2.js"></script>
<iframe src="https://www.youtube.com/embed/x"></iframe><img src="http://127.0.0.1:1/own.png"><img src="/here.png">"""


def site(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Two pages, with cookies and third parties of every kind."""
    cookies = [("Set-Cookie", line) for line in COOKIES.get(environ["PATH_INFO"], ())]
    start_response("200 OK", [("Content-Type", "text/html"), *cookies])
    return [PAGE.encode()]


Init = Callable[..., tuple[int, str, str]]


@pytest.fixture
def init(capsys: pytest.CaptureFixture[str]) -> Init:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["init", *arguments, "--output", "-", "--rate", "10000", "--timeout", "1"])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture(scope="module")
def drafted() -> tuple[str, dict[str, Any]]:
    text = io.StringIO()
    with serving(site) as url, redirect_stdout(text):
        assert main(["init", "--url", url, "--output", "-", "--rate", "10000"]) == 1
    return text.getvalue(), tomllib.loads(text.getvalue())


class TestAVisit:
    def test_services_of_the_catalogue_are_named_in_their_categories(self, drafted: Any) -> None:
        _, tables = drafted
        assert tables["categories"]["analytics"]["services"] == ["google-analytics"]
        assert tables["categories"]["video"]["services"] == ["youtube"]

    def test_cookies_of_these_services_are_left_to_them(self, drafted: Any) -> None:
        names = {cookie["name"] for cookie in drafted[1]["cookies"]}
        assert "_ga" not in names

    def test_a_name_that_the_catalogue_knows_is_a_question_where_nothing_else_of_the_vendor_was_seen(
        self, drafted: Any
    ) -> None:
        text, tables = drafted
        assert {"name": "_fbp", "category": "?", "lifetime": "session"} in tables["cookies"]
        assert 'write services = ["meta-pixel"] under [categories.marketing]' in text.replace("\n# ", " ")

    def test_other_cookies_are_declared_as_they_were_set(self, drafted: Any) -> None:
        text, tables = drafted
        assert {"name": "session", "category": "necessary", "lifetime": "session"} in tables["cookies"]
        assert {"name": "theme", "category": "?", "lifetime": "30 days"} in tables["cookies"]
        assert {"name": "visitor_id", "category": "?", "path": "/shop"} in tables["cookies"]
        assert "It asks for 730 days, which cookie_lifetime cuts short." in text
        assert "# Set by the server on /shop." in text

    def test_what_no_browser_keeps_and_what_is_ours_is_left_out(self, drafted: Any) -> None:
        assert {cookie["name"] for cookie in drafted[1]["cookies"]}.isdisjoint({"gone", "none", "", "consent"})

    def test_what_no_rule_can_name_is_said(self, drafted: Any) -> None:
        text = drafted[0]
        assert "#   - a*b: Set by the server on /shop. It cannot be declared" in text
        assert "#   - ?: " in text

    def test_a_host_of_nobody_is_a_service_with_questions_and_covers_its_sub_domains(self, drafted: Any) -> None:
        text, tables = drafted
        hosts = {service["scripts"][0]: service for service in tables["services"]}
        assert hosts["counter.example.net"] == {
            "id": "counter-example-net",
            "name": "counter.example.net",
            "provider": "?",
            "category": "?",
            "scripts": ["counter.example.net"],
        }
        assert set(hosts) == {"counter.example.net", "a.b.example", "a-b.example"}
        assert "# widget.counter.example.net: Seen in iframe on /, /shop, /here.png." in text

    def test_two_hosts_never_share_an_id(self, drafted: Any) -> None:
        ids = [service["id"] for service in drafted[1]["services"]]
        assert sorted(ids) == ["a-b-example", "a-b-example-2", "counter-example-net"]

    def test_what_this_machine_serves_itself_is_no_third_party(self, drafted: Any) -> None:
        assert "own_hosts" not in drafted[1]["html"]


def test_sub_domains_of_the_site_are_its_own() -> None:
    from consent_middleware.draft import Facts, HostFact, propose

    seen = [HostFact(host=host, evidence="Seen.") for host in ("cdn.example.org", "example.org", "else.example")]
    proposal = propose([Facts(source="x", site="www.example.org", hosts=tuple(seen))])
    assert [host.name for host in proposal.own_hosts] == ["cdn.example.org"]
    assert [service.host for service in proposal.services] == ["else.example"]


def test_a_site_that_has_this_middleware_says_what_it_may_hide(init: Init) -> None:
    with serving(ConsentWSGI(site, secret_keys="a key for tests, long enough to be one")) as url:
        status, text, _ = init("--url", url)
    assert status == 1
    assert "unless it runs in report mode" in text
    assert "/_consent" not in text


def test_a_cookie_without_a_path_comes_with_advice(init: Init) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html"), ("Set-Cookie", "stray=1")])
        return [b""]

    with serving(application) as url:
        assert "give it Path=/" in init("--url", f"{url}folder/page")[1]
        assert "give it Path=/" not in init("--url", f"{url}page")[1]


@pytest.mark.parametrize(
    "path", ["", "hang", "drip-body", "loop", "wander", "astray", "flood", "bomb", "corrupt", "reset", "smtp", "utf-16"]
)
def test_a_server_that_means_ill_is_told_of_in_words(init: Init, hostile: str, path: str) -> None:
    begun = time.monotonic()
    status, text, error = init("--url", hostile + path, "--megabytes", "1", "--pages", "3")
    assert "Traceback" not in text + error
    assert time.monotonic() - begun < 20
    if status == 2:
        assert error.startswith(f"consent init: {hostile}{path} cannot be examined: ") and error.count("\n") == 1
    else:
        assert status == 1
        assert tomllib.loads(text)["policy"]["mode"] == "report"


@pytest.mark.parametrize("path", ["many-cookies", "odd-cookies", "charset", "nest"])
def test_a_draft_of_odd_pages_is_still_one(init: Init, hostile: str, path: str) -> None:
    status, text, _ = init("--url", hostile + path, "--megabytes", "1", "--pages", "1")
    assert status == 1
    assert len(tomllib.loads(text).get("cookies", ())) <= 500


def test_robots_are_heeded_unless_told_otherwise(init: Init) -> None:
    def closed(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"User-agent: *\nDisallow: /"]

    with serving(closed) as url:
        status, _, error = init("--url", url)
        assert status == 2 and "--ignore-robots" in error
        assert init("--url", url, "--ignore-robots")[0] == 1


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    with hostile_server() as url:
        yield url


REPORT = {
    "version": 1,
    "mode": "report",
    "cookies": [
        {
            "name": "theme",
            "category": None,
            "count": 41,
            "set": 41,
            "attributes": {"max_age": 2592000, "domain": None, "path": "/shop"},
            "routes": ["/", "/shop/<slug>", "/basket", "/login"],
        },
        {"name": "_ga", "category": None, "count": 3, "set": 0, "attributes": {"max_age": None}, "routes": ["/"]},
        {"name": "session", "category": "necessary", "count": 2, "set": 2, "attributes": {"max_age": None}},
        {"name": "visitor_id", "category": "analytics", "count": 2, "set": 2, "attributes": {"max_age": None}},
        {"name": "_hjid", "category": "audience", "count": 1, "set": 1, "attributes": {}},
        {"name": "own", "category": "audience", "count": 1, "set": 0, "attributes": {"max_age": None}},
        "not a row",
    ],
    "hosts": [
        {"host": "script.hotjar.com", "category": None, "service": None, "count": 2, "elements": ["script"]},
        {"host": "Stats.Example.net", "category": "audience", "service": "x", "elements": ["img"], "routes": ["/"]},
    ],
}


class TestAReport:
    def test_tells_of_cookies_and_hosts(self, init: Init, tmp_path: Path) -> None:
        (tmp_path / "report.json").write_text(json.dumps(REPORT), encoding="utf-8")
        status, text, said = init("--from-report", str(tmp_path / "report.json"))
        tables = tomllib.loads(text)
        assert status == 1
        assert tables["cookies"] == [
            {"name": "own", "category": "audience"},
            {"name": "session", "category": "necessary", "lifetime": "session"},
            {"name": "theme", "category": "?", "lifetime": "30 days", "path": "/shop"},
            {"name": "visitor_id", "category": "analytics", "lifetime": "session"},
        ]
        assert "# Observed 41 times on /, /shop/<slug>, /basket and 1 more." in text
        assert "a script writes it, or a visitor made it up" in text
        assert tables["categories"]["analytics"]["services"] == ["google-analytics"]
        assert tables["categories"]["audience"]["services"] == ["hotjar"]
        (stats,) = tables["services"]
        assert (stats["scripts"], stats["category"], stats["provider"]) == (["stats.example.net"], "audience", "?")
        assert "1 row of" in said

    def test_is_fetched_from_the_site(self, init: Init) -> None:
        def reporting(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            assert environ["HTTP_ACCEPT"] == "application/json"
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(REPORT).encode()]

        with serving(reporting) as url:
            status, text, _ = init("--from-report", f"{url}_consent/report")
        assert status == 1 and 'name = "theme"' in text

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is not JSON"),
            (b"[" * 100_000, "is not JSON"),
            (b"\xff\xfe\x00", "is not JSON"),
            (b"[]", 'it has no "version": 1'),
            (b'{"version": 2}', 'it has no "version": 1'),
        ],
    )
    def test_that_is_none_is_refused_in_a_line(self, init: Init, tmp_path: Path, content: bytes, said: str) -> None:
        (tmp_path / "report.json").write_bytes(content)
        status, text, error = init("--from-report", str(tmp_path / "report.json"))
        assert (status, text) == (2, "")
        assert said in error and error.count("\n") == 1

    def test_that_cannot_be_reached_is_told_with_the_reason(self, init: Init, hostile: str, tmp_path: Path) -> None:
        assert "No such file" in init("--from-report", str(tmp_path / "no.json"))[2]
        assert "no connection could be made" in init("--from-report", f"http://127.0.0.1:{free_port()}/")[2]
        assert "no answer within" in init("--from-report", f"{hostile}hang")[2]
        with serving(lambda environ, start: [start("404 Not Found", []), b""][1:]) as url:
            assert "it answers 404" in init("--from-report", url)[2]
