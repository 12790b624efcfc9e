"""The site under audit: whose it is, how its visitors choose, and what each of them is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode, urljoin, urlsplit

from ..own_cookies import CHOICE_NAMES
from .findings import State
from .jar import Jar
from .web import Answer, Unreadable, Web

_FORM = "application/x-www-form-urlencoded"
_MOST_HOPS = 10
_RESOURCE = {"Accept": "*/*", "Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "same-origin"}


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Target:
    """Something of the site's own to ask for: a page, or what a page is made of."""

    url: str
    is_resource: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One target asked for by one visitor: every answer of its chain of redirects, and why there is no last one."""

    state: State
    target: Target
    answers: tuple[Answer, ...]
    failure: str = ""

    @property
    def last(self) -> Answer | None:
        """The answer at which the redirects ended."""
        return self.answers[-1] if self.answers and not self.failure else None


class Visitor:
    """Somebody with a cookie jar, in one state of mind."""

    def __init__(self, web: Web, state: State, jar: Jar | None = None) -> None:
        self.state = state
        self.jar = jar or Jar()
        self._web = web

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Send one request with the jar's cookies and keep what comes back. Raises Unreadable."""
        cookies = self.jar.header(url)
        answer = self._web.ask(method, url, {**({"Cookie": cookies} if cookies else {}), **(headers or {})}, body)
        for line in answer.all("set-cookie"):
            self.jar.take(line, url, answer.now)
        return answer

    def visit(self, target: Target) -> Visit:
        """Ask for a target and follow its redirects as far as they stay on the site."""
        answers: list[Answer] = []
        url = target.url
        failure = ""
        for _ in range(_MOST_HOPS):
            try:
                answer = self.ask("GET", url, _RESOURCE if target.is_resource else None)
            except Unreadable as error:
                failure = str(error)
                break
            answers.append(answer)
            following = redirect_of(answer)
            if following is None or origin_of(following) != origin_of(url):
                break
            url = following
        else:
            failure = f"it was redirected {_MOST_HOPS} times and led nowhere"
        return Visit(self.state, target, tuple(answers), failure)


def redirect_of(answer: Answer) -> str | None:
    """Return where an answer leads, None if nowhere that can be asked for."""
    location = answer.header("location")
    if answer.status not in (301, 302, 303, 307, 308) or not location:
        return None
    try:
        url = urljoin(answer.url, location)
        return url if urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None


class ChoicePoint:
    """The addresses of this middleware on a site that it guards: how its visitors choose, seen from outside."""

    def __init__(self, web: Web, base: str, state: Mapping[str, Any]) -> None:
        self._web = web
        self._base = base
        self._origin = origin_of(base)
        self._initial = _statuses(state)

    @classmethod
    def find(cls, web: Web, url: str, prefix: str) -> ChoicePoint | None:
        """Probe for our addresses below ``prefix``; None if they are not there."""
        base = origin_of(url) + prefix
        try:
            state = _state_in(web.ask("GET", f"{base}/state", {"Accept": "application/json"}))
        except Unreadable:
            return None
        return None if state is None else cls(web, base, state)

    @property
    def choice_url(self) -> str:
        return f"{self._base}/choice"

    @property
    def state_url(self) -> str:
        return f"{self._base}/state"

    def covers(self, url: str) -> bool:
        """Whether an address is one of ours, and so no page of the site."""
        return url.startswith(f"{self._base}/")

    def choose(self, visitor: Visitor, action: str, **fields: str) -> Answer:
        """Send the form as a page of the site does. Raises Unreadable."""
        return self.send(visitor, action, {"Origin": self._origin, "Sec-Fetch-Site": "same-origin"}, **fields)

    def send(self, visitor: Visitor, action: str, headers: Mapping[str, str], **fields: str) -> Answer:
        """Send the form with exactly these headers to vouch for it. Raises Unreadable."""
        body = urlencode({"action": action, "next": "/", **fields}).encode()
        sent = {"Sec-Fetch-Site": "", **headers, "Content-Type": _FORM}
        return visitor.ask("POST", self.choice_url, sent, body)

    def granted(self, visitor: Visitor) -> frozenset[str]:
        """Return the optional categories that count as granted for a visitor. Raises Unreadable."""
        return _granted(self.statuses(visitor)) - _granted(self._initial)

    def statuses(self, visitor: Visitor, headers: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """Return what the state address says of each category. Raises Unreadable."""
        answer = visitor.ask("GET", self.state_url, {"Accept": "application/json", **(headers or {})})
        return _statuses(_state_in(answer) or {})


def consent_cookie(jar: Jar) -> str | None:
    """Return the name of the consent cookie in a jar, None if there is none."""
    return next((name for name in CHOICE_NAMES if name in jar.names), None)


def _statuses(state: Mapping[str, Any]) -> Mapping[str, object]:
    categories = state.get("categories")
    return cast("Mapping[str, object]", categories) if isinstance(categories, dict) else {}


def _granted(statuses: Mapping[str, object]) -> frozenset[str]:
    return frozenset(name for name, status in statuses.items() if status == "granted")


def _state_in(answer: Answer) -> Mapping[str, Any] | None:
    if answer.status != 200 or "json" not in answer.header("content-type"):
        return None
    try:
        state = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(state, dict) and {"needs_asking", "categories", "policy"} <= state.keys()
    return cast("Mapping[str, Any]", state) if is_ours else None
