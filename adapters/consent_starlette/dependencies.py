"""What FastAPI can pass to a path operation: the decision, and the decision on condition.

FastAPI reads annotations to know what to pass, and its older versions cannot resolve the text of one that stands on an
object's ``__call__``. So here, alone in the package, annotations are not postponed.
"""
# ruff: noqa: I002  # for that reason

from typing import cast

from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection

from consent_middleware import ConfigurationError, Decision
from consent_middleware.shell import DECISION_KEY


def consent_of(connection: HTTPConnection) -> Decision:
    """Return the Decision about the visitor of a request or WebSocket. Raises ConfigurationError without the gate."""
    try:
        return cast("Decision", connection.scope[DECISION_KEY])
    except KeyError:
        raise ConfigurationError("consent: ConsentMiddleware is missing; put it first in the middleware") from None


class ConsentRequired:
    """A FastAPI dependency: ``Depends(ConsentRequired("analytics"))`` is the Decision, or answers 403.

    A WebSocket is closed with 1008, policy violation; servers answer 403 when it was not accepted before.
    """

    def __init__(self, category: str, *, status: int = 403) -> None:
        self.category = category
        self.status = status

    def __call__(self, connection: HTTPConnection) -> Decision:
        decision = consent_of(connection)
        if not decision.allows(self.category):
            raise HTTPException(self.status) if connection.scope["type"] == "http" else WebSocketException(1008)
        return decision
