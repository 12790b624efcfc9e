"""The third wall: what scripts that run may reach, as the browser itself decides.

The page's own script, which nothing withholds, does what a tag manager or a careless bundle does: it loads others and
calls home in every way there is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from consent_flask import Consent
from support.third_parties import ThirdParties

HOST = "walls.shop.test"
ORIGIN = f"https://{HOST}"
PAGE = "<!doctype html><title>Shop</title><script src=/app.js></script><p>hello"
WORKER = "fetch('https://worker.example/x', {mode: 'no-cors'}).catch(() => 0).finally(() => postMessage('done'))"
SCRIPT = """
  const quiet = promise => promise.then(() => 0, () => 0);
  const heard = (target, ...names) => new Promise(done => names.forEach(name => target.addEventListener(name, done)));
  const element = (name, fields) => {
    const made = Object.assign(document.createElement(name), fields);
    document.documentElement.append(made);
    return heard(made, 'load', 'error');
  };
  const worker = address => heard(new Worker(address), 'message', 'error');
  const inBlob = "fetch('https://blob.example/x', {mode: 'no-cors'}).catch(() => 0).finally(() => postMessage(1))";
  const socket = new WebSocket('wss://socket.example/');
  const stream = new EventSource('https://stream.example/');
  navigator.sendBeacon('https://beacon.example/x', '1');
  window.finished = Promise.all([
    quiet(fetch('https://fetch.example/x', {mode: 'no-cors'})),
    element('img', {src: 'https://image.example/x.gif'}),
    element('script', {src: 'https://script.example/x.js'}),
    element('link', {rel: 'stylesheet', href: 'https://style.example/x.css'}),
    element('iframe', {src: 'https://frame.example/'}),
    element('script', {src: 'https://www.counter.example/x.js'}),
    heard(socket, 'error', 'close'),
    heard(stream, 'error').then(() => stream.close()),
    worker('/worker.js'),
    worker(URL.createObjectURL(new Blob([inBlob], {type: 'text/javascript'}))),
    new Promise(done => setTimeout(done, 500)),
  ]).then(() => 'finished');
"""
KINDS = ("beacon", "blob", "fetch", "frame", "image", "script", "socket", "stream", "style", "worker")
EVERYBODY = {f"{kind}.example" for kind in KINDS}
FRAME = "frame.example"
COUNTER = "www.counter.example"

Site = Callable[..., None]


@pytest.fixture(scope="module")
def sites(certificate: Mapping[str, Path]) -> Iterator[dict[str, Any]]:
    """A server whose application can be exchanged: ``sites["app"]``."""
    current: dict[str, Any] = {}
    server = make_server(
        "127.0.0.1",
        0,
        lambda environ, start_response: current["app"](environ, start_response),
        threaded=True,
        ssl_context=(str(certificate["cert"]), str(certificate["key"])),
    )
    current["port"] = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    yield current
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def walled_browser(chromium: str, sites: dict[str, Any], strangers: ThirdParties) -> Iterator[Browser]:
    names = f"MAP {HOST} 127.0.0.1:{sites['port']}, MAP * 127.0.0.1:{strangers.port}"
    # Reports are sent by the browser, not by the page, so that no context's leave to ignore the certificate counts.
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    arguments += ["--ignore-certificate-errors", "--short-reporting-delay", f"--host-resolver-rules={names}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@contextmanager
def page_of(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True)
    try:
        yield context.new_page()
    finally:
        context.close()


@pytest.fixture
def page(walled_browser: Browser) -> Iterator[Page]:
    with page_of(walled_browser) as page:
        yield page


def serve(sites: dict[str, Any], csp: str) -> None:
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="for tests",
        CONSENT_POLICY={
            "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
            "categories": {"analytics": {}, "marketing": {}},
            "services": [
                {"id": "counter", "name": "C", "provider": "C", "category": "analytics", "scripts": [COUNTER]},
            ],
            "html": {"csp": csp},
            "banner": {"show": False},  # with it comes the guard, which would refuse most of this by itself
        },
    )
    Consent(app)
    app.add_url_rule("/", view_func=lambda: PAGE, endpoint="page")
    for name, text in (("app.js", SCRIPT), ("worker.js", WORKER)):
        app.add_url_rule(f"/{name}", name, lambda text=text: Response(text, content_type="text/javascript"))
    sites["app"] = app


def contacted_by(page: Page, strangers: ThirdParties) -> set[str]:
    """Everybody who was asked for something, or at least greeted, while the page and its script ran to their end."""
    strangers.forget()
    page.goto(ORIGIN)
    assert page.evaluate("finished") == "finished"
    reached = {*strangers.greeted, *strangers.contacted}
    if FRAME not in strangers.contacted:
        # To the host of a frame Chromium connects before it looks at the policy; it asks for nothing, though.
        reached.discard(FRAME)
    return {name for name in reached if name.endswith(".example")}  # browsers call home as well


def test_without_the_wall_every_way_out_is_open(sites: dict[str, Any], page: Page, strangers: ThirdParties) -> None:
    """Were the log blind, or the script lame, this would show it."""
    serve(sites, "off")
    assert contacted_by(page, strangers) == EVERYBODY | {COUNTER}


def test_without_consent_no_way_leads_out(sites: dict[str, Any], page: Page, strangers: ThirdParties) -> None:
    serve(sites, "enforce")
    assert contacted_by(page, strangers) == set()


def test_consent_opens_the_way_to_what_was_consented_to(
    sites: dict[str, Any], page: Page, strangers: ThirdParties
) -> None:
    serve(sites, "enforce")
    choose(page, "analytics")
    assert contacted_by(page, strangers) == {COUNTER}
    choose(page, "analytics", "marketing")
    assert contacted_by(page, strangers) == EVERYBODY | {COUNTER}


def choose(page: Page, *categories: str) -> None:
    page.goto(f"{ORIGIN}/_consent/settings")
    for category in ("analytics", "marketing"):
        page.locator(f'input[value="{category}"]').set_checked(category in categories)
    with page.expect_navigation():
        page.locator('button[name="action"][value="save"]').click()


def test_report_mode_stops_nothing_and_hears_of_everything(
    sites: dict[str, Any], page: Page, strangers: ThirdParties, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    serve(sites, "report")
    assert contacted_by(page, strangers) == EVERYBODY | {COUNTER}
    # Of what workers do, Chromium reports nothing.
    expected = (EVERYBODY | {COUNTER}) - {"blob.example", "worker.example"}
    reported = set[str]()
    for _ in range(100):
        reported = {name for name in EVERYBODY | {COUNTER} if f'"{name}"' in caplog.text}
        if reported >= expected:
            break
        page.wait_for_timeout(100)
    assert reported == expected
