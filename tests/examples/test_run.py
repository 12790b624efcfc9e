"""`examples/run`, as a stranger uses it: started in one terminal, and in another the lines that it prints."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.servers import free_port, wait_for

ROOT = Path(__file__).parents[2]
RUN = ROOT / "examples" / "run"
FRAMEWORKS = ("flask", "django", "starlette", "fastapi")

# The first run of a fresh clone makes a virtual environment.
SECONDS_TO_START = 600


@dataclass(frozen=True)
class Story:
    """What the printed lines answered, one after the other."""

    first_visit: str
    acceptance: str
    second_visit: str
    state: str
    withdrawal: str
    last_visit: str
    ledger: str


@pytest.fixture(scope="module", params=[*FRAMEWORKS, "flask, without curl"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    framework, _, without_curl = request.param.partition(", ")
    directory = tmp_path_factory.mktemp(framework)
    make_curl(directory)
    places = [str(directory), os.environ["PATH"]]
    environment = os.environ | {
        "PATH": ":".join(places if without_curl else reversed(places)),
        "CURL_HOME": str(directory),  # no settings of whoever runs the tests
        "no_proxy": "127.0.0.1",
    }
    environment["CONSENT_LEDGER"] = f"sqlite:///{directory}/consent.db"
    with serving(framework, directory / "output", environment) as output:
        lines = [line for line in output.splitlines() if line.startswith("  curl ")]
        answers = [
            subprocess.run(
                line, shell=True, cwd=directory, env=environment, check=True, capture_output=True, text=True, timeout=60
            )
            for line in lines
        ]
        environment["CONSENT_SECRET_KEYS"] = re.findall("CONSENT_SECRET_KEYS='(.*)'", output)[0]
        command = [sys.executable, "-m", "consent_middleware", "ledger", "verify"]
        ledger = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        yield Story(*[answer.stdout for answer in [*answers, ledger]])


@contextmanager
def serving(framework: str, log: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run the shop on a port that is free, for as long as the block lasts; the value is what it has printed."""
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [RUN, framework, "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    try:
        wait_for(port, process, log, seconds=SECONDS_TO_START)
        yield log.read_text()
    finally:
        # Its own session, so this is the script, what it may still be installing with, and nothing else.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def make_curl(directory: Path) -> None:
    """Make a curl of our own, for machines that have none."""
    path = directory / "curl"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/support/curl.py "$@"\n')
    path.chmod(0o755)


def cookies_set(answer: str) -> dict[str, int | None]:
    """The cookies an answer sets or expires, each with its Max-Age."""
    lines = re.findall(r"^set-cookie: *([^=]+)=([^\r\n]*)", answer, re.IGNORECASE | re.MULTILINE)
    ages = {name: re.search(r"max-age=(\d+)", rest, re.IGNORECASE) for name, rest in lines}
    return {name: int(age[1]) if age else None for name, age in ages.items()}


def cookies_read(page: str) -> set[str]:
    assert "can read" in page
    return set(re.findall("<code>([^<]*)</code>", page))


def test_a_first_visit_gets_the_page_and_no_cookie(story: Story) -> None:
    assert re.match(r"HTTP/1\.1 200 ", story.first_visit)
    assert "Things to write with" in story.first_visit
    assert cookies_set(story.first_visit) == {}


def test_accepting_sets_the_consent_cookie_and_leads_back(story: Story) -> None:
    assert re.match(r"HTTP/1\.1 303 ", story.acceptance)
    assert cookies_set(story.acceptance).keys() == {"consent"}


def test_then_the_two_year_cookie_arrives_with_thirteen_months_at_most(story: Story) -> None:
    ages = cookies_set(story.second_visit)
    assert ages.keys() == {"visitor_id", "ad_click", "consent-first"}
    assert all(age is not None and 393 <= age / 86_400 <= 397 for age in ages.values())


def test_the_state_says_what_was_accepted(story: Story) -> None:
    state = json.loads(story.state)
    assert (state["source"], state["needs_asking"]) == ("visitor", False)
    assert [name for name, status in state["categories"].items() if status != "granted"] == ["chat"]


def test_withdrawing_expires_what_had_arrived(story: Story) -> None:
    assert re.match(r"HTTP/1\.1 303 ", story.withdrawal)
    ages = cookies_set(story.withdrawal)
    assert {name for name, age in ages.items() if age == 0} == {"visitor_id", "ad_click", "consent-first"}
    assert ages.keys() == {"visitor_id", "ad_click", "consent-first", "consent"}


def test_afterwards_the_shop_can_read_none_of_it(story: Story) -> None:
    assert cookies_read(story.last_visit) == {"consent"}


def test_both_choices_are_in_the_ledger(story: Story) -> None:
    assert story.ledger == "2 records in 1 chains, 0 erased: everything is as it was written\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["bottle"], "there is no shop for bottle"),
        (["flask", "django"], "one framework at a time"),
        (["--prot", "8000"], "there is no option --prot"),
        (["--port"], "--port needs a number"),
        (["--port", "http"], "http is not a port"),
        (["--port=65536"], "65536 is not a port"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_the_usage(arguments: list[str], complaint: str) -> None:
    answer = subprocess.run([RUN, *arguments], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 2
    assert complaint in answer.stderr
    assert "Usage: examples/run" in answer.stderr


def test_a_port_that_is_taken_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = subprocess.run(
            [RUN, "flask", "--port", str(port)], capture_output=True, text=True, timeout=SECONDS_TO_START
        )
    assert answer.returncode == 1
    assert f"port {port} cannot be had" in answer.stderr
    assert "Traceback" not in answer.stderr
