"""System checks: what is wrong with the set-up, before a visitor meets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from consent_middleware import ConfigurationError, PolicyError

from .conf import consent_settings, engine_from_settings, ledger_from_settings, secret_keys

MIDDLEWARE = "consent_django.ConsentMiddleware"
_NAMES = (MIDDLEWARE, "consent_django.middleware.ConsentMiddleware")


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the place in MIDDLEWARE, the policy with every mistake in it, the keys and the CONSENT setting."""
    return [*_check_place(list(settings.MIDDLEWARE)), *_check_engine()]


def _check_place(middleware: list[str]) -> list[CheckMessage]:
    places = [place for place, name in enumerate(middleware) if name in _NAMES]
    if not places:
        return [
            Warning(
                f"{MIDDLEWARE} is not in MIDDLEWARE, so nothing of the cookie policy is enforced.",
                hint=f'Put "{MIDDLEWARE}" first in MIDDLEWARE.',
                id="consent.W002",
            )
        ]
    if places[0] == 0:
        return []
    return [
        Warning(
            f"{MIDDLEWARE} is not first in MIDDLEWARE: cookies set by {', '.join(middleware[: places[0]])} pass it by.",
            hint="Move it to the top of MIDDLEWARE.",
            id="consent.W001",
        )
    ]


def _check_engine() -> list[CheckMessage]:
    try:
        consent_settings()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="consent.E005")]
    try:
        secret_keys()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="Set SECRET_KEY.", id="consent.E002")]
    try:
        engine_from_settings()
        ledger_from_settings()
    except PolicyError as error:
        return [
            Error(
                f"{error.source}: {mistake.place}: {mistake.reason} [{mistake.id}]",
                hint=mistake.suggestion or None,
                id="consent.E001",
            )
            for mistake in error.mistakes
        ]
    except OSError as error:
        return [Error(f'CONSENT["POLICY"] cannot be read: {error}', id="consent.E004")]
    except ConfigurationError as error:
        return [Error(str(error), id="consent.E003")]
    return []
