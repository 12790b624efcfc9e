"""The whole story of a request, without any I/O: what the application may see, and what may leave.

A shell opens one Exchange per request and drives it in a fixed order: ``is_ours`` and, if so, ``answer``; otherwise
``visible`` for each Cookie header, then the application, then ``start`` with its status and headers. ``records`` are
to be stored before ``start`` or before the reply leaves; ``store_failed`` says that it could not be done.

Header gates fail closed: should anything here raise, only what is necessary passes, and the page is still served.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from typing import Any

from .caching import is_shared, keep_private, vary_on
from .cookies import NameTable, SetCookie, cap_line, deletions, read_set_cookie, visible_cookies
from .decision import Decision, Visit
from .endpoints import BODY_LIMIT, Endpoints, Refusal
from .errors import ConfigurationError
from .http import Headers, Reply, Request
from .policy import Category, CookieRule, Policy
from .record import Record, State
from .seal import Receipt, Seal
from .signals import refuses_by_gpc

logger = logging.getLogger("consent_middleware")

PolicySource = Policy | str | PathLike[str] | Mapping[str, Any] | None
Applies = Callable[[Request], bool]

_SWEEP_LIMIT = 4096
"""Bytes of deletions in one response. Common proxies buffer 4 to 8 kB of headers and fail beyond; what does not fit
is hidden from the application all the same and expired with the next response."""

# How many different cookie names, and ends of their lifetimes within a second, a busy site is likely to see.
_NAMES_REMEMBERED = 1000
_ENDS_REMEMBERED = 64
_PLAIN_PAIR, _PLAIN_TAIL = 4096, 256


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What a declared cookie name stands for; one object for each rule, and compared as such."""

    rule: CookieRule
    category: Category

    @property
    def session_only(self) -> bool:
        return self.rule.lifetime is not None and self.rule.lifetime.is_session


