"""What only a browser gets to see: what scripts write, and whom they ask, before and after a choice.

Chromium, driven by Playwright, visits pages as somebody in each state. Nothing is judged here: ``browser_checks`` does.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, sync_playwright

from ..errors import ConsentError
from .findings import State, address_of
from .jar import Jar

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
_PREFERENCES = {"profile": {"cookie_controls_mode": 0}}
_KEYS = "() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]"
_MOST_CONTACTS = 2000


class BrowserMissing(ConsentError):
    """No browser could be started; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browsing:
    """How the browser goes about it.

    ``chromium`` is the path of a Chromium or Chrome, ``""`` for the one that is found. ``scripts`` make the choice of
    a state where no cookie can: JavaScript that runs in the first page. ``settle`` is the time in seconds that a page
    gets after it has loaded. ``pages`` is how many are visited in each state.
    """

    chromium: str = ""
    arguments: tuple[str, ...] = ()
    scripts: Mapping[State, str] = field(default_factory=dict[State, str])
    settle: float = 1.0
    pages: int = 5
    timeout: float = 15.0
    trusts_all: bool = False


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """A cookie in the browser's jar; ``seconds`` it has left, None if it ends with the session."""

    name: str
    domain: str
    seconds: int | None
    http_only: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """A request that left the browser: the address without its query, what for, and what started it."""

    address: str
    host: str
    kind: str
    initiator: str
    page: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """Everything seen in one state."""

    state: State
    cookies: tuple[BrowserCookie, ...]
    storage: tuple[tuple[str, str], ...]
    """Page and key."""
    contacts: tuple[Contact, ...]
    failures: tuple[tuple[str, str], ...]
    """Page, and why it could not be seen."""


def require(how: Browsing) -> None:
    """Raise BrowserMissing if the browser that was named is not there, before anything is done."""
    named = how.chromium or os.environ.get("CHROMIUM", "")
    if named and shutil.which(named) is None:
        raise BrowserMissing(f"no browser could be started ({named} is none); name another one with --chromium")


def browse(urls: list[str], jars: Mapping[State, Jar], how: Browsing) -> list[Sighting]:
    """Visit pages in every state that has a jar or a script. Raises BrowserMissing."""
    states = [state for state in State if state in jars or state in how.scripts]
    with sync_playwright() as playwright, TemporaryDirectory(prefix="consent-audit-") as profile:
        # Contexts are incognito ones, where third parties may keep nothing unless the profile lets them.
        (Path(profile) / "Default").mkdir()
        (Path(profile) / "Default" / "Preferences").write_text(json.dumps(_PREFERENCES), encoding="utf-8")
        first = _launched(playwright, profile, how)
        try:
            browser = first.browser
            if browser is None:
                raise BrowserMissing("the browser has gone as soon as it was started")
            return [_in_state(browser, state, urls[: how.pages], jars.get(state), how) for state in states]
        finally:
            first.close()


def _launched(playwright: Playwright, profile: str, how: Browsing) -> BrowserContext:
    arguments = [*_ARGUMENTS, *how.arguments]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's refuses to be started by root
    try:
        return playwright.chromium.launch_persistent_context(
            profile, executable_path=_chromium(how), args=arguments, headless=True
        )
    except Error as error:
        reason = error.message.splitlines()[0]
        raise BrowserMissing(
            f"no browser could be started ({reason}); install Chromium, or name one with --chromium"
        ) from error


def _chromium(how: Browsing) -> str | None:
    named = how.chromium or os.environ.get("CHROMIUM", "")
    return named or next((path for name in _NAMES if (path := shutil.which(name))), None)


def _in_state(browser: Browser, state: State, urls: list[str], jar: Jar | None, how: Browsing) -> Sighting:
    context = browser.new_context(ignore_https_errors=how.trusts_all)
    context.set_default_timeout(how.timeout * 1000)
    try:
        if jar is not None:
            _fill(context, jar, urls[0])
        return _Watcher(context, state, how).watch(urls)
    finally:
        context.close()


def _fill(context: BrowserContext, jar: Jar, url: str) -> None:
    """Give the browser the choice that was made over HTTP, and nothing else: the rest is to be set anew."""
    for name, value in jar.choice():
        context.add_cookies([{"name": name, "value": value, "url": url, "secure": url.startswith("https:")}])


class _Watcher:
    """Visits pages in one context and takes notes."""

    def __init__(self, context: BrowserContext, state: State, how: Browsing) -> None:
        self._context = context
        self._state = state
        self._how = how
        self._contacts: dict[Contact, None] = {}
        self._initiators: dict[str, str] = {}
        self._storage: dict[tuple[str, str], None] = {}
        self._failures: list[tuple[str, str]] = []

    def watch(self, urls: Iterable[str]) -> Sighting:
        page = self._context.new_page()
        session: Any = self._context.new_cdp_session(page)  # the protocol speaks in untyped mappings
        session.on("Network.requestWillBeSent", self._note_initiator)
        session.send("Network.enable")
        requests: list[tuple[str, str]] = []
        page.on("request", lambda request: requests.append((request.url, request.resource_type)))
        script = self._how.scripts.get(self._state)
        for url in urls:
            requests.clear()
            self._visit(page, url, script)
            script = None
            for asked, kind in requests:
                self._note(asked, kind, url)
        cookies = session.send("Network.getAllCookies")["cookies"]
        return Sighting(
            self._state,
            tuple(map(_cookie, cookies)),
            tuple(self._storage),
            tuple(self._contacts),
            tuple(self._failures),
        )

    def _visit(self, page: Page, url: str, script: str | None) -> None:
        try:
            page.goto(url, wait_until="load")
            if script is not None:
                page.evaluate(script)
            page.mouse.wheel(0, 20_000)
            page.wait_for_timeout(self._how.settle * 1000)
            for key in page.evaluate(_KEYS):
                self._storage[address_of(url), str(key)] = None
        except Error as error:
            self._failures.append((address_of(url), error.message.splitlines()[0]))

    def _note_initiator(self, event: Any) -> None:
        described = cast("dict[str, Any]", event.get("initiator", {}))
        self._initiators.setdefault(str(event["request"]["url"]), _initiator(described))

    def _note(self, url: str, kind: str, page: str) -> None:
        host = urlsplit(url).hostname
        if host is None or len(self._contacts) >= _MOST_CONTACTS:
            return
        initiator = self._initiators.get(url, "a frame of another site")
        self._contacts[Contact(address_of(url), host, kind, initiator, address_of(page))] = None


def _initiator(described: dict[str, Any]) -> str:
    """Say what started a request: the parser at a line of a page, or the script on top of the stack."""
    stack = cast("dict[str, Any]", described.get("stack") or {})
    while not stack.get("callFrames") and stack.get("parent"):
        stack = cast("dict[str, Any]", stack["parent"])
    frames = cast("list[dict[str, Any]]", stack.get("callFrames") or [])
    url, line = (
        (frames[0]["url"], frames[0]["lineNumber"]) if frames else (described.get("url"), described.get("lineNumber"))
    )
    if not url:
        return "the browser itself" if described.get("type") == "other" else "an inline script"
    kind = "a script" if frames else "markup"
    place = address_of(str(url)) + (f", line {int(line) + 1}" if line is not None else "")
    return f"{kind} in {place}"


def _cookie(cookie: Any) -> BrowserCookie:
    expires = float(cookie.get("expires", -1))
    seconds = None if expires < 0 else int(expires - time.time())
    return BrowserCookie(str(cookie["name"]), str(cookie["domain"]).lstrip("."), seconds, bool(cookie["httpOnly"]))
