"""What a machine is to do, and the tables and limits by which it does it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from .judge import Judge
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

READ_IN_ISLANDS = frozenset({b"font", b"annotation-xml"})
"""Elements whose attributes decide how foreign content goes on."""

NO_ATTRIBUTES: dict[bytes, bytes] = {}
IMPLY_HEAD = frozenset({b"head", b"body", b"html", b"br"})

# Searching for "=" and looking back is ten times as fast as searching for "ping" in either case. More white space than
# one before "=" may stand between them or not; then every anchor of the chunk is looked at.
PING = re.compile(
    rb"=(?<=[gG\t\n\f\r ]=)(?:(?<=[\t\n\f\r \"'/][pP][iI][nN][gG]=)"
    rb"|(?<=[\t\n\f\r \"'/][pP][iI][nN][gG][\t\n\f\r ]=)|(?<=[\t\n\f\r ][\t\n\f\r ]=))"
)

PRESCANNED = re.compile(rb"charset|content-type", re.IGNORECASE)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
    placeholder: Callable[[Embed, str], bytes] | None = None
    inject_head: bytes = b""
    inject_body_end: bytes | Callable[[str], bytes] = b""
    charset_declared: bool = True
    css: bool = False
    scripting: bool = True
    """Whether ``noscript`` holds text, as it does for browsers that run scripts."""
    is_fragment: bool = False
    """Whether what ends here unfinished may go on in a reader's eyes: inside ``noscript``."""
    depth: int = 0

    @property
    def has_prologue(self) -> bool:
        """Whether what stands before the head has to be read: for the head's sake, or for the document's language."""
        return bool(self.inject_head) or self.placeholder is not None or callable(self.inject_body_end)

    def body_end(self, language: str) -> bytes:
        """Return what belongs before ``</body>`` of a document that says to be in this language."""
        return self.inject_body_end(language) if callable(self.inject_body_end) else self.inject_body_end
