"""What to write into the policy file for a cookie or a host that nobody declared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

_SHOWN = 80


def declared_as(name: str) -> str:
    """Return the declaration of a cookie in one line, to stand in a sentence of the log."""
    return f"[[cookies]] with name = {_quoted(name)} and its category"


def cookie_lines(name: str, categories: Iterable[str]) -> Iterator[str]:
    """Yield the lines that declare a cookie, its category left to be filled in."""
    yield "[[cookies]]"
    yield f"name = {_quoted(name)}"
    yield _category(categories)


def host_lines(host: str, categories: Iterable[str]) -> Iterator[str]:
    """Yield the lines that declare a host as a service, or as the site's own."""
    yield f"# If it is your own, write own_hosts = [{_quoted(host)}] under [html]; if not:"
    yield "[[services]]"
    yield f"id = {_quoted(_id(host))}"
    yield f"name = {_quoted(host)}"
    yield 'provider = ""  # who runs it'
    yield _category(categories)
    yield f"scripts = [{_quoted(host)}]"


def _category(categories: Iterable[str]) -> str:
    return f'category = ""  # {", ".join(categories)}'


def _quoted(text: str) -> str:
    # JSON strings are TOML strings, and in ASCII none of them begins a line or paints a terminal.
    return json.dumps(text[:_SHOWN])


def _id(host: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", host.removeprefix("www.")).strip("-")
