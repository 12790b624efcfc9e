"""A site of handmade pages in the place of the shops, with the banner in them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.handmade import POLICY, Handmade, handmade


@pytest.fixture(scope="session")
def asking_site(certificate: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handmade]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate["cert"], certificate["key"])
    ledger = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'consent.db'}"
    with handmade(context, {**POLICY, "banner": {}}, ledger) as site:
        yield site


@pytest.fixture(scope="session")
def ports(asking_site: Handmade) -> Mapping[str, int]:
    """The only site of these tests; the shops stay closed."""
    return {"page": asking_site.port}


LONG = "<main><h1>A page</h1>" + "".join(
    f'<p><a href="#{number}">Paragraph {number}</a> of many, so that there is something to scroll through.</p>'
    for number in range(40)
)


@pytest.fixture
def site(asking_site: Handmade) -> Handmade:
    asking_site.forget()
    asking_site.pages["/"] = LONG + "</main>"
    return asking_site


@pytest.fixture
def come(arrive: Callable[..., Any], site: Handmade) -> Callable[..., Any]:
    """Let somebody new come to the site's page: ``come(locale="ar")`` returns the browser's page."""

    def come(**options: Any) -> Any:
        page = arrive("page", **options).page
        page.goto("https://page.shop.test/")
        return page

    return come
