"""Every test of this folder runs through every front door."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from support.doors import DOORS
from support.site import POLICY, Site


@pytest.fixture(params=DOORS)
def open_site(request: pytest.FixtureRequest) -> Callable[..., Site]:
    return partial(Site, DOORS[request.param])


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    return open_site()


@pytest.fixture
def policy() -> dict[str, Any]:
    """The tests' policy, to be changed at will."""
    return copy.deepcopy(POLICY)
