"""What a machine is to do, and the tables and limits by which it does it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from .elements import LOADING
from .judge import Judge
from .literals import trie_pattern
from .verdicts import Embed, Finding

WAIT = -1

TAG_LIMIT = 64 * 1024
"""A tag may be held up to this many bytes; of 532,172 gated tags on real pages 20 were longer."""

SCRIPT_LIMIT = 240 * 1024
"""An inline script may be held up to this many bytes, its tag included; of 43,842 on real pages 26 were longer."""

DEEPEST_DOCUMENT = 4
"""A srcdoc in a srcdoc in a srcdoc … is withheld below this depth."""

SHORT_SNIPPET = 100
"""Bytes that may stand in front of ``<meta charset>`` without pushing it past the 1024 bytes of the prescan."""

LONGEST_NAME = 32
"""Longer than any element name that means anything here."""

TEXT_ELEMENTS = frozenset({b"title", b"textarea", b"style", b"xmp", b"noembed", b"noframes"})
SWITCHES = TEXT_ELEMENTS | {b"iframe", b"script", b"noscript", b"plaintext", b"svg", b"math", b"base"}
GATED = (LOADING.keys() | {b"meta"}) - SWITCHES
HELD = GATED | SWITCHES
READ_IN_ISLANDS = frozenset({b"font", b"annotation-xml"})
"""Elements whose attributes decide how foreign content goes on."""

NO_ATTRIBUTES: dict[bytes, bytes] = {}
ANCHORS = frozenset({b"a", b"area"})
IMPLY_HEAD = frozenset({b"head", b"body", b"html", b"br"})

# Searching for "=" and looking back is ten times as fast as searching for "ping" in either case. More white space than
# one before "=" may stand between them or not; then every anchor of the chunk is looked at.
PING = re.compile(
    rb"=(?<=[gG\t\n\f\r ]=)(?:(?<=[\t\n\f\r \"'/][pP][iI][nN][gG]=)"
    rb"|(?<=[\t\n\f\r \"'/][pP][iI][nN][gG][\t\n\f\r ]=)|(?<=[\t\n\f\r ][\t\n\f\r ]=))"
)

TEXT_START = re.compile(rb"[^\t\n\f\r ]")
PRESCANNED = re.compile(rb"charset|content-type", re.IGNORECASE)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _candidates(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """A search for the next place where anything but an uninteresting tag may begin.

    The negative look-ahead drops most tags by their first letter or two before the trie is tried.
    """
    words = sorted(name.decode() for name in names)
    first = {word[0] for word in words}
    others = "".join(letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in first)
    second = {letter: {word[1:2] for word in words if word[0] == letter} for letter in first if letter.isalpha()}
    rejected = [f"[{others}{others.upper()}]"] if others else []
    for letter, followers in sorted(second.items()):
        if "" not in followers:
            allowed = "".join(sorted(followers))
            rejected.append(f"[{letter}{letter.upper()}][^{allowed}{allowed.upper()}]")
    trie = trie_pattern([*words, "/body"], ignore_case=True)
    pattern = rf"<(?!{'|'.join(rejected)}|/[ac-zAC-Z])(?:({trie})(?=[\t\n\f\r />])|[!?]|/[^a-zA-Z])"
    return re.compile(pattern.encode())


SEARCH = _candidates(frozenset(HELD - ANCHORS)).search
SEARCH_WITH_ANCHORS = _candidates(frozenset(HELD)).search
SEARCH_EVERY_TAG = re.compile(rb"<(?:(/body|[a-zA-Z][^\t\n\f\r />]*+)(?=[\t\n\f\r />])|[!?]|/[^a-zA-Z])", re.I).search


class Prologue(Enum):
    """Where the injection into the head stands."""

    BEFORE_HEAD = auto()
    BEFORE_CHARSET = auto()
    """Inside the head, looking for the encoding's declaration, which must not be pushed away."""
    DONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a machine is to do with a document."""

    judge: Judge
    on_finding: Callable[[Finding], None]
    placeholder: Callable[[Embed], bytes] | None = None
    inject_head: bytes = b""
    inject_body_end: bytes = b""
    charset_declared: bool = True
    css: bool = False
    scripting: bool = True
    """Whether ``noscript`` holds text, as it does for browsers that run scripts."""
    is_fragment: bool = False
    """Whether what ends here unfinished may go on in a reader's eyes: inside ``noscript``."""
    depth: int = 0
