"""Reports of browsers, and of whoever poses as one."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_middleware.violations import CODE, Violation, Violations, read

HOST = "shop.example.org"


def by_report_uri(**fields: Any) -> bytes:
    report = {
        "document-uri": f"https://{HOST}/product?visitor=42#top",
        "blocked-uri": "https://stats.example.net/collect?id=42",
        "effective-directive": "script-src-elem",
        "original-policy": "default-src 'self'",
        "referrer": "https://elsewhere.example/secret",
        **fields,
    }
    return json.dumps({"csp-report": report}).encode()


def by_reporting_api(*bodies: dict[str, Any]) -> bytes:
    usual = {
        "documentURL": f"https://{HOST}/product?visitor=42",
        "blockedURL": "wss://stats.example.net/socket",
        "effectiveDirective": "connect-src",
    }
    return json.dumps([{"type": "csp-violation", "body": {**usual, **body}} for body in bodies or ({},)]).encode()


def test_of_a_report_remain_the_host_the_directive_and_the_path() -> None:
    assert [*read(by_report_uri(), HOST)] == [Violation("stats.example.net", "script-src-elem", "/product")]
    assert [*read(by_reporting_api(), f"{HOST}:8000")] == [Violation("stats.example.net", "connect-src", "/product")]


def test_level_two_names_the_directive_with_its_sources() -> None:
    old = by_report_uri(**{"effective-directive": None, "violated-directive": "img-src 'self' data:"})
    assert [found.directive for found in read(old, HOST)] == ["img-src"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"null",
        b"[[[[]]]]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"csp-report": 1}',
        by_report_uri(**{"blocked-uri": "inline"}),
        by_report_uri(**{"blocked-uri": "eval"}),
        by_report_uri(**{"blocked-uri": "data"}),
        by_report_uri(**{"blocked-uri": 7}),
        by_report_uri(**{"blocked-uri": "https://[::1"}),
        by_report_uri(**{"blocked-uri": "https://a b/"}),
        by_report_uri(**{"blocked-uri": "https://" + "a." * 200}),
        by_report_uri(**{"blocked-uri": "chrome-extension://abcdef/x.js"}),
        by_report_uri(**{"blocked-uri": f"https://{HOST}:8443/own.js"}),
        by_report_uri(**{"effective-directive": "script-src\nconsent.R001: {}"}),
        by_report_uri(**{"effective-directive": ["script-src"]}),
        by_report_uri(**{"effective-directive": "frame-ancestors"}),  # none that a wall of ours has
        by_report_uri(**{"effective-directive": "made-up-src"}),
        by_report_uri(**{"document-uri": "https://elsewhere.example/"}),
        by_report_uri(**{"document-uri": "about:srcdoc"}),
    ],
)
def test_what_is_no_report_of_ours_is_passed_over(body: bytes) -> None:
    assert [*read(body, HOST)] == []


def fields(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = ("csp-report", "body", "blocked-uri", "blockedURL", "document-uri", "documentURL", "effective-directive")
    return st.dictionaries(st.sampled_from(names) | st.text(), inner)


@given(st.recursive(st.none() | st.booleans() | st.text() | st.floats(), lambda inner: st.lists(inner) | fields(inner)))
def test_whatever_is_sent_never_raises(content: Any) -> None:
    for each in (content, {"csp-report": content}, [{"body": content}]):
        list(read(json.dumps(each).encode(), HOST))


def lines_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    messages = [record.getMessage() for record in caplog.records if record.name == "consent_middleware.reports"]
    assert all(message.startswith(f"{CODE}: ") and message.isascii() and message.isprintable() for message in messages)
    return [json.loads(message.removeprefix(f"{CODE}: ")) for message in messages]


def test_the_log_tells_what_is_new_and_each_power_of_ten(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    violations = Violations()
    for _ in range(150):
        violations.take(by_report_uri(), HOST, 0)
    told = {"host": "stats.example.net", "directive": "script-src-elem", "page": "/product"}
    assert lines_of(caplog) == [{**told, "count": count} for count in (1, 10, 100)]


def test_no_path_begins_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Violations().take(by_report_uri(**{"document-uri": f"https://{HOST}/a\u2028consent.R001: {{}}\x1b[31m"}), HOST, 0)
    (line,) = lines_of(caplog)
    assert line["page"].startswith("/a")


def test_made_up_reports_fill_neither_memory_nor_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    violations = Violations()
    for number in range(3000):
        violations.take(by_report_uri(**{"blocked-uri": f"https://h{number}.example/"}), HOST, 0)
        page = f"https://{HOST}/{number}" + "a" * 1000
        violations.take(by_report_uri(**{"document-uri": page}), HOST, 0)
    lines = lines_of(caplog)
    assert len(lines) < 600
    assert all(len(line["page"]) <= 200 for line in lines)


def test_of_one_body_only_so_many_reports_are_read() -> None:
    assert len([*read(by_reporting_api(*({"n": number} for number in range(500))), HOST)]) == 50


def test_only_so_many_bodies_a_second_are_looked_at() -> None:
    violations = Violations()
    assert sum(violations.has_room(1000) for _ in range(100)) == 20
    assert violations.has_room(1001)
    assert violations.has_room(1000)  # a clock that is put back does not silence us


MINUTE = 60
REAL = "stats.example.net"


def flood(violations: Violations, now: int, number: int, start: int = 0) -> None:
    """So many reports of hosts that come once, as many in a body as are read."""
    for first in range(start, start + number, 50):
        hosts = range(first, min(first + 50, start + number))
        violations.take(by_reporting_api(*({"blockedURL": f"https://h{host}.example/"} for host in hosts)), HOST, now)


def times_taken_in(lines: list[dict[str, Any]], host: str = REAL) -> int:
    return sum(line["host"] == host and line["count"] == 1 for line in lines)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 600), st.integers(0, 59), st.sampled_from([5, 50, 520])), min_size=1, max_size=10)
)
def test_no_flood_pushes_out_a_host_that_real_pages_report_all_the_time(
    caplog: pytest.LogCaptureFixture, floods: list[tuple[int, int, int]]
) -> None:
    """Each flood comes some minutes after the one before, and the real host once between them."""
    caplog.clear()
    violations = Violations()
    now = made_up = 0
    violations.take(by_report_uri(), HOST, now)
    for minutes, second, number in floods:
        now += minutes * MINUTE
        flood(violations, now + second, number, made_up)
        made_up += number
        violations.take(by_report_uri(), HOST, now + 59)
    assert times_taken_in(lines_of(caplog)) == 1


def test_after_a_flood_a_new_host_is_seen_at_once(caplog: pytest.LogCaptureFixture) -> None:
    violations = Violations()
    flood(violations, 0, 3000)
    violations.take(by_report_uri(), HOST, MINUTE)
    assert times_taken_in(lines_of(caplog)) == 1


def test_a_newcomer_has_time_to_come_back_whatever_is_made_up_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    violations = Violations()
    flood(violations, 0, 3000)
    for minute in range(1, 41):
        if minute in (1, 40):
            violations.take(by_report_uri(), HOST, minute * MINUTE)
        flood(violations, minute * MINUTE, 50, start=3000 + 50 * minute)
    assert times_taken_in(lines_of(caplog)) == 1


def test_hosts_that_are_made_up_again_and_again_leave_room_for_a_new_one(caplog: pytest.LogCaptureFixture) -> None:
    violations = Violations()
    for minute in range(5):
        flood(violations, minute * MINUTE, 500)
    violations.take(by_report_uri(), HOST, 5 * MINUTE)
    assert times_taken_in(lines_of(caplog)) == 1


def test_while_a_flood_lasts_the_log_grows_by_ten_hosts_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    violations = Violations()
    for minute in range(10):
        flood(violations, minute * MINUTE, 2000, start=minute * 2000)
    assert len(lines_of(caplog)) == 500 + 9 * 10 + 10


def test_what_nobody_has_met_with_for_a_day_makes_room_first(caplog: pytest.LogCaptureFixture) -> None:
    violations = Violations()
    for minute in range(100):
        violations.take(by_report_uri(), HOST, minute * MINUTE)
    a_day_later = 100 * MINUTE + 86400
    flood(violations, a_day_later, 500)
    violations.take(by_report_uri(), HOST, a_day_later + MINUTE)
    assert times_taken_in(lines_of(caplog)) == 2


def test_a_clock_that_is_put_back_pushes_nobody_out(caplog: pytest.LogCaptureFixture) -> None:
    violations = Violations()
    for now in (90 * MINUTE, 30 * MINUTE, 0):
        violations.take(by_report_uri(), HOST, now)
        flood(violations, now, 600, start=now)
    violations.take(by_report_uri(), HOST, 0)
    assert times_taken_in(lines_of(caplog)) == 1


def test_threads_take_in_reports_at_the_same_time(caplog: pytest.LogCaptureFixture) -> None:
    violations = Violations()
    flood(violations, 0, 500)
    with ThreadPoolExecutor(8) as pool:
        floods = [pool.submit(flood, violations, minute * MINUTE, 50, 10_000 + minute * 50) for minute in range(200)]
    assert [each.result() for each in floods] == [None] * 200
