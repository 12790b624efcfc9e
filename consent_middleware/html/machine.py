"""The gate's states: where in the document the tokenizer stands, what is held back, what is judged.

The fast path is ``_markup``: one compiled search jumps to the next tag that matters, a constant-time proof says that
it is a tag and not text inside an attribute value, and only when the proof fails are the tags before it tokenised.
Every state is a method that takes the buffer and a place in it, and returns the place from which to go on, or WAIT
after saying what to keep. No byte is read twice for being held back.
"""

from __future__ import annotations

import re

from .elements import EMBEDS, GATED, HELD, HOLD_TEXT, LOADING, LOADING_IN_SVG, SWITCHES
from .foreign import Realm
from .islands import TO_EVERY_TAG
from .judged import JudgedDocument
from .plan import (
    LONGEST_NAME,
    NO_ATTRIBUTES,
    READ_IN_ISLANDS,
    SCRIPT_LIMIT,
    TAG_LIMIT,
    Prologue,
)
from .search import SEARCH_EVERY_TAG, Search
from .tokens import (
    CLOSE_TAG,
    ORDINARY_SCRIPT,
    TAG_NAME,
    WHOLE_TAG,
    Buffer,
    ScriptState,
    TagState,
    advance_tag,
    finish_attribute,
    is_in_data,
    is_self_closing,
    next_data_place,
    read_attributes,
    whole_comment,
)
from .verdicts import DULL, UNDECLARED, Body, Finding, Verdict

_PLAINLY_JUDGED = GATED - EMBEDS
"""Elements behind whose tag nothing changes, and in whose place nothing is put."""

_NOTED_IN_ISLANDS = (HELD - {b"svg", b"math"}) | LOADING_IN_SVG.keys() | READ_IN_ISLANDS
"""Elements in ``svg`` and ``math`` for which it is not enough to know that they are open."""


