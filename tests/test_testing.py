"""The pytest plug-in, in runs of pytest of its own: with each framework, and with whatever is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from consent_middleware.cookies import read_set_cookie
from support.readme import blocks_of_all

ROOT = Path(__file__).parents[1]
PATHS = [ROOT, ROOT / "adapters", ROOT / "examples", ROOT / "tests"]

FLASK = """
import pytest
from shop.flask_app import app

@pytest.fixture
def consent_app():
    return app

@pytest.fixture
def client():
    return app.test_client()
"""

STARLETTE = """
import pytest
from starlette.testclient import TestClient
from shop.starlette_app import app

@pytest.fixture
def consent_app():
    return app

@pytest.fixture
def client():
    return TestClient(app)
"""

HTTPX = """
import httpx
import pytest
from consent_middleware import ConsentWSGI
from shop.flask_app import app

@pytest.fixture(scope="session")
def consent_app():
    return app.wsgi_app

@pytest.fixture
def client(consent_app):
    with httpx.Client(transport=httpx.WSGITransport(consent_app), base_url="https://shop.example") as client:
        yield client
"""

DJANGO = """
import pytest
import shop.django_app
from django.test import Client

@pytest.fixture
def client():
    return Client()
"""

PROMISES = """
import pytest

def test_nobody_has_chosen(client, consent_visitor, assert_only_necessary, assert_no_trackers):
    assert consent_visitor("none").into(client) is client
    page = client.get("/")
    assert_only_necessary(page)
    assert_no_trackers(page)

def test_everything_is_accepted(client, consent_visitor, assert_only_necessary, assert_no_trackers):
    page = consent_visitor("all").into(client).get("/")
    with pytest.raises(AssertionError, match=r"visitor_id \\(analytics\\); ad_click \\(marketing\\)"):
        assert_only_necessary(page)
    with pytest.raises(AssertionError, match=r"<script> www.googletagmanager.com \\(analytics\\)"):
        assert_no_trackers(page)
    assert_only_necessary(page, allowed=["analytics", "marketing"])
    assert_no_trackers(page, allowed=["analytics", "marketing"])

def test_one_category_is_accepted(client, consent_visitor, assert_only_necessary):
    page = consent_visitor(["analytics"]).into(client).get("/")
    assert_only_necessary(page, allowed=["analytics"])
    with pytest.raises(AssertionError, match="visitor_id"):
        assert_only_necessary(page)

def test_everything_is_refused(client, consent_visitor, assert_only_necessary):
    page = consent_visitor([]).into(client).get("/")
    assert_only_necessary(page)
    state = client.get("/_consent/state")
    assert b'"needs_asking": false' in (getattr(state, "data", b"") or state.content)

def test_a_category_that_is_none(consent_visitor):
    with pytest.raises(ValueError, match="'anlytics' is no category"):
        consent_visitor(["anlytics"])
"""

CLOCK = """
def test_six_months_pass(client, consent_visitor, consent_clock, assert_only_necessary):
    consent_visitor("all").into(client)
    assert any("visitor_id" in value for _, value in _fields(client.get("/")))
    consent_clock.move("6 months")
    assert_only_necessary(client.get("/"))

def _fields(response):
    return response.headers.multi_items() if hasattr(response.headers, "multi_items") else response.headers.items()
"""


def run(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "consent_middleware.testing", *arguments]
    paths = os.pathsep.join(map(str, PATHS))
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    "text",
    [FLASK + PROMISES + CLOCK, STARLETTE + PROMISES + CLOCK, HTTPX + PROMISES + CLOCK, DJANGO + PROMISES],
    ids=["flask", "starlette", "httpx", "django"],
)
def test_visitors_come_and_promises_are_checked(tmp_path: Path, text: str) -> None:
    done = run(tmp_path, text)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{text.count('def test_')} passed" in done.stdout


def test_the_example_of_the_guide_runs(tmp_path: Path) -> None:
    (example,) = [text for text in blocks_of_all("python") if "def consent_app" in text]
    done = run(tmp_path, example)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    nothing = "def test_it(consent_visitor): ..."
    (tmp_path / "test_wrong.py").write_text(
        f"import pytest\n@pytest.fixture\ndef consent_app(): return object()\n{nothing}", encoding="utf-8"
    )
    done = run(tmp_path, nothing)
    assert "define a fixture of this name in conftest.py" in done.stdout
    assert "there is no consent_middleware in or around <object" in done.stdout
    done = run(tmp_path, DJANGO + "def test_it(consent_clock): ...", "test_it.py")
    assert "made anew for each client" in done.stdout


def test_a_failure_points_at_the_test_and_not_into_the_plug_in(tmp_path: Path) -> None:
    done = run(tmp_path, FLASK + "def test_it(assert_only_necessary):\n    assert_only_necessary(['_ga=1'])\n")
    assert "set without consent: _ga (analytics)" in done.stdout
    assert "promises.py" not in done.stdout


def test_whoever_does_not_use_it_pays_nothing() -> None:
    tell = "import sys, pytest; before = set(sys.modules); import consent_middleware.testing; "
    tell += "print(*sorted(set(sys.modules) - before))"
    printed = subprocess.check_output([sys.executable, "-c", tell], cwd=ROOT, text=True)
    assert printed.split() == ["consent_middleware", "consent_middleware.testing"]


def test_the_plug_in_is_registered_under_its_own_name() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["pytest11"]
    assert points == {"consent_middleware.testing": "consent_middleware.testing"}


def test_cookies_are_a_mapping_and_a_header(tmp_path: Path) -> None:
    from consent_middleware.testing.jars import ConsentCookies
    from consent_middleware.testing.sites import engine_of
    from shop.flask_app import app

    cookies = ConsentCookies.of(engine_of(app), "all")
    assert set(cookies) == {"__Host-consent", "consent"}
    assert read_set_cookie(cookies.header.partition(";")[0]) is not None
    with pytest.raises(TypeError, match="no cookies that could be set"):
        cookies.into(object())


def test_every_public_name_is_where_it_is_said_to_be() -> None:
    import consent_middleware

    assert {name: getattr(consent_middleware, name).__name__ for name in consent_middleware.__all__} == {
        name: name for name in consent_middleware.__all__
    }
    assert set(consent_middleware.__all__) <= set(dir(consent_middleware))
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = consent_middleware.Nothing
