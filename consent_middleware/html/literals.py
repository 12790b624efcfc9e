"""Finding any of many literal strings in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

Finder = Callable[[bytes], "bytes | None"]
"""Gives the first literal that occurs in a text, or None."""

_Trie = dict[str, Any]


def trie_pattern(words: Iterable[str], *, ignore_case: bool = False) -> str:
    """Build a regular expression for any of ``words``, the longest at each place.

    A plain alternation tries every word at every position; a trie tries each letter once, five times as fast.
    """
    root: _Trie = {}
    for word in words:
        node = root
        for letter in word:
            node = node.setdefault(letter, {})
        node[""] = {}
    return _alternatives(root, ignore_case)


def finder(words: Iterable[bytes]) -> Finder:
    """Compile a search for any of ``words``: with ahocorasick_rs where it is installed, with ``re`` otherwise."""
    literals = [word for word in dict.fromkeys(words) if word]
    if not literals:
        return lambda text: None
    return native_finder(literals) or _pattern_finder(literals)


def _alternatives(node: _Trie, ignore_case: bool) -> str:
    branches = [
        _letter(letter, ignore_case) + _alternatives(rest, ignore_case)
        for letter, rest in sorted(node.items())
        if letter
    ]
    if not branches:
        return ""
    if "" in node:
        return f"(?:{'|'.join(branches)})?"
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _letter(letter: str, ignore_case: bool) -> str:
    if ignore_case and letter.lower() != letter.upper():
        return f"[{letter.lower()}{letter.upper()}]"
    return re.escape(letter)


_RAREST_IN_SCRIPTS = b"KVY$HUqGBLOzkWjPZQXI(_xFMNDAwSRTE.-vybchgfmludp"
"""Bytes of markers that are rare in scripts, rarest first; what is not listed is more frequent than all of these."""


def _pattern_finder(literals: list[bytes]) -> Finder:
    """A search that stops at the rarest byte of each literal and looks back and ahead from there.

    Most bytes of a script then cost one look into a small set: twice as fast as trying a trie at every letter.
    """
    by_pivot: dict[int, list[tuple[int, bytes]]] = {}
    for literal in literals:
        at = min(range(len(literal)), key=lambda place: _frequency(literal[place]))
        by_pivot.setdefault(literal[at], []).append((at, literal))
    search = re.compile(b"|".join(_around(pivot, words) for pivot, words in by_pivot.items())).search

    def find(text: bytes) -> bytes | None:
        match = search(text)
        if match is None:
            return None
        place = match.start()
        return next(word for at, word in by_pivot[text[place]] if text.startswith(word, max(0, place - at)))

    return find


def _frequency(byte: int) -> int:
    rank = _RAREST_IN_SCRIPTS.find(byte)
    return rank if rank >= 0 else len(_RAREST_IN_SCRIPTS)


def _around(pivot: int, words: list[tuple[int, bytes]]) -> bytes:
    """Any of the words that have this pivot, from the pivot on; what precedes it is looked back at."""
    letter = re.escape(bytes([pivot]))
    by_predecessor: dict[bytes, list[bytes]] = {}
    for at, word in words:
        look_back = b"(?<=" + re.escape(word[: at + 1]) + b")" if at else b""
        by_predecessor.setdefault(word[max(0, at - 1) : at], []).append(look_back + re.escape(word[at + 1 :]))
    groups = [
        (b"(?<=" + re.escape(before) + letter + b")" if len(group) > 1 else b"") + b"(?:" + b"|".join(group) + b")"
        for before, group in by_predecessor.items()
    ]
    predecessors = b"".join(map(re.escape, by_predecessor))
    quick_look = b"(?<=[" + predecessors + b"]" + letter + b")" if b"" not in by_predecessor else b""
    return letter + quick_look + b"(?:" + b"|".join(groups) + b")"


def native_finder(literals: list[bytes]) -> Finder | None:
    """Compile the same search with ahocorasick_rs (the extra ``fast``), or None where it is not installed."""
    try:
        module = import_module("ahocorasick_rs")
        automaton = module.BytesAhoCorasick(literals, implementation=module.Implementation.DFA)
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
    matches: Callable[[bytes], list[tuple[int, int, int]]] = automaton.find_matches_as_indexes

    def find(text: bytes) -> bytes | None:
        found = matches(text)
        return literals[found[0][0]] if found else None

    return find
