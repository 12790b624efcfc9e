"""Which responses are pages, and how the body of one passes through the HTML gate on its way out.

Headers are decided before a byte of the body is known, so a page that could be changed loses what only holds for the
application's own bytes: its length, its digests, its claim to serve ranges, and its validators become those of the
variant that this visitor gets.
"""

from __future__ import annotations

import hashlib
import logging
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import metadata
from typing import Literal, Protocol

from .fields import WATCHED, without_withheld
from .html import UNDECLARED, Embed, Finding, HTMLGate, Rules
from .html.urls import NOWHERE, Location, Payload, ascii_host, locate
from .http import Headers, Request
from .messages import language_for
from .placeholder import STYLE_NAME, Place, placeholder
from .policy import Policy
from .variants import is_marked, mark_tag, unmark_tags

logger = logging.getLogger("consent_middleware")

_CHARSET = re.compile(r";[ \t]*+charset[ \t]*+=[ \t]*+\"?([^;\"\s]++)", re.IGNORECASE)
_CODINGS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_READABLE = frozenset({"gzip", "x-gzip", "deflate", "identity"})
_PAGE_DESTINATIONS = frozenset({"document", "iframe", "frame", "embed", "object", "empty", "fencedframe"})
# What describes the application's own bytes (RFC 9110, 8.6 and 14.3; RFC 9530; the retired Content-MD5 and Digest).
_OF_THE_BYTES = frozenset(
    {"content-length", "content-md5", "content-digest", "repr-digest", "digest", "accept-ranges", "last-modified"}
)
_NAVIGATIONS = _PAGE_DESTINATIONS - {"empty"}
JUDGED = frozenset({"accept-encoding", "if-none-match", "if-modified-since"})
"""The request headers that speak about the bytes of a page."""

_WATCHED_LENGTHS = frozenset(map(len, WATCHED))
_CORRUPT = "is compressed in a way that cannot be read to its end; it ends where it breaks off"

SHORT = 256 * 1024
"""Bytes of a page that may be gated in one go, so that it leaves with its length."""

_GZIP = 16 + zlib.MAX_WBITS
_STEP = 64 * 1024
"""Bytes decompressed at a time: what expands a thousandfold must not do so in memory."""


@dataclass(frozen=True, slots=True)
class Page:
    """A response that a browser will read as HTML, as far as its headers tell.

    ``hindrance`` says why it cannot be gated, "" if it can; ``is_fixed``: nor could it be for any other visitor.
    ``is_short``: it declares a length that is no burden.
    """

    charset: str | None
    coding: str
    hindrance: str
    is_fixed: bool
    is_short: bool


class Report(Protocol):
    """Logs once what happened to something of a name."""

    def __call__(self, level: int, code: str, name: str, explanation: str) -> None: ...


