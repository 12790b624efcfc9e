"""Which cookies of one request the application may see, and which of its Set-Cookie lines may leave."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable

from .cookies import SetCookie, cap_line, expire_line, lacking, protect_line, read_set_cookie, visible_cookies
from .decision import Decision
from .deposits import MOST, Deposits, tolerance
from .engine import Engine, Kind
from .floor import Floor
from .http import Request, is_secure
from .own_cookies import first_name, own_line
from .policy import CookieRule

_NO_ROOM = f"left as a session cookie: the first days of {MOST} others are remembered already"


class CookieGate:
    """Judges cookies by the visitor's decision and by their age, and tells of what it holds back.

    A cookie that has reached the end of its life, counted from its first deposit, is hidden, and what would renew it
    expires it. Once it is gone from the request, the next deposit is the first of another cookie.
    """

    __slots__ = ("_decision", "_deposits", "_engine", "_request", "_undated", "optional", "outlived")

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

    def visible(self, header: str) -> str:
        """Return a Cookie header as the application may see it, the same object when nothing is hidden."""
        return visible_cookies(header, self._shows, self._engine.always_shown, self._shows_bare)

    def line(self, line: str, *, is_dated: bool) -> tuple[str | None, bool]:
        """Return a Set-Cookie line as it may leave (None: not at all), and whether consent could have changed that."""
        engine = self._engine
        cookie = read_set_cookie(line)
        if cookie is None:
            engine.reporter.report(logging.WARNING, "consent.C001", _name_in(line), "is in a line that browsers ignore")
            return (None if engine.enforces else line), False
        # Browsers count from here, and applications from when they made the line, which may be long after the request.
        now = engine.now()
        kind = engine.kind_of(cookie.name)
        optional = kind is not None and not kind.is_free
        if engine.applies is not None and not self._decision.visit.applies:
            return line, optional
        is_deletion = cookie.is_deletion(now)
        if not is_deletion and not self._may_leave(cookie, kind):
            return (None if engine.enforces else line), optional
        latest = engine.latest(kind, now)
        session_only = kind is not None and kind.session_only
        if kind is not None and optional and not is_deletion and engine.enforces:
            first = self._begin(cookie, kind)
            if first is None:
                session_only = True
                engine.reporter.report(logging.WARNING, "consent.C007", cookie.name, _NO_ROOM)
            elif first != self._decision.now and (latest := min(latest, self._last_end(kind, first))) <= now:
                engine.reporter.report(logging.INFO, "consent.C006", cookie.name, "was expired: its time is over")
                return expire_line(cookie, line), optional
        capped = cap_line(cookie, line, now, latest, session_only, is_dated)
        if capped is not line:
            engine.reporter.report(
                logging.INFO, "consent.C004", cookie.name, "was given the lifetime that the policy allows"
            )
        if engine.floor is not None and not is_deletion:  # of which nothing is left to be protected
            capped = self._raised(engine.floor, cookie.name, kind, capped)
        return (capped if engine.enforces else line), optional

    def _raised(self, floor: Floor, name: str, kind: Kind | None, line: str) -> str:
        """The line with the attributes that the policy's floor asks for."""
        least = floor.least(name, None if kind is None else kind.rule, secure=is_secure(self._request.scheme))
        raised = protect_line(line, least)
        if raised is not line and self._engine.reporter.is_news("consent.C009", name):
            what = ", ".join(lacking(line, least))
            self._engine.reporter.report(logging.INFO, "consent.C009", name, f"lacks {what}: the floor of the policy")
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

    def _permits(self, name: str, kind: Kind | None, *, by_visitor: bool = False) -> bool:
        """Whether a cookie of this name may be set or seen."""
        engine = self._engine
        if kind is not None:
            if kind.category.required or self._decision.permits(kind.category.name):
                return True
            level = logging.DEBUG if engine.enforces else logging.WARNING
            engine.reporter.report(level, "consent.C002", name, f"waits for consent to {kind.category.name!r}")
            return False
        undeclared = engine.policy.undeclared_cookies
        if undeclared != "allow" and engine.reporter.is_news("consent.C003", name, by_visitor=by_visitor):
            fate = "withheld" if undeclared == "withhold" and engine.enforces else "let through"
            engine.reporter.report(logging.WARNING, "consent.C003", name, _declare(name, fate), by_visitor=by_visitor)
        return undeclared != "withhold" or not self._decision.visit.applies

    def _shows(self, name: str) -> bool:
        """Whether a request cookie may be seen, remembering what consent decides about."""
        kind = self._engine.kind_of(name)
        if kind is None:
            shown = self._permits(name, None, by_visitor=True)
        elif kind.is_free:
            return True
        else:
            self.optional[name] = kind.rule
            shown = self._decision.permits(kind.category.name) and not self._has_outlived(name, kind)
        return shown or not self._engine.enforces

    def _shows_bare(self, text: str) -> bool:
        """Whether the text of a nameless cookie may be seen, as far as it is also a name that we know.

        It is a value, so it must not come into a log as a name that nobody declared.
        """
        return self._engine.kind_of(text) is None or self._shows(text)

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
        return True

    def _date_what_was_lost(self) -> None:
        """Let those lives begin of which nothing is known although the application sets such cookies through us."""
        for name, kind in self._undated.items():
            if kind in self._engine.deposited and self._permits(name, kind) and self._decision.visit.applies:
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
        return f"was {fate}: a cookie without a name cannot be declared"
    # JSON strings are TOML strings, and in them no visitor's cookie name begins a line of the log.
    quoted = json.dumps(name[:80])
    return f"was {fate}: no rule of the policy declares it; add [[cookies]] with name = {quoted} and its category"
