"""What a browser saw, judged: script cookies, web storage, and whom the pages really ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from urllib.parse import urlsplit

from ..engine import Kind as CookieKind
from ..own_cookies import OWN_NAMES
from . import kinds
from .browser import BrowserCookie, Contact, Sighting
from .cookie_checks import LONGEST, SLACK, span
from .findings import Finding, Place, State, printable
from .inventory import category_and_service
from .kinds import Kind
from .knowledge import Knowledge, Trace
from .report import CookieSeen

_OWN_KEYS = "consent"
_NOTED = "the browser's jar"


def check_sightings(
    sightings: Iterable[Sighting], start: str, served: Set[str], now: int, knowledge: Knowledge
) -> Iterator[Finding]:
    """Yield what is wrong with anything the browser saw. ``served`` are the names of cookies that the server sets."""
    for sighting in sightings:
        judge = _Judge(sighting.state, start, knowledge)
        for contact in sighting.contacts:
            yield from judge.of_contact(contact)
        for cookie in sighting.cookies:
            yield from judge.of_cookie(cookie, served, now)
        for page, key in sighting.storage:
            yield from judge.of_storage(page, key)
        for page, reason in sighting.failures:
            place = (Place(sighting.state, page),)
            path = urlsplit(page).path
            yield Finding(kind=kinds.PAGE_UNREADABLE, subject=path, seen=f"in a browser: {reason}", places=place)


class _Judge:
    """Judges what one visitor's browser did."""

    def __init__(self, state: State, start: str, knowledge: Knowledge) -> None:
        self._state = state
        self._start = start
        self._host = urlsplit(start).hostname or ""
        self._knowledge = knowledge

    def of_contact(self, contact: Contact) -> Iterator[Finding]:
        trace = self._knowledge.trace_of(contact.address, self._start, contact.kind)
        if trace is None and self._is_own(contact.host):
            return
        evidence = f"{contact.kind} {contact.address}, started by {contact.initiator}"
        place = contact.page
        if trace is None or trace.category is None:
            subject = contact.host if trace is None else trace.subject
            seen = f"asked with “{self._state.value}”"
            yield self._finding(kinds.REQUEST_UNDECLARED, subject, seen, evidence, place)
        elif not self._knowledge.permits(trace.category, self._state):
            seen = f"asked with “{self._state.value}”; it belongs to “{trace.category.name}”"
            yield self._finding(kinds.REQUEST_UNALLOWED, trace.subject, seen, evidence, place)

    def of_cookie(self, cookie: BrowserCookie, served: Set[str], now: int) -> Iterator[Finding]:
        if not self._is_own(cookie.domain) and not self._host.endswith(f".{cookie.domain}"):
            yield from self._of_third_party(cookie)
            return
        if cookie.name in OWN_NAMES or cookie.name in served or cookie.http_only:
            return
        kind = self._knowledge.kind_of(cookie.name)
        evidence = f"document.cookie: {printable(cookie.name, 80)}=…; Domain={cookie.domain}"
        subject = printable(cookie.name, 80)
        if kind is None:
            seen = f"written with “{self._state.value}”"
            yield self._finding(kinds.SCRIPT_COOKIE_UNDECLARED, subject, seen, evidence, self._start)
        elif not self._knowledge.permits(kind.category, self._state):
            seen = f"written with “{self._state.value}”; it belongs to “{kind.category.name}”"
            yield self._finding(kinds.SCRIPT_COOKIE_UNALLOWED, subject, seen, evidence, self._start)
        if cookie.seconds is not None and (promised := self._exceeded(now + cookie.seconds, kind, now)):
            seen = f"it lives for {span(cookie.seconds)}"
            yield self._finding(kinds.SCRIPT_COOKIE_TOO_LONG, subject, seen, evidence, self._start, promised)

    def _exceeded(self, end: int, kind: CookieKind | None, now: int) -> str:
        """Return the promise that a cookie breaks by living until ``end``, ``""`` if it breaks none."""
        cap = self._knowledge.policy.cookie_lifetime
        declared = kind.rule.lifetime if kind is not None else None
        if declared is not None and (declared.is_session or end > declared.end(now) + SLACK):
            return f"Its declaration says: {declared}."
        return f"No cookie lives longer than {cap}." if end > cap.end(now) + SLACK else ""

    def of_storage(self, page: str, key: str) -> Iterator[Finding]:
        if key.startswith(_OWN_KEYS):
            return
        trace = self._knowledge.owner_of_storage(key)
        subject = printable(key, 80)
        evidence = f"web storage of {page}: {subject}"
        if trace is None or trace.category is None:
            seen = f"written with “{self._state.value}”"
            yield self._finding(kinds.STORAGE_UNDECLARED, subject, seen, evidence, page)
        elif not self._knowledge.permits(trace.category, self._state):
            seen = f"written with “{self._state.value}”; it belongs to “{trace.category.name}”"
            yield self._finding(kinds.STORAGE_UNALLOWED, subject, seen, evidence, page)

    def _of_third_party(self, cookie: BrowserCookie) -> Iterator[Finding]:
        trace: Trace | None = self._knowledge.trace_of(f"https://{cookie.domain}/", self._start, "cookie")
        category = trace.category if trace is not None else None
        if self._state is State.ACCEPTED or (category and self._knowledge.permits(category, self._state)):
            return
        seen = f"{printable(cookie.name, 80)} was kept by {cookie.domain} with “{self._state.value}”"
        yield self._finding(kinds.THIRD_PARTY_COOKIE, cookie.domain, seen, f"{_NOTED}: {cookie.domain}", self._start)

    def _is_own(self, host: str) -> bool:
        own = (self._host.removeprefix("www."), *self._knowledge.own_hosts)
        return any(host == name or host.endswith(f".{name}") for name in own if name)

    def _finding(self, kind: Kind, subject: str, seen: str, evidence: str, page: str, promised: str = "") -> Finding:
        places = (Place(self._state, page),)
        return Finding(kind=kind, subject=subject, seen=seen, evidence=evidence, promised=promised, places=places)


def script_cookies(
    sightings: Iterable[Sighting], start: str, served: Set[str], knowledge: Knowledge
) -> Iterator[CookieSeen]:
    """Yield the cookies that scripts set in the site's own jar."""
    host = urlsplit(start).hostname or ""
    found: dict[str, tuple[BrowserCookie, list[State]]] = {}
    for sighting in sightings:
        for cookie in sighting.cookies:
            is_own = host == cookie.domain or host.endswith(f".{cookie.domain}")
            if is_own and not cookie.http_only and cookie.name not in (*served, *OWN_NAMES):
                found.setdefault(cookie.name, (cookie, []))[1].append(sighting.state)
    for name, (cookie, states) in found.items():
        category, service = category_and_service(knowledge.kind_of(name))
        lifetime = "session" if cookie.seconds is None else span(min(cookie.seconds, LONGEST))
        traits = (f"Domain={cookie.domain}",) if cookie.domain != host else ()
        yield CookieSeen(
            name=printable(name, 80),
            category=category,
            service=service,
            lifetime=lifetime,
            traits=traits,
            by="script",
            states=tuple(dict.fromkeys(states)),
        )


def traces_of_contacts(
    sightings: Iterable[Sighting], start: str, knowledge: Knowledge
) -> Iterator[tuple[State, Trace]]:
    """Yield whom the browser asked, and in which state."""
    for sighting in sightings:
        for contact in sighting.contacts:
            trace = knowledge.trace_of(contact.address, start, contact.kind)
            if trace is not None and trace.service is not None:
                yield sighting.state, Trace(contact.kind, contact.host, trace.service, trace.category)
