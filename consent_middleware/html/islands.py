"""What there is to know about ``svg`` and ``math`` before any is read: the names that matter, and what does not.

Most of what stands in such an island changes nothing. *Stretches* are patterns that pass over it at once, so that only
the tag behind it is looked at in Python. Like all patterns here they are possessive, hence linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .elements import HELD, LOADING_IN_SVG
from .literals import trie_pattern
from .tokens import COMMENTS, NAME, NAME_ENDS, TAG_ATTRIBUTES

BREAKOUT = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    b"nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
"""HTML elements whose start tags close the whole island (WHATWG 13.2.6.5)."""

MAY_BREAK_OUT = BREAKOUT | {b"font"}
"""These and the one for which it depends on its attributes."""

NEVER_OPEN = frozenset(
    b"area base basefont bgsound br col embed frame hr img image input keygen link meta param source track wbr "
    b"html head body frameset caption colgroup tbody td tfoot th thead tr "
    b"script style title textarea xmp iframe noembed noframes noscript plaintext".split()
)
"""HTML elements that are void, ignored in a body, or hold text up to their own end tag."""

CLOSES_PARAGRAPH = frozenset(
    b"address article aside blockquote center details dialog dir div dl dd dt fieldset figcaption figure footer form "
    b"h1 h2 h3 h4 h5 h6 header hgroup hr li listing main menu nav ol p plaintext pre search section summary table ul "
    b"xmp".split()
)

HTML_ANCESTORS = frozenset(
    b"a address article aside body button caption dd details dialog dl dt fieldset figcaption figure footer form "
    b"header html label legend main nav object ol optgroup option search section select summary table tbody td "
    b"template tfoot th thead tr".split()
) | (BREAKOUT - {b"p", b"br", b"img", b"meta", b"embed", b"hr"})
"""End tags that, in an island without such an element, belong to an element around the island and close both.

The standard ignores them where no such element is open outside; that is not tracked, and far rarer than an island
left open.
"""

# Stretches -------------------------------------------------------------------------------------------------------

_TEXT_AND_COMMENTS = rb"[^<]++|<(?=[^a-zA-Z!?/])|" + COMMENTS
_CDATA = rb"|<!\[CDATA\[(?:[^\]]++|\](?!\]>))*+\]\]>"
_TAG = rb"<(?P<slash>/?+)(?P<name>" + NAME + rb")" + TAG_ATTRIBUTES + rb"(?P<closing>/?+)>"


def _stretch(passed: bytes = b"") -> re.Pattern[bytes]:
    """Text, comments and what else is passed over, and the tag behind it, if a whole tag stands there."""
    return re.compile(rb"(?:" + _TEXT_AND_COMMENTS + passed + rb")*+(?:" + _TAG + rb")?+")


def _start(noted: Iterable[bytes]) -> bytes:
    """A start tag up to its end, unless it is one of those that are noted."""
    names = trie_pattern((name.decode() for name in noted), ignore_case=True).encode()
    return rb"|<(?!" + names + NAME_ENDS + rb")(" + NAME + rb")" + TAG_ATTRIBUTES


_FOREIGN_START = _start(MAY_BREAK_OUT | LOADING_IN_SVG.keys())
_HTML_START = _start(HELD | NEVER_OPEN | CLOSES_PARAGRAPH)
_UNTRACKED_HTML_START = _start((HELD | NEVER_OPEN | CLOSES_PARAGRAPH) - {b"svg", b"math"})
_AND_ITS_END = rb">[^<]*+</\1[\t\n\f\r ]*+>"

TO_EVERY_TAG = _stretch()
IN_FOREIGN = _stretch(_CDATA + _FOREIGN_START + rb"(?:/>|" + _AND_ITS_END + rb")")
"""Where start tags create foreign elements: an element that is closed right away leaves everything as it was."""

IN_HTML = _stretch(_HTML_START + rb"/?+" + _AND_ITS_END)
"""The same where they create elements of HTML: in points of integration."""

IN_FOREIGN_UNTRACKED = _stretch(_CDATA + _FOREIGN_START + rb"/?+>")
"""Deeper than elements are tracked start tags change nothing; end tags might close what is tracked."""

IN_HTML_UNTRACKED = _stretch(_UNTRACKED_HTML_START + rb"/?+>")
