"""The scripts for browsers, as far as that can be said without one."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest

from consent_middleware import Policy
from consent_middleware.assets import asset
from consent_middleware.guard import guard_rules, guard_script
from consent_middleware.html.elements import EMBEDS, LOADING, LOADING_IN_SVG
from consent_middleware.lifetime import Lifetime
from consent_middleware.scripts import source
from minify import minified

FILES = ("guard.js", "consent.js")


def written(file: str) -> str:
    return resources.files("consent_middleware").joinpath("web", file).read_text(encoding="utf-8")


def test_they_are_small() -> None:
    """Below 6 kB without the policy's rules, as we compress them ourselves."""
    assert sum(len(asset(file).compressed) for file in FILES) <= 6_000


def test_what_is_sent_is_what_a_minifier_makes_of_the_source() -> None:
    """If not, somebody changed a script and did not run tests/minify.py."""
    made = minified()
    assert {file: f"{source(file)}\n" for file in made} == made


@pytest.mark.parametrize("file", FILES)
def test_they_ask_for_no_more_than_a_strict_page_allows(file: str) -> None:
    assert not re.search(r"\beval\b|\bnew Function\b|\.style\b|cssText|<style", source(file))


def test_the_guard_knows_every_attribute_through_which_the_gate_sees_something_loaded() -> None:
    text = written("guard.js")
    found = re.search(r'ELEMENTS = "(.*)";', text), re.search(r"ATTRIBUTES = (\[.*\]);", text)
    assert found[0] and found[1]
    elements = {name.lower() for name in found[0][1].split(",")}
    attributes = set(json.loads(found[1][1]))
    for table in (LOADING, LOADING_IN_SVG):
        assert elements >= {name.decode() for name in table}
        assert attributes >= {name.decode().removeprefix("xlink:") for held in table.values() for name in held}
    assert elements >= {name.decode() for name in EMBEDS}


def policy_of(**tables: object) -> Policy:
    told = {"controller": "Example SARL", "contact": "dpo@example.org"}
    return Policy.from_dict({"policy": told, "categories": {"analytics": {}}, **tables})


def test_a_policy_s_cap_is_never_exceeded_whenever_a_cookie_begins() -> None:
    assert guard_rules(policy_of(), {})["days"] == 393
    assert Lifetime.parse("6 months").shortest == 181 * 86400
    assert Lifetime.parse("90 seconds").shortest == 90


def test_a_cookie_of_a_script_is_held_to_what_the_policy_says_of_it() -> None:
    cookies = [
        {"name": "short", "category": "analytics", "lifetime": "12 hours"},
        {"name": "long", "category": "analytics", "lifetime": "13 months"},
        {"name": "plain", "category": "analytics"},
        {"name": "visit", "category": "analytics", "lifetime": "session"},
        {"name": "day_*", "category": "analytics", "lifetime": "1 day"},
        {"name": "day_of_all", "category": "analytics"},
    ]
    assert guard_rules(policy_of(cookies=cookies), {})["lives"] == {
        "__proto__": None,
        "short": 0.5,
        "day_*": 1,
        "day_of_all": 393,
    }


def test_the_rules_of_a_policy_are_ascii_and_close_no_script() -> None:
    cookies = {"a</script><b": "analytics", "ü": "analytics"}
    script = guard_script(policy_of(), cookies)
    assert b"</script" not in script and script.isascii()


@pytest.mark.parametrize(
    ("rule", "entry"),
    [
        ("stats.example", ["analytics"]),
        ("stats.example/a.b", ["analytics", r"^/a\.b"]),
        ("stats.example/*/x.js", ["analytics", r"^/[^?]*/x\.js"]),
        ("stats.example/js?id=S-", ["analytics", r"^(?=[^?]*\?(?:.*&)?id=S-)/js(?:\?|$)"]),
    ],
)
def test_a_script_rule_becomes_a_pattern(rule: str, entry: list[str]) -> None:
    service = {"id": "s", "name": "S", "provider": "S", "category": "analytics", "scripts": [rule]}
    assert guard_rules(policy_of(services=[service]), {})["hosts"] == {
        "__proto__": None,
        "stats.example": [entry],
        "": [],
    }
