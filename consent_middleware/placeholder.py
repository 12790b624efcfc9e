"""What stands in the place of a withheld embed: what it is, why it is not there, and a button that loads it.

Plain HTML: a form to our own choice endpoint that leads back to the page, so it works without JavaScript. The button
carries the address too, because inside a form of the page the browser drops ours and would submit theirs. A canvas of
the embed's size keeps its place without a style attribute, which a strict Content-Security-Policy forbids.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from html import escape

from .messages import MESSAGES, text_in
from .policy import Category

# No name here says what it is for: content blockers hide whatever is called after cookies or consent.
STYLE = """
.cm-embed { display: inline-grid; max-width: 100%; box-sizing: border-box; border: 1px solid; border-radius: .5rem;
  font: 1rem/1.5 system-ui, sans-serif; text-align: center; background: Canvas; color: CanvasText; overflow: hidden }
.cm-embed > * { grid-area: 1 / 1; min-width: 0 }
.cm-embed > canvas { max-width: 100%; height: auto }
.cm-embed > span { place-self: center; padding: 1rem; max-width: 34rem; overflow-wrap: anywhere }
.cm-embed button { font: inherit; margin: .75rem 0 0; min-height: 2.75rem; padding: .4rem 1rem; border: 1px solid;
  border-radius: .5rem; background: ButtonFace; color: ButtonText; cursor: pointer }
.cm-embed button:focus-visible { outline: 3px solid Highlight; outline-offset: 2px }
@media print { .cm-embed button { display: none } }
"""

STYLE_NAME = f"embed-{hashlib.sha256(STYLE.encode()).hexdigest()[:12]}.css"
"""The file name under which the style is served for ever: other content has another name."""

_PIXELS = re.compile(r"[ \t]*([0-9]{1,4})(?:px)?[ \t]*")


@dataclass(frozen=True, slots=True)
class Place:
    """Where placeholders are needed: the page, its language, and our own addresses."""

    language: str
    choice_url: str
    style_url: str
    next_path: str
    fingerprint: str


def placeholder(place: Place, category: Category, *, host: str, title: str, width: str, height: str) -> bytes:
    """Return the markup for one withheld embed. Everything that comes from the page is escaped here."""
    words = MESSAGES[place.language]
    label = text_in(category.label, place.language) or category.name.replace("-", " ").capitalize()
    what = f"{title} ({host})" if title and host else title or host
    said = words["embed-withheld"].format(what=what, category=label)
    size = f'width="{_pixels(width, 300)}" height="{_pixels(height, 150)}"'
    action = escape(place.choice_url)
    fields = (("action", "grant"), ("category", category.name), ("next", place.next_path))
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields)
    fingerprint = f'<input type="hidden" name="fingerprint" value="{escape(place.fingerprint)}">'
    return (
        f'<link rel="stylesheet" href="{escape(place.style_url)}">'
        f'<form class="cm-embed" method="post" action="{action}">{hidden}{fingerprint}'
        f'<canvas {size} aria-hidden="true"></canvas><span lang="{place.language}"><span>{escape(said)}</span> '
        f'<button formmethod="post" formenctype="application/x-www-form-urlencoded" formnovalidate '
        f'formaction="{action}">{escape(words["embed-load"].format(category=label))}</button>'
        "</span></form>"
    ).encode()


def _pixels(size: str, otherwise: int) -> int:
    found = _PIXELS.fullmatch(size)
    return min(max(int(found[1]), 1), 4000) if found else otherwise