class Machine(JudgedDocument):
    """The states, and what is judged in them."""

    def close(self) -> bytes:
        """Take in the end of the document and return what is left."""
        buffer = self.stream.buffer
        if self._step == self._svg_script_ahead:
            self._svg_script_end = len(buffer)
            self._svg_script_category = self._judge.of_svg_script(bytes(buffer[self._body :]))
            self._survey(buffer)
            self._run(buffer, self._svg_script_decided(buffer))
        self._finish(buffer)
        return self.stream.rest()

    # Markup -------------------------------------------------------------------------------------------------------

    def _markup(self, buffer: Buffer, at: int) -> int:
        search = self._search()
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
            name = bytes(name).lower()
            if name == b"script" and (script := ORDINARY_SCRIPT.match(buffer, place)):
                self._ordinary_script(buffer, script)
                at = script.end()
                continue
            whole = WHOLE_TAG.match(buffer, place)
            if whole is None:
                return self._partial_tag(buffer, place)
            at = whole.end()
            if name not in SWITCHES:
                if name == b"/body":
                    self._inject_body_end(place)
                    continue
                verdict = self._judge.verdicts.get(bytes(buffer[place:at]))
                if verdict is not DULL:
                    self._gate(name, buffer, place, at)
                continue
            after = self._whole_element(name, buffer, place, at)
            if self._step != self._markup:
                return after
            at = after
            if name == b"base":
                search = self._search()

    def _search(self) -> Search:
        if self._plan.css:
            return SEARCH_EVERY_TAG
        return self._judge.search(anchors=self._anchors, files=self._names_file)

    def _ordinary_script(self, buffer: Buffer, script: re.Match[bytes]) -> None:
        tag, text = script.groups()
        self._start, self._body = script.span(1)
        verdict = self._judge.verdicts.get(tag)
        if verdict is None or verdict.findings:
            verdict = self._gate(b"script", buffer, self._start, self._body)
        if verdict.body is not Body.NO_MATTER:
            self._decide_script(buffer, verdict.body, text)

    def _whole_element(self, name: bytes, buffer: Buffer, start: int, end: int) -> int:
        """Take in an element that switches the tokenizer: all of it if its end tag is in the buffer.

        Otherwise the states it would go through take over.
        """
        if name == b"base":
            self._base(bytes(buffer[start:end]))
            return end
        if self._plan.css:
            return self._tag(buffer, start, end)
        if name in (b"script", b"noscript"):
            return self._start_tag(name, buffer, start, end)
        if name in HOLD_TEXT:
            ending = CLOSE_TAG[name].search(buffer, end)
            if ending and buffer[ending.end()] == b">"[0]:
                if name == b"iframe":
                    self._gate(name, buffer, start, end)
                return ending.end() + 1
        elif name in (b"svg", b"math") and buffer[end - 2] != b"/"[0]:
            self._foreign.start(name, NO_ATTRIBUTES, self_closing=False)
            self._step = self._foreign_markup
            return end
        return self._tag(buffer, start, end)

    def _noscript_of_tags(self, buffer: Buffer, end: int) -> int:
        """Take in a whole ``noscript`` that holds only tags to be judged one by one, as most do.

        Returns the place after it, or 0 where there is more to it; then nothing has been done.
        """
        if not self._plan.scripting:
            return end
        ending = CLOSE_TAG[b"noscript"].search(buffer, end)
        if ending is None or buffer[ending.end()] != b">"[0]:
            return 0
        search, at, close = self._search(), end, ending.start()
        tags: list[tuple[bytes, int, int]] = []
        while candidate := search(buffer, at, close):
            place = candidate.start()
            if not is_in_data(buffer, at, place):
                return 0
            if candidate[1] is None and (after := whole_comment(buffer, place)):
                at = after
                continue
            name = bytes(candidate[1] or b"").lower()
            tag = WHOLE_TAG.match(buffer, place, close)
            if tag is None or name not in _PLAINLY_JUDGED:
                return 0
            tags.append((name, *tag.span()))
            at = tag.end()
        if at > close:  # a comment that ends behind what is a noscript for others
            return 0
        for tag_name, start, tag_end in tags:
            self._gate(tag_name, buffer, start, tag_end)
        return ending.end() + 1

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
        foreign = self._foreign
        elements = foreign.elements
        every = self._plan.css
        while elements:
            stretch = (TO_EVERY_TAG if every else foreign.stretch).match(buffer, at)
            if stretch is None or stretch["name"] is None:
                return self._token_in_island(buffer, stretch.end() if stretch else at)
            slash, name, closing = stretch.group("slash", "name", "closing")
            name = name.lower()
            if slash:
                foreign.end(name)
                if every and foreign.in_svg_style:
                    at = stretch.end()
                    break
            elif every or name in _NOTED_IN_ISLANDS:
                start, end = stretch.start("slash") - 1, stretch.end()
                at = self._island_tag(name, buffer, start, end, self_closing=bool(closing))
                if self._step != self._foreign_markup:
                    return at
                continue
            else:
                foreign.start(name, NO_ATTRIBUTES, self_closing=bool(closing))
            at = stretch.end()
        self._step = self._content()
        return at

    def _token_in_island(self, buffer: Buffer, at: int) -> int:
        return self._token(buffer, at) if at < len(buffer) else self._wait(at, at)

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

    # Tags ---------------------------------------------------------------------------------------------------------

    def _partial_tag(self, buffer: Buffer, start: int) -> int:
        """A tag whose end is not in the buffer yet."""
        found = TAG_NAME.match(buffer, start)
        name_end = found.end() if found else start + 1
        end = len(buffer)
        if name_end == end and end - start <= LONGEST_NAME:
            self._step = self._token if self.has_injected_head else self._before_injection
            return self._wait(start, start)
        self._start = start
        self._name = bytes(buffer[start + 1 : min(name_end, start + 1 + LONGEST_NAME)]).lower()
        self._is_held = (
            self._name in HELD
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
            self_closing = is_self_closing(bytes(buffer[start:end]), 1 + len(name))
            return self._island_tag(name, buffer, start, end, self_closing=self_closing)
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
        if name == b"noscript" and not self._plan.css and (after := self._noscript_of_tags(buffer, end)):
            self._step = self._content()
            return after
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
        elif name in HOLD_TEXT:
            self._step = self._text
        elif name == b"plaintext":
            self._step = self._plaintext
        else:
            self._step = self._content()
        return end

    def _base(self, tag: bytes) -> None:
        if self._has_base or len(tag) == len(b"<base>"):
            return
        place = self._judge.base_for(tag)
        if place is not None:
            self._has_base = True
            self._judge = self._judge.moved_to(place)

    # Foreign content ----------------------------------------------------------------------------------------------

    def _island_tag(self, name: bytes, buffer: Buffer, start: int, end: int, *, self_closing: bool) -> int:
        """A start tag inside ``svg`` or ``math``, or one of these."""
        tag = bytes(buffer[start:end])
        attributes = read_attributes(tag, 1 + len(name)) if name in READ_IN_ISLANDS else NO_ATTRIBUTES
        realm = self._foreign.start(name, attributes, self_closing=self_closing)
        self._step = self._content()
        if realm is Realm.HTML:
            is_dull = name in GATED and self._judge.verdicts.get(tag) is DULL
            return end if is_dull else self._start_tag(name, buffer, start, end)
        if realm is Realm.SVG and (name in LOADING_IN_SVG or self._plan.css) and not self._is_known_to_pass(tag, start):
            verdict = self._gate(name, buffer, start, end, svg=True)
            if verdict.body is Body.SCRIPT and not self_closing:
                return self._svg_script(name, buffer, start, end)
        return end

    def _is_known_to_pass(self, tag: bytes, start: int) -> bool:
        """Whether a tag was found, where it stood before, to load nothing from SVG; nor does the script it begins."""
        verdict = self._judge.svg_verdicts.get(tag)
        if verdict is None or verdict.body is Body.NO_MATTER:
            return verdict is DULL
        return not verdict.findings and start < self._svg_script_end and self._svg_script_category is None

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
        if not self._start:  # held since an earlier chunk, and to be read as markup now
            self._survey(buffer)
        text = bytes(buffer[self._body : self._svg_script_end])
        self._svg_script_category = self._judge.of_svg_script(text)
        return self._svg_script_decided(buffer)

    def _svg_script_decided(self, buffer: Buffer) -> int:
        if self._svg_script_category is not None:
            self._silence(buffer, self._svg_script_category, svg=True)
        self._step = self._content()
        return self._body

    # The end ------------------------------------------------------------------------------------------------------

    def _finish(self, buffer: Buffer) -> None:
        """What is unfinished stays as it is: browsers drop an unfinished tag and never run an unfinished script.

        A style sheet counts without its end.

        Inside ``noscript`` nothing is unfinished for a browser without scripts: it reads on behind the end.
        """
        end = len(buffer)
        if self._inner is not None:
            self.stream.copy(self._at)
            self._pass_inside(buffer, self._at, end)
            self._close_inside(end)
        if self._is_in_css:
            self._gate_css(buffer, end)
        elif self._plan.is_fragment:
            self._finish_fragment(buffer, end)
        in_markup = self._step in (self._markup, self._foreign_markup, self._before_injection, self._token)
        if in_markup and not self._plan.is_fragment:
            place = self._at if self._step == self._token else end  # before a tag that was never finished
            if self._prologue is not Prologue.DONE:
                self._inject_head(place)
            self._inject_body_end(place)

    @property
    def _is_in_css(self) -> bool:
        """Whether a style sheet is being held."""
        if not self._plan.css:
            return False
        in_html = self._step == self._text and self._name == b"style"
        return (
            in_html or self._step == self._svg_style_text or (self._step == self._cdata and self._foreign.in_svg_style)
        )

    def _finish_fragment(self, buffer: Buffer, end: int) -> None:
        if self._step == self._rest_of_tag and self._is_held and not self._name.startswith(b"/"):
            self._judge_piece(self._tag_prefix + bytes(buffer[self._start : end]), self._start, end)
        elif self._step == self._script and self._verdict.body is not Body.NO_MATTER:
            self._decide_script(buffer, self._verdict.body, bytes(buffer[self._body : end]))
