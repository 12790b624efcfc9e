"""The decision of one visitor about every category: what the application sees, and how it acts for the visitor."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple, Protocol

from .errors import ResponseStarted, UnknownCategory
from .http import Request
from .messages import language_for, text_in
from .policy import Category, Policy
from .seal import Choice, Receipt, Source

Status = Literal["granted", "denied", "unset"]
Whose = Literal["visitor", "application", "gpc", "foreign", "default"]
Answers = tuple[tuple[str, bool], ...]
"""The categories about which something was decided, and what."""

ONE_CLICK = 10
"""Seconds within which the same answer, given again, is the second click of one choice and no choice of its own."""

logger = logging.getLogger("consent_middleware")

_NOTHING_FOREIGN: Mapping[str, bool] = {}


class Visit(NamedTuple):
    """What one request tells about consent, read at most once and only when something depends on it."""

    receipt: Receipt | None
    now: int
    applies: bool


class Standing(NamedTuple):
    """All that the pages of a site depend on about one visitor: equal for whom they are the same."""

    statuses: tuple[tuple[str, Status], ...]
    """Every category in the policy's order."""
    withheld: frozenset[str]
    """The categories of which nothing may happen now."""
    source: Whose
    needs_asking: bool
    gpc: bool
    applies: bool


@dataclass(frozen=True, slots=True)
class Act:
    """Something decided during this request: by whom, how, and what each category named was answered.

    ``once`` is the mark of the form that was sent, "" if it had none: two clicks on one form bear the same.
    """

    source: Source
    mechanism: str
    answers: Mapping[str, bool]
    once: str = ""


class Reader(Hashable, Protocol):
    """What a decision needs of the engine."""

    @property
    def policy(self) -> Policy: ...
    @property
    def prefix(self) -> str: ...
    def now(self) -> int: ...
    def visit(self, request: Request, now: int) -> Visit: ...
    def gpc(self, request: Request) -> bool: ...
    def foreign(self, request: Request, now: int) -> Mapping[str, bool]: ...
    def standing(self, answers: Answers, source: Whose, gpc: bool, applies: bool) -> Standing: ...


