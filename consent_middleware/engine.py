"""What is decided once for a site, at start-up, so that a request has only to look it up."""

from __future__ import annotations

import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from inspect import iscoroutinefunction
from os import PathLike
from typing import Any, ParamSpec, TypeVar, cast

from .cookies import NameTable, SetCookie, cap_line, protect_line
from .decision import Decision, Visit, standing_of
from .deployment import as_deployed, is_for_development
from .deposits import DepositSeal, FirstDays
from .endpoints import Endpoints
from .errors import ConfigurationError
from .floor import Floor
from .foreign import told
from .html.literals import trie_pattern
from .http import Headers, Request, is_set_cookie
from .markup import Markup
from .metrics import counters
from .own_cookies import OWN_NAMES, choice_name, first_name
from .policy import Category, CookieRule, KnownCookie, Policy
from .policy_page import CookiePolicy
from .record import Shown
from .reports import Reporter
from .seal import Seal, checked_keys
from .shown import what_is_shown
from .signals import refuses_by_dnt, refuses_by_gpc
from .summary import Summary
from .views import Views
from .walls import Walls

logger = logging.getLogger("consent_middleware")

PolicySource = Policy | str | PathLike[str] | Mapping[str, Any] | None
Applies = Callable[[Request], bool]

# How many different cookie names, and ends of their lifetimes within a second, a busy site is likely to see.
_NAMES_REMEMBERED = 1000
_ENDS_REMEMBERED = 64
_STANDINGS_REMEMBERED = 256
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+", re.ASCII)
_NO_CONTACT = "does not tell visitors whom to ask about it: give it a controller and a contact"
_P = ParamSpec("_P")
_R = TypeVar("_R")
_PLAIN_PAIR, _PLAIN_TAIL = 4096, 256


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What a declared cookie name stands for; one object for each rule, and compared as such."""

    rule: CookieRule
    category: Category

    @property
    def is_free(self) -> bool:
        """Whether neither consent nor age decides about it, so that a cap on each of its lines is all it needs."""
        return self.category.required and not self.category.first_deposit

    @property
    def session_only(self) -> bool:
        return self.rule.lifetime is not None and self.rule.lifetime.is_session


class Engine:
    """One site's gate, built once: everything that can be decided at start-up is decided here.

    ``necessary`` are cookie names (exact or with a trailing ``*``) known to be necessary without being declared, such
    as the session cookie of a framework; a rule of the policy for the same name wins. ``token`` returns 16 fresh
    random octets as 22 URL-safe characters. ``environ`` is what the environment says about this deployment, see
    ``deployment``. Raises PolicyError or ConfigurationError.
    """

    def __init__(
        self,
        policy: PolicySource = None,
        *,
        secret_keys: str | bytes | Iterable[str | bytes],
        prefix: str = "/_consent",
        clock: Callable[[], float] = time.time,
        applies: Applies | None = None,
        necessary: Iterable[str | KnownCookie] = (),
        token: Callable[[], str] = lambda: secrets.token_urlsafe(16),
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.policy = policy = as_deployed(as_policy(policy), environ)
        self.prefix = checked_prefix(prefix)
        self.clock = _checked_callable("clock", clock)
        self.applies = None if applies is None else _checked_callable("applies", applies)
        self.summary = Summary(policy, self.now) if is_for_development(environ) else None
        """What the site was seen doing, on a machine where it is developed; nowhere else."""
        counting = counters(policy.reports.metrics, policy.mode, policy.categories)
        self.reporter = Reporter(mode=policy.mode, listeners=[*counting, *([self.summary] if self.summary else [])])
        self.token = token
        self.keys = checked_keys(secret_keys)
        self.seal = Seal(policy, self.keys)
        self.deposits = DepositSeal(self.keys)
        self.deposited: set[Kind] = set()
        """Of which rules this process has seen the application set cookies whose lives are counted."""
        self._shown: dict[str, Shown] = {}
        if not policy.contact:
            # A policy file without one is refused by the loader; the default policy cannot know it.
            self.reporter.report(
                logging.WARNING, "consent.C008", policy.version or "default", _NO_CONTACT, what="policy"
            )
        known = (*known_cookies(necessary), *(KnownCookie(name=reading.cookie) for reading in policy.reads))
        self.cookie_policy = CookiePolicy(policy, known)
        self.views = Views() if policy.banner.count else None
        self.inside_prefix = prefix + "/"
        self.enforces = policy.mode == "enforce"
        floor = Floor(policy)
        self.floor = floor if floor.is_needed else None
        """What cookies have to be like when they leave; None where they may be as they are."""
        self.varies_on_signal = ("Cookie", "Sec-GPC", "DNT") if policy.dnt else ("Cookie", "Sec-GPC")
        kinds = _kinds(policy, [*OWN_NAMES, *(cookie.name for cookie in known)])
        self.homes = _homes(policy)
        self.kind_of = NameTable(kinds).lookup
        self.necessary = {name: kind for name, kind in kinds.items() if kind.is_free and not name.endswith("*")}
        if self.summary is not None:
            self.necessary = {}  # what is to be seen does not take the short way past the gates
        self.holds_only_necessary = _cookie_header_of(self.necessary)
        """Matches a Cookie header in which every cookie plainly is a necessary one."""
        # As they stand before the "=" of a Cookie header, where all but the first come after "; ".
        self.always_shown = frozenset([*self.necessary, *(f" {name}" for name in self.necessary)])
        categories = {name: kind.category.name for name, kind in kinds.items()}
        watch = None if self.summary is None else self.summary.saw_host
        markup = Markup(policy, prefix, self.reporter, categories, token, watch)
        self.markup = markup if markup.is_needed else None
        self.endpoints = Endpoints(policy, prefix, self.cookie_policy, markup.assets, token, self.summary)
        self.standing = lru_cache(_STANDINGS_REMEMBERED)(partial(standing_of, policy))
        self.strictest = standing_of(
            policy, tuple((name, False) for name in policy.choosable), "default", gpc=True, applies=True
        )
        """How a visitor stands about whom nothing can be found out."""
        self.shares_pages = policy.html.cache == "shared" and self.enforces
        """Whether pages are the same for everybody, whoever asks for them."""
        self.anybody = standing_of(policy, (), "default", gpc=False, applies=True)._replace(
            withheld=frozenset(policy.choosable)
        )
        """How the visitor of a page stands that is the same for everybody."""
        self.walls = Walls(policy, prefix, markup) if markup.is_needed else None
        self.latest = lru_cache(_ENDS_REMEMBERED)(self._latest)
        self.is_within = lru_cache(_ENDS_REMEMBERED)(self._is_within)
        self._is_twin = lru_cache(8)(self._compare)

    def shown_in(self, language: str) -> Shown:
        """Return what a visitor sees when choosing in this language; made once, kept for as long as the site runs."""
        if language not in self._shown:
            self._shown[language] = what_is_shown(self.policy, self.cookie_policy, self.prefix, language)
        return self._shown[language]

    def shown(self, ui_hash: str) -> bytes | None:
        """Return the document that was shown under this hash, None if it was not since the start."""
        return next((shown.document for shown in self._shown.values() if shown.hash == ui_hash), None)

    def stands_behind(self, outer: object) -> bool:
        """Whether the same policy is already enforced further out, so that doing it again would change nothing."""
        return isinstance(outer, Decision) and self._is_twin(outer.reader)

    def now(self) -> int:
        """Return the instant, in epoch seconds."""
        return int(self.clock())

    def visit(self, request: Request, now: int) -> Visit:
        """Read what a request tells about consent. Anything that cannot be read is no choice."""
        try:
            receipt = self.seal.newest(_values(request.cookies, choice_name(self.policy, request.scheme)), now)
            return Visit(receipt, now, self._applies_to(request))
        except Exception:
            logger.exception("consent.fault: the consent cookie could not be read; taken as no choice")
            return Visit(None, now, applies=True)

    def first_days(self, request: Request) -> FirstDays:
        """Read since when the visitor has which cookie. What cannot be read is not known."""
        try:
            return self.deposits.loads(_values(request.cookies, first_name(self.policy, request.scheme)))
        except Exception:
            logger.exception("consent.fault: the first days of cookies could not be read; lifetimes count from now")
            return FirstDays({})

    def gpc(self, request: Request) -> bool:
        """Read whether the browser refuses on the visitor's behalf. What cannot be read is a refusal."""
        try:
            return refuses_by_gpc(request) or (self.policy.dnt and refuses_by_dnt(request))
        except Exception:
            logger.exception("consent.fault: the browser's signal could not be read; taken as a refusal")
            return True

    def foreign(self, request: Request, now: int) -> Mapping[str, bool]:
        """Read what other consent tools noted, by category; of two that differ, the no. What cannot be read is none."""
        answers: dict[str, bool] = {}
        try:
            cookies = [*_pairs(request.cookies)]
            for reading in self.policy.reads:
                for category, yes in told(reading, cookies, now, self.policy.consent_lifetime).items():
                    answers[category] = yes and answers.get(category, True)
            return answers
        except Exception:
            logger.exception("consent.fault: another tool's cookie could not be read; taken as no choice")
            return {}

    def is_plain(self, line: str, now: int) -> bool:
        """Whether a Set-Cookie line is beyond doubt one of a necessary cookie that needs no cap.

        One look at most lines of most sites (1 instead of 5 microseconds); where it says no, the line has to be read.
        """
        end = line.find(";")
        pair, tail = (line, "") if end < 0 else (line[:end], line[end:])
        name, equals, _ = pair.partition("=")
        kind = self.necessary.get(name) if equals else None
        # What is printable has no control characters, and below both limits nothing else matters to browsers.
        if kind is None or len(pair) > _PLAIN_PAIR or len(tail) > _PLAIN_TAIL or not line.isprintable():
            return False
        return self.is_within(kind, tail, now)

    def end_of_life(self, kind: Kind, first: int) -> int:
        """Return when a cookie that was first set at ``first`` has to be gone (epoch seconds)."""
        return self._latest(kind, first)

    def policy_fragment(self, request: Request, language: str = "") -> str:
        """Return the cookie policy as HTML to stand in a page: in this language if the site has it, else the visitor's.

        Its sections have headings of level 2. Nothing in it depends on what the visitor chose.
        """
        return self.cookie_policy.html(self.endpoints.place_of(request, language))

    def only_necessary(self, headers: Headers) -> Headers:
        """Return the headers without any Set-Cookie that is not plainly necessary; for when all else has failed."""
        return [field for field in headers if self._is_harmless(*field)]

    def only_necessary_cookies(self, header: str) -> str:
        """Return a Cookie header without anything that is not plainly necessary; for when all else has failed."""
        pairs = (pair.strip(" \t") for pair in header.split(";"))
        return "; ".join(pair for pair in pairs if self._is_necessary(pair.partition("=")[0]))

    def _is_harmless(self, name: str, value: str) -> bool:
        try:
            return not is_set_cookie(name) or self._is_necessary(value.partition("=")[0].strip(" \t"))
        except Exception:  # what is not even text cannot be told to be harmless
            return False

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
        return isinstance(other, Engine) and other._promises() == self._promises()

    def _promises(self) -> tuple[object, ...]:
        return self.policy, self.prefix, self.applies

    def _is_within(self, kind: Kind, tail: str, now: int) -> bool:
        """Whether a line's tail states a lifetime that is plain and not too long, and protects its cookie enough."""
        cookie = SetCookie(kind.rule.name, "", tail)
        if cap_line(cookie, tail, now, self.latest(kind, now), kind.session_only) is not tail:
            return False
        # What is enough over https is so over http as well.
        floor = self.floor
        return floor is None or protect_line(tail, floor.least(kind.rule.name, kind.rule, secure=True)) is tail

    def _latest(self, kind: Kind | None, now: int) -> int:
        end = self.policy.cookie_lifetime.end(now)
        lifetime = None if kind is None else kind.rule.lifetime
        return end if lifetime is None or lifetime.is_session else min(end, lifetime.end(now))


