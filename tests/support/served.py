"""Two small applications behind the middleware, for real servers to serve: ``support.served:wsgi`` and ``:asgi``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from consent_middleware import ConsentASGI, ConsentWSGI

from .three_categories import KEY, POLICY

SESSION_LINE = 'session="caf\xe9 a=b";  path=/ ; HttpOnly; X-Own'
"""Nothing in it has to change, so every octet is to stay."""
HEADERS = [
    ("Content-Type", "text/plain"),
    ("Set-Cookie", "_ga=1; Max-Age=99999999; Path=/"),
    ("Set-Cookie", SESSION_LINE),
    ("Set-Cookie", "nobody=1"),
]
STATUSES = {"/": "200 OK", "/gone": "302 Found", "/same": "304 Not Modified", "/stream": "200 OK"}


def _headers(path: str, cookie: str) -> list[tuple[str, str]]:
    fields = [*HEADERS, ("Location", "/")] if path == "/gone" else HEADERS
    # Without a length the server sends chunks.
    return fields if path in ("/same", "/stream") else [*fields, ("Content-Length", str(len(_page(path, cookie))))]


def _page(path: str, cookie: str) -> bytes:
    return b"" if path == "/same" else f"saw <{cookie}>".encode("latin-1")


def _wsgi_application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    path, cookie = environ["PATH_INFO"], environ.get("HTTP_COOKIE", "")
    start_response(STATUSES[path], _headers(path, cookie))
    yield b"" if environ["REQUEST_METHOD"] == "HEAD" else _page(path, cookie)


async def _asgi_application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    cookie = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    path = scope["path"]
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in _headers(path, cookie)]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "headers": fields[1:4]})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": int(STATUSES[path][:3]), "headers": fields})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _page(path, cookie)})


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


wsgi = ConsentWSGI(_wsgi_application, POLICY, secret_keys=KEY)
asgi = ConsentASGI(_asgi_application, POLICY, secret_keys=KEY)
