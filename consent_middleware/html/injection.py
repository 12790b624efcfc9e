"""Markup that the site wants in its pages: where the head begins or would begin, and where the body ends.

On the way to the head stands the language of the document, on which what comes later may depend.

It is part of the state machine, so that nothing is held for it, whatever comes before ``<head>``.
"""

from __future__ import annotations

from abc import abstractmethod

from .charrefs import decode_attribute
from .document import Document
from .plan import (
    BYTE_ORDER_MARK,
    IMPLY_HEAD,
    LONGEST_NAME,
    PRESCANNED,
    SHORT_SNIPPET,
    TAG_LIMIT,
    WAIT,
    Prologue,
)
from .tokens import BEFORE_HEAD, TAG_NAME, WHOLE_TAG, Buffer, read_attributes


class InjectedDocument(Document):
    """A document with injections."""

    @abstractmethod
    def _token(self, buffer: Buffer, at: int) -> int: ...

    @abstractmethod
    def _partial_tag(self, buffer: Buffer, start: int) -> int: ...

    @abstractmethod
    def _take_tag(self, name: bytes, buffer: Buffer, start: int, end: int) -> int: ...

    def _before_injection(self, buffer: Buffer, at: int) -> int:
        """Up to where the head begins or would begin (WHATWG 13.2.6.4.1 to .3)."""
        if not self._started:
            if BYTE_ORDER_MARK.startswith(bytes(buffer[:3])) and len(buffer) < 3:
                return self._wait(0, 0)
            self._started = True
            at = 3 if buffer[:3] == BYTE_ORDER_MARK else at
        passed = BEFORE_HEAD.match(buffer, at)
        at = passed.end() if passed else at
        if at == len(buffer):
            return self._wait(at, at)
        if buffer[at] != b"<"[0]:
            return self._inject_head(at)
        tag = WHOLE_TAG.match(buffer, at)
        name = tag or TAG_NAME.match(buffer, at)
        if name is None:
            return self._token_before_injection(buffer, at)
        if tag is None and name.end() == len(buffer) and name.end() - at <= LONGEST_NAME:
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
            name not in IMPLY_HEAD
            if is_end_tag
            else name in (b"meta", b"title")
            if is_charset_phase
            else name in (b"html", b"head")
        )
        if not passes:
            self._inject_head(start)
        if end == WAIT:
            return self._partial_tag(buffer, start)
        if not passes:
            return self._take_tag(name, buffer, start, end)
        if is_end_tag:
            self._ends_text = False
            self._step = self._content()
            return end
        if name == b"html":
            self._read_language(bytes(buffer[start:end]))
        declares = name == b"meta" and PRESCANNED.search(buffer, start, end)
        after = self._take_tag(name, buffer, start, end)
        if name == b"head":
            return self._head_found(after)
        return self._inject_head(after) if declares else after

    def _read_language(self, tag: bytes) -> None:
        """Take the language from an ``html`` tag; a further one only adds what the first does not have (13.2.6.4.7).

        ``xml:lang`` says nothing in HTML (3.2.6.2). One that comes behind the head is too late to be waited for.
        """
        if self._language is None and len(tag) <= TAG_LIMIT:
            value = read_attributes(tag, len(b"<html")).get(b"lang")
            # Language tags are ASCII, whatever the document is in.
            self._language = None if value is None else decode_attribute(value.decode("latin-1"))

    def _head_found(self, place: int) -> int:
        if self._plan.charset_declared or len(self._plan.inject_head) <= SHORT_SNIPPET:
            return self._inject_head(place)
        self._prologue = Prologue.BEFORE_CHARSET
        self._step = self._content()
        return place

    def _inject_head(self, place: int) -> int:
        if self._plan.inject_head:
            self.stream.insert(place, self._plan.inject_head)
        self._prologue = Prologue.DONE
        self._step = self._content()
        return place

    def _inject_body_end(self, place: int) -> None:
        if self._owes_body_end:
            self._owes_body_end = False
            if markup := self._plan.body_end(self.language):
                self.stream.insert(place, markup)
