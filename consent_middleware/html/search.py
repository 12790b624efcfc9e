"""The search for the next tag that matters. It passes over tags that certainly do not, so that Python never sees them.

Passing over a tag is safe wherever the tokenizer stands: if it is not at a tag there, nothing was missed. It is linear
though tags are tried at places inside each other: no name or bare value here holds ``<`` or a quote, so where two
attempts are both alive, one is outside of quotes, in double or in single ones while the other is not, and a third
attempt at most is in the third state. Text and comments that are passed over hold no ``<`` at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

from .elements import ANCHORS, HELD, LAZY, LOADING_IN_SVG, Holds
from .islands import BREAKOUT, HTML_ANCESTORS, MAY_BREAK_OUT
from .literals import trie_pattern
from .tokens import Buffer


class Search(Protocol):
    """A compiled search in a buffer, from one place to another or to its end."""

    def __call__(self, string: Buffer, pos: int = 0, endpos: int = ..., /) -> re.Match[bytes] | None: ...


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SPACE = r"[\t\n\f\r ]"
_NAME_ENDS = r"(?=[\t\n\f\r />])"

SEARCH_EVERY_TAG: Search = re.compile(
    rb"<(?:(/body|[a-zA-Z][^\t\n\f\r />]*+)(?=[\t\n\f\r />])|[!?]|/[^a-zA-Z])", re.IGNORECASE
).search


class Ignorable(NamedTuple):
    """Which addresses cannot matter."""

    relative: bool = False
    hosts: frozenset[str] | None = None
    """Absolute addresses cannot matter unless their host is one of these or below one; None: they all can."""
    by_host: bool = True
    """Whether path and query cannot matter where the host does not: no rule is for a file on whatever host."""
    lazy_attributes: bool = False


@lru_cache(maxsize=32)
def search_for(ignorable: Ignorable, *, anchors: bool) -> Search:
    """A search for the next place where anything but an uninteresting tag may begin; group 1 is the name of a tag.

    Uninteresting are, beside all elements that load nothing, those in which all addresses are ignorable. With
    ``anchors`` it finds ``a`` and ``area`` too, for the sake of ``ping``.

    Most ``<`` are refused by two letters, each looked up once: half the time of a trie for every ``<``.
    """
    words = sorted(name.decode() for name in (HELD if anchors else HELD - ANCHORS))
    first = "".join(sorted({word[0] for word in words}))
    other = "".join(letter for letter in _LETTERS if letter not in first)
    second = "".join(sorted({word[1] for word in words if len(word) > 1}))
    starts = "".join(letter for letter in _LETTERS if letter not in words)  # "<a " has no second letter
    refused = f"[/{other}{other.upper()}][ac-zAC-Z]|[{starts}{starts.upper()}][^{second}{second.upper()}]"
    trie = trie_pattern([*words, "/body"], ignore_case=True)
    pattern = rf"<(?!{refused})(?!{_harmless(ignorable)})(?:({trie}){_NAME_ENDS}|[!?]|/[^a-zA-Z])"
    return re.compile(pattern.encode()).search


# Tags that cannot matter -----------------------------------------------------------------------------------------

_NAME = r"[a-z0-9_:.\-]"
_ANY_NAME = r"[a-zA-Z0-9_:.\-]"
_VALUE = r"""(?:"[^"]*+"|'[^']*+'|[^\t\n\f\r "'<>=`]++(?=[\t\n\f\r >]))"""
_GAP = r"[\t\n\f\r /]"


def _harmless(ignorable: Ignorable) -> str:
    """What may follow a ``<`` that leads to nothing, in ordinary spelling.

    What is not matched is merely looked at more closely, so rare spellings can be left out. Values are skipped by
    ``[^"]``, because excluding one byte is ten times as fast as excluding two.
    """
    code = _attributes(ignorable, is_code=True)
    other = _attributes(ignorable, is_code=False)
    return "|".join(
        (
            r"!--[^<>]*+>(?<=-->)|!(?!--)[^<>]*+>|\?[^<>]*+>|/(?![a-zA-Z])[^<>]*+>",
            rf"(?:img|link|meta|input|source|video|audio|track|body|area|a){other}",
            rf"script{code}{_SPACE}*+</script>",
            rf"iframe{code}{_SPACE}*+</iframe>",
            rf"base{_SPACE}*+>",
            rf"title{_SPACE}*+>[^<]*+</title>",
            rf"style{_any_attributes()}[^<]*+</style>",
            rf"textarea{_any_attributes()}[^<]*+</textarea>",
            _island(),
        )
    )


_POINTS = frozenset(b"desc foreignobject title annotation-xml mi mn mo ms mtext".split())
_NOT_PLAIN_IN_ISLANDS = HELD | MAY_BREAK_OUT | LOADING_IN_SVG.keys() | HTML_ANCESTORS | _POINTS
_NAMED_LIKE_ANCESTORS = HTML_ANCESTORS - HELD - MAY_BREAK_OUT
"""Once one of these is open in an island, its end tag is its own and no longer ends the island."""


