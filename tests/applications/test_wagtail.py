"""A Wagtail site, as ``wagtail start`` makes it, behind the gate that the README's lines put before it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from consent_middleware import Policy
from consent_middleware.audit import Limits, Options, audit
from support.live import live
from support.person import Person, first_difference, person
from support.readme import QUIET, block
from support.servers import GUNICORN, served

# Wagtail's migrations take twenty seconds, of which a site that is to be thrown away has nothing: its tables are made
# at once, and the start page that the migrations leave behind by the lines below.
QUICK = """
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

class AtOnce(dict):
    def __contains__(self, app): return True
    def __getitem__(self, app): return None

MIGRATION_MODULES = AtOnce()
"""
FILL = """
import os

import django
from django.core.management import call_command

os.environ["DJANGO_SETTINGS_MODULE"] = "demo.settings.dev"
django.setup()
call_command("migrate", run_syncdb=True, verbosity=0, skip_checks=True)

from django.contrib.auth import get_user_model
from home.models import HomePage
from wagtail.models import Locale, Page, Site

Locale.objects.create(language_code="en")
home = Page.add_root(title="Root", slug="root").add_child(instance=HomePage(title="Home", slug="home"))
Site.objects.create(hostname="localhost", root_page=home, is_default_site=True)
get_user_model().objects.create_superuser("ada", "ada@example.org", "lovelace")
"""
TEMPLATE = """{% extends "base.html" %}
{% block extra_css %}
    <script async src="https://www.googletagmanager.com/gtag/js?id=G-0000000000"></script>
    <script>gtag('config', 'G-0000000000');</script>
{% endblock %}
{% block content %}
    <h1>{{ page.title }}</h1>
    {% for each in page.get_children %}<a href="{{ each.url }}">{{ each.title }}</a>{% endfor %}
{% endblock %}
"""
SECRETS = r"[A-Za-z0-9]{64}|\?v=[0-9a-f]{8}|\d+\xa0(?:second|minute)s?|\d{4}-\d\d-\d\dT[\d:.+]+|\d+:\d\d (?:a|p)\.m\."
"""The token of the forms, a hash of INSTALLED_APPS, and times."""
WAITS = {"script https://www.googletagmanager.com/gtag/js?id=G-0000000000", "inline gtag('config', 'G-"}


class Sites(NamedTuple):
    bare: str
    gated: str
    policy: Path


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """The same site twice, with a tracker in its template; the README's lines are in the settings of the second."""
    bare, gated = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("sites") / "gated"
    make_site(bare)
    shutil.copytree(bare, gated)
    with (gated / "demo/settings/base.py").open("a") as settings:
        settings.write(block("### Django", "python"))
    policy = gated / "consent.toml"
    policy.write_text(block("## The policy file", "toml") + QUIET, encoding="utf-8")
    with served([bare, gated], *GUNICORN, "demo.wsgi:application") as [bare_site, gated_site]:
        yield Sites(bare_site, gated_site, policy)


def make_site(folder: Path) -> None:
    run(folder, "-m", "wagtail.bin.wagtail", "start", "demo", ".")
    (folder / "demo/settings/local.py").write_text(QUICK)
    (folder / "home/templates/home/home_page.html").write_text(TEMPLATE)
    run(folder, "-c", FILL)


def run(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True)


@pytest.fixture
def visitor(sites: Sites) -> Iterator[Person]:
    with person(sites.gated, SECRETS) as visitor:
        yield visitor


def log_in(visitor: Person) -> None:
    visitor.submit(visitor.open("/admin/"), username="ada", password="lovelace")


def publish(visitor: Person, path: str, **fields: str) -> None:
    visitor.submit(visitor.open(path), "form#page-edit-form", button="action-publish", **fields)


def edit_the_site(visitor: Person) -> None:
    """What an editor does on a morning, the mistakes included."""
    visitor.submit(visitor.open("/admin/login/"), username="ada", password="byron")
    log_in(visitor)
    publish(visitor, "/admin/pages/add/home/homepage/2/", title="")
    publish(visitor, "/admin/pages/add/home/homepage/2/", title="Pens", slug="pens")
    publish(visitor, "/admin/pages/3/edit/", title="Fountain pens")
    visitor.open("/admin/pages/3/history/")
    visitor.open("/admin/api/main/pages/?child_of=2&for_explorer=1")
    visitor.submit(visitor.open("/admin/account/"), to="/admin/logout/")
    visitor.open("/admin/pages/3/edit/")


def test_an_editor_sees_no_difference(sites: Sites) -> None:
    with person(sites.bare, SECRETS) as bare, person(sites.gated, SECRETS) as gated:
        for visitor in (bare, gated):
            edit_the_site(visitor)
        assert first_difference(bare, gated) == ""
        texts = [step.body for step in gated.steps]
        for told in (
            "Your username and password didn&#x27;t match",
            "This field is required",
            "Page &#x27;Pens&#x27; created and published",
            "Page &#x27;Fountain pens&#x27; has been published",
        ):
            assert any(told in text for text in texts), told
        assert gated.cookies == bare.cookies
        assert "Fountain pens" in gated.open("/pens/").text


@pytest.mark.parametrize("path", ["/static/css/demo.css", "/nowhere/", "/search/", "/robots.txt"])
def test_what_nothing_is_withheld_from_is_the_same(sites: Sites, path: str) -> None:
    with person(sites.bare, SECRETS) as bare, person(sites.gated, SECRETS) as gated:
        for visitor in (bare, gated):
            visitor.open(path)
        assert first_difference(bare, gated) == ""


def test_the_tracker_waits_and_comes_and_goes(sites: Sites, visitor: Person) -> None:
    with person(sites.bare, SECRETS) as bare:
        assert live(bare.open("/").text) == WAITS
    assert live(visitor.open("/").text) == set()
    for action, loads in [("accept-all", WAITS), ("withdraw", set[str]()), ("accept-all", WAITS)]:
        visitor.choose(action)
        assert live(visitor.open("/").text) == loads


@pytest.mark.parametrize("action", ["accept-all", "reject-all", "withdraw"])
def test_whatever_is_chosen_the_login_stays(visitor: Person, action: str) -> None:
    log_in(visitor)
    visitor.choose(action)
    assert visitor.open("/admin/account/").url.path == "/admin/account/"
    saved = visitor.submit(
        visitor.open("/admin/account/"), **{"name_email-first_name": "Ada", "name_email-last_name": "Lovelace"}
    )
    assert "Your account settings have been changed successfully" in saved.text
    assert visitor.cookies == {"csrftoken", "sessionid", "consent"}


def findings(url: str, policy: Path) -> set[tuple[str, str]]:
    """What an audit finds that was told of Django's own cookies."""
    necessary = ("csrftoken", "sessionid", "messages")
    report = audit(url, Options(policy=Policy.load(policy), necessary=necessary, limits=Limits(pause=0)))
    return {finding.key for finding in report.findings}


@pytest.mark.parametrize("path", ["", "admin/login/"])
def test_an_audit_finds_nothing(sites: Sites, path: str) -> None:
    assert findings(sites.gated + path, sites.policy) == set()


def test_an_audit_of_the_bare_site_finds_its_tracker(sites: Sites) -> None:
    found = {("consent.A101", "google-analytics"), ("consent.A102", "google-analytics")}
    assert findings(sites.bare, sites.policy) == found
