"""A site behind one front door, and a visitor with a cookie jar who comes and goes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from support.doors import KEY, Answer, Door, Script

NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())

POLICY: dict[str, Any] = {
    "policy": {
        "version": "2026-11-21",
        "controller": "Example SARL",
        "contact": "dpo@example.org",
        "undeclared_cookies": "withhold",
    },
    # Most tests compare what leaves with what the application sent, byte by byte.
    "banner": {"show": False},
    "categories": {
        "necessary": {"required": True},
        "functional": {},
        "analytics": {},
        "marketing": {"gpc": True},
        "chat": {"on_request": True},
        "audience": {"exempt": True},
    },
    "cookies": [
        {"name": "session", "category": "necessary"},
        {"name": "basket", "category": "necessary", "lifetime": "30 days"},
        {"name": "theme", "category": "functional", "lifetime": "30 days"},
        {"name": "_ga", "category": "analytics"},
        {"name": "_ga_*", "category": "analytics"},
        {"name": "_ads", "category": "marketing", "domain": ".example.org"},
        {"name": "deep", "category": "marketing", "path": "/deep"},
        {"name": "part", "category": "marketing", "partitioned": True},
        {"name": "__Host-ads", "category": "marketing"},
        {"name": "chat_id", "category": "chat"},
        {"name": "aud", "category": "audience"},
    ],
}

SAME_ORIGIN = [("Sec-Fetch-Site", "same-origin")]
FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")


class Clock:
    """Epoch seconds, moved by hand."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Site:
    """One visitor's view of a site: ``visit`` pages, ``choose``, and look at what is in the ``jar``."""

    def __init__(self, door: type[Door], policy: Any = None, **options: Any) -> None:
        self.script = Script()
        self.clock = Clock()
        self.jar: dict[str, str] = {}
        self.ledger: list[Any] = []
        options = {"secret_keys": KEY, "clock": self.clock, **options}
        self.door = door(self.script, POLICY if policy is None else policy, options)

    def visit(
        self,
        path: str = "/",
        *,
        sets: Iterable[str] = (),
        act: Any = None,
        late: Any = None,
        status: int = 200,
        answers: Iterable[tuple[str, str]] = (("Content-Type", "text/plain"),),
        page: bytes | Iterable[bytes] = b"hello",
        carrying: Iterable[str] = (),
        **request: Any,
    ) -> Answer:
        """Ask for a page whose application sets cookies and acts; ``carrying`` are cookies beside those in the jar.

        A ``page`` is streamed if it comes in pieces.
        """
        self.script.set_cookies = list(sets)
        self.script.act, self.script.late = act, late
        self.script.outcome = None
        self.script.status = status
        has_body = status not in (204, 304)
        is_plain = answers == (("Content-Type", "text/plain"),)
        self.script.headers = list(answers) if has_body or not is_plain else []
        self.script.pieces = None if isinstance(page, bytes) else [*page]
        self.script.body = page if has_body and isinstance(page, bytes) else b""
        self.script.was_called = False
        self.script.seen = None
        cookies = [*(f"{name}={value}" for name, value in self.jar.items()), *carrying]
        answer = self.door.ask(path, cookies=cookies, **request)
        for line in answer.set_cookies:
            self._keep(line)
        return answer

    def choose(
        self,
        action: str,
        *categories: str,
        headers: Iterable[tuple[str, str]] = SAME_ORIGIN,
        next: str = "/",
        **request: Any,
    ) -> Answer:
        """Send the choice form."""
        return self.send_form(
            [("action", action), ("next", next), *(("category", name) for name in categories)], headers, **request
        )

    def send_form(
        self, fields: Iterable[tuple[str, str]], headers: Iterable[tuple[str, str]] = SAME_ORIGIN, **request: Any
    ) -> Answer:
        body = urlencode([*fields]).encode()
        return self.visit("/_consent/choice", method="POST", headers=[FORM, *headers], body=body, **request)

    def send_json(self, wish: object, headers: Iterable[tuple[str, str]] = SAME_ORIGIN, **request: Any) -> Answer:
        """Send a choice as a script of the page would; bytes go as they are."""
        body = wish if isinstance(wish, bytes) else json.dumps(wish).encode()
        return self.visit("/_consent/choice", method="POST", headers=[JSON, *headers], body=body, **request)

    def state(self, **request: Any) -> dict[str, Any]:
        """What our state address says."""
        state: dict[str, Any] = json.loads(self.visit("/_consent/state", **request).body)
        return state

    def seen_field(self, name: str) -> str | None:
        """A request header, by its lower-case name, as the application saw it."""
        where: Any = self.script.request[0]
        if isinstance(where.get("headers"), list):
            return next((value.decode() for key, value in where["headers"] if key == name.encode()), None)
        value: str | None = where.get(f"HTTP_{name.upper().replace('-', '_')}")
        return value

    @property
    def consent(self) -> str | None:
        return self.jar.get("__Host-consent")

    @consent.setter
    def consent(self, token: str) -> None:
        self.jar["__Host-consent"] = token

    def _keep(self, line: str) -> None:
        name, equals, value = line.partition(";")[0].partition("=")
        if not equals:  # nameless, and of no use to any of our tests
            return
        if "max-age=0" in line.lower():
            self.jar.pop(name, None)
        else:
            self.jar[name] = value
