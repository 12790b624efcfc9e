"""What a proxy says of the place where the application is mounted may come from a visitor in the end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from support.site import Site

PAGE = b"<!doctype html><title>x</title><iframe src=https://stats.example.net/film></iframe>"
ADDRESS = re.compile(rb"""(?:src|href|action)=["']?([^"' >]+)""")


@pytest.fixture
def site(open_site: Callable[..., Site], policy: dict[str, Any]) -> Site:
    policy["html"] = {"csp": "enforce"}
    policy["banner"] = {"show": True}
    policy["services"] = [
        {"id": "stats", "name": "S", "provider": "S", "category": "analytics", "scripts": ["stats.example.net"]}
    ]
    return open_site(policy)


@pytest.mark.parametrize("root", ["//evil.example", "///evil.example/x", "/a;b, script-src *", '/a"><script>', "/é"])
def test_our_addresses_stay_on_this_host(site: Site, root: str) -> None:
    answer = site.visit("/films", root=root, answers=[("Content-Type", "text/html")], page=PAGE)
    ours = [address for address in ADDRESS.findall(answer.body) if b"_consent" in address]
    assert len(ours) > 5
    assert all(re.fullmatch(rb"/[A-Za-z0-9%._~-][A-Za-z0-9%._~/-]*(?:[?&].*)?", address) for address in ours)
    [wall] = answer.all("content-security-policy")
    [where] = re.findall("report-uri ([^;,]+);", wall)
    assert re.fullmatch("/[A-Za-z0-9%._~-]+(?:/[A-Za-z0-9%._~-]+)*", where)
    assert answer.get("reporting-endpoints") == f'consent="{where}"'


def test_a_choice_leads_back_to_this_host(site: Site) -> None:
    headers = [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/x-www-form-urlencoded")]
    request: dict[str, Any] = {"method": "POST", "headers": headers, "body": b"action=reject-all"}
    answer = site.visit("/_consent/choice", root="//evil.example", **request)
    assert (answer.status, answer.get("location")) == (303, "/evil.example/")
