"""The session and CSRF middleware further in, whose cookies a site cannot do without."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from starlette.middleware import Middleware

from consent_middleware import Lifetime
from consent_middleware.lifetime import SESSION
from consent_middleware.policy import KnownCookie

Option = Callable[[str, None], Any]

# Where such middleware is defined, what its cookie is for, and what its options for the cookie's name are called.
# Anybody's middleware may have an option of that name, one for A/B tests as well, so the name alone says nothing.
_KNOWN = {
    "starlette.middleware.sessions": ("session", ("session_cookie",)),
    "starsessions": ("session", ("cookie_name", "session_cookie")),  # the latter before its version 2
    "starlette_csrf": ("security", ("cookie_name",)),
    "asgi_csrf": ("security", ("cookie_name",)),
}
_NEVER_KNOWN: tuple[str, tuple[str, ...]] = ("", ())


def cookies_further_in(app: Any) -> Iterator[KnownCookie]:
    """Yield the cookies of the known middleware inside ``app``; Starlette builds from the inside out."""
    while app is not None:
        yield from _cookies(type(app), partial(getattr, app))
        # A whole application makes its middleware with the first request only.
        for middleware in getattr(app, "user_middleware", ()):
            yield from _cookies(middleware.cls, _options(middleware).get)
        # A function made with functools.wraps has copied the attributes of what it wraps, "app" included.
        app = getattr(app, "__wrapped__", None) or getattr(app, "app", None)


def _cookies(made_by: Any, option: Option) -> Iterator[KnownCookie]:
    home, (purpose, names) = _known(made_by)
    for name in (option(name, None) for name in names):
        if isinstance(name, str):
            yield KnownCookie(name=name, purpose=purpose, lifetime=_lifetime(home, option))


def _lifetime(home: str, option: Option) -> Lifetime | None:
    """How long the cookie is kept, where that is known: Starlette's own ends with the browser if it has no age."""
    if home != "starlette.middleware.sessions":
        return None
    age = option("max_age", None)
    return SESSION if age is None else Lifetime.lasting(age)


def _known(made_by: Any) -> tuple[str, tuple[str, tuple[str, ...]]]:
    """Look among the base classes too: a site may have its own subclass. Some middleware is a function."""
    kinds = inspect.getmro(made_by) if inspect.isclass(made_by) else (made_by,)
    modules = [f"{getattr(kind, '__module__', '')}." for kind in kinds]
    found = (item for item in _KNOWN.items() if any(module.startswith(f"{item[0]}.") for module in modules))
    return next(found, ("", _NEVER_KNOWN))


def _options(middleware: Middleware) -> Mapping[str, Any]:
    try:
        bound = inspect.signature(middleware.cls).bind_partial(None, *middleware.args, **middleware.kwargs)
    except (TypeError, ValueError):
        return middleware.kwargs
    bound.apply_defaults()
    return bound.arguments
