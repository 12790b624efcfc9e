"""The ASGI shell: carries a request into an exchange and its answer out, and decides nothing."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import quote

from .bodies import Body
from .engine import Applies, Engine, PolicySource
from .exchange import Exchange
from .http import is_loopback, mounted_at
from .markup import JUDGED
from .policy import KnownCookie
from .record import Ledger
from .shell import DECISION_KEY, introduce, opened_ledger, settle

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})

_JUDGED = {name.encode("ascii"): name for name in JUDGED}
_JUDGED_LENGTHS = frozenset(map(len, _JUDGED))
_BODIES = frozenset({"http.response.body", "websocket.http.response.body"})
_BESIDE = frozenset({"http.response.pathsend", "http.response.zerocopysend"})
"""The extensions by which a file leaves past the middleware."""

_OURS = {
    name: name.lower().encode("ascii")
    for name in (
        "Set-Cookie",
        "Vary",
        "Cache-Control",
        "Content-Security-Policy",
        "Content-Security-Policy-Report-Only",
        "Reporting-Endpoints",
        "Permissions-Policy",
        "Consent-Report",
    )
}
"""What the exchange adds; ASGI wants header names in lower case. The application's own names stay as they came."""


class ASGIRequest:
    """An ASGI scope as the exchange reads it; ``headers`` are the scope's own, as a list."""

    __slots__ = ("_fields", "_scope", "_was_asked", "cookies", "headers")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._fields: dict[bytes, bytes] | None = None
        self._was_asked = False
        self.headers: RawHeaders = list(scope["headers"])
        # Every request is searched for cookies, so once must do. The length tells most names apart without a look at
        # their letters, here and below.
        self.cookies: list[str] = [
            value.decode("latin-1") for name, value in self.headers if len(name) == 6 and name.lower() == b"cookie"
        ]

    @property
    def method(self) -> str:
        method: str = self._scope.get("method", "GET")
        return method

    @property
    def is_local(self) -> bool:
        client: tuple[str, int] | None = self._scope.get("client")
        return client is not None and is_loopback(client[0])

    @property
    def scheme(self) -> str:
        scheme: str = self._scope.get("scheme", "http")
        return scheme

    @property
    def host(self) -> str:
        return self.header("host") or ""

    @property
    def root(self) -> str:
        return mounted_at(self._scope.get("root_path", ""))

    @property
    def target(self) -> str:
        raw: bytes | None = self._scope.get("raw_path")
        path = raw.decode("latin-1").partition("?")[0] if raw else quote(self._scope["path"])
        query: str = self._scope.get("query_string", b"").decode("latin-1")
        path = path if not self.root or path.startswith(self.root) else f"{self.root}{path}"
        return f"{path}?{query}" if query else path

    @property
    def path(self) -> str:
        path: str = self._scope["path"]
        root: str = self._scope.get("root_path", "")
        if not root:
            return path
        root = root.rstrip("/")
        # The path includes the mount point (ASGI HTTP spec 2.4), but not every server and framework says so.
        return path[len(root) :] if root and (path == root or path.startswith(f"{root}/")) else path

    def header(self, name: str) -> str | None:
        value = self._field(name.encode("latin-1"))
        return None if value is None else value.decode("latin-1")

    def _field(self, name: bytes) -> bytes | None:
        # What is answered with data asks for one header at most: a search takes a third of the time of an index.
        if self._fields is None and not self._was_asked:
            self._was_asked = True
            size = len(name)
            values = [value for key, value in self.headers if len(key) == size and key.lower() == name]
            return b", ".join(values) if values else None
        if self._fields is None:
            self._fields = _joined(self.headers)
        return self._fields.get(name)


