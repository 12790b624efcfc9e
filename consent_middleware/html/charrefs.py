"""Character references, decoded as browsers decode them inside attribute values.

``html.unescape`` follows the rules for text, where ``&copy=1`` means ``©=1``; in an attribute it stays as it is
(WHATWG 13.2.5.73, named character reference state). It also drops control characters that browsers keep.
"""

from __future__ import annotations

import re
from html.entities import html5

_REFERENCE = re.compile(r"&(?:#([0-9]++)|#[xX]([0-9a-fA-F]++)|([A-Za-z][A-Za-z0-9]*+));?+")
_REPLACEMENT = "\ufffd"
_LAST_CODE_POINT = 0x10FFFF
_LONGEST_NUMBER = 8
"""Digits, leading zeros apart: more cannot be a code point, and int() refuses absurdly long ones."""


def decode_attribute(value: str) -> str:
    """Decode the character references of an attribute value."""
    return _REFERENCE.sub(_character, value) if "&" in value else value


def _character(reference: re.Match[str]) -> str:
    decimal, hexadecimal, name = reference.groups()
    if decimal:
        return _code_point(decimal, 10)
    if hexadecimal:
        return _code_point(hexadecimal, 16)
    whole = reference[0]
    if whole.endswith(";"):
        return html5.get(f"{name};", whole)
    if reference.string.startswith("=", reference.end()):
        return whole
    return html5.get(name, whole)


def _code_point(digits: str, base: int) -> str:
    significant = digits.lstrip("0")
    if len(significant) > _LONGEST_NUMBER:
        return _REPLACEMENT
    number = int(significant or "0", base)
    if number == 0 or number > _LAST_CODE_POINT or 0xD800 <= number <= 0xDFFF:
        return _REPLACEMENT
    if 0x80 <= number <= 0x9F:  # the table of WHATWG 13.2.5.80 is Windows-1252
        return bytes([number]).decode("cp1252", errors="replace") if number not in _NOT_IN_1252 else chr(number)
    return chr(number)


_NOT_IN_1252 = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})
