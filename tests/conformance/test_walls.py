"""Headers by which the browser itself holds back what waits for consent, through every front door."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from support.doors import Answer
from support.site import NOON, Site

CSP, REPORT_ONLY = "content-security-policy", "content-security-policy-report-only"
HTML = ("Content-Type", "text/html; charset=utf-8")
SCRIPT = ("Content-Type", "text/javascript")
PAGE = b"<!doctype html><title>x</title><p>hello"
DOCUMENT = [("Sec-Fetch-Dest", "document"), ("Accept", "text/html")]
OPEN = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: filesystem: mediastream:"
REPORT = "/_consent/csp-report"
OPTIONAL = ("functional", "analytics", "marketing", "chat", "audience")

Open = Callable[..., Site]


@pytest.fixture
def walled(open_site: Open, policy: dict[str, Any]) -> Callable[..., Site]:
    def walled(csp: str = "enforce", mode: str = "enforce", **html: Any) -> Site:
        policy["html"] = {"csp": csp, **html}
        policy["policy"]["mode"] = mode
        policy["services"] = [
            {"id": "counter", "name": "C", "provider": "C", "category": "analytics", "scripts": ["www.counter.example"]}
        ]
        return open_site(policy)

    return walled


def see(site: Site, *answers: tuple[str, str], dest: Iterable[tuple[str, str]] = DOCUMENT, **visit: Any) -> Answer:
    return site.visit(answers=[HTML, *answers], page=PAGE, headers=[*dest], **visit)


def walls_of(answer: Answer, name: str = CSP) -> list[str]:
    """The policies of a response: a recipient reads one header with commas as several (CSP Level 3, 4.2.3)."""
    return [part.strip().partition("; report-uri")[0] for value in answer.all(name) for part in value.split(",")]


def test_without_a_choice_the_browser_lets_pages_reach_only_the_site(walled: Callable[..., Site]) -> None:
    answer = see(walled())
    assert walls_of(answer) == [OPEN]
    assert "cookie" in (answer.get("vary") or "").lower()
    assert "private" in (answer.get("cache-control") or "")


def test_what_was_accepted_is_allowed(walled: Callable[..., Site]) -> None:
    site = walled()
    site.choose("save", "analytics")
    assert walls_of(see(site)) == [f"{OPEN} www.counter.example wss://www.counter.example"]


def test_with_full_consent_there_is_no_wall(walled: Callable[..., Site]) -> None:
    site = walled()
    site.choose("save", *OPTIONAL)
    answer = see(site)
    assert walls_of(answer) == walls_of(answer, REPORT_ONLY) == []
    assert "private" in (answer.get("cache-control") or "")


def test_the_applications_own_policy_is_left_as_it_is(walled: Callable[..., Site]) -> None:
    own = "default-src 'none'; script-src 'nonce-abc'"
    assert walls_of(see(walled(), ("Content-Security-Policy", own))) == [own, OPEN]


def test_report_mode_stops_nothing_and_asks_for_reports(walled: Callable[..., Site]) -> None:
    answer = see(walled("report"), ("Content-Security-Policy", "default-src 'self'"))
    assert walls_of(answer) == ["default-src 'self'"]
    assert walls_of(answer, REPORT_ONLY) == [OPEN]
    assert answer.get(REPORT_ONLY) == f"{OPEN}; report-uri {REPORT}; report-to consent"
    assert answer.get("reporting-endpoints") == f'consent="{REPORT}"'


@pytest.mark.parametrize(("wall", "reports"), [("enforce", []), ("report", [OPEN])])
def test_a_policy_that_only_reports_raises_no_wall_but_one_that_only_reports(
    walled: Callable[..., Site], wall: str, reports: list[str]
) -> None:
    answer = see(walled(wall, mode="report"), ("Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT"))
    assert walls_of(answer) == []
    assert walls_of(answer, REPORT_ONLY) == reports
    assert answer.get("vary") is None
    assert answer.get("last-modified")


@pytest.mark.parametrize("kind", ["application/json", "image/png", "text/css", "application/pdf"])
def test_what_is_no_page_has_no_wall(walled: Callable[..., Site], kind: str) -> None:
    answer = walled().visit(answers=[("Content-Type", kind)], page=b"x")
    assert not {CSP, "permissions-policy", "vary", "cache-control"} & {name.lower() for name, _ in answer.headers}


@pytest.mark.parametrize("kind", ["application/xhtml+xml", "text/html"])
def test_a_page_that_cannot_be_gated_has_the_wall_all_the_same(walled: Callable[..., Site], kind: str) -> None:
    headers = [("Content-Type", kind), ("Cache-Control", "no-transform"), ("ETag", '"1"')]
    answer = walled().visit(answers=headers, page=PAGE, headers=DOCUMENT)
    assert walls_of(answer) == [OPEN]
    assert answer.body == PAGE
    assert "--consent-" in (answer.get("etag") or "")


@pytest.mark.parametrize("destination", ["worker", "sharedworker", "serviceworker"])
def test_the_script_of_a_worker_has_a_wall_of_its_own(walled: Callable[..., Site], destination: str) -> None:
    """A worker is bound by the policy of its own response, not by that of the page (CSP Level 3, section 4.2)."""
    site = walled()
    request = [("Sec-Fetch-Dest", destination)]
    answer = site.visit(answers=[SCRIPT, ("Cache-Control", "public"), ("ETag", '"1"')], headers=request)
    assert walls_of(answer) == [OPEN]
    assert "private" in (answer.get("cache-control") or "")

    held = answer.get("etag") or ""
    site.choose("save", "analytics")
    site.visit(answers=[SCRIPT], headers=[*request, ("If-None-Match", held)])
    assert site.seen_field("if-none-match") is None  # no 304 brings back the wall of another choice


@pytest.mark.parametrize("kind", ["text/javascript", "application/xhtml+xml"])
def test_what_has_a_wall_has_no_date_by_which_it_could_be_kept_after_consent(
    walled: Callable[..., Site], kind: str
) -> None:
    site = walled()
    dated = ("Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT")
    request: dict[str, Any] = {
        "answers": [("Content-Type", kind), dated],
        "headers": [("Sec-Fetch-Dest", "worker" if "javascript" in kind else "document")],
    }
    assert site.visit(**request).get("last-modified") is None
    site.choose("save", *OPTIONAL)
    assert site.visit(**request).get("last-modified") == dated[1]


def test_other_scripts_stay_in_shared_caches(walled: Callable[..., Site]) -> None:
    site = walled()
    headers = [SCRIPT, ("Cache-Control", "max-age=3600"), ("ETag", '"1"')]
    assert site.visit(answers=headers, headers=[("Sec-Fetch-Dest", "script")]).headers == [
        (name.lower() if name.islower() else name, value) for name, value in site_headers(site, headers)
    ]


def site_headers(site: Site, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What the application's headers look like behind this door, seen where nothing of ours applies."""
    return site.visit(answers=headers, headers=[("Sec-Fetch-Dest", "image")]).headers


