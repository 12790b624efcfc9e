"""The HTML gate of a site: what of a page's headers and body belongs to whom, for one visitor."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from functools import lru_cache, partial
from importlib import metadata
from types import MappingProxyType
from typing import Protocol

from .assets import Asset, asset
from .bodies import Body
from .csp import nonce_of, takes_inline
from .decision import Standing
from .documents import Page, of_the_variant, of_unknown_bytes, page_of, readable_codings
from .fields import WATCHED, without_withheld
from .html import UNDECLARED, Embed, Finding, HTMLGate, Rules, ThirdParty
from .html.urls import NOWHERE, Location, Payload, ascii_host, locate
from .http import Headers, Request
from .insertions import NOTHING, Insertion, Insertions, View
from .messages import language_for, language_of
from .placeholder import Place, placeholder
from .policy import Policy
from .reports import Action, Reporter, printable, route_of
from .variants import is_marked, unmark_tags

logger = logging.getLogger("consent_middleware")

JUDGED = frozenset({"accept-encoding", "if-none-match", "if-modified-since"})
"""The request headers that speak about the bytes of a page."""

WORKERS = frozenset({"worker", "sharedworker", "serviceworker"})
"""What a request is for, in Sec-Fetch-Dest, when its answer runs apart from the page, under headers of its own."""

_NAVIGATIONS = frozenset({"document", "iframe", "frame", "embed", "object", "fencedframe"})
_WATCHED_LENGTHS = frozenset(map(len, WATCHED))
_CORRUPT = "is compressed in a way that cannot be read to its end; it ends where it breaks off"


class Shown(Enum):
    """What becomes of what is asked for, as far as a request tells."""

    AS_DOCUMENT = auto()
    """A browser shows it, by itself."""
    IN_FRAME = auto()
    """A browser shows it inside another page."""
    PERHAPS = auto()
    """The request does not say; a whole document is probably shown."""
    AS_PART = auto()
    """A script takes it, or something else that is no page."""


class Watch(Protocol):
    """Takes in that an element of a page, or a header, loads from a host."""

    def __call__(self, host: str, category: str | None, element: str, route: str) -> None: ...


class Markup:
    """The HTML gate of one site, built once. ``is_needed`` tells whether the policy gives it anything to do.

    ``standing`` is, in every method, how the visitor stands; a callable where finding out is often not needed, as it
    may take a signature to verify. ``cookies`` are the categories of all that is declared or known, by name.
    ``token`` returns what marks one page. ``watch`` is told of every third party in pages; there is one only on a
    machine for development.
    """

    def __init__(
        self,
        policy: Policy,
        prefix: str,
        reporter: Reporter,
        cookies: Mapping[str, str] = MappingProxyType({}),
        token: Callable[[], str] = str,
        watch: Watch | None = None,
    ) -> None:
        self._policy = policy
        self._token = token
        self._prefix = prefix
        self._reporter = reporter
        self._watch = watch
        self._enforces = policy.mode == "enforce"
        settings = policy.html
        services = [service for service in policy.page_services if service.scripts or service.inline]
        # Hosts that nobody declared are then UNDECLARED, a category that no visitor can grant.
        self._withholds_undeclared = settings.third_party_hosts == "withhold"
        self._insertions = Insertions(policy, prefix, cookies)
        self.is_needed = (
            self._insertions.is_needed
            or any(service.category in policy.choosable for service in services)
            or settings.third_party_hosts != "allow"
            or settings.gate
            or settings.csp != "off"
            or bool(settings.browsing_topics)
            or (watch is not None and not self._enforces)
        )
        self._changes_pages = self._withholds_undeclared or self._insertions.is_needed or bool(policy.choosable)
        self._embed_style = asset("embed.css")
        self.assets: tuple[Asset, ...] = (self._embed_style, *self._insertions.assets)
        """The files that our markup refers to."""
        entries = [(service.category, service.scripts, service.inline) for service in services]
        self._rules = Rules(entries, categories=policy.categories)
        self._edition = repr(
            (
                _version(),
                self._embed_style.name,
                prefix,
                settings,
                policy.fingerprint,
                _told(policy),
                sorted(entries),
                self._insertions.edition,
            )
        )
        self._shares = settings.cache == "shared" and self._enforces
        self._own_hosts = tuple(ascii_host(host.removeprefix("*.")) for host in settings.own_hosts)
        self._variant = lru_cache(256)(self._name_variant)

    # The request

    def shown_field(self, request: Request, name: str, value: str, standing: Callable[[], Standing]) -> str | None:
        """Return a request header of JUDGED as the application may see it; None: not at all."""
        if not self._enforces:
            return value
        match name:
            case "if-none-match":
                has_variants = self._has_variants(request)
                if not (has_variants or is_marked(value)):
                    return value
                # What a browser kept from before there was a gate bears no mark, and must not come back to life.
                keeps_unmarked = not (has_variants and self.may_change(request, standing()))
                return unmark_tags(value, self.variant(request, standing()), keeps_unmarked=keeps_unmarked) or None
            case "if-modified-since":
                return None if self._knows_no_variants(request, standing) else value
            case _:
                readable = readable_codings(value)
                return readable if readable != value and self._wants_readable(request, standing) else value

    def may_change(self, request: Request, standing: Standing) -> bool:
        """Whether a page in answer to this request could be another one for this visitor than the application's."""
        return bool(self.withheld(standing)) or self._inserted(request, standing) is not None

    def withheld(self, standing: Standing) -> frozenset[str]:
        """Return the categories of which a page is to hold nothing for this visitor."""
        undeclared = self._withholds_undeclared and standing.applies
        return standing.withheld | {UNDECLARED} if undeclared else standing.withheld

    def _inserted(self, request: Request, standing: Standing) -> Shown | None:
        """Return how a page is shown that something is put into; None if nothing is."""
        if not (self._insertions.is_needed and standing.applies):
            return None
        shown = self._shown_as(request)
        if shown is Shown.IN_FRAME and not (standing.withheld or self._insertions.tells_services):
            return None
        return None if shown is Shown.AS_PART else shown

    def asks(self, request: Request, standing: Standing) -> bool:
        """Whether a page that answers this request asks its visitor."""
        asks = standing.needs_asking and self._policy.banner.show
        if not asks or self._inserted(request, standing) is None:
            return False
        return _shown_as(request) in (Shown.AS_DOCUMENT, Shown.PERHAPS)

    def _wants_readable(self, request: Request, standing: Callable[[], Standing]) -> bool:
        """Whether what answers this request has to come in a coding that we can read.

        What a script asks for is most often data. It is taken for a page that this visitor may not get as it is:
        finding out takes longer than all else that is done for data.
        """
        match request.header("sec-fetch-dest"):
            case "empty":
                return self._changes_pages
            case None:
                is_document = _asks_for_document(request)
            case destination:
                if destination not in _NAVIGATIONS:
                    return False
                is_document = True
        return self.may_change(request, standing()) if is_document else self._changes_pages

    def _knows_no_variants(self, request: Request, standing: Callable[[], Standing]) -> bool:
        """Whether the date of what a browser has must not decide: it is the same for every variant of a page."""
        if is_marked(request.header("if-none-match")):
            return True
        destination = request.header("sec-fetch-dest")
        return (self._has_variants(request) or destination == "empty") and self.may_change(request, standing())

    def _has_variants(self, request: Request) -> bool:
        """Whether what is asked for is certain to come in variants, if it is what browsers take it for."""
        walls_workers = self._policy.html.csp != "off"
        return _asks_for_document(request) or (walls_workers and request.header("sec-fetch-dest") in WORKERS)

    def variant(self, request: Request, standing: Standing) -> str:
        """Name the variant of a page that this visitor gets."""
        withheld = self.withheld(standing)
        shown = self._inserted(request, standing)
        # What a page says of its own language, the application's validator of that page stands for already.
        language = self._language(request, []) if withheld or shown else ""
        return self._variant(standing if shown else None, withheld, shown, language)

    # The response

    def headers(
        self, request: Request, status: int, headers: Headers, standing: Callable[[], Standing]
    ) -> tuple[Headers, Body | None, bool]:
        """Return the headers as they may leave, what its body goes through, and whether consent could change it."""
        headers, concerns = self._without_withheld(request, headers, standing)
        page = page_of(status, headers)
        if page is None:
            return headers, None, concerns
        stands = standing()
        concerns_body = self.may_change(request, stands) or (self._watch is not None and not self._enforces)
        has_body = status not in (204, 304) and concerns_body
        body = self._body(request, page, headers, stands) if has_body else None
        if page.is_fixed:
            return headers, None, concerns
        if self._enforces:
            headers = of_the_variant(headers, partial(self.variant, request, stands))
            headers = headers if body is None else of_unknown_bytes(headers)
        return headers, None if request.method == "HEAD" else body, True

    def not_modified(self, headers: Headers, variant: Callable[[], str]) -> Headers:
        """Return the headers of a 304 to a request that named this variant of a page."""
        return of_the_variant(headers, variant) if self._enforces else headers

    def in_doubt(self, request: Request, headers: Headers) -> tuple[Headers, Body | None]:
        """Return what leaves of a response at which the gate itself failed, before its body."""
        is_page = any(name.lower() == "content-type" and "html" in value.lower() for name, value in headers)
        if not is_page or not self._enforces or self._policy.html.on_fault == "pass":
            return headers, None
        headers = [field for field in of_unknown_bytes(headers) if field[0].lower() != "content-encoding"]
        return headers, None if request.method == "HEAD" else Body.of_nothing()

    def note_unseen(self, request: Request) -> None:
        """Tell that a page left as a file, which nobody could look at on its way."""
        self._report(logging.WARNING, "consent.H001", request, "was not looked at: the server sends it as a file")

    def hints(self, request: Request, links: Sequence[str], standing: Standing) -> list[str]:
        """Return the Link values of an early hint (103) as they may leave."""
        fields, _ = self._without_withheld(request, [("link", link) for link in links], lambda: standing)
        return [value for _, value in fields]

    def _without_withheld(
        self, request: Request, headers: Headers, standing: Callable[[], Standing]
    ) -> tuple[Headers, bool]:
        """Return the headers without what they load of withheld categories, and whether consent could change them."""
        if not any(len(name) in _WATCHED_LENGTHS and name.lower() in WATCHED for name, _ in headers):
            return headers, False
        address = locate(_address(request))
        withheld = self.withheld(standing())
        found: set[str] = set()

        def is_withheld(url: str) -> bool:
            category, host = self._category_of(url, address)
            found.add(category)
            if host:
                told = category or UNDECLARED
                self._note(request, Finding(f"{key} header", told, host, withheld=told in withheld))
            return category in withheld

        kept: Headers = []
        key = ""
        for name, value in headers:
            key = name.lower()
            left = without_withheld(key, value, is_withheld) if key in WATCHED else value
            if left is not None:
                kept.append((name, left))
        concerns = not found.isdisjoint((*self._policy.choosable, UNDECLARED))
        return (kept if self._enforces else headers), concerns

    def _category_of(self, url: str, page: Location | Payload | None) -> tuple[str, str]:
        """The category of what a header names, "" for what the policy says nothing about; and its host, if not own."""
        base = page if isinstance(page, Location) else NOWHERE
        place = locate(url, base)
        if not isinstance(place, Location):
            return "", ""
        category = self._rules.category_at(place)
        if category is not None:
            return category, place.host
        if not place.host or self._is_own(place.host, base.host):
            return "", ""
        return UNDECLARED if self._withholds_undeclared else "", place.host

    def _is_own(self, host: str, page_host: str) -> bool:
        own = (page_host.removeprefix("www."), *self._own_hosts)
        return any(host == name or host.endswith(f".{name}") for name in own if name)

    def _language(self, request: Request, headers: Headers, document: str = "") -> str:
        """Return the language of what we say in a page: one of the site's, the page's own or else the visitor's.

        ``document`` is what the page says of itself, below what its headers say.
        """
        declared = next((value for name, value in headers if name.lower() == "content-language"), "")
        offered, default = self._policy.languages, self._policy.default_language
        for own in filter(None, (declared, document)):
            if (language := language_of(own.strip())) in offered:
                return language
        if self._shares:
            return default
        return language_for(request.header("accept-language"), offered, default)

    def _shown_as(self, request: Request) -> Shown:
        # What a shared cache keeps may be asked for by anybody next, to show it or not.
        return Shown.PERHAPS if self._shares else _shown_as(request)

    def _insertion(
        self, request: Request, headers: Headers, standing: Standing, shown: Shown | None, once: str
    ) -> Insertion:
        if shown is None:
            return NOTHING
        try:
            view = View(
                standing,
                request.root,
                is_framed=shown is Shown.IN_FRAME,
                takes_inline=takes_inline(headers),
                scheme=request.scheme,
            )
            return self._insertions.into(view, nonce=nonce_of(headers), next_path=next_path(request), once=once)
        except Exception:
            logger.exception("consent.fault: nothing could be put into a page; it is served without")
            return NOTHING

    def _mark(self, standing: Standing) -> str:
        """Return what marks one page, "" where no mark is needed: who has chosen before is known by the receipt.

        One mark on a page for everybody would make one visitor of all who choose on it; there, scripts make theirs.
        """
        is_known = standing.source in ("visitor", "application")
        return "" if self._shares or is_known else self._token()

    def _body_end(self, insertion: Insertion, language_of: Callable[[str], str], document: str) -> bytes:
        try:
            return insertion.body_end(language_of(document))
        except Exception:
            logger.exception("consent.fault: nothing could be put at the end of a page; it is served without")
            return b""

    def _body(self, request: Request, page: Page, headers: Headers, standing: Standing) -> Body | None:
        if page.hindrance:
            self._report(logging.WARNING, "consent.H001", request, f"was not gated: {page.hindrance}")
            return None
        settings = self._policy.html
        # While we enforce, no page is read for the sake of a report alone, nor told of to nobody.
        is_read = (
            not self._enforces
            or settings.third_party_hosts == "report"
            or (bool(self.withheld(standing)) and self._reporter.hears(self._level(settings.third_party_hosts)))
        )
        language = partial(self._language, request, headers)
        shown = self._inserted(request, standing)
        once = self._mark(standing)
        insertion = self._insertion(request, headers, standing, shown, once)
        gate = HTMLGate(
            self._rules,
            standing.withheld,
            inject_head=insertion.head,
            inject_body_end=partial(self._body_end, insertion, language) if insertion.has_body_end else b"",
            into_documents_only=shown is Shown.PERHAPS,
            page=_address(request),
            encoding=page.charset or "utf-8",
            charset_declared=page.charset is not None,
            third_party=self._third_party(),
            own_hosts=settings.own_hosts,
            on_finding=partial(self._note, request) if is_read else None,
            placeholder=partial(self._placeholder, request, language, nonce_of(headers), once),
            lazy_attributes=settings.lazy_attributes,
            css=settings.css,
            speculation_rules=settings.speculation_rules,
        )
        if gate.bypassed:
            reason = f"was not gated: its encoding, {gate.bypassed}, hides markup from a gate that reads bytes"
            self._report(logging.ERROR, "consent.H002", request, reason)
            return None
        corrupt = partial(self._report, logging.WARNING, "consent.H005", request, _CORRUPT)
        return Body(gate, page, corrupt, on_fault=settings.on_fault, watches=not self._enforces)

    def _third_party(self) -> ThirdParty:
        """What becomes of undeclared hosts in a page; whoever watches is told of them, which changes nothing else."""
        setting = self._policy.html.third_party_hosts
        return "report" if setting == "allow" and self._watch is not None else setting

    def _report(self, level: int, code: str, request: Request, explanation: str) -> None:
        route = route_of(request.root, request.path)
        self._reporter.report(level, code, route, explanation, what="page", action="pass", route=route)

    def _level(self, third_party: ThirdParty = "allow") -> int:
        """How loudly it is told what a page holds: daily work in a low voice, what somebody has to mend aloud."""
        return logging.DEBUG if self._enforces and third_party == "allow" else logging.WARNING

    def _note(self, request: Request, finding: Finding) -> None:
        """Tell of something in a page. Nothing that goes wrong here may keep the page from being gated."""
        try:
            self._tell(finding, route_of(request.root, request.path))
        except Exception:
            logger.exception("consent.fault: what a page loads could not be reported")

    def _tell(self, finding: Finding, route: str) -> None:
        element, host, withheld = finding.element, finding.host, finding.withheld
        category = printable(finding.category)
        is_declared = category != UNDECLARED
        if self._watch is not None and host:
            self._watch(host, category if is_declared else None, element, route)
        if not withheld and (is_declared or self._policy.html.third_party_hosts == "allow"):
            return
        code = "consent.H004" if is_declared else "consent.H003"
        name = host or f"<{element}> of {category}"
        action: Action = "withhold" if withheld else "pass"
        if self._reporter.is_news(code, name, action):
            self._reporter.report(
                self._level() if is_declared else logging.WARNING,
                code,
                name,
                f"waits for consent to {category!r}" if is_declared else "is declared by no service of the policy",
                what="host" if host else "markup",
                action=action,
                category=category if is_declared else None,
                route=route,
            )

    def _placeholder(
        self, request: Request, language_of: Callable[[str], str], nonce: str, once: str, embed: Embed, document: str
    ) -> bytes:
        try:
            return self._stand_in(request, language_of(document), nonce, once, embed)
        except Exception:
            logger.exception("consent.fault: a placeholder could not be made; the embed is withheld without one")
            return b""

    def _stand_in(self, request: Request, language: str, nonce: str, once: str, embed: Embed) -> bytes:
        category = self._policy.categories.get(embed.category)
        if category is None or category.required:  # an undeclared host: there is nothing to consent to
            return b""
        here = f"{request.root}{self._prefix}"
        place = Place(
            language=language,
            words=self._policy.words(language),
            choice_url=f"{here}/choice?language={language}",
            settings_url=f"{here}/settings?language={language}",
            style_url=f"{here}{self._embed_style.path}",
            next_path=next_path(request),
            fingerprint=self._policy.fingerprint,
            default_language=self._policy.default_language,
            nonce=nonce,
            once=once,
        )
        return placeholder(place, category, host=embed.host, title=embed.title, width=embed.width, height=embed.height)

    def _name_variant(
        self, standing: Standing | None, withheld: frozenset[str], shown: Shown | None, language: str
    ) -> str:
        told = standing and standing._replace(withheld=frozenset())
        return hashlib.sha256(f"{told}{shown}{sorted(withheld)}{language}{self._edition}".encode()).hexdigest()[:8]


