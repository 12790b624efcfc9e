"""The WSGI shell: carries a request into an exchange and its answer out, and decides nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .exchange import Applies, Engine, Exchange, PolicySource
from .http import REASONS
from .record import Ledger
from .shell import DECISION_KEY, checked_ledger, store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class WSGIRequest:
    """A WSGI environ as the exchange reads it.

    Where the request went is read at once: dispatchers and proxy middleware further in rewrite the environ in place.
    """

    __slots__ = ("_environ", "_script_name", "cookies", "host", "path", "scheme")

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ: dict[str, str] = environ
        self._script_name = environ.get("SCRIPT_NAME", "")
        self.path: str = environ.get("PATH_INFO", "")
        self.scheme: str = environ.get("wsgi.url_scheme", "http")
        self.host: str = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
        header = environ.get("HTTP_COOKIE")
        self.cookies: Sequence[str] = (header,) if header else ()

    @property
    def method(self) -> str:
        return self._environ.get("REQUEST_METHOD", "GET")

    @property
    def root(self) -> str:
        return quote(self._script_name.rstrip("/"), encoding="latin-1")

    def header(self, name: str) -> str | None:
        key = name.upper().replace("-", "_")
        return self._environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}")


class ConsentWSGI:
    """WSGI middleware that keeps a cookie policy. Put it outermost: it can only gate what passes through it.

    ``policy`` is a Policy, the path of a TOML file, a mapping, or None for the default. ``secret_keys`` is one key or
    several, oldest first. ``ledger`` keeps the proof of every choice: anything with ``append(records)``. ``prefix`` is
    where our own pages live. ``clock`` returns epoch seconds. ``applies`` says whether the policy applies to a
    request, always by default; when it raises, the policy applies. ``necessary`` names cookies that need no consent
    and no declaration. Raises PolicyError and ConfigurationError, at start-up only.
    """

    def __init__(
        self,
        app: WSGIApplication,
        policy: PolicySource = None,
        *,
        secret_keys: str | bytes | Iterable[str | bytes],
        ledger: Ledger | str | None = None,
        prefix: str = "/_consent",
        clock: Callable[[], float] = time.time,
        applies: Applies | None = None,
        necessary: Iterable[str] = (),
    ) -> None:
        self.app = app
        self.ledger = checked_ledger(ledger)
        self.engine = Engine(
            policy, secret_keys=secret_keys, prefix=prefix, clock=clock, applies=applies, necessary=necessary
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.engine.stands_behind(environ.get(DECISION_KEY)):
            return self.app(environ, start_response)
        exchange = self.engine.open(WSGIRequest(environ))
        if exchange.is_ours:
            return self._answer(exchange, environ, start_response)
        _show_visible_cookies(exchange, environ)
        environ[DECISION_KEY] = exchange.decision

        # The application may call this late, while its body is iterated, and again with exc_info for an error page.
        def gated_start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            self._store(exchange)
            gated = exchange.start(_code(status), headers)
            return start_response(status, gated, exc_info) if exc_info else start_response(status, gated)

        return self.app(environ, gated_start_response)

    def _answer(self, exchange: Exchange, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange.answer(read_body(environ, exchange.body_limit))
        self._store(exchange)
        reply = exchange.reply
        start_response(f"{reply.status} {REASONS[reply.status]}", list(reply.headers))
        return [reply.body]

    def _store(self, exchange: Exchange) -> None:
        if self.ledger is not None and (records := exchange.take_records()):
            store(exchange, self.ledger, records)


def _show_visible_cookies(exchange: Exchange, environ: WSGIEnvironment) -> None:
    header = environ.get("HTTP_COOKIE")
    if not header:
        return
    visible = exchange.visible(header)
    if visible:
        environ["HTTP_COOKIE"] = visible
    else:
        del environ["HTTP_COOKIE"]


def read_body(environ: WSGIEnvironment, limit: int) -> bytes | None:
    """Read at most ``limit`` bytes; None when there are more. A body that breaks off is none at all.

    Without a length the server must mark the end itself.
    """
    length = _declared_length(environ)
    if not limit or (length is None and not environ.get("wsgi.input_terminated")):
        return b""
    if length is not None and length > limit:
        return None
    try:
        body = _read(environ, limit + 1 if length is None else length)
    except Exception:
        # The visitor has gone or sends nonsense; each server has its own error for that.
        return b""
    if length is None:
        return body if len(body) <= limit else None
    return body if len(body) == length else b""


def _declared_length(environ: WSGIEnvironment) -> int | None:
    declared: str = environ.get("CONTENT_LENGTH") or ""
    return int(declared[:19]) if declared.isascii() and declared.isdigit() else None


def _read(environ: WSGIEnvironment, size: int) -> bytes:
    pieces: list[bytes] = []
    while size > 0 and (piece := environ["wsgi.input"].read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _code(status: str) -> int:
    return int(status[:3]) if status[:3].isdigit() else 0
