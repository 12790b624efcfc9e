"""I Hate Money, an application in Flask for sharing expenses, behind the gate that the README's lines put before it.

It has log-in, forms with tokens, a history, a Content-Security-Policy of Talisman's and a ProxyFix of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from consent_middleware import Policy
from consent_middleware.audit import Limits, Options, audit
from support.person import Person, first_difference, person
from support.readme import QUIET, block
from support.servers import GUNICORN, served

SETTINGS = """
SECRET_KEY = "a key for tests, long enough to be one"
SQLALCHEMY_DATABASE_URI = "sqlite:///{database}"
SESSION_COOKIE_SECURE = False
MAIL_SUPPRESS_SEND = True
"""
MODULE = """
import os

os.environ["IHATEMONEY_SETTINGS_FILE_PATH"] = {settings!r}

from ihatemoney.wsgi import application as app
"""
SECRETS = r"[\w-]+\.(?:[\w-]{6}\.)?[\w-]{27}|\d+:\d\d(?::\d\d)?\s(?:AM|PM)|<path d=[^>]*>"
"""The tokens of forms and feeds, times, and the picture of an invitation with its token."""


class Sites(NamedTuple):
    bare: str
    gated: str
    policy: Path


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """The same application twice; the README's lines are in the module of the second."""
    bare, gated = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("gated")
    for folder, lines in (
        (bare, ""),
        (gated, block("For an application that is made elsewhere, in the module that your server is given:", "python")),
    ):
        settings = folder / "settings.cfg"
        settings.write_text(SETTINGS.format(database=folder / "money.db"))
        (folder / "site_of_ours.py").write_text(MODULE.format(settings=str(settings)) + lines)
    policy = gated / "consent.toml"
    policy.write_text(block("## The policy file", "toml") + QUIET, encoding="utf-8")
    with served([bare, gated], *GUNICORN, "site_of_ours:app") as [bare_site, gated_site]:
        yield Sites(bare_site, gated_site, policy)


@pytest.fixture
def visitor(sites: Sites) -> Iterator[Person]:
    with person(sites.gated, SECRETS) as visitor:
        yield visitor


def create_project(visitor: Person, name: str) -> None:
    visitor.submit(
        visitor.open("/create"), 'form[method="post"].form-horizontal', name=name, id=name, password="lovelace",
        contact_email="ada@example.org",
    )  # fmt: skip


def log_in(visitor: Person, password: str = "lovelace", to: str = "pens") -> None:
    visitor.submit(visitor.open("/authenticate"), 'form[method="POST"]', id=to, password=password)


def log_out(visitor: Person) -> None:
    visitor.submit(visitor.open("/pens/"), 'form[action="/exit"]')


def share_expenses(visitor: Person) -> None:
    """What two friends do with it in a week."""
    visitor.open("/lang/fr")
    visitor.open("/")
    visitor.open("/lang/en")
    create_project(visitor, "pens")
    for name in ("Ada", "Charles"):
        visitor.submit(visitor.open("/pens/"), "#add-member-form", name=name)
    for what, amount in (("ink", "8.40"), ("", "free")):
        bill = visitor.open("/pens/add")
        visitor.submit(bill, 'form[method="post"].form-horizontal', what=what, amount=amount, payer="1", payed_for="2")
    log_out(visitor)
    visitor.open("/pens/edit")
    log_in(visitor, "byron")
    log_in(visitor)
    for page in ("", "statistics", "settle_bills", "history", "invite", "edit", "nowhere"):
        visitor.open(f"/pens/{page}")


def test_people_who_share_see_no_difference(sites: Sites) -> None:
    with person(sites.bare, SECRETS) as bare, person(sites.gated, SECRETS) as gated:
        for visitor in (bare, gated):
            share_expenses(visitor)
        assert first_difference(bare, gated) == ""
        texts = [step.body for step in gated.steps]
        for told in ("The bill has been added", "This private code is not the right one", "ink", "Langues"):
            assert any(told in text for text in texts), told
        assert gated.cookies == bare.cookies == {"session"}


def test_a_file_is_the_same_and_what_its_date_could_prolong_has_a_max_age(sites: Sites) -> None:
    with person(sites.bare, SECRETS) as bare, person(sites.gated, SECRETS) as gated:
        for visitor in (bare, gated):
            create_project(visitor, "files")
        one, other = (visitor.open("/static/css/main.css") for visitor in (bare, gated))
        assert one.content == other.content != b""
        # Flask dates the files that it sends, and browsers count Expires from the date of a response.
        assert "Date" in one.headers and "Max-Age" not in one.headers["Set-Cookie"]
        assert "; Max-Age=2678400; Expires=" in other.headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/", "/mobile", "/static/css/main.css", "/healthcheck", "/nowhere", "/api/projects"])
def test_pages_are_the_same(sites: Sites, path: str) -> None:
    with person(sites.bare, SECRETS) as bare, person(sites.gated, SECRETS) as gated:
        for visitor in (bare, gated):
            visitor.open(path)
        assert first_difference(bare, gated) == ""


def test_a_forged_form_is_still_refused(visitor: Person) -> None:
    create_project(visitor, "forged")
    visitor.submit(visitor.open("/forged/"), "#add-member-form", name="Mallory", csrf_token="of somebody else")
    assert "Mallory" not in visitor.open("/forged/").text


@pytest.mark.parametrize("action", ["accept-all", "reject-all", "withdraw"])
def test_whatever_is_chosen_the_login_stays(visitor: Person, action: str) -> None:
    create_project(visitor, f"of-{action}")
    visitor.choose(action)
    assert visitor.open(f"/of-{action}/edit").url.path == f"/of-{action}/edit"
    assert visitor.cookies == {"session", "consent"}


def findings(url: str, policy: Path) -> set[tuple[str, str]]:
    options = Options(policy=Policy.load(policy), necessary=("session",), limits=Limits(pause=0))
    return {finding.key for finding in audit(url, options).findings}


def test_an_audit_finds_nothing_before_and_after(sites: Sites) -> None:
    assert findings(sites.bare, sites.policy) == set()
    assert findings(sites.gated, sites.policy) == set()
