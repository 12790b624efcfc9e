"""What kind of value somebody wrote, in the words of TOML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any, TypeGuard


def is_table(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def is_question(value: object) -> bool:
    """Whether the author, or ``consent init`` on their behalf, has left this open: a question mark and nothing else."""
    return isinstance(value, str) and value.strip() == "?"


def kind_of(value: object) -> str:
    """Return what a value is, as a part of a sentence: "a number", "a table"."""
    match value:
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case Mapping():
            return "a table"
        case list() | tuple():
            return "a list"
        case date() | time():
            return "a date or a time"
        case _:
            return f"a Python {type(value).__name__}"


def in_quotes(value: object) -> str:
    """Return the advice for the commonest slip, ``version = 2026-11-21``."""
    bare = isinstance(value, date) or (type(value) is int and abs(value) < 1_000_000)
    return f'put it in quotes: "{value}"' if bare else ""
