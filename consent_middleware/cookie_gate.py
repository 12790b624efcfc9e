"""Which cookies of one request the application may see, and which of its Set-Cookie lines may leave."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial

from .cookies import SetCookie, cap_line, expire_line, lacking, protect_line, read_set_cookie, visible_cookies
from .decision import Decision
from .deposits import MOST, Deposits, tolerance
from .engine import Engine, Kind
from .floor import Floor
from .http import Request, is_secure
from .own_cookies import OWN_NAMES, first_name, own_line
from .policy import CookieRule
from .reports import Action, Event, route_of
from .suggestions import declared_as
from .summary import Attributes

logger = logging.getLogger("consent_middleware")

_MOST_STRANGE = 50
"""Cookies of one request that nobody declared and that are told of; a header of 64 kB has room for thousands."""
_NO_ROOM = f"left as a session cookie: the first days of {MOST} others are remembered already"


class CookieGate:
    """Judges cookies by the visitor's decision and by their age, and tells of what it holds back.

    A cookie that has reached the end of its life, counted from its first deposit, is hidden, and what would renew it
    expires it. Once it is gone from the request, the next deposit is the first of another cookie.
    """

    __slots__ = (
        "_decision",
        "_deposits",
        "_engine",
        "_request",
        "_strange",
        "_undated",
        "notes",
        "optional",
        "outlived",
    )

    def __init__(self, engine: Engine, request: Request, decision: Decision) -> None:
        self._engine = engine
        self._request = request
        self._decision = decision
        self._deposits: Deposits | None = None
        self._undated: dict[str, Kind] = {}
        self.optional: dict[str, CookieRule] = {}
        """Every cookie of the request about which consent or its age decides, by its name."""
        self.outlived: set[str] = set()
        """The names of those that have reached the end of their lives."""
        self._strange = 0
        """How many names were told that only the visitor vouches for."""
        self.notes: list[Event] = []
        """What was done so far, where the response is to tell of it."""

    def visible(self, header: str) -> str:
        """Return a Cookie header as the application may see it, the same object when nothing is hidden."""
        return visible_cookies(header, self._shows, self._engine.always_shown, self._shows_bare)

    def line(self, line: str, *, is_dated: bool) -> tuple[str | None, bool]:
        """Return a Set-Cookie line as it may leave (None: not at all), and whether consent could have changed that."""
        engine = self._engine
        cookie = read_set_cookie(line)
        if cookie is None:
            self._report(logging.WARNING, "consent.C001", _name_in(line), "is in a line that browsers ignore", "drop")
            return (None if engine.enforces else line), False
        # Browsers count from here, and applications from when they made the line, which may be long after the request.
        now = engine.now()
        kind = engine.kind_of(cookie.name)
        optional = kind is not None and not kind.is_free
        is_deletion = cookie.is_deletion(now)
        if engine.summary is not None and not is_deletion:
            self._watch(cookie.name, kind, cookie)
        if engine.applies is not None and not self._decision.visit.applies:
            return line, optional
        if not is_deletion and not self._may_leave(cookie, kind):
            return (None if engine.enforces else line), optional
        latest = engine.latest(kind, now)
        session_only = kind is not None and kind.session_only
        if kind is not None and optional and not is_deletion and engine.enforces:
            first = self._begin(cookie, kind)
            if first is None:
                session_only = True
                self._report(logging.WARNING, "consent.C007", cookie.name, _NO_ROOM, "shorten", kind)
            elif first != self._decision.now and (latest := min(latest, self._last_end(kind, first))) <= now:
                self._report(logging.INFO, "consent.C006", cookie.name, "was expired: its time is over", "expire", kind)
                return expire_line(cookie, line), optional
        capped = cap_line(cookie, line, now, latest, session_only, is_dated)
        if capped is not line:
            told = f"{self._was} given the lifetime that the policy allows"
            self._report(self._level(logging.INFO), "consent.C004", cookie.name, told, "shorten", kind)
        if engine.floor is not None and not is_deletion:  # of which nothing is left to be protected
            capped = self._raised(engine.floor, cookie.name, kind, capped)
        return (capped if engine.enforces else line), optional

    def _raised(self, floor: Floor, name: str, kind: Kind | None, line: str) -> str:
        """The line with the attributes that the policy's floor asks for."""
        least = floor.least(name, None if kind is None else kind.rule, secure=is_secure(self._request.scheme))
        raised = protect_line(line, least)
        if raised is not line:

            def told() -> str:
                return f"lacks {', '.join(lacking(line, least))}: the floor of the policy"

            self._report(self._level(logging.INFO), "consent.C009", name, told, "change", kind)
        return raised

    def _may_leave(self, cookie: SetCookie, kind: Kind | None) -> bool:
        if not self._permits(cookie.name, kind):
            return False
        if cookie.name:
            return True
        # A nameless cookie comes back as its bare value, and servers find a name in that.
        as_read = cookie.value.partition("=")[0].strip()
        known = self._engine.kind_of(as_read)
        return known is None or self._permits(as_read, known)

    def _permits(self, name: str, kind: Kind | None, action: Action = "withhold") -> bool:
        """Whether a cookie of this name may be set or, if the action would be to hide it, be seen."""
        if kind is not None:
            if kind.category.required or self._decision.permits(kind.category.name):
                return True
            waits = f"waits for consent to {kind.category.name!r}"
            self._report(self._level(logging.DEBUG), "consent.C002", name, waits, action, kind)
            return False
        setting = self._engine.policy.undeclared_cookies
        withholds = setting == "withhold" and self._decision.visit.applies
        if withholds or setting == "report":
            told = partial(_declare, name, f"{self._was} withheld" if withholds else "was let through")
            done: Action = action if withholds else "pass"
            self._report(logging.WARNING, "consent.C003", name, told, done, by_visitor=action == "hide")
        return not withholds

    def _shows(self, name: str) -> bool:
        """Whether a request cookie may be seen, remembering what consent decides about."""
        kind = self._engine.kind_of(name)
        if self._engine.summary is not None:
            self._watch(name, kind)
        if kind is None:
            shown = self._permits(name, None, "hide")
        elif kind.is_free:
            return True
        else:
            self.optional[name] = kind.rule
            shown = self._permits(name, kind, "hide") and not self._has_outlived(name, kind)
        return shown or not self._engine.enforces

    def _shows_bare(self, text: str) -> bool:
        """Whether the text of a nameless cookie may be seen, as far as it is also a name that we know.

        It is a value, so it must not come into a log as a name that nobody declared.
        """
        return self._engine.kind_of(text) is None or self._shows(text)

    # What is told of it

    def tell_of_trailers(self, lines: Iterable[str]) -> None:
        """Report Set-Cookie lines that stand where no browser reads them."""
        for line in lines:
            self._report(
                logging.WARNING, "consent.C001", _name_in(line), "is in a trailer, which browsers ignore", "drop"
            )

    def tell_of_sweep(self, names: Iterable[str]) -> None:
        """Report that these cookies are expired in the browser, or would be."""
        for name in names:
            kind = self._engine.kind_of(name)
            told = f"{self._was} expired in the browser"
            self._report(self._level(logging.DEBUG), "consent.C010", name, told, "expire", kind)

    def _report(
        self,
        level: int,
        code: str,
        name: str,
        explanation: str | Callable[[], str],
        action: Action,
        kind: Kind | None = None,
        *,
        by_visitor: bool = False,
    ) -> None:
        engine = self._engine
        is_told = engine.policy.reports.header
        if not (is_told or engine.reporter.hears(level)):
            return
        if by_visitor:
            self._strange += 1
            if self._strange > _MOST_STRANGE:
                return
        # Whoever sends a cookie can make up its name, except that the policy has a rule for it.
        key = name if kind is None else kind.rule.name
        if not (is_told or engine.reporter.is_news(code, key, action, by_visitor=by_visitor)):
            return
        request = self._request
        event = engine.reporter.report(
            level,
            code,
            name,
            explanation() if callable(explanation) else explanation,
            action=action,
            category=None if kind is None else kind.category.name,
            rule=None if kind is None else kind.rule.name,
            route=route_of(request.root, request.path),
            by_visitor=by_visitor,
        )
        if is_told:
            self.notes.append(event)

    @property
    def _was(self) -> str:
        return "was" if self._engine.enforces else "would be"

    def _level(self, level: int) -> int:
        """How loudly something is told: what is daily work of the gate is news while nothing is enforced."""
        return level if self._engine.enforces else logging.WARNING

    def _watch(self, name: str, kind: Kind | None, cookie: SetCookie | None = None) -> None:
        """Let the summary see a cookie, whatever becomes of it: one of a request, or one that is being set."""
        summary, request = self._engine.summary, self._request
        if summary is None or name in OWN_NAMES or not name:
            return
        category = None if kind is None else kind.category.name
        try:
            route = route_of(request.root, request.path)
            if cookie is None:
                summary.saw_cookie_sent(name, category, route)
            else:
                summary.saw_cookie_set(name, category, self._attributes(cookie), route)
        except Exception:
            logger.exception("consent.fault: a cookie could not be taken into the summary")

    def _attributes(self, cookie: SetCookie) -> Attributes:
        now = self._decision.now
        expiry = cookie.expiry(now)
        return Attributes(None if expiry is None else expiry - now, cookie.domain, cookie.path)

    # How old cookies are

    def forget(self, names: Iterable[str]) -> None:
        """Take in that these cookies have just been expired, wherever they were."""
        self._known().forget(name for name in names if name not in self.outlived)

    def companion(self, *, may_recall: bool) -> list[str]:
        """Return the Set-Cookie line that keeps the first days of cookies, none if the visitor's is as it should be.

        ``may_recall``: whether it may come for cookies alone that this response does not set.
        """
        if may_recall:
            self._date_what_was_lost()
        deposits, policy = self._deposits, self._engine.policy
        if deposits is None or not deposits.is_changed:
            return []
        deposits.prune(policy.cookie_lifetime, self.optional)
        name, now = first_name(policy, self._request.scheme), self._decision.now
        if not deposits.instants:
            return [own_line(policy, self._request, name, "", 0)]
        age = deposits.end(policy.cookie_lifetime) - now
        return [own_line(policy, self._request, name, self._engine.deposits.dumps(deposits.instants), age)]

    def _begin(self, cookie: SetCookie, kind: Kind) -> int | None:
        """Return the first day of a cookie that is being set, today if it is a new one; None if there is no room."""
        deposits, now, name = self._known(), self._decision.now, cookie.name
        first = deposits.first(name)
        is_new = first is None or self._is_gone(name, kind, first)
        if not self._is_counted(cookie, kind):
            if is_new and first is not None:
                deposits.forget([name])
            return now
        self._engine.deposited.add(kind)
        deposits.keep()
        if not is_new:
            return first
        is_remembered = deposits.remember(name) or (
            deposits.prune(self._engine.policy.cookie_lifetime, self.optional) and deposits.remember(name)
        )
        return now if is_remembered else None

    def _is_counted(self, cookie: SetCookie, kind: Kind) -> bool:
        """Whether the life of this deposit counts from the first one of its name."""
        is_session = kind.session_only or cookie.expiry(self._decision.now) is None
        return self._engine.policy.session_cookies == "count" or not is_session

    def _is_gone(self, name: str, kind: Kind, first: int) -> bool:
        """Whether the browser has nothing left of what was first set then, so that this name is another cookie's."""
        # Of what lives on another path nothing is in the request: it is gone once no machine's clock says otherwise.
        end = self._engine.end_of_life(kind, first)
        return name not in self.optional and end + tolerance(end - first) <= self._decision.now

    def _last_end(self, kind: Kind, first: int) -> int:
        """Until when a cookie that was first set then may be renewed, so that it is over by every machine's clock."""
        end = self._engine.end_of_life(kind, first)
        return end - tolerance(end - first)

    def _has_outlived(self, name: str, kind: Kind) -> bool:
        """Whether a cookie of the request has been there for as long as it may."""
        first = self._known().first(name)
        if first is None:
            self._undated[name] = kind
            return False
        if self._engine.end_of_life(kind, first) > self._decision.now:
            return False
        if self._engine.applies is not None and not self._decision.visit.applies:
            return False
        self.outlived.add(name)
        self._report(logging.INFO, "consent.C006", name, f"{self._was} hidden: its time is over", "hide", kind)
        return True

    def _date_what_was_lost(self) -> None:
        """Let those lives begin of which nothing is known although the application sets such cookies through us."""
        for name, kind in self._undated.items():
            is_allowed = self._decision.permits(kind.category.name)
            if kind in self._engine.deposited and is_allowed and self._decision.visit.applies:
                self._known().remember(name)

    def _known(self) -> Deposits:
        if self._deposits is None:
            self._deposits = Deposits(self._engine.first_days(self._request), self._decision.now)
        return self._deposits


def _name_in(line: str) -> str:
    """The name in a line that browsers do not read, "" if it could as well be a value."""
    name, equals, _ = line.partition(";")[0].partition("=")
    return name.strip(" \t") if equals else ""


def _declare(name: str, fate: str) -> str:
    if not name:
        return f"{fate}: a cookie without a name cannot be declared"
    return f"{fate}: no rule of the policy declares it; add {declared_as(name)}"
