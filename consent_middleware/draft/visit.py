"""A visit to the running site, as somebody who has chosen nothing; with a browser, for what scripts do as well.

It goes as far as an audit does and is bounded like one. Needs the extra ``audit``; with ``browsing``, Playwright too.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..audit.arrival import arrive, robots_of
from ..audit.crawl import Crawl, Reach
from ..audit.findings import State, address_of, path_of
from ..audit.jar import Jar, default_path, refusal
from ..audit.knowledge import Knowledge, Trace
from ..audit.page_checks import traces_of
from ..audit.run import Progress
from ..audit.site import ChoicePoint, Visit, Visitor
from ..audit.web import Answer, Limits, Unreadable, Web
from ..cookies.setcookie import SetCookie, read_set_cookie
from ..errors import ConsentError
from ..lifetime import SESSION, Lifetime
from .facts import CookieFact, Facts, HostFact, listed, shown_text
from .observations import read_observations

if TYPE_CHECKING:
    from ..audit.browser import Browsing, Sighting

_Home = tuple[str, str, str]
_MOST = 2000
"""Cookies, hosts and keys that are noted: a server that makes names up has no end of them."""

_PATHLESS = "It is set without a Path, so browsers keep one for each folder it comes from: give it Path=/."
_UNSEEN = "what appears only after a login, an order or another form: report mode sees that"


class AddressUnreadable(ConsentError):
    """An address does not give what was asked of it; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How a visit goes about it: how far, how long, whom it trusts, and whether a browser has a look too.

    ``prefix`` is where this middleware answers, if it is there already. ``trust`` is as for ``audit.Options``.
    """

    reach: Reach = field(default_factory=Reach)
    limits: Limits = field(default_factory=Limits)
    trust: ssl.SSLContext | bool = True
    prefix: str = "/_consent"
    browsing: Browsing | None = None


def look_at(url: str, how: Looking, progress: Progress) -> Facts:
    """Visit a site and return what was seen. Raises SiteUnreadable, or BrowserMissing with ``browsing``."""
    with Web(how.limits, how.trust) as web:
        start, led_there = arrive(web, url)
        seen = _Seen(start)
        visits = [*led_there, *_walk(web, start, how, seen, progress)]
    for visit in visits:
        seen.take(visit)
    if how.browsing is not None:
        progress("in a browser", 0, 1)
        seen.take_sightings(_sightings(visits, start, how.browsing), start)
        progress("in a browser", 1, 1)
    pages = sum(visit.last is not None and visit.last.is_page for visit in visits)
    return seen.facts(pages, with_browser=how.browsing is not None)


def fetch_observations(url: str, how: Looking) -> Facts:
    """Return what a site in report mode tells at its address for that.

    Raises AddressUnreadable or ObservationsUnreadable.
    """
    with Web(how.limits, how.trust) as web:
        try:
            answer = web.ask("GET", url, {"Accept": "application/json"})
        except Unreadable as error:
            raise AddressUnreadable(f"{address_of(url)} cannot be read: {error}") from error
    if answer.status != 200 or answer.shortfall:
        raise AddressUnreadable(
            f"{address_of(url)} cannot be read: {answer.shortfall or f'it answers {answer.status}'}; is the site in "
            "report mode, and the address the one of its report?"
        )
    return read_observations(answer.body, address_of(url))


def _walk(web: Web, start: str, how: Looking, seen: _Seen, progress: Progress) -> Iterator[Visit]:
    robots = robots_of(web, start) if how.reach.heeds_robots else None
    point = ChoicePoint.find(web, start, how.prefix)
    if point is not None:
        seen.remarks.append("what this middleware withholds there already, unless it runs in report mode")
    crawl = Crawl(start, how.reach, robots, skips=point.covers if point else lambda url: False)
    for count, visit in enumerate(crawl.visits(Visitor(web, State.NONE)), 1):
        progress("visiting", count, how.reach.pages + how.reach.resources)
        yield visit
    seen.remarks += (f"links not followed, {count}: {reason}" for reason, count in crawl.left_out.items())


def _sightings(visits: Iterable[Visit], start: str, how: Browsing) -> list[Sighting]:
    # Imported here because a visit over HTTP does without Playwright.
    from ..audit.browser import browse

    pages = [visit.target.url for visit in visits if visit.last is not None and visit.last.is_page]
    return browse(pages or [start], {State.NONE: Jar()}, how)


@dataclass
class _Noted:
    """A cookie in one home: the longest it asked for, and where it was set."""

    lifetime: Lifetime
    places: list[str] = field(default_factory=list[str])
    advice: tuple[str, ...] = ()


class _Seen:
    """Takes notes of what came back."""

    def __init__(self, start: str) -> None:
        self._start = start
        self._host = urlsplit(start).hostname or ""
        self._knowledge = Knowledge()
        self._cookies: dict[_Home, _Noted] = {}
        self._scripted: dict[_Home, Lifetime] = {}
        self._hosts: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
        self._storage: dict[str, None] = {}
        self.remarks: list[str] = [_UNSEEN]

    def take(self, visit: Visit) -> None:
        """Note the cookies and third parties of every answer to a visit."""
        if visit.failure:
            self.remarks.append(f"{shown_text(path_of(visit.target.url))}: {visit.failure}")
        for answer in visit.answers:
            for cookie in _kept_cookies(answer):
                self._take_cookie(cookie, answer)
            for trace in traces_of(answer, self._knowledge):
                self._take_trace(trace, path_of(answer.url))
            if answer.shortfall:
                self.remarks.append(f"all of {shown_text(path_of(answer.url))}: {answer.shortfall}")

    def take_sightings(self, sightings: Iterable[Sighting], start: str) -> None:
        """Note what a browser saw beyond that."""
        for sighting in sightings:
            for contact in sighting.contacts:
                trace = self._knowledge.trace_of(contact.address, start, contact.kind)
                service = trace.service if trace is not None else None
                self._take_trace(Trace(contact.kind, contact.host, service, None), path_of(contact.page))
            for cookie in sighting.cookies:
                is_own = self._host == cookie.domain or self._host.endswith(f".{cookie.domain}")
                domain = "" if cookie.domain == self._host else cookie.domain
                if is_own and not any((cookie.name, domain) == home[:2] for home in self._cookies):
                    lifetime = SESSION if cookie.seconds is None else Lifetime.lasting(cookie.seconds)
                    self._scripted.setdefault((cookie.name, domain, "/"), lifetime or SESSION)
            for _, key in sighting.storage:
                trace = self._knowledge.owner_of_storage(key)
                if trace is not None:
                    self._take_trace(trace, "")
                elif not key.startswith("consent") and len(self._storage) < _MOST:
                    self._storage[key] = None
            self.remarks += (f"{shown_text(page)} in the browser: {reason}" for page, reason in sighting.failures)

    def facts(self, pages: int, *, with_browser: bool) -> Facts:
        """Return everything noted."""
        how = "over HTTP and in a browser" if with_browser else "over HTTP"
        unseen = [] if with_browser else ["what scripts do once they run, cookies that they write among it: --browser"]
        return Facts(
            source=f"a visit to {address_of(self._start)}, {pages} page{'' if pages == 1 else 's'}, {how}",
            site=self._host,
            cookies=tuple(self._cookie_facts()),
            hosts=tuple(self._host_facts()),
            storage=tuple(self._storage),
            remarks=(*unseen, *self.remarks),
        )

    def _take_cookie(self, cookie: SetCookie, answer: Answer) -> None:
        home = (cookie.name, cookie.domain or "", cookie.path or "/")
        if home not in self._cookies and len(self._cookies) >= _MOST:
            return
        end = cookie.expiry(answer.now)
        lifetime = SESSION if end is None else Lifetime(seconds=end - answer.now)
        noted = self._cookies.setdefault(home, _Noted(lifetime))
        noted.places.append(path_of(answer.url))
        if lifetime.exceeds(noted.lifetime):
            noted.lifetime = lifetime
        if cookie.path is None and default_path(answer.url) != "/":
            noted.advice = (_PATHLESS,)

    def _take_trace(self, trace: Trace, path: str) -> None:
        service = trace.service.id if trace.service is not None else ""
        if not (trace.host or service) or trace.host == self._host:
            return
        if (trace.host, service) not in self._hosts and len(self._hosts) >= _MOST:
            return
        elements, places = self._hosts.setdefault((trace.host, service), ([], []))
        elements.append(trace.element)
        places.append(path)

    def _cookie_facts(self) -> Iterator[CookieFact]:
        for (name, domain, path), noted in self._cookies.items():
            yield CookieFact(
                name=name,
                evidence=f"Set by the server on {listed(noted.places)}.",
                lifetime=noted.lifetime,
                domain=domain,
                path=path,
                is_of_server=True,
                advice=noted.advice,
            )
        for (name, domain, path), lifetime in self._scripted.items():
            yield CookieFact(name=name, evidence="Written by a script.", lifetime=lifetime, domain=domain, path=path)

    def _host_facts(self) -> Iterator[HostFact]:
        for (host, service), (elements, places) in self._hosts.items():
            on = listed(filter(None, places))
            evidence = f"Seen in {listed(elements)}{f' on {on}' if on else ''}."
            yield HostFact(host=host, evidence=evidence, service=service)


def _kept_cookies(answer: Answer) -> Iterator[SetCookie]:
    """Yield the cookies of an answer that a browser would keep."""
    for line in answer.all("set-cookie"):
        cookie = read_set_cookie(line)
        if cookie is not None and not cookie.is_deletion(answer.now) and refusal(cookie, answer.url) is None:
            yield cookie
