"""One site on several machines, whose clocks differ, and of which several may answer one visitor at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.doors import DOORS, Answer
from support.jar import Jar, Stored
from support.site import NOON, Site

OpenSite = Callable[..., Site]

HOST = "shop.example.org"
DAY = 86400
TWO_YEARS = 2 * 365 * DAY
END = int(datetime(2027, 12, 21, 12, tzinfo=UTC).timestamp())  # thirteen months after NOON
AHEAD, BEHIND = 25, -25
GA, THEME, AUD = (f"{name}=1; Max-Age={TWO_YEARS}; Path=/" for name in ("_ga", "theme", "aud"))


class Farm:
    """Machines that serve one site, each with a clock of its own, and a browser whose clock is right."""

    def __init__(self, open_site: OpenSite, now: int = NOON) -> None:
        self._open = open_site
        self._sites: dict[int, Site] = {}
        self.now = now
        self.jar = Jar()
        self._called: Site | None = None

    def visit(self, skew: int, *sets: str, **visit: Any) -> Answer:
        answer = self.under_way(skew, *sets, **visit)
        self.arrive(answer)
        return answer

    def under_way(self, skew: int, *sets: str, **visit: Any) -> Answer:
        """What a machine answers; the browser does not have it yet."""
        site = self._called = self._site(skew)
        return site.visit(sets=sets, **visit)

    def arrive(self, answer: Answer) -> None:
        for line in answer.set_cookies:
            self.jar.store(line, self.now, HOST, "/")

    def choose(self, skew: int, action: str = "accept-all") -> None:
        self.arrive(self._site(skew).choose(action))

    def end_of(self, name: str) -> int | None:
        """When the browser drops a cookie; None without one."""
        return next((cookie.expiry for cookie in self._alive() if cookie.name == name), None)

    @property
    def sees(self) -> set[str]:
        """What the application of the machine that was asked last saw."""
        assert self._called is not None
        return self._called.script.seen_names

    def _site(self, skew: int) -> Site:
        site = self._sites.get(skew) or self._sites.setdefault(skew, self._open())
        site.clock.now = self.now + skew
        site.jar = dict(pair.split("=", 1) for pair in self.jar.header(self.now, HOST, "/").split("; ") if pair)
        return site

    def _alive(self) -> list[Stored]:
        return self.jar.alive(self.now)


@pytest.fixture
def farm(open_site: OpenSite) -> Farm:
    farm = Farm(open_site)
    farm.choose(0)
    return farm


# Clocks


@pytest.mark.parametrize(("first", "then"), [(AHEAD, BEHIND), (BEHIND, AHEAD), (AHEAD, AHEAD), (0, BEHIND)])
def test_what_one_machine_began_no_other_lets_live_longer(farm: Farm, first: int, then: int) -> None:
    farm.visit(first, GA)
    assert farm.end_of("_ga") == END
    for month in (1, 7, 12):
        farm.now = NOON + month * 30 * DAY
        farm.choose(first)
        farm.visit(then, GA)
        end = farm.end_of("_ga")
        assert end is not None
        assert END - 2 * 60 < end <= END


@pytest.mark.parametrize(("first", "then"), [(AHEAD, BEHIND), (BEHIND, AHEAD)])
def test_at_the_end_no_machine_begins_anew_what_is_not_over(farm: Farm, first: int, then: int) -> None:
    """Not while the browser has it, nor at once after another machine has taken it away."""
    farm.visit(first, GA)
    farm.now = END - 10 * DAY
    farm.choose(0)
    farm.visit(then, GA)
    for farm.now in range(END - 120, END, 20):
        for machine in (first, then):
            farm.visit(machine, GA)
            assert (farm.end_of("_ga") or END) <= END
    farm.now = END + 120
    farm.visit(then, GA)
    assert "_ga" not in farm.sees
    assert farm.end_of("_ga") == int(datetime(2029, 1, 21, 12, 2, tzinfo=UTC).timestamp())


def test_a_day_that_is_over_for_one_machine_is_known_to_the_other(farm: Farm) -> None:
    """Between the two the companion is written anew, for another cookie."""
    farm.visit(BEHIND, GA)
    farm.now = END - 40
    farm.choose(0)
    farm.visit(AHEAD, GA)
    assert farm.end_of("_ga") is None
    farm.visit(AHEAD, AUD)
    farm.visit(BEHIND, GA)
    assert (farm.end_of("_ga") or END) <= END


@pytest.mark.parametrize("skew", [0, AHEAD, BEHIND])
def test_at_the_end_of_short_months_the_companion_stays_for_whom_it_is_needed(open_site: OpenSite, skew: int) -> None:
    """Thirteen months from 30 January, 18:00, end later than those from 31 January, 6:00."""
    farm = Farm(open_site, int(datetime(2026, 1, 30, 18, tzinfo=UTC).timestamp()))
    farm.choose(0)
    farm.visit(0, GA)
    end = int(datetime(2027, 2, 28, 18, tzinfo=UTC).timestamp())
    farm.now = int(datetime(2026, 1, 31, 6, tzinfo=UTC).timestamp())
    farm.visit(skew, AUD)
    farm.now = end - 60 - 3600
    farm.choose(skew)
    farm.visit(skew, GA)
    assert farm.end_of("_ga") in range(end - 120, end + 1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-25, 25), st.integers(-90, 90), st.sampled_from([GA, AUD, THEME])),
        min_size=2,
        max_size=12,
    )
)
def test_whoever_answers_in_the_last_minutes_the_promise_is_kept(
    visits: list[tuple[int, int, str]],
) -> None:
    farm = Farm(partial(Site, DOORS["wsgi"]))
    farm.choose(0)
    farm.visit(visits[0][0], GA)
    farm.now = END - 5 * DAY
    farm.choose(0)
    was_there = True
    for skew, offset, line in sorted(visits, key=lambda visit: visit[1]):
        farm.now = END + offset
        was_there = was_there and farm.end_of("_ga") is not None
        farm.visit(skew, line)
        if was_there or farm.now < END:
            assert (farm.end_of("_ga") or END) <= END


# Answers under way at once


def meanwhile(farm: Farm, *lines: str) -> None:
    """Answers that do not know of each other arrive one after the other."""
    for answer in [farm.under_way(0, line) for line in lines]:
        farm.arrive(answer)


def own_visit(farm: Farm, skew: int = 0) -> Answer:
    """A visit whose answer is the visitor's own, and sets nothing."""
    return farm.visit(skew, act=lambda decision: decision.allows("analytics"))


