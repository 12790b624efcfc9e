"""What would happen to one header line, address or piece of markup, and by which rules.

What happens is found out by letting it happen: a real engine and a real exchange, for a visitor who has chosen so. The
reasons are read from the same tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..cookies import SetCookie, lacking, pairs, read_set_cookie
from ..engine import Engine, Kind
from ..exchange import Exchange
from ..html import UNDECLARED, Finding, HTMLGate, Rules
from ..html.urls import Location, locate
from ..lifetime import Lifetime
from ..own_cookies import OWN_NAMES
from ..policy import Category, CookieRule, Policy, Service
from ..visitors import choices_of, cookies_of

_PAGE = ("Content-Type", "text/html; charset=utf-8")
_KEY = "an explanation signs only for itself"
_ONLY_REPORTED = 'mode = "report": nothing changes on the wire, everything is logged'
_Rule = tuple[Service, str]
"""A service, and the one of its scripts or inline markers that fits."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What becomes of ``subject``: the outcome in words, what leaves in its place, and why, in order."""

    subject: str
    outcome: str
    result: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Request:
    """A request that nobody sent, of a visitor over https."""

    host: str
    cookies: Sequence[str] = ()
    method: str = "GET"
    scheme: str = "https"
    root: str = ""
    path: str = "/"
    target: str = "/"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    is_local: bool = False

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