class Markup:
    """The HTML gate of one site, built once. ``is_needed`` tells whether the policy gives it anything to do.

    ``withheld`` are, in every method, the categories that the visitor has not consented to.
    """

    def __init__(self, policy: Policy, prefix: str, report: Report) -> None:
        self._policy = policy
        self._prefix = prefix
        self._report = report
        self._enforces = policy.mode == "enforce"
        settings = policy.html
        services = [service for service in policy.services if service.scripts or service.inline]
        self.withholds_undeclared = settings.third_party_hosts == "withhold"
        """Whether hosts that nobody declared are UNDECLARED, a category that no visitor can grant."""
        self.is_needed = (
            any(service.category in policy.choosable for service in services)
            or settings.third_party_hosts != "allow"
            or settings.gate
        )
        entries = [(service.category, service.scripts, service.inline) for service in services]
        self._rules = Rules(entries, categories=policy.categories)
        self._edition = repr(
            (_version(), STYLE_NAME, prefix, settings, policy.fingerprint, _told(policy), sorted(entries))
        )
        self._own_hosts = tuple(ascii_host(host.removeprefix("*.")) for host in settings.own_hosts)
        self._variant = lru_cache(256)(self._name_variant)

    # The request

    def shown_field(
        self, request: Request, name: str, value: str, withheld: Callable[[], frozenset[str]]
    ) -> str | None:
        """Return a request header of JUDGED as the application may see it; None: not at all.

        What is withheld is asked for only where it matters: finding out may take a signature to verify.
        """
        if not self._enforces:
            return value
        match name:
            case "if-none-match":
                is_document = _asks_for_document(request)
                if not (is_document or is_marked(value)):
                    return value
                # What a browser kept from before there was a gate bears no mark, and must not come back to life.
                keeps_unmarked = not (is_document and withheld())
                return unmark_tags(value, self.variant(request, withheld()), keeps_unmarked=keeps_unmarked) or None
            case "if-modified-since":
                return None if self._knows_no_variants(request, withheld) else value
            case _:
                if not _may_become_page(request):
                    return value
                readable = readable_codings(value)
                return readable if readable != value and withheld() else value

    def _knows_no_variants(self, request: Request, withheld: Callable[[], frozenset[str]]) -> bool:
        """Whether the date of what a browser has must not decide: it is the same for every variant of a page."""
        if is_marked(request.header("if-none-match")):
            return True
        destination = request.header("sec-fetch-dest")
        return (_asks_for_document(request) or destination == "empty") and bool(withheld())

    def variant(self, request: Request, withheld: frozenset[str]) -> str:
        """Name the variant of a page that this visitor gets."""
        return self._variant(withheld, language_for(request.header("accept-language")) if withheld else "")

    # The response

    def headers(
        self, request: Request, status: int, headers: Headers, withheld: frozenset[str]
    ) -> tuple[Headers, Body | None, bool]:
        """Return the headers as they may leave, what its body goes through, and whether consent could change it."""
        headers, concerns = self._without_withheld(request, headers, withheld)
        page = page_of(status, headers)
        if page is None:
            return headers, None, concerns
        body = self._body(request, page, withheld) if withheld and status not in (204, 304) else None
        if page.is_fixed:
            return headers, None, concerns
        if self._enforces:
            headers = of_the_variant(headers, self.variant(request, withheld))
            headers = headers if body is None else of_unknown_bytes(headers)
        return headers, None if request.method == "HEAD" else body, True

    def not_modified(self, headers: Headers, variant: str) -> Headers:
        """Return the headers of a 304 to a request that named this variant of a page."""
        return of_the_variant(headers, variant) if self._enforces else headers

    def in_doubt(self, request: Request, headers: Headers) -> tuple[Headers, Body | None]:
        """Return what leaves of a response at which the gate itself failed, before its body."""
        is_page = any(name.lower() == "content-type" and "html" in value.lower() for name, value in headers)
        if not is_page or not self._enforces or self._policy.html.on_fault == "pass":
            return headers, None
        headers = [field for field in of_unknown_bytes(headers) if field[0].lower() != "content-encoding"]
        return headers, None if request.method == "HEAD" else Body.of_nothing()

    def hints(self, request: Request, links: Sequence[str], withheld: frozenset[str]) -> list[str]:
        """Return the Link values of an early hint (103) as they may leave."""
        fields, _ = self._without_withheld(request, [("link", link) for link in links], withheld)
        return [value for _, value in fields]

    def _without_withheld(self, request: Request, headers: Headers, withheld: frozenset[str]) -> tuple[Headers, bool]:
        """Return the headers without what they load of withheld categories, and whether consent could change them."""
        if not any(len(name) in _WATCHED_LENGTHS and name.lower() in WATCHED for name, _ in headers):
            return headers, False
        address = locate(_address(request))
        found: set[str] = set()

        def is_withheld(url: str) -> bool:
            category = self._category_of(url, address)
            found.add(category)
            return category in withheld

        kept: Headers = []
        for name, value in headers:
            key = name.lower()
            left = without_withheld(key, value, is_withheld) if key in WATCHED else value
            if left is not None:
                kept.append((name, left))
        concerns = not found.isdisjoint((*self._policy.choosable, UNDECLARED))
        return (kept if self._enforces else headers), concerns

    def _category_of(self, url: str, page: Location | Payload | None) -> str:
        """The category of what a header names; "" for what the policy says nothing about."""
        base = page if isinstance(page, Location) else NOWHERE
        place = locate(url, base)
        if not isinstance(place, Location):
            return ""
        category = self._rules.category_at(place)
        if category is None and self.withholds_undeclared and place.host and not self._is_own(place.host, base.host):
            return UNDECLARED
        return category or ""

    def _is_own(self, host: str, page_host: str) -> bool:
        own = (page_host.removeprefix("www."), *self._own_hosts)
        return any(host == name or host.endswith(f".{name}") for name in own if name)

    def _body(self, request: Request, page: Page, withheld: frozenset[str]) -> Body | None:
        if page.hindrance:
            self._report(logging.WARNING, "consent.H001", request.path, f"was not gated: {page.hindrance}")
            return None
        settings = self._policy.html
        gate = HTMLGate(
            self._rules,
            withheld - {UNDECLARED},
            page=_address(request),
            encoding=page.charset or "utf-8",
            charset_declared=page.charset is not None,
            third_party=settings.third_party_hosts,
            own_hosts=settings.own_hosts,
            on_finding=self._note if settings.third_party_hosts == "report" or not self._enforces else None,
            placeholder=partial(self._placeholder, request),
            lazy_attributes=settings.lazy_attributes,
            css=settings.css,
            speculation_rules=settings.speculation_rules,
        )
        if gate.bypassed:
            reason = f"was not gated: its encoding, {gate.bypassed}, hides markup from a gate that reads bytes"
            self._report(logging.ERROR, "consent.H002", request.path, reason)
            return None
        corrupt = partial(self._report, logging.WARNING, "consent.H005", request.path, _CORRUPT)
        return Body(gate, page, corrupt, on_fault=settings.on_fault, watches=not self._enforces)

    def _note(self, finding: Finding) -> None:
        if finding.category == UNDECLARED:
            told = "loads from a host that no service of the policy declares"
            self._report(logging.WARNING, "consent.H003", finding.host, told)
        elif finding.withheld:
            told = f"holds something of {finding.category!r}, which waits for consent"
            self._report(logging.INFO, "consent.H004", finding.host or "inline script", told)

    def _placeholder(self, request: Request, embed: Embed) -> bytes:
        try:
            return self._stand_in(request, embed)
        except Exception:
            logger.exception("consent.fault: a placeholder could not be made; the embed is withheld without one")
            return b""

    def _stand_in(self, request: Request, embed: Embed) -> bytes:
        category = self._policy.categories.get(embed.category)
        if category is None or category.required:  # an undeclared host: there is nothing to consent to
            return b""
        here = f"{request.root}{self._prefix}"
        place = Place(
            language=language_for(request.header("accept-language")),
            choice_url=f"{here}/choice",
            settings_url=f"{here}/settings",
            style_url=f"{here}/{STYLE_NAME}",
            next_path=next_path(request),
            fingerprint=self._policy.fingerprint,
        )
        return placeholder(place, category, host=embed.host, title=embed.title, width=embed.width, height=embed.height)

    def _name_variant(self, withheld: frozenset[str], language: str) -> str:
        return hashlib.sha256(f"{sorted(withheld)}{language}{self._edition}".encode()).hexdigest()[:8]


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


