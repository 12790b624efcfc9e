"""Every test that asks for ``shop`` or a visitor of it runs through every example shop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.shops import SHOPS, Browser, Shop, open_shop


@pytest.fixture(params=SHOPS, scope="package")
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with open_shop(request.param) as shop:
        yield shop


@pytest.fixture
def visitor(shop: Shop) -> Browser:
    """Somebody who has never been here and has chosen nothing."""
    return shop.visitor()


@pytest.fixture
def consenting(shop: Shop) -> Browser:
    """Somebody who has accepted everything and seen nothing else yet."""
    visitor = shop.visitor()
    visitor.choose("accept-all")
    return visitor