def as_policy(source: PolicySource) -> Policy:
    """Return the policy itself, or the one in a file, in a mapping, or the default for None. Raises PolicyError."""
    if source is None:
        return Policy()
    if isinstance(source, Policy):
        return source
    return Policy.from_dict(source) if isinstance(source, Mapping) else Policy.load(source)


def checked_names(names: object) -> tuple[str, ...]:
    """Return cookie names, or the only one, if they can stand for cookies. Raises ConfigurationError."""
    several = isinstance(names, Iterable) and not isinstance(names, str)
    listed: list[object] = list(cast("Iterable[object]", names)) if several else [names]
    for name in listed:
        if not isinstance(name, str) or not name.rstrip("*") or "*" in name[:-1]:
            raise ConfigurationError(
                f'necessary: {name!r} is no cookie name; write names like "session", or "cart_*" for all that begin so'
            )
    return tuple(cast("list[str]", listed))


def known_cookies(necessary: object) -> tuple[KnownCookie, ...]:
    """Return necessary cookies, those of which only the name is given too. Raises ConfigurationError."""
    several = isinstance(necessary, Iterable) and not isinstance(necessary, str)
    given: list[object] = list(cast("Iterable[object]", necessary)) if several else [necessary]
    names = checked_names([cookie.name if isinstance(cookie, KnownCookie) else cookie for cookie in given])
    return tuple(
        cookie if isinstance(cookie, KnownCookie) else KnownCookie(name=name)
        for cookie, name in zip(given, names, strict=True)
    )


