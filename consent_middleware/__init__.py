"""The server-side gate that makes a cookie policy true on the wire, for WSGI and ASGI.

One policy says which cookies belong to which category and how long anything may live. Wrapped around an application,
``ConsentWSGI`` and ``ConsentASGI`` keep it: no Set-Cookie of a category without consent leaves, no such cookie is
shown to the application, nothing lives longer than promised, and a withdrawal takes effect at once.
"""

from __future__ import annotations

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
