"""Reading a policy: what it means, and every way in which it can be wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_middleware.errors import Mistake, PolicyError
from consent_middleware.lifetime import SESSION, Lifetime
from consent_middleware.loader import Id, from_dict, load
from consent_middleware.messages import MESSAGES
from consent_middleware.policy import DEFAULT_CATEGORIES, FloorSettings, HTMLSettings, Policy

WHO = 'controller = "Example SARL"\ncontact = "dpo@example.org"\n'
SMALLEST = f"[policy]\n{WHO}"
ANALYTICS = f"{SMALLEST}[categories.analytics]\n"

COMPLETE = f"""
[policy]
version = "2026-11-21"
revision = 3
{WHO}
consent_lifetime = "5 months"
cookie_lifetime = "12 months"
undeclared_cookies = "report"
cookie_domain = ".Example.org"
mode = "report"

[categories.necessary]
required = true
[categories.functional]
label = "Comfort"
[categories.analytics]
label = {{ en = "Audience measurement", fr-CA = "Mesure d'audience" }}
description = {{ en = "Counts visits" }}
services = ["google-analytics", "own-stats"]
[categories.marketing]
services = ["google-tag-manager", "google-ads"]
gpc = true
[categories.chat]
on_request = true
services = ["tawk-to"]
[categories.audience]
exempt = true
services = ["matomo"]

[[cookies]]
name = "theme"
category = "functional"
lifetime = "30 days"
path = "/shop"
purpose = {{ en = "Remembers the colour theme" }}
[[cookies]]
name = "_gid"
category = "functional"
partitioned = true

