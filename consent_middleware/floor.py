"""The floor under a site's cookies: how well each of them is protected when it leaves, at the least."""

from __future__ import annotations

from typing import Literal

from .cookies import NameTable, Protection
from .own_cookies import OWN_NAMES
from .policy import CookieRule, FloorSettings, Policy, SameSite

_SPELT: dict[SameSite, Literal["None", "Lax", "Strict"]] = {"none": "None", "lax": "Lax", "strict": "Strict"}
_OWN = frozenset(OWN_NAMES)


class Floor:
    """What the policy asks of a cookie beside its lifetime, built once. ``is_needed`` tells whether it asks anything.

    Our own cookies are as they have to be from the start: a choice that is ``SameSite=Strict`` would be missing when a
    visitor follows a link to the site, and what scripts of ours read cannot be kept from scripts.
    """

    def __init__(self, policy: Policy) -> None:
        self._general = policy.floor
        self._hidden = NameTable(dict.fromkeys(policy.floor.http_only, True))
        of_cookies = (wish for rule in policy.rules for wish in (rule.same_site, rule.secure, rule.http_only))
        self.is_needed = policy.floor != FloorSettings() or any(of_cookies)

    def least(self, name: str, rule: CookieRule | None, *, secure: bool) -> Protection:
        """Return the least protection of a cookie; ``rule`` is what declares it, ``secure`` that it leaves over TLS."""
        if name in _OWN:
            return Protection()
        own = rule or CookieRule(name=name, category="")
        same_site, wanted = own.same_site or self._general.same_site, own.secure or self._general.secure
        http_only = own.http_only if own.http_only is not None else self._hidden.lookup(name) is not None
        return Protection(_SPELT[same_site], wanted == "always" or (wanted == "https" and secure), http_only)
