"""What Django's settings tell ``consent init``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings

from consent_middleware.draft.facts import CookieFact, Facts
from consent_middleware.messages import language_of

from .conf import framework_cookies

_USES = {
    "SESSION_COOKIE": ("Django's session", "sessions.middleware.SessionMiddleware"),
    "CSRF_COOKIE": ("Django's CSRF token", "middleware.csrf.CsrfViewMiddleware"),
    "LANGUAGE_COOKIE": ("The language that was picked", "middleware.locale.LocaleMiddleware"),
}
_MESSAGES = "contrib.messages.middleware.MessageMiddleware"


def survey(app: object = None) -> Facts:
    """Return the cookies of Django that the middleware in use sets, the first address in ADMINS, and the language.

    The settings are those of the process; the application is not looked at.
    """
    return Facts(
        source=f"the settings of Django in {settings.SETTINGS_MODULE}",
        contact=_contact(),
        language=_language(),
        cookies=tuple(_cookies()),
    )


def _cookies() -> Iterator[CookieFact]:
    named = {getattr(settings, f"{prefix}_NAME"): prefix for prefix in _USES}
    for cookie in framework_cookies():
        prefix = named.get(cookie.name)
        what, middleware = _USES[prefix] if prefix else ("Django's messages, kept for the next page", _MESSAGES)
        if prefix == "CSRF_COOKIE" and settings.CSRF_USE_SESSIONS:
            continue
        if any(used.endswith(middleware) for used in settings.MIDDLEWARE):
            # Messages live where the session does (django.contrib.messages.storage.cookie).
            setting = prefix or "SESSION_COOKIE"
            yield CookieFact(
                name=cookie.name,
                evidence=f"{what} ({f'{prefix}_NAME' if prefix else 'MESSAGE_STORAGE'} in the settings).",
                lifetime=cookie.lifetime,
                domain=getattr(settings, f"{setting}_DOMAIN") or "",
                path="/" if prefix is None else getattr(settings, f"{prefix}_PATH"),
                is_framework=True,
                advice=tuple(_advice(setting)),
            )


def _advice(prefix: str) -> Iterator[str]:
    if not getattr(settings, f"{prefix}_SECURE"):
        yield f"It is not Secure: over https, set {prefix}_SECURE = True."


def _contact() -> str:
    """The first address in ADMINS or MANAGERS: they hold addresses since Django 6, and pairs with a name before."""
    entries: list[Any] = [*settings.ADMINS, *settings.MANAGERS]
    first = entries[0] if entries else ""
    return str(first if isinstance(first, str) else first[-1])


def _language() -> str:
    """LANGUAGE_CODE where it says anything: English is what everybody has who never thought of it."""
    tag = language_of(settings.LANGUAGE_CODE)
    return "" if tag == "en" else tag
