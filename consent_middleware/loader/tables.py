"""Takes tables apart key by key, whatever they hold.

A ``Table`` knows where it stands, so that each mistake can be placed; it notes which keys it was asked for, so that
``close`` can report the others. Every question it is asked has an answer of the promised type: when the author wrote
something else, the mistake is reported and the answer is None, a default or empty, and reading goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from ..lifetime import Lifetime
from ..policy import Texts
from .mistakes import Findings, Id, Place, did_you_mean, quote
from .shapes import in_quotes, is_blank, is_list, is_question, is_table, kind_of

_Option = TypeVar("_Option", bound=str)

_ABSENT: Any = object()

# The shape of a BCP 47 tag (RFC 5646, section 2.1) without its registry: "en", "pt-BR", "zh-Hant-TW".
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", re.ASCII)

# More revisions than any policy sees. Without a limit a number could be too long to be written out again.
_MOST = 1_000_000

_AS_LIFETIME = 'write a number and a unit in quotes, like "6 months"'
_AS_DAY = 'write it like "2026-11-21"'
_AS_TABLE = "write it as a table of keys and values"
_AS_ANSWER = 'write the answer in place of "?"; a comment beside it may say what is asked'


class Table:
    """One table of a policy and its place in it."""

    def __init__(self, entries: Mapping[Any, Any], place: Place, findings: Findings) -> None:
        self.place = place
        self.findings = findings
        self._entries = entries
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def at(self, key: str) -> Place:
        return (*self.place, key)

    def names(self) -> Iterator[str]:
        """Return the keys that are texts; the others are left for ``close`` to report."""
        return (key for key in self._entries if isinstance(key, str))

    def text(self, key: str, *, expected: str = "") -> str | None:
        value = self._take(key)
        return None if value is _ABSENT else self._as_text(value, self.at(key), expected)

    def needed_text(self, key: str, id: Id = Id.MISSING_KEY, suggestion: str = "") -> str | None:
        value = self._take(key)
        if value is _ABSENT or is_blank(value):
            self.findings.report(id, self.at(key), "is missing" if value is _ABSENT else "is empty", suggestion)
            return None
        return self._as_text(value, self.at(key))

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._take(key)
        if isinstance(value, bool):
            return value
        if value is not _ABSENT:
            self._wrong_type(value, self.at(key), "true or false", "write true or false without quotes")
        return default

    def count(self, key: str, default: int) -> int:
        value = self._take(key)
        if value is _ABSENT:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong_type(value, self.at(key), "a whole number", "")
            return default
        if not 1 <= value <= _MOST:
            self.findings.report(Id.NOT_AN_OPTION, self.at(key), f"is not from 1 to {_MOST}", "count upwards from 1")
            return default
        return value

    def option(self, key: str, options: tuple[_Option, ...]) -> _Option:
        """Return the option named under ``key``, or else the first one, which is the default."""
        word = self.text(key)
        for option in options:
            if option == word:
                return option
        if word is not None:
            permitted = ", ".join(quote(option) for option in options)
            hint = did_you_mean(word, options)
            self.findings.report(Id.NOT_AN_OPTION, self.at(key), f"{quote(word)} is none of {permitted}", hint)
        return options[0]

    def lifetime(self, key: str) -> Lifetime | None:
        phrase = self.text(key, expected=_AS_LIFETIME)
        if phrase is None:
            return None
        try:
            return Lifetime.parse(phrase)
        except ValueError as error:
            self.findings.report(Id.LIFETIME, self.at(key), str(error))
            return None

    def day(self, key: str) -> date | None:
        value = self._take(key)
        if value is _ABSENT:
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and not is_question(value):
            day = day_named(value)
            if day is None:
                self.findings.report(Id.DATE, self.at(key), f"{quote(value)} is not a day", _AS_DAY)
            return day
        self._wrong_type(value, self.at(key), "a day", _AS_DAY)
        return None

    def texts(self, key: str) -> Texts:
        """Return one text in several languages: a plain text stands for all of them."""
        value = self._take(key)
        if value is _ABSENT:
            return {}
        if not is_table(value):
            plain = self._as_text(value, self.at(key), 'write a text, or a table like { en = "…", fr = "…" }')
            return {} if plain is None else {"": plain}
        by_language: dict[str, str] = {}
        table = Table(value, self.at(key), self.findings)
        for tag in table.names():
            text, language = table.text(tag), tag.lower()
            if not _LANGUAGE.fullmatch(language):
                hint = 'write one like "en" or "pt-BR"'
                self.findings.report(Id.LANGUAGE, table.at(tag), f"{quote(tag)} is not a language", hint)
            elif language in by_language:
                self.findings.report(Id.LANGUAGE, table.at(tag), f"{quote(language)} is there twice")
            elif text is not None:
                by_language[language] = text
        table.close()
        return by_language

    def words(self, key: str) -> list[tuple[Place, str]]:
        """Return the texts of a list, each with its place."""
        found = ((place, self._as_text(value, place)) for place, value in self._items(key, "a list of texts"))
        return [(place, text) for place, text in found if text is not None]

    def table(self, key: str) -> Table:
        """Return the table under ``key``; an empty one if there is none."""
        value = self._take(key)
        if is_table(value):
            return Table(value, self.at(key), self.findings)
        if value is not _ABSENT:
            self._wrong_type(value, self.at(key), "a table", _AS_TABLE)
        return Table({}, self.at(key), self.findings)

    def tables(self, key: str, short: str = "") -> list[Table]:
        """Return the tables of a list. With ``short``, a text stands for a table of that one key."""
        tables: list[Table] = []
        for place, value in self._items(key, "a list of tables"):
            if is_table(value):
                tables.append(Table(value, place, self.findings))
            elif short and isinstance(value, str):
                tables.append(Table({short: value}, place, self.findings))
            else:
                self._wrong_type(value, place, "a table", _AS_TABLE)
        return tables

    def close(self) -> None:
        """Report every key that nothing asked for: a setting without effect is a setting misspelt."""
        for key in self._entries:
            if not isinstance(key, str):
                self.findings.report(Id.UNKNOWN_KEY, self.place, f"has a key that is {kind_of(key)}, not a text")
            elif key not in self._asked:
                known = ", ".join(self._asked)
                hint = did_you_mean(key, self._asked) or f"the keys here are {known}"
                self.findings.report(Id.UNKNOWN_KEY, self.at(key), "means nothing here", hint)

    def _take(self, key: str) -> Any:
        self._asked.append(key)
        return self._entries.get(key, _ABSENT)

    def _items(self, key: str, expected: str) -> Iterator[tuple[Place, Any]]:
        value = self._take(key)
        if is_list(value):
            yield from (((*self.at(key), index), item) for index, item in enumerate(value))
        elif value is not _ABSENT:
            self._wrong_type(value, self.at(key), expected, "put it in square brackets")

    def _as_text(self, value: Any, place: Place, expected: str = "") -> str | None:
        if not isinstance(value, str) or is_question(value):
            self._wrong_type(value, place, "a text", expected or in_quotes(value))
            return None
        if is_blank(value):
            self.findings.report(Id.EMPTY, place, "is empty", "write something, or leave the key out")
            return None
        return value

    def _wrong_type(self, value: Any, place: Place, expected: str, suggestion: str) -> None:
        if is_question(value):
            self.findings.report(Id.QUESTION, place, f"is still a question{self._about()}", _AS_ANSWER)
            return
        self.findings.report(Id.WRONG_TYPE, place, f"is {kind_of(value)}, not {expected}", suggestion)

    def _about(self) -> str:
        """Say what this table is about: numbers of entries are hard to count in a file."""
        name = self._entries.get("name", self._entries.get("id"))
        return f" about {quote(name)}" if isinstance(name, str) and not is_question(name) else ""


def day_named(text: str) -> date | None:
    """Return the day of the calendar that a text names, "2026-11-21"; None if it names none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
