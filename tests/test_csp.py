"""What a Content-Security-Policy of the application says about our scripts."""

from __future__ import annotations

import pytest

from consent_middleware.csp import nonce_of

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
