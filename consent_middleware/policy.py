"""What a site promises its visitors, as frozen data. Reading it from a file is the loader's work."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from os import PathLike
from types import MappingProxyType
from typing import Any, Literal

from . import languages
from .lifetime import Lifetime

Texts = Mapping[str, str]
"""One text in several languages, lower-case language tag to text. The tag "" holds it for every other language."""


SameSite = Literal["none", "lax", "strict"]
"""From the weakest to the strongest; to ask for "none" is to ask for nothing."""

SecureFloor = Literal["leave", "https", "always"]
"""Which cookies are to be Secure: none that is not, those of responses over https, or all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieRule:
    """One declared cookie: whose it is, and how long it may live.

    ``name`` is exact, or a prefix when it ends in ``*``. ``lifetime`` None means that only the policy's
    ``cookie_lifetime`` bounds it. ``domain`` and ``path`` say where it lives, beside the host itself and ``/``, so
    that withdrawal can reach it. ``service`` is the id of the service it came with.

    ``same_site``, ``secure`` and ``http_only`` are a floor of its own, each in the place of what the policy's floor
    says in general; None leaves it to that.

    ``third_party`` marks a cookie in the vendor's own jar (``IDE`` of doubleclick.net): it is shown in the table of
    cookies and never decides about a cookie of this site, however alike the names.
    """

    name: str
    category: str
    lifetime: Lifetime | None = None
    domain: str | None = None
    path: str = "/"
    partitioned: bool = False
    purpose: Texts = field(default_factory=dict[str, str])
    service: str | None = None
    third_party: bool = False
    same_site: SameSite | None = None
    secure: SecureFloor | None = None
    http_only: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCookie:
    """A cookie of a framework that is necessary without being declared, and what visitors are told about it.

    ``purpose`` completes the key of a message: "session", "login", "security", "notice" or "language". ``lifetime`` is
    the longest that the framework gives it, None when nobody knows; ``or_session``: it may end with the browser too.
    Neither is enforced beyond the policy's ``cookie_lifetime``.
    """

    name: str
    purpose: str = ""
    lifetime: Lifetime | None = None
    or_session: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A third party, or a tool of the site's own, that sets cookies or loads scripts in one category.

    ``scripts`` are hosts or host/path prefixes (``stats.example.org/``), ``inline`` literal markers of inline
    snippets (``ownstats(``), ``storage`` keys of localStorage and sessionStorage (exact, or a trailing ``*``).
    """

    id: str
    name: str
    category: str
    provider: str = ""
    policy_url: str = ""
    cookies: tuple[CookieRule, ...] = ()
    scripts: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()

    def in_category(self, category: str) -> Service:
        """Return the same service as a part of ``category``, its cookies too."""
        cookies = tuple(replace(cookie, category=category) for cookie in self.cookies)
        return replace(self, category=category, cookies=cookies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A purpose that visitors choose about as one.

    ``required``: strictly necessary, always allowed, never asked. ``exempt``: audience measurement exempt from
    consent, allowed until the visitor objects. ``on_request``: not part of "accept all", granted when the visitor
    asks for it. ``gpc``: ``Sec-GPC: 1`` counts as a refusal. ``first_deposit``: the lives of a required category's
    cookies count from their first deposit too, as those of all others do.
    """

    name: str
    required: bool = False
    exempt: bool = False
    on_request: bool = False
    gpc: bool = False
    first_deposit: bool = False
    label: Texts = field(default_factory=dict[str, str])
    description: Texts = field(default_factory=dict[str, str])

    @property
    def is_asked(self) -> bool:
        """Whether the visitor has to be asked before anything of this category happens."""
        return not (self.required or self.exempt or self.on_request)

    @property
    def counts_from_first(self) -> bool:
        """Whether lifetimes count from the first deposit of a cookie, and not from each renewal."""
        return self.first_deposit or not self.required


@dataclass(frozen=True, slots=True, kw_only=True)
class HTMLSettings:
    """How far the gate goes in pages.

    ``gate`` turns it on where no service names a script, for the sake of ``data-consent`` in the site's own markup.
    ``third_party_hosts`` is what happens to hosts that nobody declared, apart from ``own_hosts``. ``on_fault`` says
    whether a page that cannot be gated to its end goes on ungated or ends there. The others cost time and are off:
    the attributes of lazy loaders, addresses in style sheets within the page, speculation rules.

    ``csp`` sends a second Content-Security-Policy with pages, so that the browser itself stops what scripts load.
    ``browsing_topics`` names the categories without which browsers are told to keep their topics to themselves; None
    stands for those that Global Privacy Control refuses, an empty tuple leaves the header alone. ``consent_mode`` says
    whether Google's tags are withheld until consent ("basic"), or load at once and are told ("advanced"); "off" tells
    no service anything. ``cache`` says whether a page is made for its visitor ("vary"), or is the same for everybody
    and comes to life in the browser ("shared"), so that it may stay in shared caches.
    """

    gate: bool = False
    third_party_hosts: Literal["allow", "report", "withhold"] = "allow"
    own_hosts: tuple[str, ...] = ()
    on_fault: Literal["pass", "withhold"] = "pass"
    lazy_attributes: bool = False
    css: bool = False
    speculation_rules: bool = False
    csp: Literal["off", "report", "enforce"] = "off"
    browsing_topics: tuple[str, ...] | None = None
    consent_mode: Literal["basic", "advanced", "off"] = "basic"
    cache: Literal["vary", "shared"] = "vary"


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorSettings:
    """The least protection with which a cookie leaves, whatever the application says; by default it is left alone.

    ``same_site`` is for every cookie. ``secure`` "https" is for those of responses over https; "always" for all, on
    sites that TLS protects before the server knows of it: over plain http browsers then refuse them. ``http_only``
    names cookies, exactly or with a trailing ``*``, that no script has to read.
    """

    same_site: SameSite = "none"
    secure: SecureFloor = "leave"
    http_only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Another consent tool, whose cookie is read for visitors who have not chosen with us.

    ``tool`` is one of ``foreign.TOOLS``, ``cookie`` the name of its cookie. ``names`` tells for categories of ours
    which of the tool's names stand for it: each group of them alone, if all in it have a yes.
    """

    tool: str
    cookie: str
    names: Mapping[str, tuple[tuple[str, ...], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BannerSettings:
    """How visitors are asked.

    ``show`` False: the site asks in its own way, and nothing of ours is put into its pages. ``position`` is where the
    banner stands, ``link`` the corner from which the settings can be reached at any time; "off" where the site has a
    link of its own. ``count`` lets the ledger count, by day, how often the banner was shown.
    """

    show: bool = True
    position: Literal["bottom", "bottom-left", "bottom-right"] = "bottom"
    link: Literal["bottom-left", "bottom-right", "top-left", "top-right", "off"] = "bottom-left"
    count: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """Who is told, beside the log, what the policy does or in report mode would do.

    ``header`` puts it into ``Consent-Report`` on every response, for debugging. ``metrics`` counts it for OpenTelemetry
    or Prometheus; "auto" for what is installed.
    """

    header: bool = False
    metrics: Literal["auto", "opentelemetry", "prometheus", "off"] = "auto"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One site's whole policy, checked.

    Make one with ``Policy.load``, ``Policy.from_dict`` or ``Policy()``, the default that needs no file: six months
    for a choice, thirteen for a cookie, the categories necessary, functional, analytics and marketing, and no
    undeclared cookie. ``session_cookies`` "count" lets the lives of cookies without a lifetime count from their first
    deposit as well, because browsers that restore sessions keep them for as long. ``cookies`` are the site's own
    declarations, ``services`` those of every category.

    ``date`` is the day from which the policy holds; in a file a version that is a day says it too. ``languages`` are
    those in which visitors are addressed, the default one to who understands none of them; ``texts`` has the site's
    own words in place of built-in messages, by language and key. ``policy_url`` is where the site tells its policy
    itself, by language.

    ``dnt`` reads Do Not Track like Global Privacy Control, ``gpc_json`` tells at ``/.well-known/gpc.json`` that the
    site abides by the latter. ``reads`` are other consent tools whose word counts where there is none of ours.
    """

    version: str = ""
    date: date | None = None
    revision: int = 1
    controller: str = ""
    contact: str = ""
    consent_lifetime: Lifetime = Lifetime(months=6)
    cookie_lifetime: Lifetime = Lifetime(months=13)
    undeclared_cookies: Literal["withhold", "allow", "report"] = "withhold"
    session_cookies: Literal["leave", "count"] = "leave"
    cookie_domain: str | None = None
    dnt: bool = False
    gpc_json: bool = False
    reads: tuple[Reading, ...] = ()
    mode: Literal["enforce", "report"] = "enforce"
    languages: tuple[str, ...] = languages.TAGS
    default_language: str = "en"
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    policy_url: Texts = field(default_factory=dict[str, str])
    html: HTMLSettings = HTMLSettings()
    banner: BannerSettings = BannerSettings()
    reports: ReportSettings = ReportSettings()
    floor: FloorSettings = FloorSettings()
    categories: Mapping[str, Category] = field(default_factory=lambda: DEFAULT_CATEGORIES)
    cookies: tuple[CookieRule, ...] = ()
    services: tuple[Service, ...] = ()
    consent_signals: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @classmethod
    def load(cls, source: str | PathLike[str] | Mapping[str, Any]) -> Policy:
        """Read a TOML policy file, or the same tables as a mapping.

        Raises PolicyError with every mistake in it, OSError if the file cannot be read.
        """
        from .loader import load

        return load(source)

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any]) -> Policy:
        """Read a policy from the same tables as a mapping. Raises PolicyError with every mistake in it."""
        from .loader import from_dict

        return from_dict(tables)

    @cached_property
    def choosable(self) -> tuple[str, ...]:
        """The categories a visitor can decide about, in the order of their names, which is also the seal's order."""
        return tuple(sorted(name for name, category in self.categories.items() if not category.required))

    @cached_property
    def heeding(self) -> tuple[str, ...]:
        """The categories that the browser's signal refuses."""
        return tuple(name for name, category in self.categories.items() if category.gpc)

    @cached_property
    def rules(self) -> tuple[CookieRule, ...]:
        """Every rule that decides about a cookie of this site; the site's own come after those of its services."""
        of_services = (rule for service in self.services for rule in service.cookies if not rule.third_party)
        return (*of_services, *self.cookies)

    def words(self, language: str) -> Mapping[str, str]:
        """Return the messages of a built-in language, the site's own in place of ours. Raises KeyError for others."""
        return self._own_words.get(language) or languages.language(language).messages

    @cached_property
    def _own_words(self) -> Mapping[str, Mapping[str, str]]:
        return {tag: {**languages.language(tag).messages, **own} for tag, own in self.texts.items()}

    @cached_property
    def page_services(self) -> tuple[Service, ...]:
        """Every service in the category for which its scripts and embeds wait in pages.

        That is its own, except for Google's tags in the advanced consent mode, which load without being asked about.
        """
        required = next((category.name for category in self.categories.values() if category.required), None)
        if self.html.consent_mode != "advanced" or required is None:
            return self.services
        return tuple(
            service.in_category(required) if service.id in CONSENT_MODE_SERVICES else service
            for service in self.services
        )

    @cached_property
    def fingerprint(self) -> str:
        """Twelve URL-safe characters over what a visitor consents to.

        It changes with the categories and their standing, the services in them, their providers and ``revision``.
        It does not change with wording, labels, the order of the file or the version shown to visitors, so a
        corrected spelling asks nobody again; a new meaning in old words wants a new ``revision``.
        """
        consented = {
            "revision": self.revision,
            "categories": sorted([c.name, c.required, c.exempt, c.on_request] for c in self.categories.values()),
            "services": sorted([s.category, s.id, s.provider] for s in self.services),
        }
        digest = hashlib.sha256(json.dumps(consented, sort_keys=True).encode()).digest()
        return base64.urlsafe_b64encode(digest[:9]).decode()


CONSENT_MODE_SERVICES = frozenset({"google-analytics", "google-ads", "google-tag-manager", "google-marketing-platform"})
"""The services, by their ids in the catalogue, that Google's Consent Mode speaks to."""

CONSENT_SIGNALS = (
    "ad_storage",
    "ad_user_data",
    "ad_personalization",
    "analytics_storage",
    "functionality_storage",
    "personalization_storage",
    "security_storage",
)
"""What Google's Consent Mode (version 2) asks about."""

DEFAULT_CATEGORIES: Mapping[str, Category] = MappingProxyType(
    {
        "necessary": Category(name="necessary", required=True),
        "functional": Category(name="functional"),
        "analytics": Category(name="analytics"),
        "marketing": Category(name="marketing", gpc=True),
    }
)
