"""What a page of the shop would load from others, or run on their behalf, in the eyes of an independent parser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from selectolax.lexbor import LexborHTMLParser

GOOGLE = "https://www.googletagmanager.com/gtag/js?id="
NUMBER = "000000000000000"

OF_EVERY_PAGE: Mapping[str, frozenset[str]] = {
    "analytics": frozenset(
        {
            f"preload {GOOGLE}G-0000000000",
            "preconnect https://www.google-analytics.com",
            "dns-prefetch //region1.google-analytics.com",
            f"script {GOOGLE}G-0000000000",
            "inline gtag('config', 'G-",
        }
    ),
    "marketing": frozenset(
        {
            "dns-prefetch //googleads.g.doubleclick.net",
            "preconnect https://connect.facebook.net",
            f"script {GOOGLE}AW-0000000000",
            "inline gtag('config', 'AW-",
            "inline fbq(",
            f"img https://www.facebook.com/tr?id={NUMBER}&ev=PageView&noscript=1",
        }
    ),
    "chat": frozenset({"inline Tawk_API"}),
}
"""Everything of a third party in every page of the shop, by its category."""

OF_A_PRODUCT: Mapping[str, frozenset[str]] = {
    "analytics": OF_EVERY_PAGE["analytics"] | {"inline view_item"},
    "marketing": OF_EVERY_PAGE["marketing"] | {"iframe https://www.youtube.com/embed/Xq2bLr0aVnE"},
    "chat": OF_EVERY_PAGE["chat"],
}
"""The same for the page of a product."""

_SNIPPETS = ("gtag('config', 'G-", "gtag('config', 'AW-", "view_item", "fbq(", "Tawk_API")
_THAT_LOAD = {"preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch", "prerender", "stylesheet"}
_ADDRESSES = {"src", "srcset", "href", "data", "poster", "background"}
_OWN = re.compile(r"/(?!/)|#")


def live(page: str) -> frozenset[str]:
    """Name everything in a page that a browser, with or without JavaScript, would fetch from others or run for them."""
    return frozenset(_live(page))


def _live(page: str) -> Iterator[str]:
    for node in LexborHTMLParser(page).css("*"):
        given = {name: value or "" for name, value in node.attributes.items()}
        if node.tag == "script" and "src" not in given:
            yield from _inline(node, given)
            continue
        elsewhere = {name: url for name, url in given.items() if name in _ADDRESSES and url and not _OWN.match(url)}
        if node.tag == "link":
            words = [word for word in given.get("rel", "").split() if word in _THAT_LOAD]
            yield from (f"{word} {url}" for word in words for url in elsewhere.values())
        elif node.tag not in ("a", "form") and (node.tag != "script" or _runs(given)):
            yield from (f"{node.tag} {url}" for url in elsewhere.values())


def _inline(node: Any, given: Mapping[str, str]) -> Iterator[str]:
    text = node.text(deep=True)
    if _runs(given):
        yield from (f"inline {snippet}" for snippet in _SNIPPETS if snippet in text)


def _runs(given: Mapping[str, str]) -> bool:
    return given.get("type", "") in ("", "module", "text/javascript", "application/javascript")
