"""What stands in the place of a withheld embed: what it is, why it is not there, and a button that loads it.

Plain HTML: a form to our own choice endpoint that leads back to the page, so it works without JavaScript. The form
lives in a declarative shadow root, because an embed may stand in a paragraph, which a form would end, or in a form of
the page: there a parser drops our ``<form>``, takes our fields for the page's, and ends the page's form at our
``</form>``. A template keeps all of it apart. A browser too old for that, and a page put together by ``innerHTML``,
show a link to the settings instead.

A canvas of the embed's size keeps its place without a style attribute, which a strict Content-Security-Policy forbids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from .messages import is_right_to_left, label_of
from .policy import Category

_PIXELS = re.compile(r"[ \t]*([0-9]{1,4})(?:px)?[ \t]*")


@dataclass(frozen=True, slots=True)
class Place:
    """Where placeholders are needed: the visitor's language and what it says, our addresses, and where the page is.

    ``nonce`` is the one with which the page's Content-Security-Policy lets things load, "" without any. ``once`` marks
    the forms of this very page, so that two clicks are one choice.
    """

    language: str
    words: Mapping[str, str]
    choice_url: str
    settings_url: str
    style_url: str
    next_path: str
    fingerprint: str
    default_language: str = "en"
    nonce: str = ""
    once: str = ""


def placeholder(place: Place, category: Category, *, host: str, title: str, width: str, height: str) -> bytes:
    """Return the markup for one withheld embed. Everything that comes from the page is escaped here."""
    words = place.words
    direction = "rtl" if is_right_to_left(place.language) else "ltr"
    label = label_of(category, place.language, place.default_language)
    what = f"{title} ({host})" if title and host else title or host
    said = escape(words["embed-withheld"].format(what=what, category=label))
    fields = (
        ("action", "grant"),
        ("category", category.name),
        ("next", place.next_path),
        ("fingerprint", place.fingerprint),
        ("once", place.once),
    )
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields)
    nonce = f' nonce="{escape(place.nonce)}"' if place.nonce else ""
    markup = (
        f'<span data-consent-embed lang="{place.language}" dir="{direction}"><template shadowrootmode="open">'
        f'<link rel="stylesheet" href="{escape(place.style_url)}"{nonce}>'
        f'<form class="cm-embed" method="post" action="{escape(place.choice_url)}">{hidden}'
        f'<canvas width="{_pixels(width, 300)}" height="{_pixels(height, 150)}" aria-hidden="true"></canvas>'
        f"<span><span>{said}</span> "
        f"<button>{escape(words['embed-load'].format(category=label))}</button></span></form></template>"
        f'{said} <a href="{escape(place.settings_url)}">{escape(words["title"])}</a></span>'
    )
    # The page may be in any encoding that has ASCII in it.
    return markup.encode("ascii", "xmlcharrefreplace")


def _pixels(size: str, otherwise: int) -> int:
    found = _PIXELS.fullmatch(size)
    return min(max(int(found[1]), 1), 4000) if found else otherwise
