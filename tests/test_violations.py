"""Reports of browsers, and of whoever poses as one."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
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
        violations.take(by_report_uri(), HOST)
    told = {"host": "stats.example.net", "directive": "script-src-elem", "page": "/product"}
    assert lines_of(caplog) == [{**told, "count": count} for count in (1, 10, 100)]


def test_no_path_begins_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Violations().take(by_report_uri(**{"document-uri": f"https://{HOST}/a\u2028consent.R001: {{}}\x1b[31m"}), HOST)
    (line,) = lines_of(caplog)
    assert line["page"].startswith("/a")


def test_made_up_reports_fill_neither_memory_nor_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    violations = Violations()
    for number in range(3000):
        violations.take(by_report_uri(**{"blocked-uri": f"https://h{number}.example/"}), HOST)
        page = f"https://{HOST}/{number}" + "a" * 1000
        violations.take(by_report_uri(**{"document-uri": page}), HOST)
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