def _island() -> str:
    """An ``svg`` or ``math`` in which nothing loads, runs, or leads back to HTML, as most are, up to where it is left.

    That is its end, an end tag of something around it, or a start tag that cannot be in it. All of them are left to
    the search to find, but for ``</body>``, which ends no body where it ends an island. Neither text nor comments hold
    quotes here: a quote has to change the state of every attempt that is alive.
    """
    attributes = rf"(?:{_SPACE}++{_ANY_NAME}++(?:={_VALUE}|{_NAME_ENDS}))*+{_SPACE}*+"
    own_place = r"""(?:xlink:)?href=(?:"#[^"&]*+"|'#[^'&]*+')"""
    inside = "|".join(
        (
            r"""[^<"']++""",
            rf"</?(?!{_names(_NOT_PLAIN_IN_ISLANDS)}{_NAME_ENDS})[a-zA-Z]{_ANY_NAME}*+{_any_attributes()}",
            *(rf"""<{leaf}>[^<"']*+</{leaf}>""" for leaf in ("title", "desc", "mi", "mn", "mo", "ms", "mtext")),
            r"""<!--[^<>"']*+>(?<=-->)""",
            rf"<use{_any_attributes(_NAME, '(?:xlink:)?href|data-consent', own_place)}|</use>",
        )
    )
    breaks_out = rf"</(?:p|br){_any_attributes()}|(?=<{_names(BREAKOUT)}{_NAME_ENDS})"
    leaves = rf"</{_names(HTML_ANCESTORS - {b'body'})}{_any_attributes()}|{breaks_out}"
    deeper = rf"(?:{inside}|<{_names(_NAMED_LIKE_ANCESTORS)}{_any_attributes()})*+"
    return "|".join(
        rf"{root}{attributes}(?:/>|>(?:{inside})*+(?:</{root}>|{leaves}|{deeper}(?:</{root}>|{breaks_out})))"
        for root in ("svg", "math")
    )


def _names(names: Iterable[bytes]) -> str:
    return trie_pattern(sorted(name.decode() for name in names), ignore_case=True)


def _any_attributes(name: str = _ANY_NAME, but: str = r"(?!)", these: str = r"(?!)") -> str:
    """Attributes in ordinary spelling and the end of the tag. ``but`` refuses some, ``these`` allows some of them."""
    return rf"(?:{_GAP}++(?:{these}|(?!{but}){name}++(?:={_VALUE}|{_NAME_ENDS})))*+{_GAP}*+>"


def _attributes(ignorable: Ignorable, *, is_code: bool) -> str:
    """Attributes of a loading element that lead nowhere. For code, ``data:`` leads somewhere."""
    addresses = ["src", "href", "poster", "background"]
    lists = ["srcset", "imagesrcset"]
    if ignorable.lazy_attributes:
        addresses += [name.decode() for name, holds in LAZY.items() if holds is Holds.URL]
        lists += [name.decode() for name, holds in LAZY.items() if holds is Holds.CANDIDATES]
    decided = trie_pattern([*addresses, *lists, "ping", "srcdoc", "http-equiv"])
    these = (
        rf"(?:{trie_pattern(addresses)})={_address(ignorable, is_code)}"
        r"""|http-equiv="[cCxX][^"]*+\""""  # neither a refresh nor a cookie
    )
    if not is_code:
        these += rf"|(?:{trie_pattern(lists)})={_list(ignorable)}"
    return _any_attributes(_NAME, rf"(?:{decided})(?!{_NAME})|data-consent", these)


def _address(ignorable: Ignorable, is_code: bool) -> str:
    """An ignorable address in double quotes, or nothing there."""
    rest = r'[^"]*+' if ignorable.by_host else r'(?:[^"%&\\\t\n\r]++|&amp;)*+'
    payload = r"(?!)" if is_code else "data:"
    return rf'"(?:(?:{_address_start(ignorable, "")}|{payload}){rest})?+"'


def _list(ignorable: Ignorable) -> str:
    """Ignorable addresses, each piece between commas and white space by itself, and their descriptors."""
    rest = rf'[^"&\\,\t\n\f\r {"" if ignorable.by_host else "%"}]*+'
    start = _address_start(ignorable, r",\t\n\f\r ")
    return rf'"(?:[\t\n\f\r ,]++|[0-9.]++[wxh](?=[",\t\n\f\r ])|(?:{start}){rest}(?:&amp;{rest})*+)*+"'


def _address_start(ignorable: Ignorable, ends: str) -> str:
    """As much of an ignorable address as says where it leads; ``ends`` are what may end it beside a quote."""
    starts: list[str] = []
    if ignorable.relative:
        starts += [rf'/(?=[a-zA-Z0-9_.\-~?#"{ends}])', rf'[a-zA-Z0-9_.\-]++(?=[/?#"{ends}])', "[?#]"]
    if ignorable.hosts is not None:
        # The label count is bounded, for the engine remembers every turn of a lazy loop.
        known = trie_pattern(sorted(ignorable.hosts)) or r"(?!)"
        concerned = rf"(?:[a-z0-9\-]*+\.){{0,99}}?(?:{known})\.?(?![a-z0-9.\-])"
        starts.append(rf'(?:https?:)?//(?!{concerned})[a-z0-9.\-]{{1,99}}+(?=[/?#"{ends}])')
    return "|".join(starts) or r"(?!)"
