"""Flask extension: the site's cookie policy, kept on every response.

It wraps ``app.wsgi_app`` rather than using ``after_request``, because Flask saves its session cookie after those
hooks have run. Middleware that tells the application its public address (``werkzeug.middleware.proxy_fix``) belongs
further out, so apply it after ``init_app``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from flask import Flask, abort, current_app, request
from markupsafe import Markup
from werkzeug.local import LocalProxy

from consent_middleware import ConfigurationError, ConsentWSGI, Decision, Ledger, Lifetime, Policy
from consent_middleware.engine import Applies, PolicySource
from consent_middleware.exchange import Exchange
from consent_middleware.policy import KnownCookie
from consent_middleware.shell import DECISION_KEY
from consent_middleware.wsgi import WSGIRequest

__all__ = ["Consent", "consent_policy", "current_consent", "requires_consent"]

# Flask-Login's own default.
_REMEMBERED = timedelta(days=365)

View = TypeVar("View", bound=Callable[..., Any])


def _current() -> Decision:
    if DECISION_KEY not in request.environ:
        # A request made up by app.test_request_context() has not come through app.wsgi_app.
        gate = cast("ConsentWSGI", current_app.extensions["consent"])
        request.environ[DECISION_KEY] = Exchange(gate.engine, WSGIRequest(request.environ)).decision
    return cast("Decision", request.environ[DECISION_KEY])


current_consent = cast("Decision", LocalProxy(_current))
"""The Decision about the visitor of the current request; templates have it as ``consent``."""


class Consent:
    """The extension: ``Consent(app)``, or ``Consent().init_app(app)``.

    Reads from ``app.config``: ``CONSENT_POLICY`` (a path below the application's root, a mapping or a Policy),
    ``CONSENT_PREFIX``, ``CONSENT_LEDGER``, ``CONSENT_APPLIES``, ``CONSENT_NECESSARY``; keys from
    ``CONSENT_SECRET_KEYS`` or else from ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``. Arguments win over the
    configuration. The session cookie and Flask-Login's remember cookie are necessary without being declared.
    """

    def __init__(
        self,
        app: Flask | None = None,
        policy: PolicySource = None,
        *,
        ledger: Ledger | str | None = None,
        prefix: str | None = None,
        clock: Callable[[], float] = time.time,
        applies: Applies | None = None,
    ) -> None:
        self._policy = policy
        self._ledger = ledger
        self._prefix = prefix
        self._clock = clock
        self._applies = applies
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Put the gate around ``app``. Raises PolicyError or ConfigurationError when it cannot start as configured."""
        if "consent" in app.extensions:
            raise ConfigurationError("Consent: this application already has one; create the extension once")
        config = cast("dict[str, Any]", app.config)
        policy = self._policy if self._policy is not None else config.get("CONSENT_POLICY")
        gate = app.extensions["consent"] = ConsentWSGI(
            app.wsgi_app,
            _beside(app, policy),
            secret_keys=_secret_keys(app),
            ledger=self._ledger if self._ledger is not None else config.get("CONSENT_LEDGER"),
            prefix=self._prefix or config.get("CONSENT_PREFIX", "/_consent"),
            clock=self._clock,
            applies=self._applies or config.get("CONSENT_APPLIES"),
            necessary=_necessary(app),
        )
        app.wsgi_app = gate  # type: ignore[method-assign]  # the way Flask documents for middleware
        app.context_processor(lambda: {"consent": current_consent, "consent_policy": consent_policy})


def consent_policy(language: str = "") -> Markup:
    """Return the cookie policy to stand in a page of the site, in this language or else the visitor's.

    Templates have it: ``{{ consent_policy("fr") }}``. It has no title of its own; its headings begin at level 2.
    """
    gate = cast("ConsentWSGI", current_app.extensions["consent"])
    return Markup(gate.engine.policy_fragment(WSGIRequest(request.environ), language))  # noqa: S704  # escaped there


def requires_consent(category: str, *, status: int = 403) -> Callable[[View], View]:
    """Decorate a view, sync or async, that must not run without consent; without it the answer is ``status``."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not current_consent.allows(category):
                abort(status)
            return current_app.ensure_sync(view)(*args, **kwargs)

        return cast("View", guarded)

    return decorate


def _beside(app: Flask, policy: Any) -> PolicySource:
    if policy is None or isinstance(policy, Policy) or not isinstance(policy, str | Path):
        return cast("PolicySource", policy)
    file = Path(app.root_path, policy)
    if not file.exists():
        # An application that is installed lies where nobody looks for its site's files.
        raise ConfigurationError(
            f"CONSENT_POLICY: there is no {file}; a relative path begins in the application's folder, so give the "
            'whole path, like Path(__file__).with_name("consent.toml")'
        )
    return file


def _secret_keys(app: Flask) -> str | bytes | Iterable[str | bytes]:
    config = cast("dict[str, Any]", app.config)
    keys: str | bytes | Iterable[str | bytes] | None = config.get("CONSENT_SECRET_KEYS")
    if keys:
        return keys
    if not app.secret_key:
        raise ConfigurationError("SECRET_KEY: not set; set app.secret_key (or CONSENT_SECRET_KEYS) before Consent(app)")
    # itsdangerous signs with the last key.
    return [*(config.get("SECRET_KEY_FALLBACKS") or ()), app.secret_key]


def _necessary(app: Flask) -> list[str | KnownCookie]:
    config = cast("dict[str, Any]", app.config)
    return [*framework_cookies(app), *config.get("CONSENT_NECESSARY", ())]


def framework_cookies(app: Flask) -> tuple[KnownCookie, KnownCookie]:
    """Return Flask's session cookie and Flask-Login's remember cookie, as they are configured."""
    config = cast("dict[str, Any]", app.config)
    remembered = config.get("REMEMBER_COOKIE_DURATION", _REMEMBERED)
    return (
        KnownCookie(
            name=config["SESSION_COOKIE_NAME"],
            purpose="session",
            # A session is kept for that long once a view has made it permanent.
            lifetime=Lifetime.lasting(app.permanent_session_lifetime),
            or_session=True,
        ),
        KnownCookie(
            name=config.get("REMEMBER_COOKIE_NAME", "remember_token"),
            purpose="login",
            lifetime=Lifetime.lasting(remembered),
        ),
    )
