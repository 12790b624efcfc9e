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
from string import ascii_uppercase, digits
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
_BEHIND_BINDINGS = frozenset({";", "=>", "{", "of", "in"})
_LETTERS = "etnairosldcuhpmfgvbywkxzjq" + ascii_uppercase + "$_"
"""Those first that the words of the scripts are full of: the fewer there are, the better they are compressed."""
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
    if token.text == "const":
        # What only readers and linters have to know; one word for both is compressed better.
        return "let"
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


class _Function(NamedTuple):
    """A function as places of tokens: from its parameters to behind its body, and the names that it declares."""

    start: int
    end: int
    declares: set[str]


def _short_names(tokens: Sequence[_Token]) -> dict[str, str]:
    """Return a short name for each that the script declares, the shortest for the most frequent.

    A name matters to a function that declares it, and to all between that and where it is used. Two that matter to
    the same function get different names; so wherever one is used, nothing nearer is called like it.
    """
    functions = _functions(tokens)
    uses = Counter[str]()
    matters: defaultdict[str, set[int]] = defaultdict(set)
    for at, (token, after) in enumerate(_with_next(tokens)):
        concerned = list(_concerned(functions, token.text, at)) if _is_variable(token, after) else []
        matters[token.text].update(function.start for function in concerned)
        uses[token.text] += bool(concerned)
    kept = {token.text for token in tokens} | _RESERVED
    names = [name for name in _names() if name not in kept]
    taken: defaultdict[int, set[str]] = defaultdict(set)
    short: dict[str, str] = {}
    for name, _ in (+uses).most_common():
        short[name] = next(each for each in names if all(each not in taken[start] for start in matters[name]))
        for start in matters[name]:
            taken[start].add(short[name])
    return short


def _concerned(functions: Sequence[_Function], name: str, at: int) -> list[_Function]:
    """Return the functions around a place, from the one that declares the name inwards; none if none declares it."""
    around = _around(functions, at)
    declaring = [depth for depth, function in enumerate(around) if name in function.declares]
    return around[declaring[-1] :] if declaring else []


def _names() -> Iterator[str]:
    yield from _LETTERS
    yield from map("".join, product(_LETTERS, _LETTERS + digits))


def _is_variable(token: _Token, after: str) -> bool:
    is_key = token.before in {"{", ","} and after == ":"
    return token.kind == "name" and token.before not in {".", "?.", "get"} and not is_key


def _functions(tokens: Sequence[_Token]) -> list[_Function]:
    """Return all functions, an outer one before those in it."""
    functions: list[_Function] = []
    for at, token in enumerate(tokens):
        if token.text == "function":
            start = at + 1 + (tokens[at + 1].kind == "name")
            functions.append(_Function(start, _end_of_body(tokens, _closing(tokens, start) + 1), _bound(tokens, start)))
        elif token.text == "=>":
            start = _start_of_parameters(tokens, at)
            functions.append(_Function(start, _end_of_body(tokens, at + 1), _bound(tokens, start)))
    functions.sort()
    for at, token in enumerate(tokens):
        if token.text in {"const", "let"}:
            _around(functions, at)[-1].declares.update(_bound(tokens, at + 1))
        elif token.text == "function" and tokens[at + 1].kind == "name":
            _around(functions, at)[-1].declares.add(tokens[at + 1].text)
    return functions


def _around(functions: Sequence[_Function], at: int) -> list[_Function]:
    return [function for function in functions if function.start <= at < function.end]


def _start_of_parameters(tokens: Sequence[_Token], arrow: int) -> int:
    depth = len(tokens[arrow].brackets)
    return next(at for at in range(arrow - 1, -1, -1) if len(tokens[at].brackets) == depth and tokens[at].text != ")")


def _closing(tokens: Sequence[_Token], opening: int) -> int:
    depth = len(tokens[opening].brackets)
    return next(at for at in range(opening + 1, len(tokens)) if len(tokens[at].brackets) == depth)


def _end_of_body(tokens: Sequence[_Token], start: int) -> int:
    if tokens[start].text == "{":
        return _closing(tokens, start) + 1
    depth = len(tokens[start].brackets)
    for at in range(start, len(tokens)):
        is_behind = tokens[at].text in _CLOSING and len(tokens[at].brackets) < depth
        if is_behind or (tokens[at].text in {",", ";"} and len(tokens[at].brackets) == depth):
            return at
    return len(tokens)


def _bound(tokens: Sequence[_Token], start: int) -> set[str]:
    """Return the names that the parameters, or the declaration, beginning here give to something."""
    names: set[str] = set()
    depth, value_depth = len(tokens[start].brackets), None
    for token, after in pairwise(tokens[start:]):
        if value_depth is None and token.text == "=":
            value_depth = len(token.brackets)
        elif token.text == "," and value_depth is not None and len(token.brackets) <= value_depth:
            value_depth = None
        elif value_depth is None and token.kind == "name" and after.text != ":":
            names.add(token.text)
        if len(after.brackets) <= depth and after.text in _BEHIND_BINDINGS:
            break
    return names
