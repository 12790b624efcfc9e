"""What a consent tool that was there before us has written into the visitor's jar, for policies that ask to read it.

Such a cookie is not signed, so any script of the site, and of its sub-domains, may have written it: hence only on
request, and only as the weakest of words. It is read for visitors who have never chosen with us; it stands for no
required category; the browser's signal refuses over its yes; it is copied into no receipt and no record. A yes counts
for a category of ours only if all that belongs to it has one. Two cookies of one name that contradict each other say
no. How long it lasts is the tool's to say, and our six months where it tells when the visitor chose.

Formats as of orestbida/cookieconsent 3 (and 2), Klaro 0.7, tarteaucitron 1, django-cookie-consent 0.6 and the WP
Consent API 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast
from urllib.parse import unquote

from .lifetime import Lifetime
from .policy import Reading

_LONGEST = 4096

Answers: TypeAlias = dict[str, bool]
"""Yes or no by the tool's own names, of services or of categories, whichever it asks about."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie of a tool: its name, its value as sent, and what decides whether it is still good."""

    name: str
    value: str
    now: int
    lifetime: Lifetime


@dataclass(frozen=True, slots=True)
class Tool:
    """A consent tool: what its cookie is called (a trailing ``*`` as in policies), and how it is read."""

    cookie: str
    read: Callable[[Cookie], Answers]


def told(reading: Reading, cookies: Iterable[tuple[str, str]], now: int, lifetime: Lifetime) -> dict[str, bool]:
    """Return what a tool's cookies say about categories of ours; ``cookies`` are all of the request.

    ``lifetime`` is how long a choice stands.
    """
    tool = TOOLS[reading.tool]
    answers: Answers = {}
    for name, value in cookies:
        if _is_named(name, reading.cookie) and len(value) <= _LONGEST:
            for who, yes in tool.read(Cookie(name, value, now, lifetime)).items():
                answers[who] = yes and answers.get(who, True)
    found = ((category, _together(alternatives, answers)) for category, alternatives in reading.names.items())
    return {category: answer for category, answer in found if answer is not None}


def _together(alternatives: Iterable[tuple[str, ...]], answers: Mapping[str, bool]) -> bool | None:
    for names in alternatives:
        given = [answers.get(name) for name in names]
        if False in given:
            return False
        if given and all(given):
            return True
    return None


def _is_named(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _klaro(cookie: Cookie) -> Answers:
    """``{"matomo": true, "youtube": false}``, by service, percent-encoded."""
    stated = _json_object(cookie.value)
    return {name: answer for name, answer in stated.items() if isinstance(answer, bool)}


def _orestbida(cookie: Cookie) -> Answers:
    """``{"categories": ["necessary", "analytics"], …}``: what it does not name was refused or never asked about."""
    stated = _json_object(cookie.value)
    chosen = _epoch(stated.get("lastConsentTimestamp", stated.get("consentTimestamp")))
    expires = stated.get("expirationTime")
    is_over = isinstance(expires, int | float) and expires <= cookie.now * 1000
    if is_over or (chosen is not None and (chosen > cookie.now or cookie.lifetime.is_over(chosen, cookie.now))):
        return {}
    return {name: True for name in _list(stated.get("categories")) if isinstance(name, str)}


def _tarteaucitron(cookie: Cookie) -> Answers:
    """``!gtag=true!youtube=false!matomo=wait``, by service; the last has not been answered."""
    pairs = (pair.partition("=") for pair in unquote(cookie.value).split("!"))
    return {name: answer == "true" for name, _, answer in pairs if answer in ("true", "false")}


def _django_cookie_consent(cookie: Cookie) -> Answers:
    """``analytics=2026-01-31T10:00:00|social=-1``, by group: the version accepted, or -1."""
    pairs = (pair.partition("=") for pair in unquote(cookie.value).strip('"').split("|"))
    return {name: answer != "-1" for name, _, answer in pairs if answer}


def _wp_consent_api(cookie: Cookie) -> Answers:
    """A cookie for each category, ``wp_consent_statistics=allow`` or ``=deny``."""
    name = cookie.name.removeprefix("wp_consent_")
    return {name: cookie.value == "allow"} if cookie.value in ("allow", "deny") else {}


TOOLS: Mapping[str, Tool] = {
    "klaro": Tool("klaro", _klaro),
    "cookieconsent": Tool("cc_cookie", _orestbida),
    "tarteaucitron": Tool("tarteaucitron", _tarteaucitron),
    "django-cookie-consent": Tool("cookie_consent", _django_cookie_consent),
    "wp-consent-api": Tool("wp_consent_*", _wp_consent_api),
}


def _json_object(value: str) -> Mapping[str, Any]:
    try:
        stated = json.loads(unquote(value))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", stated) if isinstance(stated, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _epoch(stated: object) -> int | None:
    if not isinstance(stated, str):
        return None
    try:
        date = datetime.fromisoformat(stated)
    except ValueError:
        return None
    return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
