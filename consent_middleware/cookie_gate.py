"""Which cookies of one request the application may see, and which of its Set-Cookie lines may leave."""

from __future__ import annotations

import json
import logging

from .cookies import SetCookie, cap_line, read_set_cookie, visible_cookies
from .decision import Decision
from .engine import Engine, Kind
from .policy import CookieRule

logger = logging.getLogger("consent_middleware")


class CookieGate:
    """Judges cookies by the visitor's decision, and tells of what it holds back."""

    __slots__ = ("_decision", "_engine", "optional")

    def __init__(self, engine: Engine, decision: Decision) -> None:
        self._engine = engine
        self._decision = decision
        self.optional: dict[str, CookieRule] = {}
        """Every cookie of the request about which consent decides, by its name."""

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
        now = self._decision.now
        kind = engine.kind_of(cookie.name)
        optional = kind is not None and not kind.category.required
        if engine.applies is not None and not self._decision.visit.applies:
            return line, optional
        if not cookie.is_deletion(now) and not self._may_leave(cookie, kind):
            return (None if engine.enforces else line), optional
        session_only = kind is not None and kind.session_only
        capped = cap_line(cookie, line, now, engine.latest(kind, now), session_only, is_dated)
        if capped is not line:
            engine.reporter.report(
                logging.INFO, "consent.C004", cookie.name, "was given the lifetime that the policy allows"
            )
        return (capped if engine.enforces else line), optional

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
        elif kind.category.required:
            return True
        else:
            self.optional[name] = kind.rule
            shown = self._decision.permits(kind.category.name)
        return shown or not self._engine.enforces

    def _shows_bare(self, text: str) -> bool:
        """Whether the text of a nameless cookie may be seen, as far as it is also a name that we know.

        It is a value, so it must not come into a log as a name that nobody declared.
        """
        return self._engine.kind_of(text) is None or self._shows(text)


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
