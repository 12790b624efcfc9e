"""Counters of what the gates do, for OpenTelemetry and for Prometheus, where these are installed.

One counter with few labels. Labels that come from outside are bounded: a metric keeps every combination of them for as
long as the process runs, and both visitors and pages can hold any number of names.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Callable, Container, Iterator, Sequence
from functools import cache
from typing import Any, Literal

from .errors import ConfigurationError
from .reports import Event, Listener

Metrics = Literal["auto", "opentelemetry", "prometheus", "off"]

NAME = "consent.interventions"
"""The counter of OpenTelemetry; Prometheus calls it ``consent_interventions_total``."""

DESCRIPTION = "What the consent policy did to cookies, hosts and pages, or would have done in report mode"

LABELS = ("reason", "action", "subject", "name", "category", "mode")

OTHER = "other"
"""Stands for every name beyond those that are counted apart, and for all that visitors made up."""

_MOST_NAMES = 100
_NAMED = ("cookie", "host")
"""What is counted by name. Of pages there may be any number, and the log tells their routes."""

Labels = dict[str, str]


def counters(wanted: Metrics, mode: str, categories: Container[str]) -> Sequence[Listener]:
    """Return what counts events: nothing, or a listener for each system that is wanted and installed.

    ``categories`` are those of the policy; markup can name any.

    "auto" counts for OpenTelemetry if its API is installed, and for prometheus_client if that is, unless OpenTelemetry
    exports to it already: then every event would be there twice, under one name, which Prometheus refuses to read.
    Raises ConfigurationError for a system that is asked for by name and not installed.
    """
    return [_Counter(add, mode, categories) for add in _systems(wanted)]


Add = Callable[[Labels], object]


def _systems(wanted: Metrics) -> Iterator[Add]:
    if wanted == "opentelemetry" or (wanted == "auto" and _is_installed("opentelemetry.metrics")):
        yield _opentelemetry()
    if wanted == "prometheus" or (
        wanted == "auto"
        and _is_installed("prometheus_client")
        and not _is_installed("opentelemetry.exporter.prometheus")
    ):
        yield _prometheus()


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # the package around it is missing
        return False


def _imported(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f'reports.metrics: "{extra}" needs {error.name or module}, which is not installed; install the extra '
            f'"{extra}": python -m pip install "consent-middleware[{extra}]"'
        ) from error


def _opentelemetry() -> Add:
    # The API alone: which exporter there is, if any, and when it is set up, is the site's affair.
    meter = _imported("opentelemetry.metrics", "opentelemetry").get_meter("consent_middleware")
    counter = meter.create_counter(NAME, unit="{intervention}", description=DESCRIPTION)

    def add(labels: Labels) -> None:
        # What is not known is left out, and not named by an empty text.
        counter.add(1, {f"consent.{name}": value for name, value in labels.items() if value})

    return add


@cache  # a registry takes a name but once, and a process may hold several sites
def _prometheus() -> Add:
    client = _imported("prometheus_client", "prometheus")
    counter = client.Counter(NAME.replace(".", "_"), DESCRIPTION, LABELS)

    def add(labels: Labels) -> None:
        counter.labels(**labels).inc()

    return add


class _Counter:
    """Counts events of one site, each under labels of which there are only so many."""

    def __init__(self, add: Add, mode: str, categories: Container[str]) -> None:
        self._add = add
        self._mode = mode
        self._categories = categories
        self._names: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        self._add(
            {
                "reason": event.code,
                "action": event.action,
                "subject": event.subject,
                "name": self._name(event),
                "category": self._category(event),
                "mode": self._mode,
            }
        )

    def _category(self, event: Event) -> str:
        if event.category is None:
            return "undeclared" if event.subject in _NAMED else ""
        return event.category if event.category in self._categories else OTHER

    def _name(self, event: Event) -> str:
        if event.subject not in _NAMED:
            return ""
        if event.rule is not None:
            return event.rule
        if event.by_visitor:
            return OTHER
        name = event.subject, event.name
        with self._lock:
            if name not in self._names and len(self._names) >= _MOST_NAMES:
                return OTHER
            self._names.add(name)
        return event.name