class Decision:
    """The visitor's decision, live for one request.

    Reading it is cheap and lazy. Acting through ``grant``, ``deny`` and ``withdraw`` takes effect in the same
    response, for cookies that were set earlier in it as well. Not to be kept beyond its request.
    """

    __slots__ = (
        "_choices",
        "_foreign",
        "_gpc",
        "_is_open",
        "_now",
        "_policy",
        "_request",
        "_standing",
        "_visit",
        "acts",
        "consulted",
        "on_consult",
        "reader",
    )

    def __init__(self, reader: Reader, request: Request) -> None:
        self.reader = reader
        self._request = request
        self._policy = reader.policy
        self._now: int | None = None
        self._visit: Visit | None = None
        self._gpc: bool | None = None
        self._choices: dict[str, Choice] | None = None
        self._foreign: Mapping[str, bool] | None = None
        self._standing: Standing | None = None
        self._is_open = True
        self.acts: list[Act] = []
        self.consulted = False
        self.on_consult: Callable[[], None] | None = None

    # What anyone may ask.

    def allows(self, category: str) -> bool:
        """Whether what belongs to this category may happen now; never for one that the policy does not have."""
        self._consult()
        if category not in self._policy.categories:
            logger.warning("%s", _unknown(str(category), self._policy))
            return False
        return self.permits(category)

    @property
    def categories(self) -> dict[str, Status]:
        """Each category's state in the policy's order: ``"granted"``, ``"denied"`` or ``"unset"``."""
        self._consult()
        return dict(self.standing().statuses)

    @property
    def source(self) -> Whose:
        """Whose word it is: the visitor's, the application's for the visitor, the browser's, another's, or nobody's.

        ``"gpc"`` is the browser's signal: Global Privacy Control, or Do Not Track where the policy reads that.
        ``"foreign"`` is what another consent tool noted, where the policy reads that.
        """
        self._consult()
        return self._source()

    @property
    def decided_at(self) -> int | None:
        """When the newest choice still standing was made, in epoch seconds; None without one."""
        self._consult()
        return max((choice.at for choice in self.choices.values()), default=None)

    @property
    def expires_at(self) -> int | None:
        """When the first choice still standing lapses and is asked again, in epoch seconds; None without one."""
        self._consult()
        lifetime = self._policy.consent_lifetime
        return min((lifetime.end(choice.at) for choice in self.choices.values()), default=None)

    @property
    def needs_asking(self) -> bool:
        """Whether some category is still waiting for the visitor's answer."""
        self._consult()
        return self.standing().needs_asking

    @property
    def settings_url(self) -> str:
        """Path of the page on which the visitor can change the choice at any time."""
        return f"{self._request.root}{self.reader.prefix}/settings"

    @property
    def policy_url(self) -> str:
        """Where the visitor can read the cookie policy: the page that the site names, else our own."""
        language = language_for(
            self._request.header("accept-language"), self._policy.languages, self._policy.default_language
        )
        own = text_in(self._policy.policy_url, language, self._policy.default_language)
        return own or f"{self._request.root}{self.reader.prefix}/policy"

    # What the application may do for the visitor, from its own settings page for instance.

    def grant(self, *categories: str) -> None:
        """Allow these categories for the visitor, who has just asked for it. What was granted already stays as it is.

        Raises UnknownCategory, or ResponseStarted once the headers have left.
        """
        self._act("grant", dict.fromkeys(categories, True))

    def deny(self, *categories: str) -> None:
        """Refuse these categories for the visitor; their cookies are expired in the same response.

        Raises UnknownCategory, or ResponseStarted once the headers have left.
        """
        self._act("deny", dict.fromkeys(categories, False))

    def withdraw(self) -> None:
        """Refuse whatever is still allowed and can be refused. Without anything to withdraw nothing happens.

        Raises ResponseStarted once the headers have left.
        """
        allowed = [name for name in self._policy.choosable if self.permits(name)]
        self._act("withdraw", dict.fromkeys(allowed, False))

    def __repr__(self) -> str:
        return f"<Decision {self._policy.version!r} {'open' if self._is_open else 'closed'}>"

    # What the exchange needs; none of it counts as the application having looked.

    @property
    def now(self) -> int:
        """The instant of this request, the same all along. Asking for it alone verifies no signature."""
        if self._now is None:
            self._now = self.reader.now()
        return self._now

    @property
    def visit(self) -> Visit:
        if self._visit is None:
            self._visit = self.reader.visit(self._request, self.now)
        return self._visit

    @property
    def gpc(self) -> bool:
        """Whether the browser refuses on the visitor's behalf."""
        if self._gpc is None:
            self._gpc = self.reader.gpc(self._request)
        return self._gpc

    @property
    def foreign(self) -> Mapping[str, bool]:
        """What other consent tools say, by category; nothing where the browser's signal or we have the say.

        We have it once a visitor has chosen with us: a choice that has lapsed is asked again, whatever others remember.
        """
        if self.acts or not self._policy.reads or self.visit.receipt is not None:
            return _NOTHING_FOREIGN
        if self._foreign is None:
            answers, refused = self.reader.foreign(self._request, self.now), self._policy.heeding if self.gpc else ()
            self._foreign = {name: yes for name, yes in answers.items() if name not in refused}
        return self._foreign

    @property
    def choices(self) -> dict[str, Choice]:
        """The choices in force, those of this request included; lapsed ones are gone."""
        if self._choices is None:
            self._choices = choices_in_force(self._policy, self.visit)
        return self._choices

    @property
    def depends_on_signal(self) -> bool:
        """Whether another signal of the browser could make another response to this request.

        A choice that stands wins over the signal; one that is made in this request was not there at its beginning.
        """
        heeding = self._policy.heeding
        return bool(heeding) and (bool(self.acts) or any(name not in self.choices for name in heeding))

    def permits(self, category: str) -> bool:
        """As ``allows``, for a category known to exist."""
        rules = self._policy.categories[category]
        if rules.required or not self.visit.applies:
            return True
        choice = self.choices.get(category)
        if choice is not None:
            return choice.granted
        if rules.gpc and self.gpc:
            return False
        return self.foreign.get(category, rules.exempt)

    def standing(self) -> Standing:
        """Return what the visitor's pages depend on."""
        if self._standing is None:
            chosen = {name: choice.granted for name, choice in self.choices.items()}
            answers = tuple({**self.foreign, **chosen}.items())
            self._standing = self.reader.standing(answers, self._source(), self.gpc, self.visit.applies)
        return self._standing

    def decide(self, act: Act) -> None:
        """Take an act into the decision, at this request's instant."""
        now = self.visit.now
        self._choices = {**self.choices, **{name: Choice(granted, now) for name, granted in act.answers.items()}}
        self.acts.append(act)
        self._standing = None

    def repeats(self, answers: Mapping[str, bool]) -> bool:
        """Whether just this was answered a moment ago, so that it is the second click of a choice made already."""
        earliest = self.now - ONE_CLICK
        standing = (self.choices.get(name) for name in answers)
        return all(
            choice is not None and choice.granted is granted and choice.at >= earliest
            for choice, granted in zip(standing, answers.values(), strict=True)
        )

    def move(self, instant: int) -> None:
        """Let what was decided in this request count from another instant, when its first click was recorded."""
        answered = {name for act in self.acts for name in act.answers}
        self._choices = {
            name: Choice(choice.granted, instant) if name in answered else choice
            for name, choice in self.choices.items()
        }

    def undo(self) -> None:
        """Forget every act of this request."""
        self.acts.clear()
        self._choices = self._standing = None

    def forget(self) -> None:
        """Forget the visitor: from here on nobody has chosen anything."""
        self.acts.clear()
        self._visit = Visit(None, self.now, self.visit.applies)
        self._choices = self._standing = None

    def keep_refusals(self) -> bool:
        """Take back what was granted in this request, and return whether anything was; refusals stand."""
        acts = [*self.acts]
        self.undo()
        for act in acts:
            if refused := {name: False for name, granted in act.answers.items() if not granted}:
                self.decide(Act(act.source, act.mechanism, refused, act.once))
        return any(granted for act in acts for granted in act.answers.values())

    def close(self) -> None:
        """From here on the response is on its way and acting is an error."""
        self._is_open = False

    def _consult(self) -> None:
        """Note that the application looks: what it answers may from here on be meant for this visitor alone."""
        if self.consulted:
            return
        self.consulted = True
        # Nothing caches what is said over a WebSocket.
        if not self._is_open and self._request.scheme not in ("ws", "wss"):
            _warn_of_a_late_question()
        if self.on_consult is not None:
            try:
                self.on_consult()
            except Exception:
                logger.exception("consent.fault: on_consult raised; a cache further in may keep this response")

    def _act(self, mechanism: str, answers: dict[str, bool]) -> None:
        unknown = [name for name in answers if name not in self._policy.categories]
        if unknown:
            raise UnknownCategory(_unknown(unknown[0], self._policy))
        if not self._is_open:
            raise ResponseStarted(
                f"{mechanism}() came after the response had started, so no cookie can be set or withheld any more; "
                "call it before returning or streaming the response"
            )
        new = {name: yes for name, yes in answers.items() if self._changes(name, yes)}
        if new:
            self.decide(Act("application", mechanism, new))

    def _changes(self, name: str, granted: bool) -> bool:
        if self._policy.categories[name].required:
            return False
        choice = self.choices.get(name)
        return choice is None or choice.granted is not granted

    def _source(self) -> Whose:
        if self.acts:
            return self.acts[-1].source
        if self.choices and self.visit.receipt is not None:
            return self.visit.receipt.source
        if self._policy.heeding and self.gpc:
            return "gpc"
        return "foreign" if self.foreign else "default"