class Explainer:
    """Explains what a policy does for a visitor on ``host`` in one state: "none", "all", or the categories accepted.

    Who has accepted some has refused the others. Raises ValueError for a category that the policy does not have.
    """

    def __init__(self, policy: Policy, state: str | Sequence[str], host: str, necessary: Sequence[str] = ()) -> None:
        self._policy = policy
        self._engine = Engine(policy, secret_keys=[_KEY], necessary=necessary)
        self._host = host
        self._choices = choices_of(policy, state, self._engine.now())
        self._cookies = cookies_of(self._engine, state)
        self._rules, self._sources = _rules_by_source(policy)

    # Cookies

    def set_cookie(self, line: str) -> Explanation:
        """Explain what becomes of a Set-Cookie line."""
        cookie = read_set_cookie(line)
        headers = self._exchange().start(200, [("Content-Type", "text/plain"), ("Set-Cookie", line)])
        left = [value for name, value in headers if name == "Set-Cookie" and not _is_ours(value, line)]
        result = left[0] if left else None
        outcome = "withheld: it does not reach the browser" if result is None else _outcome(line, result)
        return self._explained(line, outcome, result, self._reasons_for_line(cookie, leaves=result is not None))

    def cookie_header(self, header: str) -> list[Explanation]:
        """Explain, cookie by cookie, what of a Cookie header the application gets to see."""
        header = header.removeprefix("Cookie:").strip()
        return [self._request_cookie(segment.strip(), name) for segment, name in pairs(header)]

    def _request_cookie(self, pair: str, name: str) -> Explanation:
        shown = self._exchange().visible(pair)
        outcome = "shown to the application" if shown else "hidden from the application"
        kind = self._engine.kind_of(name)
        reasons = [*self._reasons_for_name(name, kind)]
        if not shown and kind is not None:
            reasons.append("the next response expires it, wherever its declaration says that it lives")
        return self._explained(name or "(nameless)", outcome, shown or None, reasons)

    def _reasons_for_line(self, cookie: SetCookie | None, *, leaves: bool) -> Iterator[str]:
        if cookie is None:
            yield "browsers ignore this line: a control character, no name and value, or more than 4096 bytes of them"
            return
        now = self._engine.now()
        end = cookie.expiry(now)
        yield f"browsers read the name {cookie.name!r} and {_attributes(cookie)}"
        if cookie.is_deletion(now):
            yield "it expires the cookie, and what expires a cookie always passes"
            return
        kind = self._engine.kind_of(cookie.name)
        yield from self._reasons_for_name(cookie.name, kind)
        if leaves:
            yield from self._reasons_for_lifetime(cookie, kind, end, now)
            yield from self._reasons_for_floor(cookie, kind)

    def _reasons_for_lifetime(self, cookie: SetCookie, kind: Kind | None, end: int | None, now: int) -> Iterator[str]:
        if not cookie.lifetime.is_plain:
            yield "its lifetime is written in a way that browsers read differently, so it is written anew"
        if end is None:
            yield "it asks for no lifetime, so it ends with the session"
            return
        yield f"it asks to live until {_date(end)}"
        declared = None if kind is None else kind.rule.lifetime
        latest = self._policy.cookie_lifetime.end(now)
        if declared is not None and not declared.is_session and declared.end(now) < latest:
            yield _limit("its declaration", declared, end, now)
        elif declared is not None and declared.is_session:
            yield "its declaration says that it ends with the session"
        else:
            yield _limit("cookie_lifetime", self._policy.cookie_lifetime, end, now)

    def _reasons_for_floor(self, cookie: SetCookie, kind: Kind | None) -> Iterator[str]:
        floor = self._engine.floor
        if floor is None:
            return
        rule = None if kind is None else kind.rule
        least = floor.least(cookie.name, rule, secure=True)
        if rule is not None and (rule.same_site, rule.secure, rule.http_only) != (None, None, None):
            yield f"{_declaration(rule)} has a floor of its own, in place of the policy's"
        if lacks := lacking(cookie.tail, least):
            yield f"it lacks {', '.join(lacks)}, which the floor asks of it over https, so that is added"

    def _reasons_for_name(self, name: str, kind: Kind | None) -> Iterator[str]:
        if name in OWN_NAMES:
            yield "it is a cookie of this middleware"
            return
        if kind is None:
            yield f"no rule of the policy declares {name!r}"
            yield f'undeclared_cookies = "{self._policy.undeclared_cookies}"'
            return
        yield f"{_declaration(kind.rule)} puts it into {kind.category.name!r}"
        yield self._standing(kind.category)

    def _standing(self, category: Category) -> str:
        name = category.name
        if category.required:
            return f"{name!r} is required: always allowed, never asked"
        choice = self._choices.get(name)
        if choice is not None:
            return f"{name!r} was {'accepted' if choice.granted else 'refused'}"
        if category.exempt:
            return f"{name!r} is exempt from consent: allowed until the visitor objects"
        if category.on_request:
            return f"{name!r} comes on request only, and nobody asked for it"
        return f"{name!r} waits for a choice, and there is none"

    # Addresses and markup

    def url(self, address: str) -> Explanation:
        """Explain what becomes of an element of a page that loads an address."""
        place = locate(address)
        source = self._rules.category_of_url(address, f"https://{self._host}/")
        if source is not None:
            service, tell = self._sources[source]
            category = self._policy.categories[service.category]
            loads = not self._engine.enforces or self._exchange().decision.permits(category.name)
            outcome = "loads" if loads else "withheld: elements that load it are made inert"
            reasons = (f'"{tell}" of {_named(service)} fits', self._standing(category))
            return self._explained(address, outcome, None, reasons)
        if not isinstance(place, Location) or not place.host:
            return self._explained(address, "loads", None, ("it names no other host",))
        return self._undeclared(address, place.host)

    def _undeclared(self, address: str, host: str) -> Explanation:
        settings = self._policy.html
        own = next((own for own in (self._host, *settings.own_hosts) if host == own or host.endswith(f".{own}")), None)
        if own is not None:
            return self._explained(address, "loads", None, (f"{host} is the site's own ({own})",))
        loads = not self._engine.enforces or settings.third_party_hosts != "withhold"
        outcome = "loads" if loads else "withheld: nobody can accept it"
        reasons = (f"no script of any service fits {host}", f'third_party_hosts = "{settings.third_party_hosts}"')
        return self._explained(address, outcome, None, reasons)

    def html(self, markup: str) -> Explanation:
        """Explain what becomes of a piece of a page."""
        exchange = self._exchange()
        exchange.start(200, [_PAGE])
        source = markup.encode()
        gated = source if exchange.body is None else exchange.body.whole([source])
        reasons = [self._reason_for(finding) for finding in self._findings(source)]
        outcome = "passes as it is" if gated == source else "leaves changed"
        result = gated.decode("utf-8", "replace")
        return self._explained(markup, outcome, result, reasons or ["nothing in it belongs to a service"])

    def _findings(self, markup: bytes) -> list[Finding]:
        found: list[Finding] = []
        settings = self._policy.html
        gate = HTMLGate(
            self._rules,
            {*self._sources, *self._policy.categories},
            page=f"https://{self._host}/",
            third_party=settings.third_party_hosts,
            own_hosts=settings.own_hosts,
            on_finding=found.append,
            lazy_attributes=settings.lazy_attributes,
            css=settings.css,
            speculation_rules=settings.speculation_rules,
        )
        gate.feed(markup)
        gate.close()
        return found

    def _reason_for(self, finding: Finding) -> str:
        what = f"<{finding.element}>" + (f" from {finding.host}" if finding.host else "")
        if finding.category in self._sources:
            service, tell = self._sources[finding.category]
            category = self._policy.categories[service.category]
            return f'{what}: "{tell}" of {_named(service)} fits; {self._standing(category)}'
        if finding.category in self._policy.categories:
            return f"{what}: marked data-consent; {self._standing(self._policy.categories[finding.category])}"
        if finding.category == UNDECLARED:
            return f'{what}: nobody declared it; third_party_hosts = "{self._policy.html.third_party_hosts}"'
        return f"{what}: data-consent names {finding.category!r}, which is no category of the policy"

    def _explained(self, subject: str, outcome: str, result: str | None, reasons: Iterable[str]) -> Explanation:
        """Return an explanation that says last what stands above every rule: that none of them is enforced."""
        last = () if self._engine.enforces else (_ONLY_REPORTED,)
        return Explanation(subject, outcome, result, (*reasons, *last))

    # A visitor

    def _exchange(self) -> Exchange:
        cookies = [f"{name}={token}" for name, token in self._cookies.items()]
        return Exchange(self._engine, _Request(self._host, cookies, headers={"sec-fetch-dest": "empty"}))


