"""One visitor over three years, whatever happens, as a browser's cookie jar sees it and as a much simpler model does.

The model knows nothing of tokens, signatures and headers: it notes what was chosen and when, for how long the jar keeps
that, and since when each cookie has been in the jar without a gap. Three machines serve the site, and their clocks
differ by up to 50 seconds.
"""

from __future__ import annotations

import copy
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from support.doors import DOORS, Answer, Door, Script
from support.jar import Jar
from support.site import FORM, NOON, POLICY, SAME_ORIGIN

HOST = "shop.example.org"
DAY = 86400
THREE_YEARS = NOON + 3 * 366 * DAY
SKEW = 60
"""Seconds by which the model looks away, because the machines do not agree on the time themselves."""
ONE_CLICK = 10
COMPANION = "__Host-consent-first"

CATEGORY = {
    "_ga": "analytics",
    "_ga_x": "analytics",
    "_ads": "marketing",
    "deep": "marketing",
    "theme": "functional",
    "chat_id": "chat",
    "aud": "audience",
}
HOME = {"_ads": "Domain=example.org; Path=/", "deep": "Path=/deep"}
CHOOSABLE = ("analytics", "audience", "chat", "functional", "marketing")


def months_after(instant: int, months: int) -> int:
    start = datetime.fromtimestamp(instant, UTC)
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    day = min(start.day, monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def end_of_life(name: str, born: int) -> int:
    return born + 30 * DAY if name == "theme" else months_after(born, 13)


@dataclass(frozen=True)
class Chosen:
    granted: bool
    at: int
    revision: int


class Visitor(RuleBasedStateMachine):
    """What may happen. After every response the jar and the application's view are held against the model."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.skew = 0
        self.revision = 1
        self.version = 0
        self.keys_made = 0
        self.keys: list[tuple[str, int]] = [self._new_key()]
        self.jar = Jar()
        self.gpc = False
        self.script = Script()
        self.doors: dict[Any, Door] = {}
        self.chosen: dict[str, Chosen] = {}
        self.receipt_ends = NOON
        """When the jar drops the choices: its seconds are counted by its own clock, not by a machine's."""
        self.born: dict[str, int] = {}
        """Since when a cookie that our site has set is in the jar."""
        self.first_ever: dict[str, int] = {}
        self.tampered: set[str] = set()
        """Cookies whose expiry in the jar is a script's doing."""

    # The world

    @rule(
        seconds=st.one_of(st.sampled_from([1, 30, 3600, DAY, 29 * DAY, 61 * DAY, 120 * DAY]), st.integers(1, 40 * DAY))
    )
    @precondition(lambda self: self.now < THREE_YEARS)
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self._bury()

    @rule(offset=st.integers(-30, 30), data=st.data())
    @precondition(lambda self: self.now < THREE_YEARS)
    def wait_for_something_to_end(self, offset: int, data: st.DataObject) -> None:
        ends = [months_after(choice.at, 6) for choice in self.chosen.values()]
        ends += [end_of_life(name, at) for name, at in self.first_ever.items()]
        later = sorted(end + offset for end in ends if end + offset > self.now)
        if later:
            self.now = data.draw(st.sampled_from(later))
            self._bury()

    @rule(skew=st.sampled_from([-25, 0, 25]))
    def be_served_by_another_machine(self, skew: int) -> None:
        self.skew = skew

    @rule()
    def change_the_policy(self) -> None:
        self.revision += 1

    @rule()
    def correct_the_policy(self) -> None:
        self.version += 1

    @rule()
    def rotate_the_keys(self) -> None:
        """A retired key stays known for as long as a cookie may live."""
        recent = [(key, at) for key, at in self.keys[:-1] if self.now < months_after(at, 13) + DAY]
        self.keys = [*recent, (self.keys[-1][0], self.now), self._new_key()]

    @rule()
    def lose_the_keys(self) -> None:
        self.keys = [self._new_key()]
        self.chosen.clear()
        self.born.clear()
        self.first_ever.clear()
        self.tampered |= self.jar.names(self.now)

    @rule(gpc=st.booleans())
    def switch_the_signal(self, gpc: bool) -> None:
        self.gpc = gpc

    @rule()
    def close_the_browser(self) -> None:
        self.jar.close_browser()
        self._bury()

    # Not to what lives on a path of its own: where that is not sent, nobody knows that a script has kept it alive.
    @rule(name=st.sampled_from(sorted({*CATEGORY} - {"deep"})), age=st.sampled_from([3600, 400 * DAY]))
    def be_written_to_by_a_script(self, name: str, age: int) -> None:
        # What a script prolongs may outlast all that the companion knows, and so the companion itself.
        if name not in self.jar.names(self.now):
            self._store(f"{name}=script; Max-Age={age}; {HOME.get(name, 'Path=/')}")
            self.tampered.add(name)

    # The visitor

    @rule(
        names=st.lists(st.sampled_from(sorted(CATEGORY)), max_size=4),
        age=st.sampled_from(["", "; Max-Age=60", f"; Max-Age={20 * DAY}", "; Max-Age=1000000000", "; Max-Age=+9"]),
        path=st.sampled_from(["/", "/deep/page"]),
        act=st.sampled_from([None, None, None, "grant", "deny", "withdraw"]),
        category=st.sampled_from(CHOOSABLE),
    )
    def visit(self, names: list[str], age: str, path: str, act: str | None, category: str) -> None:
        self.script.set_cookies = [f"{name}=1{age}; {HOME.get(name, 'Path=/')}" for name in names] + ["session=s"]
        self.script.act = None
        before = self._standing()
        if act == "withdraw":
            self.script.act = lambda decision: decision.withdraw()
            self._choose({name: False for name in CHOOSABLE if self._allows(name)})
        elif act is not None:
            granted = act == "grant"
            self.script.act = lambda decision: getattr(decision, act)(category)
            if before.get(category) is not granted:
                self._choose({category: granted})
        self._ask(path, before)

    @rule(
        action=st.sampled_from(["accept-all", "reject-all", "withdraw", "save", "grant"]),
        categories=st.lists(st.sampled_from(CHOOSABLE), min_size=1, unique=True),
    )
    def choose(self, action: str, categories: list[str]) -> None:
        before = self._standing()
        match action:
            case "accept-all":
                self._choose({name: True for name in CHOOSABLE if name != "chat"})
            case "save":
                self._choose({name: name in categories for name in CHOOSABLE})
            case "grant":
                self._choose(dict.fromkeys(categories, True))
            case _:
                self._choose(dict.fromkeys(CHOOSABLE, False))
        form = [("action", action), ("next", "/"), *(("category", name) for name in categories)]
        self._ask(
            "/_consent/choice", before, method="POST", body=urlencode(form).encode(), headers=[FORM, *SAME_ORIGIN]
        )

    @rule(
        names=st.lists(st.sampled_from(sorted(CATEGORY)), min_size=1, max_size=4, unique=True),
        visits=st.integers(2, 16),
        days=st.integers(1, 40),
        path=st.sampled_from(["/", "/deep/page"]),
        agrees=st.booleans(),
    )
    @precondition(lambda self: self.now < THREE_YEARS)
    def keep_coming(self, names: list[str], visits: int, days: int, path: str, agrees: bool) -> None:
        """What tells naive middleware: a cookie that the application renews on every visit."""
        for _ in range(visits):
            if agrees:
                self.choose("accept-all", ["chat"])
            self.visit(names, "; Max-Age=1000000000", path, None, "chat")
            self.no_cookie_outlives_its_promise()
            self.wait(days * DAY)

    @invariant()
    def no_cookie_outlives_its_promise(self) -> None:
        for cookie in self.jar.alive(self.now):
            if cookie.name in self.born and cookie.name not in self.tampered and cookie.expiry is not None:
                assert cookie.expiry <= end_of_life(cookie.name, self.born[cookie.name]), cookie

    # How it is done

    def _new_key(self) -> tuple[str, int]:
        """A key that there never was before, whatever is lost and found at one instant."""
        self.keys_made += 1
        return f"key {self.keys_made}", self.now

    def _standing(self) -> dict[str, bool]:
        """The choices that still count, by the clock of the machine that is asked."""
        at = self.now + self.skew
        return {
            name: choice.granted
            for name, choice in self.chosen.items()
            if choice.revision == self.revision and at < months_after(choice.at, 6) and self.now < self.receipt_ends
        }

    def _allows(self, category: str) -> bool:
        return self._standing().get(category, category == "audience")

    def _choose(self, answers: dict[str, bool]) -> None:
        at = self.now + self.skew
        kept = {name: self.chosen[name] for name in self._standing()}
        is_repeated = all(
            name in kept and kept[name].granted is granted and kept[name].at >= at - ONE_CLICK
            for name, granted in answers.items()
        )
        if is_repeated:  # or nothing was answered at all
            return
        self.chosen = kept | {name: Chosen(granted, at, self.revision) for name, granted in answers.items()}
        self.receipt_ends = self.now + max(months_after(choice.at, 6) for choice in self.chosen.values()) - at

    def _ask(self, path: str, before: dict[str, bool], **request: Any) -> None:
        sent = self.jar.header(self.now, HOST, path)
        had = {pair.partition("=")[0] for pair in sent.split("; ")} & CATEGORY.keys()
        headers = [*request.pop("headers", []), *([("Sec-GPC", "1")] if self.gpc else [])]
        self.script.was_called = False
        answer = self._door().ask(path, host=HOST, cookies=[sent] if sent else [], headers=headers, **request)
        if self.script.was_called:
            self._judge_view(had, before)
        self._take_in(answer)
        for name in had:
            # What has lost its day counts from when it is seen, if this machine has set such a cookie.
            self.first_ever.setdefault(name, self.now)
            assert name not in self.jar.names(self.now) or self._allows(CATEGORY[name]), f"{name} is alive"
        self.script.set_cookies = []

    def _judge_view(self, had: set[str], before: dict[str, bool]) -> None:
        seen = self.script.seen_names & CATEGORY.keys()
        assert seen <= had
        for name in had:
            allowed = before.get(CATEGORY[name], CATEGORY[name] == "audience")
            born = self.born.get(name)
            if not allowed or (born is not None and self.now > end_of_life(name, born) + SKEW):
                assert name not in seen, f"{name} is visible"
            elif self.now < end_of_life(name, self.first_ever.get(name, self.now)) - SKEW:
                assert name in seen, f"{name} is hidden without need"

    def _take_in(self, answer: Answer) -> None:
        assert answer.status in (200, 303)
        for line in answer.set_cookies:
            name = line.partition("=")[0]
            self._store(line)
            is_deposit = "ax-Age" in line and "Max-Age=0" not in line
            if name in CATEGORY and is_deposit and name in self.jar.names(self.now):
                assert self._allows(CATEGORY[name]), f"{name} was set"
                self.tampered.discard(name)
                self.first_ever.setdefault(name, self.now)
                self.born.setdefault(name, self.now)
        assert all(len(cookie.name + cookie.value) < 1600 for cookie in self.jar.alive(self.now))
        self._bury()

    def _store(self, line: str) -> None:
        self.jar.store(line, self.now, HOST, "/")

    def _bury(self) -> None:
        """A cookie that has been gone may come back as another, and nobody knows one for longer than it may live."""
        alive = self.jar.names(self.now)
        is_known = COMPANION in alive
        self.born = {
            name: at
            for name, at in self.born.items()
            if name in alive and (is_known or self.now < months_after(at, 13))
        }
        self.tampered &= alive

    def _door(self) -> Door:
        keys = [key for key, _ in self.keys]
        which = (self.revision, self.version, self.skew, *keys)
        if which not in self.doors:
            policy = copy.deepcopy(POLICY)
            policy["policy"] |= {"revision": self.revision, "version": f"label {self.version}"}
            policy["banner"] = {"show": False}
            skew = self.skew
            options = {"secret_keys": keys, "clock": lambda: self.now + skew}
            self.doors[which] = DOORS["wsgi"](self.script, policy, options)
        return self.doors[which]


def test_at_no_instant_is_a_cookie_alive_or_visible_that_the_policy_forbids(request: pytest.FixtureRequest) -> None:
    """A short life in every run, some long ones with --soak."""
    long = request.config.getoption("--soak")
    run_state_machine_as_test(
        Visitor,
        settings=settings(
            max_examples=400 if long else 40,
            stateful_step_count=100 if long else 25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
