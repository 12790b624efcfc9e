"""Datasette, an ASGI application that nobody here wrote, behind the gate that the README's lines put before it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from consent_middleware import Policy
from consent_middleware.audit import Limits, Options, audit
from support.person import Person, first_difference, person
from support.readme import QUIET, block
from support.servers import UVICORN, served

MODULE = """
from pathlib import Path

from datasette.app import Datasette

datasette = Datasette(["shop.db"], secret="the same for all")
Path("token").write_text(datasette._root_token)  # what `datasette --root` prints, good for one login
Path("actor").write_text(datasette.sign({"a": {"id": "root"}}, "actor"))
app = datasette.app()
"""
OWN = ("ds_actor", "ds_csrftoken", "ds_messages")
SECRETS = r'value="[\w.-]{40,}"|[\d.]+ms|"query_ms": [\d.]+|token=\w+|/tmp/\S+/shop\.db|[\dT:.-]{26}\+00:00'
"""The token of the forms, durations, the token of the login, where the database is, and instants."""


class Sites(NamedTuple):
    bare: str
    gated: str
    careless: str
    policy: Path
    tokens: dict[str, str]
    actor: str
    """The cookie of somebody who has logged in."""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """The same application thrice: by itself, behind the README's lines, and behind lines that name no cookie."""
    advised = block("### Anything else", "python")
    folders = [tmp_path_factory.mktemp(name) for name in ("bare", "gated", "careless")]
    for folder, lines in zip(folders, ("", advised, re.sub(r"necessary=.*", "", advised)), strict=True):
        with sqlite3.connect(folder / "shop.db") as database:
            database.execute("create table pens (name text)")
            database.execute("insert into pens values ('Heron')")
        database.close()
        (folder / "site_of_ours.py").write_text(MODULE + lines)
        (folder / "consent.toml").write_text(block("## The policy file", "toml") + QUIET, encoding="utf-8")
    with served(folders, *UVICORN, "site_of_ours:app") as addresses:
        tokens = dict(zip(addresses, [(folder / "token").read_text() for folder in folders], strict=True))
        bare, gated, careless = addresses
        actor = (folders[0] / "actor").read_text()
        yield Sites(bare, gated, careless, folders[1] / "consent.toml", tokens, actor)


@pytest.fixture
def visitor(sites: Sites) -> Iterator[Person]:
    with person(sites.gated, SECRETS) as visitor:
        yield visitor


def log_in(visitor: Person, sites: Sites) -> None:
    """Follow the link that `datasette --root` prints."""
    visitor.open(f"/-/auth-token?token={sites.tokens[visitor.site]}")


def actor(visitor: Person) -> object:
    return visitor.open("/-/actor.json").json()["actor"]


@pytest.mark.parametrize(
    "page", ["/", "/shop", "/shop/pens", "/shop/pens.json", "/shop/pens.csv", "/-/static/app.css", "/nowhere"]
)
def test_pages_are_the_same_behind_the_gate(sites: Sites, page: str) -> None:
    with person(sites.bare, SECRETS) as bare, person(sites.gated, SECRETS) as gated:
        one, other = bare.open(page).headers.keys(), gated.open(page).headers.keys()
        assert first_difference(bare, gated) == ""
        assert one - other <= {"transfer-encoding"}
        assert other - one <= {"content-length", "cache-control", "permissions-policy"}


def administer(visitor: Person, sites: Sites) -> None:
    """Log in, leave a message, look around, and log out."""
    log_in(visitor, sites)
    visitor.submit(visitor.open("/-/messages"), 'form[action="/-/messages"]', message="the ink is dry")
    for page in ("/", "/-/permissions", "/-/allow-debug", "/shop/pens?_facet=name"):
        visitor.open(page)
    visitor.submit(visitor.open("/-/logout"), 'form[action="/-/logout"]')
    visitor.open("/-/permissions")


def test_whoever_administers_it_sees_no_difference(sites: Sites) -> None:
    with person(sites.bare, SECRETS) as bare, person(sites.gated, SECRETS) as gated:
        for visitor in (bare, gated):
            administer(visitor, sites)
        assert first_difference(bare, gated) == ""
        assert sum("the ink is dry" in step.body for step in gated.steps) == 1
        assert any(step.status == 403 for step in gated.steps)
        assert gated.cookies == bare.cookies


def test_a_forged_form_is_still_refused(sites: Sites, visitor: Person) -> None:
    visitor.keep("ds_actor", sites.actor)
    page = visitor.open("/-/messages")
    forged = visitor.submit(page, 'form[action="/-/messages"]', message="forged", csrftoken="of somebody else")
    assert forged.status_code == 403


@pytest.mark.parametrize("action", ["accept-all", "reject-all", "withdraw"])
def test_whatever_is_chosen_the_login_stays(sites: Sites, visitor: Person, action: str) -> None:
    visitor.keep("ds_actor", sites.actor)
    visitor.choose(action)
    assert actor(visitor) == {"id": "root"}


def test_an_audit_finds_nothing(sites: Sites) -> None:
    options = Options(policy=Policy.load(sites.policy), necessary=OWN, limits=Limits(pause=0))
    report = audit(sites.gated, options)
    assert report.findings == ()
    assert len(report.states) == 3
    assert len(report.addresses) > 10


def test_without_a_word_about_them_its_cookies_are_withheld(sites: Sites) -> None:
    with person(sites.careless, SECRETS) as visitor:
        log_in(visitor, sites)
        assert visitor.cookies == set()
        visitor.keep("ds_actor", sites.actor)
        assert actor(visitor) is None
