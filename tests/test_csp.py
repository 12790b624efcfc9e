"""What a Content-Security-Policy of the application says about our scripts, and what ours allows."""

from __future__ import annotations

from typing import Any

import pytest

from consent_middleware import Policy, catalogue
from consent_middleware.csp import Wall, nonce_of
from consent_middleware.engine import Engine

CSP = "Content-Security-Policy"


@pytest.mark.parametrize(
    ("value", "nonce"),
    [
        ("", ""),
        ("default-src 'self'", ""),
        ("script-src 'self' 'nonce-r4nd0m=='", "r4nd0m=="),
        ("script-src\t'self'\n 'nonce-r4nd0m'", "r4nd0m"),
        ("SCRIPT-SRC 'NONCE-r4nd0m'", "r4nd0m"),
        ("default-src 'nonce-a-b_c'", "a-b_c"),
        ("default-src 'nonce-fallback'; script-src 'self'", ""),
        ("script-src 'nonce-attributes'; script-src-elem 'self'", ""),
        ("script-src 'self'; script-src-elem 'nonce-elements'", "elements"),
        ("style-src 'nonce-styles'", ""),
        ("script-src 'self'; script-src 'nonce-second'", ""),
        ("default-src 'self', script-src 'nonce-other-policy'", "other-policy"),
        ("script-src 'nonce-\"><script>'", ""),
        ("script-src nonce-unquoted", ""),
        ("script-src 'nonce-'", ""),
        (";;,;", ""),
    ],
)
def test_the_nonce_of_script_elements_is_found(value: str, nonce: str) -> None:
    assert nonce_of([("content-type", "text/html"), (CSP, value)]) == nonce
    assert nonce_of([("CONTENT-SECURITY-POLICY", value), ("Server", "x")]) == nonce


def test_a_nonce_is_found_in_any_of_several_headers() -> None:
    assert nonce_of([(CSP, "default-src 'self'"), (CSP, "script-src 'nonce-second'")]) == "second"


def test_an_enforced_policy_goes_before_one_that_only_reports() -> None:
    reporting = (f"{CSP}-Report-Only", "script-src 'nonce-reported'")
    assert nonce_of([reporting]) == "reported"
    assert nonce_of([reporting, (CSP, "script-src 'nonce-enforced'")]) == "enforced"


def test_without_a_policy_there_is_no_nonce() -> None:
    assert nonce_of([("Content-Type", "text/html")]) == ""


# The wall. Browsers' own reading of it is tested in tests/browser.


class Asked:
    """As much of a request as the wall asks for."""

    method, host, path, target, cookies, root = "GET", "shop.example.org", "/", "/", (), ""
    is_local = False

    def __init__(self, scheme: str = "https", root: str = "") -> None:
        self.scheme, self.root = scheme, root

    def header(self, name: str) -> str | None:
        return None


def policy_of(*scripts: str, **html: Any) -> Policy:
    service = {"id": "own", "name": "Own", "provider": "Us", "category": "analytics", "scripts": [*scripts]}
    return Policy.from_dict(
        {
            "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
            "categories": {"necessary": {"required": True}, "analytics": {}, "marketing": {}},
            "services": [service],
            "html": {"csp": "enforce", **html},
        }
    )


def sources_of(policy: Policy, *withheld: str) -> list[str]:
    (_, value), *_ = Wall(policy, "/_consent").fields(Asked(), frozenset(withheld))
    directive = value.partition(";")[0]
    assert directive.startswith("default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: filesystem: mediastream:")
    return directive.split()[8:]


