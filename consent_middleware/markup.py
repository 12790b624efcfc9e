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
from typing import Literal, Protocol

from .fields import WATCHED, without_withheld
from .html import UNDECLARED, Embed, Finding, HTMLGate, Rules
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
JUDGED = frozenset({"accept-encoding", "if-none-match", "if-modified-since"})
"""The request headers that speak about the bytes of a page."""

SHORT = 256 * 1024
"""Bytes of a page that may be gated in one go, so that it leaves with its length."""

_STEP = 64 * 1024
"""Bytes decompressed at a time: what expands a thousandfold must not do so in memory."""


@dataclass(frozen=True, slots=True)
class Page:
    """A response that a browser will read as HTML, as far as its headers tell.

    ``hindrance`` says why it cannot be gated, "" if it can. ``is_short``: it declares a length that is no burden.
    """

    charset: str | None
    coding: str
    hindrance: str
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
        entries = [(s.category, s.scripts, s.inline) for s in policy.services if s.scripts or s.inline]
        self.is_needed = bool(entries) or settings.third_party_hosts != "allow" or settings.gate
        self._rules = Rules(entries, categories=policy.categories)
        self._fingerprint = repr((sorted((c, sorted(s), sorted(i)) for c, s, i in entries), settings))
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
                return (unmark_tags(value, self._variant(withheld())) or None) if is_marked(value) else value
            case "if-modified-since":
                # A browser that has a page of ours goes by its tag alone; a date knows nothing of variants.
                return None if is_marked(request.header("if-none-match")) else value
            case _:
                if not _may_become_page(request.header("sec-fetch-dest")):
                    return value
                readable = readable_codings(value)
                return readable if readable != value and withheld() else value

    # The response

    def headers(
        self, request: Request, status: int, headers: Headers, withheld: frozenset[str]
    ) -> tuple[Headers, Body | None, bool]:
        """Return the headers as they may leave, what its body goes through, and whether consent could change it."""
        if withheld and self._enforces:
            headers = self._without_withheld(request, headers, withheld)
        page = page_of(status, headers)
        if page is None:
            return headers, None, False
        if self._enforces:
            headers = of_the_variant(headers, self._variant(withheld))
        if not withheld or status in (204, 304):
            return headers, None, True
        body = self._body(request, page, withheld)
        if body is not None and self._enforces:
            headers = of_unknown_bytes(headers)
        return headers, None if request.method == "HEAD" else body, True

    def not_modified(self, headers: Headers, withheld: frozenset[str]) -> Headers:
        """Return the headers of a 304 to a request that named this variant of a page."""
        return of_the_variant(headers, self._variant(withheld)) if self._enforces else headers

    def hints(self, request: Request, links: Sequence[str], withheld: frozenset[str]) -> list[str]:
        """Return the Link values of an early hint (103) as they may leave."""
        fields = self._without_withheld(request, [("link", link) for link in links], withheld)
        return [value for _, value in fields] if self._enforces else list(links)

    def _without_withheld(self, request: Request, headers: Headers, withheld: frozenset[str]) -> Headers:
        kept: Headers = []
        for name, value in headers:
            key = name.lower()
            left = without_withheld(key, value, self._is_withheld(request, withheld)) if key in WATCHED else value
            if left is not None:
                kept.append((name, left))
        return kept

    def _is_withheld(self, request: Request, withheld: frozenset[str]) -> Callable[[str], bool]:
        address = _address(request)
        return lambda url: self._rules.category_of_url(url, address) in withheld

    def _body(self, request: Request, page: Page, withheld: frozenset[str]) -> Body | None:
        if page.hindrance:
            self._report(logging.WARNING, "consent.H001", request.path, f"was not gated: {page.hindrance}")
            return None
        settings = self._policy.html
        gate = HTMLGate(
            self._rules,
            withheld,
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
        return Body(gate, page, on_fault=settings.on_fault, watches=not self._enforces)

    def _note(self, finding: Finding) -> None:
        if finding.category == UNDECLARED:
            told = "loads from a host that no service of the policy declares"
            self._report(logging.WARNING, "consent.H003", finding.host, told)
        elif finding.withheld:
            told = f"holds something of {finding.category!r}, which waits for consent"
            self._report(logging.INFO, "consent.H004", finding.host or "inline script", told)

    def _placeholder(self, request: Request, embed: Embed) -> bytes:
        category = self._policy.categories.get(embed.category)
        if category is None or category.required:  # an undeclared host: there is nothing to consent to
            return b""
        here = f"{request.root}{self._prefix}"
        place = Place(
            language=language_for(request.header("accept-language")),
            choice_url=f"{here}/choice",
            style_url=f"{here}/{STYLE_NAME}",
            next_path=request.target if request.method == "GET" else f"{request.root}/",
            fingerprint=self._policy.fingerprint,
        )
        return placeholder(place, category, host=embed.host, title=embed.title, width=embed.width, height=embed.height)

    def _name_variant(self, withheld: frozenset[str]) -> str:
        return hashlib.sha256(f"{sorted(withheld)}{self._fingerprint}".encode()).hexdigest()[:8]


def _address(request: Request) -> str:
    return f"{request.scheme}://{request.host}{request.target.partition('?')[0]}"


def page_of(status: int, headers: Headers) -> Page | None:
    """Return what there is to know about a response that is HTML, None for any other."""
    content_type = coding = length = ""
    no_transform = False
    for name, value in headers:
        match name.lower():
            case "content-type":
                content_type = value
            case "content-encoding":
                coding = f"{coding},{value}".strip(", \t").lower()
            case "content-length":
                length = value.strip(" \t")
            case "cache-control":
                no_transform = no_transform or "no-transform" in value.lower()
            case _:
                pass
    media_type = content_type.partition(";")[0].strip(" \t").lower()
    if media_type not in ("text/html", "application/xhtml+xml"):
        return None
    charset = _CHARSET.search(content_type)
    hindrances = {
        "it is a part of a document (206)": status == 206,
        "it is XML, in which our markup would be a syntax error": media_type != "text/html",
        "it says no-transform": no_transform,
        f"its Content-Encoding {coding!r} cannot be read": coding not in _CODINGS,
    }
    hindrance = next((reason for reason, is_so in hindrances.items() if is_so), "")
    is_short = length.isascii() and length.isdigit() and len(length) < 7 and int(length) <= SHORT
    return Page(charset[1] if charset else None, _CODINGS.get(coding, coding), hindrance, is_short)


def of_the_variant(headers: Headers, variant: str) -> Headers:
    """Return a page's headers with its entity tag naming the variant too."""
    return [(name, mark_tag(value, variant)) if name.lower() == "etag" else (name, value) for name, value in headers]


def of_unknown_bytes(headers: Headers) -> Headers:
    """Return a page's headers without what is only true of the bytes that the application sent."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_BYTES]


def _may_become_page(destination: str | None) -> bool:
    """Whether a request with this Sec-Fetch-Dest could be answered by a document; without one it could."""
    return destination is None or destination in _PAGE_DESTINATIONS


def readable_codings(accept_encoding: str) -> str:
    """Return Accept-Encoding without what we could not decode, so that a page comes in a form that can be gated."""
    parts = [part.strip(" \t") for part in accept_encoding.split(",")]
    kept = [part for part in parts if part.partition(";")[0].strip(" \t").lower() in _READABLE]
    return accept_encoding if len(kept) == len(parts) else ", ".join(kept) or "identity"


class Body:
    """One page's bytes on their way out: decoded if need be, gated, encoded again.

    ``feed`` and ``finish`` never raise. A fault is logged once; then, with ``on_fault`` "pass", what was read goes out
    and the rest follows as it comes, and with "withhold" nothing more goes out. ``watches`` lets every byte pass and
    only looks, for report mode.
    """

    def __init__(
        self, gate: HTMLGate, page: Page, *, on_fault: Literal["pass", "withhold"] = "pass", watches: bool = False
    ) -> None:
        self._gate = gate
        self._coding = _Coding(page.coding) if page.coding else None
        self.is_short = page.is_short
        """Whether the whole body is best read before anything leaves: its length can then be told."""
        self._on_fault = on_fault
        self._watches = watches
        self._has_failed = False

    def whole(self, chunks: Iterable[bytes]) -> bytes:
        """Take in all of a body at once and return all that goes out."""
        return b"".join([*map(self.feed, chunks), self.finish()])

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes that the application sent; return those that may go out now."""
        if self._watches:
            self._gated(chunk, last=False)
            return chunk
        return self._gated(chunk, last=False)

    def finish(self) -> bytes:
        """Take the end; return what is left to go out."""
        rest = self._gated(b"", last=True)
        return b"" if self._watches else rest

    def _gated(self, chunk: bytes, *, last: bool) -> bytes:
        if self._has_failed:
            return self._after_fault(chunk, last=last)
        try:
            if self._coding is None:
                return self._gate.feed(chunk) + (self._gate.close() if last else b"")
            return self._coding.recoded(chunk, self._gate, last=last)
        except Exception:
            logger.exception("consent.fault: a page could not be gated to its end (on_fault = %r)", self._on_fault)
            self._has_failed = True
            return self._released(last=last)

    def _released(self, *, last: bool) -> bytes:
        held = self._gate.release()
        if self._on_fault == "withhold":
            held = b""
        return held if self._coding is None else self._coding.encoded(held, last=last)

    def _after_fault(self, chunk: bytes, *, last: bool) -> bytes:
        if self._on_fault == "withhold":
            chunk = b""
        if self._coding is None:
            return chunk
        return self._coding.passed(chunk, last=last)


class _Coding:
    """A compressed body, opened and closed again around the gate."""

    def __init__(self, coding: str) -> None:
        self._wbits = 31 if coding == "gzip" else 15
        self._decoder = zlib.decompressobj(self._wbits)
        self._encoder = zlib.compressobj(wbits=self._wbits)
        self._is_first = True
        self._is_broken = False

    def recoded(self, chunk: bytes, gate: HTMLGate, *, last: bool) -> bytes:
        pieces = [gate.feed(piece) for piece in self._decoded(chunk)]
        if last:
            pieces.append(gate.close())
        return self.encoded(b"".join(pieces), last=last)

    def passed(self, chunk: bytes, *, last: bool) -> bytes:
        """The same without the gate, for after a fault of it. Bytes that cannot be decoded end the body."""
        try:
            plain = b"" if self._is_broken else b"".join(self._decoded(chunk))
        except zlib.error:
            self._is_broken = True
            plain = b""
        return self.encoded(plain, last=last)

    def encoded(self, plain: bytes, *, last: bool) -> bytes:
        output = self._encoder.compress(plain) if plain else b""
        if last:
            return output + self._encoder.flush()
        # Flushed at once, because a page that streams must not wait for its compressor.
        return output + self._encoder.flush(zlib.Z_SYNC_FLUSH) if plain else output

    def _decoded(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self._decoder.eof:  # gzip allows several members one after the other (RFC 1952, 2.2)
                self._decoder = zlib.decompressobj(self._wbits)
            try:
                yield self._decoder.decompress(chunk, _STEP)
            except zlib.error:
                # "deflate" is zlib by RFC 9110, 8.4.1.2, and bare deflate in the hands of some.
                if not self._is_first or self._wbits != 15:
                    self._is_broken = True
                    raise
                self._wbits = -15
                self._decoder = zlib.decompressobj(self._wbits)
                self._encoder = zlib.compressobj(wbits=self._wbits)
                self._is_first = False
                continue
            self._is_first = False
            chunk = self._decoder.unconsumed_tail or self._decoder.unused_data
