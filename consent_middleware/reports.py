"""What becomes of cookies, hosts and pages, told to whoever reads the log or counts: by name, and never a value.

The log hears of each name once for each reason; listeners hear of it every time. In report mode, what is told is what
would have become of them, and nothing does.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

logger = logging.getLogger("consent_middleware")

_SHOWN = 80
_MOST = {False: 1000, True: 100}
"""Names remembered, and so lines logged: of the application's own, and of those that visitors send."""

Action = Literal["withhold", "hide", "drop", "shorten", "expire", "change", "pass"]
"""What is done, or in report mode would be: kept from leaving, not shown to the application, left out because it means
nothing, given another lifetime, ended in the browser, changed otherwise, or let go although somebody should know."""

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "consent.C001": "a Set-Cookie line that browsers ignore is left out",
        "consent.C002": "a cookie waits for consent: it does not leave, and is not shown to the application",
        "consent.C003": "nobody declared this cookie",
        "consent.C004": "a cookie is given the lifetime that the policy allows",
        "consent.C005": "consent was first asked about after the headers had left",
        "consent.C006": "a cookie is expired where it was to be renewed: its time, from its first deposit, is over",
        "consent.C007": "no room to remember another first day, so a cookie leaves as a session cookie",
        "consent.C008": "the policy tells visitors of no contact",
        "consent.C009": "a cookie is given the attributes of the policy's floor",
        "consent.C010": "a cookie that the browser has is expired there: its category is not accepted",
        "consent.H001": "a page is not gated",
        "consent.H002": "a page cannot be gated because of its encoding",
        "consent.H003": "a page loads from a host that no service declares",
        "consent.H004": "a page holds something that waits for consent",
        "consent.H005": "a compressed page cannot be read to its end",
        "consent.H006": "a response that shared caches may keep depends on consent, and becomes private",
    }
)
"""The codes that are told by name, and what they mean. They are stable: none is ever given another meaning."""


class Event(NamedTuple):
    """One thing that was done to something of a name, or in report mode would have been."""

    code: str
    """One of REASONS."""
    action: Action
    subject: str
    """What it happened to: "cookie", "host", "inline script", "page", "policy"."""
    name: str
    """Of a cookie or a host, the route of a page; printable, and of limited length."""
    category: str | None
    """None where nobody declared it."""
    rule: str | None
    """As which the policy declares it: "_ga_*" for "_ga_1234". Unlike names, there are only so many of these."""
    route: str
    by_visitor: bool
    """Whether the name was sent by a visitor, who can make up any."""


Listener = Callable[[Event], None]
"""Hears of every event, from whichever thread meets it. It must be quick and not wait for anything."""


class Reporter:
    """Logs each name once for each reason code and action, and tells listeners every time.

    Names that visitors send have a small allowance of their own, so that making some up silences nothing. Safe to
    share between threads.
    """

    def __init__(self, *, mode: str = "enforce", listeners: Iterable[Listener] = ()) -> None:
        self._mode = mode
        self._listeners = tuple(listeners)
        self._lock = threading.Lock()
        self._told: dict[bool, set[tuple[str, str, str]]] = {False: set(), True: set()}

    def hears(self, level: int) -> bool:
        """Whether anybody hears of anything that is told at this level: the quickest no there is."""
        return bool(self._listeners) or logger.isEnabledFor(level)

    def is_news(self, code: str, name: str, action: Action = "change", *, by_visitor: bool = False) -> bool:
        """Whether ``report`` would tell anybody; spares making up an explanation that nobody will read."""
        return bool(self._listeners) or self._is_new(_key(code, name, action), by_visitor)

    def report(
        self,
        level: int,
        code: str,
        name: str,
        explanation: str,
        *,
        what: str = "cookie",
        action: Action = "change",
        category: str | None = None,
        rule: str | None = None,
        route: str = "",
        by_visitor: bool = False,
    ) -> Event:
        """Tell what happened to something of this name: listeners always, the log if it is news."""
        shown = None if category is None else printable(category)  # which a page can make up, too
        event = Event(code, action, what, printable(name), shown, rule, route, by_visitor)
        # A visitor can make up as many names as a rule with a trailing "*" has room for: one line tells of all.
        if self._takes_news(_key(code, rule or name, action), by_visitor):
            logger.log(level, "%s: %s %r %s", code, what, name[:_SHOWN], explanation, extra=self._fields(event))
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                logger.exception("consent.fault: an event could not be counted")
        return event

    def _is_new(self, key: tuple[str, str, str], by_visitor: bool) -> bool:
        own, others = self._told[by_visitor], self._told[not by_visitor]
        return key not in own and key not in others and len(own) < _MOST[by_visitor]

    def _takes_news(self, key: tuple[str, str, str], by_visitor: bool) -> bool:
        """Whether something is news, which it is from now on no more."""
        if not self._is_new(key, by_visitor):
            return False
        with self._lock:  # two threads may have come this far with the same name
            is_new = self._is_new(key, by_visitor)
            if is_new:
                self._told[by_visitor].add(key)
            return is_new

    def _fields(self, event: Event) -> dict[str, object]:
        """What a structured formatter finds in the record, under names that no other library uses."""
        return {
            "consent_code": event.code,
            "consent_mode": self._mode,
            "consent_action": event.action,
            "consent_subject": event.subject,
            "consent_name": event.name,
            "consent_category": event.category,
            "consent_route": event.route,
        }


def printable(name: str) -> str:
    """Return a name as it may stand in a line of text: of limited length, what would break or paint a line escaped."""
    shown = name[:_SHOWN]
    return shown if shown.isprintable() else "".join(map(_escaped, shown))


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _key(code: str, name: str, action: str) -> tuple[str, str, str]:
    # Of what nobody declared one line for each name says all that there is to do about it.
    return code, name[:_SHOWN], "" if code == "consent.C003" else action


# Routes ---------------------------------------------------------------------------------------------------------------

_LONGEST_ROUTE = 120
_DEEPEST_ROUTE = 8
_ROUTES_REMEMBERED = 512
_LONGEST_REMEMBERED = 256
# What stands for one thing among many of its kind, and might tell who visits it: numbers and dates, UUIDs and other
# long runs of letters with digits in them, addresses, and whatever was percent-encoded.
_PARAMETER = re.compile(
    r"[0-9][0-9._,-]*|(?=[^0-9]*[0-9])[A-Za-z0-9_.~-]{16,}|.*[^A-Za-z0-9_.~-].*|.{41,}", re.ASCII | re.DOTALL
)


def route_of(root: str, path: str) -> str:
    """Return the path of a request as it may be told: what looks like a parameter is ``*``.

    ``/orders/1234/edit`` is ``/orders/*/edit``. So a reset token, an address of somebody or a search term in a path
    comes into no log, and there are about as many routes as a site has.
    """
    remembers = len(path) <= _LONGEST_REMEMBERED
    return (_recalled_route if remembers else _folded)(f"{root}{path}")


def _folded(path: str) -> str:
    segments = path.split("/", _DEEPEST_ROUTE + 1)
    folded = ["*" if _PARAMETER.fullmatch(segment) else segment for segment in segments[: _DEEPEST_ROUTE + 1]]
    route = "/".join(folded) if len(segments) <= _DEEPEST_ROUTE + 1 else "/".join([*folded, "**"])
    return route[:_LONGEST_ROUTE]


_recalled_route = lru_cache(_ROUTES_REMEMBERED)(_folded)
