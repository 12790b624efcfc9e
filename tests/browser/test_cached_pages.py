"""What a browser itself keeps of a page must not bring back what its visitor has withdrawn since: acceptance row 16.

Over plain http, which browsers take for secure on localhost: of a server whose certificate nobody trusts they keep
nothing, and every test would pass.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import make_server

from consent_middleware import ConsentWSGI

TRACKED = b"""<!doctype html><title>x</title><a href="/other">other</a>
<script src="http://stats.localhost/a.js"></script>"""
KEPT = [("Content-Type", "text/html"), ("Cache-Control", "max-age=600"), ("ETag", '"1"')]


@dataclass
class Kept:
    """A site whose pages say that they may be kept; ``asked`` are the paths that it was asked for."""

    asked: list[str] = field(default_factory=list[str])
    port: int = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        self.asked.append(environ["PATH_INFO"])
        if environ["HTTP_HOST"].startswith("stats."):
            start_response("200 OK", [("Content-Type", "text/javascript")])
            return [b"var isTracked = true"]
        start_response("200 OK", KEPT)
        return [TRACKED.replace(b"stats.localhost", b"stats.localhost:%d" % self.port)]


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    site = Kept()
    policy = {
        "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
        "categories": {"analytics": {}},
        "services": [
            {"id": "stats", "name": "S", "provider": "S", "category": "analytics", "scripts": ["stats.localhost"]}
        ],
    }
    server = make_server("127.0.0.1", 0, ConsentWSGI(site, policy, secret_keys="a key for tests"), threaded=True)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(chromium: str, kept: Kept) -> Iterator[Page]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        context = browser.new_context(base_url=f"http://shop.localhost:{kept.port}")
        yield context.new_page()
        browser.close()


def choose(page: Page, action: str) -> None:
    page.goto("/_consent/settings")
    with page.expect_navigation():
        page.locator(f'button[name="action"][value="{action}"]').first.click()


def is_tracked(page: Page) -> bool:
    """Whether somebody is who follows a link; no reload, so that the browser may show what it has kept."""
    page.goto("/")
    with page.expect_navigation():
        page.locator('a[href="/other"]').click()
    tracked: bool = page.evaluate("'isTracked' in window")
    return tracked


def test_a_page_that_the_browser_keeps_follows_every_choice(page: Page, kept: Kept) -> None:
    assert not is_tracked(page)
    kept.asked.clear()
    assert not is_tracked(page)
    assert "/other" not in kept.asked, "the browser keeps nothing, and this tests nothing"
    choose(page, "accept-all")
    assert is_tracked(page)
    choose(page, "reject-all")
    assert not is_tracked(page)
