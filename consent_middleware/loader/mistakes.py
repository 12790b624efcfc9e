"""The mistakes a policy can hold, each under an id that stays the same across releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Any

from ..errors import Mistake
from .shapes import is_table

Place = tuple[str | int, ...]
"""Where something stands: the keys and indices that lead to it, ``("cookies", 3, "category")``."""


class Id(Enum):
    """The id of a kind of mistake, and what it means. Numbers are never used again for something else."""

    NOT_UTF8 = "consent.P001", "the file is not UTF-8"
    SYNTAX = "consent.P002", "the file is not TOML"
    UNKNOWN_KEY = "consent.P003", "a key or table that means nothing here"
    WRONG_TYPE = "consent.P004", "a value of another type than the key takes"
    MISSING_KEY = "consent.P005", "a key that cannot be left out is missing"
    NO_CONTACT = "consent.P006", "the policy does not say who is responsible, or how to reach them"
    EMPTY = "consent.P007", "an empty text"
    NOT_AN_OPTION = "consent.P008", "a word that is none of the permitted ones"
    LANGUAGE = "consent.P009", "not a language tag, or one language twice"
    CATEGORY_NAME = "consent.P010", "not a name for a category"
    STANDING = "consent.P011", "a category cannot be both at once"
    UNKNOWN_CATEGORY = "consent.P012", "no such category in this policy"
    UNKNOWN_SERVICE = "consent.P013", "no such service, neither in this policy nor in the catalogue"
    SERVICE_TWICE = "consent.P014", "a service stands in two categories, or twice in one"
    SERVICE_ID = "consent.P015", "not an id for a service, or one that is taken"
    LIFETIME = "consent.P020", "not a lifetime"
    POLICY_LIFETIME = "consent.P021", "a lifetime of the policy that cannot be kept"
    COOKIE_LIFETIME = "consent.P022", "a cookie of the site's own is to outlive the policy's cookie_lifetime"
    COOKIE_NAME = "consent.P030", "a name that no browser stores, or that means something else on the wire"
    WILDCARD = "consent.P031", "an asterisk that is not the end of a name, or that is all of it"
    TWO_RULES = "consent.P032", "two rules for one name"
    OWN_COOKIE = "consent.P033", "the cookie that keeps the visitor's choice, in a category that can be refused"
    NECESSARY_COOKIE = "consent.P034", "a session or CSRF cookie in a category that can be refused"
    HOST_PREFIX = "consent.P035", "a __Host- cookie with a domain or a path"
    DOMAIN = "consent.P036", "a domain that cannot hold a cookie"
    PATH = "consent.P037", "a path that no browser accepts"
    SCRIPT = "consent.P038", "not a host, nor a host and the beginning of a path"
    MARKER = "consent.P039", "a marker or key that would match almost anything"
    URL = "consent.P040", "not the address of a page"
    DATE = "consent.P041", "not a day of the calendar"
    BLANKS = "consent.P042", "a text of the site's own lacks a blank of the built-in one, or has one too many"
    FLOOR = "consent.P043", "a cookie of which the floor and its declaration say different things"
    SIGNAL = "consent.P050", "a word about the browser's signal that no category heeds"
    READS = "consent.P051", "a consent tool whose choices cannot be read, or not into that category"
    QUESTION = "consent.P060", "a question that nobody has answered yet"

    def __init__(self, id: str, meaning: str) -> None:
        self.id = id
        self.meaning = meaning


class Findings:
    """Gathers mistakes while a policy is read, so that all of them can be told at once."""

    def __init__(self) -> None:
        self._found: list[tuple[Place, Mistake]] = []

    def report(self, id: Id, place: Place, reason: str, suggestion: str = "") -> None:
        self._found.append((place, Mistake(id.id, spell(place), reason, suggestion)))

    def concern(self, place: Place) -> bool:
        """Whether something was found at this very place."""
        return any(found == place for found, _ in self._found)

    def in_order_of(self, tables: Mapping[Any, Any]) -> list[Mistake]:
        """Return the mistakes in the order in which their places stand in ``tables``."""
        return [mistake for _, mistake in sorted(self._found, key=lambda found: _position(found[0], tables))]


def spell(place: Place) -> str:
    """Return a place as its reader would write it: ``cookies[3].category``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{_bare_or_quoted(step)}" for step in place)
    return "".join(steps).removeprefix(".")


def quote(text: str) -> str:
    """Return a text of the author's in double quotes, short enough and without control characters."""
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown) + '"'


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question a helpful colleague would ask, or nothing when no known word is near."""
    nearest = get_close_matches(word[:100], list(known), n=1)
    return f"did you mean {quote(nearest[0])}?" if nearest else ""


def _bare_or_quoted(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else quote(key)


def _position(place: Place, value: Any) -> tuple[int, ...]:
    position: list[int] = []
    for step in place:
        if isinstance(step, int):
            position.append(step)
            value = value[step]
        else:
            keys = list(value) if is_table(value) else []
            position.append(keys.index(step) if step in keys else len(keys))
            value = value.get(step) if is_table(value) else None
    return tuple(position)
