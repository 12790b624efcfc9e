"""The gate's states: where in the document the tokenizer stands, what is held back, what is judged.

The fast path is ``_markup``: one compiled search jumps to the next tag that matters, a constant-time proof says that
it is a tag and not text inside an attribute value, and only when the proof fails are the tags before it tokenised.
Every state is a method that takes the buffer and a place in it, and returns the place from which to go on, or WAIT
after saying what to keep. No byte is read twice for being held back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from .edits import hide
from .elements import LOADING, LOADING_IN_SVG
from .foreign import ForeignStack, Realm
from .judge import DULL, UNDECLARED, Body, Embed, Finding, Judge, Verdict
from .literals import trie_pattern
from .stream import Stream
from .tokens import (
    ATTRIBUTE,
    CLOSE_TAG,
    COMMENT_ABRUPT_END,
    COMMENT_END,
    LONGEST_COMMENT_END,
    PLAIN_ISLAND,
    TAG_NAME,
    WHOLE_TAG,
    Buffer,
    ScriptState,
    TagState,
    advance_script,
    advance_tag,
    finish_attribute,
    is_in_data,
    next_data_place,
    whole_comment,
)

WAIT = -1

TAG_LIMIT = 64 * 1024
"""A tag may be held up to this many bytes; of 532,172 gated tags on real pages 20 were longer."""

SCRIPT_LIMIT = 240 * 1024
"""An inline script may be held up to this many bytes, its tag included; of 43,842 on real pages 26 were longer."""

DEEPEST_DOCUMENT = 4
"""A srcdoc in a srcdoc in a srcdoc … is withheld below this depth."""

SHORT_SNIPPET = 100
"""Bytes that may stand in front of ``<meta charset>`` without pushing it past the 1024 bytes of the prescan."""

_LONGEST_NAME = 32
"""Longer than any element name that means anything here."""

_TEXT_ELEMENTS = frozenset({b"title", b"textarea", b"style", b"xmp", b"noembed", b"noframes"})
_SWITCHES = _TEXT_ELEMENTS | {b"iframe", b"script", b"noscript", b"plaintext", b"svg", b"math", b"base"}
_GATED = (LOADING.keys() | {b"meta"}) - _SWITCHES
_HELD = _GATED | _SWITCHES
_ANCHORS = frozenset({b"a", b"area"})
_IMPLY_HEAD = frozenset({b"head", b"body", b"html", b"br"})

# Searching for "=" and looking back is ten times as fast as searching for "ping" in either case. More white space than
# one before "=" may stand between them or not; then every anchor of the chunk is looked at.
_PING = re.compile(
    rb"=(?<=[gG\t\n\f\r ]=)(?:(?<=[\t\n\f\r \"'/][pP][iI][nN][gG]=)"
    rb"|(?<=[\t\n\f\r \"'/][pP][iI][nN][gG][\t\n\f\r ]=)|(?<=[\t\n\f\r ][\t\n\f\r ]=))"
)

_TEXT_START = re.compile(rb"[^\t\n\f\r ]")
_PRESCANNED = re.compile(rb"charset|content-type", re.IGNORECASE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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


_SEARCH = _candidates(frozenset(_HELD - _ANCHORS)).search
_SEARCH_WITH_ANCHORS = _candidates(frozenset(_HELD)).search
_SEARCH_EVERY_TAG = re.compile(rb"<(?:(/body|[a-zA-Z][^\t\n\f\r />]*+)(?=[\t\n\f\r />])|[!?]|/[^a-zA-Z])", re.I).search


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


class Machine:
    """One document on its way through the gate."""

    def __init__(self, plan: Plan) -> None:
        self.stream = Stream()
        self._plan = plan
        self._judge = plan.judge
        self._foreign = ForeignStack()
        self._prologue = Prologue.BEFORE_HEAD if plan.inject_head else Prologue.DONE
        self._owes_body_end = bool(plan.inject_body_end)
        self._has_base = False
        self._started = not plan.inject_head
        self._step: Callable[[Buffer, int], int] = self._content()
        self._at = 0
        self._keep = 0
        self._anchors = False
        # The tag, script or style being read; places are relative to the buffer.
        self._start = 0
        self._body = 0
        self._name = b""
        self._tag_state = TagState.DONE
        self._is_held = False
        self._tag_prefix = b""
        self._verdict = DULL
        self._script_state = ScriptState.PLAIN
        self._ends_text = False
        self._svg_script_end = 0
        self._svg_script_category: str | None = None
        self._inner: Machine | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Take in a chunk and return what may go."""
        buffer = self.stream.extend(chunk)
        self._anchors = _PING.search(chunk) is not None
        at = self._at
        while at != WAIT:
            at = self._step(buffer, at)
        return self._drain()

    def feed_until_injected(self, chunk: bytes) -> bytes:
        """Take in a chunk for the injection into the head only; when that is done, what is left is in the stream."""
        buffer = self.stream.extend(chunk)
        at = self._at
        while at != WAIT:
            if self.has_injected_head:
                return b""
            at = self._step(buffer, at)
        return self._drain()

    @property
    def has_injected_head(self) -> bool:
        """Whether the head's injection is behind us, or there is none."""
        return self._prologue is Prologue.DONE

    def close(self) -> bytes:
        """Take in the end of the document and return what is left."""
        self._finish(self.stream.buffer)
        return self.stream.rest()

    # Waiting ------------------------------------------------------------------------------------------------------

    def _wait(self, keep: int, at: int) -> int:
        self._keep = keep
        self._at = at
        return WAIT

    def _drain(self) -> bytes:
        kept = self._keep
        output = self.stream.drain(kept)
        self._at -= kept
        self._start -= kept
        self._body -= kept
        self._svg_script_end -= kept
        self._keep = 0
        return output

    def _content(self) -> Callable[[Buffer, int], int]:
        """The state that follows a finished token."""
        if self._prologue is not Prologue.DONE:
            return self._before_injection
        return self._foreign_markup if self._foreign else self._markup

    # Markup -------------------------------------------------------------------------------------------------------

    def _markup(self, buffer: Buffer, at: int) -> int:
        search = _SEARCH_EVERY_TAG if self._plan.css else _SEARCH_WITH_ANCHORS if self._anchors else _SEARCH
        while True:
            candidate = search(buffer, at)
            if candidate is None:
                return self._last_markup(buffer, at)
            place = candidate.start()
            if not is_in_data(buffer, at, place):
                at, is_whole = next_data_place(buffer, at, place)
                if not is_whole:
                    return self._partial_tag(buffer, at)
                if at != place:
                    continue
            name = candidate[1]
            if name is None:
                if after := whole_comment(buffer, place):
                    at = after
                    continue
                return self._declaration(buffer, place)
            whole = WHOLE_TAG.match(buffer, place)
            if whole is None:
                return self._partial_tag(buffer, place)
            name = bytes(name).lower()
            at = whole.end()
            if name not in _SWITCHES:
                if name == b"/body":
                    return self._tag(buffer, place, at)
                verdict = self._judge.verdicts.get(bytes(buffer[place:at]))
                if verdict is not DULL:
                    self._gate(name, buffer, place, at)
                continue
            after = self._whole_element(name, buffer, place, at)
            if self._step != self._markup:
                return after
            at = after

    def _whole_element(self, name: bytes, buffer: Buffer, start: int, end: int) -> int:
        """Take in an element that switches the tokenizer: all of it if its end tag is in the buffer.

        Otherwise the states it would go through take over.
        """
        if name == b"script":
            verdict = self._gate(name, buffer, start, end)
            close, _, is_end = advance_script(buffer, end, ScriptState.PLAIN)
            after = close + len(b"</script>")
            if not is_end or buffer[after - 1] != b">"[0]:
                return self._enter(name, verdict, start, end)
            if verdict.body is not Body.NO_MATTER:
                self._enter(name, verdict, start, end)
                self._decide_script(buffer, close)
                self._step = self._markup
            return after
        if name in _TEXT_ELEMENTS and not self._plan.css:
            ending = CLOSE_TAG[name].search(buffer, end)
            if ending and buffer[ending.end()] == b">"[0]:
                return ending.end() + 1
        elif name == b"svg" and not self._plan.css and buffer[end - 2] != b"/"[0]:
            if island := PLAIN_ISLAND.match(buffer, end):
                return island.end()
        return self._tag(buffer, start, end)

    def _last_markup(self, buffer: Buffer, at: int) -> int:
        """Find out where the tokenizer stands at the end of a buffer in which no candidate is left."""
        end = len(buffer)
        opening = buffer.rfind(b"<", at)
        if opening < 0:
            return self._wait(end, end)
        if not is_in_data(buffer, at, opening):
            place, is_whole = next_data_place(buffer, at, opening)
            if not is_whole:
                return self._partial_tag(buffer, place)
            if place != opening:
                return self._wait(end, end)
        if bytes(buffer[opening : opening + 3]) in (b"<", b"</"):
            return self._wait(opening, opening)
        if TAG_NAME.match(buffer, opening) and not WHOLE_TAG.match(buffer, opening):
            return self._partial_tag(buffer, opening)
        return self._wait(end, end)

    def _foreign_markup(self, buffer: Buffer, at: int) -> int:
        opening = buffer.find(b"<", at)
        if opening < 0:
            return self._wait(len(buffer), len(buffer))
        return self._token(buffer, opening)

    def _token(self, buffer: Buffer, at: int) -> int:
        """Read the token that begins with the ``<`` at this place."""
        if tag := WHOLE_TAG.match(buffer, at):
            return self._tag(buffer, at, tag.end())
        if TAG_NAME.match(buffer, at):
            return self._partial_tag(buffer, at)
        following = bytes(buffer[at + 1 : at + 3])
        if following in (b"", b"/"):
            return self._wait(at, at)
        if following[0] in b"!?/":
            return self._declaration(buffer, at)
        self._step = self._content()
        return at + 1

    # Comments, declarations, CDATA --------------------------------------------------------------------------------

    def _declaration(self, buffer: Buffer, at: int) -> int:
        """``<!``, ``<?`` or ``</`` and no letter (WHATWG 13.2.5.42, markup declaration open state)."""
        self._step = self._declaration
        opening = bytes(buffer[at + 1 : at + 9])
        if opening.startswith(b"!--"):
            return self._comment_start(buffer, at)
        if opening in (b"!", b"!-"):
            return self._wait(at, at)
        if self._foreign.takes_cdata:
            if opening == b"![CDATA[":
                self._step = self._cdata
                return at + 9
            if b"![CDATA[".startswith(opening):
                return self._wait(at, at)
        self._step = self._bogus_comment
        return at + 2

    def _comment_start(self, buffer: Buffer, at: int) -> int:
        body = at + len(b"<!--")
        if ending := COMMENT_ABRUPT_END.match(buffer, body):
            self._step = self._content()
            return ending.end()
        if bytes(buffer[body:]) in (b"", b"-"):
            return self._wait(at, at)
        self._step = self._comment
        return body

    def _comment(self, buffer: Buffer, at: int) -> int:
        if ending := COMMENT_END.search(buffer, at):
            self._step = self._content()
            return ending.end()
        at = max(at, len(buffer) - LONGEST_COMMENT_END + 1)
        return self._wait(at, at)

    def _bogus_comment(self, buffer: Buffer, at: int) -> int:
        return self._through(buffer, at, b">")

    def _cdata(self, buffer: Buffer, at: int) -> int:
        return self._through(buffer, at, b"]]>")

    def _through(self, buffer: Buffer, at: int, ending: bytes) -> int:
        place = buffer.find(ending, at)
        if place < 0:
            at = max(at, len(buffer) - len(ending) + 1)
            return self._wait(at, at)
        self._step = self._content()
        return place + len(ending)

    # Tags ---------------------------------------------------------------------------------------------------------

    def _partial_tag(self, buffer: Buffer, start: int) -> int:
        """A tag whose end is not in the buffer yet."""
        found = TAG_NAME.match(buffer, start)
        name_end = found.end() if found else start + 1
        end = len(buffer)
        if name_end == end and end - start <= _LONGEST_NAME:
            self._step = self._token
            return self._wait(start, start)
        self._start = start
        self._name = bytes(buffer[start + 1 : min(name_end, start + 1 + _LONGEST_NAME)]).lower()
        self._is_held = (
            self._name in _HELD
            or self._name.startswith(b"/")
            or bool(self._foreign)
            or self._plan.css
            or not self.has_injected_head
        )
        self._tag_state = TagState.TAG_NAME
        self._tag_prefix = b""
        self._step = self._rest_of_tag
        return name_end

    def _rest_of_tag(self, buffer: Buffer, at: int) -> int:
        at, self._tag_state = advance_tag(buffer, at, self._tag_state)
        if self._tag_state is TagState.DONE:
            if self._is_held:
                return self._tag(buffer, self._start, at)
            self._step = self._content()
            return at
        if not self._is_held:
            return self._wait(at, at)
        if at - self._start > TAG_LIMIT:
            return self._let_go(buffer, at)
        return self._wait(self._start, at)

    def _let_go(self, buffer: Buffer, at: int) -> int:
        """A tag too long to be held: judge the attributes read so far, let them go, and go on with the next one."""
        piece = self._tag_prefix + bytes(buffer[self._start : at])
        self._judge_piece(piece, self._start, at)
        self._tag_prefix = b"<" + self._name + b" "
        self._step = self._rest_of_value
        return at

    def _rest_of_value(self, buffer: Buffer, at: int) -> int:
        at, self._tag_state = finish_attribute(buffer, at, self._tag_state)
        if self._tag_state is TagState.DONE:
            return self._tag(buffer, at - 1, at)
        if self._tag_state is not TagState.BEFORE_ATTRIBUTE_NAME:
            return self._wait(at, at)
        self._start = at
        self._step = self._rest_of_tag
        return at

    def _judge_piece(self, piece: bytes, start: int, end: int) -> None:
        """Judge a run of attributes of an overlong tag as if they were a tag of their own."""
        name = self._name
        table = LOADING_IN_SVG if self._foreign else LOADING
        if name not in table and (name.startswith(b"/") or not self._plan.css):
            return
        verdict = self._judge.of_tag(name, piece, self._gate_document, svg=bool(self._foreign))
        replacement = verdict.tag
        if name == b"script" and verdict.body is not Body.NO_MATTER and not piece.endswith(b">"):
            # Its source may come yet, or its body may decide, when nothing can be inserted any more: withhold it.
            finding = Finding("script", UNDECLARED, "", True)
            replacement = self._judge.silence(piece, 1 + len(name), UNDECLARED, svg=bool(self._foreign))
            verdict = Verdict(findings=(finding,))
        self._report(verdict.findings)
        if replacement is not None:
            self.stream.replace(start, end, replacement[len(self._tag_prefix) :])

    def _tag(self, buffer: Buffer, start: int, end: int) -> int:
        """Take in a whole tag and go to the state that follows it."""
        if self._tag_prefix:
            return self._overlong_tag(buffer, start, end)
        found = TAG_NAME.match(buffer, start)
        name = bytes(found[1]).lower() if found else b""
        if self._prologue is not Prologue.DONE:
            return self._tag_before_injection(name, buffer, start, end)
        return self._take_tag(name, buffer, start, end)

    def _take_tag(self, name: bytes, buffer: Buffer, start: int, end: int) -> int:
        if buffer[start + 1] == b"/"[0]:
            return self._end_tag(name, start, end)
        if self._foreign or name in (b"svg", b"math"):
            return self._island_tag(name, buffer, start, end)
        return self._start_tag(name, buffer, start, end)

    def _overlong_tag(self, buffer: Buffer, start: int, end: int) -> int:
        """The end of a tag whose beginning has left already."""
        name = self._name
        self._judge_piece(self._tag_prefix + bytes(buffer[start:end]), start, end)
        self._tag_prefix = b""
        if name.startswith(b"/"):
            return self._end_tag(name[1:], start, end)
        if name == b"head" and self._prologue is Prologue.BEFORE_HEAD:
            return self._head_found(end)
        is_closed = buffer[end - 2 : end] == b"/>"
        if self._foreign or name in (b"svg", b"math"):
            realm = self._foreign.start(name, {}, self_closing=is_closed)
            self._step = self._content()
            return end if realm is not Realm.HTML else self._enter(name, DULL, start, end)
        return self._enter(name, DULL, start, end)

    def _end_tag(self, name: bytes, start: int, end: int) -> int:
        if self._ends_text:
            self._ends_text = False
        else:
            if name == b"body" and not self._foreign:
                self._inject_body_end(start)
            self._foreign.end(name)
        self._step = self._content()
        return end

    def _start_tag(self, name: bytes, buffer: Buffer, start: int, end: int) -> int:
        """A start tag that creates an HTML element."""
        verdict = DULL
        if name == b"base":
            self._base(bytes(buffer[start:end]))
        elif name in LOADING or name == b"meta" or self._plan.css:
            verdict = self._gate(name, buffer, start, end)
        return self._enter(name, verdict, start, end)

    def _enter(self, name: bytes, verdict: Verdict, start: int, end: int) -> int:
        """Go to the state of an element's content (WHATWG 13.2.6.4, parsing RCDATA, RAWTEXT and scripts)."""
        self._name = name
        self._start = start
        self._body = end
        if name == b"script":
            self._verdict = verdict
            self._script_state = ScriptState.PLAIN
            self._step = self._script
        elif name == b"noscript" and self._plan.scripting:
            self._inner = self._inside_noscript()
            self._step = self._noscript
        elif name in _TEXT_ELEMENTS or name == b"iframe":
            self._step = self._text
        elif name == b"plaintext":
            self._step = self._plaintext
        else:
            self._step = self._content()
        return end

    def _base(self, tag: bytes) -> None:
        place = None if self._has_base else self._judge.base_for(tag)
        if place is not None:
            self._has_base = True
            self._judge = self._judge.moved_to(place)

    # Foreign content ----------------------------------------------------------------------------------------------

    def _island_tag(self, name: bytes, buffer: Buffer, start: int, end: int) -> int:
        """A start tag inside ``svg`` or ``math``, or one of these."""
        tag = bytes(buffer[start:end])
        attributes, self_closing = _read(tag, 1 + len(name))
        realm = self._foreign.start(name, attributes, self_closing=self_closing)
        if realm is Realm.HTML:
            return self._start_tag(name, buffer, start, end)
        self._step = self._content()
        if realm is Realm.SVG and (name in LOADING_IN_SVG or self._plan.css):
            verdict = self._gate(name, buffer, start, end, svg=True)
            if verdict.body is Body.SCRIPT and not self_closing:
                return self._svg_script(name, buffer, start, end)
        return end

    def _svg_script(self, name: bytes, buffer: Buffer, start: int, end: int) -> int:
        """An inline script in SVG holds markup; what is in it decides, then it is read as the markup it is."""
        self._start = start
        self._body = end
        self._name = name
        if start < self._svg_script_end:  # within another one, whose text includes this one's
            return self._svg_script_decided(buffer)
        self._step = self._svg_script_ahead
        return end

    def _svg_script_ahead(self, buffer: Buffer, at: int) -> int:
        ending = CLOSE_TAG[b"script"].search(buffer, at)
        if ending is None and len(buffer) - self._start <= SCRIPT_LIMIT:
            return self._wait(self._start, max(at, len(buffer) - len(b"</script")))
        self._svg_script_end = ending.start() if ending else len(buffer)
        text = bytes(buffer[self._body : self._svg_script_end])
        self._svg_script_category = self._judge.of_svg_script(text)
        return self._svg_script_decided(buffer)

    def _svg_script_decided(self, buffer: Buffer) -> int:
        if self._svg_script_category is not None:
            self._silence(buffer, self._svg_script_category, svg=True)
        self._step = self._content()
        return self._body

    # Elements that hold text --------------------------------------------------------------------------------------

    def _script(self, buffer: Buffer, at: int) -> int:
        at, self._script_state, is_end = advance_script(buffer, at, self._script_state)
        is_held = self._verdict.body is not Body.NO_MATTER
        if is_end:
            if is_held:
                self._decide_script(buffer, at)
            self._ends_text = True
            self._step = self._token
            return at
        if is_held and len(buffer) - self._start > SCRIPT_LIMIT:
            self._decide_script(buffer, at)
            is_held = False
        return self._wait(self._start if is_held else at, at)

    def _decide_script(self, buffer: Buffer, end: int) -> None:
        text = bytes(buffer[self._body : end])
        if self._verdict.body is Body.SPECULATION:
            category = self._judge.of_speculation(text)
        else:
            category = self._judge.of_script(text)
        self._verdict = DULL
        if category is not None:
            self._silence(buffer, category)

    def _silence(self, buffer: Buffer, category: str, *, svg: bool = False) -> None:
        tag = bytes(buffer[self._start : self._body])
        self._report((Finding("script", category, "", True),))
        self.stream.replace(self._start, self._body, self._judge.silence(tag, len(b"<script"), category, svg=svg))

    def _text(self, buffer: Buffer, at: int) -> int:
        ending = CLOSE_TAG[self._name].search(buffer, at)
        is_gated = self._plan.css and self._name == b"style"
        if ending is None:
            at = max(at, len(buffer) - len(self._name) - len(b"</"))
            if is_gated and at - self._body <= SCRIPT_LIMIT:
                return self._wait(min(self._body, at), at)
            if is_gated:
                self._gate_css(buffer, at)
            return self._wait(at, at)
        if is_gated:
            self._gate_css(buffer, ending.start())
        self._ends_text = True
        self._step = self._token
        return ending.start()

    def _gate_css(self, buffer: Buffer, end: int) -> None:
        text = bytes(buffer[self._body : end])
        gated = self._judge.gate_css(text)
        if gated != text:
            self.stream.replace(self._body, end, gated)
        self._body = end

    def _plaintext(self, buffer: Buffer, at: int) -> int:
        return self._wait(len(buffer), len(buffer))

    # noscript: text for browsers that run scripts, markup for the others ------------------------------------------

    def _inside_noscript(self) -> Machine:
        plan = self._plan
        return Machine(
            Plan(
                judge=self._judge,
                on_finding=plan.on_finding,
                css=plan.css,
                scripting=False,
                is_fragment=True,
                depth=plan.depth,
            )
        )

    def _noscript(self, buffer: Buffer, at: int) -> int:
        ending = CLOSE_TAG[b"noscript"].search(buffer, at)
        upto = ending.start() if ending else max(at, len(buffer) - len(b"</noscript"))
        self._pass_inside(buffer, at, upto)
        if ending is None:
            return self._wait(upto, upto)
        self._close_inside(upto)
        self._ends_text = True
        self._step = self._token
        return upto

    def _pass_inside(self, buffer: Buffer, start: int, end: int) -> None:
        if self._inner is not None and start < end:
            self._take_inside(self._inner, start, end, self._inner.feed(bytes(buffer[start:end])))

    def _close_inside(self, place: int) -> None:
        if self._inner is not None:
            inner, self._inner = self._inner, None
            self._take_inside(inner, place, place, inner.close())

    def _take_inside(self, inner: Machine, start: int, end: int, gated: bytes) -> None:
        is_changed = self.stream.is_changed or inner.stream.is_changed
        self.stream.replace(start, end, gated)
        self.stream.is_changed = is_changed

    # Judging ------------------------------------------------------------------------------------------------------

    def _gate(self, name: bytes, buffer: Buffer, start: int, end: int, *, svg: bool = False) -> Verdict:
        tag = bytes(buffer[start:end])
        verdict = self._judge.of_tag(name, tag, self._gate_document, svg=svg)
        if verdict is DULL:
            return verdict
        self._report(verdict.findings)
        if verdict.tag is not None:
            replacement = self._with_placeholder(verdict.embed, verdict.tag, start)
            self.stream.replace(start, end, replacement)
        return verdict

    def _with_placeholder(self, embed: Embed | None, tag: bytes, start: int) -> bytes:
        plan = self._plan
        if embed is None or plan.placeholder is None or self._foreign:
            return tag
        placeholder = plan.placeholder(embed)
        if not placeholder:
            return tag
        self.stream.insert(start, placeholder)
        return hide(tag, 1 + len(embed.element))

    def _report(self, findings: tuple[Finding, ...]) -> None:
        for finding in findings:
            self._plan.on_finding(finding)

    def _gate_document(self, document: bytes) -> str | None:
        """Gate a document that stands in an attribute; the category of the first thing withheld in it, or None."""
        if self._plan.depth >= DEEPEST_DOCUMENT:
            return UNDECLARED if b"<" in document else None
        withheld: list[Finding] = []
        inner = Machine(
            Plan(
                judge=self._judge,
                on_finding=lambda finding: withheld.append(finding) if finding.withheld else None,
                css=self._plan.css,
                depth=self._plan.depth + 1,
            )
        )
        inner.feed(document)
        inner.close()
        return withheld[0].category if withheld else None

    # Injections ---------------------------------------------------------------------------------------------------

    def _before_injection(self, buffer: Buffer, at: int) -> int:
        """Up to where the head begins or would begin (WHATWG 13.2.6.4.1 to .3)."""
        if not self._started:
            if _BYTE_ORDER_MARK.startswith(bytes(buffer[:3])) and len(buffer) < 3:
                return self._wait(0, 0)
            self._started = True
            at = 3 if buffer[:3] == _BYTE_ORDER_MARK else at
        found = _TEXT_START.search(buffer, at)
        if found is None:
            return self._wait(len(buffer), len(buffer))
        at = found.start()
        if buffer[at] != b"<"[0]:
            return self._inject_head(at)
        tag = WHOLE_TAG.match(buffer, at)
        name = TAG_NAME.match(buffer, at)
        if name is None:
            return self._token_before_injection(buffer, at)
        if tag is None and name.end() == len(buffer):
            return self._partial_tag(buffer, at)
        return self._tag_before_injection(bytes(name[1]).lower(), buffer, at, tag.end() if tag else WAIT)

    def _token_before_injection(self, buffer: Buffer, at: int) -> int:
        following = bytes(buffer[at + 1 : at + 3])
        if following and following[0] not in b"!?/":
            return self._inject_head(at)
        return self._token(buffer, at)

    def _tag_before_injection(self, name: bytes, buffer: Buffer, start: int, end: int) -> int:
        is_end_tag = buffer[start + 1] == b"/"[0]
        is_charset_phase = self._prologue is Prologue.BEFORE_CHARSET
        passes = (
            name not in _IMPLY_HEAD
            if is_end_tag
            else name in (b"meta", b"title")
            if is_charset_phase
            else name in (b"html", b"head")
        )
        if not passes:
            return self._inject_head(start)
        if end == WAIT:
            return self._partial_tag(buffer, start)
        if is_end_tag or name == b"html":
            self._ends_text = False
            self._step = self._content()
            return end
        if name == b"head":
            return self._head_found(end)
        declares = name == b"meta" and _PRESCANNED.search(buffer, start, end)
        after = self._take_tag(name, buffer, start, end)
        return self._inject_head(after) if declares else after

    def _head_found(self, place: int) -> int:
        if self._plan.charset_declared or len(self._plan.inject_head) <= SHORT_SNIPPET:
            return self._inject_head(place)
        self._prologue = Prologue.BEFORE_CHARSET
        self._step = self._content()
        return place

    def _inject_head(self, place: int) -> int:
        self.stream.insert(place, self._plan.inject_head)
        self._prologue = Prologue.DONE
        self._step = self._content()
        return place

    def _inject_body_end(self, place: int) -> None:
        if self._owes_body_end:
            self._owes_body_end = False
            self.stream.insert(place, self._plan.inject_body_end)

    # The end ------------------------------------------------------------------------------------------------------

    def _finish(self, buffer: Buffer) -> None:
        """What is unfinished stays as it is: browsers drop an unfinished tag and never run an unfinished script.

        Inside ``noscript`` nothing is unfinished for a browser without scripts: it reads on behind the end.
        """
        end = len(buffer)
        if self._inner is not None:
            self._pass_inside(buffer, self._at, end)
            self._close_inside(end)
        if self._plan.is_fragment:
            self._finish_fragment(buffer, end)
        in_markup = self._step in (self._markup, self._foreign_markup, self._before_injection, self._token)
        if in_markup and not self._plan.is_fragment:
            place = self._at if self._step == self._token else end  # before a tag that was never finished
            if self._prologue is not Prologue.DONE:
                self._inject_head(place)
            self._inject_body_end(place)

    def _finish_fragment(self, buffer: Buffer, end: int) -> None:
        if self._step == self._rest_of_tag and self._is_held and not self._name.startswith(b"/"):
            self._judge_piece(self._tag_prefix + bytes(buffer[self._start : end]), self._start, end)
        elif self._step == self._script and self._verdict.body is not Body.NO_MATTER:
            self._decide_script(buffer, end)
        elif self._step == self._svg_script_ahead:
            self._svg_script_category = self._judge.of_svg_script(bytes(buffer[self._body : end]))
            self._svg_script_decided(buffer)
        elif self._step == self._text and self._plan.css and self._name == b"style":
            self._gate_css(buffer, end)


def _read(tag: bytes, name_end: int) -> tuple[dict[bytes, bytes], bool]:
    """A tag's attributes, of which the first duplicates count, and whether it closes itself."""
    attributes: dict[bytes, bytes] = {}
    last_end = name_end
    for attribute in ATTRIBUTE.finditer(tag, name_end, len(tag) - 1):
        name, double, single, bare = attribute.groups()
        attributes.setdefault(name.lower(), double or single or bare or b"")
        last_end = attribute.end()
    return attributes, tag.endswith(b"/>") and last_end < len(tag) - 1
