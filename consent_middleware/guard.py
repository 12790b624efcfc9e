"""The guard: a first script for visitors without full consent, which knows what the policy withholds.

The script is ``web/guard.js``, whose head says what it does and what it cannot do; here the policy's rules become the
one literal in it. What a visitor allows stands on the script's tag, so the script is the same for everybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .html import UNDECLARED, Rules
from .html.rules import Place
from .html.urls import ascii_host
from .policy import Policy
from .scripts import source

_LITERAL = "RULES"
_NULL_PROTOTYPE = {"__proto__": None}
"""What keeps a cookie called ``constructor`` from being found in a JavaScript object that does not hold it."""

_DAY = 86400
_SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|]")


def guard_script(policy: Policy, cookies: Mapping[str, str]) -> bytes:
    """Return the guard for a policy.

    ``cookies`` are the categories of all declared cookies by name, exact or with a trailing ``*``: those of the policy
    and those known to be necessary without it.
    """
    rules = json.dumps(guard_rules(policy, cookies), separators=(",", ":"))
    script = source("guard.js")
    if script.count(_LITERAL) != 1:
        raise ValueError(f"guard.js names {_LITERAL} {script.count(_LITERAL)} times, and needs it once")
    # ASCII, and no comment for HTML in it: the literal is the same in whatever way a page may come to hold it.
    return script.replace(_LITERAL, rules.replace("<", "\\u003c")).encode("ascii")


def guard_rules(policy: Policy, cookies: Mapping[str, str]) -> dict[str, Any]:
    """Return what the guard has to know, as guard.js reads it."""
    rules = Rules([(service.category, service.scripts, ()) for service in policy.page_services])
    withholds_hosts = policy.html.third_party_hosts == "withhold"
    own = [ascii_host(host.removeprefix("*.")) for host in policy.html.own_hosts]
    return {
        "categories": [*policy.choosable, *([UNDECLARED] if withholds_hosts else [])],
        "hosts": {**_NULL_PROTOTYPE, **{host: [*map(_entry, places)] for host, places in rules.places.items()}},
        "hint": "//|data-consent" if withholds_hosts else _hint(rules),
        "own": own,
        "others": UNDECLARED if withholds_hosts else "",
        "cookies": {**_NULL_PROTOTYPE, **cookies},
        "undeclared": UNDECLARED if policy.undeclared_cookies == "withhold" else "",
        "storage": {**_NULL_PROTOTYPE, **_storage(policy)},
        "lives": {**_NULL_PROTOTYPE, **_lives(policy)},
        "days": policy.cookie_lifetime.shortest / _DAY,
    }


def _lives(policy: Policy) -> dict[str, float]:
    """Return the days of cookies that declare fewer than any may have, and those of names that would be taken for one.

    A cookie of the session has no days that a script could be held to.
    """
    cap = policy.cookie_lifetime.shortest
    lives = {rule.name: min(cap, rule.lifetime.shortest if rule.lifetime else cap) or cap for rule in policy.rules}
    shorter = {name for name, seconds in lives.items() if seconds < cap}
    return {
        name: seconds / _DAY
        for name, seconds in lives.items()
        if name in shorter or any(f"{name[:end]}*" in shorter for end in range(len(name)))
    }


def _storage(policy: Policy) -> dict[str, str]:
    return {key: service.category for service in policy.services for key in service.storage}


def _hint(rules: Rules) -> str:
    """Return what stands in any markup that could concern the guard, as a regular expression."""
    return "|".join(["data-consent", *map(_literal, sorted(filter(None, {*rules.hosts, *rules.file_names})))])


def _entry(place: Place) -> list[str]:
    """A category, what path and query match as a regular expression, and a port; without what says nothing."""
    entry = [place.category, _pattern(place), place.port]
    while not entry[-1]:
        entry.pop()
    return entry


def _pattern(place: Place) -> str:
    first, *others = map(_literal, place.pieces)
    parameters = "".join(rf"(?=[^?]*\?(?:.*&)?{_literal(parameter)})" for parameter in place.parameters)
    path = "[^?]*".join([first, *others])
    end = r"(?:\?|$)" if place.whole_path else ""
    return "" if path == "/" and not parameters + end else f"^{parameters}{path}{end}"


def _literal(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
