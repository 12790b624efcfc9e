"""The guard: a small first script for visitors without full consent, which knows what the policy withholds."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .assets import Asset, made, source
from .policy import Policy


def guard_asset(policy: Policy) -> Asset:
    """Return ``guard.js`` with the policy's rules in front of it, the same for every visitor."""
    rules = {
        "cookies": _by_category(policy, ((rule.category, rule.name) for rule in policy.rules)),
        "storage": _by_category(policy, ((each.category, key) for each in policy.services for key in each.storage)),
    }
    # A script is no place for the only two characters that JSON and older JavaScript read differently, nor needs them.
    return made("guard.js", f"var consentRules = {json.dumps(rules, sort_keys=True)};\n".encode() + source("guard.js"))


def _by_category(policy: Policy, pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for category, name in pairs:
        if category in policy.choosable:
            named.setdefault(category, []).append(name)
    return {category: sorted(set(names)) for category, names in named.items()}
