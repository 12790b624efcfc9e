"""The WSGI shell: carries a request into an exchange and its answer out, and decides nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from .documents import SHORT
from .engine import Applies, Engine, PolicySource
from .exchange import Exchange
from .http import REASONS, Headers, is_loopback, mounted_at
from .markup import JUDGED
from .policy import KnownCookie
from .record import Ledger
from .shell import DECISION_KEY, introduce, opened_ledger, settle

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


JUDGED_KEYS = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in JUDGED}
"""Where an environ holds the request headers that speak about the bytes of a page, by their names."""


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
    def is_local(self) -> bool:
        return is_loopback(self._environ.get("REMOTE_ADDR", ""))

    @property
    def method(self) -> str:
        return self._environ.get("REQUEST_METHOD", "GET")

    @property
    def root(self) -> str:
        return mounted_at(self._script_name, encoding="latin-1")

    @property
    def target(self) -> str:
        query = self._environ.get("QUERY_STRING")
        path = f"{self.root}{quote(self.path, encoding='latin-1')}"
        return f"{path}?{query}" if query else path

    def header(self, name: str) -> str | None:
        key = name.upper().replace("-", "_")
        return self._environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}")


class ConsentWSGI:
    """WSGI middleware that keeps a cookie policy. Put it outermost: it can only gate what passes through it.

    ``policy`` is a Policy, the path of a TOML file, a mapping, or None for the default. ``secret_keys`` is one key or
    several, oldest first. ``ledger`` keeps the proof of every choice: the URL of a database, or anything with
    ``append(records)``. ``prefix`` is where our own pages live. ``clock`` returns epoch seconds. ``applies`` says
    whether the policy applies to a request, always by default; when it raises, the policy applies. ``necessary`` names
    cookies that need no consent and no declaration. Raises PolicyError and ConfigurationError, at start-up only.
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
        necessary: Iterable[str | KnownCookie] = (),
    ) -> None:
        self.app = app
        self.engine = Engine(
            policy, secret_keys=secret_keys, prefix=prefix, clock=clock, applies=applies, necessary=necessary
        )
        self.ledger = opened_ledger(ledger, self.engine.keys)
        introduce(self.engine, self.ledger)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.engine.stands_behind(environ.get(DECISION_KEY)):
            return self.app(environ, start_response)
        exchange = Exchange(self.engine, WSGIRequest(environ))
        if exchange.is_ours:
            return self._answer(exchange, environ, start_response)
        _show_what_is_visible(exchange, environ)
        _gate_early_hints(exchange, environ)
        environ[DECISION_KEY] = exchange.decision
        response = _Response(exchange, start_response, self._store)
        chunks = self.app(environ, response.start)
        if self.engine.enforces:
            return response.body(chunks)
        return response.watched(chunks, environ.get("wsgi.file_wrapper"))

    def _answer(self, exchange: Exchange, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange.answer(read_body(environ, exchange.body_limit))
        self._store(exchange)
        reply = exchange.reply
        start_response(f"{reply.status} {REASONS[reply.status]}", list(reply.headers))
        return [reply.body]

    def _store(self, exchange: Exchange) -> None:
        if self.ledger is not None and exchange.has_errands:
            settle(exchange, self.ledger)


class _Response:
    """The application's answer on its way to the server, which hears of a page only once its first bytes are gated."""

    __slots__ = ("_exchange", "_has_started", "_held", "_server_write", "_start_response", "_store", "_waiting")

    def __init__(self, exchange: Exchange, start_response: StartResponse, store: Callable[[Exchange], None]) -> None:
        self._exchange = exchange
        self._start_response = start_response
        self._store = store
        self._has_started = False
        self._held: tuple[str, Headers] | None = None
        self._waiting: list[bytes] = []
        """Pieces of a page that leave together with its start."""
        self._server_write: Callable[[bytes], object] | None = None

    def start(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        """What the application gets as start_response.

        It may call this late, while its body is iterated, and again with exc_info for an error page.
        """
        exchange = self._exchange
        self._store(exchange)
        gated = headers if exchange.leaves_as_is(headers) else exchange.start(_code(status), headers)
        self._has_started = True
        self._held = None
        self._waiting.clear()  # an error page replaces what the server has not heard of yet
        body = exchange.body
        if body is not None and not body.watches and self._server_write is None:
            self._held = (status, gated)
            return self._write
        started = self._start_response(status, gated, exc_info) if exc_info else self._start_response(status, gated)
        self._server_write = started
        return started if body is None else self._write

    def body(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        """Return the body as it leaves: the very same object if it is not gated, so that file wrappers keep working."""
        body = self._exchange.body
        if body is None and (self._has_started or not self._exchange.may_gate_pages):
            return chunks
        if body is None or self._held is None or not (body.is_short or isinstance(chunks, list | tuple)):
            return _GatedBody(self._gated(chunks), chunks)
        return self._whole(chunks, math.inf if isinstance(chunks, list | tuple) else SHORT)

    def watched(self, chunks: Iterable[bytes], file_wrapper: object) -> Iterable[bytes]:
        """Return the body as it came, to be looked at on its way: the same pieces, and as many.

        From a list of one, servers tell the length of what they send; a file they may send without reading it.
        """
        body = self._exchange.body
        if body is None and (self._has_started or not self._exchange.may_gate_pages):
            return chunks
        if isinstance(file_wrapper, type) and isinstance(chunks, file_wrapper):
            self._exchange.leaves_unseen()
            return chunks
        if isinstance(chunks, list | tuple):
            for number, piece in enumerate(chunks, 1):
                if body is not None:
                    body.watch(piece, is_last=number == len(chunks))
            return chunks
        return (_SizedWatchedBody if hasattr(chunks, "__len__") else _WatchedBody)(self._exchange, chunks)

    def _whole(self, chunks: Iterable[bytes], limit: float) -> Iterable[bytes]:
        """Return a body that leaves with its length; one that is longer than it said streams from there on."""
        pieces = self._pieces(chunks)
        size = 0
        try:
            for piece in pieces:
                self._waiting.append(piece)
                size += len(piece)
                if size > limit:
                    return _GatedBody(self._streamed([*self._waiting], pieces), chunks)
        except BaseException:
            _close(chunks)
            raise
        _close(chunks)
        whole = b"".join(self._waiting)
        self._begin([("Content-Length", str(len(whole)))])
        return [whole]

    def _gated(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        return self._streamed([], self._pieces(chunks))

    def _streamed(self, waiting: list[bytes], pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield each piece as soon as it may leave, and an empty one where all of it has to wait.

        Middleware must not make the server wait for more than one piece (PEP 3333, handling of block boundaries).
        """
        for piece in chain(waiting, pieces):
            self._begin()
            yield piece

    def _pieces(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            body = self._exchange.body
            yield body.feed(chunk) if body else chunk
        body = self._exchange.body
        yield body.finish() if body else b""

    def _begin(self, length: Headers | None = None) -> None:
        """Tell the server what was held back."""
        if self._held is not None:
            status, headers = self._held
            self._held = None
            self._server_write = self._start_response(status, [*headers, *(length or ())])

    def _write(self, data: bytes) -> object:
        self._begin()
        body, write = self._exchange.body, self._server_write
        if body is not None and body.watches:
            body.watch(data)
            body = None
        return write(body.feed(data) if body else data) if write else None


class _GatedBody:
    """A body that is gated as it is iterated; closing it closes the application's."""

    def __init__(self, pieces: Iterator[bytes], chunks: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        _close(self._chunks)


class _WatchedBody:
    """A body that leaves as it came and is looked at on its way."""

    def __init__(self, exchange: Exchange, chunks: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._exchange.body is not None:
                self._exchange.body.watch(chunk)
            yield chunk
        if self._exchange.body is not None:
            self._exchange.body.watch(b"", is_last=True)

    def close(self) -> None:
        _close(self._chunks)


class _SizedWatchedBody(_WatchedBody):
    """The same for a body of which the server can count the pieces."""

    def __len__(self) -> int:
        return len(cast("Sized", self._chunks))


def _close(chunks: Iterable[bytes]) -> None:
    close: Callable[[], object] | None = getattr(chunks, "close", None)
    if close is not None:
        close()


def _show_what_is_visible(exchange: Exchange, environ: WSGIEnvironment) -> None:
    header = environ.get("HTTP_COOKIE")
    shown: dict[str, str | None] = {"HTTP_COOKIE": exchange.visible(header)} if header else {}
    if exchange.gates_pages:
        for name, key in JUDGED_KEYS.items():
            if key in environ:
                shown[key] = exchange.shown_field(name, environ[key])
    for key, value in shown.items():
        if value:
            environ[key] = value
        elif environ[key]:
            del environ[key]


def _gate_early_hints(exchange: Exchange, environ: WSGIEnvironment) -> None:
    """Some servers give applications a way to send hints (103) before they answer."""
    send: Callable[[Headers], object] | None = environ.get("wsgi.early_hints")
    if send is not None and exchange.gates_pages:
        environ["wsgi.early_hints"] = partial(_send_hints, exchange, send)


def _send_hints(exchange: Exchange, send: Callable[[Headers], object], headers: Headers) -> None:
    hinted: Headers = []
    for name, value in headers:
        values = exchange.hints([value]) if name.lower() == "link" else [value]
        hinted += [(name, each) for each in values]
    send(hinted)


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
