"""Which elements are open inside ``svg`` and ``math``, where the tokenizer follows other rules.

In foreign content ``style`` or ``title`` hold markup, ``<![CDATA[`` is what it says, and many start tags of HTML close
the whole island (WHATWG 13.2.6.5). HTML comes back inside integration points such as ``foreignObject``. Outside such
islands nothing is tracked at all: there, no start tag depends on what is open.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from .islands import (
    BREAKOUT,
    CLOSES_PARAGRAPH,
    HTML_ANCESTORS,
    IN_FOREIGN,
    IN_FOREIGN_UNTRACKED,
    IN_HTML,
    IN_HTML_UNTRACKED,
    MAY_BREAK_OUT,
    NEVER_OPEN,
)

MOST_OPEN = 512
"""Elements deeper than this are not tracked; Chrome caps its tree at the same depth."""

_FONT_ATTRIBUTES = frozenset({b"color", b"face", b"size"})
_SVG_INTEGRATION_POINTS = frozenset({b"foreignobject", b"desc", b"title"})
_MATHML_TEXT_INTEGRATION_POINTS = frozenset(b"mi mo mn ms mtext".split())
_HTML_MATHML_ENCODINGS = frozenset({b"text/html", b"application/xhtml+xml"})


class Realm(Enum):
    """The namespace an element belongs to."""

    HTML = auto()
    SVG = auto()
    MATHML = auto()

    __hash__ = object.__hash__  # that of Enum is written in Python, and elements are looked up by their realm


class _Element(NamedTuple):
    name: bytes
    realm: Realm
    integrates: bool
    """Whether it is an HTML integration point."""
    integrates_text: bool
    """Whether it is a MathML text integration point."""
    is_plain: bool
    """Whether every start tag in it is one of foreign content."""
    holds_html: bool
    """Whether every start tag in it, or nearly so, is one of HTML."""


@lru_cache(maxsize=1024)
def _element(name: bytes, realm: Realm, integrates: bool) -> _Element:
    integrates_text = realm is Realm.MATHML and name in _MATHML_TEXT_INTEGRATION_POINTS
    holds_html = realm is Realm.HTML or integrates or integrates_text
    is_plain = not holds_html and not (realm is Realm.MATHML and name == b"annotation-xml")
    return _Element(name, realm, integrates, integrates_text, is_plain, holds_html)


class ForeignStack:
    """The open elements from the outermost ``svg`` or ``math`` inwards.

    Runs of HTML elements and runs of foreign ones alternate; names are counted per run, so that no end tag has to
    search for what is not there.
    """

    def __init__(self) -> None:
        self.elements: list[_Element] = []
        """The open ones, for callers to see whether there are any."""
        self._runs: list[dict[bytes, int]] = []
        self._html_names: dict[bytes, int] = {}
        self._integration_points = 0
        self._holders = 0
        """How many of the open elements hold HTML."""

    def __bool__(self) -> bool:
        return bool(self.elements)

    @property
    def takes_cdata(self) -> bool:
        """Whether ``<![CDATA[`` opens a section here: the current element is not an HTML one."""
        return bool(self.elements) and self.elements[-1].realm is not Realm.HTML

    @property
    def in_svg_style(self) -> bool:
        """Whether text that stands here belongs to a style sheet."""
        return bool(self.elements) and self.elements[-1].name == b"style" and self.elements[-1].realm is Realm.SVG

    @property
    def stretch(self) -> re.Pattern[bytes]:
        """A pattern for what changes nothing here, and the tag behind it."""
        if len(self.elements) < MOST_OPEN:
            return IN_HTML if self.elements[-1].holds_html else IN_FOREIGN
        return IN_HTML_UNTRACKED if self.elements[-1].holds_html else IN_FOREIGN_UNTRACKED

    def start(self, name: bytes, attributes: dict[bytes, bytes], *, self_closing: bool) -> Realm:
        """Take in a start tag and say in which namespace its element is created."""
        current = self.elements[-1] if self.elements else None
        if current is not None and current.is_plain and name not in MAY_BREAK_OUT:
            if not self_closing and len(self.elements) < MOST_OPEN:
                self._push(name, current.realm, _is_integration_point(name, current.realm, attributes))
            return current.realm
        if not self._is_foreign(name):
            return self._start_html(name, self_closing)
        if name in BREAKOUT or (name == b"font" and not _FONT_ATTRIBUTES.isdisjoint(attributes)):
            self._break_out()
            return self._start_html(name, self_closing)
        realm = self.elements[-1].realm
        if not self_closing:
            self._push(name, realm, _is_integration_point(name, realm, attributes))
        return realm

    def end(self, name: bytes) -> None:
        """Take in an end tag."""
        if not self.elements:
            return
        if self.elements[-1].realm is Realm.HTML:
            self._end_html(name)
        elif name in (b"p", b"br"):
            self._break_out()
        elif self._runs[-1].get(name):
            self._close(name)
        elif name in HTML_ANCESTORS:
            self._close_island(name)

    def _is_foreign(self, name: bytes) -> bool:
        """Whether a start tag here is one of foreign content (WHATWG 13.2.6, tree construction dispatcher)."""
        if not self.elements:
            return False
        current = self.elements[-1]
        if current.realm is Realm.HTML or current.integrates:
            return False
        if current.integrates_text:
            return name in (b"mglyph", b"malignmark")
        return not (name == b"svg" and current.name == b"annotation-xml" and current.realm is Realm.MATHML)

    def _start_html(self, name: bytes, self_closing: bool) -> Realm:
        if name in (b"svg", b"math"):
            realm = Realm.SVG if name == b"svg" else Realm.MATHML
            if not self_closing:
                self._push(name, realm, False)
            return realm
        if self.elements:
            if name in CLOSES_PARAGRAPH:
                self._end_html(b"p")
            if name not in NEVER_OPEN:
                self._push(name, Realm.HTML, False)
        return Realm.HTML

    def _end_html(self, name: bytes) -> None:
        # Only the HTML elements of the innermost integration point can be meant.
        if self.elements[-1].realm is Realm.HTML and self._runs[-1].get(name):
            self._close(name)

    def _close(self, name: bytes) -> None:
        """Pop up to the innermost element of this name, which is known to be in the last run."""
        while self._pop().name != name:
            pass

    def _close_island(self, name: bytes) -> None:
        """Close the islands up to the HTML element that is meant, which may be outside all of them."""
        if self._html_names.get(name):
            while self.elements[-1].realm is not Realm.HTML:
                self._pop()
            self._end_html(name)
        elif not self._integration_points:
            self._leave()

    def _break_out(self) -> None:
        """Pop until HTML is allowed again."""
        if not self._holders:
            self._leave()
            return
        while not self.elements[-1].holds_html:
            self._pop()

    def _leave(self) -> None:
        """Close every island."""
        self.elements.clear()
        self._runs.clear()
        self._html_names.clear()
        self._integration_points = self._holders = 0

    def _push(self, name: bytes, realm: Realm, integrates: bool) -> None:
        if len(self.elements) >= MOST_OPEN:
            return
        is_html = realm is Realm.HTML
        if not self.elements or (self.elements[-1].realm is Realm.HTML) is not is_html:
            self._runs.append({})
        element = _element(name, realm, integrates)
        self.elements.append(element)
        run = self._runs[-1]
        run[name] = run.get(name, 0) + 1
        if is_html:
            self._html_names[name] = self._html_names.get(name, 0) + 1
        self._integration_points += integrates
        self._holders += element.holds_html

    def _pop(self) -> _Element:
        element = self.elements.pop()
        is_html = element.realm is Realm.HTML
        self._runs[-1][element.name] -= 1
        if is_html:
            self._html_names[element.name] -= 1
        self._integration_points -= element.integrates
        self._holders -= element.holds_html
        if not self.elements or (self.elements[-1].realm is Realm.HTML) is not is_html:
            self._runs.pop()
        return element


def _is_integration_point(name: bytes, realm: Realm, attributes: dict[bytes, bytes]) -> bool:
    if realm is Realm.SVG:
        return name in _SVG_INTEGRATION_POINTS
    return name == b"annotation-xml" and attributes.get(b"encoding", b"").lower() in _HTML_MATHML_ENCODINGS
