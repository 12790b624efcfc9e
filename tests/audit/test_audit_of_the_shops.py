"""The example shops as they come: nothing to find while the policy is enforced, all they leak once it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
import uvicorn

from consent_middleware import ConsentWSGI, Policy
from consent_middleware.audit import Limits, Options, Report, audit
from shop import store
from support.shops import Shop, open_shop

QUICK = Limits(pause=0)
LEAKS = {
    ("consent.A001", "visitor_id"),
    ("consent.A001", "ad_click"),
    ("consent.A002", "visitor_id"),
    ("consent.A002", "ad_click"),
    ("consent.A003", "ab_variant"),
    ("consent.A004", "ad_click"),
}
"""What the shop's code sets, and would be found of it if nobody stood in between."""


@contextmanager
def serving(shop: Shop) -> Iterator[str]:
    """Serve a shop on a real socket; yields its address."""
    if shop.gateway == "wsgi":
        server = import_module("waitress.server").create_server(shop.application, host="127.0.0.1", port=0)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.effective_port}/"
        server.close()
    else:
        config = uvicorn.Config(shop.application, host="127.0.0.1", port=0, log_level="error", lifespan="off")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/"
        running.should_exit = True
    thread.join(timeout=10)


def audited(shop: Shop) -> Report:
    with serving(shop) as url:
        keys = (store.SECRET_KEY,)
        return audit(url, Options(policy=Policy.load(store.POLICY), limits=QUICK, keys=keys))


@pytest.mark.parametrize("name", ["flask", "django-wsgi", "starlette"])
def test_an_enforced_policy_leaves_nothing_to_find(name: str) -> None:
    with open_shop(name) as shop:
        report = audited(shop)
    assert report.findings == ()
    assert len(report.states) == 3
    assert len(report.addresses) > 10
    assert {"Google Analytics", "Meta Pixel"} <= {party.name for party in report.parties}


def test_a_policy_that_only_reports_leaves_everything() -> None:
    with open_shop("flask") as shop:
        inside: Any = shop.application.wsgi_app.app
        policy = replace(Policy.load(store.POLICY), mode="report")
        report = audited(Shop("report", "wsgi", ConsentWSGI(inside, policy, secret_keys=store.SECRET_KEY)))
    found = {finding.key for finding in report.findings}
    assert found >= LEAKS
    assert {subject for id, subject in found if id == "consent.A101"} >= {"google-analytics", "google-ads"}
    assert {subject for id, subject in found if id == "consent.A104"} >= {"google-analytics", "youtube"}
