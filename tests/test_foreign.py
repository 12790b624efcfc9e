"""Reading what other consent tools noted: their formats, and what is made of nonsense."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.foreign import TOOLS, told
from consent_middleware.lifetime import Lifetime
from consent_middleware.policy import Reading

NOW = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())
SIX_MONTHS = Lifetime(months=6)


def reading(tool: str, **names: tuple[tuple[str, ...], ...]) -> Reading:
    return Reading(tool=tool, cookie=TOOLS[tool].cookie, names=names)


def cc(**stated: object) -> str:
    return quote(json.dumps({"categories": ["necessary", "analytics"], "revision": 0, **stated}))


@pytest.mark.parametrize(
    ("tool", "cookies", "expected"),
    [
        (
            "klaro",
            {"klaro": "%7B%22analytics%22%3Atrue%2C%22marketing%22%3Afalse%7D"},
            {"analytics": True, "ads": False},
        ),
        ("klaro", {"klaro": '{"analytics":"yes","marketing":1}'}, {}),
        ("cookieconsent", {"cc_cookie": cc()}, {"analytics": True}),
        ("cookieconsent", {"cc_cookie": cc(consentTimestamp="2026-06-01T10:00:00.000Z")}, {"analytics": True}),
        ("cookieconsent", {"cc_cookie": cc(consentTimestamp="2026-05-21T12:00:00.000Z")}, {}),  # six months ago
        ("cookieconsent", {"cc_cookie": cc(lastConsentTimestamp="2027-01-01T10:00:00.000Z")}, {}),  # to come
        ("cookieconsent", {"cc_cookie": cc(expirationTime=NOW * 1000)}, {}),
        ("cookieconsent", {"cc_cookie": cc(expirationTime=NOW * 1000 + 1)}, {"analytics": True}),
        ("cookieconsent", {"cc_cookie": cc(categories="analytics")}, {}),
        ("tarteaucitron", {"tarteaucitron": "!analytics=true!marketing=false"}, {"analytics": True, "ads": False}),
        ("tarteaucitron", {"tarteaucitron": "!analytics=wait!marketing=false"}, {"ads": False}),
        (
            "django-cookie-consent",
            {"cookie_consent": '"analytics=2026-01-31T10:00:00.1|marketing=-1"'},
            {"analytics": True, "ads": False},
        ),
        (
            "wp-consent-api",
            {"wp_consent_analytics": "allow", "wp_consent_marketing": "deny"},
            {"analytics": True, "ads": False},
        ),
        ("wp-consent-api", {"wp_consent_analytics": "1"}, {}),
    ],
)
def test_each_tool_is_read_in_its_own_format(tool: str, cookies: dict[str, str], expected: dict[str, bool]) -> None:
    asked = reading(tool, analytics=(("analytics",),), ads=(("marketing",),))
    assert told(asked, cookies.items(), NOW, SIX_MONTHS) == expected


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"analytics": True}, {"analytics": True}),
        ({"matomo": True}, {}),  # but the category holds another service too
        ({"matomo": True, "hotjar": True}, {"analytics": True}),
        ({"matomo": True, "hotjar": False}, {"analytics": False}),
        ({"analytics": False, "matomo": True, "hotjar": True}, {"analytics": False}),
    ],
)
def test_a_category_has_a_yes_if_all_in_it_have(answers: dict[str, bool], expected: dict[str, bool]) -> None:
    asked = reading("klaro", analytics=(("analytics",), ("matomo", "hotjar")))
    assert told(asked, [("klaro", json.dumps(answers))], NOW, SIX_MONTHS) == expected


def test_two_cookies_that_contradict_each_other_say_no() -> None:
    values = [("klaro", '{"a": true}'), ("klaro", '{"a": false}'), ("klaro", '{"a": true}')]
    for order in (values, values[::-1]):
        assert told(reading("klaro", a=(("a",),)), order, NOW, SIX_MONTHS) == {"a": False}


@pytest.mark.parametrize("tool", TOOLS)
@given(value=st.one_of(st.text(max_size=300), st.just("[" * 3000), st.just("{" * 5000), st.just('{"a":' * 1000)))
def test_any_text_is_read_without_an_error_and_is_no_yes(tool: str, value: str) -> None:
    name = TOOLS[tool].cookie.replace("*", "a-name-of-ours")
    asked = reading(tool, ours=(("a-name-of-ours",),))
    assert told(asked, [(name, value)], NOW, SIX_MONTHS).get("ours") is not True or value == "allow"


@given(stamp=st.one_of(st.integers(), st.floats(allow_nan=True), st.text(), st.datetimes().map(datetime.isoformat)))
def test_any_time_is_read_without_an_error(stamp: object) -> None:
    value = cc(consentTimestamp=stamp, expirationTime=stamp)
    told(reading("cookieconsent", analytics=(("analytics",),)), [("cc_cookie", value)], NOW, SIX_MONTHS)
