"""TOML as a person would write it: comments wrapped, lists on one line where they fit.

A library that keeps comments (tomlkit) is for files that exist and are to be changed. This one begins empty and has
nothing but texts, lists of texts and flags in it; what makes it worth reading are its comments and blank lines, which
are a few lines of code here and a document model there.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

WIDTH = 110


def quoted(text: str) -> str:
    """Return a basic string (TOML 1.0). Those of JSON are the same, but for DEL and what UTF-8 cannot hold."""
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def setting(key: str, value: str, comment: str = "") -> str:
    """Return a line of a table; ``value`` is TOML already."""
    return f"{key} = {value}  # {comment}" if comment else f"{key} = {value}"


def comment(text: str) -> Iterator[str]:
    """Yield lines of comment, none for no text. What TOML has no place for in comments becomes a space."""
    for paragraph in text.splitlines():
        paragraph = "".join(c if c.isprintable() else " " for c in paragraph)
        lines = textwrap.wrap(paragraph, WIDTH - 2, subsequent_indent=_hanging(paragraph), break_on_hyphens=False)
        yield from (f"# {line}".rstrip() for line in lines or [""])


def inline_texts(texts: Iterable[tuple[str, str]]) -> str:
    """Return an inline table of texts."""
    return "{ " + ", ".join(f"{key} = {quoted(text)}" for key, text in texts) + " }"


def _hanging(paragraph: str) -> str:
    bare = paragraph.lstrip()
    margin = len(paragraph) - len(bare)
    return " " * (margin + (2 if bare.startswith("- ") else 0))
