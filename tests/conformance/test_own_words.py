"""What a site says in words of its own, in the place of ours, wherever visitors read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from consent_middleware.messages import MESSAGES
from support.site import Site

OpenSite = Callable[..., Site]

HTML = [("Content-Type", "text/html")]
AS_PAGE = [("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html")]
FILM = b'<!doctype html><html><head><title>x</title></head><body><iframe src="https://film.example/"></iframe></body>'

OWN = {
    "title": "Vos choix ici",
    "save": "Garder",
    "policy": "Nos cookies",
    "banner-title": "À vous",
    "embed-load": "{category} ?",
}


@pytest.fixture
def site(open_site: OpenSite, policy: dict[str, Any]) -> Site:
    policy["texts"] = {"fr": OWN}
    policy["services"] = [
        {"id": "film", "name": "Film", "provider": "Film Ltd", "category": "marketing", "scripts": ["film.example"]}
    ]
    return open_site(policy)


def read(site: Site, language: str) -> str:
    accepted = ("Accept-Language", language)
    ours = (site.visit(path, headers=[accepted]).body for path in ("/_consent/settings", "/_consent/policy"))
    return b"".join([*ours, site.visit(answers=HTML, page=FILM, headers=[accepted, *AS_PAGE]).body]).decode()


def test_they_are_read_in_their_language(site: Site) -> None:
    read_in_french = read(site, "fr")
    for said in ("Vos choix ici", "Garder", "Nos cookies", "À vous", "Publicité ?"):
        assert said in read_in_french or said.encode("ascii", "xmlcharrefreplace").decode() in read_in_french, said
    for key in ("title", "save", "policy"):
        assert MESSAGES["fr"][key] not in read_in_french


def test_and_not_in_others(site: Site) -> None:
    read_in_german = read(site, "de")
    assert not [said for said in OWN.values() if said in read_in_german]
    assert MESSAGES["de"]["title"] in read_in_german
