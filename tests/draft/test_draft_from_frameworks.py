"""What ``consent init`` learns from the settings of real applications."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import consent_flask.survey
import consent_starlette.survey
from consent_middleware import ConsentASGI
from consent_middleware.draft.facts import CookieFact, Facts
from consent_middleware.draft.frameworks import ApplicationUnreadable, facts_of_app

EXISTING = Path(__file__).parents[1] / "support" / "existing"
ROOT = Path(__file__).parents[2]
KEY = "a key for tests, long enough to be one"

DJANGO = """
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.sessions", "django.contrib.messages"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
SESSION_COOKIE_NAME = "sid"
SESSION_COOKIE_AGE = 3600
SESSION_COOKIE_DOMAIN = ".example.org"
SESSION_COOKIE_SECURE = True
LANGUAGE_CODE = "fr-be"
LANGUAGE_COOKIE_AGE = 30 * 86400
CSRF_USE_SESSIONS = True
ADMINS = [("Ann", "ann@example.org")]
"""


def consent(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), *sys.path])
    return subprocess.run(
        [sys.executable, "-m", "consent_middleware", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def only(facts: Facts) -> CookieFact:
    (cookie,) = facts.cookies
    return cookie


class TestFlask:
    def test_its_session_cookie_is_known_with_its_name_its_age_and_where_it_lives(self) -> None:
        app = Flask("shop")
        app.config.update(SESSION_COOKIE_NAME="sid", PERMANENT_SESSION_LIFETIME=3600, SESSION_COOKIE_PATH="/shop")
        cookie = only(consent_flask.survey.survey(app))
        assert (cookie.name, str(cookie.lifetime), cookie.path) == ("sid", "1 hour", "/shop")
        assert "SESSION_COOKIE_SECURE = True" in cookie.advice[0]

    def test_a_secure_one_needs_no_advice(self) -> None:
        app = Flask("shop")
        app.config.update(SESSION_COOKIE_SECURE=True)
        assert only(consent_flask.survey.survey(app)).advice == ()

    def test_that_of_flask_login_is_known_where_that_is_in_use(self) -> None:
        app = Flask("shop")
        # What LoginManager.init_app leaves behind.
        app.login_manager = object()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        app.config.update(REMEMBER_COOKIE_NAME="remember_me")
        names = {cookie.name: str(cookie.lifetime) for cookie in consent_flask.survey.survey(app).cookies}
        assert names == {"session": "31 days", "remember_me": "365 days"}

    def test_that_of_flask_wtf_is_the_session(self) -> None:
        app = Flask("shop")
        app.extensions["csrf"] = object()
        assert any("CSRF" in advice for advice in only(consent_flask.survey.survey(app)).advice)


class TestStarlette:
    @pytest.mark.parametrize("kind", [Starlette, FastAPI])
    def test_the_session_cookie_is_known(self, kind: Any) -> None:
        app = kind(middleware=[Middleware(SessionMiddleware, secret_key=KEY, session_cookie="sid", max_age=None)])
        cookie = only(consent_starlette.survey.survey(app))
        assert (cookie.name, str(cookie.lifetime)) == ("sid", "session")

    def test_an_application_without_any_has_no_cookies(self) -> None:
        assert consent_starlette.survey.survey(Starlette()).cookies == ()


class TestDjango:
    def test_the_cookies_of_what_is_in_use_are_known_from_the_settings(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(DJANGO, encoding="utf-8")
        done = consent(tmp_path, "init", "--settings", "mine", "--output", "-")
        tables = tomllib.loads(done.stdout)
        assert done.returncode == 1, done.stderr
        assert tables["cookies"] == [
            {"name": "django_language", "category": "necessary", "lifetime": "30 days"},
            {"name": "sid", "category": "necessary", "lifetime": "1 hour", "domain": ".example.org"},
        ]
        assert tables["policy"]["default_language"] == "fr"
        assert "The settings have ann@example.org" in done.stdout
        assert "LANGUAGE_COOKIE_SECURE = True" in done.stdout
        assert "SESSION_COOKIE_SECURE" not in done.stdout


@pytest.mark.parametrize(
    ("framework", "argument", "names"),
    [
        ("flask", "--app=mysite:app", ["session"]),
        ("flask", "--app=mysite", ["session"]),
        ("starlette", "--app=mysite:app", ["session"]),
        ("django", "--settings=mysite.settings", ["csrftoken", "messages", "sessionid"]),
        ("django", "--app=mysite.wsgi:application", ["csrftoken", "messages", "sessionid"]),
    ],
)
def test_it_reads_what_is_where_the_reader_stands(framework: str, argument: str, names: list[str]) -> None:
    done = consent(EXISTING / framework, "init", argument, "--output", "-")
    assert done.returncode == 1, done.stderr
    assert [cookie["name"] for cookie in tomllib.loads(done.stdout)["cookies"]] == names


class TestAnApplication:
    @pytest.fixture
    def module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.chdir(tmp_path)

        def write(text: str) -> str:
            name = f"site_{abs(hash(text))}"
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
            return name

        return write

    def test_can_be_made_by_a_function(self, module: Any) -> None:
        name = module("from flask import Flask\ndef create_app(config=None):\n    return Flask('made')")
        assert only(facts_of_app(f"{name}:create_app()")).name == "session"
        assert only(facts_of_app(name)).name == "session"

    def test_is_seen_through_middleware(self, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        name = module("app = None")
        wrapped = ProxyFix(ConsentASGI(Flask("inside"), secret_keys=KEY))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        monkeypatch.setitem(sys.modules, name, type(sys)(name))
        monkeypatch.setattr(sys.modules[name], "app", wrapped, raising=False)
        assert only(facts_of_app(name)).name == "session"

    def test_may_print_what_it_likes(self, module: Any, capsys: pytest.CaptureFixture[str]) -> None:
        facts_of_app(module("print('hello')\nfrom flask import Flask\napp = Flask('x')"))
        assert capsys.readouterr().out == ""

    @pytest.mark.parametrize(
        ("text", "attribute", "said"),
        [
            ("app = 5", "app", "is builtins.int, and no application of Flask"),
            ("", "app", "has no app; write module:attribute"),
            ("", "", "has no app or application or create_app"),
            ("1 / 0", "app", "ZeroDivisionError: division by zero"),
            ("raise SystemExit(3)", "app", "SystemExit: 3"),
            ("def (", "app", "SyntaxError"),
            ("import nobody_has_this", "app", "No module named 'nobody_has_this'"),
            ("def create_app(needed): ...", "create_app", "is builtins.function"),
            ("def create_app(): raise KeyError('DATABASE_URL')", "create_app", "KeyError: 'DATABASE_URL'"),
        ],
    )
    def test_that_is_none_or_falls_is_told_in_one_line(self, module: Any, text: str, attribute: str, said: str) -> None:
        with pytest.raises(ApplicationUnreadable) as caught:
            facts_of_app(f"{module(text)}:{attribute}".rstrip(":"))
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_the_path_of_imports_is_as_before(self, module: Any) -> None:
        before = [*sys.path]
        facts_of_app(module("from flask import Flask\napp = Flask('x')"))
        assert sys.path == before
