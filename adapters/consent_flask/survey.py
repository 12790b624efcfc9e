"""What a Flask application's configuration tells ``consent init``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from flask import Flask

from consent_middleware.draft.facts import CookieFact, Facts
from consent_middleware.policy import KnownCookie

from . import framework_cookies

_NOT_SECURE = "It is not Secure: over https, set {setting} = True."


def survey(app: Flask) -> Facts:
    """Return the cookies of Flask itself and of Flask-Login, where that is in use."""
    session, remembered = framework_cookies(app)
    cookies = [_fact(app, session, "SESSION_COOKIE", "Flask's session")]
    if hasattr(app, "login_manager"):
        cookies.append(_fact(app, remembered, "REMEMBER_COOKIE", "Flask-Login's “remember me”"))
    return Facts(source=f"the configuration of {app.name} (Flask)", cookies=tuple(cookies))


def _fact(app: Flask, cookie: KnownCookie, prefix: str, what: str) -> CookieFact:
    config = cast("dict[str, Any]", app.config)
    return CookieFact(
        name=cookie.name,
        evidence=f"{what} ({prefix}_NAME in the configuration).",
        lifetime=cookie.lifetime,
        domain=_text(config.get(f"{prefix}_DOMAIN")),
        path=_text(config.get(f"{prefix}_PATH")) or "/",
        is_framework=True,
        advice=tuple(_advice(app, config, prefix)),
    )


def _advice(app: Flask, config: dict[str, Any], prefix: str) -> Iterator[str]:
    if not config.get(f"{prefix}_SECURE"):
        yield _NOT_SECURE.format(setting=f"{prefix}_SECURE")
    if prefix == "SESSION_COOKIE" and "csrf" in app.extensions:
        yield "Flask-WTF keeps its CSRF token in it, so forms depend on it too."


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
