"""The HTML tokenizer (WHATWG 13.2.5) as compiled patterns over bytes, resumable at every byte.

Bytes suffice: in every encoding the gate accepts, the characters that matter to the tokenizer are ASCII and never
occur as trail bytes. Possessive quantifiers keep every pattern linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum

from .literals import trie_pattern

Buffer = bytes | bytearray

SPACE = rb"[\t\n\f\r ]"
NAME = rb"[a-zA-Z][^\t\n\f\r />]*+"
_VALUE = rb"""(?:"[^"]*+"|'[^']*+'|[^\t\n\f\r >"'][^\t\n\f\r >]*+(?=[\s\S])|(?=>))"""
# An attribute counts only once the byte after it is known: "a" at the end of a buffer may go on as "abc" or "a = 1".
_ATTRIBUTE = (
    rb"[^\t\n\f\r />][^\t\n\f\r />=]*+"
    rb"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+" + _VALUE + rb"|[\t\n\f\r ]*+(?=[^\t\n\f\r =]))"
)
_ATTRIBUTES = rb"(?:[\t\n\f\r /]++|" + _ATTRIBUTE + rb")*+"
TAG_ATTRIBUTES = rb"(?:[\t\n\f\r ]++|/(?!>)|" + _ATTRIBUTE + rb")*+"
"""What stands between a tag's name and its end, which may be the slash that closes it at once."""

NAME_ENDS = rb"(?=[\t\n\f\r />])"

WHOLE_TAG = re.compile(rb"</?+(" + NAME + rb")" + _ATTRIBUTES + rb">")
"""A complete start or end tag; group 1 is its name."""

TAG_NAME = re.compile(rb"</?+(" + NAME + rb")")
TAG_OPEN = re.compile(rb"<(?=/?+[a-zA-Z])")

ATTRIBUTE = re.compile(
    rb"([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    rb"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+"
    rb"""(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^\t\n\f\r >"'][^\t\n\f\r >]*+)|(?![^>])))?+"""
)
"""One attribute: its name, then its value between double quotes, single quotes, or bare."""


def attributes_of(tag: bytes, name_end: int) -> Iterator[re.Match[bytes]]:
    """The attributes of a tag, whole or cut off, in their order."""
    return ATTRIBUTE.finditer(tag, name_end, _attributes_end(tag))


def _attributes_end(tag: bytes) -> int:
    return len(tag) - 1 if tag.endswith(b">") else len(tag)


def read_attributes(tag: bytes, name_end: int) -> dict[bytes, bytes]:
    """Attribute names in lower case and their values, references undecoded; of duplicates the first counts."""
    found: dict[bytes, bytes] = {}
    for name, double, single, bare in ATTRIBUTE.findall(tag, name_end, _attributes_end(tag)):
        found.setdefault(name.lower(), double or single or bare)
    return found


def is_self_closing(tag: bytes, name_end: int) -> bool:
    """Whether the slash at the end of a tag is one of its own and not the end of an unquoted value."""
    if not tag.endswith(b"/>"):
        return False
    last_end = max((attribute.end() for attribute in attributes_of(tag, name_end)), default=name_end)
    return last_end < len(tag) - 1


_SPACES = re.compile(rb"[\t\n\f\r ]*+")
_ATTRIBUTES_RUN = re.compile(_ATTRIBUTES)
_ATTRIBUTE_NAME_REST = re.compile(rb"[^\t\n\f\r />=]*+")
_BARE_VALUE_REST = re.compile(rb"[^\t\n\f\r >]*+")
_TAG_NAME_REST = re.compile(rb"[^\t\n\f\r />]*+")

_DOUBLE_QUOTE, _SINGLE_QUOTE, _EQUALS, _GREATER = b"\"'=>"


class TagState(IntEnum):
    """Where inside a tag the tokenizer stands; the names are those of the standard, shortened."""

    TAG_NAME = 0
    BEFORE_ATTRIBUTE_NAME = 1
    ATTRIBUTE_NAME = 2
    AFTER_ATTRIBUTE_NAME = 3
    BEFORE_VALUE = 4
    DOUBLE_QUOTED = 5
    SINGLE_QUOTED = 6
    UNQUOTED = 7
    DONE = 8


def advance_tag(buffer: Buffer, at: int, state: TagState) -> tuple[int, TagState]:
    """Read on inside a tag, to the place after its ``>`` and DONE or to the end of the buffer and the state there."""
    end = len(buffer)
    while at < end and state is not TagState.DONE:
        at, state = _ADVANCE[state](buffer, at)
    return at, state


def finish_attribute(buffer: Buffer, at: int, state: TagState) -> tuple[int, TagState]:
    """Read on to the end of the attribute one stands in, at most."""
    end = len(buffer)
    while at < end and state not in (TagState.BEFORE_ATTRIBUTE_NAME, TagState.DONE):
        at, state = _ADVANCE[state](buffer, at)
    return at, state