@pytest.mark.parametrize(
    ("script", "sources"),
    [
        ("www.example.net", ["www.example.net", "wss://www.example.net"]),
        (
            "stats.example.net/",
            ["stats.example.net", "wss://stats.example.net", "*.stats.example.net", "wss://*.stats.example.net"],
        ),
        ("www.example.net/js/", ["www.example.net/js/"]),
        ("www.example.net/js/stats.js", ["www.example.net/js/stats.js"]),
        ("www.example.net/maps", ["www.example.net/maps", "www.example.net/maps/", "www.example.net/maps.js"]),
        ("www.example.net/js/ads-", ["www.example.net/js/"]),
        ("www.example.net/gtag/js?id=G-", ["www.example.net/gtag/js"]),
        ("www.example.net/*/fbevents.js", ["www.example.net", "wss://www.example.net"]),
        ("www.example.net/en/*.js", ["www.example.net/en/"]),
        ("www.example.net/a;b,c/", ["www.example.net/a%3Bb%2Cc/"]),
        ("localhost/", ["localhost", "wss://localhost"]),
        ("127.0.0.1/", ["127.0.0.1", "wss://127.0.0.1"]),
    ],
)
def test_a_script_rule_becomes_sources(script: str, sources: list[str]) -> None:
    assert sources_of(policy_of(script), "marketing") == sources


def test_a_withheld_category_is_not_listed() -> None:
    policy = policy_of("www.example.net")
    assert sources_of(policy, "analytics", "marketing") == []
    assert sources_of(policy, "marketing") != []


def test_what_lies_below_a_listed_host_is_not_listed_again() -> None:
    policy = policy_of("example.net", "cdn.example.net", "www.example.net/js/")
    assert sources_of(policy, "marketing") == [
        "example.net",
        "wss://example.net",
        "*.example.net",
        "wss://*.example.net",
    ]


def test_a_host_with_many_paths_is_listed_as_a_whole() -> None:
    languages = [f"connect.example.net/{language}/sdk.js" for language in ("de", "en", "es", "fr", "it")]
    assert "connect.example.net" in sources_of(policy_of(*languages), "marketing")
    assert "connect.example.net" not in sources_of(policy_of(*languages[:3]), "marketing")


def test_the_sites_own_hosts_are_always_listed() -> None:
    policy = policy_of(own_hosts=["cdn.example.org"])
    assert sources_of(policy, "analytics", "marketing")[0] == "cdn.example.org"


def test_reports_go_where_the_scheme_lets_them() -> None:
    """Browsers know report-to endpoints over https only, and ignore report-uri beside report-to."""
    wall = Wall(policy_of(), "/_consent")
    withheld = frozenset({"analytics"})
    (secure, endpoints), plain = wall.fields(Asked(root="/shop"), withheld), wall.fields(Asked("http"), withheld)
    assert secure[1].endswith("; report-uri /shop/_consent/csp-report; report-to consent")
    assert endpoints == ("Reporting-Endpoints", 'consent="/shop/_consent/csp-report"')
    assert [value.partition("; ")[2] for _, value in plain] == ["report-uri /_consent/csp-report"]


def test_who_consented_to_everything_has_no_wall() -> None:
    assert Wall(policy_of(), "/_consent").fields(Asked(), frozenset()) == []


def test_a_wall_around_ordinary_services_fits_into_what_proxies_take() -> None:
    """nginx reads response headers into one page of memory, 4 kB, unless told otherwise."""
    services = ["google-analytics", "google-ads", "google-tag-manager", "meta-pixel", "youtube", "hotjar", "tawk-to"]
    tables = {
        "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
        "categories": {"all": {"services": services}, "other": {}},
        "html": {"csp": "enforce"},
    }
    (_, value), *_ = Wall(Policy.from_dict(tables), "/_consent").fields(Asked(), frozenset({"other"}))
    assert len(value) < 2500


def test_every_service_of_the_catalogue_can_stand_in_a_wall() -> None:
    for entry in catalogue.entries().values():
        tables = {
            "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
            "categories": {"necessary": {"required": True}, "one": {"services": [entry.service.id]}, "other": {}},
            "html": {"csp": "enforce"},
        }
        listed = sources_of(Policy.from_dict(tables), "other")
        assert all(source.isascii() and not {";", ",", "?"} & set(source) for source in listed)
        assert bool(listed) == bool(entry.service.scripts), entry.service.id


def test_the_wall_makes_a_policy_gate_pages() -> None:
    assert Engine(policy_of(), secret_keys="key for tests").walls is not None
