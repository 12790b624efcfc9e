"""What makes a browser fetch or run something, as tables: elements, attributes, script types, link relations."""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType


class Holds(Enum):
    """What the value of a loading attribute holds."""

    URL = auto()
    URLS = auto()
    """Separated by white space."""
    CANDIDATES = auto()
    """A ``srcset``."""
    DOCUMENT = auto()
    """A whole page, as ``srcdoc``."""


Attributes = MappingProxyType[bytes, Holds]


def _attributes(**held: Holds) -> Attributes:
    return MappingProxyType({name.encode(): holds for name, holds in held.items()})


_SOURCE = _attributes(src=Holds.URL)
_PICTURE = _attributes(src=Holds.URL, srcset=Holds.CANDIDATES)
_PING = _attributes(ping=Holds.URLS)

LOADING: MappingProxyType[bytes, Attributes] = MappingProxyType(
    {
        b"script": _SOURCE,
        b"iframe": _attributes(src=Holds.URL, srcdoc=Holds.DOCUMENT),
        b"frame": _SOURCE,
        b"img": _PICTURE,
        b"image": _PICTURE,  # the tree builder calls it img
        b"source": _PICTURE,
        b"input": _SOURCE,
        b"video": _attributes(src=Holds.URL, poster=Holds.URL),
        b"audio": _SOURCE,
        b"track": _SOURCE,
        b"embed": _SOURCE,
        b"object": _attributes(data=Holds.URL),
        b"link": _attributes(href=Holds.URL, imagesrcset=Holds.CANDIDATES),
        b"body": _attributes(background=Holds.URL),
        b"a": _PING,
        b"area": _PING,
    }
)
"""Elements of HTML and the attributes through which they load."""

_REFERENCE = MappingProxyType({b"href": Holds.URL, b"xlink:href": Holds.URL})

LOADING_IN_SVG: MappingProxyType[bytes, Attributes] = MappingProxyType(
    {b"script": _REFERENCE, b"image": _REFERENCE, b"use": _REFERENCE, b"feimage": _REFERENCE}
)
"""The same for elements in the SVG namespace."""

LAZY: Attributes = MappingProxyType(
    {
        b"data-src": Holds.URL,
        b"data-lazy-src": Holds.URL,
        b"data-lazy": Holds.URL,
        b"data-original": Holds.URL,
        b"data-rocket-src": Holds.URL,
        b"data-litespeed-src": Holds.URL,
        b"data-pmdelayedscript": Holds.URL,
        b"data-wpmeteor-src": Holds.URL,
        b"data-cfsrc": Holds.URL,
        b"data-poster": Holds.URL,
        b"data-srcset": Holds.CANDIDATES,
        b"data-lazy-srcset": Holds.CANDIDATES,
        b"data-rocket-href": Holds.URL,
    }
)
"""Attributes from which a local loader takes the address later; gated only where the site opts in."""

SITE_MARKS = frozenset({b"data-category", b"data-name", b"data-cookieconsent", b"data-consent-category"})
"""How sites mark elements for a consent client of their own; the lazy attributes of such elements are theirs."""

EMBEDS = frozenset({b"iframe", b"video"})
"""What visitors miss when it is withheld, so that a placeholder is worth its room."""

CARRIES_CODE = frozenset({b"script", b"iframe", b"frame", b"embed", b"object"})
"""Elements for which a ``data:`` or ``javascript:`` URL is code or a document."""

LOADING_RELATIONS = frozenset(
    {
        b"stylesheet",
        b"preload",
        b"modulepreload",
        b"prefetch",
        b"preconnect",
        b"dns-prefetch",
        b"prerender",
        b"icon",
        b"apple-touch-icon",
        b"apple-touch-icon-precomposed",
        b"mask-icon",
        b"manifest",
    }
)
"""``rel`` keywords that make a browser ask a host for something; ``canonical`` or ``author`` do not."""

JAVASCRIPT_TYPES = frozenset(
    {
        b"application/ecmascript",
        b"application/javascript",
        b"application/x-ecmascript",
        b"application/x-javascript",
        b"text/ecmascript",
        b"text/javascript",
        b"text/javascript1.0",
        b"text/javascript1.1",
        b"text/javascript1.2",
        b"text/javascript1.3",
        b"text/javascript1.4",
        b"text/javascript1.5",
        b"text/jscript",
        b"text/livescript",
        b"text/x-ecmascript",
        b"text/x-javascript",
    }
)
"""The JavaScript MIME type essences (https://mimesniff.spec.whatwg.org/#javascript-mime-type)."""

DELAYED_TYPES = frozenset({b"rocketlazyloadscript", b"pmdelayedscript", b"litespeed/javascript", b"rocketscript"})
"""Script types from which optimisers start scripts later; Cloudflare's ``<hex>-text/javascript`` beside them."""

HOLD_TEXT = frozenset({b"title", b"textarea", b"style", b"xmp", b"iframe", b"noembed", b"noframes"})
SWITCHES = HOLD_TEXT | {b"script", b"noscript", b"plaintext", b"svg", b"math", b"base"}
"""Elements behind whose start tag the tokenizer, or the base URL, is another."""

GATED = (LOADING.keys() | {b"meta"}) - SWITCHES
HELD = GATED | SWITCHES
ANCHORS = frozenset({b"a", b"area"})
"""Elements that load by ``ping`` only."""
