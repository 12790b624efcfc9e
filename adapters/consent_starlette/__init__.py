"""Starlette and FastAPI middleware, pure ASGI: the site's cookie policy, kept on every response."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from consent_middleware import ConsentASGI, Ledger
from consent_middleware.asgi import ASGIRequest
from consent_middleware.engine import Applies, Engine, PolicySource
from consent_middleware.policy import KnownCookie
from consent_middleware.shell import DECISION_KEY

from .dependencies import ConsentRequired, consent_of
from .neighbours import cookies_further_in

__all__ = [
    "ConsentMiddleware",
    "ConsentRequired",
    "consent_context",
    "consent_of",
    "consent_policy",
    "requires_consent",
]

P = ParamSpec("P")
R = TypeVar("R")


class ConsentMiddleware:
    """``Middleware(ConsentMiddleware, policy="consent.toml", secret_keys=KEY)``, first in the list.

    ``request.state.consent`` is then the Decision about the visitor. The arguments are those of ConsentASGI; the
    cookies of session and CSRF middleware further in are necessary without being declared, if it is Starlette's own,
    starsessions, starlette_csrf or, around a whole application, asgi_csrf; name those of other such middleware.

    Starlette makes the page of a handler for 500 or Exception outside all of its middleware. Where that page sets
    cookies, wrap the whole application instead: ``app = ConsentMiddleware(app, policy, secret_keys=KEY)``.
    """

    def __init__(
        self,
        app: ASGIApp,
        policy: PolicySource = None,
        *,
        secret_keys: str | bytes | Iterable[str | bytes],
        ledger: Ledger | str | None = None,
        prefix: str = "/_consent",
        clock: Callable[[], float] = time.time,
        applies: Applies | None = None,
        necessary: Iterable[str | KnownCookie] = (),
    ) -> None:
        self.app = app
        self._gate = ConsentASGI(
            self._with_state,
            policy,
            secret_keys=secret_keys,
            ledger=ledger,
            prefix=prefix,
            clock=clock,
            applies=applies,
            necessary=[*cookies_further_in(app), *necessary],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gate(scope, receive, send)

    async def _with_state(self, scope: Scope, receive: Receive, send: Send) -> None:
        if DECISION_KEY in scope:
            scope.setdefault("state", {})["consent"] = scope[DECISION_KEY]
        await self.app(scope, receive, send)


def consent_context(request: Request) -> dict[str, Any]:
    """Give templates ``consent`` and ``consent_policy``.

    ``Jinja2Templates(..., context_processors=[consent_context])``; then ``{{ consent_policy("fr") }}``.
    """
    return {"consent": consent_of(request), "consent_policy": partial(consent_policy, request)}


class SafeText(str):
    """HTML that is escaped where it has to be, so that templates need not do it (MarkupSafe's protocol)."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def consent_policy(request: HTTPConnection, language: str = "") -> SafeText:
    """Return the cookie policy as HTML to stand in a page, in this language or else the visitor's.

    It has no title of its own; its headings begin at level 2. Raises ConfigurationError without the gate.
    """
    engine = cast("Engine", consent_of(request).reader)
    return SafeText(engine.policy_fragment(ASGIRequest(request.scope), language))


def requires_consent(category: str, *, status: int = 403) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a Starlette endpoint, sync or async, that must not run without consent to ``category``."""
    required = ConsentRequired(category, status=status)

    def decorate(endpoint: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(endpoint):

            @wraps(endpoint)
            async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
                required(_request_among(args, kwargs))
                return await cast("Callable[P, Awaitable[R]]", endpoint)(*args, **kwargs)

            return cast("Callable[P, R]", guarded)

        @wraps(endpoint)
        def guarded_sync(*args: P.args, **kwargs: P.kwargs) -> R:
            required(_request_among(args, kwargs))
            return endpoint(*args, **kwargs)

        return guarded_sync

    return decorate


def _request_among(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection:
    for value in (*args, *kwargs.values()):
        if isinstance(value, HTTPConnection):
            return cast("HTTPConnection", value)
    raise TypeError("requires_consent: the endpoint takes no request; give it a parameter of type Request")
