from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consent_middleware.lifetime import SESSION, Lifetime, add_months

SPRING_2024 = 1711846800  # 31 March 2024, 01:00 UTC: the clocks of the European Union go forward


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


MONTHS: list[tuple[str, int, str]] = [
    ("2026-11-21T12:00:00", 0, "2026-11-21T12:00:00"),
    ("2026-11-21T12:34:56", 6, "2027-05-21T12:34:56"),
    ("2026-11-21T12:34:56", 13, "2027-12-21T12:34:56"),
    # The last day of August has no namesake six months on.
    ("2026-08-31T12:00:00", 6, "2027-02-28T12:00:00"),
    ("2027-08-31T12:00:00", 6, "2028-02-29T12:00:00"),
    ("2026-08-31T12:00:00", 1, "2026-09-30T12:00:00"),
    ("2026-08-31T23:59:59", 13, "2027-09-30T23:59:59"),
    # The end of March.
    ("2026-03-28T00:00:00", 11, "2027-02-28T00:00:00"),
    ("2026-03-29T00:00:00", 11, "2027-02-28T00:00:00"),
    ("2026-03-30T00:00:00", 11, "2027-02-28T00:00:00"),
    ("2026-03-31T00:00:00", 11, "2027-02-28T00:00:00"),
    ("2027-03-29T00:00:00", 11, "2028-02-29T00:00:00"),
    ("2027-03-31T00:00:00", 11, "2028-02-29T00:00:00"),
    ("2026-03-31T00:00:00", 13, "2027-04-30T00:00:00"),
    # January, and February of leap years and others.
    ("2026-01-31T00:00:00", 1, "2026-02-28T00:00:00"),
    ("2028-01-31T00:00:00", 1, "2028-02-29T00:00:00"),
    ("2028-02-29T00:00:00", 6, "2028-08-29T00:00:00"),
    ("2028-02-29T00:00:00", 12, "2029-02-28T00:00:00"),
    ("2028-02-29T00:00:00", 13, "2029-03-29T00:00:00"),
    ("2028-02-29T00:00:00", 48, "2032-02-29T00:00:00"),
    ("2096-02-29T00:00:00", 48, "2100-02-28T00:00:00"),
    ("2027-02-28T00:00:00", 12, "2028-02-28T00:00:00"),
    # The end of the year.
    ("2026-12-31T23:59:59", 1, "2027-01-31T23:59:59"),
    ("2026-12-31T23:59:59", 2, "2027-02-28T23:59:59"),
    ("2026-12-31T23:59:59", 6, "2027-06-30T23:59:59"),
    ("2026-12-31T23:59:59", 12, "2027-12-31T23:59:59"),
    ("2026-12-31T23:59:59", 13, "2028-01-31T23:59:59"),
    ("2026-11-30T00:00:00", 13, "2027-12-30T00:00:00"),
]


@pytest.mark.parametrize(("start", "months", "end"), MONTHS)
def test_a_month_ends_on_the_day_of_the_same_number_or_on_the_last(start: str, months: int, end: str) -> None:
    assert add_months(at(start), months) == at(end)
    assert Lifetime(months=months).end(at(start)) == at(end)


