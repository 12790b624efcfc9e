"""Set-Cookie lines as they came: whether they may be there, and what becomes of them in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..cookies.setcookie import SetCookie, read_set_cookie
from ..engine import Kind
from ..lifetime import Lifetime
from ..own_cookies import OWN_NAMES
from . import kinds
from .findings import Finding, Place, State, address_of, masked_line, printable
from .jar import refusal
from .knowledge import Knowledge
from .site import Visit
from .web import Answer

LONGEST = 400 * 86400
"""What browsers cut every lifetime to (RFC 6265bis, 5.5)."""

SLACK = 5
"""Seconds that may pass between making a line and dating the response."""

_CREDENTIAL = re.compile(r"sess|auth|(?:^|[-_.])(?:sid|jwt|token|remember)(?:$|[-_.])|sid$", re.IGNORECASE)
_FOR_SCRIPTS = re.compile(r"csrf|xsrf|consent", re.IGNORECASE)


def check_cookies(visits: Iterable[Visit], knowledge: Knowledge) -> Iterator[Finding]:
    """Yield what is wrong with any Set-Cookie line of any answer."""
    for visit in visits:
        for answer in visit.answers:
            yield from check_lines(answer, visit.state, knowledge)


def check_lines(answer: Answer, state: State, knowledge: Knowledge) -> Iterator[Finding]:
    """Yield what is wrong with the Set-Cookie lines of one answer."""
    homes: set[tuple[str, str | None, str | None]] = set()
    for line in answer.all("set-cookie"):
        cookie = read_set_cookie(line)
        if cookie is None:
            yield _ignored(line, answer, state)
            continue
        check = _Line(cookie, answer, state, knowledge)
        yield from check.findings()
        home = (cookie.name, cookie.domain, cookie.path)
        if home in homes and not cookie.is_deletion(answer.now):
            yield check.finding(kinds.COOKIE_TWICE, "the same name, Domain and Path stand in two lines")
        homes.add(home)


def _ignored(line: str, answer: Answer, state: State) -> Finding:
    name, equals, _ = line.partition(";")[0].partition("=")
    name = printable(name.strip(" \t"), 80) if equals else ""
    return Finding(
        kind=kinds.COOKIE_IGNORED,
        subject=name or "(nameless)",
        seen=f"a line of {len(line)} characters that no browser reads",
        evidence=f"Set-Cookie: {name}=…",
        places=(Place(state, address_of(answer.url)),),
    )


class _Line:
    """One line that browsers read, before its checks."""

    def __init__(self, cookie: SetCookie, answer: Answer, state: State, knowledge: Knowledge) -> None:
        self._cookie = cookie
        self._answer = answer
        self._state = state
        self._knowledge = knowledge
        self._kind = knowledge.kind_of(cookie.name)

    def finding(self, kind: kinds.Kind, seen: str, promised: str = "") -> Finding:
        return Finding(
            kind=kind,
            subject=printable(self._cookie.name, 80) or "(nameless)",
            seen=seen,
            promised=promised,
            evidence=masked_line(self._cookie),
            places=(Place(self._state, address_of(self._answer.url)),),
        )

    def findings(self) -> Iterator[Finding]:
        refused = refusal(self._cookie, self._answer.url)
        if refused is not None:
            yield self.finding(refused, "a browser that reads this line stores nothing")
            return
        if not self._cookie.lifetime.is_plain:
            yield self.finding(kinds.LIFETIME_AMBIGUOUS, "Max-Age or Expires is not in the one form all browsers share")
        if self._cookie.is_deletion(self._answer.now):
            return
        yield from self._about_consent()
        yield from self._about_attributes()
        if self._cookie.name not in OWN_NAMES:
            yield from self._about_lifetime()

    def _about_consent(self) -> Iterator[Finding]:
        knowledge, kind = self._knowledge, self._kind
        if kind is None:
            # Without a policy nobody could have declared anything, and what ends with the visit mostly serves it.
            if knowledge.has_policy or self._cookie.expiry(self._answer.now) is not None:
                yield self.finding(kinds.COOKIE_UNDECLARED, f"set with “{self._state.value}”; no rule knows this name")
            return
        if knowledge.permits(kind.category, self._state):
            return
        found = {
            State.NONE: kinds.COOKIE_BEFORE_CHOICE,
            State.REFUSED: kinds.COOKIE_AFTER_REFUSAL,
            State.ACCEPTED: kinds.COOKIE_ON_REQUEST,
        }[self._state]
        yield self.finding(found, f"set with “{self._state.value}”; it belongs to {_owner(kind)}")

    def _about_attributes(self) -> Iterator[Finding]:
        cookie = self._cookie
        if self._answer.is_secure and not cookie.secure:
            yield self.finding(kinds.COOKIE_NOT_SECURE, "the line has no Secure")
        looks_secret = _CREDENTIAL.search(cookie.name) and not _FOR_SCRIPTS.search(cookie.name)
        # A tracker's identifier opens nothing, and consent is what matters about it.
        is_tracker = self._kind is not None and not self._kind.category.required
        if looks_secret and not is_tracker and not cookie.http_only:
            yield self.finding(kinds.CREDENTIAL_READABLE, "the line has no HttpOnly")
        if cookie.same_site == "Default":
            yield self.finding(kinds.SAME_SITE_MISSING, "the line has no SameSite that browsers know")

    def _about_lifetime(self) -> Iterator[Finding]:
        now, policy = self._answer.now, self._knowledge.policy
        end = self._cookie.expiry(now)
        if end is None:
            return
        lives = f"it lives for {span(end - now)}"
        if end > policy.cookie_lifetime.end(now) + SLACK:
            yield self.finding(kinds.COOKIE_OVER_CAP, lives, f"No cookie lives longer than {policy.cookie_lifetime}.")
        elif (declared := _declared_lifetime(self._kind)) is not None and _exceeds(end, declared, now):
            yield self.finding(kinds.COOKIE_OVER_DECLARED, lives, f"Its declaration says: {declared}.")


def _declared_lifetime(kind: Kind | None) -> Lifetime | None:
    return None if kind is None else kind.rule.lifetime


def _exceeds(end: int, declared: Lifetime, now: int) -> bool:
    return declared.is_session or end > declared.end(now) + SLACK


def _owner(kind: Kind) -> str:
    service = f", by way of {kind.rule.service}" if kind.rule.service else ""
    return f"“{kind.category.name}”{service}"


def effective_lifetime(cookie: SetCookie, now: int) -> str:
    """Say how long a browser keeps a cookie, whatever the line asks for."""
    end = cookie.expiry(now)
    if end is None:
        return "session"
    if end <= now:
        return "deleted"
    return span(min(end - now, LONGEST)) + (" (asked for more)" if end - now > LONGEST else "")


def span(seconds: int) -> str:
    """Say how long something is, in the largest unit that tells enough."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size or seconds == size:
            count = round(seconds / size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