def page_of(status: int, headers: Headers) -> Page | None:
    """Return what there is to know about a response that is HTML, None for any other."""
    content_type = coding = length = ""
    no_transform = False
    for name, value in headers:
        match name.lower():
            case "content-type":
                content_type = f"{content_type},{value}"
            case "content-encoding":
                coding = f"{coding},{value}".strip(", \t").lower()
            case "content-length":
                length = value.strip(" \t")
            case "cache-control":
                no_transform = no_transform or "no-transform" in value.lower()
            case _:
                pass
    media_type, charset = _media_type(content_type)
    if media_type not in ("text/html", "application/xhtml+xml"):
        return None
    fixed = {
        "it is a part of a document (206)": status == 206,
        "it is XML, in which our markup would be a syntax error": media_type != "text/html",
        "it says no-transform": no_transform,
    }
    hindrance = next((reason for reason, is_so in fixed.items() if is_so), "")
    is_fixed = bool(hindrance)
    if coding not in _CODINGS and not is_fixed:
        hindrance = f"its Content-Encoding {coding!r} cannot be read"
    is_short = length.isascii() and length.isdigit() and len(length) < 7 and int(length) <= SHORT
    return Page(charset, _CODINGS.get(coding, coding), hindrance, is_fixed, is_short)


def _media_type(content_type: str) -> tuple[str, str | None]:
    """Read Content-Type as browsers do: of several values the last that is a type counts (Fetch, extract a MIME type).

    What stands behind a comma could also be a parameter's; read as a type it has no slash.
    """
    for value in reversed(content_type.split(",")):
        media_type = value.partition(";")[0].strip(" \t").lower()
        if "/" in media_type and media_type != "*/*":
            charset = _CHARSET.search(value)
            return media_type, charset[1] if charset else None
    return "", None


