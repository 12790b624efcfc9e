"""Whether the choice is the visitor's own: how a site of ours takes, keeps, doubts and forgets it.

Everything is done through the addresses of the middleware, as a browser would, or as somebody who means ill would.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from functools import partial

from itsdangerous import Signer

from ..cookies.setcookie import SetCookie, read_set_cookie
from ..own_cookies import CHOICE_NAMES
from ..policy import Policy
from ..seal import SALT, Choice, Receipt, Seal
from . import kinds
from .cookie_checks import SLACK, span
from .findings import Finding, Place, State, address_of, masked_line, path_of
from .jar import Jar
from .kinds import Kind
from .knowledge import Knowledge
from .site import ChoicePoint, Target, Visitor, consent_cookie, origin_of, redirect_of
from .web import Answer, Web

_FOREIGN = "https://consent-audit.invalid"
_A_YEAR = 365 * 86400


class ChoiceChecks:
    """The checks of one site's choice. ``keys`` are its secret keys, if whoever audits has them."""

    def __init__(self, web: Web, point: ChoicePoint, knowledge: Knowledge, start: str, keys: tuple[str, ...]) -> None:
        self._web = web
        self._point = point
        self._knowledge = knowledge
        self._policy = knowledge.policy
        self._start = start
        self._keys = keys

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the choice. Raises Unreadable when the site stops answering."""
        yield from self._storable(self._web.ask("GET", self._point.state_url, {"Accept": "application/json"}))
        yield from self._attempts()
        yield from self._gpc()
        visitor = self._visitor(State.ACCEPTED)
        answer = self._point.choose(visitor, "accept-all")
        yield from self._way_back()
        name = consent_cookie(visitor.jar)
        if name is None:
            yield self._finding(kinds.CHOICE_FORGOTTEN, "POST “accept-all” set no consent cookie", answer)
            return
        yield from self._receipt(name, answer)
        yield from self._counterfeits(name, visitor.jar.value_of(name) or "")

    # What a choice leaves

    def _receipt(self, name: str, answer: Answer) -> Iterator[Finding]:
        read = [cookie for line in answer.all("set-cookie") if (cookie := read_set_cookie(line))]
        cookie = next(cookie for cookie in read if cookie.name == name)
        end = cookie.expiry(answer.now)
        if end is not None and end > self._policy.consent_lifetime.end(answer.now) + SLACK:
            seen = f"it lives for {span(end - answer.now)}"
            promised = f"A choice is kept {self._policy.consent_lifetime}."
            yield self._finding(kinds.CHOICE_OVER_LIFETIME, seen, answer, name, promised, masked_line(cookie))
        if lacks := ", ".join(_lacking(cookie, answer.is_secure)):
            yield self._finding(kinds.CHOICE_COOKIE_OPEN, f"it lacks {lacks}", answer, name, "", masked_line(cookie))

    def _way_back(self) -> Iterator[Finding]:
        visitor = self._visitor(State.ACCEPTED)
        answer = self._point.choose(visitor, "accept-all", next=f"{_FOREIGN}/")
        if (redirect_of(answer) or "").startswith(_FOREIGN):
            yield self._finding(kinds.NEXT_LEADS_OUT, f"“next” led to {_FOREIGN}", answer)

    def _storable(self, answer: Answer) -> Iterator[Finding]:
        if "no-store" not in answer.header("cache-control").lower():
            seen = f"Cache-Control: {answer.header('cache-control') or '(none)'}"
            yield self._finding(kinds.STATE_STORED, seen, answer)

    # Who may choose

    def _attempts(self) -> Iterator[Finding]:
        for kind, headers in (
            (kinds.CHOICE_FROM_OTHER_ORIGIN, {"Origin": _FOREIGN}),
            (kinds.CHOICE_CROSS_SITE, {"Sec-Fetch-Site": "cross-site", "Origin": origin_of(self._start)}),
            (kinds.CHOICE_UNATTRIBUTED, {}),
        ):
            visitor = self._visitor(State.NONE)
            answer = self._point.send(visitor, "accept-all", headers)
            yield from self._unless_refused(kind, visitor, answer, headers)
        visitor = self._visitor(State.NONE)
        answer = visitor.ask("GET", f"{self._point.choice_url}?action=accept-all&next=/")
        yield from self._unless_refused(kinds.CHOICE_BY_GET, visitor, answer, {})

    def _unless_refused(
        self, kind: Kind, visitor: Visitor, answer: Answer, headers: Mapping[str, str]
    ) -> Iterator[Finding]:
        if granted := self._point.granted(visitor):
            sent = "; ".join(f"{name}: {value}" for name, value in headers.items())
            seen = f"it was answered {answer.status} and granted {', '.join(sorted(granted))}"
            evidence = f"{answer.method} {address_of(answer.url)}" + (f" ({sent})" if sent else "")
            yield self._finding(kind, seen, answer, evidence=evidence)

    def _gpc(self) -> Iterator[Finding]:
        refused = {name for name, category in self._policy.categories.items() if category.gpc}
        if not (self._knowledge.has_policy and refused):
            return
        visitor = self._visitor(State.NONE)
        statuses = self._point.statuses(visitor, {"Sec-GPC": "1"})
        for name in sorted(refused):
            if statuses.get(name) != "denied":
                seen = f"with Sec-GPC: 1 its state is {statuses.get(name, 'unknown')!r}"
                evidence = f"GET {address_of(self._point.state_url)} (Sec-GPC: 1)"
                place = Place(State.NONE, address_of(self._point.state_url))
                yield Finding(kind=kinds.GPC_IGNORED, subject=name, seen=seen, evidence=evidence, places=(place,))

    # Counterfeits

    def _counterfeits(self, name: str, token: str) -> Iterator[Finding]:
        forged = {
            "“yes”": "yes",
            "“accept-all”": "accept-all",
            "a genuine one with one character changed": _bent(token),
        }
        for what, value in forged.items():
            if self._counts(name, value):
                yield self._counted(kinds.FORGED_ACCEPTED, name, what)
                break
        if self._counts(name, _resigned(token)):
            yield self._counted(kinds.FOREIGN_ACCEPTED, name, "a genuine one, signed again with another key")
        if self._keys and self._knowledge.has_policy and self._counts(name, _expired(self._policy, self._keys)):
            yield self._counted(kinds.EXPIRED_ACCEPTED, name, "one that this site signed and that lapsed a year ago")

    def _counts(self, name: str, value: str) -> bool:
        jar = Jar()
        jar.put(f"{name}={value}")
        return bool(self._point.granted(Visitor(self._web, State.NONE, jar)))

    def _counted(self, kind: Kind, name: str, what: str) -> Finding:
        return Finding(
            kind=kind,
            subject=name,
            seen=f"{what} was taken for a choice",
            evidence=f"GET {address_of(self._point.state_url)} (Cookie: {name}=…)",
            places=(Place(State.NONE, address_of(self._point.state_url)),),
        )

    # Helpers

    def _visitor(self, state: State) -> Visitor:
        return Visitor(self._web, state)

    def _finding(
        self, kind: Kind, seen: str, answer: Answer, subject: str = "", promised: str = "", evidence: str = ""
    ) -> Finding:
        place = Place(State.NONE, address_of(answer.url))
        return Finding(
            kind=kind,
            subject=subject or path_of(answer.url),
            seen=seen,
            promised=promised,
            evidence=evidence or f"{answer.method} {place.address}",
            places=(place,),
        )


def check_withdrawal(
    web: Web, point: ChoicePoint, knowledge: Knowledge, accepted: Jar, start: str
) -> Iterator[Finding]:
    """Yield the cookies that stay once a choice is withdrawn, and once it is gone by itself. Raises Unreadable.

    ``accepted`` is the jar of somebody who accepted everything and has seen the site.
    """
    is_optional = partial(_is_optional, knowledge)
    if not any(map(is_optional, accepted.names)):
        return
    lapsed = Visitor(web, State.NONE, accepted.copy())
    for name in CHOICE_NAMES:
        lapsed.jar.drop(name)
    before = lapsed.jar.names
    lapsed.visit(Target(start))
    yield from _left(kinds.LAPSE_LEAVES_COOKIES, lapsed, before, is_optional, f"GET {address_of(start)}")
    visitor = Visitor(web, State.REFUSED, accepted.copy())
    before = visitor.jar.names
    point.choose(visitor, "withdraw")
    visitor.visit(Target(start))
    evidence = f"POST {address_of(point.choice_url)} (action=withdraw), then GET {address_of(start)}"
    yield from _left(kinds.WITHDRAWAL_LEAVES_COOKIES, visitor, before, is_optional, evidence)


def _left(
    kind: Kind, visitor: Visitor, before: frozenset[str], is_optional: partial[bool], evidence: str
) -> Iterator[Finding]:
    for name in sorted(before & visitor.jar.names):
        if is_optional(name):
            yield Finding(
                kind=kind,
                subject=name,
                seen="no line expired it where it lives",
                evidence=evidence,
                places=(Place(visitor.state, evidence.split()[1]),),
            )


def _is_optional(knowledge: Knowledge, name: str) -> bool:
    kind = knowledge.kind_of(name)
    return kind is not None and not knowledge.permits(kind.category, State.REFUSED)


def _lacking(cookie: SetCookie, is_secure: bool) -> Iterator[str]:
    if not cookie.http_only:
        yield "HttpOnly"
    if cookie.same_site not in ("Lax", "Strict"):
        yield "SameSite=Lax"
    if is_secure and not cookie.secure:
        yield "Secure"
    if is_secure and not cookie.name.startswith(("__Host-", "__Secure-")):
        yield "the prefix __Host-"


def _bent(token: str) -> str:
    """A token of which one character of the signature is another one."""
    middle = len(token) - 10
    return f"{token[:middle]}{'A' if token[middle : middle + 1] != 'A' else 'B'}{token[middle + 1 :]}"


def _expired(policy: Policy, keys: tuple[str, ...]) -> str:
    """A receipt for everything, as this site would have signed it so long ago that it lapsed a year ago."""
    now = int(time.time())
    at = now - (policy.consent_lifetime.end(now) - now) - _A_YEAR
    return Seal(policy, keys).dumps(Receipt("A" * 22, "visitor", {name: Choice(True, at) for name in policy.choosable}))


def _resigned(token: str) -> str:
    """What a genuine token says, signed by somebody else who runs this middleware."""
    payload = token.rpartition(".")[0]
    signer = Signer("another site's key", salt=SALT, key_derivation="hmac", digest_method=hashlib.sha256)
    return signer.sign(payload).decode("ascii")
