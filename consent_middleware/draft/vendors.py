"""Whose a host or a cookie is, by the catalogue."""

from __future__ import annotations

from functools import cache

from .. import catalogue
from ..cookies import NameTable
from ..html import Rules
from ..policy import Service


def vendor_of_host(host: str) -> Service | None:
    """Return the service of the catalogue that loads from a host; the one with the nearest name if there are several.

    Hosts that several services share, apart in their paths, are nobody's here.
    """
    id = _hosts().category_of_url(f"https://{host}/")
    return None if id is None else catalogue.entries()[id].service


def vendor_of_cookie(name: str) -> Service | None:
    """Return the service of the catalogue that sets a cookie of this name in the jars of sites."""
    id = _cookies().lookup(name)
    return None if id is None else catalogue.entries()[id].service


@cache
def _hosts() -> Rules:
    entries = catalogue.entries().values()
    return Rules((entry.service.id, (s for s in entry.service.scripts if "/" not in s), ()) for entry in entries)


@cache
def _cookies() -> NameTable[str]:
    rules = (rule for entry in catalogue.entries().values() for rule in entry.service.cookies)
    return NameTable({rule.name: rule.service or "" for rule in rules if not rule.third_party})
