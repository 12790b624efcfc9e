"""What is told to the log and to listeners: once, in few words, and nothing that nobody should read."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.report_header import consent_report
from consent_middleware.reports import REASONS, Action, Event, Reporter, printable, route_of

PACKAGE = Path(__file__).parents[1] / "consent_middleware"


class TestReporter:
    def test_each_name_is_told_once_for_each_reason_and_action(self, caplog: pytest.LogCaptureFixture) -> None:
        reporter = Reporter()
        actions: list[tuple[str, Action]] = [("C002", "hide"), ("C002", "withhold"), ("C004", "shorten")]
        for code, action in actions * 3:
            reporter.report(logging.WARNING, f"consent.{code}", "_ga", f"{action}s", action=action)
        assert caplog.messages == [
            "consent.C002: cookie '_ga' hides",
            "consent.C002: cookie '_ga' withholds",
            "consent.C004: cookie '_ga' shortens",
        ]

    def test_what_nobody_declared_is_told_once_whoever_brings_it(self, caplog: pytest.LogCaptureFixture) -> None:
        reporter = Reporter()
        reporter.report(logging.WARNING, "consent.C003", "odd", "a", action="hide", by_visitor=True)
        reporter.report(logging.WARNING, "consent.C003", "odd", "b", action="withhold")
        assert caplog.messages == ["consent.C003: cookie 'odd' a"]

    def test_what_one_rule_declares_is_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        reporter = Reporter()
        for number in range(5000):
            reporter.report(logging.WARNING, "consent.C002", f"_ga_{number}", "waits", rule="_ga_*")
        assert len(caplog.messages) == 1

    def test_listeners_hear_every_time(self) -> None:
        heard: list[Event] = []
        reporter = Reporter(listeners=[heard.append])
        for _ in range(3):
            assert reporter.is_news("consent.C002", "_ga")
            reporter.report(logging.DEBUG, "consent.C002", "_ga", "waits", category="analytics", route="/")
        assert heard == [Event("consent.C002", "change", "cookie", "_ga", "analytics", None, "/", False)] * 3

    def test_a_listener_that_fails_is_a_fault_of_ours_alone(self, caplog: pytest.LogCaptureFixture) -> None:
        heard: list[Event] = []

        def broken(event: Event) -> None:
            raise RuntimeError("no room")

        Reporter(listeners=[broken, heard.append]).report(logging.DEBUG, "consent.C002", "_ga", "waits")
        assert len(heard) == 1
        assert "consent.fault" in caplog.text

    def test_threads_tell_a_name_once(self, caplog: pytest.LogCaptureFixture) -> None:
        reporter = Reporter()
        start = threading.Barrier(8)

        def tell() -> None:
            start.wait()
            for number in range(200):
                reporter.report(logging.WARNING, "consent.C002", f"name{number}", "waits")

        threads = [threading.Thread(target=tell) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(caplog.messages) == sorted(f"consent.C002: cookie 'name{n}' waits" for n in range(200))


def test_every_code_of_the_source_has_its_meaning() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.glob("*.py") if path.name != "reports.py")
    assert {f"consent.{code}" for code in re.findall(r"consent\.([CH]\d{3})", source)} == set(REASONS)


@given(st.text())
def test_a_name_never_breaks_a_line(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert len(shown) <= 800
    assert not name[:80].isprintable() or shown == name[:80]


ROUTES = {
    "/": "/",
    "/basket": "/basket",
    "/orders/1234/edit": "/orders/*/edit",
    "/2026/11/22/a-title": "/*/*/*/a-title",
    "/blog/2026-11-22": "/blog/*",
    "/u/550e8400-e29b-41d4-a716-446655440000": "/u/*",
    "/reset/c2VjcmV0LXRva2VuLTEyMzQ1": "/reset/*",
    "/of/jo@example.org": "/of/*",
    "/find/two words": "/find/*",
    "/find/caf\xe9": "/find/*",
    "/a\r\nb/c": "/*/c",
    "/static/app.4f1c2b7e9d.js": "/static/*",
    "/a/b/c/d/e/f/g/h/i/j/k": "/a/b/c/d/e/f/g/h/**",
    "/" + "x" * 5000: "/*",
    "relative": "relative",
    "": "",
}


@pytest.mark.parametrize("path", ROUTES, ids=lambda path: path[:20])
def test_a_route_holds_no_parameter(path: str) -> None:
    assert route_of("", path) == ROUTES[path]


def test_a_route_begins_where_the_application_is_mounted() -> None:
    assert route_of("/shop", "/orders/1234") == "/shop/orders/*"


@given(st.text())
def test_any_path_has_a_short_route_that_can_be_printed(path: str) -> None:
    route = route_of("", path)
    assert route.isprintable()
    assert route.isascii()
    assert len(route) <= 120


# The header. A reader of RFC 9651, as far as ours goes: lists of strings and tokens with parameters.

_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_DISPLAY_STRING = r'%"(?:[ !#$&-~]|%[0-9a-f]{2})*"'
_TOKEN = r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*"
_ITEM = rf"(?:{_STRING}|{_DISPLAY_STRING}|{_TOKEN})"
_MEMBER = rf"{_ITEM}(?:;[a-z*][a-z0-9_.*-]*(?:=(?:{_ITEM}|-?[0-9]{{1,15}}))?)*"
_LIST = re.compile(rf"{_MEMBER}(?:, {_MEMBER})*")

names = st.text() | st.sampled_from(["_ga", 'a"b', "a\\b", "caf\xe9", "100%", "\x00", "\ud800"])


events = st.builds(
    lambda name, category: Event("consent.C002", "hide", "cookie", printable(name), category, None, "/", False),
    names,
    st.none() | names,
)


@given(st.lists(events, min_size=1, max_size=60))
def test_the_header_is_a_short_list_whatever_the_names(events: list[Event]) -> None:
    value = consent_report(events)
    assert _LIST.fullmatch(value), value
    assert len(value) <= 1100


def test_the_header_in_plain_sight() -> None:
    first = Event("consent.C004", "shorten", "cookie", 'a"b\\', "analytics", None, "/", False)
    second = Event("consent.C003", "hide", "cookie", "caf\xe9 100%", None, None, "/", True)
    assert consent_report([first, second]) == (
        '"a\\"b\\\\";code=consent.C004;action=shorten;category="analytics", '
        '%"caf%c3%a9 100%25";code=consent.C003;action=hide'
    )
