"""Every test of this folder runs through every front door."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from support.doors import DOORS
from support.header_log import header_log
from support.site import POLICY, Site


@pytest.fixture(autouse=True)
def no_header_that_nobody_knows_of() -> Iterator[None]:
    """Whatever a test of this folder does, we read and change no header that docs/headers.md does not list."""
    with header_log() as log:
        yield
    assert log.unlisted == set(), "list it in support/header_cases.py, with a case that shows it"


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