def checked_prefix(prefix: object) -> str:
    """Return the prefix of our addresses if it is a plain path. Raises ConfigurationError."""
    if not isinstance(prefix, str) or _PREFIX.fullmatch(prefix) is None:
        raise ConfigurationError(
            f'prefix: {prefix!r} is not a plain path; write it like "/_consent", without a slash at its end'
        )
    return prefix


def _checked_callable(name: str, value: Callable[_P, _R]) -> Callable[_P, _R]:
    if not callable(value):
        raise ConfigurationError(f"{name}: {value!r} cannot be called; pass a function")
    if iscoroutinefunction(value):
        raise ConfigurationError(
            f"{name}: {value!r} is asynchronous, and its answer is needed at once; pass a function"
        )
    return value


def _kinds(policy: Policy, necessary: Iterable[str]) -> dict[str, Kind]:
    required = next((c for c in policy.categories.values() if c.required), Category(name="necessary", required=True))
    known = {name: Kind(CookieRule(name=name, category=required.name), required) for name in necessary}
    return known | {rule.name: Kind(rule, policy.categories[rule.category]) for rule in policy.rules}


def _cookie_header_of(names: Iterable[str]) -> Callable[[str], re.Match[str] | None]:
    """Return a match for the whole of a Cookie header that has cookies of these names only, each with its "="."""
    pair = rf" ?{trie_pattern(names) or '(?!)'}=[^;]*+"
    return re.compile(f"{pair}(?:;{pair})*+").fullmatch


def _homes(policy: Policy) -> Mapping[str, Sequence[CookieRule]]:
    """Every rule by the name it declares."""
    homes: dict[str, list[CookieRule]] = {}
    for rule in policy.rules:
        homes.setdefault(rule.name, []).append(rule)
    return homes


def _pairs(headers: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Every cookie that has a name, with its value."""
    for header in headers:
        for pair in header.split(";"):
            name, equals, value = pair.partition("=")
            if equals:
                yield name.strip(" \t"), value.strip(" \t")


def _values(headers: Iterable[str], name: str) -> Iterable[str]:
    """Every value of one cookie, wherever it stands."""
    for header in headers:
        if name in header:
            for pair in header.split(";"):
                if name in pair:
                    found, equals, value = pair.partition("=")
                    if equals and found.strip(" \t") == name:
                        yield value.strip(" \t")