def _rules_by_source(policy: Policy) -> tuple[Rules, dict[str, _Rule]]:
    """Return rules that tell not the category but the very script or marker that fits, and what each stands for."""
    sources: dict[str, _Rule] = {}
    entries: list[tuple[str, list[str], list[str]]] = []
    for service in policy.services:
        for tell, is_inline in [(t, False) for t in service.scripts] + [(t, True) for t in service.inline]:
            key = f"rule {len(sources)}"
            sources[key] = (service, tell)
            entries.append((key, [] if is_inline else [tell], [tell] if is_inline else []))
    return Rules(entries, categories=policy.categories), sources


def _outcome(line: str, result: str) -> str:
    before, after = read_set_cookie(line), read_set_cookie(result)
    if result == line or before is None or after is None:
        return "passes as it is"
    lives_on = before.lifetime == after.lifetime
    is_as_weak = _protection(before) == _protection(after)
    changes = [*([] if lives_on else ["another lifetime"]), *([] if is_as_weak else ["stronger attributes"])]
    return f"passes with {' and '.join(changes)}"


def _protection(cookie: SetCookie) -> tuple[bool, bool, str]:
    return cookie.secure, cookie.http_only, cookie.same_site


def _is_ours(value: str, line: str) -> bool:
    return value != line and value.partition("=")[0] in OWN_NAMES


def _declaration(rule: CookieRule) -> str:
    if rule.service:
        return f"the rule {rule.name!r} of the service {rule.service}"
    return f"the rule {rule.name!r}"


def _named(service: Service) -> str:
    return f"{service.id} ({service.name})"


def _attributes(cookie: SetCookie) -> str:
    names = [name for name, _ in cookie.attributes if name]
    return ", ".join(names) if names else "no attributes"


def _limit(what: str, lifetime: Lifetime, end: int, now: int) -> str:
    latest = lifetime.end(now)
    verdict = "which is less, so it is shortened" if end > latest else "which is no less"
    return f"{what} allows {lifetime}, until {_date(latest)}, {verdict}"


def _date(instant: int) -> str:
    try:
        return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return "the end of time"