@pytest.fixture(params=["Europe/Paris", "America/New_York", "Pacific/Apia"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """A machine whose own time zone is not UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def test_clocks_that_are_put_forward_or_back_do_not_matter(zone: str) -> None:
    assert time.localtime(SPRING_2024).tm_gmtoff != 0, zone
    for start in range(SPRING_2024 - 7200, SPRING_2024 + 7201, 600):
        assert add_months(start, 7) - start == 214 * 86400


PHRASES = {
    "6 months": Lifetime(months=6),
    "13 months": Lifetime(months=13),
    "1 month": Lifetime(months=1),
    "1 year": Lifetime(months=12),
    "2 years": Lifetime(months=24),
    "30 days": Lifetime(seconds=30 * 86400),
    "2 weeks": Lifetime(seconds=14 * 86400),
    "1 hour": Lifetime(seconds=3600),
    "15 minutes": Lifetime(seconds=900),
    "90 seconds": Lifetime(seconds=90),
    "session": SESSION,
    " Session ": SESSION,
    "6 MONTHS": Lifetime(months=6),
    "6months": Lifetime(months=6),
    "1 days": Lifetime(seconds=86400),
    "007 days": Lifetime(seconds=7 * 86400),
    "100 years": Lifetime(months=1200),
    "36525 days": Lifetime(seconds=36525 * 86400),
}


@pytest.mark.parametrize(("text", "lifetime"), PHRASES.items())
def test_a_lifetime_is_written_in_words(text: str, lifetime: Lifetime) -> None:
    assert Lifetime.parse(text) == lifetime


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a lifetime"),
        ("6", "is not a lifetime"),
        ("months", "is not a lifetime"),
        ("six months", "is not a lifetime"),
        ("-6 months", "is not a lifetime"),
        ("6.5 months", "is not a lifetime"),
        ("6  months", "is not a lifetime"),
        ("6 fortnights", "is not a lifetime"),
        ("6 s", "is not a lifetime"),
        ("6 monthss", "is not a lifetime"),
        ("6 months 2 days", "is not a lifetime"),
        ("\u0666 months", "is not a lifetime"),
        ("1000000000 days", "is not a lifetime"),
        ("0 days", "keeps nothing"),
        ("000 months", "keeps nothing"),
        ("101 years", "more than 100 years"),
        ("1201 months", "more than 100 years"),
        ("999999999 years", "more than 100 years"),
        ("999999999 weeks", "more than 100 years"),
        ("36526 days", "more than 100 years"),
    ],
)
def test_what_is_no_lifetime_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Lifetime.parse(text)


ORDER: list[tuple[str, str, bool]] = [
    ("14 months", "13 months", True),
    ("13 months", "13 months", False),
    ("13 months", "14 months", False),
    ("2 days", "1 day", True),
    ("1 day", "24 hours", False),
    # Days against months: longer only if longer in every month.
    ("398 days", "13 months", True),
    ("397 days", "13 months", False),
    ("393 days", "13 months", False),
    ("13 months", "392 days", True),
    ("13 months", "393 days", False),
    ("32 days", "1 month", True),
    ("31 days", "1 month", False),
    ("1 month", "28 days", False),
    ("1 month", "27 days", True),
    ("366 days", "1 year", False),
    ("367 days", "1 year", True),
    ("1 year", "365 days", False),
    # The session is shorter than any span of time.
    ("session", "1 second", False),
    ("session", "session", False),
    ("1 second", "session", True),
    ("1 month", "session", True),
]


@pytest.mark.parametrize(("one", "other", "exceeds"), ORDER)
def test_one_lifetime_exceeds_another_if_it_is_longer_in_every_month(one: str, other: str, exceeds: bool) -> None:
    assert Lifetime.parse(one).exceeds(Lifetime.parse(other)) is exceeds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("session", "session"),
        ("1 year", "12 months"),
        ("1 month", "1 month"),
        ("14 days", "2 weeks"),
        ("30 days", "30 days"),
        ("24 hours", "1 day"),
        ("90 minutes", "90 minutes"),
        ("61 seconds", "61 seconds"),
    ],
)
def test_a_lifetime_is_told_in_its_largest_unit(text: str, words: str) -> None:
    assert str(Lifetime.parse(text)) == words


lifetimes = st.builds(Lifetime, months=st.integers(1, 1200)) | st.builds(Lifetime, seconds=st.integers(0, 10**9 - 1))


@given(lifetimes)
def test_a_lifetime_reads_what_it_writes(lifetime: Lifetime) -> None:
    assert Lifetime.parse(str(lifetime)) == lifetime
    assert lifetime.is_session is (str(lifetime) == "session")


instants = st.integers(at("2000-01-01"), at("2100-01-01"))


@given(instants, st.integers(0, 1200))
def test_months_keep_the_time_of_day_and_count_right(start: int, months: int) -> None:
    before, after = (datetime.fromtimestamp(instant, UTC) for instant in (start, add_months(start, months)))
    assert after.timetz() == before.timetz()
    assert (after.year - before.year) * 12 + after.month - before.month == months
    assert after.day == before.day or after.month != datetime.fromtimestamp(after.timestamp() + 86400, UTC).month


@given(instants)
def test_thirteen_months_are_always_shorter_than_what_browsers_keep_at_most(start: int) -> None:
    assert 393 * 86400 <= Lifetime(months=13).end(start) - start <= 397 * 86400 < 400 * 86400


@given(lifetimes, lifetimes, instants)
def test_what_exceeds_ends_later_from_the_first_of_any_month(one: Lifetime, other: Lifetime, start: int) -> None:
    assume(one.exceeds(other))
    first = int(datetime.fromtimestamp(start, UTC).replace(day=1).timestamp())
    assert one.end(first) >= other.end(first)
