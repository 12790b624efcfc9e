"""The catalogue: sound as data, and found when asked for."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from itertools import combinations
from typing import Any

import pytest

from consent_middleware import catalogue
from consent_middleware.catalogue import Entry
from consent_middleware.loader import from_dict
from consent_middleware.loader.agreement import CHOICE_NAMES, NECESSARY_NAMES
from consent_middleware.loader.forms import (
    fault_of_cookie_name,
    fault_of_domain,
    fault_of_marker,
    fault_of_script,
    fault_of_service_id,
    fault_of_storage,
    fault_of_url,
)
from consent_middleware.policy import CookieRule

ROWS: list[dict[str, Any]] = tomllib.loads(
    files("consent_middleware").joinpath("data", "catalogue.toml").read_text(encoding="utf-8")
)["services"]

CATEGORIES = {
    "analytics",
    "marketing",
    "functional",
    "chat",
    "video",
    "social",
    "security",
    "monitoring",
    "necessary",
}
KEYS = {"id", "name", "provider", "category", "policy_url", "cookies", "scripts", "inline", "storage", "source"}
COOKIE_KEYS = {"name", "domain", "lifetime", "purpose"}
SOURCES = {"vendor", "ocd", "tac", "c15t", "nuxt", "editor"}

# Names that many sites and several vendors use: without a domain none of them may decide.
GENERIC = {
    "uid",
    "uuid",
    "id",
    "ID",
    "d",
    "m",
    "C",
    "mc",
    "ts",
    "ss",
    "cid",
    "pid",
    "gid",
    "sid",
    "sess",
    "session",
    "sessionid",
    "token",
    "user",
    "user_id",
    "lang",
    "locale",
    "theme",
    "cart",
    "JSESSIONID",
    "PHPSESSID",
    "csrftoken",
    "csrf_token",
    "PREF",
    "player",
    "flags",
    "hist",
    "presence",
    "visitor",
    "consent",
}
# Words that innocent scripts contain.
COMMON_WORDS = {
    "dataLayer",
    "gtag(",
    "clarity",
    "clarity(",
    "mixpanel",
    "fathom",
    "umami",
    "Stripe(",
    "hj(",
    "ym(",
    "analytics",
}

IDS_PEOPLE_RELY_ON = [
    "google-analytics",
    "google-tag-manager",
    "google-ads",
    "meta-pixel",
    "matomo",
    "hotjar",
    "microsoft-clarity",
    "tawk-to",
    "youtube",
    "linkedin-insight",
]


def entries() -> list[Entry]:
    return list(catalogue.entries().values())


def first_party() -> Iterator[tuple[str, CookieRule]]:
    return ((e.service.id, rule) for e in entries() for rule in e.service.cookies if not rule.third_party)


class TestSchema:
    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
    def test_a_row_has_the_shape_that_its_file_describes(self, row: dict[str, Any]) -> None:
        assert set(row) <= KEYS
        assert all(row[key].strip() for key in ("id", "name", "provider", "category", "policy_url"))
        assert row["category"] in CATEGORIES
        assert not fault_of_service_id(row["id"])
        assert not fault_of_url(row["policy_url"])
        for cookie in row.get("cookies", []):
            assert {"name"} <= set(cookie) <= COOKIE_KEYS
            assert not fault_of_cookie_name(cookie["name"])
            assert "domain" not in cookie or not fault_of_domain(cookie["domain"])
            assert set(cookie.get("purpose", {"en": "", "fr": ""})) == {"en", "fr"}
        assert not [fault for script in row.get("scripts", []) if (fault := fault_of_script(script))]
        assert not [fault for marker in row.get("inline", []) if (fault := fault_of_marker(marker))]
        assert not [fault for key in row.get("storage", []) if (fault := fault_of_storage(key))]

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
    def test_every_group_of_facts_has_a_source(self, row: dict[str, Any]) -> None:
        told = {key for key in ("cookies", "scripts", "inline", "storage") if key in row}
        assert told <= set(row["source"]) | {"storage"}
        for source in row["source"].values():
            assert set(re.findall(r"[a-z0-9]+", source.split(";")[0])) & SOURCES

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
    def test_a_row_says_nothing_twice(self, row: dict[str, Any]) -> None:
        for key in ("scripts", "inline", "storage"):
            assert len(set(row.get(key, []))) == len(row.get(key, []))
        cookies = [(cookie["name"], cookie.get("domain")) for cookie in row.get("cookies", [])]
        assert len(set(cookies)) == len(cookies)

    def test_ids_are_unique(self) -> None:
        assert len(catalogue.entries()) == len(ROWS)

    def test_there_are_about_as_many_as_promised(self) -> None:
        assert len(ROWS) >= 90

    @pytest.mark.parametrize("id", IDS_PEOPLE_RELY_ON)
    def test_an_id_once_published_stays(self, id: str) -> None:
        assert catalogue.find(id) is not None

    @pytest.mark.parametrize("id", IDS_PEOPLE_RELY_ON)
    def test_the_commonest_have_purposes_in_english_and_french(self, id: str) -> None:
        entry = catalogue.find(id)
        assert entry is not None
        assert [rule.name for rule in entry.service.cookies[:3] if not rule.purpose] == []


class TestWhatDecides:
    def test_a_generic_name_decides_only_with_a_domain(self) -> None:
        assert [
            (id, rule.name) for id, rule in first_party() if rule.name in GENERIC or len(rule.name.rstrip("*")) < 3
        ] == []

    def test_no_rule_of_the_catalogue_reaches_a_session_or_the_choice(self) -> None:
        def reaches(pattern: str, name: str) -> bool:
            return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern

        known = NECESSARY_NAMES + CHOICE_NAMES
        assert [(id, rule.name) for id, rule in first_party() if any(reaches(rule.name, name) for name in known)] == []

    def test_a_cookie_lives_in_one_jar(self) -> None:
        for entry in entries():
            for rule in entry.service.cookies:
                assert rule.third_party == (rule.domain is not None)

    def test_no_marker_is_a_common_word(self) -> None:
        assert [e.service.id for e in entries() if COMMON_WORDS & set(e.service.inline)] == []

    @pytest.mark.parametrize("group", ["scripts", "inline"])
    def test_a_host_or_marker_has_one_owner(self, group: str) -> None:
        owners = Counter(word for entry in entries() for word in getattr(entry.service, group))
        assert [word for word, count in owners.items() if count > 1] == []

    def test_a_name_without_a_domain_has_one_owner(self) -> None:
        owners = Counter(rule.name for _, rule in first_party())
        assert [name for name, count in owners.items() if count > 1] == []

    def test_all_services_go_into_one_policy_each_in_its_own_category(self) -> None:
        """The strongest form of: no two services contradict each other."""
        tables = {
            "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
            "categories": {id: {"services": [id]} for id in catalogue.entries()},
        }
        assert len(from_dict(tables).services) == len(ROWS)

    @pytest.mark.parametrize(
        "hosts",
        [
            {
                "google-analytics": "www.googletagmanager.com/gtag/js?id=G-",
                "google-ads": "www.googletagmanager.com/gtag/js?id=AW-",
                "google-tag-manager": "www.googletagmanager.com/gtm.js",
            },
            {
                "google-recaptcha": "www.google.com/recaptcha/",
                "google-ads": "www.google.com/pagead/",
                "google-maps": "www.google.com/maps",
            },
            {"meta-pixel": "www.facebook.com/tr", "facebook-plugins": "www.facebook.com/plugins/"},
        ],
    )
    def test_a_host_with_several_purposes_is_told_apart_by_path_and_query(self, hosts: dict[str, str]) -> None:
        for id, script in hosts.items():
            assert script in catalogue.entries()[id].service.scripts
        assert not any(
            one.startswith(other) for pair in combinations(hosts.values(), 2) for one, other in (pair, pair[::-1])
        )


class TestSearch:
    def test_nothing_finds_everything_in_order(self) -> None:
        found = [entry.service.id for entry in catalogue.search("")]
        assert found == sorted(found)
        assert len(found) == len(ROWS)

    @pytest.mark.parametrize(
        ("text", "id"),
        [("tawk-to", "tawk-to"), ("HOTJAR", "hotjar"), ("meta platforms", "meta-pixel"), ("_uetvid", "microsoft-ads"),
         ("snap.licdn.com", "linkedin-insight"), ("monitoring", "sentry")],
    )  # fmt: skip
    def test_a_service_is_found_by_its_words(self, text: str, id: str) -> None:
        assert id in [entry.service.id for entry in catalogue.search(text)]

    def test_what_nobody_has_is_not_found(self) -> None:
        assert catalogue.search("no such service") == []


def test_a_policy_without_services_never_reads_the_catalogue() -> None:
    program = (
        "from consent_middleware.policy import Policy\n"
        "Policy().rules\n"
        "Policy.from_dict({'policy': {'controller': 'x', 'contact': 'y'}}).fingerprint\n"
        "from consent_middleware import catalogue\n"
        "print(catalogue.entries.cache_info().misses)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed == "0\n"


def test_the_catalogue_is_read_once() -> None:
    assert catalogue.entries() is catalogue.entries()
