"""Where a page leads: its links, and what it is made of.

Read with the tokenizer of the HTML gate, which takes time linear in whatever a server sends. A library that builds the
tree does not: two hundred thousand nested elements, a megabyte, keep it busy for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..html.charrefs import decode_attribute
from ..html.tokens import CLOSE_TAG, WHOLE_TAG, read_attributes

_TEXT_ELEMENTS = (b"script", b"style", b"textarea", b"title")
_LINKS = {b"a": b"href", b"area": b"href", b"iframe": b"src", b"frame": b"src"}
_PARTS = {b"img": b"src", b"script": b"src"}


@dataclass(frozen=True, slots=True)
class Reference:
    """An address as a page writes it. ``role`` is ``"base"``, ``"link"`` to a page, or ``"part"`` of this one."""

    role: str
    address: str


def references(page: bytes, encoding: str) -> Iterator[Reference]:
    """Yield where a page leads, in its order."""
    for name, tag in _start_tags(page):
        attributes = read_attributes(tag, 1 + len(name))
        role, value = _role(name, attributes)
        if role and value is not None:
            try:
                address = decode_attribute(value.decode(encoding, "replace"))
            except LookupError:  # a charset nobody knows
                address = decode_attribute(value.decode("utf-8", "replace"))
            yield Reference(role, address)


def _role(name: bytes, attributes: dict[bytes, bytes]) -> tuple[str, bytes | None]:
    if name in _LINKS:
        return "link", attributes.get(_LINKS[name])
    if name in _PARTS:
        return "part", attributes.get(_PARTS[name])
    if name == b"base":
        return "base", attributes.get(b"href")
    is_style = name == b"link" and b"stylesheet" in attributes.get(b"rel", b"").lower().split()
    return ("part", attributes.get(b"href")) if is_style else ("", None)


def _start_tags(page: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while (at := page.find(b"<", at)) >= 0:
        if page.startswith(b"<!--", at):
            end = page.find(b"-->", at + 4)
            at = len(page) if end < 0 else end
            continue
        tag = WHOLE_TAG.match(page, at)
        if tag is None:
            if page[at + 1 : at + 2].isalpha():
                return  # the page breaks off inside a tag
            at += 1
            continue
        at = tag.end()
        name = tag[1].lower()
        if page.startswith(b"</", tag.start()):
            continue
        yield name, tag[0]
        if name in _TEXT_ELEMENTS:
            closing = CLOSE_TAG[name].search(page, at)
            at = len(page) if closing is None else closing.start()