def _match_end(pattern: re.Pattern[bytes], buffer: Buffer, at: int) -> int:
    match = pattern.match(buffer, at)
    return match.end() if match else at


def _tag_name(buffer: Buffer, at: int) -> tuple[int, TagState]:
    at = _match_end(_TAG_NAME_REST, buffer, at)
    return at, TagState.TAG_NAME if at == len(buffer) else TagState.BEFORE_ATTRIBUTE_NAME


def _before_attribute_name(buffer: Buffer, at: int) -> tuple[int, TagState]:
    at = _match_end(_ATTRIBUTES_RUN, buffer, at)
    if at == len(buffer):
        return at, TagState.BEFORE_ATTRIBUTE_NAME
    if buffer[at] == _GREATER:
        return at + 1, TagState.DONE
    return at + 1, TagState.ATTRIBUTE_NAME  # whatever stands here begins a name, "=" included


def _attribute_name(buffer: Buffer, at: int) -> tuple[int, TagState]:
    at = _match_end(_ATTRIBUTE_NAME_REST, buffer, at)
    return at, TagState.ATTRIBUTE_NAME if at == len(buffer) else TagState.AFTER_ATTRIBUTE_NAME


def _after_attribute_name(buffer: Buffer, at: int) -> tuple[int, TagState]:
    at = _match_end(_SPACES, buffer, at)
    if at == len(buffer):
        return at, TagState.AFTER_ATTRIBUTE_NAME
    if buffer[at] == _EQUALS:
        return at + 1, TagState.BEFORE_VALUE
    return at, TagState.BEFORE_ATTRIBUTE_NAME


def _before_value(buffer: Buffer, at: int) -> tuple[int, TagState]:
    at = _match_end(_SPACES, buffer, at)
    if at == len(buffer):
        return at, TagState.BEFORE_VALUE
    byte = buffer[at]
    if byte == _DOUBLE_QUOTE:
        return at + 1, TagState.DOUBLE_QUOTED
    if byte == _SINGLE_QUOTE:
        return at + 1, TagState.SINGLE_QUOTED
    return (at + 1, TagState.DONE) if byte == _GREATER else (at, TagState.UNQUOTED)


def _double_quoted(buffer: Buffer, at: int) -> tuple[int, TagState]:
    close = buffer.find(b'"', at)
    return (len(buffer), TagState.DOUBLE_QUOTED) if close < 0 else (close + 1, TagState.BEFORE_ATTRIBUTE_NAME)


def _single_quoted(buffer: Buffer, at: int) -> tuple[int, TagState]:
    close = buffer.find(b"'", at)
    return (len(buffer), TagState.SINGLE_QUOTED) if close < 0 else (close + 1, TagState.BEFORE_ATTRIBUTE_NAME)


def _unquoted(buffer: Buffer, at: int) -> tuple[int, TagState]:
    at = _match_end(_BARE_VALUE_REST, buffer, at)
    return at, TagState.UNQUOTED if at == len(buffer) else TagState.BEFORE_ATTRIBUTE_NAME


_ADVANCE = (
    _tag_name,
    _before_attribute_name,
    _attribute_name,
    _after_attribute_name,
    _before_value,
    _double_quoted,
    _single_quoted,
    _unquoted,
)


# Text that holds no markup ---------------------------------------------------------------------------------------


def _close_tag(name: str) -> re.Pattern[bytes]:
    return re.compile(b"</" + trie_pattern([name], ignore_case=True).encode() + NAME_ENDS)


