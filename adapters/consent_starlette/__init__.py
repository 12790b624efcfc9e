"""Starlette and FastAPI middleware, pure ASGI: the site's cookie policy, kept on every response."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeGuard, TypeVar, cast

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from consent_middleware import ConsentASGI, Decision, Ledger
from consent_middleware.exchange import Applies, PolicySource
from consent_middleware.shell import DECISION_KEY

__all__ = ["ConsentMiddleware", "ConsentRequired", "consent_context", "consent_of", "requires_consent"]

P = ParamSpec("P")
R = TypeVar("R")


class ConsentMiddleware:
    """``Middleware(ConsentMiddleware, policy="consent.toml", secret_keys=KEY)``, first in the list.

    ``request.state.consent`` is then the Decision about the visitor. The arguments are those of ConsentASGI; the
    cookies of session and CSRF middleware further in are necessary without being declared.
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
    """Return the Decision about the visitor of a request or WebSocket."""
    return cast("Decision", connection.scope[DECISION_KEY])


def consent_context(request: Request) -> dict[str, Any]:
    """Give templates ``consent``: ``Jinja2Templates(..., context_processors=[consent_context])``."""
    return {"consent": consent_of(request)}


class ConsentRequired:
    """A FastAPI dependency: ``Depends(ConsentRequired("analytics"))`` is the Decision, or answers 403."""

    def __init__(self, category: str, *, status: int = 403) -> None:
        self.category = category
        self.status = status

    def __call__(self, request: Request) -> Decision:
        decision = consent_of(request)
        if not decision.allows(self.category):
            raise HTTPException(self.status)
        return decision


def requires_consent(category: str, *, status: int = 403) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a Starlette endpoint, sync or async, that must not run without consent to ``category``."""
    required = ConsentRequired(category, status=status)

    def decorate(endpoint: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(endpoint):

            @functools.wraps(endpoint)
            async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
                required(_request_among(args, kwargs))
                return await cast("Callable[P, Awaitable[R]]", endpoint)(*args, **kwargs)

            return cast("Callable[P, R]", guarded)

        @functools.wraps(endpoint)
        def guarded_sync(*args: P.args, **kwargs: P.kwargs) -> R:
            required(_request_among(args, kwargs))
            return endpoint(*args, **kwargs)

        return guarded_sync

    return decorate


def _request_among(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request[Any]:
    return next(value for value in (*args, *kwargs.values()) if _is_request(value))


def _is_request(value: object) -> TypeGuard[Request[Any]]:
    return isinstance(value, Request)


def _cookies_further_in(app: Any) -> Iterator[str]:
    """The cookie names of session and CSRF middleware that this one wraps; Starlette builds from the inside out."""
    while app is not None:
        for attribute in ("session_cookie", "cookie_name"):
            name = getattr(app, attribute, None)
            if isinstance(name, str):
                yield name
        app = getattr(app, "app", None)
