"""The decision of one visitor, without any request around it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware import Category, Policy, ResponseStarted, UnknownCategory
from consent_middleware.decision import Act, Decision
from consent_middleware.engine import Engine
from consent_middleware.seal import Choice, Receipt

NOW = 1_795_262_400

POLICY = Policy(
    categories={
        "necessary": Category(name="necessary", required=True),
        "analytics": Category(name="analytics"),
        "marketing": Category(name="marketing", gpc=True),
        "chat": Category(name="chat", on_request=True),
        "audience": Category(name="audience", exempt=True),
        "counted": Category(name="counted", exempt=True, gpc=True),
    }
)
LAPSE = POLICY.consent_lifetime.end


class Request:
    """A request with as much as a decision depends on."""

    is_local = False
    method, scheme, host, path, target, root = "GET", "https", "shop.example.org", "/", "/shop/", "/shop"

    def __init__(self, engine: Engine, choices: dict[str, Choice] | None, gpc: bool) -> None:
        receipt = Receipt("A" * 22, "visitor", choices or {})
        self.cookies = [f"__Host-consent={engine.seal.dumps(receipt)}"] if choices else []
        self._gpc = "1" if gpc else None
        self.was_read = 0

    def header(self, name: str) -> str | None:
        self.was_read += 1
        return self._gpc if name == "sec-gpc" else None


HERE = Engine(POLICY, secret_keys="a key for tests", clock=lambda: NOW)
ABROAD = Engine(POLICY, secret_keys="a key for tests", clock=lambda: NOW, applies=lambda request: False)


def decision(choices: dict[str, Choice] | None = None, *, gpc: bool = False, applies: bool = True) -> Decision:
    engine = HERE if applies else ABROAD
    return Decision(engine, Request(engine, choices, gpc))


def allowed(decided: Decision) -> set[str]:
    return {name for name in POLICY.categories if decided.allows(name)}


YES, NO = Choice(True, NOW), Choice(False, NOW)


@pytest.mark.parametrize(
    ("choices", "gpc", "expected"),
    [
        (None, False, {"necessary", "audience", "counted"}),
        ({}, False, {"necessary", "audience", "counted"}),
        (None, True, {"necessary", "audience"}),
        ({"analytics": YES}, False, {"necessary", "audience", "counted", "analytics"}),
        ({"marketing": YES, "counted": YES}, True, {"necessary", "audience", "counted", "marketing"}),
        ({"audience": NO, "counted": NO}, False, {"necessary"}),
        ({"chat": YES, "marketing": NO}, False, {"necessary", "audience", "counted", "chat"}),
    ],
)
def test_what_is_allowed_follows_from_choice_and_signal(
    choices: dict[str, Choice] | None, gpc: bool, expected: set[str]
) -> None:
    assert allowed(decision(choices, gpc=gpc)) == expected


def test_where_the_policy_does_not_apply_everything_known_is_allowed() -> None:
    abroad = decision({"analytics": NO}, applies=False, gpc=True)
    assert allowed(abroad) == set(POLICY.categories)
    assert not abroad.allows("statistics")
    assert not abroad.needs_asking


@given(st.dictionaries(st.sampled_from(POLICY.choosable), st.builds(Choice, st.booleans(), st.integers(1, NOW))))
def test_each_choice_lapses_for_itself(choices: dict[str, Choice]) -> None:
    decided = decision(choices)
    standing = {name: choice for name, choice in choices.items() if LAPSE(choice.at) > NOW}
    assert decided.choices == standing
    assert decided.decided_at == max((choice.at for choice in standing.values()), default=None)
    assert decided.expires_at == min((LAPSE(choice.at) for choice in standing.values()), default=None)
    for name in POLICY.choosable:
        state = decided.categories[name]
        assert state == ("unset" if name not in standing else "granted" if standing[name].granted else "denied")


@pytest.mark.parametrize(
    ("choices", "gpc", "source"),
    [
        (None, False, "default"),
        (None, True, "gpc"),
        ({}, False, "default"),
        ({"analytics": Choice(True, 1)}, False, "default"),
        ({"analytics": Choice(True, 1)}, True, "gpc"),
        ({"analytics": NO}, True, "visitor"),
    ],
)
def test_whose_word_it_is(choices: dict[str, Choice] | None, gpc: bool, source: str) -> None:
    assert decision(choices, gpc=gpc).source == source


@pytest.mark.parametrize(
    ("names", "gpc", "needed"),
    [
        ([], False, True),
        (["analytics"], False, True),
        (["analytics"], True, False),
        (["analytics", "marketing"], False, False),
        (["chat", "audience", "counted"], False, True),
    ],
)
def test_it_needs_asking_until_all_that_is_asked_is_answered(names: Iterable[str], gpc: bool, needed: bool) -> None:
    assert decision(dict.fromkeys(names, NO), gpc=gpc).needs_asking is needed


def test_a_request_is_read_once_and_only_when_something_depends_on_it() -> None:
    asked: list[object] = []

    def notice(request: object) -> bool:
        asked.append(request)
        return True

    engine = Engine(POLICY, secret_keys="a key for tests", clock=lambda: NOW, applies=notice)
    lazy = Decision(engine, Request(engine, {"analytics": YES}, gpc=False))
    assert lazy.allows("nothing known") is False
    assert lazy.allows("necessary")
    assert lazy.settings_url == "/shop/_consent/settings"
    assert asked == []
    assert lazy.allows("analytics")
    assert lazy.needs_asking
    assert lazy.categories["marketing"] == "unset"
    assert len(asked) == 1


@pytest.mark.parametrize("name", ["categories", "source", "decided_at", "expires_at", "needs_asking"])
def test_whoever_looks_has_consulted_it(name: str) -> None:
    decided = decision()
    assert not decided.consulted
    getattr(decided, name)
    assert decided.consulted


def test_the_address_of_the_settings_and_acting_consult_nothing() -> None:
    decided = decision()
    decided.grant("analytics")
    assert decided.settings_url
    assert not decided.consulted


acts = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["grant", "deny"]), st.lists(st.sampled_from([*POLICY.categories]), max_size=3)),
        st.tuples(st.just("withdraw"), st.just(list[str]())),
    )
)


@given(acts, st.booleans())
def test_acting_is_seen_at_once_and_never_touches_the_necessary(acts: list[tuple[str, list[str]]], gpc: bool) -> None:
    decided = decision(gpc=gpc)
    expected = {name: decided.allows(name) for name in POLICY.categories}
    for verb, names in acts:
        getattr(decided, verb)(*names)
        changed = names if verb != "withdraw" else [*POLICY.choosable]
        expected |= {name: verb == "grant" for name in changed if name != "necessary"}
        assert {name: decided.allows(name) for name in POLICY.categories} == expected
    assert all(choice.at == NOW for choice in decided.choices.values())


@given(acts)
def test_undoing_forgets_everything(acts: list[tuple[str, list[str]]]) -> None:
    decided = decision({"analytics": YES, "marketing": NO})
    before = decided.categories
    for verb, names in acts:
        getattr(decided, verb)(*names)
    decided.undo()
    assert (decided.categories, decided.acts, decided.source) == (before, [], "visitor")


@given(acts)
def test_keeping_refusals_keeps_no_grant(acts: list[tuple[str, list[str]]]) -> None:
    decided = decision({"analytics": YES, "marketing": NO})
    for verb, names in acts:
        getattr(decided, verb)(*names)
    granted = any(yes for act in decided.acts for yes in act.answers.values())
    refused = {name for name in POLICY.choosable if decided.choices.get(name, YES).granted is False}
    assert decided.keep_refusals() is granted
    assert {name for name in POLICY.choosable if not decided.choices.get(name, YES).granted} >= refused
    assert decided.choices.get("analytics") in (YES, NO)
    assert not [n for n, choice in decided.choices.items() if choice.granted and n != "analytics"]


@pytest.mark.parametrize("verb", ["grant", "deny"])
def test_an_unknown_category_changes_nothing_at_all(verb: str) -> None:
    decided = decision()
    with pytest.raises(UnknownCategory, match=r"'marketting' is not a category.*did you mean 'marketing'\?"):
        getattr(decided, verb)("analytics", "marketting")
    assert decided.acts == []


def test_an_unknown_category_like_no_other_is_told_those_there_are() -> None:
    with pytest.raises(UnknownCategory, match="the policy has 'necessary', 'analytics'"):
        decision().grant("xyz")


@pytest.mark.parametrize("verb", ["grant", "deny", "withdraw"])
def test_a_closed_decision_can_only_be_read(verb: str) -> None:
    decided = decision({"analytics": YES})
    decided.close()
    with pytest.raises(ResponseStarted, match=rf"{verb}\(\) came after"):
        getattr(decided, verb)(*[] if verb == "withdraw" else ["marketing"])
    assert decided.allows("analytics")
    assert decided.acts == []


def test_an_act_of_the_visitor_answers_at_this_instant() -> None:
    decided = decision({"chat": Choice(True, NOW - 100)})
    decided.decide(Act("visitor", "save", {"analytics": True, "marketing": False}))
    assert decided.choices == {"chat": Choice(True, NOW - 100), "analytics": YES, "marketing": NO}
    assert decided.source == "visitor"


def test_its_representation_tells_only_the_policy_and_whether_it_is_open() -> None:
    decided = decision({"analytics": YES})
    assert repr(decided) == "<Decision '' open>"
    decided.close()
    assert repr(decided) == "<Decision '' closed>"
