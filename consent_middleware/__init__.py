"""The server-side gate that makes a cookie policy true on the wire, for WSGI and ASGI.

One policy says which cookies belong to which category and how long anything may live. Wrapped around an application,
``ConsentWSGI`` and ``ConsentASGI`` keep it: no Set-Cookie of a category without consent leaves, no such cookie is
shown to the application, nothing lives longer than promised, and a withdrawal takes effect at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asgi import ConsentASGI
    from .decision import Decision
    from .errors import ConfigurationError, ConsentError, Mistake, PolicyError, ResponseStarted, UnknownCategory
    from .http import Request
    from .lifetime import Lifetime
    from .policy import Category, CookieRule, Policy, Service
    from .record import Ledger, Record
    from .wsgi import ConsentWSGI

__all__ = [
    "Category",
    "ConfigurationError",
    "ConsentASGI",
    "ConsentError",
    "ConsentWSGI",
    "CookieRule",
    "Decision",
    "Ledger",
    "Lifetime",
    "Mistake",
    "Policy",
    "PolicyError",
    "Record",
    "Request",
    "ResponseStarted",
    "Service",
    "UnknownCategory",
]

# Where each name lives. A name is imported when somebody asks for it: the pytest plug-in of this package is loaded in
# every run of pytest wherever the package is installed, and must not bring all of it along.
_HOMES = {
    "Category": "policy",
    "ConfigurationError": "errors",
    "ConsentASGI": "asgi",
    "ConsentError": "errors",
    "ConsentWSGI": "wsgi",
    "CookieRule": "policy",
    "Decision": "decision",
    "Ledger": "record",
    "Lifetime": "lifetime",
    "Mistake": "errors",
    "Policy": "policy",
    "PolicyError": "errors",
    "Record": "record",
    "Request": "http",
    "ResponseStarted": "errors",
    "Service": "policy",
    "UnknownCategory": "errors",
}


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