class ConsentASGI:
    """ASGI middleware that keeps a cookie policy, for HTTP and WebSocket. Put it outermost.

    The arguments are those of ConsentWSGI. A ledger may block: it is called in a thread.
    """

    def __init__(
        self,
        app: ASGIApp,
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outer = scope.get(DECISION_KEY)
        if scope["type"] not in ("http", "websocket") or (outer is not None and self.engine.stands_behind(outer)):
            return await self.app(scope, receive, send)
        request = ASGIRequest(scope)
        exchange = Exchange(self.engine, request)
        if exchange.is_ours and scope["type"] == "http":
            return await self._answer(exchange, scope, receive, send)

        headers = request.headers if exchange.shows_all(request.cookies) else _visible(exchange, request)
        if exchange.gates_pages:
            headers = _judged(exchange, headers)
        shown = dict(scope)  # in one go, which takes half as long as to unpack it into a display
        shown["headers"] = headers
        shown[DECISION_KEY] = exchange.decision
        extensions = scope.get("extensions")
        if extensions and exchange.enforces and not _BESIDE.isdisjoint(extensions) and exchange.may_gate_pages:
            shown["extensions"] = {name: each for name, each in extensions.items() if name not in _BESIDE}
        response = _Response(exchange, send, self._store if self.ledger is not None else None)
        await self.app(shown, receive, response.send)

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        exchange.answer(await _read_body(receive, exchange.body_limit))
        await self._store(exchange)
        reply = exchange.reply
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _store(self, exchange: Exchange) -> None:
        if self.ledger is not None and exchange.has_errands:
            await _in_thread(settle, exchange, self.ledger)


class _Response:
    """Its ``send`` is what the application gets. The start of a page is held back until its first bytes are gated."""

    __slots__ = ("_exchange", "_held", "_send", "_store")

    def __init__(self, exchange: Exchange, send: Send, store: Callable[[Exchange], Awaitable[None]] | None) -> None:
        self._exchange = exchange
        self._send = send
        self._store = store
        self._held: Message | None = None

    # Not a coroutine itself: what is only handed on costs no frame of its own (0.4 microseconds per response), and
    # that is first of all the body of what is no page.
    def send(self, message: Message) -> Awaitable[None]:
        exchange = self._exchange
        kind: str = message["type"]
        if kind == "http.response.body" and exchange.body is None:
            return self._send(message)
        if kind in _STARTS:
            if self._store is not None and exchange.has_errands:
                return self._store_and_start(self._store, message)
            return self._start(message)
        if kind in _BODIES and exchange.body is not None:
            if exchange.body.watches:
                exchange.body.watch(message.get("body", b""), is_last=not message.get("more_body", False))
                return self._send(message)
            return self._gated(message, exchange.body)
        if self._held is not None:
            return self._begin_and_send(message)
        if kind == "http.response.trailers":
            message = self._without_cookies(message)
        elif kind in _BESIDE:
            exchange.leaves_unseen()
        elif kind == "http.response.early_hint" and exchange.gates_pages:
            links = exchange.hints([link.decode("latin-1") for link in message.get("links") or ()])
            message = {**message, "links": [link.encode("latin-1") for link in links]}
        return self._send(message)

    def _without_cookies(self, message: Message) -> Message:
        raw = list(message.get("headers") or ())
        decoded = _decoded(raw)
        left = self._exchange.trailers(decoded)
        return {**message, "headers": raw if left is decoded else _encoded(left)}

    async def _store_and_start(self, store: Callable[[Exchange], Awaitable[None]], message: Message) -> None:
        await store(self._exchange)
        await self._start(message)

    def _start(self, message: Message) -> Awaitable[None]:
        exchange = self._exchange
        # Some applications send headers lazily, as a generator that can be read once; some frameworks send None.
        headers: Iterable[tuple[bytes, bytes]] = message.get("headers") or ()
        raw: RawHeaders = headers if isinstance(headers, list) else list(headers)
        if exchange.leaves_as_is(raw):
            return self._send(message if raw is headers else {**message, "headers": raw})
        decoded = _decoded(raw)
        gated = exchange.start(message.get("status", 101), decoded)
        message = {**message, "headers": raw if gated is decoded else _encoded(gated)}
        body = exchange.body
        if body is None or body.watches:
            return self._send(message)
        self._held = message
        return _done()

    async def _gated(self, message: Message, body: Body) -> None:
        is_last = not message.get("more_body", False)
        output = body.feed(message.get("body", b"")) + (body.finish() if is_last else b"")
        if self._held is not None:
            # With trailers to come there can be no length.
            tells_length = is_last and not self._held.get("trailers", False)
            await self._begin([(b"content-length", b"%d" % len(output))] if tells_length else [])
        if output or is_last:
            await self._send({**message, "body": output})

    async def _begin(self, length: RawHeaders) -> None:
        if self._held is not None:
            start, self._held = self._held, None
            await self._send({**start, "headers": [*start["headers"], *length]})

    async def _begin_and_send(self, message: Message) -> None:
        await self._begin([])
        await self.send(message)


def _joined(headers: RawHeaders) -> dict[bytes, bytes]:
    """Each header by its lower-case name, several fields as one."""
    fields = {name.lower(): value for name, value in headers}
    if len(fields) == len(headers):
        return fields
    return {wanted: b", ".join(value for name, value in headers if name.lower() == wanted) for wanted in fields}


async def _done() -> None:
    """Nothing is left to await."""


def _visible(exchange: Exchange, request: ASGIRequest) -> RawHeaders:
    """The request headers with the cookies that the application may see; each field is judged for itself."""
    cookies = iter(request.cookies)
    shown: RawHeaders = []
    for field in request.headers:
        if len(field[0]) != 6 or field[0].lower() != b"cookie":
            shown.append(field)
        elif (left := exchange.visible(cookie := next(cookies))) or left == cookie:
            shown.append(field if left is cookie else (field[0], left.encode("latin-1")))
    return shown


def _judged(exchange: Exchange, headers: RawHeaders) -> RawHeaders:
    """The headers with what they say about the bytes of a page as the application may see it, field by field."""
    shown: RawHeaders = []
    for field in headers:
        name = field[0]
        if len(name) in _JUDGED_LENGTHS and (key := _JUDGED.get(name.lower())):
            value = field[1].decode("latin-1")
            left = exchange.shown_field(key, value)
            if not left:
                continue
            if left != value:
                field = (name, left.encode("latin-1"))
        shown.append(field)
    return shown


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in headers]


def _text(octets: bytes | str) -> str:
    # Some servers take text where the specification wants bytes, so some applications send it.
    return octets if isinstance(octets, str) else octets.decode("latin-1")


def _encoded(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    return [(_OURS.get(name) or name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    """Read at most ``limit`` bytes; None when there are more, without waiting for the rest.

    A body that breaks off is none at all. Empty pieces count as well, so that there is an end to them.
    """
    body = bytearray()
    pieces = 0
    while limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        body += message.get("body", b"")
        pieces += 1
        if max(len(body), pieces) > limit:
            return None
        if not message.get("more_body", False):
            break
    return bytes(body)


async def _in_thread(function: Callable[..., None], *args: Any) -> None:
    """Call a function that may block, in a thread of whichever event loop there is."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # ASGI servers run on asyncio or on trio, and only then is trio there for certain.
        trio: Any = importlib.import_module("trio")
        await trio.to_thread.run_sync(function, *args)
    else:
        await asyncio.to_thread(function, *args)