def test_a_browser_that_does_not_tell_gets_the_wall_unless_the_script_is_for_all(walled: Callable[..., Site]) -> None:
    site = walled()
    assert walls_of(site.visit(answers=[SCRIPT])) == [OPEN]
    shared = site.visit(answers=[SCRIPT, ("Cache-Control", "public, max-age=3600")])
    assert walls_of(shared) == []
    assert shared.get("cache-control") == "public, max-age=3600"


def test_where_the_policy_does_not_apply_there_is_no_wall(open_site: Open, policy: dict[str, Any]) -> None:
    policy["html"] = {"csp": "enforce"}
    answer = see(open_site(policy, applies=lambda request: False))
    assert walls_of(answer) == []
    assert answer.get("permissions-policy") is None


def test_a_decision_that_cannot_be_read_raises_the_narrowest_wall(
    walled: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = walled()
    site.choose("save", *OPTIONAL)

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("consent_middleware.decision.Decision.standing", fail)
    answer = see(site)
    assert answer.status == 200
    assert walls_of(answer) == [OPEN]


# Topics


def test_the_browser_keeps_its_topics_without_consent_to_marketing(walled: Callable[..., Site]) -> None:
    site = walled("off")
    assert see(site, ("Permissions-Policy", "camera=()")).get("permissions-policy") == (
        "camera=(), browsing-topics=(), interest-cohort=()"
    )
    site.choose("save", "analytics")
    assert see(site).get("permissions-policy") == "browsing-topics=(), interest-cohort=()"
    site.choose("save", "marketing")
    assert see(site).get("permissions-policy") is None


def test_a_policy_that_gates_no_page_adds_nothing_to_pages(site: Site) -> None:
    answer = see(site)
    assert answer.get("permissions-policy") is answer.get("vary") is None


# Reports


def report(site: Site, blocked: str = "https://stats.example.net/collect?id=1", **request: Any) -> Answer:
    body = {"document-uri": "https://shop.example.org/x?q=1", "blocked-uri": blocked, "effective-directive": "img-src"}
    usual: dict[str, Any] = {
        "method": "POST",
        "headers": [("Content-Type", "application/csp-report")],
        "body": json.dumps({"csp-report": body}).encode(),
    }
    return site.visit(REPORT, **{**usual, **request})


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "consent_middleware.reports"]


def test_what_a_browser_gathers_in_a_minute_has_room_though_each_report_repeats_the_policy(
    walled: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    site = walled("report")
    policy = "default-src 'self' " + " ".join(f"https://host-{number}.example.net" for number in range(80))
    page = "https://shop.example.org/x"
    gathered = [
        {
            "age": 100,
            "type": "csp-violation",
            "url": page,
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0",
            "body": {
                "documentURL": page,
                "blockedURL": f"https://h{number}.example.net/a.js",
                "effectiveDirective": "script-src-elem",
                "originalPolicy": policy,
                "disposition": "report",
            },
        }
        for number in range(40)
    ]
    body = json.dumps(gathered).encode()
    assert len(body) > 100_000
    answer = report(site, headers=[("Content-Type", "application/reports+json")], body=body)
    assert answer.status == 202
    assert len(logged(caplog)) == 40


def test_a_report_is_logged_and_nothing_is_answered(
    walled: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    answer = report(walled("report"))
    assert (answer.status, answer.body) == (202, b"")
    assert logged(caplog) == [
        'consent.R001: {"host": "stats.example.net", "directive": "img-src", "page": "/x", "count": 1}'
    ]


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (405, {"method": "GET", "body": b""}),
        (415, {"headers": [("Content-Type", "text/plain")]}),
        (413, {"body": b" " * 131_073}),
        (202, {"body": b"<script>alert(1)</script>"}),
    ],
)
def test_a_report_that_is_none_leaves_no_trace(
    walled: Callable[..., Site], caplog: pytest.LogCaptureFixture, status: int, request_: dict[str, Any]
) -> None:
    answer = report(walled(), **request_)
    assert answer.status == status
    assert b"alert" not in answer.body
    assert logged(caplog) == []


def test_a_flood_of_reports_is_not_looked_at(walled: Callable[..., Site], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site = walled()
    statuses = [report(site, f"https://h{number}.example/").status for number in range(30)]
    assert statuses == [202] * 20 + [429] * 10
    assert len(logged(caplog)) == 20
    site.clock.now = NOON + 1
    assert report(site).status == 202


def test_without_the_wall_there_is_nowhere_to_report_to(site: Site) -> None:
    assert report(site).status == 404
