"""Chromium, the shops on servers of their own, and stand-ins for every third party; nothing leaves this machine.

The browser believes that it is on the internet: ``https://flask.shop.test`` leads to the Flask shop, and every other
name to the stand-ins.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import trustme
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from shop import store
from support.servers import free_port, running, wait_for
from support.third_parties import ThirdParties, name_of, third_parties

ROOT = Path(__file__).parents[2]
ARTEFACTS = ROOT / "artefacts"
SITE = "shop.test"
SHOPS = ("flask", "django", "starlette", "fastapi")
UNGATED = "ungated"
"""The Flask shop in report mode, which changes nothing on the wire: what happens where nobody withholds anything."""

_GUNICORN = ["gunicorn", "--threads=8", "--log-level=error", "--certfile={cert}", "--keyfile={key}"]
_UVICORN = ["uvicorn", "--log-level=error", "--ssl-certfile={cert}", "--ssl-keyfile={key}", "--port={port}"]
_COMMANDS = {
    "flask": [*_GUNICORN, "--bind=127.0.0.1:{port}", "shop.flask_app:app"],
    "django": [*_GUNICORN, "--bind=127.0.0.1:{port}", "shop.django_app:application"],
    "starlette": [*_UVICORN, "shop.starlette_app:app"],
    "fastapi": [*_UVICORN, "shop.fastapi_app:app"],
    UNGATED: [*_GUNICORN, "--bind=127.0.0.1:{port}", "shop.flask_app:app"],
}

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MISSING = """Chromium was not found, and the tests in tests/browser need it. Install it
    on Debian:                 apt-get install chromium (as root, tests/run does so by itself)
    on Ubuntu:                 snap install chromium
    on Fedora, Arch, Alpine:   the package chromium
    on macOS:                  brew install --cask chromium
or name a Chromium or Chrome in the environment variable CHROMIUM, or leave these tests out: --ignore=tests/browser
"""
_ARGUMENTS = [
    # Everything it is shown here is ours, and its sandbox refuses to be started by root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A context of Playwright's is an incognito one, where third parties may keep nothing unless the profile lets them.
_PREFERENCES = {"profile": {"cookie_controls_mode": 0}}
_A_LITTLE, _LONG = 250, 10_000
"""Milliseconds without a request after which a page has gone quiet; with --soak, the patience of a slow reader."""

# Where the browser calls home all the same, on business of its own; these names lead nowhere.
_HOME = ("accounts.google.com", "*.googleapis.com", "*.gvt1.com", "clients*.google.com")


def find_chromium() -> str:
    """Return the path of a Chromium or Chrome. Playwright's own is never used: it would have to be downloaded."""
    places = [
        os.environ.get("CHROMIUM"),
        *map(shutil.which, _NAMES),
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ]
    found = next((place for place in places if place and Path(place).exists()), None)
    if found is None:
        pytest.fail(_MISSING, pytrace=False)
    return found


class Visitor:
    """Somebody with a fresh browser in front of one of the shops."""

    def __init__(self, context: BrowserContext, shop: str, third_parties: ThirdParties, *, patience: int) -> None:
        self.page: Page = context.new_page()
        self.origin = f"https://{shop}.{SITE}"
        self.requests: list[str] = []
        """Every URL that the browser asked for, as the browser says."""
        self._context = context
        self._third_parties = third_parties
        self._patience = patience
        self._under_way: set[Request] = set()
        context.on("request", self._note_request)
        context.on("requestfinished", self._note_end)
        context.on("requestfailed", self._note_end)
        self.forget()

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)
        self._under_way.add(request)

    def _note_end(self, request: Request) -> None:
        self._under_way.discard(request)

    def forget(self) -> None:
        """Begin the logs anew."""
        self.requests.clear()
        self._third_parties.forget()

    def visit(self, path: str) -> None:
        """Open a page, read it to its end, and stay until everything has gone quiet."""
        self.page.goto(self.origin + path)
        self.settle()

    def settle(self) -> None:
        """Scroll down to the end, and wait until nothing more is asked for or under way."""
        self.page.mouse.wheel(0, 20_000)
        deadline = time.monotonic() + 60
        seen = -1
        while (seen < len(self.requests) or self._under_way) and time.monotonic() < deadline:
            seen = len(self.requests)
            self.page.wait_for_timeout(self._patience)

    def click(self, selector: str) -> None:
        """Click what leads to another page, and wait for that."""
        with self.page.expect_navigation():
            self.page.locator(selector).click()

    def save(self, *categories: str) -> None:
        """Choose on the settings page, by hand."""
        self.page.goto(self.origin + "/_consent/settings")
        for category in categories:
            self.page.locator(f'input[type="checkbox"][value="{category}"]').check()
        self.press("save")

    def press(self, button: str) -> None:
        self.click(f'button[name="action"][value="{button}"]')

    @property
    def contacted(self) -> set[str]:
        """Every third party that was asked for something; the browser's log and that of the stand-ins must agree."""
        log = {name_of(url) for url in self.requests if not url.startswith((self.origin, "data:"))}
        assert log == self._third_parties.contacted
        return log

    @property
    def greeted(self) -> set[str]:
        """Every third party to which so much as a connection was made."""
        return set(self._third_parties.greeted)

    @property
    def jar(self) -> set[tuple[str, str]]:
        """Domain and name of everything in the browser's cookie jar, whoever set it and whoever may read it.

        Except for the companion of our consent cookie, which is there whenever something else of ours was set.
        """
        session = self._context.new_cdp_session(self.page)
        cookies = session.send("Network.getAllCookies")["cookies"]
        session.detach()
        own = self.origin.removeprefix("https://")
        found = {("" if cookie["domain"] == own else cookie["domain"], cookie["name"]) for cookie in cookies}
        return found - {("", "__Host-consent-first")}

    def screenshot(self, name: str) -> None:
        """Leave a picture of the whole page for whoever wants to see what was tested."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.evaluate("scrollTo(0, 0)")
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Literal["cert", "key"], Path]:
    """One that nobody trusts, for everybody."""
    directory = tmp_path_factory.mktemp("certificate")
    issued = trustme.CA().issue_cert(f"*.{SITE}")
    issued.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    issued.private_key_pem.write_to_path(directory / "key.pem")
    return {"cert": directory / "cert.pem", "key": directory / "key.pem"}


@pytest.fixture(scope="session")
def strangers(certificate: Mapping[str, Path]) -> Iterator[ThirdParties]:
    """The stand-ins for all third parties."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate["cert"], certificate["key"])
    with third_parties(context) as serving:
        yield serving


