"""Sites of handmade pages in the place of the shops, with what we put into pages and without."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.handmade import POLICY, QUIET, Handmade, handmade

STYLED = {**POLICY, "html": {"css": True}}
"""A policy that withholds what style sheets in the page load, too."""


@pytest.fixture(scope="session")
def handmade_sites(certificate: Mapping[str, Path]) -> Iterator[Mapping[str, Handmade]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate["cert"], certificate["key"])
    with ExitStack() as stack:
        policies = {"page": QUIET, "asking": POLICY, "styled": STYLED}
        yield {name: stack.enter_context(handmade(context, policy)) for name, policy in policies.items()}


@pytest.fixture(scope="session")
def ports(handmade_sites: Mapping[str, Handmade]) -> Mapping[str, int]:
    """The only sites of these tests; the shops stay closed."""
    return {name: site.port for name, site in handmade_sites.items()}


@pytest.fixture
def quiet(handmade_sites: Mapping[str, Handmade]) -> Handmade:
    """A site with nothing of ours in its pages."""
    handmade_sites["page"].forget()
    return handmade_sites["page"]


@pytest.fixture
def asking(handmade_sites: Mapping[str, Handmade]) -> Handmade:
    """A site with all of ours in its pages."""
    handmade_sites["asking"].forget()
    return handmade_sites["asking"]


@pytest.fixture
def quiet_visitor(arrive: Callable[..., Any], quiet: Handmade) -> Any:
    return arrive("page")


@pytest.fixture
def visitor(arrive: Callable[..., Any], asking: Handmade) -> Any:
    """Somebody who has chosen nothing yet."""
    return arrive("asking")
