"""Which category a URL or an inline snippet belongs to: plain data, compiled once at start-up."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from .literals import Finder, finder
from .urls import NOWHERE, Location, ascii_host, locate

Entry = tuple[str, Iterable[str], Iterable[str]]
"""A category, its scripts (hosts, host/path prefixes, file names), its inline markers (literal strings)."""

_T = TypeVar("_T")

_MEMORIES = 16
"""Situations remembered: a visitor's choices times base URLs that matter; each may come to a few megabytes."""

_SCHEME = re.compile(r"^(?:https?:)?//")
_FILE_NAME = re.compile(r"\.(?:m?js|php|html?|gif|png|jpe?g|webp|svg|json|css|cgi|aspx?)$", re.IGNORECASE)
_HOST = re.compile(r"^[^\s/?#@*]+$")


@dataclass(frozen=True, slots=True)
class Place:
    """One script rule without its host, which covers what has all of this."""

    category: str
    order: int
    port: str = ""
    pieces: tuple[str, ...] = ("/",)
    """The path, cut at its ``*``."""
    parameters: tuple[str, ...] = ()
    """What query parameters must begin with, wherever they stand."""
    whole_path: bool = False

    @property
    def specificity(self) -> tuple[int, int, int]:
        return (sum(map(len, self.pieces)), sum(map(len, self.parameters)), -self.order)

    def covers(self, location: Location) -> bool:
        return (
            (not self.port or self.port == location.port)
            and self._covers_path(location.path)
            and self._covers_query(location.query)
        )

    def _covers_path(self, path: str) -> bool:
        first, *others = self.pieces
        if not path.startswith(first):
            return False
        at = len(first)
        if self.whole_path:
            last = others.pop() if others else ""
            if not path.endswith(last):
                return False
            path = path[: len(path) - len(last)]
            if not self.pieces[1:]:
                return at == len(path)
        for piece in others:
            at = path.find(piece, at) + len(piece)
            if at < len(piece):
                return False
        return at <= len(path)

    def _covers_query(self, query: str) -> bool:
        if not self.parameters:
            return True
        given = query.split("&")
        return all(any(each.startswith(wanted) for each in given) for wanted in self.parameters)


@dataclass
class _Index:
    by_host: dict[str, list[Place]] = field(default_factory=dict[str, list[Place]])
    anywhere: list[Place] = field(default_factory=list[Place])


