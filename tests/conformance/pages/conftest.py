"""A site whose services load scripts, films and a CDN, for the tests of pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.site import Site

OpenSite = Callable[..., Site]


@pytest.fixture
def policy(policy: dict[str, Any]) -> dict[str, Any]:
    policy["services"] = [
        {
            "id": "own-stats",
            "name": "Own statistics",
            "provider": "Example SARL",
            "category": "analytics",
            "scripts": ["stats.example.net/"],
            "inline": ["ownstats("],
        },
        {
            "id": "own-videos",
            "name": "Videos",
            "provider": "Example SARL",
            "category": "marketing",
            "scripts": ["video.example.net/"],
        },
        {
            "id": "own-cdn",
            "name": "CDN",
            "provider": "Example SARL",
            "category": "necessary",
            "scripts": ["cdn.example.net/"],
        },
    ]
    return policy


@pytest.fixture
def site(open_site: OpenSite, policy: dict[str, Any]) -> Site:
    return open_site(policy)


@pytest.fixture
def consenting(open_site: OpenSite, policy: dict[str, Any]) -> Site:
    site = open_site(policy)
    site.choose("save", *policy["categories"])
    return site
