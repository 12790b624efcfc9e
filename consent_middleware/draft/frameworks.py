"""What a framework's settings tell, asked of the adapter that knows that framework.

Adapters are imported by name when they are needed: the core needs no framework, and knows none.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from os import environ
from typing import Any, cast

from ..errors import ConsentError
from .facts import Facts

_ADAPTERS = {"flask": "consent_flask", "starlette": "consent_starlette", "django": "consent_django"}
"""The package that the class of an application comes from, itself or by inheritance, and who knows about it."""

_USUAL_NAMES = ("app", "application", "create_app", "make_app")
_WITHIN = ("app", "application", "wsgi_app", "__wrapped__")
_MOST_WRAPPERS = 20


class ApplicationUnreadable(ConsentError):
    """An application or its settings cannot be read; the message says why, and what to type instead."""


def facts_of_settings(module: str) -> Facts:
    """Return what Django's settings in a module tell. Raises ApplicationUnreadable."""
    with _importing(f"the settings {module}"):
        import_module(module)
        environ["DJANGO_SETTINGS_MODULE"] = module
        return _asked("consent_django", None)


def facts_of_app(target: str) -> Facts:
    """Return what an application tells, given as ``module:attribute``. Raises ApplicationUnreadable.

    The attribute may be a function that makes the application; without one the usual names are tried. Middleware
    around the application is seen through.
    """
    module, _, attribute = target.partition(":")
    with _importing(target):
        app = _made(_found(import_module(module), attribute.removesuffix("()"), target))
        for layer in _layers(app):
            if (adapter := _adapter_of(layer)) is not None:
                return _asked(adapter, layer)
    raise ApplicationUnreadable(
        f"{target} is {type(app).__module__}.{type(app).__name__}, and no application of Flask, Django, Starlette or "
        "FastAPI; let its address be visited instead: --url http://127.0.0.1:8000/"
    )


def _asked(adapter: str, app: Any) -> Facts:
    survey = cast("Callable[[Any], Facts]", import_module(f"{adapter}.survey").survey)
    return survey(app)


def _found(module: Any, attribute: str, target: str) -> Any:
    names = (attribute,) if attribute else _USUAL_NAMES
    found = next((getattr(module, name) for name in names if hasattr(module, name)), None)
    if found is None:
        raise ApplicationUnreadable(f"{target}: the module has no {' or '.join(names)}; write module:attribute")
    return found


def _made(app: Any) -> Any:
    """Return an application, made now if this is a function that needs nothing for it."""
    if not inspect.isfunction(app):
        return app
    parameters = inspect.signature(app).parameters.values()
    takes_something = any(each.default is each.empty and each.kind < each.VAR_POSITIONAL for each in parameters)
    return app if takes_something else app()


def _layers(app: Any) -> Iterator[Any]:
    """Yield an application and what middleware has within, from the outside in."""
    for _ in range(_MOST_WRAPPERS):
        yield app
        app = next((found for name in _WITHIN if (found := getattr(app, name, None)) is not None), None)
        if app is None:
            return


def _adapter_of(app: Any) -> str | None:
    packages = (kind.__module__.partition(".")[0] for kind in type(app).__mro__)
    return next((_ADAPTERS[package] for package in packages if package in _ADAPTERS), None)


@contextmanager
def _importing(what: str) -> Generator[None]:
    """Import from where the reader stands, whatever their code does then; what it prints is not part of a policy."""
    sys.path.insert(0, "")
    try:
        with redirect_stdout(sys.stderr):
            yield
    except ConsentError:
        raise
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())
        raise ApplicationUnreadable(
            f"{what} cannot be read: {type(error).__name__}{f': {said}' if said else ''}; "
            "run it from the folder in which the application starts"
        ) from error
    finally:
        sys.path.remove("")
