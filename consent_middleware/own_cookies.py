"""The cookies that we set ourselves: what they are called, and how they are sent.

There are two: the consent cookie, which ``seal`` writes and reads, and its companion with the first days of other
cookies, which ``deposits`` does. Where pages are the same for everybody a third one, which nobody signs, tells scripts
what the visitor allows; it is written here and believed by no server.
"""

from __future__ import annotations

from .http import Request, is_secure
from .lifetime import Lifetime
from .policy import Policy

_PREFIXES = ("__Host-", "__Secure-", "")
_CHOICE, _FIRST, _HINT = "consent", "consent-first", "consent-hint"

CHOICE_NAMES = tuple(prefix + _CHOICE for prefix in _PREFIXES)
OWN_NAMES = tuple(prefix + name for name in (_CHOICE, _FIRST, _HINT) for prefix in _PREFIXES)


def choice_name(policy: Policy, scheme: str) -> str:
    """Return the name of the consent cookie: only over https can a browser vouch for where it came from."""
    return _prefix(policy, scheme) + _CHOICE


def choice_lifetime(policy: Policy) -> Lifetime:
    """Return how long a consent cookie is kept, which is how long a choice stands.

    Where the policy reads other tools it is kept beyond that, to tell that the visitor has chosen with us: else a no
    would end by giving way to an older yes that another tool keeps for longer.
    """
    if policy.reads and policy.cookie_lifetime.exceeds(policy.consent_lifetime):
        return policy.cookie_lifetime
    return policy.consent_lifetime


def first_name(policy: Policy, scheme: str) -> str:
    """Return the name of its companion, under the same rules."""
    return _prefix(policy, scheme) + _FIRST


def hint_name(policy: Policy, scheme: str) -> str:
    """Return the name of what scripts read, under the same rules: no sub-domain may tell them that all is allowed."""
    return _prefix(policy, scheme) + _HINT


def own_line(policy: Policy, request: Request, name: str, value: str, age: int) -> str:
    """Return the Set-Cookie line of a cookie of ours that lives for ``age`` seconds; if that is 0, it expires one."""
    parts = [f"{name}={value}", f"Max-Age={age}", "Path=/", "SameSite=Lax"]
    if not name.endswith(_HINT):
        parts.insert(3, "HttpOnly")
    if is_secure(request.scheme) or policy.floor.secure == "always":
        parts.append("Secure")
    domain = (policy.cookie_domain or "").lstrip(".")
    hostname = request.host.partition(":")[0].lower()
    if domain and (hostname == domain or hostname.endswith(f".{domain}")):
        parts.append(f"Domain={domain}")
    return "; ".join(parts)


def _prefix(policy: Policy, scheme: str) -> str:
    if not is_secure(scheme):
        return ""
    return "__Secure-" if policy.cookie_domain else "__Host-"