def standing_of(policy: Policy, answers: Answers, source: Whose, gpc: bool, applies: bool) -> Standing:
    """Return how a visitor stands who gave these answers."""
    given = dict(answers)

    def status(category: Category) -> Status:
        if category.required:
            return "granted"
        if category.name in given:
            return "granted" if given[category.name] else "denied"
        return "denied" if category.gpc and gpc else "unset"

    def is_allowed(category: Category) -> bool:
        is_exempt = category.exempt and not (category.gpc and gpc)
        return category.required or not applies or given.get(category.name, is_exempt)

    categories = policy.categories.values()
    return Standing(
        statuses=tuple((each.name, status(each)) for each in categories),
        withheld=frozenset(each.name for each in categories if not is_allowed(each)),
        source=source,
        needs_asking=applies and any(each.is_asked and status(each) == "unset" for each in categories),
        gpc=gpc,
        applies=applies,
    )


def choices_in_force(policy: Policy, visit: Visit) -> dict[str, Choice]:
    """The choices of a receipt that are still in force: each lapses its own consent lifetime after it was made."""
    if visit.receipt is None:
        return {}
    lifetime = policy.consent_lifetime
    return {
        name: choice for name, choice in visit.receipt.choices.items() if not lifetime.is_over(choice.at, visit.now)
    }


@cache
def _warn_of_a_late_question() -> None:
    """Once in a process, because a site that does it does it on every page."""
    logger.warning(
        "consent.C005: the decision was first asked after the headers had left, so caches could not be told that the "
        "response is for one visitor; ask before streaming and let the stream use the answer"
    )


def _unknown(category: str, policy: Policy) -> str:
    near = difflib.get_close_matches(category, policy.categories, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the policy has {', '.join(map(repr, policy.categories))}"
    return f"{category!r} is not a category of the policy; {hint}"