def of_the_variant(headers: Headers, variant: str) -> Headers:
    """Return a page's headers with its entity tag naming the variant too, or without it where it is none."""
    marked = ((name, mark_tag(value, variant) if name.lower() == "etag" else value) for name, value in headers)
    return [(name, value) for name, value in marked if value is not None]


def of_unknown_bytes(headers: Headers) -> Headers:
    """Return a page's headers without what is only true of the bytes that the application sent."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_BYTES]


def _may_become_page(request: Request) -> bool:
    """Whether a request could be answered by a page; one that does not say what it is for could."""
    destination = request.header("sec-fetch-dest")
    return destination is None or destination in _PAGE_DESTINATIONS


def _asks_for_document(request: Request) -> bool:
    """Whether a browser is about to show what it gets. Old ones, and all over plain http, tell by Accept only."""
    destination = request.header("sec-fetch-dest")
    if destination is None:
        return "text/html" in (request.header("accept") or "").lower()
    return destination in _NAVIGATIONS


def readable_codings(accept_encoding: str) -> str:
    """Return Accept-Encoding without what we could not decode, so that a page comes in a form that can be gated."""
    parts = [part.strip(" \t") for part in accept_encoding.split(",")]
    kept = [part for part in parts if part.partition(";")[0].strip(" \t").lower() in _READABLE]
    return accept_encoding if len(kept) == len(parts) else ", ".join(kept) or "identity"


class Body:
    """One page's bytes on their way out: decoded if need be, gated, encoded again.

    ``feed`` and ``finish`` never raise. A fault is logged once; then, with ``on_fault`` "pass", what was read goes out
    and the rest follows as it comes, and with "withhold" nothing more goes out. ``watches``: every byte passes and is
    only looked at, for report mode. ``on_corrupt`` is called when a compressed body cannot be decoded to its end; it
    goes out as far as it could be.
    """

    def __init__(
        self,
        gate: HTMLGate | None,
        page: Page,
        on_corrupt: Callable[[], None],
        *,
        on_fault: Literal["pass", "withhold"] = "pass",
        watches: bool = False,
    ) -> None:
        self._gate = gate
        self._coding = _Coding(page.coding, on_corrupt) if page.coding else None
        self.is_short = page.is_short
        """Whether the whole body is best read before anything leaves: its length can then be told."""
        self.watches = watches
        """Whether what goes out is what came in, so that its length and all else hold."""
        self._on_fault = on_fault

    @classmethod
    def of_nothing(cls) -> Body:
        """A body of which no byte goes out."""
        return cls(None, Page(None, "", "", is_fixed=False, is_short=True), lambda: None, on_fault="withhold")

    def whole(self, chunks: Iterable[bytes]) -> bytes:
        """Take in all of a body at once and return all that goes out."""
        return b"".join([*map(self.feed, chunks), self.finish()])

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes that the application sent; return those that may go out now."""
        chunk = bytes(chunk)  # some frameworks send views of memory
        output = self._gated(chunk) if self._coding is None else self._recoded(self._coding, chunk)
        return chunk if self.watches else output

    def finish(self) -> bytes:
        """Take the end; return what is left to go out."""
        rest = self._end()
        if self.watches:
            return b""
        return rest if self._coding is None else self._coding.encoded(rest) + self._coding.end()

    def _recoded(self, coding: _Coding, chunk: bytes) -> bytes:
        if self.watches:
            for plain in coding.decoded(chunk):
                self._gated(plain)
            return b""
        # One piece after the other, so that never more than one of them is there in full.
        output = b"".join([coding.encoded(self._gated(plain)) for plain in coding.decoded(chunk)])
        return output + coding.flushed()

    def _gated(self, plain: bytes) -> bytes:
        if self._gate is None:
            return plain if self._on_fault == "pass" else b""
        return self._tried(self._gate, self._gate.feed, plain)

    def _end(self) -> bytes:
        return b"" if self._gate is None else self._tried(self._gate, self._gate.close)

    def _tried(self, gate: HTMLGate, step: Callable[..., bytes], *args: bytes) -> bytes:
        try:
            return step(*args)
        except Exception:
            logger.exception("consent.fault: a page could not be gated to its end (on_fault = %r)", self._on_fault)
            self._gate = None
            return gate.release() if self._on_fault == "pass" else b""


