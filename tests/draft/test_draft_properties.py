"""Whatever a site does: its draft is a policy file in which nothing is wrong but the questions."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from consent_middleware import catalogue
from consent_middleware.draft import CookieFact, Facts, HostFact, propose, written
from consent_middleware.draft.observations import ObservationsUnreadable, read_observations
from consent_middleware.errors import Mistake, PolicyError
from consent_middleware.lifetime import SESSION, Lifetime
from consent_middleware.loader import Id
from consent_middleware.loader.agreement import NECESSARY_NAMES
from consent_middleware.own_cookies import OWN_NAMES
from consent_middleware.policy import Policy

TODAY = date(2026, 11, 22)
FEWER = settings(max_examples=settings.get_profile(settings.get_current_profile_name()).max_examples // 3)
"""Each example is a whole file, which takes its time to be read again."""

VENDORS = catalogue.entries().values()
OF_VENDORS = [rule.name.replace("*", "x") for entry in VENDORS for rule in entry.service.cookies]
HOSTS_OF_VENDORS = [script.partition("/")[0] for entry in VENDORS for script in entry.service.scripts]

labels = st.from_regex(r"[a-z0-9_][a-z0-9_-]{0,10}", fullmatch=True)
names = st.one_of(
    st.sampled_from(
        [*OF_VENDORS, *NECESSARY_NAMES, *OWN_NAMES, "klaro", "wp_consent_x", "?", "*", "", "a*b", "__Host-x"]
    ),
    st.from_regex(r"[A-Za-z0-9_.\-\[\]\"']{1,20}", fullmatch=True),
    st.text(max_size=30),
)
hosts = st.one_of(
    st.sampled_from([*HOSTS_OF_VENDORS, "localhost", "127.0.0.1", "[::1]", "cdn.site.example", "a.b", "a-b.b", "--.b"]),
    st.lists(labels, min_size=1, max_size=4).map(".".join),
    st.text(min_size=1, max_size=30),
)
categories = st.sampled_from(["", "", "necessary", "analytics", "audience", "undeclared", "Not one", "x" * 50])
lifetimes = st.one_of(st.none(), st.just(SESSION), st.integers(1, 10**30).map(lambda n: Lifetime(seconds=n)))
cookies = st.builds(
    CookieFact,
    name=names,
    evidence=st.text(max_size=40),
    lifetime=lifetimes,
    domain=hosts | st.just(""),
    path=st.sampled_from(["/", "/shop", "shop", "/é", "/a;b"]),
    category=categories,
    is_framework=st.booleans(),
    is_of_server=st.booleans(),
    advice=st.lists(st.text(max_size=20), max_size=1).map(tuple),
)
third_parties = st.builds(
    HostFact,
    host=hosts | st.just(""),
    evidence=st.text(max_size=40),
    service=st.sampled_from(["", "", "google-analytics", "own-stats"]),
    category=categories,
)
facts = st.builds(
    Facts,
    source=st.text(max_size=40),
    site=st.sampled_from(["", "www.site.example", "localhost", "127.0.0.1"]) | st.text(max_size=10),
    contact=st.text(max_size=20),
    language=st.sampled_from(["", "fr"]),
    cookies=st.lists(cookies, max_size=8).map(tuple),
    hosts=st.lists(third_parties, max_size=8).map(tuple),
    storage=st.lists(st.text(max_size=20), max_size=3).map(tuple),
    remarks=st.lists(st.text(max_size=20), max_size=2).map(tuple),
)


def mistakes_in(tables: dict[str, Any]) -> tuple[Mistake, ...]:
    try:
        Policy.from_dict(tables)
    except PolicyError as error:
        return error.mistakes
    return ()


def answered(tables: dict[str, Any]) -> dict[str, Any]:
    """The same file with an answer in the place of every question."""
    tables["policy"] |= {"controller": "Example SARL", "contact": "dpo@example.org"}
    for entry in (*tables.get("cookies", ()), *tables.get("services", ())):
        entry["category"] = entry["category"].replace("?", "analytics")
        if "provider" in entry:
            entry["provider"] = "Somebody"
    return tables


@FEWER
@given(st.lists(facts, max_size=3))
def test_a_draft_has_questions_and_no_other_mistake(told: list[Facts]) -> None:
    text = written(propose(told), TODAY)
    tables = tomllib.loads(text)
    found = mistakes_in(tables)
    assert {mistake.id for mistake in found} == {Id.QUESTION.id}
    assert len(found) == text.count('= "?"  # QUESTION: ')
    assert not mistakes_in(answered(tables))


@FEWER
@given(st.lists(facts, max_size=2))
def test_the_same_facts_give_the_same_text(told: list[Facts]) -> None:
    again = [Facts(source=f.source, site=f.site, contact=f.contact, language=f.language) for f in told]
    assert written(propose(told), TODAY) == written(propose(told), TODAY)
    assert written(propose(again), TODAY) == written(propose([*again]), TODAY)


@FEWER
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "name",
                        "host",
                        "count",
                        "routes",
                        "elements",
                        "attributes",
                        "max_age",
                        "domain",
                        "path",
                        "category",
                        "service",
                    ]
                ),
                inner,
                max_size=6,
            )
        ),
    ),
    st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3)),
)
def test_a_report_of_any_shape_is_read_or_refused_in_words(rows: Any, version: Any) -> None:
    for number in (1, version):
        text = json.dumps({"version": number, "cookies": rows, "hosts": rows})
        try:
            told = read_observations(text, "report.json")
        except ObservationsUnreadable:
            assert number != 1
            continue
        assert {m.id for m in mistakes_in(tomllib.loads(written(propose([told]), TODAY)))} == {Id.QUESTION.id}
