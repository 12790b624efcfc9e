"""Starlette and FastAPI middleware, pure ASGI: the site's cookie policy, kept on every response."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from consent_middleware import ConfigurationError, ConsentASGI, Decision, Ledger
from consent_middleware.engine import Applies, PolicySource
from consent_middleware.shell import DECISION_KEY

__all__ = ["ConsentMiddleware", "ConsentRequired", "consent_context", "consent_of", "requires_consent"]

P = ParamSpec("P")
R = TypeVar("R")


class ConsentMiddleware:
    """``Middleware(ConsentMiddleware, policy="consent.toml", secret_keys=KEY)``, first in the list.

    ``request.state.consent`` is then the Decision about the visitor. The arguments are those of ConsentASGI; the
    cookies of session and CSRF middleware further in are necessary without being declared.

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
        necessary: Iterable[str] = (),
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
            necessary=[*_cookies_further_in(app), *necessary],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gate(scope, receive, send)

    async def _with_state(self, scope: Scope, receive: Receive, send: Send) -> None:
        if DECISION_KEY in scope:
            scope.setdefault("state", {})["consent"] = scope[DECISION_KEY]
        await self.app(scope, receive, send)


def consent_of(connection: HTTPConnection) -> Decision:
    """Return the Decision about the visitor of a request or WebSocket. Raises ConfigurationError without the gate."""
    try:
        return cast("Decision", connection.scope[DECISION_KEY])
    except KeyError:
        raise ConfigurationError("consent: ConsentMiddleware is missing; put it first in the middleware") from None


def consent_context(request: Request) -> dict[str, Any]:
    """Give templates ``consent``: ``Jinja2Templates(..., context_processors=[consent_context])``."""
    return {"consent": consent_of(request)}


class ConsentRequired:
    """A FastAPI dependency: ``Depends(ConsentRequired("analytics"))`` is the Decision, or answers 403."""

    def __init__(self, category: str, *, status: int = 403) -> None:
        self.category = category
        self.status = status

    def __call__(self, connection: HTTPConnection) -> Decision:
        decision = consent_of(connection)
        if not decision.allows(self.category):
            raise HTTPException(self.status)
        return decision


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


def _cookies_further_in(app: Any) -> Iterator[str]:
    """The cookie names of session and CSRF middleware that this one wraps; Starlette builds from the inside out."""
    while app is not None:
        yield from _cookie_names(partial(getattr, app))
        # A whole application makes its middleware with the first request only.
        for middleware in getattr(app, "user_middleware", ()):
            yield from _cookie_names(_options(middleware).get)
        app = getattr(app, "app", None)


def _cookie_names(option: Callable[[str, None], Any]) -> Iterator[str]:
    names = (option(name, None) for name in ("session_cookie", "cookie_name"))
    return (name for name in names if isinstance(name, str))


def _options(middleware: Middleware) -> Mapping[str, Any]:
    try:
        bound = inspect.signature(middleware.cls).bind_partial(None, *middleware.args, **middleware.kwargs)
    except (TypeError, ValueError):
        return middleware.kwargs
    bound.apply_defaults()
    return bound.arguments