class Engine:
    """One site's gate, built once: everything that can be decided at start-up is decided here.

    ``necessary`` are cookie names (exact or with a trailing ``*``) known to be necessary without being declared, such
    as the session cookie of a framework; a rule of the policy for the same name wins. ``token`` returns 16 fresh
    random octets as 22 URL-safe characters. Raises PolicyError or ConfigurationError.
    """

    def __init__(
        self,
        policy: PolicySource = None,
        *,
        secret_keys: str | bytes | Iterable[str | bytes],
        prefix: str = "/_consent",
        clock: Callable[[], float] = time.time,
        applies: Applies | None = None,
        necessary: Iterable[str] = (),
        token: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        self.policy = policy = as_policy(policy)
        self.prefix = checked_prefix(prefix)
        self.clock = clock
        self.applies = applies
        self.token = token
        self.seal = Seal(policy, secret_keys)
        self.endpoints = Endpoints(policy, prefix)
        self.inside_prefix = prefix + "/"
        self.enforces = policy.mode == "enforce"
        self.varies_on = ("Cookie", "Sec-GPC") if any(c.gpc for c in policy.categories.values()) else ("Cookie",)
        kinds = _kinds(policy, [*OWN_NAMES, *necessary])
        self.homes = _homes(policy)
        self.kind_of = NameTable(kinds).lookup
        self.necessary = {
            name: kind for name, kind in kinds.items() if kind.category.required and not name.endswith("*")
        }
        # As they stand before the "=" of a Cookie header, where all but the first come after "; ".
        self.always_shown = frozenset([*self.necessary, *(f" {name}" for name in self.necessary)])
        self.latest = lru_cache(_ENDS_REMEMBERED)(self._latest)
        self.is_within = lru_cache(_ENDS_REMEMBERED)(self._is_within)
        self._is_twin = lru_cache(8)(self._compare)
        self._reported: set[tuple[str, str]] = set()

    def open(self, request: Request) -> Exchange:
        """Begin one request."""
        return Exchange(self, request)

    def stands_behind(self, outer: object) -> bool:
        """Whether the same policy is already enforced further out, so that doing it again would change nothing."""
        return isinstance(outer, Decision) and self._is_twin(outer.reader)

    def now(self) -> int:
        """Return the instant, in epoch seconds."""
        return int(self.clock())

    def visit(self, request: Request, now: int) -> Visit:
        """Read what a request tells about consent. Anything that cannot be read is no choice."""
        try:
            receipt = self.seal.newest(_values(request.cookies, self.cookie_name(request.scheme)), now)
            return Visit(receipt, now, self._applies_to(request))
        except Exception:
            logger.exception("consent.fault: the consent cookie could not be read; taken as no choice")
            return Visit(None, now, applies=True)

    def gpc(self, request: Request) -> bool:
        """Read whether the browser refuses on the visitor's behalf. What cannot be read is a refusal."""
        try:
            return refuses_by_gpc(request)
        except Exception:
            logger.exception("consent.fault: Sec-GPC could not be read; taken as a refusal")
            return True

    def is_plain(self, line: str, now: int) -> bool:
        """Whether a Set-Cookie line is beyond doubt one of a necessary cookie that needs no cap.

        One look at most lines of most sites (1 instead of 5 microseconds); where it says no, the line has to be read.
        """
        end = line.find(";")
        pair, tail = (line, "") if end < 0 else (line[:end], line[end:])
        kind = self.necessary.get(pair.partition("=")[0])
        # What is printable has no control characters, and below both limits nothing else matters to browsers.
        if kind is None or len(pair) > _PLAIN_PAIR or len(tail) > _PLAIN_TAIL or not line.isprintable():
            return False
        return self.is_within(kind, tail, now)

    def cookie_name(self, scheme: str) -> str:
        """Return the name of our cookie: only over https can a browser vouch for where it came from."""
        if scheme not in ("https", "wss"):
            return "consent"
        return "__Secure-consent" if self.policy.cookie_domain else "__Host-consent"

    def only_necessary(self, headers: Headers) -> Headers:
        """Return the headers without any Set-Cookie that is not plainly necessary; for when all else has failed."""
        return [
            (name, value)
            for name, value in headers
            if name.lower() != "set-cookie" or self._is_necessary(value.partition("=")[0].strip(" \t"))
        ]

    def only_necessary_cookies(self, header: str) -> str:
        """Return a Cookie header without anything that is not plainly necessary; for when all else has failed."""
        pairs = (pair.strip(" \t") for pair in header.split(";"))
        return "; ".join(pair for pair in pairs if self._is_necessary(pair.partition("=")[0]))

    def report(self, level: int, code: str, name: str, explanation: str) -> None:
        """Log once what happened to a cookie name. Never a value, a query or anything about the visitor."""
        name = name[:80]
        if (code, name) not in self._reported and len(self._reported) < _NAMES_REMEMBERED:
            self._reported.add((code, name))
            logger.log(level, "%s: cookie %r %s", code, name, explanation)

    def _is_necessary(self, name: str) -> bool:
        kind = self.kind_of(name)
        return kind is not None and kind.category.required

    def _applies_to(self, request: Request) -> bool:
        if self.applies is None:
            return True
        try:
            return bool(self.applies(request))
        except Exception:
            logger.exception("consent.fault: the applies() callable raised; the policy is taken to apply")
            return True

    def _compare(self, other: object) -> bool:
        return isinstance(other, Engine) and (other.policy, other.prefix, other.applies) == (
            self.policy,
            self.prefix,
            self.applies,
        )

    def _is_within(self, kind: Kind, tail: str, now: int) -> bool:
        """Whether a line's tail states a lifetime that is plain and not too long."""
        cookie = SetCookie(kind.rule.name, "", tail)
        return cap_line(cookie, tail, now, self.latest(kind, now), kind.session_only) is tail

    def _latest(self, kind: Kind | None, now: int) -> int:
        end = self.policy.cookie_lifetime.end(now)
        lifetime = None if kind is None else kind.rule.lifetime
        return end if lifetime is None or lifetime.is_session else min(end, lifetime.end(now))


class Exchange:
    """One request and its response. See the module for the order of calls."""

    __slots__ = ("_engine", "_optional", "_receipt", "_recorded", "_reply", "_request", "decision", "is_ours")

    def __init__(self, engine: Engine, request: Request) -> None:
        self._engine = engine
        self._request = request
        self._optional: dict[str, CookieRule] = {}
        self._receipt: Receipt | None = None
        self._recorded = 0
        self._reply: Reply | None = None
        self.is_ours = request.path.startswith(engine.inside_prefix)
        """Whether this request is for our own addresses, and the application never sees it."""
        self.decision = Decision(engine, request)

    # The request

    def visible(self, header: str) -> str:
        """Return a Cookie header as the application may see it, the same object when nothing is hidden."""
        try:
            # Most are necessary through and through, and need no more than a look (0.2 microseconds for each cookie).
            always = self._engine.always_shown
            for pair in header.split(";"):
                name, equals, _ = pair.partition("=")
                if name not in always or not equals:
                    return visible_cookies(header, self._shows, always, self._shows_bare)
            return header
        except Exception:
            logger.exception("consent.fault: request cookies could not be read; only necessary ones are shown")
            return self._engine.only_necessary_cookies(header)

    def answer(self, body: bytes | None) -> None:
        """Take in a request of ours; ``body`` is at most ``body_limit`` bytes, or None when there was more."""
        try:
            for header in self._request.cookies:
                visible_cookies(header, self._shows, allows_bare=self._shows_bare)
            self._reply = self._engine.endpoints.answer(self._request, self.decision, body)
        except Exception:
            logger.exception("consent.fault: a request of our own could not be answered; nothing was changed")
            self.decision.undo()
            self._apologise()

    @property
    def body_limit(self) -> int:
        """How many bytes of the body of a request of ours are worth reading."""
        return BODY_LIMIT if self._request.method == "POST" else 0

    # The response

    @property
    def has_records(self) -> bool:
        """Whether something was decided in this request that is not stored yet."""
        return len(self.decision.acts) != self._recorded

    def take_records(self) -> list[Record]:
        """Return, once, the proof of what was decided in this request: to be stored before the visitor is told."""
        if not self.has_records:
            return []
        self._recorded = len(self.decision.acts)
        try:
            return [self._record()]
        except Exception:
            logger.exception("consent.fault: no record could be made; grants are not honoured without one")
            self.store_failed()
            return []

    def store_failed(self) -> None:
        """The records could not be stored: a grant is taken back, a refusal or withdrawal stands anyway."""
        if self.decision.keep_refusals():
            self._apologise()
        self._recorded = len(self.decision.acts)

    @property
    def reply(self) -> Reply:
        """The answer to a request of ours as it leaves, cookies included."""
        reply = self._reply
        if reply is None:
            raise RuntimeError("reply: answer() comes first")
        headers = self.start(reply.status, [*reply.headers, ("Content-Length", str(len(reply.body)))])
        return Reply(reply.status, tuple(headers), b"" if self._request.method == "HEAD" else reply.body)

    def leaves_as_is(self, set_cookies: Iterable[str]) -> bool:
        """Whether a response with these Set-Cookie lines plainly may leave as it is, which spares calling ``start``.

        Plainly: nobody asked for the decision, and every cookie is a necessary one that keeps within its lifetime.
        """
        decision = self.decision
        if self._optional or decision.consulted or decision.acts:
            return False
        for line in set_cookies:
            if not self._engine.is_plain(line, decision.now):
                return False
        decision.close()
        return True

    def start(self, status: int, headers: Headers) -> Headers:
        """Return the headers as they may leave, the same list when nothing changes. From here on acting is an error."""
        self.decision.close()
        try:
            return self._gated(status, headers)
        except Exception:
            logger.exception("consent.fault: response headers could not be gated; only necessary cookies are sent")
            return self._engine.only_necessary(headers)

    def trailers(self, headers: Headers) -> Headers:
        """Return trailer fields without Set-Cookie, which is not allowed there (RFC 9110, 6.5.1)."""
        return [field for field in headers if field[0].lower() != "set-cookie"]

    # How it is done

    def _apologise(self) -> None:
        if self.is_ours:
            self._reply = self._engine.endpoints.refuse(self._request, Refusal(503, "not-stored"))

    def _gated(self, status: int, headers: Headers) -> Headers:
        engine, decision = self._engine, self.decision
        personal = decision.consulted or bool(decision.acts)
        out: Headers = []
        for field in headers:
            if len(field[0]) == 10 and field[0].lower() == "set-cookie":
                line, optional = self._line(field[1])
                personal = personal or optional
                if line is None:
                    continue
                if line is not field[1]:
                    field = (field[0], line)
            out.append(field)
        own = self._own_cookie() if decision.acts else []
        unwanted = self._unwanted() if engine.enforces else {}
        swept = self._sweep(unwanted) if unwanted and self._may_sweep(status, out) else []
        out += [("Set-Cookie", line) for line in [*own, *swept]]
        if (personal or swept) and (engine.enforces or own):
            out = keep_private(vary_on(out, engine.varies_on))
        return headers if out == headers else out

    def _line(self, line: str) -> tuple[str | None, bool]:
        """Return a Set-Cookie line as it may leave (None: not at all), and whether consent could have changed that."""
        engine = self._engine
        cookie = read_set_cookie(line)
        if cookie is None:
            engine.report(
                logging.WARNING, "consent.C001", _name_in(line), "is in a line that browsers ignore; it was not sent"
            )
            return (None if engine.enforces else line), False
        now = self.decision.now
        kind = engine.kind_of(cookie.name)
        required = kind is not None and kind.category.required
        session_only = kind is not None and kind.session_only
        capped = cap_line(cookie, line, now, engine.latest(kind, now), session_only)
        if capped is not line:
            engine.report(logging.INFO, "consent.C004", cookie.name, "was given the lifetime that the policy allows")
        leaves = required or cookie.is_deletion(now) or self._permits(cookie.name, kind)
        optional = kind is not None and not required
        if not engine.enforces:
            return line, optional
        return (capped if leaves else None), optional

    def _permits(self, name: str, kind: Kind | None) -> bool:
        """Whether a cookie of this name may be set or seen."""
        if kind is not None:
            if kind.category.required or self.decision.permits(kind.category.name):
                return True
            self._engine.report(logging.DEBUG, "consent.C002", name, f"waits for consent to {kind.category.name!r}")
            return False
        undeclared = self._engine.policy.undeclared_cookies
        if undeclared != "allow":
            self._engine.report(
                logging.WARNING, "consent.C003", name, _declare(name, withheld=undeclared == "withhold")
            )
        return undeclared != "withhold" or not self.decision.visit.applies

    def _shows(self, name: str) -> bool:
        """Whether a request cookie may be seen, remembering what consent decides about."""
        kind = self._engine.kind_of(name)
        if kind is None:
            shown = self._permits(name, None)
        elif kind.category.required:
            return True
        else:
            self._optional[name] = kind.rule
            shown = self.decision.permits(kind.category.name)
        return shown or not self._engine.enforces

    def _shows_bare(self, text: str) -> bool:
        """Whether the text of a nameless cookie may be seen, as far as it is also a name that we know.

        It is a value, so it must not come into a log as a name that nobody declared.
        """
        return self._engine.kind_of(text) is None or self._shows(text)

    def _may_sweep(self, status: int, headers: Headers) -> bool:
        """Whether deletions may ride on this response.

        Not on a 304, whose fields a cache must copy into what it has stored (RFC 9111, 3.2), nor on what the
        application shares with everybody: there the deletion would reach visitors who did consent.
        """
        return bool(self.decision.acts) or (status != 304 and not is_shared(headers))

    def _sweep(self, unwanted: Mapping[str, CookieRule]) -> list[str]:
        """The lines that expire these cookies, as many as a response can carry."""
        lines: list[str] = []
        size = 0
        for name, rule in unwanted.items():
            expiring = self._deletions(name, rule)
            cost = sum(map(len, expiring))
            if cost > _SWEEP_LIMIT:  # it would never fit, and keep the others waiting for ever
                continue
            size += cost
            if size > _SWEEP_LIMIT:
                break
            lines += expiring
        return lines

    def _deletions(self, name: str, rule: CookieRule) -> list[str]:
        """The lines that expire one cookie at every place declared for it: one name may stand for several."""
        host, secure = self._request.host, self._request.scheme in ("https", "wss")
        lines = (
            line
            for home in self._engine.homes[rule.name]
            for line in deletions(
                name, host, secure=secure, domain=home.domain, paths=(home.path,), partitioned=home.partitioned
            )
        )
        return list(dict.fromkeys(lines))

    def _unwanted(self) -> dict[str, CookieRule]:
        """What the visitor no longer allows and may still have, as far as we know it."""
        seen = {name: rule for name, rule in self._optional.items() if not self.decision.permits(rule.category)}
        if not self.decision.acts:
            return seen
        withdrawn = {name for act in self.decision.acts for name, granted in act.answers.items() if not granted}
        # A cookie that lives on another path is not sent with this request, so it is expired unseen.
        elsewhere = {
            rule.name: rule
            for rule in self._engine.policy.rules
            if rule.category in withdrawn and rule.path != "/" and not rule.name.endswith("*")
        }
        return {**seen, **{n: r for n, r in elsewhere.items() if not self.decision.permits(r.category)}}

    def _own_cookie(self) -> list[str]:
        """Our own cookie, sent only when something was decided: a choice never slides along with visits."""
        receipt, now = self._new_receipt(), self.decision.visit.now
        lifetime = self._engine.policy.consent_lifetime
        age = max(lifetime.end(choice.at) for choice in receipt.choices.values()) - now
        request = self._request
        parts = [
            f"{self._engine.cookie_name(request.scheme)}={self._engine.seal.dumps(receipt)}",
            f"Max-Age={age}",
            "Path=/",
            "HttpOnly",
            "SameSite=Lax",
        ]
        if request.scheme in ("https", "wss"):
            parts.append("Secure")
        domain = (self._engine.policy.cookie_domain or "").lstrip(".")
        hostname = request.host.partition(":")[0].lower()
        if domain and (hostname == domain or hostname.endswith(f".{domain}")):
            parts.append(f"Domain={domain}")
        return ["; ".join(parts)]

    def _new_receipt(self) -> Receipt:
        previous = self._receipt or self.decision.visit.receipt
        who = previous.who if previous else self._engine.token()
        self._receipt = Receipt(who, self.decision.acts[-1].source, self.decision.choices)
        return self._receipt

    def _record(self) -> Record:
        decision, engine, receipt = self.decision, self._engine, self._new_receipt()
        act = decision.acts[-1]
        now, previous = decision.visit.now, decision.visit.receipt
        choices = {name: choice.granted for name, choice in decision.choices.items()}
        return Record(
            record_id=engine.seal.id_of(receipt),
            subject=receipt.who,
            previous=previous.id if previous else None,
            state=_state_of(act.mechanism, choices),
            choices=choices,
            decided_at=now,
            expires_at=engine.policy.consent_lifetime.end(now),
            mechanism=act.mechanism,
            source=act.source,
            policy_version=engine.policy.version,
            fingerprint=engine.policy.fingerprint,
            host=self._request.host,
            gpc=decision.gpc,
        )


OWN_NAMES = ("__Host-consent", "__Secure-consent", "consent")


def as_policy(source: PolicySource) -> Policy:
    """Return the policy itself, or the one in a file, in a mapping, or the default for None. Raises PolicyError."""
    if source is None:
        return Policy()
    if isinstance(source, Policy):
        return source
    return Policy.from_dict(source) if isinstance(source, Mapping) else Policy.load(source)


def checked_prefix(prefix: str) -> str:
    """Return the prefix of our addresses if it is a plain path. Raises ConfigurationError."""
    if not prefix.startswith("/") or prefix.endswith("/") or "//" in prefix or not prefix.isascii():
        raise ConfigurationError(
            f'prefix: {prefix!r} is not a path; write it like "/_consent", without a slash at the end'
        )
    return prefix


def _kinds(policy: Policy, necessary: Iterable[str]) -> dict[str, Kind]:
    required = next((c for c in policy.categories.values() if c.required), Category(name="necessary", required=True))
    known = {name: Kind(CookieRule(name=name, category=required.name), required) for name in necessary}
    return known | {rule.name: Kind(rule, policy.categories[rule.category]) for rule in policy.rules}


def _homes(policy: Policy) -> Mapping[str, Sequence[CookieRule]]:
    """Every rule by the name it declares."""
    homes: dict[str, list[CookieRule]] = {}
    for rule in policy.rules:
        homes.setdefault(rule.name, []).append(rule)
    return homes


def _values(headers: Iterable[str], name: str) -> Iterable[str]:
    """Every value of one cookie, wherever it stands."""
    for header in headers:
        if name in header:
            for pair in header.split(";"):
                if name in pair:
                    found, equals, value = pair.partition("=")
                    if equals and found.strip(" \t") == name:
                        yield value.strip(" \t")


def _state_of(mechanism: str, choices: Mapping[str, bool]) -> State:
    if any(choices.values()):
        return "given" if all(choices.values()) else "partial"
    return "withdrawn" if mechanism in ("withdraw", "deny") else "refused"


def _name_in(line: str) -> str:
    """The name in a line that browsers do not read, "" if it could as well be a value."""
    name, equals, _ = line.partition(";")[0].partition("=")
    return name.strip(" \t") if equals else ""


def _declare(name: str, *, withheld: bool) -> str:
    fate = "was withheld" if withheld else "was let through"
    # JSON strings are TOML strings, and in them no visitor's cookie name begins a line of the log.
    quoted = json.dumps(name[:80])
    return f"{fate}: no rule of the policy declares it; add [[cookies]] with name = {quoted} and its category"