[[services]]
id = "own-stats"
name = "Own statistics"
provider = "Example SARL"
category = "analytics"
policy_url = "https://example.org/privacy"
cookies = [{{ name = "_os_*", lifetime = "12 months", domain = ".example.org" }}, "_ot"]
scripts = ["stats.example.org/", "cdn.example.org/stats?site="]
inline = ["ownstats("]
storage = ["_os_*"]
[[services]]
id = "own-video"
name = "Own videos"
provider = "Example SARL"
category = "functional"
"""


def read(text: str) -> Policy:
    return from_dict(tomllib.loads(text))


def mistakes_in(tables: Mapping[str, Any]) -> tuple[Mistake, ...]:
    with pytest.raises(PolicyError) as caught:
        from_dict(tables)
    return caught.value.mistakes


class TestWhatAPolicyMeans:
    def test_every_setting_arrives(self) -> None:
        policy = read(COMPLETE)
        assert (policy.version, policy.revision) == ("2026-11-21", 3)
        assert (policy.controller, policy.contact) == ("Example SARL", "dpo@example.org")
        assert (policy.consent_lifetime, policy.cookie_lifetime) == (Lifetime(months=5), Lifetime(months=12))
        assert (policy.undeclared_cookies, policy.mode) == ("report", "report")

    def test_the_settings_for_pages_arrive(self) -> None:
        text = """[html]
            gate = true
            third_party_hosts = "withhold"
            own_hosts = [".CDN.example.org", "example.net"]
            on_fault = "withhold"
            lazy_attributes = true
            css = true
            speculation_rules = true
        """
        assert read(SMALLEST + text).html == HTMLSettings(
            gate=True,
            third_party_hosts="withhold",
            own_hosts=("cdn.example.org", "example.net"),
            on_fault="withhold",
            lazy_attributes=True,
            css=True,
            speculation_rules=True,
        )
        assert read(SMALLEST).html == HTMLSettings()

    def test_the_floor_arrives_and_so_do_those_of_single_cookies(self) -> None:
        text = """[floor]
            same_site = "lax"
            secure = "https"
            http_only = ["sessionid", "auth_*"]
            [[cookies]]
            name = "pay"
            category = "necessary"
            same_site = "none"
            secure = "always"
            http_only = true
            [[cookies]]
            name = "theme"
            category = "functional"
        """
        policy = read(SMALLEST + text)
        assert policy.floor == FloorSettings(same_site="lax", secure="https", http_only=("sessionid", "auth_*"))
        pay, theme = policy.cookies
        assert (pay.same_site, pay.secure, pay.http_only) == ("none", "always", True)
        assert (theme.same_site, theme.secure, theme.http_only) == (None, None, None)
        assert read(SMALLEST).floor == FloorSettings()

    def test_the_settings_for_words_arrive(self) -> None:
        text = """
            date = 2026-11-21
            languages = ["fr", "EN"]
            policy_url = { fr = "/cookies", en = "https://example.org/en/cookies?a=b" }
            [texts.FR]
            title = "Vos choix"
            kept = "Gardé {lifetime}, {{et}} puis redemandé."
        """
        policy = read(SMALLEST + text)
        assert policy.date == date(2026, 11, 21)
        assert (policy.languages, policy.default_language) == (("fr", "en"), "fr")
        assert policy.policy_url == {"fr": "/cookies", "en": "https://example.org/en/cookies?a=b"}
        assert policy.words("fr")["title"] == "Vos choix"
        assert policy.words("fr")["save"] == MESSAGES["fr"]["save"]
        assert policy.words("en") is MESSAGES["en"]
        with pytest.raises(KeyError):
            policy.words("tlh")

    def test_without_a_word_about_them_all_languages_are_spoken(self) -> None:
        policy = read(f'{SMALLEST}date = "2026-11-21"\ndefault_language = "FR"')
        assert (policy.languages, policy.default_language) == (tuple(MESSAGES), "fr")
        assert policy.date == date(2026, 11, 21)
        assert read(SMALLEST).default_language == "en"

    def test_domains_lose_their_dot_and_their_capitals(self) -> None:
        policy = read(COMPLETE)
        assert policy.cookie_domain == "example.org"
        assert {rule.domain for rule in policy.rules if rule.name == "_os_*"} == {"example.org"}

    def test_categories_keep_the_order_and_the_standing_of_the_file(self) -> None:
        categories = read(COMPLETE).categories
        assert list(categories) == ["necessary", "functional", "analytics", "marketing", "chat", "audience"]
        assert [name for name, category in categories.items() if category.is_asked] == [
            "functional",
            "analytics",
            "marketing",
        ]
        assert categories["marketing"].gpc
        assert categories["chat"].on_request
        assert categories["audience"].exempt

    def test_a_plain_text_is_for_every_language_and_tags_are_lower_case(self) -> None:
        categories = read(COMPLETE).categories
        assert categories["functional"].label == {"": "Comfort"}
        assert categories["analytics"].label == {"en": "Audience measurement", "fr-ca": "Mesure d'audience"}

    def test_every_service_stands_in_its_category_with_its_cookies(self) -> None:
        policy = read(COMPLETE)
        assert {service.id: service.category for service in policy.services} == {
            "google-analytics": "analytics",
            "own-stats": "analytics",
            "google-tag-manager": "marketing",
            "google-ads": "marketing",
            "tawk-to": "chat",
            "matomo": "audience",
            "own-video": "functional",
        }
        assert all(rule.category == service.category for service in policy.services for rule in service.cookies)
        assert all(rule.service == service.id for service in policy.services for rule in service.cookies)

    def test_a_service_of_the_sites_own_has_what_the_file_gives_it(self) -> None:
        own = next(service for service in read(COMPLETE).services if service.id == "own-stats")
        assert [(rule.name, rule.lifetime) for rule in own.cookies] == [("_os_*", Lifetime(months=12)), ("_ot", None)]
        assert not any(rule.third_party for rule in own.cookies)
        assert own.scripts == ("stats.example.org/", "cdn.example.org/stats?site=")
        assert (own.inline, own.storage) == (("ownstats(",), ("_os_*",))

    def test_hosts_are_lower_case_and_paths_are_as_written(self) -> None:
        policy = read(service(f'{OWN}scripts = ["Stats.Example.org/Path?Id=G-", "X.org"]'))
        assert policy.services[0].scripts == ("stats.example.org/Path?Id=G-", "x.org")

    def test_the_site_has_the_last_word_on_a_cookie_of_the_catalogue(self) -> None:
        rules = [rule for rule in read(COMPLETE).rules if rule.name == "_gid"]
        assert [rule.category for rule in rules] == ["analytics", "functional"]
        assert rules[-1].partitioned

    def test_lifetimes_of_the_catalogue_are_capped_in_the_sites_jar_only(self) -> None:
        policy = read(f'{ANALYTICS}services = ["google-analytics", "vimeo"]')
        lifetimes = {rule.name: rule.lifetime for service in policy.services for rule in service.cookies}
        assert lifetimes["_ga"] == Lifetime(months=13)
        assert lifetimes["vuid"] == Lifetime(months=24)

    def test_a_cookie_in_the_vendors_jar_decides_nothing_here(self) -> None:
        policy = read(f'{ANALYTICS}services = ["instagram", "new-relic", "criteo"]')
        assert not {"csrftoken", "JSESSIONID", "uid"} & {rule.name for rule in policy.rules}

    def test_without_categories_there_are_the_default_ones(self) -> None:
        assert read(SMALLEST).categories == DEFAULT_CATEGORIES

    def test_necessary_need_not_be_declared(self) -> None:
        assert list(read(ANALYTICS).categories) == ["necessary", "analytics"]

    def test_necessary_is_required_without_saying_so(self) -> None:
        policy = read(f'{SMALLEST}[categories.necessary]\nlabel = "Needed"')
        assert policy.categories["necessary"].required
        assert policy.categories["necessary"].label == {"": "Needed"}

    def test_a_category_may_be_empty(self) -> None:
        assert "analytics" in read(ANALYTICS).choosable

    def test_an_own_service_takes_the_place_of_the_catalogues(self) -> None:
        own = 'id = "matomo"\nname = "Matomo"\nprovider = "Example SARL"\nscripts = ["m.example.org"]'
        policy = read(f'{ANALYTICS}services = ["matomo"]\n[[services]]\n{own}')
        (service,) = policy.services
        assert (service.category, service.provider, service.cookies) == ("analytics", "Example SARL", ())

    def test_a_service_only_listed_need_not_name_its_category(self) -> None:
        own = 'id = "own"\nname = "Own"\nprovider = "Example SARL"\ncookies = ["own_id"]'
        policy = read(f'{ANALYTICS}services = ["own"]\n[[services]]\n{own}')
        assert [(rule.name, rule.category) for rule in policy.rules] == [("own_id", "analytics")]

    def test_one_name_on_two_paths_is_two_cookies(self) -> None:
        cookie = '[[cookies]]\nname = "seen"\ncategory = "analytics"\n'
        assert len(read(f'{ANALYTICS}{cookie}path = "/a"\n{cookie}path = "/b"').rules) == 2

    def test_necessary_cookies_are_welcome_in_a_required_category(self) -> None:
        text = SMALLEST + "".join(
            f'[[cookies]]\nname = "{name}"\ncategory = "necessary"\n' for name in ("sessionid", "consent", "csrf*")
        )
        assert len(read(text).rules) == 3

    def test_a_session_is_a_lifetime_for_a_cookie(self) -> None:
        policy = read(f'{ANALYTICS}[[cookies]]\nname = "ab"\ncategory = "analytics"\nlifetime = "session"')
        assert policy.rules[0].lifetime == SESSION

    def test_tables_may_be_any_mapping_and_lists_any_tuple(self) -> None:
        tables = {"policy": {"controller": "x", "contact": "y"}, "categories": {"a": {"services": ("matomo",)}}}
        assert from_dict(MappingProxyType(tables)) == from_dict(tables)

    def test_what_is_read_from_a_file_equals_what_is_read_from_its_tables(self, tmp_path: Path) -> None:
        file = tmp_path / "consent.toml"
        file.write_text(COMPLETE, encoding="utf-8")
        assert load(file) == load(str(file)) == Policy.load(file) == Policy.from_dict(tomllib.loads(COMPLETE))
        assert Policy.load(tomllib.loads(COMPLETE)) == load(file)

    def test_a_byte_order_mark_is_not_a_mistake(self, tmp_path: Path) -> None:
        file = tmp_path / "consent.toml"
        file.write_text(SMALLEST, encoding="utf-8-sig")
        assert load(file).controller == "Example SARL"


def cookie(lines: str) -> str:
    return f'{ANALYTICS}[[cookies]]\ncategory = "analytics"\n{lines}'


def service(lines: str, listing: str = "") -> str:
    return f'{ANALYTICS}{listing}\n[[services]]\nname = "Own"\nprovider = "Own"\n{lines}'


def two(first: str, second: str) -> str:
    """Two categories, each with the lines given."""
    return f"{ANALYTICS}{first}\n[categories.marketing]\n{second}"


OWN = 'id = "own"\ncategory = "analytics"\n'

# What is wrong with the file, the id and place of its only mistake, and a word that the author will look for.
MISTAKES = [
    (f"{SMALLEST}[html]\nthird_party_host = 'allow'", Id.UNKNOWN_KEY, "html.third_party_host", '"third_party_hosts"'),
    (f"{SMALLEST}[html]\ncss = 1", Id.WRONG_TYPE, "html.css", "true or false"),
    (f"{SMALLEST}[html]\ngate = 'yes'", Id.WRONG_TYPE, "html.gate", "true or false"),
    (f"{SMALLEST}[html]\nown_hosts = 'x.org'", Id.WRONG_TYPE, "html.own_hosts", "square brackets"),
    (f"{SMALLEST}[html]\nown_hosts = ['x.org', 'https://y.org/']", Id.DOMAIN, "html.own_hosts[1]", '"y.org"'),
    (f"{SMALLEST}[html]\nown_hosts = ['bücher.example']", Id.DOMAIN, "html.own_hosts[0]", "xn--"),
    (f"{SMALLEST}[html]\nthird_party_hosts = 'withold'", Id.NOT_AN_OPTION, "html.third_party_hosts", '"withhold"'),
    (f"{SMALLEST}[html]\non_fault = 'close'", Id.NOT_AN_OPTION, "html.on_fault", '"withhold"'),
    (f"{SMALLEST}[floor]\nsamesite = 'lax'", Id.UNKNOWN_KEY, "floor.samesite", '"same_site"'),
    (f"{SMALLEST}[floor]\nsame_site = 'Lax'", Id.NOT_AN_OPTION, "floor.same_site", '"lax"'),
    (f"{SMALLEST}[floor]\nsecure = true", Id.WRONG_TYPE, "floor.secure", "a text"),
    (f"{SMALLEST}[floor]\nsecure = 'http'", Id.NOT_AN_OPTION, "floor.secure", '"https"'),
    (f"{SMALLEST}[floor]\nhttp_only = true", Id.WRONG_TYPE, "floor.http_only", "square brackets"),
    (f"{SMALLEST}[floor]\nhttp_only = ['ab', '*']", Id.WILDCARD, "floor.http_only[1]", "name what it stands for"),
    (f"{SMALLEST}[floor]\nhttp_only = ['a=b']", Id.COOKIE_NAME, "floor.http_only[0]", "every browser ends the name"),
    (cookie("name = 'ab'\nsame_site = 'off'"), Id.NOT_AN_OPTION, "cookies[0].same_site", '"none"'),
    (cookie("name = 'ab'\nhttp_only = 'yes'"), Id.WRONG_TYPE, "cookies[0].http_only", "true or false"),
    (
        cookie("name = 'ab'\nhttp_only = false\n[floor]\nhttp_only = ['ab']"),
        Id.FLOOR,
        "cookies[0].http_only",
        "drop one of the two",
    ),
    (f"{SMALLEST}[[html]]\ngate = true", Id.WRONG_TYPE, "html", ""),
    (f"{SMALLEST}[categories.undeclared]", Id.CATEGORY_NAME, "categories.undeclared", "another name"),
    (f"{SMALLEST}versoin = '1'", Id.UNKNOWN_KEY, "policy.versoin", '"version"'),
    (f"{SMALLEST}[cokies]", Id.UNKNOWN_KEY, "cokies", '"cookies"'),
    (f"{ANALYTICS}exmpt = true", Id.UNKNOWN_KEY, "categories.analytics.exmpt", '"exempt"'),
    (cookie('name = "ab"\nmax_age = 3'), Id.UNKNOWN_KEY, "cookies[0].max_age", "lifetime"),
    (service(f'{OWN}hosts = ["x.org"]'), Id.UNKNOWN_KEY, "services[0].hosts", "scripts"),
    (
        service(f'{OWN}cookies = [{{ name = "ab", category = "x" }}]'),
        Id.UNKNOWN_KEY,
        "services[0].cookies[0].category",
        "",
    ),
    (f"{SMALLEST}version = 2026-11-21", Id.WRONG_TYPE, "policy.version", '"2026-11-21"'),
    (f"{SMALLEST}cookie_lifetime = 13", Id.WRONG_TYPE, "policy.cookie_lifetime", '"6 months"'),
    (f"{SMALLEST}revision = true", Id.WRONG_TYPE, "policy.revision", "whole number"),
    (f"{ANALYTICS}gpc = 'yes'", Id.WRONG_TYPE, "categories.analytics.gpc", "without quotes"),
    (f"{ANALYTICS}services = 'matomo'", Id.WRONG_TYPE, "categories.analytics.services", "square brackets"),
    (f"{ANALYTICS}services = [1]", Id.WRONG_TYPE, "categories.analytics.services[0]", "a text"),
    (f"{ANALYTICS}label = ['x']", Id.WRONG_TYPE, "categories.analytics.label", "table"),
    (f"{SMALLEST}[categories]\nanalytics = true", Id.WRONG_TYPE, "categories.analytics", "a table"),
    (f"cookies = ['theme']\n{SMALLEST}", Id.WRONG_TYPE, "cookies[0]", "a table"),
    (service(f"{OWN}cookies = [7]"), Id.WRONG_TYPE, "services[0].cookies[0]", "a number"),
    (f'{ANALYTICS}[[cookies]]\ncategory = "analytics"', Id.MISSING_KEY, "cookies[0].name", ""),
    (f'{ANALYTICS}[[cookies]]\nname = "ab"', Id.MISSING_KEY, "cookies[0].category", ""),
    (service('id = "own"'), Id.MISSING_KEY, "services[0].category", "list the service"),
    (service('category = "analytics"'), Id.MISSING_KEY, "services[0].id", ""),
    ("[policy]\ncontact = 'dpo@example.org'", Id.NO_CONTACT, "policy.controller", "responsible"),
    ("[policy]\ncontroller = 'Example SARL'", Id.NO_CONTACT, "policy.contact", "data protection"),
    ("[policy]\ncontroller = 'Example SARL'\ncontact = ' '", Id.NO_CONTACT, "policy.contact", "empty"),
    (f"{SMALLEST}version = ''", Id.EMPTY, "policy.version", ""),
    (f"{ANALYTICS}label = {{ en = '' }}", Id.EMPTY, "categories.analytics.label.en", ""),
    (f"{SMALLEST}mode = 'reports'", Id.NOT_AN_OPTION, "policy.mode", '"report"'),
    (f"{SMALLEST}undeclared_cookies = 'drop'", Id.NOT_AN_OPTION, "policy.undeclared_cookies", '"withhold"'),
    (f"{SMALLEST}revision = 0", Id.NOT_AN_OPTION, "policy.revision", "from 1"),
    (f"{SMALLEST}revision = 1000001", Id.NOT_AN_OPTION, "policy.revision", "1000000"),
    (f"{ANALYTICS}label = {{ english = 'x' }}", Id.LANGUAGE, "categories.analytics.label.english", '"en"'),
    (f"{ANALYTICS}label = {{ en = 'x', EN = 'y' }}", Id.LANGUAGE, "categories.analytics.label.EN", "twice"),
    (f"{SMALLEST}[categories.'Très utile']", Id.CATEGORY_NAME, 'categories."Très utile"', "lower-case"),
    (f"{SMALLEST}[categories.Analytics]", Id.CATEGORY_NAME, "categories.Analytics", "lower-case"),
    (f"{SMALLEST}[categories.{'a' * 41}]", Id.CATEGORY_NAME, f"categories.{'a' * 41}", "40"),
    (
        f"{SMALLEST}[categories.necessary]\nrequired = false",
        Id.STANDING,
        "categories.necessary.required",
        "another name",
    ),
    (f"{SMALLEST}reads = ['klaru']", Id.READS, "policy.reads[0].tool", "klaro"),
    (f"{SMALLEST}mode = '?'", Id.QUESTION, "policy.mode", "write the answer"),
    (f"{SMALLEST}date = '?'", Id.QUESTION, "policy.date", "write the answer"),
    (f"{SMALLEST}dnt = '?'", Id.QUESTION, "policy.dnt", "write the answer"),
    (f"{SMALLEST}cookie_lifetime = ' ? '", Id.QUESTION, "policy.cookie_lifetime", "write the answer"),
    (f"{SMALLEST}[[cookies]]\nname = 'x'\ncategory = '?'", Id.QUESTION, "cookies[0].category", 'about "x"'),
    (service('id = "own"\ncategory = "?"'), Id.QUESTION, "services[0].category", 'about "Own"'),
    (service('id = "own"\ncategory = 5'), Id.WRONG_TYPE, "services[0].category", "quotes"),
    (
        f"{SMALLEST}reads = [{{tool = 'klaro', categories = {{a = ['x']}}}}]",
        Id.UNKNOWN_CATEGORY,
        "policy.reads[0].categories.a",
        "",
    ),
    (
        f"{SMALLEST}reads = [{{tool = 'klaro', categories = {{necessary = ['x']}}}}]",
        Id.READS,
        "policy.reads[0].categories.necessary",
        "required",
    ),
    (f"{SMALLEST}dnt = true\n[categories.a]", Id.SIGNAL, "policy.dnt", "gpc = true"),
    (f"{SMALLEST}gpc_json = true\n[categories.a]", Id.SIGNAL, "policy.gpc_json", "gpc = true"),
    (f"{SMALLEST}[categories.a]\nfirst_deposit = true", Id.STANDING, "categories.a.first_deposit", "leave it out"),
    (f"{SMALLEST}session_cookies = 'keep'", Id.NOT_AN_OPTION, "policy.session_cookies", "leave"),
    (f"{SMALLEST}[categories.a]\nrequired = true\ngpc = true", Id.STANDING, "categories.a.gpc", "refused"),
    (f"{SMALLEST}[categories.a]\nrequired = true\nexempt = true", Id.STANDING, "categories.a.exempt", "refused"),
    (
        f"{SMALLEST}[categories.a]\nrequired = true\non_request = true",
        Id.STANDING,
        "categories.a.on_request",
        "refused",
    ),
    (f"{SMALLEST}[categories.a]\nexempt = true\non_request = true", Id.STANDING, "categories.a.on_request", "exempt"),
    (
        f'{ANALYTICS}[[cookies]]\nname = "ab"\ncategory = "analytcs"',
        Id.UNKNOWN_CATEGORY,
        "cookies[0].category",
        '"analytics"',
    ),
    (
        f'{ANALYTICS}[[cookies]]\nname = "ab"\ncategory = "functional"',
        Id.UNKNOWN_CATEGORY,
        "cookies[0].category",
        "[categories.functional]",
    ),
    (service('id = "own"\ncategory = "analytic"'), Id.UNKNOWN_CATEGORY, "services[0].category", '"analytics"'),
    (f"{ANALYTICS}services = ['matomoo']", Id.UNKNOWN_SERVICE, "categories.analytics.services[0]", '"matomo"'),
    (
        f"{ANALYTICS}services = ['zzzzzzzz']",
        Id.UNKNOWN_SERVICE,
        "categories.analytics.services[0]",
        "consent catalogue",
    ),
    (service(OWN, 'services = ["own", "owm"]'), Id.UNKNOWN_SERVICE, "categories.analytics.services[1]", '"own"'),
    (
        two('services = ["matomo"]', 'services = ["matomo"]'),
        Id.SERVICE_TWICE,
        "categories.marketing.services[0]",
        '"analytics"',
    ),
    (
        f"{ANALYTICS}services = ['matomo', 'matomo']",
        Id.SERVICE_TWICE,
        "categories.analytics.services[1]",
        "one category",
    ),
    (
        two('services = ["own"]', '[[services]]\nid = "own"\nname = "x"\nprovider = "x"\ncategory = "marketing"'),
        Id.SERVICE_TWICE,
        "categories.analytics.services[0]",
        '"marketing"',
    ),
    (service('id = "Own Stats"\ncategory = "analytics"'), Id.SERVICE_ID, "services[0].id", "dashes"),
    (
        service(f'{OWN}[[services]]\nname = "x"\nprovider = "x"\n{OWN}'),
        Id.SERVICE_ID,
        "services[1].id",
        "above",
    ),
    (f"{SMALLEST}consent_lifetime = 'half a year'", Id.LIFETIME, "policy.consent_lifetime", "6 months"),
    (f"{SMALLEST}cookie_lifetime = '0 days'", Id.LIFETIME, "policy.cookie_lifetime", "nothing"),
    (cookie('name = "ab"\nlifetime = "999999999 years"'), Id.LIFETIME, "cookies[0].lifetime", "100 years"),
    (f"{SMALLEST}cookie_lifetime = '401 days'", Id.POLICY_LIFETIME, "policy.cookie_lifetime", "400 days"),
    (f"{SMALLEST}cookie_lifetime = '14 months'", Id.POLICY_LIFETIME, "policy.cookie_lifetime", "400 days"),
    (f"{SMALLEST}cookie_lifetime = 'session'", Id.POLICY_LIFETIME, "policy.cookie_lifetime", "13 months"),
    (
        f"{SMALLEST}cookie_lifetime = 'session'\n[[cookies]]\nname = 'ab'\ncategory = 'analytics'\nlifetime = '1 day'",
        Id.POLICY_LIFETIME,
        "policy.cookie_lifetime",
        "13 months",
    ),
    (f"{SMALLEST}consent_lifetime = 'session'", Id.POLICY_LIFETIME, "policy.consent_lifetime", "6 months"),
    (f"{SMALLEST}consent_lifetime = '14 months'", Id.POLICY_LIFETIME, "policy.consent_lifetime", "cookie_lifetime"),
    (cookie('name = "ab"\nlifetime = "2 years"'), Id.COOKIE_LIFETIME, "cookies[0].lifetime", "13 months"),
    (
        service(f'{OWN}cookies = ["ab", {{ name = "ac", lifetime = "400 days" }}]'),
        Id.COOKIE_LIFETIME,
        "services[0].cookies[1].lifetime",
        "13 months",
    ),
    (cookie('name = " ab"'), Id.COOKIE_NAME, "cookies[0].name", 'write "ab"'),
    (cookie('name = "a;b"'), Id.COOKIE_NAME, "cookies[0].name", '";"'),
    (cookie('name = "a=b"'), Id.COOKIE_NAME, "cookies[0].name", '"="'),
    (cookie('name = "a\\u0001b"'), Id.COOKIE_NAME, "cookies[0].name", "\\x01"),
    (cookie('name = "thème"'), Id.COOKIE_NAME, "cookies[0].name", "ASCII"),
    (cookie(f'name = "{"a" * 4097}"'), Id.COOKIE_NAME, "cookies[0].name", "4096"),
    (cookie('name = "_pk_*_id"'), Id.WILDCARD, "cookies[0].name", '"_pk_*"'),
    (cookie('name = "*"'), Id.WILDCARD, "cookies[0].name", "everything"),
    (service(f'{OWN}storage = ["*"]'), Id.WILDCARD, "services[0].storage[0]", "everything"),
    (
        two("", '[[cookies]]\nname = "ab"\ncategory = "analytics"\n[[cookies]]\nname = "ab"\ncategory = "marketing"'),
        Id.TWO_RULES,
        "cookies[1]",
        "keep one",
    ),
    (cookie('name = "ab"\n[[cookies]]\nname = "ab"\ncategory = "analytics"'), Id.TWO_RULES, "cookies[1]", "already"),
    (
        two(
            "",
            '[[cookies]]\nname = "ab"\ncategory = "marketing"\n'
            f'[[services]]\nname = "x"\nprovider = "x"\n{OWN}cookies = ["ab"]',
        ),
        Id.TWO_RULES,
        "services[0].cookies[0]",
        '"marketing" by [[cookies]]',
    ),
    (
        two(
            'services = ["matomo"]',
            '[[services]]\nid = "own"\nname = "x"\nprovider = "x"\ncookies = ["_pk_id*"]\ncategory = "marketing"',
        ),
        Id.TWO_RULES,
        "categories.analytics.services[0]",
        "settle it under [[cookies]]",
    ),
    (cookie('name = "consent"'), Id.OWN_COOKIE, "cookies[0].name", "no rule"),
    (cookie('name = "__Host-consent"'), Id.OWN_COOKIE, "cookies[0].name", "no rule"),
    (cookie('name = "con*"'), Id.OWN_COOKIE, "cookies[0].name", '"consent"'),
    (cookie('name = "sessionid"'), Id.NECESSARY_COOKIE, "cookies[0].name", "required category"),
    (cookie('name = "csrftoken"'), Id.NECESSARY_COOKIE, "cookies[0].name", "required category"),
    (cookie('name = "session"'), Id.NECESSARY_COOKIE, "cookies[0].name", "required category"),
    (cookie('name = "__Secure-sessionid"'), Id.NECESSARY_COOKIE, "cookies[0].name", "required category"),
    (cookie('name = "sess*"'), Id.NECESSARY_COOKIE, "cookies[0].name", '"sessionid"'),
    (service(f'{OWN}cookies = ["messages"]'), Id.NECESSARY_COOKIE, "services[0].cookies[0].name", "required category"),
    (cookie('name = "__Host-ab"\ndomain = "example.org"'), Id.HOST_PREFIX, "cookies[0].domain", "__Host-"),
    (cookie('name = "__host-ab"\npath = "/a"'), Id.HOST_PREFIX, "cookies[0].path", "__Host-"),
    (f"{SMALLEST}cookie_domain = 'org'", Id.DOMAIN, "policy.cookie_domain", '"example.org"'),
    (f"{SMALLEST}cookie_domain = 'https://www.example.org/'", Id.DOMAIN, "policy.cookie_domain", '"www.example.org"'),
    (f"{SMALLEST}cookie_domain = '192.0.2.1'", Id.DOMAIN, "policy.cookie_domain", "address"),
    (f"{SMALLEST}cookie_domain = 'exämple.org'", Id.DOMAIN, "policy.cookie_domain", "xn--"),
    (cookie('name = "ab"\ndomain = "a..org"'), Id.DOMAIN, "cookies[0].domain", "not a domain"),
    (cookie('name = "ab"\ndomain = "example.org:8000"'), Id.DOMAIN, "cookies[0].domain", '"example.org"'),
    (cookie('name = "ab"\ndomain = "https://[x"'), Id.DOMAIN, "cookies[0].domain", "the host alone"),
    (cookie('name = "ab"\npath = "shop"'), Id.PATH, "cookies[0].path", '"/shop"'),
    (cookie('name = "ab"\npath = "/a;b"'), Id.PATH, "cookies[0].path", "Set-Cookie"),
    (service(f'{OWN}scripts = ["https://x.org/y"]'), Id.SCRIPT, "services[0].scripts[0]", '"x.org/y"'),
    (service(f'{OWN}scripts = ["*.x.org"]'), Id.SCRIPT, "services[0].scripts[0]", '"x.org"'),
    (service(f'{OWN}scripts = ["/x.js"]'), Id.SCRIPT, "services[0].scripts[0]", "host"),
    (service(f'{OWN}scripts = ["com"]'), Id.SCRIPT, "services[0].scripts[0]", "host"),
    (service(f'{OWN}scripts = ["x.org/a b"]'), Id.SCRIPT, "services[0].scripts[0]", "URL"),
    (service(f'{OWN}inline = ["ga("]'), Id.MARKER, "services[0].inline[0]", "innocent"),
    (service(f'{OWN}policy_url = "example.org/privacy"'), Id.URL, "services[0].policy_url", "https://"),
    (service(f'{OWN}policy_url = "javascript:alert(1)"'), Id.URL, "services[0].policy_url", "https://"),
    (service(f'{OWN}policy_url = "https://[x/"'), Id.URL, "services[0].policy_url", "https://"),
    (f'{SMALLEST}date = "2026-11-31"', Id.DATE, "policy.date", "2026-11-21"),
    (f"{SMALLEST}date = 2026-11-21T12:00:00Z", Id.WRONG_TYPE, "policy.date", "2026-11-21"),
    (f"{SMALLEST}date = 2026", Id.WRONG_TYPE, "policy.date", "2026-11-21"),
    (f'{SMALLEST}languages = ["fr", "fs"]', Id.LANGUAGE, "policy.languages[1]", "there are"),
    (f'{SMALLEST}languages = ["fr", "FR"]', Id.LANGUAGE, "policy.languages[1]", "twice"),
    (f'{SMALLEST}languages = ["fr"]\ndefault_language = "en"', Id.LANGUAGE, "policy.default_language", "add it to"),
    (f'{SMALLEST}default_language = "tlh"', Id.LANGUAGE, "policy.default_language", "there are"),
    (f'{SMALLEST}policy_url = "cookies"', Id.URL, "policy.policy_url", '"/cookies"'),
    (f'{SMALLEST}policy_url = "//evil.example"', Id.URL, "policy.policy_url", '"/cookies"'),
    (f'{SMALLEST}policy_url.fr = "javascript:alert(1)"', Id.URL, "policy.policy_url.fr", "https://"),
    (f'{SMALLEST}[texts.tlh]\ntitle = "x"', Id.LANGUAGE, "texts.tlh", "there are"),
    (f'{SMALLEST}[texts.fr]\ntitel = "x"', Id.UNKNOWN_KEY, "texts.fr.titel", '"title"'),
    (f'{SMALLEST}[texts.fr]\ntitle = " "', Id.EMPTY, "texts.fr.title", "leave the key out"),
    (f'{SMALLEST}[texts.fr]\nkept = "Gardé 12 mois."', Id.BLANKS, "texts.fr.kept", "{lifetime}"),
    (f'{SMALLEST}[texts.fr]\ntitle = "Choix de {{name}}"', Id.BLANKS, "texts.fr.title", "none"),
    (f'{SMALLEST}[texts.fr]\ntitle = "Choix {{"', Id.BLANKS, "texts.fr.title", "written twice"),
    (f'{SMALLEST}[texts.fr]\nkept = "Gardé {{lifetime:d}}."', Id.BLANKS, "texts.fr.kept", "{lifetime}"),
    (f'{SMALLEST}[texts.fr]\nkept = "Gardé {{lifetime!r}}."', Id.BLANKS, "texts.fr.kept", "{lifetime}"),
]


ACCEPTED = [
    cookie('name = "crisp-client%2F*"'),
    cookie('name = "a"'),
    cookie('name = "__Host-ab"\npath = "/"'),
    cookie('name = "ab"\ndomain = ".shop.example.co.uk"\npath = "/a/b%20c"\nlifetime = "13 months"'),
    cookie('name = "sessionid_analytics"'),
    cookie('name = "consents"'),
    cookie("name = 'auth_x'\nhttp_only = false\n[floor]\nhttp_only = ['auth_*', '__Host-*']"),
    service(f'{OWN}scripts = ["localhost", "127.0.0.1/stats.js", "X.org", "x.org/a?b=c", "x.org?b"]'),
    service(f'{OWN}inline = ["_os("]\nstorage = ["os:*", "exact"]\npolicy_url = "http://example.org"'),
    f"{SMALLEST}cookie_lifetime = '400 days'",
    f"{SMALLEST}cookie_lifetime = '6 months'",
    f"{SMALLEST}[categories.a_b-1]",
    f"{ANALYTICS}label = {{ zh-Hant-TW = 'x', pt-BR = 'y' }}",
    f"{SMALLEST}[categories.legal]\nrequired = true",
    f"{SMALLEST}[categories.audience]\nexempt = true\ngpc = true",
    f"{SMALLEST}[categories.chat]\non_request = true\ngpc = true",
]


class TestMistakes:
    @pytest.mark.parametrize("text", ACCEPTED)
    def test_what_is_right_is_no_mistake(self, text: str) -> None:
        assert read(text).controller == "Example SARL"

    @pytest.mark.parametrize(("text", "id", "place", "word"), MISTAKES)
    def test_a_mistake_has_its_id_its_place_and_a_remedy(self, text: str, id: Id, place: str, word: str) -> None:
        (mistake,) = mistakes_in(tomllib.loads(text))
        assert (mistake.id, mistake.place) == (id.id, place)
        assert word in f"{mistake.reason} {mistake.suggestion}"

    def test_every_kind_of_mistake_is_in_the_table(self) -> None:
        of_files = {Id.NOT_UTF8, Id.SYNTAX}
        assert {id for _, id, _, _ in MISTAKES} == set(Id) - of_files

    def test_ids_are_unique(self) -> None:
        assert len({id.id for id in Id}) == len(Id)

    def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(self) -> None:
        text = """
        [[cookies]]
        name = "a=b"
        colour = "red"
        category = "marketng"
        [categories.marketing]
        required = 1
        services = ["nobody-knows-it"]
        [policy]
        mode = "x"
        contact = "dpo@example.org"
        """
        assert [(mistake.id, mistake.place) for mistake in mistakes_in(tomllib.loads(text))] == [
            ("consent.P030", "cookies[0].name"),
            ("consent.P003", "cookies[0].colour"),
            ("consent.P004", "categories.marketing.required"),
            ("consent.P013", "categories.marketing.services[0]"),
            ("consent.P008", "policy.mode"),
            ("consent.P006", "policy.controller"),
        ]

    def test_the_error_names_the_file_and_every_mistake(self, tmp_path: Path) -> None:
        file = tmp_path / "consent.toml"
        file.write_text("[policy]\n", encoding="utf-8")
        with pytest.raises(PolicyError) as caught:
            load(file)
        assert caught.value.source == str(file)
        assert str(caught.value).startswith(f"{file}: 2 mistakes\n")
        assert "policy.contact" in str(caught.value)
        assert "[consent.P006]" in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "id", "place"),
        [
            (b"[policy]\nversion = \xe9", Id.NOT_UTF8, "line 2"),
            ("[policy]".encode("utf-16"), Id.NOT_UTF8, "line 1"),
            (b"[policy]\nversion = 1 2", Id.SYNTAX, "line 2, column 13"),
            (b"[policy\n", Id.SYNTAX, "line 1, column 8"),
            (b'version = "', Id.SYNTAX, "end of file"),
            (b"a = " + b"[" * 20_000, Id.SYNTAX, "file"),
            (b"a = " + b"1" * 5_000, Id.SYNTAX, "file"),
        ],
        ids=["latin-1", "utf-16", "two values", "open bracket", "open quote", "nested deeply", "long number"],
    )
    def test_a_file_that_is_no_toml_is_one_mistake(self, content: bytes, id: Id, place: str, tmp_path: Path) -> None:
        file = tmp_path / "consent.toml"
        file.write_bytes(content)
        with pytest.raises(PolicyError) as caught:
            load(file)
        assert [(mistake.id, mistake.place) for mistake in caught.value.mistakes] == [(id.id, place)]

    def test_a_missing_file_is_an_error_of_the_system(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            Policy.load(tmp_path / "nowhere.toml")

    def test_a_declaration_of_the_sites_own_settles_what_two_services_disagree_about(self) -> None:
        own = '[[services]]\nid = "own"\nname = "x"\nprovider = "x"\ncookies = ["_pk_id*"]\ncategory = "analytics"\n'
        word = '[[cookies]]\nname = "_pk_id*"\ncategory = "analytics"'
        disagreeing = two("", f'services = ["matomo"]\n{own}')
        assert [mistake.id for mistake in mistakes_in(tomllib.loads(disagreeing))] == [Id.TWO_RULES.id]
        assert [rule.category for rule in read(disagreeing + word).rules if rule.name == "_pk_id*"][-1] == "analytics"

    def test_one_unknown_category_is_told_once_for_each_who_names_it(self) -> None:
        text = f'{SMALLEST}[[cookies]]\nname = "ab"\ncategory = "x"\n[[cookies]]\nname = "ac"\ncategory = "x"'
        assert [mistake.place for mistake in mistakes_in(tomllib.loads(text))] == [
            "cookies[0].category",
            "cookies[1].category",
        ]


# Keys that mean something make it likely that the data gets far; scalars are of every kind TOML and JSON know.
KEYS = [
    "policy",
    "categories",
    "cookies",
    "services",
    "name",
    "id",
    "category",
    "label",
    "lifetime",
    "domain",
    "path",
    "scripts",
    "inline",
    "storage",
    "purpose",
    "required",
    "exempt",
    "gpc",
    "on_request",
    "version",
    "revision",
    "controller",
    "contact",
    "provider",
    "cookie_lifetime",
    "consent_lifetime",
    "mode",
    "cookie_domain",
    "floor",
    "same_site",
    "secure",
    "http_only",
    "en",
]
WORDS = [
    "matomo",
    "google-analytics",
    "analytics",
    "necessary",
    "6 months",
    "session",
    "*",
    "_ga*",
    "sessionid",
    "/",
    "",
]
SCALARS = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.sampled_from([date(2026, 11, 21), datetime(2026, 11, 21, tzinfo=UTC), time(12), b"bytes", object()]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4) | st.integers(), inner, max_size=5),
    ),
    max_leaves=10,
)
TABLES_LIKE_A_POLICY = st.fixed_dictionaries(
    {},
    optional={
        "policy": st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=6) | ANYTHING,
        "categories": st.dictionaries(st.sampled_from(WORDS), ANYTHING, max_size=4) | ANYTHING,
        "cookies": st.lists(st.dictionaries(st.sampled_from(KEYS), SCALARS, max_size=6), max_size=4) | ANYTHING,
        "services": st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=8), max_size=4) | ANYTHING,
    },
)


IDS = {id.id for id in Id}


class TestAnythingAtAll:
    @pytest.mark.parametrize("key", ["version", "revision", "cookie_lifetime", "mode"])
    def test_a_number_too_long_to_print_is_only_a_mistake(self, key: str) -> None:
        (mistake,) = mistakes_in({"policy": {"controller": "x", "contact": "y", key: 10**5000}})
        assert mistake.place == f"policy.{key}"

    def test_a_key_too_long_to_print_is_only_a_mistake(self) -> None:
        tables: dict[Any, Any] = {**tomllib.loads(SMALLEST), 10**5000: 1}
        assert [mistake.id for mistake in mistakes_in(tables)] == [Id.UNKNOWN_KEY.id]

    @settings(max_examples=150, deadline=None)
    @given(tables=st.dictionaries(st.sampled_from(KEYS) | st.integers(), ANYTHING, max_size=5) | TABLES_LIKE_A_POLICY)
    def test_no_data_raises_anything_but_a_policy_error(self, tables: Mapping[str, Any]) -> None:
        try:
            policy = from_dict(tables)
        except PolicyError as error:
            told = [(mistake.id in IDS, bool(mistake.reason)) for mistake in error.mistakes]
        else:
            told = [(True, len(policy.fingerprint) == 12)]
        assert set(told) == {(True, True)}

    @settings(max_examples=150, deadline=None)
    @given(
        name=st.text(max_size=12),
        category=st.sampled_from(["analytics", "necessary", "other"]),
        domain=st.none() | st.text(max_size=12),
        path=st.none() | st.text(max_size=12),
    )
    def test_a_cookie_that_is_accepted_could_be_set(
        self, name: str, category: str, domain: str | None, path: str | None
    ) -> None:
        """The declaration, put on the wire, is one cookie with that name, domain and path."""
        optional = {"domain": domain, "path": path}
        declared = {"name": name, "category": category, **{key: text for key, text in optional.items() if text}}
        tables = {**tomllib.loads(ANALYTICS), "cookies": [declared]}
        try:
            (rule,) = from_dict(tables).cookies
        except PolicyError:
            return
        line = f"{rule.name}=; Path={rule.path}" + (f"; Domain={rule.domain}" if rule.domain else "")
        pair, *attributes = line.split("; ")
        assert line.isascii()
        assert line.isprintable()
        assert pair.partition("=")[0] == name
        assert len(attributes) == (2 if rule.domain else 1)
