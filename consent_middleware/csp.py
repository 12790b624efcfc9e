"""Content-Security-Policy: what the application's own says about our scripts.

A header may hold several policies, parted by commas, and a response several headers: all of them must allow what is
to load (CSP Level 3, sections 2.2.2 and 4.2.3).
"""

from __future__ import annotations

import re

from .http import Headers

ENFORCED = "content-security-policy"
REPORTED = "content-security-policy-report-only"

_FOR_SCRIPTS = ("script-src-elem", "script-src", "default-src")
"""What decides about script elements, the first that is there (CSP Level 3, section 6.8.3)."""
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]++={0,2}+)'", re.IGNORECASE)
_SPACE = " \t\n\f\r"
_NAME_LENGTHS = frozenset(map(len, (ENFORCED, REPORTED)))


def nonce_of(headers: Headers) -> str:
    """Return the nonce with which the application lets script elements load, "" if its policies name none.

    A policy that is enforced goes before one that only reports. A tag bears one nonce only, so policies with
    different ones contradict each other; then it is that of the first.
    """
    found = {ENFORCED: "", REPORTED: ""}
    for name, value in headers:
        if len(name) in _NAME_LENGTHS and (key := name.lower()) in found and not found[key]:
            found[key] = next(filter(None, map(_script_nonce, value.split(","))), "")
    return found[ENFORCED] or found[REPORTED]


def _script_nonce(policy: str) -> str:
    directives = _directives(policy)
    sources = next((directives[name] for name in _FOR_SCRIPTS if name in directives), ())
    nonces = (_NONCE.fullmatch(source) for source in sources)
    return next((nonce[1] for nonce in nonces if nonce), "")


def _directives(policy: str) -> dict[str, list[str]]:
    """The directives of one policy by their lower-case names; the first of a name counts (section 2.2.1)."""
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        words = re.split(f"[{_SPACE}]+", part.strip(_SPACE))
        directives.setdefault(words[0].lower(), words[1:])
    return directives
