"""A document on its way through the gate: what every state of the machine stands on, and the comments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from .foreign import ForeignStack
from .plan import PING, WAIT, Plan, Prologue
from .stream import Stream
from .tokens import (
    COMMENT_ABRUPT_END,
    COMMENT_END,
    LONGEST_COMMENT_END,
    Buffer,
    ScriptState,
    TagState,
)
from .verdicts import DULL


class Document(ABC):
    """One document; its states are methods, most of them in the subclasses."""

    def __init__(self, plan: Plan) -> None:
        self.stream = Stream()
        self._plan = plan
        self._judge = plan.judge
        self._foreign = ForeignStack()
        self._prologue = Prologue.BEFORE_HEAD if plan.has_prologue else Prologue.DONE
        self._language: str | None = None
        self._owes_body_end = bool(plan.inject_body_end)
        self._has_base = False
        self._started = not plan.has_prologue
        self._step: Callable[[Buffer, int], int] = self._content()
        self._at = 0
        self._keep = 0
        self._anchors = False
        self._names_file = False
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
        self._inner: Document | None = None
        self._plan_inside: Plan | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Take in a chunk and return what may go."""
        buffer = self.stream.extend(chunk)
        # A tag that is not whole in one chunk is never passed over by the search, so the chunk alone decides.
        self._survey(chunk)
        self._run(buffer, self._at)
        return self._drain()

    def _survey(self, text: Buffer) -> None:
        """Find out how closely the tags in a text have to be looked at."""
        self._anchors = PING.search(text) is not None
        self._names_file = self._judge.mentions_file(text)

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

    @property
    def language(self) -> str:
        """What the document's ``<html lang>`` says, as it was written; "" without any, or before the head."""
        return self._language or ""

    def release(self) -> bytes:
        """Give back everything that has not gone out; the document must not be fed after that."""
        inner, self._inner = self._inner, None
        return self.stream.rest(b"" if inner is None else inner.release())

    @abstractmethod
    def close(self) -> bytes:
        """Take in the end of the document and return what is left."""

    def _run(self, buffer: Buffer, at: int) -> None:
        while at != WAIT:
            at = self._step(buffer, at)

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
        if self._plan.css and self._foreign.in_svg_style:
            return self._svg_style
        return self._foreign_markup if self._foreign else self._markup

    @abstractmethod
    def _svg_style(self, buffer: Buffer, at: int) -> int: ...

    @abstractmethod
    def _markup(self, buffer: Buffer, at: int) -> int: ...

    @abstractmethod
    def _foreign_markup(self, buffer: Buffer, at: int) -> int: ...

    @abstractmethod
    def _before_injection(self, buffer: Buffer, at: int) -> int: ...

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
                self._body = at + 9
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
        if bytes(buffer[body : body + 2]) in (b"", b"-"):
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
