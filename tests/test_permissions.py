"""Permissions-Policy: ours beside the application's."""

from __future__ import annotations

from typing import Any

import pytest

from consent_middleware import Policy
from consent_middleware.permissions import Topics

NAME = "Permissions-Policy"
OURS = "browsing-topics=(), interest-cohort=()"


def topics(**html: Any) -> Topics:
    return Topics(
        Policy.from_dict(
            {
                "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
                "categories": {"analytics": {}, "marketing": {"gpc": True}},
                "html": html,
            }
        )
    )


@pytest.mark.parametrize(
    ("stated", "sent"),
    [
        ([], OURS),
        (["camera=(), geolocation=(self)"], f"camera=(), geolocation=(self), {OURS}"),
        (["camera=()", "usb=()"], f"camera=(), usb=(), {OURS}"),
        (["browsing-topics=(self)"], "browsing-topics=(self), interest-cohort=()"),
        (['camera=("https://a.example,browsing-topics=x")'], f'camera=("https://a.example,browsing-topics=x"), {OURS}'),
        (["camera=(),interest-cohort=()"], "camera=(),interest-cohort=(), browsing-topics=()"),
    ],
)
def test_what_the_application_does_not_say_is_added(stated: list[str], sent: str) -> None:
    headers = [("Content-Type", "text/html"), *((NAME.lower(), value) for value in stated)]
    kept = topics().kept(headers, frozenset({"marketing"}))
    assert kept == [("Content-Type", "text/html"), (NAME, sent)]


def test_what_the_application_says_of_both_stands() -> None:
    headers = [(NAME, "browsing-topics=*, interest-cohort=*")]
    assert topics().kept(headers, frozenset({"marketing"})) is headers


def test_nothing_is_added_with_consent() -> None:
    headers = [("Content-Type", "text/html")]
    assert topics().kept(headers, frozenset({"analytics"})) is headers


def test_the_policy_can_name_other_categories_or_none() -> None:
    withheld = frozenset({"analytics"})
    assert topics(browsing_topics=["analytics"]).kept([], withheld) == [(NAME, OURS)]
    assert topics(browsing_topics=[]).kept([], withheld | {"marketing"}) == []
