"""Counters in OpenTelemetry and Prometheus, with their real libraries, under labels of which there are only so many."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.metrics import set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from prometheus_client import REGISTRY, generate_latest

from consent_middleware import metrics
from consent_middleware.engine import Engine
from consent_middleware.reports import Action, Event
from support.doors import KEY, RawWSGI
from support.site import POLICY, Site

Counts = dict[tuple[tuple[str, Any], ...], float]

READER = InMemoryMetricReader()


@pytest.fixture(scope="module", autouse=True)
def provider() -> None:
    """OpenTelemetry takes its provider but once in a process."""
    set_meter_provider(MeterProvider([READER]))


def opentelemetry_counts() -> Counts:
    data = READER.get_metrics_data()
    return {
        tuple(sorted((name.removeprefix("consent."), value) for name, value in (point.attributes or {}).items())): (
            point.value
        )
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if (scope.scope.name, metric.name, metric.unit)
        == ("consent_middleware", "consent.interventions", "{intervention}")
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
    }


def prometheus_counts() -> Counts:
    return {
        # What OpenTelemetry leaves out, Prometheus has as an empty text.
        tuple(sorted((name, value) for name, value in sample.labels.items() if value)): sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "consent_interventions_total"
    }


def since(before: Counts, after: Counts) -> Counts:
    return {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}


def counted(reason: str, action: str, name: str, category: str, mode: str = "report") -> tuple[tuple[str, str], ...]:
    labels = {"reason": reason, "action": action, "subject": "cookie", "name": name, "category": category, "mode": mode}
    return tuple(sorted(labels.items()))


@pytest.mark.parametrize("mode", ["report", "enforce"])
def test_every_system_that_is_installed_counts_what_is_done(mode: str) -> None:
    before = opentelemetry_counts(), prometheus_counts()
    site = Site(RawWSGI, {**POLICY, "policy": {**POLICY["policy"], "mode": mode}})
    for _ in range(3):
        site.jar.clear()
        site.visit(sets=["_ga_1=1", "_ga_2=1", "nobody=1"], carrying=["_ads=1", "junk=1"])
    expected: Counts = {
        counted("consent.C002", "withhold", "_ga_*", "analytics", mode): 6,
        counted("consent.C003", "withhold", "nobody", "undeclared", mode): 3,
        counted("consent.C002", "hide", "_ads", "marketing", mode): 3,
        counted("consent.C003", "hide", "other", "undeclared", mode): 3,
        counted("consent.C010", "expire", "_ads", "marketing", mode): 3,
    }
    assert since(before[0], opentelemetry_counts()) == expected
    assert since(before[1], prometheus_counts()) == expected
    assert b"# TYPE consent_interventions_total counter" in generate_latest(REGISTRY)


def test_no_number_of_names_explodes_the_labels() -> None:
    before = opentelemetry_counts()
    [count, *_] = metrics.counters("opentelemetry", "enforce", ("analytics",))
    subjects: list[tuple[str, str, Action, str | None, bool]] = [
        ("consent.C003", "cookie", "withhold", None, False),
        ("consent.C003", "cookie", "hide", None, True),
        ("consent.H003", "host", "pass", None, False),
        ("consent.H004", "host", "withhold", "made up {}", False),
        ("consent.H001", "page", "pass", None, False),
        ("consent.H004", "markup", "withhold", "made up {}", False),
    ]
    for number in range(3000):
        for code, subject, action, category, by_visitor in subjects:
            named = None if category is None else category.format(number)
            count(Event(code, action, subject, f"name{number}", named, None, f"/{number}", by_visitor))
    labels = since(before, opentelemetry_counts())
    assert sum(labels.values()) == 3000 * len(subjects)
    # A hundred names in all, and each kind of event besides with its "other".
    assert len(labels) <= 100 * 2 + len(subjects)
    assert {dict(key).get("category") for key in labels} <= {"undeclared", "other", None}


def test_it_can_be_switched_off() -> None:
    before = opentelemetry_counts(), prometheus_counts()
    Site(RawWSGI, {**POLICY, "reports": {"metrics": "off"}}).visit(sets=["_ga=1"])
    assert (opentelemetry_counts(), prometheus_counts()) == before


@pytest.mark.parametrize(("wanted", "is_counted"), [("opentelemetry", (True, False)), ("prometheus", (False, True))])
def test_one_can_be_asked_for(wanted: str, is_counted: tuple[bool, bool]) -> None:
    before = opentelemetry_counts(), prometheus_counts()
    Site(RawWSGI, {**POLICY, "reports": {"metrics": wanted}}).visit(sets=["_ga=1"])
    assert (opentelemetry_counts() != before[0], prometheus_counts() != before[1]) == is_counted


def test_what_opentelemetry_exports_to_prometheus_is_not_there_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_is_installed", lambda module: True)
    assert len(metrics.counters("auto", "enforce", ())) == 1


@pytest.mark.parametrize(
    ("wanted", "module"), [("opentelemetry", "opentelemetry.metrics"), ("prometheus", "prometheus_client")]
)
def test_what_is_asked_for_and_not_installed_is_named(wanted: str, module: str) -> None:
    tables = {"policy": {"controller": "a", "contact": "b"}, "reports": {"metrics": wanted}}
    program = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from consent_middleware import ConfigurationError, ConsentWSGI\n"
        f"try: ConsentWSGI(None, {tables!r}, secret_keys='x' * 32)\n"
        "except ConfigurationError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.startswith(f'reports.metrics: "{wanted}" needs ')
    assert f'python -m pip install "consent-middleware[{wanted}]"' in told


def test_without_either_nothing_is_counted_and_importing_us_imports_none() -> None:
    program = (
        "import sys, consent_middleware\n"
        "assert not {'opentelemetry', 'prometheus_client'} & {*sys.modules}\n"
        "sys.modules['opentelemetry'] = sys.modules['prometheus_client'] = None\n"
        "consent_middleware.ConsentWSGI(None, secret_keys='x' * 32)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_process_may_hold_several_sites() -> None:
    for _ in range(3):
        Engine(POLICY, secret_keys=KEY)
