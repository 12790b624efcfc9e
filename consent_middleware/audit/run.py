"""The audit itself: a walk through the site in each state, and the checks of what came back."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..policy import Policy
from . import kinds
from .arrival import arrive, robots_of
from .cache_checks import check_not_modified, check_shared_cookies, check_variants
from .choice_checks import ChoiceChecks, check_withdrawal
from .cookie_checks import check_cookies
from .crawl import Crawl, Reach
from .findings import Finding, State, address_of, merged
from .inventory import cookies_seen, parties_seen, traces_by_state
from .jar import Jar
from .kinds import Kind
from .knowledge import Knowledge, Trace
from .page_checks import check_pages
from .report import CookieSeen, Report
from .site import ChoicePoint, Visit, Visitor
from .web import Limits, Unreadable, Web

if TYPE_CHECKING:
    from .browser import Browsing

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is at most."""

_CHOICES = {State.REFUSED: "reject-all", State.ACCEPTED: "accept-all"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an audit may be told beside the address.

    ``policy`` is the site's; without one the catalogue decides. ``cookies`` stand for a choice where the site is not
    ours: pairs ``name=value`` for REFUSED and ACCEPTED. ``keys`` are the site's secret keys, with which an expired
    consent can be made. ``trust`` is an SSL context, or False for no verification. ``browsing`` lets a browser have a
    look too; it needs Playwright.
    """

    policy: Policy | None = None
    prefix: str = "/_consent"
    reach: Reach = field(default_factory=Reach)
    limits: Limits = field(default_factory=Limits)
    trust: ssl.SSLContext | bool = True
    cookies: dict[State, tuple[str, ...]] = field(default_factory=dict[State, tuple[str, ...]])
    necessary: tuple[str, ...] = ()
    own_hosts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    browsing: Browsing | None = None


def _say_nothing(what: str, done: int, most: int) -> None:
    """Nobody is watching."""


def audit(url: str, options: Options | None = None, progress: Progress = _say_nothing) -> Report:
    """Examine a site from outside and return what was found.

    Visits nothing but the site itself, page by page, within the limits. Raises SiteUnreadable when the address leads
    nowhere; whatever else goes wrong is a part of the report.
    """
    options = options or Options()
    if options.browsing is not None:
        from .browser import require

        require(options.browsing)
    with Web(options.limits, options.trust) as web:
        under_way = _Audit(web, options, progress)
        start = under_way.examine(url)
    under_way.browse(start)
    return under_way.report(start)


class _Audit:
    """One audit under way."""

    def __init__(self, web: Web, options: Options, progress: Progress) -> None:
        self._web = web
        self._options = options
        self._progress = progress
        self._knowledge = Knowledge(options.policy, necessary=options.necessary, own_hosts=options.own_hosts)
        self._visits: dict[State, list[Visit]] = {}
        self._jars: dict[State, Jar] = {}
        self._remarks: list[str] = []
        self._point: ChoicePoint | None = None
        self._found: list[Finding] = []
        self._script_cookies: tuple[CookieSeen, ...] = ()
        self._contacts: tuple[tuple[State, Trace], ...] = ()

    def examine(self, url: str) -> str:
        """Walk through the site and check what comes back; return where it really begins."""
        start, arrival = self._arrive(url)
        self._point = ChoicePoint.find(self._web, start, self._options.prefix)
        if self._point is None:
            self._remarks.append(
                f"The choice itself was not examined: nothing of this middleware answers at {self._options.prefix}."
            )
        self._walk(start)
        for state in (State.REFUSED, State.ACCEPTED):
            self._walk_again(state)
        self._found += self._findings([*arrival, *self._all_visits()], start)
        return start

    def browse(self, start: str) -> None:
        """Let a browser have a look, if one was asked for."""
        how = self._options.browsing
        if how is None:
            return
        # Imported here because an audit over HTTP does without Playwright.
        from .browser import browse
        from .browser_checks import check_sightings, script_cookies, traces_of_contacts

        self._progress("in a browser", 0, 1)
        visits = self._visits[State.NONE]
        pages = [visit.target.url for visit in visits if visit.last is not None and visit.last.is_page]
        sightings = browse(pages or [start], self._jars, how)
        served = {cookie.name for cookie in cookies_seen(self._all_visits(), self._knowledge)}
        now = int(time.time())
        self._found += check_sightings(sightings, start, served, now, self._knowledge)
        self._script_cookies = tuple(script_cookies(sightings, start, served, self._knowledge))
        self._contacts = tuple(traces_of_contacts(sightings, start, self._knowledge))
        self._progress("in a browser", 1, 1)

    def report(self, start: str) -> Report:
        """Put together what was found."""
        visits = self._all_visits()
        return Report(
            url=address_of(start),
            at=int(time.time()),
            policy=self._policy_label(),
            states=tuple(self._visits),
            addresses=tuple(dict.fromkeys(address_of(visit.target.url) for visit in self._visits[State.NONE])),
            requests=self._web.requests,
            findings=merged(self._found),
            checked=tuple(self._checked()),
            cookies=(*cookies_seen(visits, self._knowledge), *self._script_cookies),
            parties=parties_seen([*traces_by_state(visits, self._knowledge), *self._contacts]),
            remarks=tuple(self._remarks),
        )

    def _all_visits(self) -> list[Visit]:
        return [visit for made in self._visits.values() for visit in made]

    # Walking

    def _arrive(self, url: str) -> tuple[str, list[Visit]]:
        """Return where the site really begins, and the visit that led there if it was another origin."""
        start, led_there = arrive(self._web, url)
        if led_there:
            self._remarks.append(f"{address_of(url)} leads to {address_of(start)}, which was examined in its place.")
        return start, led_there

    def _walk(self, start: str) -> None:
        reach = self._options.reach
        robots = robots_of(self._web, start) if reach.heeds_robots else None
        crawl = Crawl(start, reach, robots, skips=self._is_ours)
        visitor = Visitor(self._web, State.NONE)
        visits = self._visits[State.NONE] = []
        for visit in crawl.visits(visitor):
            visits.append(visit)
            self._progress(State.NONE.value, len(visits), reach.pages + reach.resources)
        self._jars[State.NONE] = visitor.jar
        for reason, count in crawl.left_out.items():
            self._remarks.append(f"{count} link{'' if count == 1 else 's'} not followed: {reason}.")

    def _is_ours(self, url: str) -> bool:
        return self._point is not None and self._point.covers(url)

    def _walk_again(self, state: State) -> None:
        visitor = Visitor(self._web, state)
        if not self._choose(visitor):
            return
        targets = [visit.target for visit in self._visits[State.NONE]]
        visits = self._visits[state] = []
        for target in targets:
            visits.append(visitor.visit(target))
            self._progress(state.value, len(visits), len(targets))
        self._jars[state] = visitor.jar

    def _choose(self, visitor: Visitor) -> bool:
        """Bring a visitor into their state and return whether that was possible."""
        given = self._options.cookies.get(visitor.state, ())
        for pair in given:
            visitor.jar.put(pair)
        if given:
            return True
        if self._point is None:
            self._remarks.append(
                f"“{visitor.state.value}” was not examined: it is not known how visitors choose here. "
                "Give the cookie that a choice leaves (--accept-cookie, --refuse-cookie)."
            )
            return False
        try:
            self._point.choose(visitor, _CHOICES[visitor.state])
        except Unreadable as error:
            self._remarks.append(f"“{visitor.state.value}” was not examined: {error}.")
            return False
        return True

    # Checking

    def _findings(self, visits: Sequence[Visit], start: str) -> Iterator[Finding]:
        yield from check_cookies(visits, self._knowledge)
        yield from check_pages(visits, self._knowledge)
        yield from check_shared_cookies(visits)
        yield from self._about_caches()
        yield from self._about_choice(start)

    def _about_caches(self) -> Iterator[Finding]:
        before, after = self._visits[State.NONE], self._visits.get(State.ACCEPTED)
        if after is None:
            return
        yield from check_variants(before, after, self._knowledge)
        yield from self._guarded("Caches", check_not_modified(self._web, before, after, self._knowledge))

    def _about_choice(self, start: str) -> Iterator[Finding]:
        point = self._point
        if point is None:
            return
        checks = ChoiceChecks(self._web, point, self._knowledge, start, self._options.keys)
        self._progress("the choice", 0, 1)
        yield from self._guarded("The choice", checks.findings())
        accepted = self._jars.get(State.ACCEPTED)
        if accepted is not None:
            withdrawal = check_withdrawal(self._web, point, self._knowledge, accepted, start)
            yield from self._guarded("Withdrawal", withdrawal)
        self._progress("the choice", 1, 1)

    def _guarded(self, what: str, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield findings for as long as the site answers."""
        try:
            yield from findings
        except Unreadable as error:
            self._remarks.append(f"{what} could not be examined to the end: {error}.")

    def _checked(self) -> Iterator[Kind]:
        groups = {"A0", "A1", "A9"}
        groups |= {"A2"} if self._point else set()
        groups |= {"A4"} if self._options.browsing else set()
        groups |= {"A3"} if State.ACCEPTED in self._visits else set()
        left_out = set[Kind]()
        if not (self._options.keys and self._options.policy):
            left_out.add(kinds.EXPIRED_ACCEPTED)
        if not (self._options.policy and any(c.gpc for c in self._options.policy.categories.values())):
            left_out.add(kinds.GPC_IGNORED)
        for kind in kinds.KINDS.values():
            if kind.id.removeprefix("consent.")[:2] in groups and kind not in left_out:
                yield kind

    # Telling

    def _policy_label(self) -> str:
        policy = self._options.policy
        if policy is None:
            return ""
        return policy.version or policy.fingerprint