@pytest.fixture(scope="session")
def ports(certificate: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, int]]:
    """Every shop on a server of its own, by name."""
    report = tmp_path_factory.mktemp("policy") / "consent.toml"
    report.write_text(store.POLICY.read_text().replace("[policy]\n", '[policy]\nmode = "report"\n', 1))
    with ExitStack() as stack:
        policies = {UNGATED: report}
        started = {
            name: stack.enter_context(_serving(name, certificate, policies.get(name, store.POLICY)))
            for name in _COMMANDS
        }
        for port, process in started.values():
            wait_for(port, process)
        yield {name: port for name, (port, _) in started.items()}


Serving = Callable[[str, Path], AbstractContextManager[int]]


@pytest.fixture(scope="session")
def serving(certificate: Mapping[str, Path]) -> Serving:
    """Open a shop under another policy, ``serving("flask", file)``; gives the port."""

    @contextmanager
    def serving(name: str, policy: Path) -> Iterator[int]:
        with _serving(name, certificate, policy) as (port, process):
            wait_for(port, process)
            yield port

    return serving


@contextmanager
def _serving(name: str, files: Mapping[str, Path], policy: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    command = [sys.executable, "-m", *(part.format(port=port, **files) for part in _COMMANDS[name])]
    paths = [str(ROOT / folder) for folder in (".", "adapters", "examples")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "SHOP_HTTPS": "1",
        "SHOP_POLICY": str(policy),
    }
    with running(command, env=environment) as process:
        yield port, process


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser; first of all, so that nobody waits for servers to hear that there is none."""
    return find_chromium()


@pytest.fixture(scope="module")
def browser(
    chromium: str, ports: Mapping[str, int], strangers: ThirdParties, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """One Chromium for all tests of a file, and not for a test longer.

    Playwright keeps an event loop running in this thread, in which no other test could run its own.
    """
    shops = [f"MAP {name}.{SITE} 127.0.0.1:{port}" for name, port in ports.items()]
    home = [f"MAP {name} ~NOTFOUND" for name in _HOME]
    names = ", ".join([*shops, *home, f"MAP * 127.0.0.1:{strangers.port}"])
    arguments = [*_ARGUMENTS, f"--host-resolver-rules={names}"]
    profile = tmp_path_factory.mktemp("profile")
    (profile / "Default").mkdir()
    (profile / "Default" / "Preferences").write_text(json.dumps(_PREFERENCES))
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=chromium, args=arguments)
        assert context.browser is not None
        yield context.browser
        context.close()


Arrive = Callable[..., Visitor]


@pytest.fixture
def arrive(browser: Browser, strangers: ThirdParties, request: pytest.FixtureRequest) -> Iterator[Arrive]:
    """Let somebody new come to a shop: ``arrive("flask", java_script_enabled=False)``."""
    patience = _LONG if request.config.getoption("--soak") else _A_LITTLE
    with ExitStack() as stack:

        def arrive(shop: str, **options: Any) -> Visitor:
            options.setdefault("locale", "en-GB")
            context = browser.new_context(ignore_https_errors=True, **options)
            stack.callback(context.close)
            return Visitor(context, shop, strangers, patience=patience)

        yield arrive


@pytest.fixture(params=["flask", "starlette"])
def door(request: pytest.FixtureRequest) -> str:
    """The name of one shop behind WSGI, and of one behind ASGI."""
    name: str = request.param
    return name


@pytest.fixture(params=SHOPS)
def shop(request: pytest.FixtureRequest) -> str:
    """The name of each shop in turn."""
    name: str = request.param
    return name