def _version() -> str:
    """Another version may make something else of the same page."""
    try:
        return metadata.version("consent-middleware")
    except metadata.PackageNotFoundError:  # run from its source
        return ""


def _told(policy: Policy) -> list[tuple[str, list[tuple[str, str]]]]:
    """What placeholders say of the policy, in an order of its own."""
    return [(name, sorted(category.label.items())) for name, category in sorted(policy.categories.items())]


def next_path(request: Request) -> str:
    """Return where a choice made in a page leads back to."""
    if request.method != "GET":
        return f"{request.root}/"
    # Browsers send backslashes of a query as they are; a path to go to has none (endpoints.local_path).
    return request.target.replace("\\", "%5C")


def _address(request: Request) -> str:
    return f"{request.scheme}://{request.host}{request.target.partition('?')[0]}"


def _asks_for_document(request: Request) -> bool:
    """Whether a browser is about to show what it gets. Old ones, and all over plain http, tell by Accept only."""
    destination = request.header("sec-fetch-dest")
    if destination is None:
        return "text/html" in (request.header("accept") or "").lower()
    return destination in _NAVIGATIONS


def _shown_as(request: Request) -> Shown:
    destination = request.header("sec-fetch-dest")
    if destination is not None:
        if destination == "document":
            return Shown.AS_DOCUMENT
        return Shown.IN_FRAME if destination in _NAVIGATIONS else Shown.AS_PART
    # Old browsers, and all of them over plain http, leave it to the libraries to say that a script is asking.
    if request.header("x-requested-with") or request.header("hx-request"):
        return Shown.AS_PART
    return Shown.AS_DOCUMENT if _asks_for_document(request) else Shown.PERHAPS
