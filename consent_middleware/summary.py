"""What a site was seen doing, kept in the memory of this process: for developers, while they write their policy.

Cookies and hosts by name, how often, on which routes, what is or would be done to them; never a value. However long it
runs and whatever visitors send, it takes a bounded amount of memory: about two megabytes when it is full.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from .policy import Policy
from .reports import Event, printable

VERSION = 1
"""Of the form in which a summary is written out; ``consent init --from-report`` reads it."""

_MOST = 500
_MOST_OF_VISITORS = 200
_ROUTES = 10
_ELEMENTS = 10
_PAGES = 200

_Seen = TypeVar("_Seen", bound="Seen")


class Attributes(NamedTuple):
    """What a site asks for one of its cookies. ``max_age`` is in seconds, None for a cookie of the session."""

    max_age: int | None = None
    domain: str | None = None
    path: str | None = None


UNKNOWN = Attributes()
"""Of a cookie that was only sent by browsers."""


@dataclass
class Seen:
    """Something of a name, and what became of it."""

    name: str
    category: str | None
    count: int = 0
    last_seen: int = 0
    routes: dict[str, None] = field(default_factory=dict[str, None])
    actions: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """How often which action was or would be taken, and for which reason."""

    def note(self, category: str | None, route: str, now: int) -> None:
        self.category = category
        self.count += 1
        self.last_seen = now
        if len(self.routes) < _ROUTES:
            self.routes[route] = None

    def tell(self) -> dict[str, Any]:
        """Return all of it as JSON can say it."""
        actions = [
            {"action": action, "reason": reason, "count": count} for (action, reason), count in self.actions.items()
        ]
        return {
            "category": self.category,
            "count": self.count,
            "routes": [*self.routes],
            "last_seen": self.last_seen,
            "actions": actions,
        }


@dataclass
class SeenCookie(Seen):
    """A cookie that the application sets, or that browsers send."""

    attributes: Attributes = UNKNOWN
    set: int = 0
    """In how many Set-Cookie lines it was; ``count`` has the requests besides."""

    def tell(self) -> dict[str, Any]:
        # Of what only browsers send nothing is known but its name: it may be a script's.
        attributes = self.attributes._asdict() if self.set else {}
        return {"name": self.name, **super().tell(), "attributes": attributes, "set": self.set}


@dataclass
class SeenHost(Seen):
    """A host from which pages load."""

    elements: dict[str, None] = field(default_factory=dict[str, None])
    service: str | None = None

    def tell(self) -> dict[str, Any]:
        return {"host": self.name, **super().tell(), "service": self.service, "elements": [*self.elements]}


class Summary:
    """Collects what a site does. Safe to share between threads; every process of a site has its own.

    ``now`` returns the instant, in epoch seconds.
    """

    def __init__(self, policy: Policy, now: Callable[[], int]) -> None:
        self._now = now
        self.policy = policy
        self._hosts_of_services = [
            (script.partition("/")[0].removeprefix("*."), service.id)
            for service in policy.services
            for script in service.scripts
        ]
        self.since = now()
        self._lock = threading.Lock()
        self._cookies: dict[str, SeenCookie] = {}
        self._of_visitors: dict[str, SeenCookie] = {}
        self._hosts: dict[str, SeenHost] = {}
        self._others: dict[tuple[str, str], Seen] = {}

    # Taking in

    def __call__(self, event: Event) -> None:
        """Take in what was, or would be, done to something: it has been seen already, if it is a cookie or a host."""
        with self._lock:
            seen = self._subject_of(event)
            if seen is not None:
                key = (event.action, event.code)
                seen.actions[key] = seen.actions.get(key, 0) + 1

    def saw_cookie_set(self, name: str, category: str | None, attributes: Attributes, route: str) -> None:
        """Take in a Set-Cookie line that is no deletion."""
        name = printable(name)
        with self._lock:
            # What the application sets is its own, even if a visitor sent it before.
            if (known := self._of_visitors.pop(name, None)) is not None and len(self._cookies) < _MOST:
                self._cookies[name] = known
            cookie = _found(self._cookies, name, _MOST, SeenCookie)
            if cookie is not None:
                cookie.note(category, route, self._now())
                cookie.set += 1
                cookie.attributes = Attributes(attributes.max_age, *map(_short, attributes[1:]))

    def saw_cookie_sent(self, name: str, category: str | None, route: str) -> None:
        """Take in a cookie of a request, which may come from a script of the site, or be anybody's invention."""
        name = printable(name)
        with self._lock:
            cookie = self._cookies.get(name) or _found(self._of_visitors, name, _MOST_OF_VISITORS, SeenCookie)
            if cookie is not None:
                cookie.note(category, route, self._now())

    def saw_host(self, host: str, category: str | None, element: str, route: str) -> None:
        """Take in that an element of a page, or a header, loads from a host."""
        host = printable(host)
        with self._lock:
            seen = _found(self._hosts, host, _MOST, SeenHost)
            if seen is not None:
                if not seen.count:
                    seen.service = self._service_at(host)
                seen.note(category, route, self._now())
                if len(seen.elements) < _ELEMENTS:
                    seen.elements[printable(element)] = None

    # Giving out

    def tell(self) -> dict[str, Any]:
        """Return all that was seen, as JSON can say it: the most frequent first. Instants are epoch seconds."""
        with self._lock:
            return {
                "version": VERSION,
                "mode": self.policy.mode,
                "since": self.since,
                "cookies": _told([*self._cookies.values(), *self._of_visitors.values()]),
                "hosts": _told(self._hosts.values()),
                "others": [
                    {"subject": subject, "name": name, **seen.tell()} for (subject, name), seen in self._others.items()
                ],
                "is_full": len(self._cookies) >= _MOST
                or len(self._of_visitors) >= _MOST_OF_VISITORS
                or len(self._hosts) >= _MOST,
            }

    def _subject_of(self, event: Event) -> Seen | None:
        if event.subject == "cookie":
            return self._cookies.get(event.name) or self._of_visitors.get(event.name)
        if event.subject == "host":
            return self._hosts.get(event.name)
        key = (event.subject, event.name)
        seen = self._others.get(key)
        if seen is None and len(self._others) < _PAGES:
            seen = self._others[key] = Seen(event.name, event.category)
        if seen is not None:
            seen.note(event.category, event.route, self._now())
        return seen

    def _service_at(self, host: str) -> str | None:
        """The service of the policy that loads from a host, the one with the nearest name if there are several."""
        found = [(name, id) for name, id in self._hosts_of_services if host == name or host.endswith(f".{name}")]
        return max(found, key=lambda each: len(each[0]))[1] if found else None


def _short(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _found(known: dict[str, _Seen], name: str, most: int, make: Callable[[str, None], _Seen]) -> _Seen | None:
    """What is kept under a name, new if there is room for it."""
    if name not in known and len(known) < most:
        known[name] = make(name, None)
    return known.get(name)


def _told(seen: Iterable[Seen]) -> list[Mapping[str, Any]]:
    return [each.tell() for each in sorted(seen, key=lambda each: (-each.count, each.name))]
