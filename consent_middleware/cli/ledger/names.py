"""How the names of visitors and records are typed. Pseudonyms are base64url, so one in 64 looks like an option."""

from __future__ import annotations

import re
from collections.abc import Iterable

# No option has a capital, a digit or an underscore in its name, and hardly a pseudonym has none.
_LIKE_AN_OPTION = re.compile(r"(?=.*[A-Z0-9_])-[A-Za-z0-9_-]{21}", re.ASCII)


def set_apart(arguments: Iterable[str]) -> list[str]:
    """Return the arguments with a space before each pseudonym that begins with a dash: argparse then reads a value."""
    return [f" {argument}" if _LIKE_AN_OPTION.fullmatch(argument) else argument for argument in arguments]


def name(text: str) -> str:
    """Return the name that somebody typed, or copied from a table where an apostrophe keeps it from being a formula."""
    return text.strip().removeprefix("'")