def renewed(farm: Farm, day: int, line: str) -> int | None:
    farm.now = NOON + day * DAY
    farm.choose(0)
    farm.visit(0, line)
    return farm.end_of(line.partition("=")[0])


@pytest.mark.parametrize("lines", [(GA, AUD), (AUD, GA), (THEME, AUD, GA)])
def test_a_first_day_that_was_lost_costs_the_time_to_the_next_answer(farm: Farm, lines: tuple[str, ...]) -> None:
    meanwhile(farm, *lines)
    farm.now += 7
    own_visit(farm)
    for line in (GA, AUD):
        end = renewed(farm, 100, line)
        assert end is not None
        assert END - 60 <= end <= END - 60 + 7


def test_what_was_known_is_known_whoever_wins(farm: Farm) -> None:
    farm.visit(0, GA)
    farm.now += DAY
    meanwhile(farm, AUD, THEME, GA)
    meanwhile(farm, GA, AUD)
    assert renewed(farm, 100, GA) == END - 60


def test_nothing_is_written_where_nothing_was_lost(farm: Farm) -> None:
    farm.visit(0, GA, AUD)
    assert own_visit(farm).set_cookies == []
    meanwhile(farm, THEME, GA.replace("_ga", "_ga_1"))
    assert len(own_visit(farm).set_cookies) == 1
    assert own_visit(farm).set_cookies == []


def test_what_only_scripts_set_has_no_day_to_be_lost(farm: Farm) -> None:
    farm.jar.store(f"{GA}; Secure", farm.now, HOST, "/")
    farm.visit(0, "_ga=1; Path=/", AUD)  # for the session
    assert own_visit(farm).set_cookies == []
    farm.now += 100 * DAY
    farm.choose(0)
    assert renewed(farm, 100, GA) == int(datetime(2028, 4, 1, 12, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "visit",
    [
        {"status": 304},
        {"answers": [("Content-Type", "text/plain"), ("Cache-Control", "public, max-age=60")], "act": None},
    ],
    ids=["not modified", "for everybody"],
)
def test_what_was_lost_waits_for_an_answer_that_is_the_visitors_own(farm: Farm, visit: dict[str, Any]) -> None:
    meanwhile(farm, GA, AUD)
    answer = farm.visit(0, **{"act": lambda decision: decision.allows("analytics"), **visit})
    assert answer.set_cookies == []
    assert len(own_visit(farm).set_cookies) == 1


def test_a_withdrawal_under_way_is_not_undone_by_what_it_did_not_know(farm: Farm) -> None:
    meanwhile(farm, GA, AUD)
    farm.choose(0, "withdraw")
    own_visit(farm)
    assert farm.jar.names(farm.now) == {"__Host-consent"}


def test_where_the_policy_does_not_apply_nothing_is_dated(open_site: OpenSite) -> None:
    is_applied = True
    farm = Farm(lambda: open_site(applies=lambda request: is_applied))
    farm.choose(0)
    meanwhile(farm, GA, AUD)
    is_applied = False
    assert own_visit(farm).set_cookies == []


# A cookie that becomes another


def test_a_session_cookie_does_not_inherit_the_end_of_its_forerunner(farm: Farm) -> None:
    farm.visit(0, GA)
    farm.now = END - 5 * DAY
    farm.choose(0)
    farm.visit(0, AUD)  # keeps the companion alive
    farm.now = END + 61
    for _ in range(3):
        farm.visit(0, "_ga=2; Path=/")
    assert "_ga" in farm.sees
