"""Which responses are pages: what their headers tell, and what of them still holds once a page may change.

Headers are decided before a byte of the body is known, so a page that could be changed loses what only holds for the
application's own bytes: its length, its digests, its claim to serve ranges, and its validators become those of the
variant that this visitor gets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from .http import Headers
from .variants import mark_tag

SHORT = 256 * 1024
"""Bytes of a page that may be gated in one go, so that it leaves with its length."""

_CHARSET = re.compile(r";[ \t]*+charset[ \t]*+=[ \t]*+\"?([^;\"\s]++)", re.IGNORECASE)
_CODINGS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_READABLE = frozenset({"gzip", "x-gzip", "deflate", "identity"})
# What describes the application's own bytes (RFC 9110, 8.6 and 14.3; RFC 9530; the retired Content-MD5 and Digest).
_OF_THE_BYTES = frozenset(
    {"content-length", "content-md5", "content-digest", "repr-digest", "digest", "accept-ranges", "last-modified"}
)


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


def of_the_variant(headers: Headers, variant: Callable[[], str]) -> Headers:
    """Return a page's headers with its entity tag naming the variant too, or without it where it is none.

    ``variant`` is asked only for a page with an entity tag, which those made for one visitor seldom have.
    """
    if not any(len(name) == 4 and name.lower() == "etag" for name, _ in headers):
        return headers
    mark = variant()
    marked = ((name, mark_tag(value, mark) if name.lower() == "etag" else value) for name, value in headers)
    return [(name, value) for name, value in marked if value is not None]


def of_unknown_bytes(headers: Headers) -> Headers:
    """Return a page's headers without what is only true of the bytes that the application sent."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_BYTES]


@lru_cache(64)
def readable_codings(accept_encoding: str) -> str:
    """Return Accept-Encoding without what we could not decode, so that a page comes in a form that can be gated."""
    parts = [part.strip(" \t") for part in accept_encoding.split(",")]
    kept = [part for part in parts if part.partition(";")[0].strip(" \t").lower() in _READABLE]
    return accept_encoding if len(kept) == len(parts) else ", ".join(kept) or "identity"
