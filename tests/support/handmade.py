"""A site of pages written by tests, behind the real middleware, for a real browser.

``site.pages["/x"] = "<p>..."`` and the next visit to ``/x`` shows it. Every page is a whole document around what is
given; ``site.asked`` are the paths that the browser asked for.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from consent_middleware import ConsentWSGI

HOST = "page.shop.test"
POLICY: dict[str, Any] = {
    "policy": {"version": "2026-11-21", "controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {
        "necessary": {"required": True},
        "functional": {},
        "analytics": {},
        "marketing": {},
        "chat": {"on_request": True},
    },
    "cookies": [
        {"name": "session", "category": "necessary"},
        {"name": "theme", "category": "functional", "lifetime": "30 days"},
        {"name": "theme_*", "category": "necessary"},
    ],
    "services": [
        {
            "id": "stats",
            "name": "Statistics",
            "provider": "Stats Inc",
            "category": "analytics",
            "scripts": ["stats.example", "tags.example/js?id=S-", "own-stats.js"],
            "inline": ["ownstats("],
            "storage": ["_st_*"],
            "cookies": [{"name": "_ga"}, {"name": "_ga_*"}],
        },
        {
            "id": "ads",
            "name": "Advertisements",
            "provider": "Ads Inc",
            "category": "marketing",
            "scripts": ["ads.example/", "tags.example/js?id=A-", f"{HOST}/pixel"],
            "storage": ["_ad"],
            "cookies": [{"name": "_gcl*"}],
        },
        {
            "id": "talk",
            "name": "Talk",
            "provider": "Talk Inc",
            "category": "chat",
            "scripts": ["talk.example"],
            "cookies": [{"name": "twk_*"}],
        },
    ],
}
DECLARED = {
    "session": "necessary",
    "theme": "functional",
    "theme_*": "necessary",
    "_ga": "analytics",
    "_ga_*": "analytics",
    "_gcl*": "marketing",
    "twk_*": "chat",
}
"""The categories of all declared cookies."""
QUIET = {**POLICY, "banner": {"show": False}}
"""The same, with nothing of ours in the pages."""
KEY = "a key for tests, long enough to be one"


@dataclass
class Handmade:
    """The site while it serves. Pages are by path; what is not there is an empty document."""

    port: int = 0
    pages: dict[str, str] = field(default_factory=dict[str, str])
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    """Media type and content by path, sent as they are."""
    head: str = ""
    """Stands first in the head of every page."""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    """Sent with every page."""
    asked: list[str] = field(default_factory=list[str])

    def forget(self) -> None:
        """Begin anew; files stay."""
        self.pages.clear()
        self.headers.clear()
        self.head = ""
        self.asked.clear()

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        if path in self.files:
            kind, content = self.files[path]
            start_response("200 OK", [("Content-Type", kind)])
            return [content]
        body = (
            f"<!doctype html><html><head>{self.head}<title>Page</title></head>"
            f"<body>{self.pages.get(path, '')}</body></html>"
        )
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), *self.headers.items()])
        return [body.encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(60)
        with suppress(OSError), self.context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)


class _Handler(WSGIRequestHandler):
    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), "wsgi.url_scheme": "https", "HTTPS": "on"}

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def handmade(
    context: ssl.SSLContext, policy: Mapping[str, Any] = POLICY, ledger: str | None = None
) -> Iterator[Handmade]:
    """Serve a handmade site over TLS for as long as the block lasts; ``ledger`` is the URL of one."""
    site = Handmade()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.context = context
        server.set_app(ConsentWSGI(site, policy, secret_keys=KEY, ledger=ledger))
        site.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
