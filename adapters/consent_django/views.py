"""A decorator for views that must not run without consent."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpResponse

View = TypeVar("View", bound=Callable[..., Any])


def requires_consent(category: str, *, status: int = 403) -> Callable[[View], View]:
    """Decorate a view, sync or async; without consent to ``category`` the answer is an empty one with ``status``."""

    def decorate(view: View) -> View:
        # asgiref's, because before Python 3.12 the one of inspect does not see what markcoroutinefunction marks.
        if iscoroutinefunction(view):  # pyright: ignore[reportDeprecated]

            @wraps(view)
            async def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
                if not request.consent.allows(category):
                    return HttpResponse(status=status)
                return await view(request, *args, **kwargs)

            return cast("View", guarded)

        @wraps(view)
        def guarded_sync(request: Any, *args: Any, **kwargs: Any) -> Any:
            if not request.consent.allows(category):
                return HttpResponse(status=status)
            return view(request, *args, **kwargs)

        return cast("View", guarded_sync)

    return decorate
