"""What is known about the cookies, hosts and snippets that an audit meets: the policy's word, else the catalogue's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from .. import catalogue
from ..cookies import NameTable
from ..engine import Engine, Kind
from ..html import UNDECLARED, Finding, HTMLGate, Rules
from ..policy import Category, Policy, Service
from .findings import State

# What the catalogue itself calls needed for a site to work; everything else waits for consent.
_NECESSARY = ("necessary", "security")
_SERVICE = "service "
"""Stands before a service's id where the gate's rules have a category, so that no category can be taken for it."""

_PAGES_REMEMBERED = 256
_NOBODY = "nobody"
_NO_KEY = "an audit signs nothing with this"


@dataclass(frozen=True, slots=True)
class Trace:
    """Something of a third party, or of a category, that a page, a header or a browser showed.

    ``service`` is None for a host of nobody's and for what only the site's own markup declares. ``category`` is None
    for what the policy does not have.
    """

    element: str
    host: str
    service: Service | None
    category: Category | None

    @property
    def subject(self) -> str:
        """What a finding about it is about."""
        if self.service is not None:
            return self.service.id
        return self.host or (self.category.name if self.category else self.element)

    @property
    def is_inline(self) -> bool:
        return self.element == "script" and not self.host


class Knowledge:
    """Answers what a name, a host or a snippet is, and whether it may be there in a state.

    With a ``policy`` its word counts, and services of the catalogue that it does not name are known but have no
    category. Without one the catalogue is the policy. ``necessary`` are cookie names known to need no consent,
    ``own_hosts`` hosts that are no third parties.
    """

    def __init__(
        self, policy: Policy | None = None, *, necessary: Iterable[str] = (), own_hosts: Iterable[str] = ()
    ) -> None:
        self.has_policy = policy is not None
        self.policy = policy or _catalogue_as_policy()
        self._engine = Engine(self.policy, secret_keys=[_NO_KEY], necessary=necessary)
        self.own_hosts = (*self.policy.html.own_hosts, *own_hosts)
        self._named = frozenset(service.id for service in self.policy.services)
        self._services = {service.id: service for service in (*self.policy.services, *_strangers(self.policy))}
        self._rules = Rules(
            [(_SERVICE + id, service.scripts, service.inline) for id, service in self._services.items()],
            categories=(*self.policy.categories, *(_SERVICE + id for id in self._services)),
        )
        self._storage = NameTable(
            {key: service for service in self._services.values() for key in service.storage}
        ).lookup
        self.traces_in = lru_cache(_PAGES_REMEMBERED)(self._read_page)
        """Gives, for a page, its URL and its encoding, everything of others that is live in it, and the encoding that
        hides it, if one does."""

    # Cookies and storage

    def kind_of(self, name: str) -> Kind | None:
        """Return what a cookie name stands for, None for one that nobody declared."""
        return self._engine.kind_of(name)

    def owner_of_storage(self, key: str) -> Trace | None:
        """Return whose key of web storage this is."""
        service = self._storage(key)
        return None if service is None else Trace("storage", "", service, self._category_of(service))

    # Permission

    def permits(self, category: Category, state: State) -> bool:
        """Whether what belongs to a category may happen to a visitor in this state."""
        if category.required:
            return True
        if state is State.NONE:
            return category.exempt
        return state is State.ACCEPTED and not category.on_request

    # Pages, headers, requests

    def _read_page(self, page: bytes, url: str, encoding: str) -> tuple[tuple[Trace, ...], str | None]:
        found: list[Finding] = []
        gate = HTMLGate(
            self._rules,
            {*self._rules.categories, *self.policy.categories},
            page=url,
            encoding=encoding,
            third_party="report",
            own_hosts=self.own_hosts,
            on_finding=found.append,
            css=True,
        )
        gate.feed(page)
        gate.close()
        traces = (self._trace(finding.element, finding.category, finding.host) for finding in found)
        return tuple(traces), gate.bypassed

    def trace_of(self, url: str, page: str, element: str) -> Trace | None:
        """Return whose an address is that a page at ``page`` leads to, None for one that is nobody's business."""
        category = self._rules.category_of_url(url, page)
        return None if category is None else self._trace(element, category, "")

    def _trace(self, element: str, category: str, host: str) -> Trace:
        service = self._services.get(category.removeprefix(_SERVICE)) if category.startswith(_SERVICE) else None
        if service is not None:
            return Trace(element, host, service, self._category_of(service))
        known = None if category == UNDECLARED else self.policy.categories.get(category)
        return Trace(element, host, None, known)

    def _category_of(self, service: Service) -> Category | None:
        return self.policy.categories[service.category] if service.id in self._named else None


def _strangers(policy: Policy) -> list[Service]:
    """Return the services of the catalogue that the policy does not name, and that no page confuses with one it does.

    Google Tag Manager comes from the host of Google Analytics and speaks through the same variables: where one of the
    two is declared, its snippets must not be taken for the other.
    """
    named = {service.id for service in policy.services}
    taken = {tell for service in policy.services for tell in _tells(service)}
    others = (entry.service for id, entry in catalogue.entries().items() if id not in named)
    return [service for service in others if taken.isdisjoint(_tells(service))]


def _tells(service: Service) -> set[str]:
    return {script.partition("/")[0] for script in service.scripts} | set(service.inline)


def _catalogue_as_policy() -> Policy:
    """Every service of the catalogue in its usual category; every category but the necessary ones waits."""
    services = tuple(entry.service for entry in catalogue.entries().values())
    names = sorted({service.category for service in services})
    categories = {name: Category(name=name, required=name in _NECESSARY) for name in names}
    # Nobody visits under it, so nobody has to be told whom to ask.
    return Policy(
        controller=_NOBODY, contact=_NOBODY, categories=categories, services=services, undeclared_cookies="report"
    )
