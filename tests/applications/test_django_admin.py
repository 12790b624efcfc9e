"""The Django admin, unchanged behind the gate, with its users in a database.

Settings can be configured once per process and the admin wants its own, so it lives in a process of its own: a server
that prints its port, on both of Django's handlers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.servers import running

ROOT = Path(__file__).parents[2]
PATHS = [str(ROOT / folder) for folder in (".", "adapters", "tests")]


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def admin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an admin site of a fresh database, with the user ada."""
    database = tmp_path_factory.mktemp("admin") / "site.db"
    paths = os.pathsep.join([*PATHS, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "support.admin", request.param, str(database)]
    environment = {**os.environ, "PYTHONPATH": paths}
    with running(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdout.close()


@pytest.fixture
def visitor(admin: str) -> Iterator[httpx.Client]:
    assert admin.startswith("http://127.0.0.1:")
    with httpx.Client(base_url=admin, follow_redirects=True) as client:
        yield client


def submit(visitor: httpx.Client, page: str, to: str | None = None, **fields: str) -> httpx.Response:
    """Fill in the form of a page as a browser does, its hidden token included."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', visitor.get(page).text)
    assert found
    return visitor.post(to or page, data={"csrfmiddlewaretoken": found[1], **fields})


def log_in(visitor: httpx.Client, password: str = "lovelace") -> httpx.Response:
    return submit(visitor, "/admin/login/", username="ada", password=password, next="/admin/")


def choose(visitor: httpx.Client, action: str) -> httpx.Response:
    choice = {"action": action, "next": "/admin/"}
    return visitor.post("/_consent/choice", data=choice, headers={"Sec-Fetch-Site": "same-origin"})


def cookies(visitor: httpx.Client) -> set[str]:
    return {cookie.name for cookie in visitor.cookies.jar}


def test_nobody_gets_in_without_a_password(visitor: httpx.Client) -> None:
    assert "/admin/login/" in str(visitor.get("/admin/").url)
    assert "Please enter the correct username" in log_in(visitor, "byron").text
    assert cookies(visitor) == {"csrftoken"}


def test_logging_in_and_out_works(visitor: httpx.Client) -> None:
    assert "Welcome" in log_in(visitor).text
    assert cookies(visitor) == {"csrftoken", "sessionid"}
    assert "Logged out" in submit(visitor, "/admin/", "/admin/logout/").text
    assert "sessionid" not in cookies(visitor)
    assert "/admin/login/" in str(visitor.get("/admin/").url)


def test_messages_arrive_once(visitor: httpx.Client) -> None:
    log_in(visitor)
    stored = submit(visitor, "/admin/auth/group/add/", name=f"editors {os.urandom(4).hex()}")
    assert "was added successfully" in stored.text
    assert "was added successfully" not in visitor.get("/admin/").text


def test_a_forged_form_is_still_refused(visitor: httpx.Client) -> None:
    log_in(visitor)
    assert visitor.post("/admin/auth/group/add/", data={"name": "forged"}).status_code == 403


@pytest.mark.parametrize("action", ["accept-all", "reject-all", "withdraw"])
def test_whatever_the_visitor_chooses_the_login_stays(visitor: httpx.Client, action: str) -> None:
    log_in(visitor)
    assert "Welcome" in choose(visitor, action).text
    assert {"csrftoken", "sessionid", "consent"} <= cookies(visitor)


def test_the_cookie_nobody_declared_is_withheld_from_the_admin_as_from_everyone(visitor: httpx.Client) -> None:
    log_in(visitor)
    choose(visitor, "accept-all")
    page: Any = visitor.get("/admin/")
    assert "toolbar" not in cookies(visitor)
    assert all("toolbar" not in line for line in page.headers.get_list("set-cookie"))
