"""What is known about the services of others: a table of vendors, shipped as data.

The table is read once, when something first asks for it; a policy that names no service of the catalogue never does.
Its facts are suggestions to a site's author. The policy decides which category a service belongs to, and what the
site declares itself goes before what stands here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from .lifetime import Lifetime
from .policy import CookieRule, Service


@dataclass(frozen=True, slots=True)
class Entry:
    """A service in its usual category, and where each group of facts about it comes from."""

    service: Service
    sources: Mapping[str, str]


@cache
def entries() -> Mapping[str, Entry]:
    """Return the whole catalogue by id, in the order of ids."""
    text = files("consent_middleware").joinpath("data", "catalogue.toml").read_text(encoding="utf-8")
    found = [_entry(row) for row in tomllib.loads(text)["services"]]
    return MappingProxyType({entry.service.id: entry for entry in sorted(found, key=lambda entry: entry.service.id)})


def find(id: str) -> Entry | None:
    """Return the entry with exactly this id."""
    return entries().get(id)


def search(text: str) -> list[Entry]:
    """Return the entries in which the text occurs, in any case: id, name, provider, category, cookies or hosts."""
    wanted = text.casefold()
    return [entry for entry in entries().values() if any(wanted in word.casefold() for word in _words(entry.service))]


def _words(service: Service) -> list[str]:
    cookies = [cookie.name for cookie in service.cookies]
    return [service.id, service.name, service.provider, service.category, *cookies, *service.scripts]


def _entry(row: Mapping[str, Any]) -> Entry:
    service = Service(
        id=row["id"],
        name=row["name"],
        category=row["category"],
        provider=row["provider"],
        policy_url=row["policy_url"],
        cookies=tuple(_cookie(cookie, row) for cookie in row.get("cookies", ())),
        scripts=tuple(row.get("scripts", ())),
        inline=tuple(row.get("inline", ())),
        storage=tuple(row.get("storage", ())),
    )
    return Entry(service, MappingProxyType(row["source"]))


def _cookie(cookie: Mapping[str, Any], row: Mapping[str, Any]) -> CookieRule:
    """Return a rule; a cookie of which a domain is known lives there, in the vendor's jar and not in the site's."""
    lifetime = cookie.get("lifetime")
    return CookieRule(
        name=cookie["name"],
        category=row["category"],
        lifetime=None if lifetime is None else Lifetime.parse(lifetime),
        domain=cookie.get("domain"),
        purpose=cookie.get("purpose", {}),
        service=row["id"],
        third_party="domain" in cookie,
    )
