"""What the middleware of a Starlette or FastAPI application tells ``consent init``."""

from __future__ import annotations

from starlette.applications import Starlette

from consent_middleware.draft.facts import CookieFact, Facts

from .neighbours import cookies_further_in

_USES = {
    "session": "The session, of the application's session middleware.",
    "security": "The token of the application's CSRF middleware.",
}


def survey(app: Starlette) -> Facts:
    """Return the cookies of the session and CSRF middleware that ``neighbours`` knows."""
    cookies = {cookie.name: cookie for cookie in cookies_further_in(app)}
    return Facts(
        source=f"the middleware of {type(app).__module__.partition('.')[0]}'s application",
        cookies=tuple(
            CookieFact(name=name, evidence=_USES[cookie.purpose], lifetime=cookie.lifetime, is_framework=True)
            for name, cookie in cookies.items()
        ),
    )
