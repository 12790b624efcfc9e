"""The example shops as they come: nothing to find while the policy is enforced, all they leak once it is not."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
import uvicorn

import audit_report
from consent_middleware import Policy
from consent_middleware.audit import Limits, Options, Report, audit
from shop import store
from support.servers import GUNICORN, UVICORN, served
from support.shops import Shop, open_shop

QUICK = Limits(pause=0)
_COOKIES = ("ad_click", "lang", "visitor_id")
_TRACKERS = ("google-ads", "google-analytics", "meta-pixel")
PLANTED = {
    *(("consent.A001", name) for name in _COOKIES),
    *(("consent.A002", name) for name in _COOKIES),
    ("consent.A003", "ab_variant"),
    ("consent.A004", "ad_click"),
    *(("consent.A101", name) for name in (*_TRACKERS, "youtube")),
    # The last is a snippet that only the markup itself says is for analytics.
    *(("consent.A102", name) for name in (*_TRACKERS, "tawk-to", "analytics")),
    *(("consent.A103", name) for name in _TRACKERS),
    *(("consent.A104", name) for name in (*_TRACKERS, "tawk-to", "youtube", "analytics")),
    ("consent.A105", "tawk-to"),
    *(("consent.A212", name) for name in _COOKIES),
    *(("consent.A213", name) for name in _COOKIES),
}
"""What the shop's code sets and loads, and would be found of it if nobody stood in between."""

SERVERS = {
    "flask": (*GUNICORN, "shop.flask_app:app"),
    "django": (*GUNICORN, "shop.django_app:application"),
    "starlette": (*UVICORN, "shop.starlette_app:app"),
}


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


@pytest.mark.parametrize("name", SERVERS)
def test_a_policy_that_only_reports_leaves_exactly_what_is_planted(name: str, tmp_path: Path) -> None:
    policy = tmp_path / "consent.toml"
    policy.write_text(store.POLICY.read_text().replace("[policy]\n", '[policy]\nmode = "report"\n', 1))
    with served([tmp_path], *SERVERS[name], SHOP_POLICY=str(policy)) as [url]:
        report = audit(url, Options(policy=Policy.load(policy), limits=QUICK, keys=(store.SECRET_KEY,)))
    assert {finding.key for finding in report.findings} == PLANTED
    assert len(report.findings) == len(PLANTED)


def test_the_report_in_the_documentation_is_what_the_audit_says_today() -> None:
    date = re.compile(r"\d+ \w+ \d{4}, \d\d:\d\d UTC|Expires=.*? GMT")
    shown = (audit_report.DOCS / "audit-report.html").read_text(encoding="utf-8")
    made = audit_report.page()
    assert date.search(shown) is not None
    assert date.sub("", shown) == date.sub("", made), "make it anew: python examples/audit_report.py"
