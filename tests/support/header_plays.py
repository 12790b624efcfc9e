"""Sends the requests of ``header_cases`` through the middleware, and keeps both sides of each."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from consent_middleware import ConsentASGI, Record, plain
from consent_middleware.endpoints import STYLES
from consent_middleware.record import Shown
from consent_middleware.views import Views
from support.doors import KEY, Answer, Door, RawWSGI, asgi_scope
from support.header_cases import HEADERS, POLICY, Case, Side
from support.header_log import Environ, HeaderLog, Name, header_log
from support.site import NOON, Site

Lines = list[tuple[str, str]]

_SEALED = re.compile(r"((?:__Host-|__Secure-)?consent(?:-first|-hint)?=)[^;]+")
_VARIANT = re.compile(r"--consent-[\w-]+")
_HASH = re.compile(r"'sha256-[^']+'")


@dataclass(frozen=True)
class Play:
    """A request as the visitor sent it and as the application saw it (None: it never did), and likewise back."""

    case: Case
    target: str
    asked: Lines
    seen: Lines | None
    status: int
    said: Lines | None
    left: Lines
    log: HeaderLog

    @property
    def deeds(self) -> set[tuple[Side, str, str]]:
        """What we did: on which side, to which header in lower case, and one of reads, adds, changes and removes."""
        request = set() if self.seen is None else _differences(self.asked, self.seen)
        deeds: set[tuple[Side, str, str]] = {("request", name, deed) for name, deed in request}
        deeds |= {("request", name, "reads") for name in self.log.read}
        if self.said is None:
            deeds |= {("ours", name.lower(), "adds") for name, _ in self.left}
            return deeds
        deeds |= {("response", name, "reads") for name in self.log.compared}
        deeds |= {("response", name, deed) for name, deed in _differences(self.said, self.left)}
        return deeds


class Archive:
    """A ledger in memory."""

    def __init__(self) -> None:
        self._records: list[Record] = []

    def append(self, records: Sequence[Record]) -> None:
        self._records += records

    def records_of(self, subject: str) -> list[Record]:
        return [record for record in self._records if record.subject == subject]

    def erase(self, subject: str) -> int:
        gone = self.records_of(subject)
        self._records = [record for record in self._records if record not in gone]
        return len(gone)

    def keep(self, shown: Iterable[Shown]) -> None: ...

    def defer(self, records: Sequence[Record]) -> None: ...

    def count(self, views: Views) -> None: ...


def play(case: Case, door: type[Door] = RawWSGI) -> Play:
    """Let a case happen behind this door."""
    with header_log() as log, pytest.MonkeyPatch.context() as patch:
        for name, value in case.environment.items():
            patch.setenv(name, value)
        return _over_asgi(case, log) if case.channel != "http" else _over_http(case, door, log)


def policy_of(case: Case) -> dict[str, Any]:
    """Return the policy of a case as tables."""
    added = {name: {**POLICY.get(name, {}), **table} for name, table in case.settings.items()}
    return {**POLICY, **added}


def target_of(case: Case) -> str:
    return case.path.replace("<file>", STYLES[0].path.removeprefix("/"))


def normal(name: str, value: str) -> str:
    """Return a value without what is another one each time, or with each release."""
    if name.lower() in ("cookie", "set-cookie"):
        return _SEALED.sub(r"\1…", value)
    return _HASH.sub("'sha256-…'", _VARIANT.sub("--consent-…", value))


def _over_http(case: Case, door: type[Door], log: HeaderLog) -> Play:
    _forget_names()
    site = Site(door, policy_of(case), ledger=Archive())
    if door is RawWSGI:
        inner: Callable[..., Any] = site.door.app  # type: ignore[attr-defined]  # which every WSGI door has
        address = {"REMOTE_ADDR": "127.0.0.1"} if case.environment else {}
        site.door.app = lambda environ, start: inner(Environ(environ | address, log), start)  # type: ignore[attr-defined]
        if case.breaks:
            inner.engine.markup.headers = _broken  # type: ignore[attr-defined]
    if case.chosen:
        site.choose(case.chosen)
    asks = list(case.asks)
    if case.revalidates:
        asks.append(("If-None-Match", _visit(site, case, asks, log).get("etag") or ""))
    cookies = [*(f"{name}={value}" for name, value in site.jar.items()), *case.cookies]
    log.read.clear()
    log.compared.clear()
    answer = _visit(site, case, asks, log, status=304 if case.revalidates else case.status)
    asked = [("Host", case.host), *asks, *([("Cookie", "; ".join(cookies))] if cookies else [])]
    was_called = site.script.was_called
    seen = [(name, value) for name, _ in asked if (value := _seen(site, name)) is not None] if was_called else None
    script = site.script
    said = [(str(name), value) for name, value in [*script.headers, *(("Set-Cookie", s) for s in script.set_cookies)]]
    # Older releases of Django put a space before a cookie, which no reader takes for a part of it.
    left = [(_spelling(name), value.strip(" ")) for name, value in answer.headers]
    return Play(case, target_of(case), asked, seen, answer.status, said if was_called else None, left, log)


def _visit(site: Site, case: Case, asks: Lines, log: HeaderLog, status: int = 200) -> Answer:
    answers = [*case.answers] if status != 304 else [field for field in case.answers if field[0] != "Content-Type"]
    lines = case.sets
    if type(site.door) is RawWSGI:  # frameworks and validators want plain names
        answers = [(Name(name, log), value) for name, value in (*answers, *(("Set-Cookie", line) for line in lines))]
        lines = ()
    answer: Answer | None = None
    for _ in range(case.times):
        answer = site.visit(
            target_of(case),
            method=case.method,
            scheme=case.scheme,
            host=case.host,
            headers=asks,
            carrying=case.cookies,
            body=case.body,
            status=status,
            answers=answers,
            sets=lines,
            page=case.page,
            act=case.act,
        )
    assert answer is not None
    return answer


def _forget_names() -> None:
    """Let nothing be known of header names from before: what is remembered is not looked at again."""
    for each in vars(plain).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()


def _seen(site: Site, name: str) -> str | None:
    return site.script.seen if name == "Cookie" else site.seen_field(name.lower())


def _broken(*_: object) -> None:
    raise RuntimeError("a fault that a case asks for")


def _over_asgi(case: Case, log: HeaderLog) -> Play:
    before: Lines = [*case.answers, *(("Set-Cookie", line) for line in case.sets)]
    fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in before]
    scripts: dict[str, list[dict[str, Any]]] = {
        "hint": [{"type": "http.response.early_hint", "links": [value for _, value in fields]}],
        "websocket": [{"type": "websocket.accept", "headers": fields}],
        "trailers": [
            {"type": "http.response.start", "status": case.status, "headers": [], "trailers": True},
            {"type": "http.response.body", "body": case.page},
            {"type": "http.response.trailers", "headers": fields},
        ],
    }
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in scripts[case.channel]:
            await send(message)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = asgi_scope(case.path, case.method, case.scheme, [("host", case.host)])
    if case.channel == "websocket":
        scope["type"] = "websocket"
    gate = ConsentASGI(app, policy_of(case), secret_keys=KEY, clock=lambda: NOON)
    asyncio.run(gate(scope, _nothing, send))
    last = sent[-1]
    left = [("Link", link) for link in last["links"]] if case.channel == "hint" else last["headers"]
    decoded = [(_spelling(_text(name)), _text(value)) for name, value in left]
    asked = [("Host", case.host)]
    return Play(case, case.path, asked, asked, 103 if case.channel == "hint" else case.status, before, decoded, log)


async def _nothing() -> Any:
    raise AssertionError("nobody asks for a body here")


def _text(octets: bytes | str) -> str:
    return octets if isinstance(octets, str) else octets.decode("latin-1")


def _differences(before: Lines, after: Lines) -> set[tuple[str, str]]:
    one = Counter((name.lower(), value) for name, value in before)
    other = Counter((name.lower(), value) for name, value in after)
    gone, new = {name for name, _ in one - other}, {name for name, _ in other - one}
    return {
        *((name, "changes") for name in gone & new),
        *((name, "removes") for name in gone - new),
        *((name, "adds") for name in new - gone),
    }


_SPELLINGS = {header.name.lower(): header.name for header in HEADERS}


def _spelling(name: str) -> str:
    """Behind ASGI names are in lower case, and Django has its own way; here they are as everybody writes them."""
    return _SPELLINGS.get(name.lower(), str(name).title() if name.islower() else str(name))
