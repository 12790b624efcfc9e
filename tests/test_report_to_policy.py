"""From what report mode has seen to a policy file: what one side writes, the other reads."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from consent_middleware import ConsentWSGI, Policy
from consent_middleware.cli import main

KEY = "a key for tests, long enough to be one"
PAGE = b'<!doctype html><title>x</title><script src="https://www.googletagmanager.com/gtag/js"></script><p>y'


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Set-Cookie", "theme=dark; Max-Age=2592000; Path=/"),
        ("Set-Cookie", "odd=1"),
        ("Set-Cookie", 'we"ird=1'),
    ]
    start_response("200 OK", headers)
    return [PAGE]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The application on a real socket, in report mode on a machine for development, with no policy of its own."""
    monkeypatch.setenv("CONSENT_MODE", "report")
    monkeypatch.setenv("CONSENT_DEVELOPMENT", "1")
    app = ConsentWSGI(application, secret_keys=KEY)
    monkeypatch.delenv("CONSENT_MODE")
    server = import_module("waitress.server").create_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://localhost:{server.effective_port}"
    server.close()
    thread.join(timeout=5)


def test_what_was_seen_becomes_a_policy(served: str, tmp_path: Path) -> None:
    for number in range(2):
        assert httpx.get(f"{served}/orders/{number}", headers={"Cookie": "_ga=1"}).content == PAGE
    file = tmp_path / "consent.toml"
    main(["init", "--from-report", f"{served}/_consent/report", "--output", str(file)])
    text = file.read_text(encoding="utf-8")
    for expected in ('name = "theme"', 'lifetime = "30 days"', 'name = "odd"', "/orders/*", "google"):
        assert expected in text
    assert "dark" not in text
    # As the README has it, the same file by way of a file.
    seen = tmp_path / "seen.json"
    seen.write_text(httpx.get(f"{served}/_consent/report.json").text, encoding="utf-8")
    assert {each["name"] for each in json.loads(seen.read_text(encoding="utf-8"))["cookies"]} == {
        "theme", "odd", 'we"ird', "_ga",
    }  # fmt: skip
    main(["init", "--from-report", str(seen), "--output", str(tmp_path / "again.toml")])
    assert (tmp_path / "again.toml").exists()


def test_the_names_it_tells_are_those_a_policy_can_have(served: str) -> None:
    httpx.get(served)
    for cookie in httpx.get(f"{served}/_consent/report", headers={"Accept": "application/json"}).json()["cookies"]:
        rule = {"name": cookie["name"], "category": "functional"}
        assert Policy.from_dict({"policy": {"controller": "a", "contact": "b"}, "cookies": [rule]}).cookies