class _Coding:
    """A compressed body, opened and closed again around the gate."""

    def __init__(self, name: str, on_corrupt: Callable[[], None]) -> None:
        self._name = name
        self._on_corrupt = on_corrupt
        self._first: bytes | None = b""
        """What came before it could be told which decoder there has to be; None as soon as there is one."""
        self._wbits = _GZIP
        self._decoder = zlib.decompressobj()
        self._encoder = zlib.compressobj()
        self._is_over = False
        self._owes_flush = False

    def decoded(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk holds, in pieces of limited size; nothing more from where it cannot be read."""
        if self._first is not None:
            chunk = self._first + chunk
            if len(chunk) < 2:
                self._first = chunk
                return
            self._first = None
            self._wbits = _wbits(self._name, chunk)
            self._decoder = zlib.decompressobj(self._wbits)
            self._encoder = zlib.compressobj(wbits=self._wbits)
        try:
            yield from self._inflated(chunk)
        except zlib.error:
            self._is_over = True
            self._on_corrupt()

    def _inflated(self, chunk: bytes) -> Iterator[bytes]:
        while chunk and not self._is_over:
            if self._decoder.eof:
                # gzip allows several members in a row (RFC 1952, 2.2); browsers ignore whatever else follows.
                if self._wbits != _GZIP or chunk[:1] != b"\x1f":
                    self._is_over = True
                    return
                self._decoder = zlib.decompressobj(self._wbits)
            plain = self._decoder.decompress(chunk, _STEP)
            yield plain
            chunk = self._decoder.unconsumed_tail or self._decoder.unused_data
            # All of it read does not mean all of it written: zlib keeps what was one piece too much.
            while len(plain) == _STEP and not chunk and not self._decoder.eof:
                plain = self._decoder.decompress(b"", _STEP)
                yield plain

    def encoded(self, plain: bytes) -> bytes:
        """Return what of these bytes may go out at once."""
        self._owes_flush = self._owes_flush or bool(plain)
        return self._encoder.compress(plain) if plain else b""

    def flushed(self) -> bytes:
        """Return the rest of it: a page that streams must not wait for its compressor."""
        owed, self._owes_flush = self._owes_flush, False
        return self._encoder.flush(zlib.Z_SYNC_FLUSH) if owed else b""

    def end(self) -> bytes:
        """Return the end of the compressed body; of one too short to be one, what came of it."""
        return self._encoder.flush() if self._first is None else self._first


def _wbits(coding: str, first: bytes) -> int:
    """What zlib wants to know of a coding: "deflate" is zlib (RFC 9110, 8.4.1.2), and bare deflate in some hands."""
    if coding == "gzip":
        return _GZIP
    is_zlib = first[0] & 0x8F == 8 and int.from_bytes(first[:2]) % 31 == 0  # RFC 1950, 2.2
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
