"""The ``CONSENT`` setting and Django's own settings, as the engine wants them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from consent_middleware import ConfigurationError, Ledger, Lifetime, Policy
from consent_middleware.engine import Engine, PolicySource, known_cookies
from consent_middleware.lifetime import SESSION
from consent_middleware.policy import KnownCookie
from consent_middleware.seal import checked_keys
from consent_middleware.shell import opened_ledger

KEYS = ("POLICY", "SECRET_KEYS", "LEDGER", "PREFIX", "CLOCK", "APPLIES", "NECESSARY")


def consent_settings() -> Mapping[str, Any]:
    """Return the ``CONSENT`` setting. Raises ImproperlyConfigured when it is no mapping or has unknown keys."""
    setting: object = getattr(settings, "CONSENT", {})
    if not isinstance(setting, Mapping):
        raise ImproperlyConfigured(f"CONSENT: {type(setting).__name__} is not a mapping; write CONSENT = {{...}}")
    options = cast("Mapping[str, Any]", setting)
    unknown = sorted(str(key) for key in options if key not in KEYS)
    if unknown:
        raise ImproperlyConfigured(f"CONSENT: unknown {', '.join(unknown)}; the keys are {', '.join(KEYS)}")
    return options


def secret_keys() -> str | bytes | Iterable[str | bytes]:
    """Return the signing keys, oldest first: CONSENT["SECRET_KEYS"], or Django's own SECRET_KEY and its fallbacks.

    The former are returned as they stand; it is the engine that looks whether they are keys.
    """
    own: str | bytes | Iterable[str | bytes] | None = consent_settings().get("SECRET_KEYS")
    if own is not None:
        return own
    # Django lists its fallbacks newest first.
    return [*reversed(settings.SECRET_KEY_FALLBACKS), settings.SECRET_KEY]


def necessary_cookies() -> list[KnownCookie]:
    """Return Django's own cookies, all of them necessary, and those in CONSENT["NECESSARY"].

    Raises ConfigurationError when one of the latter is none.
    """
    return [*framework_cookies(), *known_cookies(consent_settings().get("NECESSARY", ()))]


def framework_cookies() -> list[KnownCookie]:
    """Return Django's own cookies as they are configured: session, CSRF token, language, and messages."""
    session = SESSION if settings.SESSION_EXPIRE_AT_BROWSER_CLOSE else Lifetime.lasting(settings.SESSION_COOKIE_AGE)
    return [
        KnownCookie(name=settings.SESSION_COOKIE_NAME, purpose="session", lifetime=session),
        KnownCookie(name=settings.CSRF_COOKIE_NAME, purpose="security", lifetime=_or_session(settings.CSRF_COOKIE_AGE)),
        KnownCookie(
            name=settings.LANGUAGE_COOKIE_NAME, purpose="language", lifetime=_or_session(settings.LANGUAGE_COOKIE_AGE)
        ),
        *(KnownCookie(name=name, purpose="notice", lifetime=SESSION) for name in _messages_cookies()),
    ]


def _or_session(age: float | None) -> Lifetime | None:
    """What Django means by a cookie's age: without one the cookie ends with the browser."""
    return SESSION if age is None else Lifetime.lasting(age)


def _messages_cookies() -> list[str]:
    """The cookies of the configured message storage, which may combine several and call its cookie as it likes."""
    try:
        storage: Any = import_string(settings.MESSAGE_STORAGE)
    except ImportError:
        return []
    classes = getattr(storage, "storage_classes", (storage,))
    return [storage.cookie_name for storage in classes if hasattr(storage, "cookie_name")]


def ledger_alias() -> str | None:
    """Return the database in DATABASES that keeps the ledger, None where it is a URL, an object or nothing."""
    ledger = consent_settings().get("LEDGER")
    return ledger if isinstance(ledger, str) and ":" not in ledger else None


def ledger_from_settings() -> Ledger | None:
    """Return the ledger. Raises ConfigurationError when CONSENT["LEDGER"] is none."""
    keys = checked_keys(secret_keys())
    alias = ledger_alias()
    return opened_ledger(consent_settings().get("LEDGER"), keys) if alias is None else _in_django(alias, keys)


def _in_django(alias: str, keys: Sequence[bytes]) -> Ledger:
    if alias not in settings.DATABASES:
        raise ConfigurationError(
            f'CONSENT["LEDGER"]: {alias!r} is neither a URL nor in DATABASES ({", ".join(settings.DATABASES)}); write '
            'the alias of a database, or a URL like "sqlite:///consent.db"'
        )
    try:
        from .ledger import open_ledger
    except ImportError as error:
        raise ConfigurationError(
            f'CONSENT["LEDGER"] needs {error.name or "SQLAlchemy"}, which is not installed; install the extra '
            '"ledger": python -m pip install "consent-middleware[ledger]"'
        ) from error
    return open_ledger(alias, keys)


def engine_from_settings() -> Engine:
    """Build the engine. Raises PolicyError, ConfigurationError, ImproperlyConfigured, or OSError for the policy."""
    options = consent_settings()
    return Engine(
        _policy(options.get("POLICY")),
        secret_keys=secret_keys(),
        prefix=options.get("PREFIX", "/_consent"),
        clock=_function("CLOCK", options.get("CLOCK", time.time)),
        applies=_function("APPLIES", options.get("APPLIES")),
        necessary=necessary_cookies(),
    )


def _policy(source: object) -> PolicySource:
    if source is None or isinstance(source, Policy | str | PathLike | Mapping):
        return cast("PolicySource", source)
    raise ConfigurationError(f'CONSENT["POLICY"]: {source!r} is no policy; give the path of a TOML file')


def _function(key: str, value: Any) -> Any:
    """Import what is given by its dotted path, as Django's own settings allow; anything else stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return import_string(value)
    except ImportError as error:
        raise ConfigurationError(
            f'CONSENT["{key}"]: {error}; give a function, or its dotted path like "mysite.consent.function"'
        ) from error