class Rules:
    """A site's trackers by category, immutable and shared by every response.

    A script rule is one of

    * a host, ``stats.example.org`` or ``stats.example.org/``, which covers its sub-domains (``*.`` in front changes
      nothing), with a port where one is given;
    * a host and the beginning of a path, ``connect.facebook.net/*/fbevents.js``, where ``*`` stands for anything;
    * a host, a path and the beginnings of query parameters, ``www.googletagmanager.com/gtag/js?id=AW-``: then the
      path is meant whole, and parameters may come in any order;
    * a file on whatever host, ``matomo.js`` or ``*/script.js``: the path ends with it.

    The most specific host decides, then the longest path, then the longest query, then the rule given first. Inline
    markers are literal; the longest one found decides. ``categories`` names every category there is, so that a
    misspelt ``data-consent`` can be told from one without rules; it may be left out. Raises ValueError for a
    rule that cannot be one.
    """

    def __init__(self, entries: Iterable[Entry], *, categories: Iterable[str] | None = None) -> None:
        self._index = _Index()
        self._count = 0
        self._memory: dict[Hashable, Any] = {}
        self._markers: dict[bytes, str] = {}
        names: dict[str, None] = {}
        for category, scripts, markers in entries:
            names[category] = None
            for script in scripts:
                self._add(category, script)
            for marker in markers:
                if not marker:
                    raise ValueError(f"an empty inline marker in category {category!r} would match every script")
                self._markers.setdefault(marker.encode(), category)
        for places in (*self._index.by_host.values(), self._index.anywhere):
            places.sort(key=lambda place: place.specificity, reverse=True)
        self._hosts = frozenset(self._index.by_host)
        self.categories: frozenset[str] = frozenset(names)
        self.known_categories: frozenset[str] | None = (
            None if categories is None else frozenset(categories) | self.categories
        )
        self.marker_finder = lru_cache(maxsize=64)(self._marker_finder)
        """Gives, for a set of categories, a search for their markers."""

    @property
    def markers(self) -> Mapping[bytes, str]:
        """Inline markers and their categories."""
        return self._markers

    def category_of_url(self, url: str, base: str = "") -> str | None:
        """Say which category a request to ``url``, seen on the page ``base``, belongs to."""
        page = locate(base) if base else NOWHERE
        location = locate(url, page if isinstance(page, Location) else NOWHERE)
        return self.category_at(location) if isinstance(location, Location) else None

    def category_at(self, location: Location) -> str | None:
        """Say which category a request to ``location`` belongs to."""
        host = location.host
        while host:
            for place in self._index.by_host.get(host, ()):
                if place.covers(location):
                    return place.category
            host = host.partition(".")[2]
        for place in self._index.anywhere:
            if place.covers(location):
                return place.category
        return None

    def category_of_inline(self, text: bytes) -> str | None:
        """Say which category an inline script belongs to: that of the longest marker in it."""
        found = [marker for marker in self._markers if marker in text]
        return self._markers[max(found, key=len)] if found else None

    @property
    def places(self) -> Mapping[str, Sequence[Place]]:
        """The script rules by host, ``""`` for those on whatever host, in the order in which they are tried."""
        return {**self._index.by_host, "": self._index.anywhere}

    @property
    def hosts(self) -> frozenset[str]:
        """Every host that a rule names."""
        return self._hosts

    def concerns_host(self, host: str) -> bool:
        """Whether any rule names this host or one above it."""
        while host:
            if host in self._index.by_host:
                return True
            host = host.partition(".")[2]
        return False

    @property
    def file_names(self) -> frozenset[str]:
        """File names one of which a URL contains if a rule on whatever host covers it, unless ``depend_on_path``."""
        return frozenset(max(place.pieces, key=len).strip("/") for place in self._index.anywhere)

    def depend_on_path(self, host: str) -> bool:
        """Whether it matters to any rule in which directory of ``host`` a page lies."""
        return self.concerns_host(host) or any(
            place.pieces[0] or len(place.pieces) > 2 or "".join(place.pieces).count("/") > 1
            for place in self._index.anywhere
        )

    def remember(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Keep something that belongs to these rules, for as long as there is room."""
        found: _T | None = self._memory.get(key)
        if found is None:
            if len(self._memory) >= _MEMORIES:
                self._memory.clear()
            found = self._memory[key] = make()
        return found

    def forget(self) -> None:
        """Drop everything remembered; what is given out already stays valid."""
        self._memory.clear()

    def _marker_finder(self, categories: frozenset[str]) -> Finder:
        return finder(marker for marker, category in self._markers.items() if category in categories)

    def _add(self, category: str, script: str) -> None:
        text = _SCHEME.sub("", script.strip())
        head, slash, tail = text.partition("/")
        self._count += 1
        order = self._count
        path, _, query = tail.partition("?")
        parameters = tuple(filter(None, query.split("&")))
        if not slash and (_FILE_NAME.search(head) or "." not in head) and not _is_local(head):
            place = Place(category, order, pieces=("", "/" + head), whole_path=True)
            self._index.anywhere.append(_require(place, head.strip("*"), script))
        elif head in ("", "*"):
            pieces = tuple(f"{head}/{path}".split("*"))
            place = Place(category, order, pieces=pieces, parameters=parameters, whole_path=head == "*")
            self._index.anywhere.append(_require(place, path.strip("*/"), script))
        else:
            host, port = _host_and_port(head, script)
            pieces = tuple(("/" + path).split("*"))
            place = Place(category, order, port, pieces, parameters, whole_path=bool(parameters) and "*" not in path)
            self._index.by_host.setdefault(host, []).append(place)


def _is_local(head: str) -> bool:
    return head.partition(":")[0] == "localhost"


def _require(place: Place, literal: str, script: str) -> Place:
    if not literal:
        raise ValueError(f"{script!r} would match every URL; name a host or a file")
    return place


def _host_and_port(head: str, script: str) -> tuple[str, str]:
    head = head.removeprefix("*.")
    host, colon, port = head.rpartition(":")
    if not colon or not port.isdecimal():
        host, port = head, ""
    host = ascii_host(host)
    if not _HOST.match(host):
        raise ValueError(f"{script!r} does not begin with a host; write host, host/path or a file name")
    return host, port
