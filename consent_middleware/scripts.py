"""The scripts for browsers: readable source in ``web/``, and what of it is sent.

What is sent says the same in fewer letters: without comments and the white space that only readers need, and with
short names for what a script declares for itself. This is no tool for any JavaScript. It asks of a script that

* it is one function, called where it stands, and every statement in it ends with a semicolon or a brace, so that no
  line break means anything;
* a division has spaces around its slash, and a regular expression none after its first;
* there are no templates, no block comments, no empty statements and no methods in object literals;
* what it declares is never called as something of the browser's that it uses by the bare name.

That what is sent does the same is for the tests to say, which have a real parser.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import pairwise, product
from string import ascii_letters, digits
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<pattern>/(?![\s*=])(?:[^/\\\n[]|\\.|\[(?:[^]\\\n]|\\.)*\])+/[a-z]*)
    |(?P<number>[0-9][\w.]*)
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<mark>\.\.\.|\?\.|=>|\+\+|--|[^\s`])""",
    re.VERBOSE,
)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_LETTERS = ascii_letters + "$_"
_RESERVED = frozenset({"as", "do", "if", "in", "is", "of"})
"""Words of the language that are as short as our names."""


class _Token(NamedTuple):
    kind: str
    text: str
    before: str
    """The text of the token before this one, "" if there is none."""
    brackets: tuple[str, ...]
    """Those that are open around it; ``"object"`` is the brace of an object or a pattern, "{" that of a block."""


@cache
def source(file: str) -> str:
    """Return a script of ``web/`` as it is sent."""
    return shortened(resources.files("consent_middleware").joinpath("web", file).read_text(encoding="utf-8"))


def shortened(script: str) -> str:
    """Return a script that does the same. Raises ValueError where there is something that it must not hold."""
    tokens = list(_tokens(script))
    short = _short_names(tokens)
    return _joined(
        _written(token, after, short) for token, after in _with_next(tokens) if (token.text, after) != (";", "}")
    )


def _tokens(script: str) -> Iterator[_Token]:
    at, before = 0, ""
    brackets: tuple[str, ...] = ()
    while at < len(script):
        match = _TOKEN.match(script, at)
        if match is None:
            raise ValueError(f"line {script.count(chr(10), 0, at) + 1} of a script has {script[at]!r}")
        at, kind, text = match.end(), str(match.lastgroup), match[0]
        if kind == "blank":
            continue
        if text in _CLOSING:
            brackets = brackets[:-1]
        yield _Token(kind, text, before, brackets)
        if text in _OPENING:
            brackets = (*brackets, "object" if text == "{" and _opens_object(before) else text)
        before = text


def _opens_object(before: str) -> bool:
    """Whether a brace behind this begins an object or a pattern, and no block."""
    return before not in {"", ")", "=>", "else", "try", "catch", "finally", "do", ";", "{", "}"}


def _with_next(tokens: Sequence[_Token]) -> Iterator[tuple[_Token, str]]:
    return zip(tokens, [*(token.text for token in tokens[1:]), ""], strict=True)


def _written(token: _Token, after: str, short: dict[str, str]) -> str:
    if token.text not in short or not _is_variable(token, after):
        return token.text
    # { name } is both the variable and the property of that name.
    is_both = token.brackets[-1:] == ("object",) and token.before in {"{", ","} and after in {",", "}", "="}
    return f"{token.text}:{short[token.text]}" if is_both else short[token.text]


def _joined(texts: Iterable[str]) -> str:
    parts: list[str] = []
    for before, text in pairwise(("", *texts)):
        is_one_word = re.match(r"[\w$]", text) and re.search(r"[\w$]$", before)
        parts += (" " if is_one_word or (before[-1:] == text[0] and text[0] in "+-") else "", text)
    return "".join(parts)


# Names


def _short_names(tokens: Sequence[_Token]) -> dict[str, str]:
    """Return a short name for each that the script declares, the shortest for the most frequent.

    Two may share one if no part of the script, and not its outermost scope, has both. So wherever a name is used,
    nothing nearer has taken its new name.
    """
    declared = _declared(tokens)
    uses = Counter[str]()
    parts_of: defaultdict[str, set[int]] = defaultdict(set)
    for (token, after), part in zip(_with_next(tokens), _parts(tokens), strict=True):
        if token.text in declared and _is_variable(token, after):
            uses[token.text] += 1
            parts_of[token.text] |= {part, 0} if _may_be_outermost(token) else {part}
    kept = {token.text for token in tokens} | _RESERVED
    names = [name for name in _names() if name not in kept]
    taken: defaultdict[int, set[str]] = defaultdict(set)
    short: dict[str, str] = {}
    for name, _ in uses.most_common():
        short[name] = next(each for each in names if all(each not in taken[part] for part in parts_of[name]))
        for part in parts_of[name]:
            taken[part].add(short[name])
    return short


_OUTERMOST = ("(", "{")
"""What is open in the outermost scope: (function () { … })."""


def _may_be_outermost(token: _Token) -> bool:
    return token.brackets[:2] != _OUTERMOST or {"[", "object"}.issuperset(token.brackets[2:])


def _parts(tokens: Sequence[_Token]) -> Iterator[int]:
    """Number the declarations of the outermost scope, each with what follows up to the next; 0 is what is before."""
    part = 0
    for token in tokens:
        begins = token.before in {";", "{", "}"} and token.text in {"const", "let", "function", "async"}
        part += begins and token.brackets == _OUTERMOST
        yield part


def _names() -> Iterator[str]:
    yield from _LETTERS
    yield from map("".join, product(_LETTERS, _LETTERS + digits))


def _is_variable(token: _Token, after: str) -> bool:
    is_key = token.before in {"{", ","} and after == ":"
    return token.kind == "name" and token.before not in {".", "?.", "get"} and not is_key


def _declared(tokens: Sequence[_Token]) -> set[str]:
    names: set[str] = set()
    for at, token in enumerate(tokens):
        match token.text:
            case "const" | "let":
                names |= _bound(tokens, at + 1)
            case "function":
                is_named = tokens[at + 1].kind == "name"
                names |= {tokens[at + 1].text} if is_named else set()
                names |= _bound(tokens, at + 1 + is_named)
            case "=>":
                names |= _bound(tokens, _start_of_parameters(tokens, at))
            case _:
                pass
    return names


def _start_of_parameters(tokens: Sequence[_Token], arrow: int) -> int:
    depth = len(tokens[arrow].brackets)
    return next(at for at in range(arrow - 1, -1, -1) if len(tokens[at].brackets) == depth and tokens[at].text != ")")


def _bound(tokens: Sequence[_Token], at: int) -> set[str]:
    """Return the names that the pattern which begins here declares; of ``let a, b`` all, and no default value."""
    names: set[str] = set()
    depth, is_value = len(tokens[at].brackets), False
    while True:
        token, after = tokens[at], tokens[at + 1]
        if token.text in {"=", ","}:
            is_value = token.text == "="
        elif token.kind == "name" and not is_value and after.text != ":":
            names.add(token.text)
        ends = len(after.brackets) == depth and token.text != "," and after.text not in {",", *_CLOSING}
        if ends:
            return names
        at += 1
