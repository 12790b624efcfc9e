"""From a report of a browser, through the log, to lines for the policy."""

from __future__ import annotations

import io
import json
import logging
import tomllib
from pathlib import Path
from typing import Any

import pytest

from consent_middleware.cli import main
from consent_middleware.policy import Policy
from consent_middleware.violations import Violations

HOST = "shop.example.org"
POLICY = """
[policy]
controller = "Example SARL"
contact = "dpo@example.org"
[html]
csp = "report"
own_hosts = ["cdn.example.org"]
[categories.analytics]
services = ["google-analytics"]
"""


@pytest.fixture
def policy(tmp_path: Path) -> str:
    file = tmp_path / "consent.toml"
    file.write_text(POLICY, encoding="utf-8")
    return str(file)


def report(blocked: str, page: str = "/", directive: str = "script-src-elem") -> bytes:
    fields = {"document-uri": f"https://{HOST}{page}", "blocked-uri": blocked, "effective-directive": directive}
    return json.dumps({"csp-report": fields}).encode()


@pytest.fixture
def log(tmp_path: Path) -> str:
    """What a site logs with the plainest of settings, between lines of others."""
    file = tmp_path / "site.log"
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("consent_middleware.reports")
    logger.addHandler(handler)
    try:
        violations = Violations()
        logger.warning("something else entirely")
        for _ in range(120):
            violations.take(report("https://counter.example.net/a.js", "/product"), HOST, 0)
        violations.take(report("https://counter.example.net/dot", directive="img-src"), HOST, 0)
        violations.take(report("https://script.hotjar.com/modules.js"), HOST, 0)
        violations.take(report("https://img.cdn.example.org/1.png"), HOST, 0)
        violations.take(report("https://region1.google-analytics.com/g/collect"), HOST, 0)
        logger.warning('consent.R001: {"host": "cut.example", "direc')
        logger.warning('consent.R001: {"host": "Not A Host", "directive": "img-src", "page": "/", "count": 1}')
        logger.warning(
            "consent.R001: %s",
            json.dumps({"host": "nasty.example", "directive": "a\nb", "page": "/\n\x1b[", "count": 1}),
        )
    finally:
        logger.removeHandler(handler)
        handler.close()
    return str(file)


def suggest(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["suggest", *arguments])
    return status, capsys.readouterr().out


def test_what_nobody_declared_is_suggested_most_reported_first(
    capsys: pytest.CaptureFixture[str], log: str, policy: str
) -> None:
    status, text = suggest(capsys, log, "--policy", policy)
    assert status == 1
    assert [line.partition(":")[0] for line in text.splitlines() if "report" in line and line.startswith("# ")] == [
        "# counter.example.net",
        "# nasty.example",
        "# script.hotjar.com",
    ]
    assert "101 reports, script-src-elem, img-src, on /product /" in text
    assert '"hotjar"' in text
    assert "google-analytics.com" not in text
    assert "cdn.example.org" not in text
    assert "\x1b" not in text


def test_what_is_suggested_is_a_policy_once_the_blanks_are_filled_in(
    capsys: pytest.CaptureFixture[str], log: str, policy: str
) -> None:
    _, text = suggest(capsys, log, "--policy", policy)
    suggested: dict[str, Any] = tomllib.loads(text)
    tables = tomllib.loads(POLICY)
    for service in suggested["services"]:
        service |= {"provider": "Somebody", "category": "analytics"}
    tables["services"] = suggested["services"]
    tables["categories"] |= suggested["categories"]
    ids = {service.id for service in Policy.from_dict(tables).services}
    assert ids == {"google-analytics", "hotjar", "counter-example-net", "nasty-example"}


def test_without_a_policy_everything_is_suggested(capsys: pytest.CaptureFixture[str], log: str) -> None:
    assert "img.cdn.example.org" in suggest(capsys, log)[1]


def test_programs_get_json(capsys: pytest.CaptureFixture[str], log: str, policy: str) -> None:
    status, text = suggest(capsys, log, "--policy", policy, "--format", "json")
    counter = next(host for host in json.loads(text) if host["host"] == "counter.example.net")
    assert status == 1
    assert counter == {
        "host": "counter.example.net",
        "count": 101,
        "directives": {"script-src-elem": 100, "img-src": 1},
        "pages": ["/product", "/"],
        "service": None,
    }


def test_a_log_can_come_through_a_pipe(
    capsys: pytest.CaptureFixture[str], log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(Path(log).read_text(encoding="utf-8")))
    assert "counter.example.net" in suggest(capsys, "-")[1]


def test_nothing_reported_is_fine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    assert suggest(capsys, str(tmp_path / "empty.log"))[0] == 0


@pytest.mark.parametrize("arguments", [["missing.log"], ["missing.log", "--policy", "missing.toml"]])
def test_a_file_that_cannot_be_read_is_said_to_be_so(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["suggest", *arguments]) == 2
    assert "cannot read missing" in capsys.readouterr().err
