"""The scripts for browsers, as far as that can be said without one."""

from __future__ import annotations

import gzip
import json
import re
from importlib import resources

import pytest

from consent_middleware import Policy
from consent_middleware.guard import guard_rules, guard_script
from consent_middleware.html.elements import EMBEDS, LOADING, LOADING_IN_SVG
from consent_middleware.lifetime import Lifetime
from consent_middleware.scripts import source

FILES = ("guard.js", "consent.js")


def written(file: str) -> str:
    return resources.files("consent_middleware").joinpath("web", file).read_text(encoding="utf-8")


def test_they_are_small() -> None:
    """Below 6 KiB with Brotli, which the standard library does not have; gzip makes a seventh more of them."""
    assert sum(len(gzip.compress(source(file).encode(), 9)) for file in FILES) <= 7_000


@pytest.mark.parametrize("file", FILES)
def test_what_is_sent_is_what_is_written_without_comments_and_indentation(file: str) -> None:
    lines = [line.strip() for line in written(file).splitlines()]
    assert source(file).splitlines() == [line for line in lines if not line.startswith("//")]


@pytest.mark.parametrize("file", FILES)
def test_no_text_in_them_goes_over_several_lines_nor_asks_for_more_than_a_strict_page_allows(file: str) -> None:
    for line in source(file).splitlines():
        assert line.count("`") % 2 == 0, line
        assert not re.search(r"\beval\b|\bnew Function\b|\.style\b|cssText|<style", line), line


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
