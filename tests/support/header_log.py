"""Writes down which headers our package reads, and which it adds, changes or removes, while something else happens."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from consent_django.middleware import DjangoRequest
from consent_middleware.asgi import ASGIRequest
from consent_middleware.exchange import Exchange
from consent_middleware.wsgi import WSGIRequest
from support.header_cases import HEADERS, Side

Fields = Iterable[tuple[str, str]]

LISTED = {(header.side, header.name.lower()) for header in HEADERS}


@dataclass
class HeaderLog:
    """Lower-case names. Of a request: what is ``read`` and what is ``hidden``, in whole or in part. Of a response of
    the application: what is ``compared`` by its name and what is ``changed``. ``ours`` are those of our own answers.
    """

    read: set[str] = field(default_factory=set[str])
    hidden: set[str] = field(default_factory=set[str])
    compared: set[str] = field(default_factory=set[str])
    changed: set[str] = field(default_factory=set[str])
    ours: set[str] = field(default_factory=set[str])

    @property
    def unlisted(self) -> set[tuple[Side, str]]:
        """What was done to headers that docs/headers.md does not list."""
        done: set[tuple[Side, str]] = {("request", name) for name in self.read | self.hidden}
        done |= {("response", name) for name in self.compared | self.changed}
        done |= {("ours", name) for name in self.ours}
        return {(side, name) for side, name in done if (side, name) not in LISTED and not _is_of_a_family(name)}


class Name(str):
    """The name of a response header, which tells when it is found to be the one that somebody looks for."""

    __slots__ = ("log",)
    log: HeaderLog

    def __new__(cls, text: str, log: HeaderLog) -> Name:
        name = super().__new__(cls, text)
        name.log = log
        return name

    def lower(self) -> Name:
        return Name(super().lower(), self.log)

    def strip(self, chars: str | None = None) -> Name:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Name(super().strip(chars), self.log)

    def __eq__(self, other: object) -> bool:
        is_equal = super().__eq__(other)
        if is_equal is True and not isinstance(other, Name) and _asked_by_us():
            self.log.compared.add(super().lower())
        return is_equal

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class Environ(dict[str, Any]):
    """A WSGI environ that tells which headers are looked up in it."""

    def __init__(self, entries: dict[str, Any], log: HeaderLog) -> None:
        super().__init__(entries)
        self._log = log

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note(str(key))
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def _note(self, key: str) -> None:
        if (key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH")) and _asked_by_us():
            self._log.read.add(key.removeprefix("HTTP_").replace("_", "-").lower())


@contextmanager
def header_log() -> Iterator[HeaderLog]:
    """Keep a log of what happens in this context behind any front door."""
    log = HeaderLog()
    with pytest.MonkeyPatch.context() as patch:
        for request in (WSGIRequest, ASGIRequest, DjangoRequest):
            patch.setattr(request, "header", _noting_reads(request.header, log))
        for name in ("start", "visible", "shown_field", "hints", "trailers"):
            patch.setattr(Exchange, name, _NOTING[name](getattr(Exchange, name), log))
        reply: Any = vars(Exchange)["reply"]
        patch.setattr(Exchange, "reply", property(_noting_replies(reply.fget, log)))
        yield log


def _is_of_a_family(name: str) -> bool:
    """Whether a name is one of those for which CDN-Cache-Control stands on the page: it ends like that."""
    return name.endswith("cdn-cache-control")


def _asked_by_us() -> bool:
    """Whether it is our package, and not an application or a test, that asks the caller of this."""
    module: str = sys._getframe(2).f_globals.get("__name__", "")
    if module == __name__:
        module = sys._getframe(3).f_globals.get("__name__", "")
    return module.startswith("consent_")


def _noting_reads(header: Callable[[Any, str], str | None], log: HeaderLog) -> Callable[[Any, str], str | None]:
    def noting(self: Any, name: str) -> str | None:
        if _asked_by_us():
            log.read.add(name)
        return header(self, name)

    return noting


def _noting_start(start: Callable[..., list[tuple[str, str]]], log: HeaderLog) -> Callable[..., list[tuple[str, str]]]:
    def noting(self: Exchange, status: int, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        before = [*headers]
        after = start(self, status, headers)
        log.changed |= differing(before, after)
        return after

    return noting


def _noting_visible(visible: Callable[[Exchange, str], str], log: HeaderLog) -> Callable[[Exchange, str], str]:
    def noting(self: Exchange, header: str) -> str:
        shown = visible(self, header)
        if shown != header:
            log.hidden.add("cookie")
        return shown

    return noting


def _noting_shown(shown_field: Callable[..., str | None], log: HeaderLog) -> Callable[..., str | None]:
    def noting(self: Exchange, name: str, value: str) -> str | None:
        shown = shown_field(self, name, value)
        log.read.add(name)
        if shown != value:
            log.hidden.add(name)
        return shown

    return noting


def _noting_hints(hints: Callable[..., list[str]], log: HeaderLog) -> Callable[..., list[str]]:
    def noting(self: Exchange, links: list[str]) -> list[str]:
        left = hints(self, links)
        if left != links:
            log.changed.add("link")
        return left

    return noting


def _noting_trailers(trailers: Callable[..., Fields], log: HeaderLog) -> Callable[..., Fields]:
    def noting(self: Exchange, headers: Fields) -> Fields:
        left = trailers(self, headers)
        log.changed |= differing(headers, left)
        return left

    return noting


def _noting_replies(reply: Callable[[Any], Any], log: HeaderLog) -> Callable[[Any], Any]:
    def noting(self: Exchange) -> Any:
        answer = reply(self)
        log.ours |= {name.lower() for name, _ in answer.headers}
        return answer

    return noting


_NOTING: dict[str, Callable[[Any, HeaderLog], Any]] = {
    "start": _noting_start,
    "visible": _noting_visible,
    "shown_field": _noting_shown,
    "hints": _noting_hints,
    "trailers": _noting_trailers,
}


def differing(before: Fields, after: Fields) -> set[str]:
    """Return the lower-case names of which two lists of fields do not say the same."""
    one = Counter((str(name).strip().lower(), value) for name, value in before)
    other = Counter((str(name).strip().lower(), value) for name, value in after)
    return {name for name, _ in (one - other) | (other - one)}
