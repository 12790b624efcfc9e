"""Whoever clicks twice has chosen once: one record, one visitor, one receipt."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from consent_middleware import Record
from consent_middleware.ledger import SQLLedger, open_ledger, reading
from support.handmade import KEY, POLICY, Handmade, handmade

FILM = '<iframe src="https://stats.example/film" title="A film" width="400" height="300"></iframe>'
BUTTONS = {"banner": '[data-consent-banner] button[value="accept-all"]', "placeholder": ".cm-embed button"}

Arrive = Callable[..., Any]


class Recorded(NamedTuple):
    """A site, and its ledger as another process sees it."""

    site: Handmade
    ledger: SQLLedger

    @property
    def records(self) -> list[Record]:
        return [*reading.records(self.ledger.database)]


@pytest.fixture(scope="module")
def sites(
    certificate: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Recorded]]:
    """A site whose pages are made for each visitor, and one where they are the same for everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate["cert"], certificate["key"])
    with ExitStack() as stack:
        opened: dict[str, Recorded] = {}
        for name in ("vary", "shared"):
            url = f"sqlite:///{tmp_path_factory.mktemp(name) / 'consent.db'}"
            site = stack.enter_context(handmade(context, {**POLICY, "html": {"cache": name}}, url))
            site.pages["/"] = FILM
            opened[name] = Recorded(site, open_ledger(url, KEY))
            stack.callback(opened[name].ledger.close)
        yield opened


@pytest.fixture(scope="module")
def ports(sites: Mapping[str, Recorded]) -> Mapping[str, int]:
    return {name: recorded.site.port for name, recorded in sites.items()}


@pytest.mark.parametrize("button", BUTTONS)
@pytest.mark.parametrize("cache", ["vary", "shared"])
def test_two_clicks_are_one_record(arrive: Arrive, sites: Mapping[str, Recorded], button: str, cache: str) -> None:
    visitor = arrive(cache)
    before = len(sites[cache].records)
    sent: list[str] = []
    visitor.page.on("request", lambda request: sent.append(request.url) if "/choice" in request.url else None)
    visitor.visit("/")
    visitor.page.locator(BUTTONS[button]).dblclick()
    visitor.settle()
    assert len(sent) == 2
    assert len(sites[cache].records) == before + 1
    [own] = [cookie for cookie in visitor.page.context.cookies() if cookie["name"] == "__Host-consent"]
    assert own["value"].split(".")[1] == sites[cache].records[-1].subject
