"""What the README and the guides show, done: every snippet runs, and every command prints what it says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.template import Engine
from flask import Flask

from consent_middleware import ConsentWSGI, Policy
from consent_middleware.cli import _parser  # pyright: ignore[reportPrivateUsage]  # what may be typed
from consent_middleware.cli.ledger import COMMANDS as LEDGER_COMMANDS
from support.readme import GUIDES, README, blocks, blocks_of_all

ROOT = Path(__file__).parents[1]
ALL = "\n".join(GUIDES.values())


def steps() -> list[tuple[str, list[str]]]:
    """Every command of the first screen, and the lines it shows as printed; … stands for anything."""
    found: list[tuple[str, list[str]]] = []
    for line in blocks("console")[0].splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the README's policy file, as a reader would have it."""
    (tmp_path / "consent.toml").write_text(blocks("toml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def shop() -> Iterator[int]:
    """The shop in Flask on a real socket; yields its port."""
    from shop.flask_app import app

    server = import_module("waitress.server").create_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.effective_port
    server.close()
    thread.join(timeout=5)


@pytest.mark.parametrize("policy", blocks_of_all("toml"))
def test_every_policy_file_is_a_policy_and_passes_the_check(folder: Path, policy: str) -> None:
    (folder / "consent.toml").write_text(policy, encoding="utf-8")
    assert Policy.load(folder / "consent.toml") == Policy.from_dict(tomllib.loads(policy))
    command = [sys.executable, "-m", "consent_middleware", "check", "consent.toml"]
    assert subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("snippet", blocks_of_all("python"), ids=lambda snippet: snippet.split("\n")[0])
def test_every_python_snippet_runs(folder: Path, snippet: str) -> None:
    app = Flask("site")
    app.secret_key = "a key for tests, long enough to be one"
    # A snippet is pasted into a file of the reader's, beside an application or in a settings module.
    module = folder / "snippet.py"
    names: dict[str, Any] = {"__name__": "snippet", "__file__": str(module), "app": app, "BASE_DIR": folder}
    names["INSTALLED_APPS"], names["MIDDLEWARE"] = [], []
    before = dict(names)
    exec(compile(snippet, str(module), "exec"), names)
    assert any(names[name] is not before.get(name) for name in names if name != "__builtins__")
    if isinstance(names["app"], ConsentWSGI):
        assert names["app"].engine.policy.version == "2026-11-21"


def test_the_commands_print_what_the_readme_shows(shop: int, tmp_path: Path) -> None:
    # Where there is no curl, one of our own does as much of it as these commands ask for.
    curl = "" if shutil.which("curl") else f'curl() {{ {sys.executable} {ROOT}/tests/support/curl.py "$@"; }}; '
    start, *commands = steps()
    assert re.match(r"examples/run flask\b", start[0])
    for command, shown in commands:
        typed = command.replace("localhost:8000", f"localhost:{shop}")
        printed = subprocess.run(
            ["sh", "-c", curl + typed], cwd=tmp_path, capture_output=True, check=False
        ).stdout.decode()
        expected = "".join(f"{re.escape(line)}\n".replace("…", ".*") for line in shown)
        assert re.fullmatch(expected, printed.replace("\r\n", "\n")), (command, printed)


def test_the_policy_page_is_written_by_the_commands_that_the_readme_shows(folder: Path) -> None:
    consent = f'consent() {{ {sys.executable} -m consent_middleware "$@"; }}; '
    commands = re.findall(r"^\$ (consent page .*)$", ALL, re.MULTILINE)
    assert commands
    for command in commands:
        subprocess.run(["sh", "-c", consent + command], cwd=folder, check=True)
    assert "<h1>Politique de cookies</h1>" in (folder / "cookies.html").read_text(encoding="utf-8")
    assert "| `sessionid` | Example SARL |" in (folder / "cookies.md").read_text(encoding="utf-8")


def test_the_template_helpers_of_the_readme_exist() -> None:
    assert "{{ consent_policy() }}" in ALL and "`consent_policy(request)`" in ALL
    assert {"consent_policy"} <= {*import_module("consent_flask").__all__} & {
        *import_module("consent_starlette").__all__
    }
    (tag,) = re.findall(r"`(\{% load consent %\}\{% consent_policy %\})`", ALL)
    Engine(libraries={"consent": "consent_django.templatetags.consent"}).from_string(tag)


def test_what_is_installed_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.search(r"with the extras you need: (.*?)\.", README, re.DOTALL)
    assert named is not None
    assert set(re.findall(r"`(\w+)`", named[1])) == set(extras)
    assert 'pip install ".[flask]"' in blocks("console")[1]


def test_every_reason_code_is_explained() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "consent_middleware").glob("*.py"))
    codes = set(re.findall(r"consent\.([CH]\d{3})", source))
    assert codes == set(re.findall(r"\b([CH]\d{3})`", (ROOT / "docs" / "report.md").read_text("utf-8")))


def test_every_command_shown_can_be_typed() -> None:
    lines = [line for block in blocks_of_all("console") for line in block.splitlines() if line.startswith("$ consent ")]
    for line in lines:
        _parser().parse_args(shlex.split(line.partition(">")[0], comments=True)[2:])
    assert {f"$ consent ledger {command.name}" for command in LEDGER_COMMANDS} <= {
        " ".join(line.split()[:4]) for line in lines
    }


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_the_links_lead_somewhere(guide: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", GUIDES[guide]):
        path, _, anchor = target.partition("#")
        file = (guide.parent / path).resolve() if path else guide
        assert file.exists(), target
        assert not anchor or anchor in _anchors(GUIDES[file]), target


def _anchors(text: str) -> set[str]:
    """The names by which headings are linked to."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
