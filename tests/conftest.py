"""The option --soak, and the coverage in pytest's own report."""

from __future__ import annotations

import io

import coverage
import hypothesis
import pytest

# No deadlines: on a busy machine they fail tests that are right.
hypothesis.settings.register_profile("short", deadline=None)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=2000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long forms of the tests")


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("soak" if config.getoption("--soak") else "short")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what `coverage run -m pytest` has measured so far, which is everything but pytest's last line."""
    measurement = coverage.Coverage.current()
    if measurement is not None:
        table = io.StringIO()
        measurement.report(file=table)
        terminalreporter.section("coverage")
        terminalreporter.write(table.getvalue())
