"""docs/headers.md lists every header that we have to do with: it is what the cases show, and the cases are complete."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import header_log
from support.field_names import REGISTERED
from support.header_cases import HEADERS, Header
from support.header_page import FILE, all_plays, deeds_of, page
from support.header_plays import Play

ROOT = Path(__file__).parents[1]
ANEW = "PYTHONPATH=tests python -m support.header_page"

LISTED = {header.name.lower() for header in HEADERS}
OF_REQUESTS = {header.name.lower() for header in HEADERS if header.side == "request"}

ELSEWHERE = {
    "audit": "asks other sites, and is no part of a server",
    "cli": "is a command",
    "testing": "is a plug-in of pytest",
    "ledger": "speaks to a database",
    "draft": "drafts a policy, from other sites among others",
    "loader": "reads a policy",
    "migrations": "speaks to a database",
    "admin.py": "pages for staff, in the admin of Django and under its headers, one of them with a file to download",
}
"""Where a word that is also the name of a header is none, and why."""

# As a header of ours would be written if it is in no registry.
_LIKE_A_HEADER = re.compile(r"[A-Z][A-Za-z0-9]*(?:-[A-Z][A-Za-z0-9]*)+")
_KEY = re.compile(r"HTTP_[A-Z_]+|CONTENT_(?:TYPE|LENGTH)")


@pytest.fixture(scope="module")
def plays() -> list[Play]:
    return all_plays()


def test_the_page_is_what_the_cases_show(plays: list[Play]) -> None:
    assert FILE.read_text(encoding="utf-8") == page(plays), f"write it anew: {ANEW}"


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: f"{header.side}: {header.name}")
def test_every_header_of_the_page_is_seen_in_a_case(header: Header, plays: list[Play]) -> None:
    assert deeds_of(header.side, header.name, plays), "a case has to show what is done with it: support/header_cases.py"


def test_no_case_meets_a_header_that_is_not_on_the_page(plays: list[Play]) -> None:
    listed = {(header.side, header.name.lower()) for header in HEADERS}
    assert {(side, name) for each in plays for side, name, _ in each.deeds} <= listed


def test_what_is_done_to_a_header_that_is_not_listed_is_found(
    plays: list[Play], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log by which the conformance tests are watched (conformance/conftest.py) misses nothing on this page."""
    listed = {(header.side, header.name.lower()) for header in HEADERS}
    monkeypatch.setattr(header_log, "LISTED", set())
    found = {each for play in plays for each in play.log.unlisted}
    assert listed - found == {("response", "cdn-cache-control")}  # which stands for all names that end so


def test_no_header_is_listed_twice() -> None:
    assert len({(header.side, header.name) for header in HEADERS}) == len(HEADERS)


def test_the_source_names_no_header_that_is_not_on_the_page() -> None:
    found = {(name, str(file.relative_to(ROOT))) for file in _sources() for name in names_in(file.read_text("utf-8"))}
    assert {(name, file) for name, file in found if name not in LISTED} == set(), (
        f"list it in support/header_cases.py, with a case that shows it, then {ANEW}"
    )


def test_every_request_header_that_is_asked_for_is_listed_as_one() -> None:
    asked = {(name, file.name) for file in _sources() for name in asked_in(file.read_text("utf-8"))}
    assert {(name, file) for name, file in asked if name not in OF_REQUESTS} == {
        # The names stand beside these calls, as texts, and cases show them.
        (None, "signals.py"),
    }


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('headers.append(("X-Powered-By", "us"))', {"x-powered-by"}),
        ('headers.append(("Consent-Something-New", "1"))', {"consent-something-new"}),
        ('if name == b"strict-transport-security": pass', {"strict-transport-security"}),
        ('environ.get("HTTP_X_FORWARDED_FOR")', {"x-forwarded-for"}),
        ('WATCHED = frozenset({"link", "age"})', {"link", "age"}),
        ('"""About the Age header."""; x = f"{age}"; y = "an age"; z = "HTTP_"', set()),
    ],
)
def test_a_name_is_found_however_it_is_written(source: str, names: set[str]) -> None:
    assert set(names_in(source)) == names


def test_a_header_that_is_asked_for_is_found() -> None:
    assert list(asked_in('request.header("x-new"); request.header(name)')) == ["x-new", None]


def names_in(source: str) -> Iterator[str]:
    """Yield, in lower case, every name of a header that stands in a source as a text or as bytes of its own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            name = text.removeprefix("HTTP_").replace("_", "-") if _KEY.fullmatch(text) else text
            if name.lower() in REGISTERED or _KEY.fullmatch(text) or _LIKE_A_HEADER.fullmatch(name):
                yield name.lower()


def asked_in(source: str) -> Iterator[str | None]:
    """Yield the names with which ``header`` is called, None for what only running it can tell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "header":
            name = node.args[0]
            yield name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _sources() -> list[Path]:
    files = [*ROOT.glob("consent_middleware/**/*.py"), *ROOT.glob("adapters/**/*.py")]
    return [file for file in files if ELSEWHERE.keys().isdisjoint(file.relative_to(ROOT).parts)]