CLOSE_TAG = {
    name.encode(): _close_tag(name)
    for name in ("title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "script")
}
"""What ends an RCDATA or RAWTEXT element (the appropriate end tag, 13.2.5.12 and after)."""

_SCRIPT = b"[sS][cC][rR][iI][pP][tT]" + NAME_ENDS
_SCRIPT_DATA = re.compile(rb"</" + _SCRIPT + rb"|<!--")
_SCRIPT_ESCAPED = re.compile(rb"-->|<(/?)" + _SCRIPT)
_SCRIPT_DOUBLE_ESCAPED = re.compile(rb"-->|</" + _SCRIPT)
_LONGEST_SCRIPT_DELIMITER = len(b"</script>")


ORDINARY_SCRIPT = re.compile(
    rb"(<[sS][cC][rR][iI][pP][tT](?:[\t\n\f\r ]++[^\t\n\f\r \"'/<=>]++(?:=(?:\"[^\"]*+\"|'[^']*+'))?+)*+[\t\n\f\r ]*+>)"
    rb"([^<]*+(?:<(?!!--|/" + _SCRIPT + rb")[^<]*+)*+)</[sS][cC][rR][iI][pP][tT]>"
)
"""A whole script, its tags in ordinary spelling and no comment in it: its start tag and its text."""


class ScriptState(IntEnum):
    """The three states of script data that differ in what ends it (13.2.5.4, .20 and .27)."""

    PLAIN = 0
    ESCAPED = 1
    DOUBLE_ESCAPED = 2


def advance_script(buffer: Buffer, at: int, state: ScriptState) -> tuple[int, ScriptState, bool]:
    """Read on inside script data. The last value says whether ``at`` is where its end tag begins.

    If not, ``at`` is where to go on when more bytes have come: a few bytes back, where a delimiter may have begun.
    """
    while True:
        if state is ScriptState.PLAIN:
            match = _SCRIPT_DATA.search(buffer, at)
            if match and match.end() - match.start() > 4:
                return match.start(), state, True
            if match:
                at, state = match.start() + 2, ScriptState.ESCAPED  # the dashes of "<!--" may be those of "-->"
                continue
        elif state is ScriptState.ESCAPED:
            match = _SCRIPT_ESCAPED.search(buffer, at)
            if match and match[1]:
                return match.start(), state, True
            if match:
                at, state = match.end(), ScriptState.PLAIN if match[1] is None else ScriptState.DOUBLE_ESCAPED
                continue
        else:
            match = _SCRIPT_DOUBLE_ESCAPED.search(buffer, at)
            if match:
                closes = buffer[match.start()] == b"<"[0]
                at, state = match.end(), ScriptState.ESCAPED if closes else ScriptState.PLAIN
                continue
        return max(at, len(buffer) - _LONGEST_SCRIPT_DELIMITER + 1), state, False


# Comments --------------------------------------------------------------------------------------------------------

COMMENT_END = re.compile(rb"--!?>")
COMMENT_ABRUPT_END = re.compile(rb"-?>")
LONGEST_COMMENT_END = len(b"--!>")


def whole_comment(buffer: Buffer, at: int) -> int:
    """The place after the comment that begins here, or 0 if none does or it does not end in the buffer."""
    if buffer[at : at + 4] != b"<!--":
        return 0
    ending = COMMENT_ABRUPT_END.match(buffer, at + 4) or COMMENT_END.search(buffer, at + 4)
    return ending.end() if ending else 0


COMMENTS = (
    rb"<!--(?:-?>|(?:[^\-]++|-(?!-!?>))*+--!?>)"
    rb"|<!(?!--|\[CDATA\[)[^>]*+>|<\?[^>]*+>|</(?=[^a-zA-Z])[^>]*+>"
)
"""One comment, one declaration, or one of what is read as a comment (WHATWG 13.2.5.41), if it is whole."""

BEFORE_HEAD = re.compile(
    rb"(?:[\t\n\f\r ]++|"
    + COMMENTS
    + rb"|<[hH][tT][mM][lL]"
    + NAME_ENDS
    + rb"(?:[\t\n\f\r /]++|(?!(?:[lL][aA][nN][gG]|[sS][tT][yY][lL][eE])[\t\n\f\r />=])"
    + _ATTRIBUTE
    + rb")*+>"
    + rb"|</(?![hH](?:[eE][aA][dD]|[tT][mM][lL])"
    + NAME_ENDS
    + rb"|[bB](?:[oO][dD][yY]|[rR])"
    + NAME_ENDS
    + rb")"
    + NAME
    + _ATTRIBUTES
    + rb">)*+"
)
"""White space, comments, the end tags that are ignored before the head (13.2.6.4.1 to .3), and ``html`` start tags
without a language or a style."""

# The proof of context --------------------------------------------------------------------------------------------


def is_in_data(buffer: Buffer, known: int, place: int) -> bool:
    """Whether ``place`` is certainly in the data state, given that ``known`` is and that no element which switches
    the tokenizer, no comment and no declaration begins in between. False means "not proved".

    If a ``>`` follows the last ``<`` before ``place``, the tokenizer is in the data state after it unless that ``>``
    is inside a quoted attribute value; and then the nearest quote before it is the one that opened the value, which
    is preceded by ``=``, perhaps with white space between.
    """
    opening = buffer.rfind(b"<", known, place)
    if opening < 0:
        return True
    closing = buffer.rfind(b">", opening, place)
    if closing < 0:
        return False
    quote = buffer.rfind(b'"', known, closing)
    if quote > 0 and buffer[quote - 1] in b"=\t\n\f\r ":
        return False
    quote = buffer.rfind(b"'", known, closing)
    return quote <= 0 or buffer[quote - 1] not in b"=\t\n\f\r "


def next_data_place(buffer: Buffer, known: int, place: int) -> tuple[int, bool]:
    """Tokenise exactly from ``known``, a place in the data state, to ``place`` or, if a tag covers it, past that tag.

    The last value is False when the tag that covers it is incomplete; then the first is where that tag begins.
    """
    at = known
    while True:
        opening = TAG_OPEN.search(buffer, at, place + 1)
        if opening is None or opening.start() >= place:
            return place, True
        tag = WHOLE_TAG.match(buffer, opening.start())
        if tag is None:
            return opening.start(), False
        at = tag.end()
        if at > place:
            return at, True
