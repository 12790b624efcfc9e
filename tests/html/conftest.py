"""An independent judge: lexbor parses what left the gate, and every element that would load or run is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from consent_middleware.html import HTMLGate, Rules

PAGE = "https://www.example.org/shop/index.html"
HOSTS = ("tracker.example", "ads.example")
MARKERS = ("track(", "_trk.push")
RULES = Rules(
    [
        ("analytics", ["tracker.example/", "cdn.example/lib/t.js?id=G-", "matomo.js"], MARKERS),
        ("marketing", ["*.ads.example/pixel", "ads.example", "video.example/embed/"], ["fbq("]),
        ("necessary", ["cdn.example/"], []),
    ]
)
WITHHELD = frozenset({"analytics", "marketing"})

_RUNS = re.compile(
    r"(?:text|application)/(?:x-)?(?:java|ecma)script|text/(?:j|live)script|text/javascript1\.[0-5]|module"
)
_LOADS = {
    "script": ("src",),
    "iframe": ("src",),
    "frame": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "body": ("background",),
    "a": ("ping",),
    "area": ("ping",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
    "feimage": ("href", "xlink:href"),
}
_LINKS = {"stylesheet", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "prerender", "icon"}


def _is_tracker(url: str, base: str) -> bool:
    url = re.sub(r"[\t\n\r]", "", url.strip("".join(map(chr, range(33))))).replace("\\", "/")
    url = re.sub(r"^(https?):/*", r"\1://", url, flags=re.IGNORECASE)
    url = re.sub(r"^//+", "//", url)
    try:
        host = urlsplit(urljoin(base, url)).netloc.rpartition("@")[2].partition(":")[0]
        host = unquote(host).encode("idna").decode().lower().removesuffix(".") if host else ""
    except (ValueError, UnicodeError):
        return False
    return any(host == known or host.endswith("." + known) for known in HOSTS)


def _urls(attribute: str, value: str) -> list[str]:
    if attribute == "srcset":
        return [url for url in re.split(r"[\s,]+", value) if url]
    return value.split() if attribute == "ping" else [value] if value.strip() else []


def _runs(attributes: dict[str, str | None]) -> bool:
    if "type" not in attributes:
        language = attributes.get("language") or ""
        return not language or bool(_RUNS.fullmatch("text/" + language.lower()))
    kind = attributes["type"] or ""
    return not kind or bool(_RUNS.fullmatch(kind.strip().lower()))


def _elements(document: str) -> Iterator[Any]:
    from selectolax.lexbor import LexborHTMLParser

    root = LexborHTMLParser(document).root
    if root is not None:
        yield from root.traverse(include_text=False)


_ISLANDS = {"svg", "math"}
_POINTS = {"foreignobject", "desc", "title", "annotation-xml", "mi", "mo", "mn", "ms", "mtext"}


def _is_foreign(node: Any) -> bool:
    """Whether an element stands directly in an island: what loads in HTML loads nothing there, and the other way."""
    parent = node.parent
    while parent is not None and (parent.tag or "").lower() not in _POINTS:
        if parent.tag in _ISLANDS:
            return True
        parent = parent.parent
    return False


def _template_insides(node: Any) -> str:
    return re.sub(r"^<template[^>]*>|</template>$", "", node.html or "")


def count_effective(document: bytes | str, base: str = PAGE) -> int:
    """How many trackers in a document would be asked for, or run, by a browser with or without scripts."""
    text = document if isinstance(document, str) else document.decode("utf-8", "replace")
    found = 0
    has_base = False
    for node in _elements(text):
        name = (node.tag or "").lower()
        attributes = {key.lower(): value for key, value in node.attributes.items()}
        if name == "base" and attributes.get("href") and not has_base:
            base, has_base = urljoin(base, attributes["href"] or ""), True
        found += _count_element(name, attributes, node, base)
    return found


def _count_element(name: str, attributes: dict[str, str | None], node: Any, base: str) -> int:
    if name == "template":
        return count_effective(_template_insides(node), base)
    if name == "script":
        if not _runs(attributes):
            return 0
        sources = [key for key in (("href", "xlink:href") if _is_foreign(node) else ("src",)) if key in attributes]
        inline = "" if sources else node.text(deep=True)
        return int(
            any(_is_tracker(attributes[key] or "", base) for key in sources) or any(each in inline for each in MARKERS)
        )
    if _is_foreign(node) is not (name in ("image", "use", "feimage")):
        return 0
    if name == "meta":
        kind, content = (attributes.get("http-equiv") or "").lower(), attributes.get("content") or ""
        target = content.partition("=")[2].strip(" '\"")
        return int(kind == "set-cookie" or (kind == "refresh" and _is_tracker(target, base)))
    if name == "link":
        if not _LINKS.intersection((attributes.get("rel") or "").lower().split()):
            return 0
        urls = [attributes.get("href") or "", *(attributes.get("imagesrcset") or "").split()]
        return int(any(_is_tracker(url, base) for url in urls if url))
    if name == "input" and (attributes.get("type") or "").lower() == "image":
        return int(_is_tracker(attributes.get("src") or "", base))
    found = sum(
        any(_is_tracker(url, base) for url in _urls(attribute, attributes.get(attribute) or ""))
        for attribute in _LOADS.get(name, ())
    )
    if name == "iframe" and attributes.get("srcdoc"):
        found += count_effective(attributes["srcdoc"] or "", base)
    return found


def gate(page: bytes, *cuts: int, rules: Rules = RULES, withheld: frozenset[str] = WITHHELD, **options: Any) -> bytes:
    """Run a page through a gate, cut at the given places."""
    options.setdefault("page", PAGE)
    machine = HTMLGate(rules, withheld, **options)
    places = [0, *sorted(cuts), len(page)]
    pieces = [machine.feed(page[start:end]) for start, end in pairwise(places)]
    return b"".join([*pieces, machine.close()])


def byte_by_byte(page: bytes, **options: Any) -> bytes:
    return gate(page, *range(1, len(page)), **options)


_INSERTED = re.compile(
    rb" hidden data-consent-hidden |(?: type=text/plain)? data-consent-category=[^\s<>]* "
    rb"|data-consent-(?!category|hidden)"
)


def strip_insertions(gated: bytes) -> bytes:
    return _INSERTED.sub(b"", gated)


@pytest.fixture(name="gate")
def _gate() -> Callable[..., bytes]:
    return gate


@pytest.fixture(name="byte_by_byte")
def _byte_by_byte() -> Callable[..., bytes]:
    return byte_by_byte


@pytest.fixture(name="count_effective")
def _count_effective() -> Callable[..., int]:
    return count_effective


@pytest.fixture(name="strip_insertions")
def _strip_insertions() -> Callable[[bytes], bytes]:
    return strip_insertions


@pytest.fixture(name="site_rules")
def _site_rules() -> Rules:
    return RULES
