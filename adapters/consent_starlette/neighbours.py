"""The session and CSRF middleware further in, whose cookies a site cannot do without."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from starlette.middleware import Middleware

# Where such middleware is defined, and what its options for the cookie's name are called. Anybody's middleware may have
# an option of that name, one for A/B tests as well, so the name alone says nothing.
_KNOWN = {
    "starlette.middleware.sessions": ("session_cookie",),
    "starsessions": ("cookie_name", "session_cookie"),  # the latter before its version 2
    "starlette_csrf": ("cookie_name",),
    "asgi_csrf": ("cookie_name",),
}


def cookies_further_in(app: Any) -> Iterator[str]:
    """Yield the cookie names of the known middleware inside ``app``; Starlette builds from the inside out."""
    while app is not None:
        yield from _cookie_names(type(app), partial(getattr, app))
        # A whole application makes its middleware with the first request only.
        for middleware in getattr(app, "user_middleware", ()):
            yield from _cookie_names(middleware.cls, _options(middleware).get)
        # A function made with functools.wraps has copied the attributes of what it wraps, "app" included.
        app = getattr(app, "__wrapped__", None) or getattr(app, "app", None)


def _cookie_names(made_by: Any, option: Callable[[str, None], Any]) -> Iterator[str]:
    names = (option(name, None) for name in _options_for_the_name(made_by))
    return (name for name in names if isinstance(name, str))


def _options_for_the_name(made_by: Any) -> tuple[str, ...]:
    """Look among the base classes too: a site may have its own subclass. Some middleware is a function."""
    kinds = inspect.getmro(made_by) if inspect.isclass(made_by) else (made_by,)
    modules = [f"{getattr(kind, '__module__', '')}." for kind in kinds]
    return next((names for home, names in _KNOWN.items() if any(m.startswith(f"{home}.") for m in modules)), ())


def _options(middleware: Middleware) -> Mapping[str, Any]:
    try:
        bound = inspect.signature(middleware.cls).bind_partial(None, *middleware.args, **middleware.kwargs)
    except (TypeError, ValueError):
        return middleware.kwargs
    bound.apply_defaults()
    return bound.arguments
