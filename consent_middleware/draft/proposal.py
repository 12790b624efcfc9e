"""Sorts what the sources tell into what a policy file says: categories, services, cookies, and open questions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from .. import catalogue
from ..foreign import TOOLS
from ..lifetime import SESSION, Lifetime
from ..loader.agreement import NECESSARY_NAMES
from ..loader.forms import (
    fault_of_category,
    fault_of_cookie_name,
    fault_of_domain,
    fault_of_path,
    fault_of_script,
)
from ..own_cookies import OWN_NAMES
from ..policy import Policy, Service
from .facts import CookieFact, Facts, HostFact, shown_text
from .hints import Hints
from .vendors import vendor_of_cookie, vendor_of_host

_Entry = TypeVar("_Entry")

NECESSARY = "necessary"
_USUAL = (NECESSARY, "functional", "analytics", "marketing")
"""What a question can be answered with, whatever else was found."""

_ORDER = (NECESSARY, "functional", "analytics", "video", "social", "chat", "marketing", "security", "monitoring")
_MOST = 500
"""Entries of a kind: nobody reads more, and a server that makes up names has no end of them."""

_MOST_HOMES = 4
_CAP = Policy().cookie_lifetime
_UNITS = ((2 * 86400, 86400), (2 * 3600, 3600), (120, 60))
"""From how many seconds on a span is told in units of how many."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something with a name, and the sentences that tell how it is known."""

    name: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedCookie:
    """One entry of ``[[cookies]]``; a ``category`` of ``""`` is a question, ``hints`` are opinions about its answer.

    ``asked`` is the lifetime it asks for where that is more than the policy allows.
    """

    name: str
    category: str
    reason: str = ""
    lifetime: Lifetime | None = None
    asked: Lifetime | None = None
    domain: str = ""
    path: str = "/"
    evidence: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedService:
    """One entry of ``[[services]]``, for a host that is in no catalogue; who runs it, and what for, are questions."""

    id: str
    host: str
    category: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedCategory:
    """One table of ``[categories]``, with the services of the catalogue that were found."""

    name: str
    services: tuple[tuple[Service, tuple[str, ...]], ...] = ()
    holds_more: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.services or self.holds_more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A whole policy, as far as it is known.

    ``undeclarable`` are names that no rule can have, ``storage`` keys of web storage of which the catalogue does not
    know whose they are, ``tools`` the consent tools that were there before, as ``[policy] reads`` calls them.
    """

    site: str = ""
    contact: str = ""
    language: str = ""
    sources: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    categories: tuple[ProposedCategory, ...] = ()
    cookies: tuple[ProposedCookie, ...] = ()
    services: tuple[ProposedService, ...] = ()
    own_hosts: tuple[Found, ...] = ()
    undeclarable: tuple[Found, ...] = ()
    storage: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


def propose(facts: Sequence[Facts], hints: Hints | None = None) -> Proposal:
    """Sort what the sources tell, the first of them first. The same facts give the same proposal."""
    found = _Sorting(facts)
    remarks = [remark for each in facts for remark in each.remarks]
    cookies = _first(found.cookies(hints or Hints()), "cookies", remarks)
    services = _first(found.own_services(), "hosts", remarks)
    own_hosts = _first(_named(found.own_hosts), "hosts of the site's own", remarks)
    undeclarable = _first(_named(found.undeclarable), "names that cannot be declared", remarks)
    storage = _first(sorted({shown_text(key) for each in facts for key in each.storage}), "storage keys", remarks)
    said = {cookie.category for cookie in cookies} | {service.category for service in services}
    usual = _USUAL if "" in said else (NECESSARY,)
    return Proposal(
        site=next((each.site for each in facts if each.site), ""),
        contact=next((each.contact for each in facts if each.contact), ""),
        language=next((each.language for each in facts if each.language), ""),
        sources=tuple(each.source for each in facts),
        remarks=tuple(dict.fromkeys(remarks)),
        categories=tuple(found.categories(said - {""}, usual)),
        cookies=cookies,
        services=services,
        own_hosts=own_hosts,
        undeclarable=undeclarable,
        storage=storage,
        tools=tuple(sorted(found.tools)),
    )


class _Sorting:
    """Everything that was told, each thing with others of its kind."""

    def __init__(self, facts: Sequence[Facts]) -> None:
        self.own_hosts: dict[str, list[str]] = defaultdict(list)
        self.undeclarable: dict[str, list[str]] = defaultdict(list)
        self.tools: set[str] = set()
        self._cookies: dict[str, list[CookieFact]] = defaultdict(list)
        self._hosts: dict[str, list[HostFact]] = defaultdict(list)
        self._vendors: dict[str, list[str]] = defaultdict(list)
        self._standing: dict[str, str] = {}
        self._sites = {each.site.removeprefix("www.") for each in facts if each.site}
        for host in (host for each in facts for host in each.hosts):
            self._take_host(host)
        # What scripts write says whose they are; what the server sets does not, so it is looked at last.
        for cookie in sorted((cookie for each in facts for cookie in each.cookies), key=lambda each: each.is_of_server):
            self._take_cookie(cookie)

    def cookies(self, hints: Hints) -> Iterator[ProposedCookie]:
        """Yield what is to stand under ``[[cookies]]``: one entry for each place in which a cookie of a name lives."""
        for name, told in sorted(self._cookies.items()):
            category, reason = self._category_of(name, told)
            homes: dict[tuple[str, str], list[CookieFact]] = defaultdict(list)
            for fact in told:
                homes[_home(fact)].append(fact)
            for (domain, path), here in islice(sorted(homes.items()), _MOST_HOMES):
                asked = _longest(fact.lifetime for fact in here)
                is_kept = asked is None or not asked.exceeds(_CAP)
                yield ProposedCookie(
                    name=name,
                    category=category,
                    reason=reason,
                    lifetime=asked if is_kept else None,
                    asked=None if is_kept else asked,
                    domain=domain,
                    path=path,
                    evidence=tuple(dict.fromkeys(fact.evidence for fact in here)),
                    advice=tuple(dict.fromkeys(advice for fact in here for advice in fact.advice)),
                    hints=() if category else tuple(_hints(name, hints)),
                )

    def own_services(self) -> Iterator[ProposedService]:
        """Yield what is to stand under ``[[services]]``: hosts in no catalogue. A host covers its sub-domains."""
        kept: dict[str, list[HostFact]] = {}
        for host in sorted(self._hosts, key=lambda host: (host.count("."), host)):
            above = next((known for known in _above(host) if known in kept), host)
            kept.setdefault(above, []).extend(self._hosts[host])
        taken = set(catalogue.entries())
        for host, told in sorted(kept.items()):
            yield ProposedService(
                id=_free_id(host, taken),
                host=host,
                category=next(filter(None, (_stated(fact.category) for fact in told)), ""),
                evidence=tuple(dict.fromkeys(_told_of(fact, host) for fact in told)),
            )

    def categories(self, said: Iterable[str], usual: Iterable[str]) -> Iterator[ProposedCategory]:
        """Yield the categories in which anything is, and the usual ones, in an order that reads well."""
        within: dict[str, list[tuple[Service, tuple[str, ...]]]] = {name: [] for name in {*usual, *said}}
        for id, evidence in sorted(self._vendors.items()):
            service = catalogue.entries()[id].service
            name = self._standing.get(id, service.category)
            within.setdefault(name, []).append((service, tuple(dict.fromkeys(evidence))))
        for name in sorted(within, key=_rank):
            yield ProposedCategory(name=name, services=tuple(within[name]), holds_more=name in said)

    def _take_cookie(self, fact: CookieFact) -> None:
        if fact.name in OWN_NAMES:
            return
        vendor = None if fact.is_framework else vendor_of_cookie(fact.name)
        if vendor is not None and (not fact.is_of_server or vendor.id in self._vendors):
            self._take_vendor(vendor, f"Cookie {shown_text(fact.name)}: {fact.evidence}", fact.category)
        elif reason := _why_undeclarable(fact.name):
            self.undeclarable[shown_text(fact.name)].append(f"{fact.evidence} It cannot be declared: {reason}.")
        else:
            self._cookies[fact.name].append(fact)

    def _take_host(self, fact: HostFact) -> None:
        entry = catalogue.find(fact.service)
        vendor = vendor_of_host(fact.host) if entry is None else entry.service
        if vendor is not None:
            self._take_vendor(vendor, _told_of(fact, ""), fact.category)
        elif self._is_own(fact.host):
            if fact.host not in self._sites and fault_of_domain(fact.host) is None:
                self.own_hosts[fact.host].append(fact.evidence)
        elif fault := fault_of_script(fact.host):
            self.undeclarable[shown_text(fact.host)].append(f"{fact.evidence} It cannot be declared: {fault.reason}.")
        else:
            self._hosts[fact.host].append(fact)

    def _take_vendor(self, service: Service, evidence: str, category: str) -> None:
        self._vendors[service.id].append(evidence)
        if stated := _stated(category):
            self._standing.setdefault(service.id, stated)

    def _is_own(self, host: str) -> bool:
        return any(host == site or host.endswith(f".{site}") for site in self._sites)

    def _category_of(self, name: str, told: Iterable[CookieFact]) -> tuple[str, str]:
        """Return the category of a cookie, ``""`` for a question, and why it is that one."""
        told = [*told]
        if any(fact.is_framework for fact in told):
            return NECESSARY, ""
        if name in NECESSARY_NAMES:
            return NECESSARY, "Logins or forms depend on it, where a framework calls it that."
        for tool, known in TOOLS.items():
            if name == known.cookie or (known.cookie.endswith("*") and name.startswith(known.cookie[:-1])):
                self.tools.add(tool)
                return NECESSARY, f"It keeps what visitors chose with {tool}."
        return next(filter(None, (_stated(fact.category) for fact in told)), ""), ""


def _first(entries: Iterable[_Entry], what: str, remarks: list[str]) -> tuple[_Entry, ...]:
    """Return as many entries as a person may read, and remark on the others."""
    found = tuple(entries)
    if len(found) > _MOST:
        remarks.append(f"{len(found) - _MOST} more {what} than the {_MOST} that are here")
    return found[:_MOST]


def _hints(name: str, hints: Hints) -> Iterator[str]:
    if (vendor := vendor_of_cookie(name)) is not None:
        yield (
            f"{vendor.name} has a cookie of this name, and nothing else of it was seen. If it is that one, write "
            f'services = ["{vendor.id}"] under [categories.{vendor.category}], and drop this entry.'
        )
    if told := hints.about(name):
        yield f"The Open Cookie Database, whose names are those of many tools, says: {told}"


def _why_undeclarable(name: str) -> str:
    if not name:
        return "it has no name"
    if name == "?":
        return "a question mark stands for a question in a policy file"
    if "*" in name:
        return "an asterisk stands for anything in a policy file"
    fault = fault_of_cookie_name(name)
    return "" if fault is None else fault.reason


def _home(fact: CookieFact) -> tuple[str, str]:
    """Where a cookie lives, as a policy can say it; ``__Host-`` cookies live nowhere in particular."""
    if fact.name.lower().startswith("__host-"):
        return "", "/"
    domain = fact.domain.lower().removeprefix(".")
    return (
        domain if domain and fault_of_domain(domain) is None else "",
        fact.path if fault_of_path(fact.path) is None else "/",
    )


def _longest(spans: Iterable[Lifetime | None]) -> Lifetime | None:
    """Return the longest of some spans in a unit that reads well; None if nothing is known."""
    known = [span for span in spans if span is not None]
    if not known:
        return None
    lasting = [span for span in known if not span.is_session]
    return _plain(max(lasting, key=lambda span: span.shortest)) if lasting else SESSION


def _plain(span: Lifetime) -> Lifetime:
    """Return a span without the seconds that went by between making an Expires and sending it, rounded up."""
    unit = next((unit for least, unit in _UNITS if span.seconds >= least), 1)
    return Lifetime(months=span.months, seconds=-(-span.seconds // unit) * unit)


def _stated(category: str) -> str:
    return category if category and fault_of_category(category) is None else ""


def _told_of(fact: HostFact, here: str) -> str:
    return fact.evidence if fact.host in ("", here) else f"{shown_text(fact.host)}: {fact.evidence}"


def _above(host: str) -> Iterator[str]:
    while host:
        yield host
        host = host.partition(".")[2]


def _free_id(host: str, taken: set[str]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", host.removeprefix("www.")).strip("-") or "host"
    candidates = (plain if n == 1 else f"{plain}-{n}" for n in range(1, len(taken) + 2))
    id = next(candidate for candidate in candidates if candidate not in taken)
    taken.add(id)
    return id


def _named(found: dict[str, list[str]]) -> Iterator[Found]:
    return (Found(name, tuple(dict.fromkeys(told))) for name, told in sorted(found.items()))


def _rank(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)
