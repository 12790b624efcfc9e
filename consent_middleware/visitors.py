"""Visitors made up for tests and explanations: what somebody has chosen, as the cookies that say so."""

from __future__ import annotations

from collections.abc import Sequence

from .engine import Engine
from .own_cookies import choice_name
from .policy import Policy
from .seal import Choice, Receipt

NO_CHOICE, ALL = "none", "all"

_NOBODY = "A" * 22


def choices_of(policy: Policy, chosen: str | Sequence[str], now: int) -> dict[str, Choice]:
    """Return the choices of somebody who has chosen "none", "all", or the categories named and no others.

    "none" is no choice at all, an empty sequence a refusal of everything. "all" is what the button "accept all" does,
    so it leaves out what comes on request. Raises ValueError for a category that the policy does not have.
    """
    if chosen == NO_CHOICE:
        return {}
    if chosen == ALL:
        return {name: Choice(True, now) for name in policy.choosable if not policy.categories[name].on_request}
    accepted = {chosen} if isinstance(chosen, str) else set(chosen)
    if unknown := sorted(accepted - policy.categories.keys()):
        known = ", ".join(map(repr, policy.categories))
        raise ValueError(f'{unknown[0]!r} is no category of the policy, which has {known}; or write "none" or "all"')
    return {name: Choice(name in accepted, now) for name in policy.choosable}


def cookies_of(engine: Engine, chosen: str | Sequence[str]) -> dict[str, str]:
    """Return the cookies of somebody who has just chosen so, for https and for plain http."""
    choices = choices_of(engine.policy, chosen, engine.now())
    if not choices:
        return {}
    token = engine.seal.dumps(Receipt(_NOBODY, "visitor", choices))
    return {choice_name(engine.policy, scheme): token for scheme in ("https", "http")}
