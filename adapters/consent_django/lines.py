"""A Set-Cookie line that has been decided, in the shape in which a Django response holds cookies."""

from __future__ import annotations

from http.cookies import Morsel
from typing import Any


class SentLine(Morsel[str]):
    """A morsel that is sent as exactly this line; its fields are there to be read, by the test client for one."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self._line = line
        pair, *attributes = line.split(";")
        self._name, _, self._text = (part.strip(" \t") for part in pair.partition("="))
        for attribute in attributes:
            name, equals, value = (part.strip(" \t") for part in attribute.partition("="))
            if name.lower() in self:
                self[name.lower()] = _as_django_has_it(name.lower(), value) if equals else True

    @property
    def key(self) -> str:
        return self._name

    @property
    def value(self) -> str:
        return self._text

    @property
    def coded_value(self) -> str:
        return self._text

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802  # the name is http.cookies' own
        return self._line

    def __reduce__(self) -> tuple[type[SentLine], tuple[str]]:
        return SentLine, (self._line,)


def _as_django_has_it(name: str, value: str) -> str | int:
    """``set_cookie(max_age=…)`` leaves a number behind, and tests compare with it."""
    return int(value) if name == "max-age" and value.removeprefix("-").isdigit() and value.isascii() else value
