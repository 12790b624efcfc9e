"""A site of handmade pages in the place of the shops, and what scripts in them can be asked."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from consent_middleware import Policy
from consent_middleware.guard import guard_script
from consent_middleware.scripts import source
from support.handmade import DECLARED, POLICY, Handmade, handmade


@pytest.fixture(scope="session")
def handmade_site(certificate: Mapping[str, Path]) -> Iterator[Handmade]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate["cert"], certificate["key"])
    with handmade(context) as site:
        yield site


@pytest.fixture(scope="session")
def ports(handmade_site: Handmade) -> Mapping[str, int]:
    """The only site of these tests; the shops stay closed."""
    return {"page": handmade_site.port}


@pytest.fixture
def site(handmade_site: Handmade) -> Handmade:
    handmade_site.forget()
    return handmade_site


@pytest.fixture
def visitor(arrive: Callable[..., Any], site: Handmade) -> Any:
    """Somebody in front of the handmade site, who has chosen nothing yet."""
    return arrive("page")


@pytest.fixture
def improved(site: Handmade) -> Handmade:
    """The site with the scripts of ours in its pages."""
    site.head = (
        '<script src="/guard.js" data-consent-allowed="{allowed}"></script><script src="/consent.js" defer></script>'
    )
    site.files["/guard.js"] = ("text/javascript", guard_script(Policy.from_dict(POLICY), DECLARED))
    site.files["/consent.js"] = ("text/javascript", source("consent.js").encode())
    site.is_improved = True
    return site
