"""The four commands of the README, typed: from a site that nobody gave a policy to one that keeps it."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path

import httpx
import pytest

from consent_middleware.cli import main
from support.servers import free_port, running, wait_for

ROOT = Path(__file__).parents[1]
EXISTING = ROOT / "tests" / "support" / "existing"
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## An existing site, in four commands\n")[2]
COMMANDS = {
    framework: [line.removeprefix("$ ") for line in block.splitlines()]
    for framework, block in zip(
        ("flask", "django", "starlette"), re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)[:3], strict=True
    )
}
"""What the README tells to type, for each framework."""

PUT_IN = {
    "flask": (
        "mysite.py",
        """
from consent_flask import Consent
app.config["CONSENT_POLICY"] = "consent.toml"
Consent(app)
""",
    ),
    "django": (
        "mysite/settings.py",
        """
INSTALLED_APPS += ["consent_django"]
MIDDLEWARE = ["consent_django.ConsentMiddleware", *MIDDLEWARE]
CONSENT = {"POLICY": BASE_DIR / "consent.toml"}
""",
    ),
    "starlette": (
        "mysite.py",
        """
from consent_starlette import ConsentMiddleware
app = ConsentMiddleware(app, policy="consent.toml", secret_keys="a key of this site")
""",
    ),
}
"""What "Use it" tells to put in, and where it goes."""

ANSWERS = {
    "controller": "Example SARL",
    "contact": "dpo@example.org",
    "provider": "Counter Ltd",
    "theme": "functional",
    "visitor_id": "analytics",
    "counter.example.net": "analytics",
}
SEEN_BY_ALL = {"session", "sessionid", "csrftoken"}


class Folder:
    """A copy of an existing site, and a shell in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._port = 8000
        paths = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), *filter(None, sys.path)])
        self._environ = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        # A shell of its own has heard of no other test's settings.
        self._environ.pop("DJANGO_SETTINGS_MODULE", None)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Type a command and return what comes of it."""
        words, environ = self._typed(command)
        return subprocess.run(words, cwd=self.path, env=environ, capture_output=True, text=True, check=False)

    def consent(self, command: str) -> tuple[int, str]:
        """Type a command of ours that needs no process of its own; return its exit status and what it prints."""
        words, _ = self._typed(command)
        printed = io.StringIO()
        with chdir(self.path), redirect_stdout(printed):
            return main(words[3:]), printed.getvalue()

    @contextmanager
    def serving(self, command: str) -> Iterator[None]:
        """Type a command that serves the site; it ends with the block."""
        # Another one each time: somebody else may have taken the last one since.
        self._port = free_port()
        words, environ = self._typed(command.replace("runserver", "runserver --noreload"))
        log = self.path / "server.log"
        with log.open("w") as out, running(words, cwd=self.path, env=environ, stdout=out, stderr=out) as process:
            wait_for(self._port, process, log)
            yield

    def _typed(self, command: str) -> tuple[list[str], dict[str, str]]:
        words = shlex.split(command.replace("8000", str(self._port)))
        said = dict(word.split("=", 1) for word in words if word.startswith("CONSENT_"))
        program, *rest = (word for word in words if not word.startswith("CONSENT_"))
        module = {"consent": "consent_middleware", "python": ""}.get(program, program)
        return [sys.executable, *(["-m", module] if module else []), *rest], {**self._environ, **said}

    def cookies(self) -> set[str]:
        """The names of the cookies that a newcomer is sent."""
        return {
            line.partition("=")[0]
            for line in httpx.get(f"http://localhost:{self._port}/").headers.get_list("set-cookie")
        }

    def page(self) -> str:
        return httpx.get(f"http://localhost:{self._port}/").text

    def answer_the_questions(self) -> None:
        file = self.path / "consent.toml"
        about = ""
        lines: list[str] = []
        for line in file.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(" = ")
            about = value.strip('"') if key == "name" else about
            asked = about if key == "category" else key
            lines.append(f'{key} = "{ANSWERS[asked]}"' if "QUESTION: " in line and value else line)
        file.write_text("\n".join(lines), encoding="utf-8")

    def put_the_middleware_in(self, framework: str) -> None:
        name, text = PUT_IN[framework]
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(text)


@pytest.mark.parametrize("framework", COMMANDS)
def test_four_commands_lead_from_nothing_to_a_policy_that_is_kept(framework: str, tmp_path: Path) -> None:
    draft, report, audit, enforce = COMMANDS[framework]
    folder = Folder(tmp_path / "site")
    shutil.copytree(EXISTING / framework, folder.path)

    with folder.serving(enforce):
        before = folder.cookies(), folder.page()
        drafted = folder.run(f"{draft} --rate 1000")
    assert before[0] > {"theme", "visitor_id"}
    assert (drafted.returncode, drafted.stderr) == (1, "")
    folder.answer_the_questions()
    status, told = folder.consent("consent check consent.toml")
    assert status == 0, told
    folder.put_the_middleware_in(framework)

    with folder.serving(report):
        assert (folder.cookies(), folder.page()) == before
        status, told = folder.consent(f"{audit} --rate 1000")
    assert status == 1
    assert "visitor_id" in told and "google-analytics" in told

    with folder.serving(enforce):
        assert folder.cookies() == before[0] - {"theme", "visitor_id"} <= SEEN_BY_ALL
        assert 'data-consent-src="https://counter.example.net/count.js"' in folder.page()
        status, told = folder.consent(f"{audit} --rate 1000")
    assert status == 0, told
