"""Datasette, an ASGI application that nobody here wrote, unchanged behind the gate."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette  # type: ignore[import-untyped]  # has no types
from starlette.testclient import TestClient

from consent_middleware import ConsentASGI

POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "banner": {"show": False},
    "categories": {"necessary": {"required": True}, "analytics": {}},
    "cookies": [
        {"name": "ds_actor", "category": "necessary"},
        {"name": "ds_csrftoken", "category": "necessary"},
        {"name": "ds_messages", "category": "necessary"},
    ],
}
KEY = "a key for tests, long enough to be one"


@pytest.fixture
def datasette(tmp_path: Path) -> Datasette:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as database:
        database.execute("create table pens (name text)")
        database.execute("insert into pens values ('Heron')")
    return Datasette([str(path)])


@pytest.fixture
def client(datasette: Datasette) -> Iterator[TestClient]:
    with TestClient(ConsentASGI(datasette.app(), POLICY, secret_keys=KEY)) as client:
        yield client


def log_in(client: TestClient, datasette: Datasette) -> None:
    """Follow the link that `datasette --root` prints."""
    client.get("/-/auth-token", params={"token": datasette._root_token}, follow_redirects=False)


def post(client: TestClient, page: str, **fields: str) -> Any:
    found = re.search(r'name="csrftoken" value="([^"]+)"', client.get(page).text)
    assert found
    return client.post(page, data={"csrftoken": found[1], **fields})


def names(answer: Any) -> set[str]:
    return {line.partition("=")[0] for line in answer.headers.get_list("set-cookie")}


@pytest.mark.parametrize(
    "page", ["/", "/shop", "/shop/pens", "/shop/pens.json", "/-/versions.json", "/-/static/app.css", "/nowhere"]
)
def test_pages_are_the_same_behind_the_gate(datasette: Datasette, client: TestClient, page: str) -> None:
    with TestClient(datasette.app()) as bare:
        without = bare.get(page)
    answer = client.get(page)
    assert answer.status_code == without.status_code
    assert timeless(answer.text) == timeless(without.text)
    assert answer.headers.keys() == without.headers.keys()


def timeless(text: str) -> str:
    """The page without how long it took."""
    return re.sub(r'[\d.]+ms|"query_ms": [\d.]+', "", text)


def test_logging_in_and_out_works(datasette: Datasette, client: TestClient) -> None:
    assert client.get("/-/actor.json").json() == {"actor": None}
    log_in(client, datasette)
    assert client.get("/-/actor.json").json() == {"actor": {"id": "root"}}
    answer = post(client, "/-/logout")
    assert answer.status_code == 200
    assert client.get("/-/actor.json").json() == {"actor": None}


def test_forms_are_protected_and_messages_arrive_once(datasette: Datasette, client: TestClient) -> None:
    log_in(client, datasette)
    assert client.post("/-/messages", data={"message": "forged"}).status_code == 403
    shown = post(client, "/-/messages", message="the ink is dry")
    assert "the ink is dry" in shown.text
    assert "the ink is dry" not in client.get("/").text


def test_its_choices_and_ours_live_side_by_side(datasette: Datasette, client: TestClient) -> None:
    log_in(client, datasette)
    choice = {"action": "reject-all", "next": "/-/actor.json"}
    answer = client.post("/_consent/choice", data=choice, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.json() == {"actor": {"id": "root"}}


def test_without_a_declaration_its_cookies_are_withheld(datasette: Datasette) -> None:
    policy = {**POLICY, "cookies": POLICY["cookies"][1:]}
    with TestClient(ConsentASGI(datasette.app(), policy, secret_keys=KEY)) as client:
        log_in(client, datasette)
        assert names(client.get("/-/messages")) == {"ds_csrftoken"}
        assert client.get("/-/actor.json").json() == {"actor": None}
