"""Finding the gate in an application, without importing any framework."""

from __future__ import annotations

import sys
from typing import Any, cast

from ..engine import Engine
from ..errors import ConfigurationError

DJANGO = "django"
"""Stands for the Django project of the process."""

# Where applications and middleware keep the next one further in, or the gate itself.
_INWARD = ("engine", "_gate", "wsgi_app", "middleware_stack", "app", "_app", "application", "wrapped")
_MOST = 200


def is_django() -> bool:
    """Whether the process runs a Django project behind our middleware."""
    conf = sys.modules.get("django.conf")
    settings: Any = getattr(conf, "settings", None)
    return settings is not None and settings.configured and "consent_django" in settings.INSTALLED_APPS


def engine_of(app: Any) -> Engine:
    """Return the engine of the gate around or inside an application. Raises ConfigurationError if there is none."""
    if app is DJANGO:
        from importlib import import_module

        return cast("Engine", import_module("consent_django.conf").engine_from_settings())
    waiting, seen = [app], set[int]()
    while waiting and len(seen) < _MOST:
        found = waiting.pop(0)
        if isinstance(found, Engine):
            return found
        if id(found) not in seen:
            seen.add(id(found))
            waiting += _further_in(found)
    raise ConfigurationError(f"consent_app: there is no consent_middleware in or around {app!r}; return what has it")


def _further_in(app: Any) -> list[Any]:
    attributes = [getattr(app, name, None) for name in _INWARD]
    if attributes[_INWARD.index("middleware_stack")] is None and hasattr(app, "build_middleware_stack"):
        # Starlette builds its middleware with the first request, and keeps what is there by then.
        app.middleware_stack = app.build_middleware_stack()
        attributes.append(app.middleware_stack)
    return [attribute for attribute in attributes if attribute is not None]
