"""Bytes in, edited bytes out: what is held back, what has been copied, what was inserted."""

from __future__ import annotations

from .tokens import Buffer

_CHEAP_TO_JOIN = 1024
"""Held bytes up to this many are joined to the next chunk; more of them grow in place, so that a large hold fed byte
by byte is not copied for every byte."""


class Stream:
    """One response on its way through the gate.

    ``buffer`` is what was held back followed by the newest chunk. Edits go from left to right. Whatever happens,
    ``rest`` gives every byte that has not left yet.
    """

    def __init__(self) -> None:
        self.buffer: Buffer = b""
        self.is_changed = False
        self._out: list[Buffer] = []
        self._copied = 0

    def extend(self, chunk: bytes) -> Buffer:
        """Take in a chunk."""
        if not self.buffer:
            self.buffer = chunk
        elif isinstance(self.buffer, bytearray) or len(self.buffer) <= _CHEAP_TO_JOIN:
            self.buffer += chunk
        else:
            self.buffer = bytearray(self.buffer)
            self.buffer += chunk
        return self.buffer

    def insert(self, place: int, insertion: bytes) -> None:
        """Put ``insertion`` in front of the byte at ``place``."""
        self.replace(place, place, insertion)

    def replace(self, start: int, end: int, replacement: bytes) -> None:
        """Put ``replacement`` where ``start:end`` was."""
        self._out += (self.buffer[self._copied : start], replacement)
        self._copied = end
        self.is_changed = True

    def copy(self, place: int) -> None:
        """Let everything before ``place`` go out as it is."""
        self._out.append(self.buffer[self._copied : place])
        self._copied = place

    def move(self, place: int) -> None:
        """Leave everything before ``place`` to somebody else, who will ``insert`` what becomes of it."""
        self._copied = place

    def drain(self, keep: int) -> bytes:
        """Let everything before ``keep`` go. What is held begins at 0 from then on."""
        if self._copied > keep:  # an edit reached beyond what may be kept: it has left already
            raise ValueError("nothing that was edited can be held back")
        head: Buffer
        if self._out:
            with memoryview(self.buffer)[self._copied : keep] as rest:  # most of a page: it is copied once, not twice
                head = b"".join((*self._out, rest))
            self._out = []
        else:
            takes_all = keep == len(self.buffer) and not self._copied
            head = bytes(self.buffer) if takes_all else bytes(self.buffer[self._copied : keep])
        self._copied = 0
        if keep == len(self.buffer):
            self.buffer = b""
        elif isinstance(self.buffer, bytearray):
            del self.buffer[:keep]
        else:
            self.buffer = self.buffer[keep:]
        return bytes(head)

    def rest(self, moved: bytes = b"") -> bytes:
        """Everything that has not left yet, edits included. ``moved`` is what somebody else still has of it."""
        if moved:
            self._out.append(moved)
        return self.drain(len(self.buffer))
