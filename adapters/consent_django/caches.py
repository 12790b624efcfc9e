"""Django's own cache stands further in than the gate, so it stores a response before the gate can call it private.

Both the middleware and ``cache_page`` store a response only if ``request._cache_update_cache`` says so, which they set
themselves before the view runs. There is no other word that reaches both of them from a view or a template.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any, cast

from django.http import HttpRequest

from consent_middleware import Decision


def keep_out_of_caches(request: HttpRequest, decision: Decision) -> None:
    """See to it that Django's cache does not store the response to a request during which ``decision`` is asked."""
    decision.on_consult = partial(_make_uncacheable, request)
    if decision.consulted:
        _make_uncacheable(request)


class _Uncacheable:
    """Says no to the cache, whatever is assigned later: a middleware may have asked before the cache's own turn."""

    @property
    def _cache_update_cache(self) -> bool:
        return False

    @_cache_update_cache.setter
    def _cache_update_cache(self, value: bool) -> None:
        """Stay with no."""


def _make_uncacheable(request: HttpRequest) -> None:
    # Only a class can hold on to an attribute. This one adds nothing else, and isinstance() holds as before.
    if not isinstance(request, _Uncacheable):
        kind: Any = type(request)
        cast("Any", request).__class__ = _uncacheable(kind)


@cache
def _uncacheable(kind: type[HttpRequest]) -> type[HttpRequest]:
    return type(kind.__name__, (_Uncacheable, kind), {"__module__": kind.__module__, "__doc__": kind.__doc__})
