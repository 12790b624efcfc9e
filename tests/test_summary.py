"""The summary of what a site does: what consent init reads, and bounded however long it runs."""

from __future__ import annotations

import json
import threading
import tracemalloc
from typing import Any

import pytest

from consent_middleware import Policy
from consent_middleware.http import is_loopback
from consent_middleware.reports import Action, Event
from consent_middleware.summary import Attributes, Summary

POLICY = Policy.from_dict(
    {
        "policy": {"controller": "a", "contact": "b"},
        "categories": {"analytics": {}},
        "services": [
            {"id": "near", "name": "n", "provider": "p", "category": "analytics", "scripts": ["cdn.stats.example/js"]},
            {"id": "far", "name": "f", "provider": "p", "category": "analytics", "scripts": ["stats.example"]},
        ],
    }
)
SESSION = Attributes()


@pytest.fixture
def summary() -> Summary:
    return Summary(POLICY, lambda: 1795262400)


def event(name: str, subject: str = "cookie", action: Action = "withhold", *, by_visitor: bool = False) -> Event:
    return Event("consent.C002", action, subject, name, "analytics", None, "/", by_visitor)


def by_name(summary: Summary, key: str = "cookies", name: str = "name") -> dict[str, Any]:
    return {each[name]: each for each in summary.tell()[key]}


def test_it_has_the_form_that_init_reads(summary: Summary) -> None:
    summary.saw_cookie_set("_ga", "analytics", Attributes(3600, "example.org", "/"), "/basket")
    summary.saw_host("cdn.stats.example", "analytics", "script", "/")
    told = summary.tell()
    assert json.loads(json.dumps(told)) == told
    assert told["version"] == 1
    [cookie], [host] = told["cookies"], told["hosts"]
    attributes = {"max_age": 3600, "domain": "example.org", "path": "/"}
    assert cookie.items() >= {"name": "_ga", "category": "analytics", "count": 1}.items()
    assert (cookie["attributes"], cookie["routes"]) == (attributes, ["/basket"])
    assert host.items() >= {"host": "cdn.stats.example", "category": "analytics", "service": "near", "count": 1}.items()
    assert (host["elements"], host["routes"]) == (["script"], ["/"])


def test_what_is_done_is_counted_by_action_and_reason(summary: Summary) -> None:
    for _ in range(3):
        summary.saw_cookie_set("_ga", "analytics", SESSION, "/")
        summary(event("_ga"))
        summary(event("_ga", action="expire"))
    assert by_name(summary)["_ga"]["actions"] == [
        {"action": "withhold", "reason": "consent.C002", "count": 3},
        {"action": "expire", "reason": "consent.C002", "count": 3},
    ]


def test_what_the_application_sets_is_its_own_even_if_a_visitor_sent_it_before(summary: Summary) -> None:
    summary.saw_cookie_sent("odd", None, "/")
    summary.saw_cookie_set("odd", None, Attributes(60), "/a")
    cookie = by_name(summary)["odd"]
    assert (cookie["count"], cookie["set"], cookie["routes"]) == (2, 1, ["/", "/a"])


def test_visitors_who_make_up_names_hide_nothing(summary: Summary) -> None:
    for number in range(5000):
        summary.saw_cookie_sent(f"junk{number}", None, f"/{number}")
    summary.saw_cookie_set("tracker", None, SESSION, "/")
    assert "tracker" in by_name(summary)
    assert summary.tell()["is_full"]


def test_it_takes_a_bounded_amount_of_memory() -> None:
    tracemalloc.start()
    summary = Summary(POLICY, lambda: 0)

    def fill(start: int) -> int:
        for number in range(start, start + 3000):
            name = f"{number}" + "\x00é" * 5000
            summary.saw_cookie_sent(name, None, f"/{number}")
            summary.saw_cookie_set(name[::-1], "analytics", Attributes(1, name, name), f"/{number}")
            summary.saw_host(name, None, name, f"/{number}")
            summary(event(name[:50], "page"))
            summary(event(name[:50], "markup"))
        return tracemalloc.get_traced_memory()[0]

    first = fill(0)
    assert first < 4_000_000
    assert fill(3000) < first * 1.1
    tracemalloc.stop()


def test_threads_lose_no_count(summary: Summary) -> None:
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(300):
            summary.saw_cookie_set("_ga", "analytics", SESSION, "/")
            summary(event("_ga"))
            summary.saw_host("stats.example", "analytics", "img", "/")
            summary.tell()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cookie = by_name(summary)["_ga"]
    assert (cookie["count"], cookie["actions"][0]["count"]) == (2400, 2400)
    assert by_name(summary, "hosts", "host")["stats.example"]["count"] == 2400


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.255.1.2", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.0.2.1", False),
        ("192.0.2.1", False),
        ("10.0.0.1", False),
        ("", False),
        ("localhost", False),
        ("testclient", False),
        ("127.0.0.1, 192.0.2.1", False),
        ("127.1", False),
    ],
)
def test_only_an_address_of_this_machine_is_one(address: str, is_here: bool) -> None:
    assert is_loopback(address) is is_here
