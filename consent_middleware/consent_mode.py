"""Telling services what the visitor has consented to: Google's Consent Mode, and what others have of the kind.

The server knows the visitor's choice, so a page states it as it is before any tag could ask, and nobody has to wait
for it. In basic mode Google's tags are withheld besides, until the category of each is accepted, and nothing reaches
Google before; in advanced mode they load for everybody, and what they may do is theirs to keep.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from types import MappingProxyType
from typing import Any, cast

from .assets import Asset, made
from .lifetime import Lifetime
from .policy import Policy, Service
from .scripts import source

_ADS = ("google-ads", "google-marketing-platform", "google-ad-manager")
# Which services usually decide about a signal, and which category where the policy has none of them.
_USUAL: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "ad_storage": (_ADS, "marketing"),
        "ad_user_data": (_ADS, "marketing"),
        "ad_personalization": (_ADS, "marketing"),
        "analytics_storage": (("google-analytics",), "analytics"),
        "functionality_storage": ((), "functional"),
        "personalization_storage": ((), "functional"),
        "security_storage": ((), "necessary"),
    }
)


class ConsentMode:
    """What one site's pages say to services, built once. ``is_needed`` tells whether there is anybody to say it to."""

    def __init__(self, policy: Policy) -> None:
        services = {service.id: service for service in policy.services}
        calls = [*_calls(policy, services)] if policy.html.consent_mode != "off" and policy.mode == "enforce" else []
        self.is_needed = bool(calls)
        self.signals = signals_of(policy)
        rules = {
            "calls": calls,
            "named": {name: f"${name}" for name in self.signals},
            "signals": self.signals,
        }
        # "<" could end a script in which this stands.
        literal = json.dumps(rules, sort_keys=True).replace("<", "\\u003c")
        self._call = f"{source('signals.js').rstrip()}({literal}, "
        self.asset: Asset = made("signals.js", f"{self._call}document.currentScript);\n".encode())
        """The same in a file, for pages whose Content-Security-Policy forbids what stands in them."""

    def markup(self, allowed: str, *, nonce: str = "", url: str = "") -> str:
        """Return what has to stand before any tag, for a visitor who allows these categories, parted by spaces.

        ``nonce`` is an attribute as it stands in the tag, with a space in front, or nothing. With ``url``, that of the
        asset, nothing executable stands in the page itself.
        """
        tag = f'data-consent-allowed="{escape(allowed)}"{nonce}'
        if url:
            return f'<script src="{escape(url)}" {tag}></script>'
        return f"<script {tag}>{self._call}document.currentScript);</script>"


def signals_of(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Return, for each signal, the categories all of which have to be allowed; none: it is always denied.

    What the policy does not say itself follows from where its Google services are, else from the names of categories.
    """
    return {**{signal: tuple(_usual(policy, *usual)) for signal, usual in _USUAL.items()}, **policy.consent_signals}


def _usual(policy: Policy, services: tuple[str, ...], category: str) -> Iterator[str]:
    found = dict.fromkeys(service.category for service in policy.services if service.id in services)
    yield from found or ([category] if category in policy.categories else [])


def _calls(policy: Policy, services: Mapping[str, Service]) -> Iterator[dict[str, Any]]:
    text = files("consent_middleware").joinpath("data", "consent_calls.toml").read_text(encoding="utf-8")
    for row in tomllib.loads(text)["calls"]:
        present = [services[id] for id in row["services"] if id in services]
        # Nobody was asked about an exempt service, so there is no consent to tell it of.
        if not present or policy.categories[present[0].category].exempt:
            continue
        call = {name: row[name] for name in ("object", "how", "at", "when") if name in row}
        yield {**call, "category": present[0].category, "say": [_filled(part, policy) for part in row["say"]]}


def _filled(part: object, policy: Policy) -> object:
    if part == "$cookie_expires":
        return _analytics_lifetime(policy).shortest
    if not isinstance(part, dict):
        return part
    return {name: _filled(value, policy) for name, value in cast("dict[str, object]", part).items()}


def _analytics_lifetime(policy: Policy) -> Lifetime:
    """How long Google Analytics may keep its cookies, as the policy declares ``_ga``."""
    declared = [rule.lifetime for rule in policy.rules if rule.name == "_ga" and rule.lifetime is not None]
    return declared[-1] if declared and not declared[-1].is_session else policy.cookie_lifetime
