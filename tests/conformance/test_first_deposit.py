"""Thirteen months count from the day a cookie was first set, whoever renews it, and however often."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from consent_middleware.deposits import MOST, DepositSeal, key_of
from support.doors import KEY, Answer
from support.site import NOON, Site

OpenSite = Callable[..., Site]

DAY = 86400
TWO_YEARS = 2 * 365 * DAY
COMPANION = "__Host-consent-first"
END = int(datetime(2027, 12, 21, 12, tzinfo=UTC).timestamp())  # thirteen months after NOON
MINUTE = 60
RENEWED = END - MINUTE  # by when what was renewed is over on every machine's clock
GA = f"_ga=1; Max-Age={TWO_YEARS}; Path=/"


def line_of(answer: Answer, name: str) -> str | None:
    found = [line for line in answer.set_cookies if line.startswith(f"{name}=")]
    return found[0] if found else None


def end_of(answer: Answer, name: str, now: int) -> int | None:
    """When a cookie that was set will be gone; None if it was not, or for the session."""
    age = re.search(r"(?i)max-age=(\d+)", line_of(answer, name) or "")
    return now + int(age[1]) if age else None


def consenting(site: Site) -> Site:
    site.choose("accept-all")
    return site


def seal(days: dict[str, int], key: str = KEY) -> str:
    return DepositSeal(key).dumps({key_of(name): at for name, at in days.items()})


def test_a_cookie_renewed_every_month_never_outlives_thirteen_months_from_the_first(site: Site) -> None:
    """Acceptance row 14."""
    ends: list[int | None] = []
    for month in range(13):
        site.clock.now = NOON + month * 30 * DAY
        site.choose("accept-all")
        ends.append(end_of(site.visit(sets=[GA]), "_ga", site.clock.now))
    assert ends == [END] + [RENEWED] * 12


def test_at_its_end_a_cookie_is_hidden_and_expired_instead_of_set_and_then_a_new_life_begins(site: Site) -> None:
    consenting(site).visit(sets=[GA])
    site.clock.now = RENEWED - 1
    site.choose("accept-all")
    assert end_of(site.visit(sets=[GA]), "_ga", site.clock.now) == RENEWED
    assert "_ga" in site.script.seen_names
    site.clock.now = END
    answer = site.visit(sets=[GA])
    assert "_ga" not in site.script.seen_names
    assert line_of(answer, "_ga") == "_ga=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"
    assert "_ga" not in site.jar
    site.clock.now += 60  # by when every machine's clock agrees that it is gone
    answer = site.visit(sets=[GA])
    assert end_of(answer, "_ga", site.clock.now) == int(datetime(2029, 1, 21, 12, 1, tzinfo=UTC).timestamp())


def test_a_cookie_too_old_is_expired_by_answers_that_do_not_set_it_but_by_none_that_are_shared(site: Site) -> None:
    consenting(site).visit(sets=[GA])
    site.clock.now = END - 1
    site.choose("accept-all")
    site.clock.now = END
    shared = site.visit(answers=[("Content-Type", "text/plain"), ("Cache-Control", "public, max-age=60")])
    assert (site.script.seen_names & {"_ga"}, shared.set_cookies) == (set(), [])
    assert "_ga=; Max-Age=0; Path=/; Secure" in site.visit().set_cookies


def test_a_declared_lifetime_counts_from_the_first_day_too(site: Site) -> None:
    consenting(site)
    for day in (0, 10, 29):
        site.clock.now = NOON + day * DAY
        end = NOON + 30 * DAY - (MINUTE if day else 0)
        assert end_of(site.visit(sets=[f"theme=dark; Max-Age={TWO_YEARS}"]), "theme", site.clock.now) == end
    site.clock.now = NOON + 30 * DAY
    assert end_of(site.visit(sets=["theme=dark; Max-Age=60"]), "theme", 0) == 0


def test_what_ends_in_time_leaves_byte_identical(site: Site) -> None:
    consenting(site).visit(sets=["_ga=1; Max-Age=100"])
    site.clock.now += DAY
    assert site.visit(sets=["_ga=2; path=/;max-age=0100"]).set_cookies == ["_ga=2; path=/;max-age=0100"]


def test_cookies_count_each_for_itself_and_an_exempt_one_counts_as_well(site: Site) -> None:
    site.visit(sets=[f"aud=1; Max-Age={TWO_YEARS}"])
    site.clock.now += 40 * DAY
    answer = consenting(site).visit(sets=[f"aud=1; Max-Age={TWO_YEARS}", f"_ga_1=1; Max-Age={TWO_YEARS}"])
    assert end_of(answer, "aud", site.clock.now) == RENEWED
    assert end_of(answer, "_ga_1", site.clock.now) == int(datetime(2028, 1, 31, 12, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "line",
    [
        f"session=s; Max-Age={TWO_YEARS}",  # of a required category
        "_ga=1",  # for the session
        f"nobody=1; Max-Age={TWO_YEARS}",  # withheld
        "_ga=; Max-Age=0",  # a deletion
    ],
)
def test_the_companion_comes_with_new_deposits_only(site: Site, line: str) -> None:
    assert COMPANION not in consenting(site).visit(sets=[line]).cookie_names
    assert COMPANION in site.visit(sets=[line, GA]).cookie_names
    assert COMPANION not in site.visit(sets=[line, GA]).cookie_names


def test_without_consent_there_is_no_companion(site: Site) -> None:
    assert site.visit(sets=[GA]).set_cookies == []
    site.choose("reject-all")
    assert site.visit(sets=[GA]).set_cookies == []


def test_the_companion_is_kept_from_scripts_and_lives_as_long_as_what_it_knows(site: Site) -> None:
    line = line_of(consenting(site).visit(sets=["theme=dark; Max-Age=60"]), COMPANION)
    assert line is not None
    assert line.partition("; ")[2] == f"Max-Age={END - NOON}; Path=/; HttpOnly; SameSite=Lax; Secure"


def test_an_answer_with_a_deposit_is_for_one_visitor(site: Site) -> None:
    answer = consenting(site).visit(sets=[GA], answers=[("Content-Type", "text/plain"), ("Cache-Control", "public")])
    assert (answer.get("cache-control"), answer.get("vary")) == ("private", "Cookie")


def test_required_categories_count_if_the_policy_says_so(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["categories"]["necessary"]["first_deposit"] = True
    site = open_site(policy)
    for day in (0, 20):
        site.clock.now = NOON + day * DAY
        answer = site.visit(sets=[f"basket=1; Max-Age={TWO_YEARS}"])
        assert end_of(answer, "basket", site.clock.now) == NOON + 30 * DAY - (MINUTE if day else 0)
    site.clock.now = NOON + 30 * DAY
    assert line_of(site.visit(sets=["basket=1; Max-Age=60"]), "basket") is not None
    assert "basket" not in site.script.seen_names | site.jar.keys()


def test_session_cookies_count_if_the_policy_says_so(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["session_cookies"] = "count"
    site = consenting(open_site(policy))
    assert line_of(site.visit(sets=["_ga=1; Path=/"]), "_ga") == "_ga=1; Path=/"
    site.clock.now = END
    site.choose("accept-all")
    site.jar["_ga"] = "1"  # a browser that has restored its session ever since
    answer = site.visit(sets=["_ga=1; Path=/"])
    assert end_of(answer, "_ga", 0) == 0
    assert "_ga" not in site.script.seen_names


# When cookies go


def test_a_withdrawal_forgets_what_it_expires_and_nothing_else(site: Site) -> None:
    consenting(site).visit(sets=[GA, f"aud=1; Max-Age={TWO_YEARS}"])
    site.clock.now += 40 * DAY
    site.choose("save", "audience")
    assert "_ga" not in site.jar
    consenting(site)
    answer = site.visit(sets=[GA, f"aud=1; Max-Age={TWO_YEARS}"])
    assert end_of(answer, "aud", site.clock.now) == RENEWED
    assert end_of(answer, "_ga", site.clock.now) == int(datetime(2028, 1, 31, 12, tzinfo=UTC).timestamp())


def test_with_the_last_cookie_the_companion_goes(site: Site) -> None:
    consenting(site).visit(sets=[GA])
    assert f"{COMPANION}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure" in site.choose("withdraw").set_cookies
    assert COMPANION not in site.jar


def test_a_lapse_forgets_what_it_expires(site: Site) -> None:
    consenting(site).visit(sets=[GA])
    site.clock.now = int(datetime(2027, 5, 21, 12, tzinfo=UTC).timestamp())
    site.visit()
    assert site.jar.keys() == {"__Host-consent"}


def test_an_application_that_deletes_and_sets_a_cookie_gains_nothing(site: Site) -> None:
    consenting(site).visit(sets=[GA])
    site.clock.now += 40 * DAY
    site.visit(sets=["_ga=; Max-Age=0"])
    assert end_of(site.visit(sets=[GA]), "_ga", site.clock.now) == RENEWED


# Bad input


def forged(token: str) -> str:
    return token[:-1] + ("A" if token[-1] != "A" else "B")


@pytest.mark.parametrize(
    "companion",
    [
        forged(seal({"_ga": NOON})),
        seal({"_ga": NOON})[:-10],
        seal({"_ga": NOON}, key="another site's key"),
        seal({"_ga": NOON + 300 * DAY}),
        seal({f"c{number}": NOON for number in range(MOST + 40)}),
        "x" * 9000,
        "",
        "1..",
        "1.A.A",
        'é"',
    ],
    ids=["forged", "cut off", "foreign", "from the future", "too long", "long junk", "empty", "dots", "short", "text"],
)
def test_a_companion_that_is_none_is_as_if_absent_and_extends_nothing(site: Site, companion: str) -> None:
    site.clock.now = NOON + 30 * DAY
    consenting(site)
    site.jar[COMPANION] = companion
    answer = site.visit(sets=[GA])
    assert end_of(answer, "_ga", site.clock.now) == int(datetime(2028, 1, 21, 12, tzinfo=UTC).timestamp())
    site.clock.now += 30 * DAY
    assert end_of(site.visit(sets=[GA]), "_ga", 0) == end_of(answer, "_ga", -30 * DAY - MINUTE)


def test_of_several_companions_the_earliest_day_counts(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["cookie_domain"] = ".example.org"
    site = open_site(policy)
    site.clock.now = NOON + 30 * DAY
    consenting(site)
    days = [NOON + 20 * DAY, NOON, NOON + 10 * DAY]
    companions = [f"__Secure-consent-first={seal({'_ga': day})}" for day in days]
    assert end_of(site.visit(sets=[GA], carrying=companions), "_ga", site.clock.now) == RENEWED


def test_a_clock_that_is_put_back_extends_nothing(site: Site) -> None:
    consenting(site).visit(sets=[GA])
    for back in (1, 30, 40 * DAY):
        site.clock.now = NOON - back
        site.choose("accept-all")
        end = end_of(site.visit(sets=[GA]), "_ga", site.clock.now)
        assert end is not None
        assert end <= END
    site.clock.now = NOON
    thirteen_months_after_12_october = int(datetime(2027, 11, 12, 12, tzinfo=UTC).timestamp())
    assert end_of(site.visit(sets=[GA]), "_ga", NOON) == thirteen_months_after_12_october - MINUTE


def test_days_survive_a_change_of_keys_while_the_old_key_is_known(open_site: OpenSite) -> None:
    site = consenting(open_site(secret_keys="old"))
    site.visit(sets=[GA])
    for keys in (["old", "new"], ["new", "newer"]):
        later = open_site(secret_keys=keys)
        later.jar, later.clock.now = site.jar, NOON + DAY
        consenting(later)
        assert end_of(later.visit(sets=[GA]), "_ga", later.clock.now) == RENEWED


# Bounds


def test_fifty_cookies_take_six_hundred_bytes_and_there_is_a_bound(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "consent_middleware")
    consenting(site).visit(sets=[f"_ga_{number}=1; Max-Age={TWO_YEARS}" for number in range(50)])
    assert len(site.jar[COMPANION]) < 600
    for start in (50, 100):
        site.visit(sets=[f"_ga_{number}=1; Max-Age={TWO_YEARS}" for number in range(start, start + 50)])
    assert len(site.jar[COMPANION]) < 1500
    answer = site.visit(sets=[f"_ga_{MOST - 1}=1; Max-Age={TWO_YEARS}", f"_ga_{MOST}=1; Max-Age={TWO_YEARS}"])
    assert end_of(answer, f"_ga_{MOST - 1}", site.clock.now) == END
    assert line_of(answer, f"_ga_{MOST}") == f"_ga_{MOST}=1"
    assert "consent.C007" in caplog.text


def test_room_is_made_by_what_has_been_gone_for_long(site: Site) -> None:
    consenting(site)
    site.jar[COMPANION] = seal({f"c{number}": NOON - 400 * DAY for number in range(MOST)})
    assert end_of(site.visit(sets=[GA]), "_ga", NOON) == END
    assert len(site.jar[COMPANION]) < 100


# Where nothing is enforced


def test_report_mode_remembers_nothing(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["mode"] = "report"
    assert open_site(policy).visit(sets=[GA]).set_cookies == [GA]


def test_where_the_policy_does_not_apply_nothing_is_remembered_or_expired(open_site: OpenSite) -> None:
    site = open_site(applies=lambda request: False)
    site.jar |= {COMPANION: seal({"_ga": NOON - 400 * DAY}), "_ga": "1"}
    assert site.visit(sets=[GA]).set_cookies == [GA]
    assert "_ga" in site.script.seen_names
