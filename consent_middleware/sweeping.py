"""What is expired in a visitor's jar: the cookies of categories that are not, or no longer, allowed."""

from __future__ import annotations

from collections.abc import Container, Mapping

from .caching import is_shared
from .cookies import deletions
from .decision import Decision
from .engine import Engine
from .http import Headers, Request, is_secure
from .policy import CookieRule

_SWEEP_LIMIT = 4096
"""Bytes of deletions in one response. Common proxies buffer 4 to 8 kB of headers and fail beyond; what does not fit
is hidden from the application all the same and expired with the next response."""


def unwanted(
    engine: Engine, decision: Decision, optional: Mapping[str, CookieRule], outlived: Container[str]
) -> dict[str, CookieRule]:
    """Return what has to go, as far as we know that the visitor has it: by name, the rule that declares it.

    ``optional`` are the cookies of the request about which consent or their age decides, ``outlived`` the names of
    those that are too old.
    """
    seen = {name: rule for name, rule in optional.items() if name in outlived or not decision.permits(rule.category)}
    if not decision.acts:
        return seen
    withdrawn = {name for act in decision.acts for name, granted in act.answers.items() if not granted}
    # A cookie that lives on another path is not sent with this request, so it is expired unseen.
    elsewhere = {
        rule.name: rule
        for rule in engine.policy.rules
        if rule.category in withdrawn and rule.path != "/" and not rule.name.endswith("*")
    }
    return {**seen, **{name: rule for name, rule in elsewhere.items() if not decision.permits(rule.category)}}


def may_sweep(decision: Decision, status: int, headers: Headers) -> bool:
    """Whether deletions may ride on this response.

    Not on a 304, whose fields a cache must copy into what it has stored (RFC 9111, 3.2), nor on what the application
    shares with everybody: there the deletion would reach visitors who did consent.
    """
    return bool(decision.acts) or (status != 304 and not is_shared(headers))


def sweep(engine: Engine, request: Request, cookies: Mapping[str, CookieRule]) -> dict[str, list[str]]:
    """Return the Set-Cookie lines that expire these cookies, by name, of as many as a response can carry."""
    lines: dict[str, list[str]] = {}
    size = 0
    for name, rule in cookies.items():
        expiring = _deletions(engine, request, name, rule)
        cost = sum(map(len, expiring))
        if cost > _SWEEP_LIMIT:  # it would never fit, and keep the others waiting for ever
            continue
        size += cost
        if size > _SWEEP_LIMIT:
            break
        lines[name] = expiring
    return lines


def _deletions(engine: Engine, request: Request, name: str, rule: CookieRule) -> list[str]:
    """The lines that expire one cookie at every place declared for it: one name may stand for several."""
    host, secure = request.host, is_secure(request.scheme)
    lines = (
        line
        for home in engine.homes[rule.name]
        for line in deletions(
            name, host, secure=secure, domain=home.domain, paths=(home.path,), partitioned=home.partitioned
        )
    )
    return list(dict.fromkeys(lines))
