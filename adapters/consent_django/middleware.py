"""The Django shell: drives the same exchange as the WSGI and ASGI shells, on Django's own request and response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.request import HttpHeaders
from django.http.response import HttpResponseBase

from consent_middleware import Decision
from consent_middleware.bodies import Body
from consent_middleware.exchange import Exchange
from consent_middleware.http import Headers, is_loopback, mounted_at
from consent_middleware.shell import DECISION_KEY, introduce, settle
from consent_middleware.wsgi import JUDGED_KEYS, read_body

from .caches import keep_out_of_caches
from .conf import engine_from_settings, ledger_alias, ledger_from_settings
from .lines import SentLine

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class DjangoRequest:
    """A Django request as the exchange reads it."""

    __slots__ = ("request",)

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @property
    def method(self) -> str:
        return self.request.method or "GET"

    @property
    def is_local(self) -> bool:
        return is_loopback(self.request.META.get("REMOTE_ADDR", ""))

    @property
    def scheme(self) -> str:
        return self.request.scheme or "http"

    @property
    def host(self) -> str:
        try:
            return self.request.get_host()
        except DisallowedHost:
            return ""

    @property
    def root(self) -> str:
        return mounted_at(self.request.META.get("SCRIPT_NAME", ""))

    @property
    def target(self) -> str:
        return self.request.get_full_path()

    @property
    def path(self) -> str:
        return self.request.path_info

    @property
    def cookies(self) -> list[str]:
        # Under ASGI, Django 5 joins several Cookie headers with a comma, which glues two cookies into one.
        scope = getattr(self.request, "scope", None)
        if scope is not None:
            return [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"cookie"]
        header = self.request.META.get("HTTP_COOKIE")
        return [header] if header else []

    def header(self, name: str) -> str | None:
        # Not from request.headers, which would have to be made first, of every header there is.
        key = name.upper().replace("-", "_")
        return self.request.META.get(key if key in HttpHeaders.UNPREFIXED_HEADERS else f"HTTP_{key}")


class ConsentMiddleware:
    """First in ``MIDDLEWARE``; sync and async.

    Raises PolicyError, ConfigurationError or ImproperlyConfigured at start-up, and nothing later.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.engine = engine_from_settings()
        self.ledger = ledger_from_settings()
        introduce(self.engine, self.ledger)
        # Django has one connection for each thread, and the one of this request lives in the thread-sensitive thread.
        self._settle = sync_to_async(settle, thread_sensitive=ledger_alias() is not None)
        # asgiref's, because before Python 3.12 the one of inspect does not see what markcoroutinefunction marks.
        self._is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        exchange = self._open(request)
        if exchange is None:
            return self.get_response(request)
        if exchange.is_ours:
            exchange.answer(_read_body(request, exchange.body_limit))
            self._store(exchange)
            return _ours(exchange)
        response = cast("HttpResponseBase", self.get_response(request))
        self._store(exchange)
        return _gated(exchange, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        get_response = cast("Callable[[HttpRequest], Awaitable[HttpResponseBase]]", self.get_response)
        exchange = self._open(request)
        if exchange is None:
            return await get_response(request)
        if exchange.is_ours:
            exchange.answer(_read_body(request, exchange.body_limit))
            await self._astore(exchange)
            return _ours(exchange)
        response = await get_response(request)
        await self._astore(exchange)
        return _gated(exchange, response)

    def _open(self, request: HttpRequest) -> Exchange | None:
        """Begin an exchange and show the application its cookies; None where one further out already does."""
        outer = request.META.get(DECISION_KEY) or getattr(request, "scope", {}).get(DECISION_KEY)
        if self.engine.stands_behind(outer):
            cast("Any", request).consent = outer
            keep_out_of_caches(request, cast("Decision", outer))
            return None
        exchange = Exchange(self.engine, DjangoRequest(request))
        if not exchange.is_ours:
            _show_what_is_visible(exchange, request)
            cast("Any", request).consent = request.META[DECISION_KEY] = exchange.decision
            keep_out_of_caches(request, exchange.decision)
        return exchange

    def _store(self, exchange: Exchange) -> None:
        if self.ledger is not None and exchange.has_errands:
            settle(exchange, self.ledger)

    async def _astore(self, exchange: Exchange) -> None:
        if self.ledger is not None and exchange.has_errands:
            await self._settle(exchange, self.ledger)


def _show_what_is_visible(exchange: Exchange, request: HttpRequest) -> None:
    meta: dict[str, Any] = request.META
    fields = DjangoRequest(request).cookies
    shown: dict[str, str | None] = {"HTTP_COOKIE": "; ".join(filter(None, map(exchange.visible, fields)))}
    if exchange.gates_pages:
        for name, key in JUDGED_KEYS.items():
            if key in meta:
                shown[key] = exchange.shown_field(name, meta[key])
    if not exchange.enforces or all(value == meta.get(key, "") for key, value in shown.items()):
        return
    for key, value in shown.items():
        if value:
            meta[key] = value
        else:
            meta.pop(key, None)
    _show_in_scope(request, shown["HTTP_COOKIE"])
    # Both request classes parse their cookies once, when first asked, and request.headers likewise.
    request.__dict__.pop("COOKIES", None)
    request.__dict__.pop("headers", None)


def _show_in_scope(request: HttpRequest, visible: str | None) -> None:
    """Under ASGI a view can also look into the scope, which is the server's and stays as it is."""
    scope = getattr(request, "scope", None)
    if scope is not None:
        others = [(name, value) for name, value in scope["headers"] if name.lower() != b"cookie"]
        shown = [(b"cookie", visible.encode("latin-1"))] if visible else []
        cast("Any", request).scope = {**scope, "headers": [*others, *shown]}


def _read_body(request: HttpRequest, limit: int) -> bytes | None:
    if isinstance(request, WSGIRequest):
        return read_body(request.environ, limit)
    # Under ASGI, Django has received the whole body before it calls any middleware.
    body = request.read(limit + 1) if limit else b""
    return body if len(body) <= limit else None


def _ours(exchange: Exchange) -> HttpResponse:
    reply = exchange.reply
    response = HttpResponse(reply.body, status=reply.status)
    del response.headers["Content-Type"]
    _send(response, reply.headers)
    return response


def _gated(exchange: Exchange, response: HttpResponseBase) -> HttpResponseBase:
    """Let the exchange see every header Django is about to send: cookies are kept apart from the others until then."""
    morsels = response.cookies.values()
    headers: Headers = [*response.items(), *(("Set-Cookie", morsel.OutputString()) for morsel in morsels)]
    if exchange.leaves_as_is(headers):
        return response
    gated = exchange.start(response.status_code, headers)
    if gated is not headers:
        _send(response, gated)
    if exchange.body is not None:
        if exchange.body.watches:
            _watch_body(exchange, exchange.body, response)
        else:
            _gate_body(exchange.body, response)
    return response


def _watch_body(exchange: Exchange, body: Body, response: HttpResponseBase) -> None:
    """Look at a body, which leaves as it came: a file remains one that the server may send without reading it."""
    if not isinstance(response, StreamingHttpResponse):
        body.watch(cast("HttpResponse", response).content, is_last=True)
    elif getattr(response, "file_to_stream", None) is not None:
        exchange.leaves_unseen()
    elif response.is_async:
        response.streaming_content = _watched_as_it_comes(
            body, cast("AsyncIterator[bytes]", response.streaming_content)
        )
    else:
        response.streaming_content = _watched_piecewise(body, cast("Iterator[bytes]", response.streaming_content))


def _watched_piecewise(body: Body, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        body.watch(chunk)
        yield chunk
    body.watch(b"", is_last=True)


async def _watched_as_it_comes(body: Body, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        body.watch(chunk)
        yield chunk
    body.watch(b"", is_last=True)


def _gate_body(body: Body, response: HttpResponseBase) -> None:
    if isinstance(response, StreamingHttpResponse):
        if response.is_async:
            response.streaming_content = _gated_as_it_comes(
                body, cast("AsyncIterator[bytes]", response.streaming_content)
            )
        else:
            response.streaming_content = _gated_piecewise(body, cast("Iterator[bytes]", response.streaming_content))
    elif isinstance(response, HttpResponse):
        response.content = body.whole([response.content])
        response.headers["Content-Length"] = str(len(response.content))


def _gated_piecewise(body: Body, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield body.feed(chunk)  # even if empty: who is waited for should know that there was something
    yield body.finish()


async def _gated_as_it_comes(body: Body, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield body.feed(chunk)
    yield body.finish()


def _send(response: HttpResponseBase, headers: Iterable[tuple[str, str]]) -> None:
    """Make ``response`` send exactly these headers; cookies that leave as they were keep their morsel."""
    unchanged = {morsel.OutputString(): (key, morsel) for key, morsel in response.cookies.items()}
    response.cookies.clear()
    fields: dict[str, str] = {}
    for name, value in headers:
        if name.lower() != "set-cookie":
            # One field a name is all that a Django response can hold, so lists are joined (RFC 9110, 5.3).
            fields[name.title()] = f"{fields[name.title()]}, {value}" if name.title() in fields else value
            continue
        key, morsel = unchanged.pop(value, (None, None)) if value in unchanged else (None, None)
        if morsel is None or key is None:
            morsel = SentLine(value)
            key = morsel.key
        # Several lines may bear one name, for a deletion on every domain; the keys of the jar are only its order.
        while key in response.cookies:
            key += " "
        response.cookies[key] = morsel
    for name in list(response.headers):
        if name.title() not in fields:
            del response.headers[name]
    for name, value in fields.items():
        if response.headers.get(name) != value:
            response.headers[name] = value
