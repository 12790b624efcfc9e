"""The companion cookie: what it says is true or absent."""

from __future__ import annotations

import tracemalloc
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware import ConfigurationError
from consent_middleware.deposits import MOST, Deposits, DepositSeal, FirstDays, key_of, tolerance
from consent_middleware.lifetime import Lifetime

SEAL = DepositSeal(["old", "new"])
INSTANTS = st.dictionaries(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), min_size=1, max_size=MOST)


@given(INSTANTS)
def test_what_is_written_is_read_again(instants: dict[int, int]) -> None:
    assert SEAL.loads([SEAL.dumps(instants)]) == FirstDays(instants, is_current=True)


@given(INSTANTS, st.data())
def test_one_other_character_and_nothing_is_known(instants: dict[int, int], data: st.DataObject) -> None:
    token = SEAL.dumps(instants)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda character: character != token[at]))
    assert not SEAL.loads([token[:at] + other + token[at + 1 :]]).instants


@given(st.lists(st.text(max_size=200)))
def test_any_text_is_read_without_an_error(tokens: list[str]) -> None:
    assert not SEAL.loads(tokens).instants


@given(st.lists(INSTANTS, min_size=2, max_size=3))
def test_together_several_know_no_later_day_than_any(several: list[dict[int, int]]) -> None:
    known = SEAL.loads([SEAL.dumps(each) for each in several]).instants
    assert len(known) == min(MOST, len(set().union(*several)))
    assert all(at <= each.get(key, at) for each in several for key, at in known.items())


def test_what_an_old_key_signed_is_to_be_written_anew() -> None:
    days = SEAL.loads([DepositSeal("old").dumps({1: 2})])
    assert days == FirstDays({1: 2}, is_current=False)
    deposits = Deposits(days, now=3)
    assert not deposits.is_changed
    deposits.keep()
    assert deposits.is_changed


def test_a_missing_key_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError):
        DepositSeal([])


@pytest.mark.parametrize("now", [-5, 0, 2**32 + 5])
def test_clocks_that_no_cookie_will_see_are_no_error(now: int) -> None:
    deposits = Deposits(FirstDays({}), now)
    assert deposits.remember("_ga")
    assert SEAL.loads([SEAL.dumps(deposits.instants)]).instants == deposits.instants


def test_only_what_is_over_and_gone_makes_room() -> None:
    days = {key_of("young"): 190, key_of("just over"): 91, key_of("here"): 10, key_of("gone"): 10}
    deposits = Deposits(FirstDays(days), now=200)
    assert deposits.prune(Lifetime(seconds=50), ["here"])
    assert deposits.instants.keys() == days.keys() - {key_of("gone")}  # elsewhere it is a minute earlier
    assert not deposits.prune(Lifetime(seconds=50), ["here"])


def instant(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


@pytest.mark.parametrize(
    ("days", "now", "end"),
    [
        (["2026-11-21 12:00:00"], "2026-11-21 12:00:00", "2027-12-21 12:00:00"),  # as long as a cookie may live
        (["2026-11-21 12:00:00"], "2026-12-21 12:00:00", "2027-12-21 12:01:00"),
        (["2026-11-21 12:00:30"], "2026-11-21 12:00:00", "2027-12-21 12:00:00"),  # written by a machine that is ahead
        (["2026-01-30 18:00:00", "2026-01-31 06:00:00"], "2026-01-31 06:00:00", "2027-02-28 18:00:00"),
    ],
)
def test_days_are_kept_for_as_long_as_the_last_cookie_can_be_there(days: list[str], now: str, end: str) -> None:
    deposits = Deposits(FirstDays({number: instant(day) for number, day in enumerate(days)}), instant(now))
    assert deposits.end(Lifetime(months=13)) == instant(end)


@pytest.mark.parametrize(("life", "seconds"), [(0, 0), (60, 0), (3600, 36), (6000, 60), (395 * 86400, 60)])
def test_clocks_may_differ_by_a_minute_but_not_by_all_of_a_short_life(life: int, seconds: int) -> None:
    assert tolerance(life) == seconds


def test_names_of_any_length_are_told_apart_and_long_ones_are_not_kept_in_memory() -> None:
    tracemalloc.start()
    keys = {key_of(f"{number:0100000}") for number in range(300)}
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(keys) == 300
    assert kept < 1_000_000


def test_what_is_too_long_to_be_ours_is_not_kept_in_memory() -> None:
    tracemalloc.start()
    for number in range(200):
        SEAL.loads([f"1.{number:0100000}"])
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000
