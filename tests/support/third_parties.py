"""Stand-ins for every third party of the shop: one server on loopback that a browser reaches under all their names.

They do what the real ones do and no more than a test needs: scripts that set cookies in the site's jar and call home,
pixels and a player that set cookies in their own. Everything they are asked for is remembered, and so is the name in
every TLS greeting, which is all that a ``preconnect`` leaves behind.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_KEEP = """
  var site = location.hostname.split('.').slice(-2).join('.');
  function keep(name, domain) {
    document.cookie = name + '=1; path=/; secure; max-age=34560000' + (domain ? '; domain=' + domain : '');
  }
"""

_ANALYTICS = f"""(function () {{{_KEEP}
  keep('_ga', site); keep('_ga'); keep('_ga_0000000000', site); keep('_gid');
  addEventListener('load', function () {{
    dataLayer.forEach(function (call) {{
      if (call[0] == 'config' && call[1].startsWith('G-') || call[1] == 'view_item')
        new Image().src = 'https://www.google-analytics.com/g/collect?v=2&en=' + call[1];
    }});
  }});
}})();"""

_ADVERTISING = f"""(function () {{{_KEEP}
  keep('_gcl_au', site);
  new Image().src = 'https://googleads.g.doubleclick.net/pagead/viewthroughconversion/0000000000/';
}})();"""

_PIXEL = f"""(function () {{{_KEEP}
  keep('_fbp', site);
  new Image().src = 'https://www.facebook.com/tr/?id=' + fbq.queue[0][1] + '&ev=' + fbq.queue[1][1];
}})();"""

_CHAT = f"""(function () {{{_KEEP}
  keep('TawkConnectionTime', site); keep('twk_uuid_000000000000000000000000', site);
  localStorage.setItem('twk_token', '1');
  fetch('https://va.tawk.to/v1/session/start', {{ method: 'POST' }});
  var bubble = document.createElement('button');
  bubble.textContent = 'Chat';
  bubble.style.cssText = 'position: fixed; right: 1rem; bottom: 1rem; background: #03a84e; border-radius: 2rem';
  document.body.append(bubble);
}})();"""

_FILM = """<!doctype html><title>Film</title>
<body style="margin: 0; height: 100vh; display: grid; place-items: center; background: #222; color: #fff">Film"""

DOT = b"GIF89a\x01\x00\x01\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x00;"


@dataclass(frozen=True)
class Reply:
    kind: str
    body: bytes
    cookies: tuple[str, ...] = ()
    delay: float = 0
    """Seconds until it is sent."""


def _in_its_own_jar(name: str, domain: str) -> str:
    return f"{name}=1; Domain={domain}; Path=/; Max-Age=15552000; Secure; HttpOnly; SameSite=None"


def _script(text: str) -> Reply:
    return Reply("text/javascript", text.encode())


_REPLIES = {
    "www.googletagmanager.com/gtag/js?id=G-": _script(_ANALYTICS),
    "www.googletagmanager.com/gtag/js?id=AW-": _script(_ADVERTISING),
    "connect.facebook.net/": _script(_PIXEL),
    "embed.tawk.to/": _script(_CHAT),
    "www.youtube.com/embed/": Reply(
        "text/html", _FILM.encode(), (_in_its_own_jar("VISITOR_INFO1_LIVE", "youtube.com"),)
    ),
    "googleads.g.doubleclick.net/": Reply("image/gif", DOT, (_in_its_own_jar("IDE", "doubleclick.net"),)),
    "www.facebook.com/tr": Reply("image/gif", DOT, (_in_its_own_jar("fr", "facebook.com"),)),
}


def name_of(url: str) -> str:
    """Return the host of a URL, and for a tag of Google's also whose it is: one host serves several purposes."""
    parts = urlsplit(url)
    account = parse_qs(parts.query).get("id", [""])[0] if parts.path == "/gtag/js" else ""
    return f"{parts.hostname} {account.partition('-')[0]}".strip()


@dataclass
class ThirdParties:
    """The stand-ins while they serve, and what they have seen. ``forget`` begins anew."""

    port: int
    asked: list[str] = field(default_factory=list)
    """The URL of every request."""
    greeted: list[str] = field(default_factory=list)
    """The host named by every TLS connection, whether or not a request followed."""
    replies: dict[str, Reply] = field(default_factory=dict[str, Reply])
    """What a test wants answered, by host and path."""

    def forget(self) -> None:
        self.asked.clear()
        self.greeted.clear()

    @property
    def contacted(self) -> set[str]:
        """Everybody who was asked for something, as ``name_of`` names them."""
        return {name_of(url) for url in self.asked}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.third_parties = ThirdParties(self.server_address[1])
        self._context = context
        context.sni_callback = self._remember

    def _remember(self, _: object, host: str | None, __: object) -> None:
        self.third_parties.greeted.append(host or "")

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS to who begins with it: 22 is the type of a handshake (RFC 8446, 5.1)."""
        request.settimeout(60)
        with suppress(OSError):  # a browser may leave in the middle of anything
            if request.recv(1, socket.MSG_PEEK) != b"\x16":
                super().finish_request(request, client_address)
                return
            with self._context.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        host = self.headers.get("Host", "")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        scheme = "https" if isinstance(self.connection, ssl.SSLSocket) else "http"
        assert isinstance(self.server, _Server)
        self.server.third_parties.asked.append(f"{scheme}://{host}{self.path}")
        wanted = f"{host}{self.path}"
        replies = {**self.server.third_parties.replies, **_REPLIES}
        reply = next((reply for start, reply in replies.items() if wanted.startswith(start)), Reply("image/gif", DOT))
        time.sleep(reply.delay)
        self.send_response(200)
        for cookie in reply.cookies:
            self.send_header("Set-Cookie", cookie)
        for name, value in (("Content-Type", reply.kind), ("Content-Length", str(len(reply.body)))):
            self.send_header(name, value)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(reply.body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def third_parties(context: ssl.SSLContext) -> Iterator[ThirdParties]:
    """Serve the stand-ins, over TLS and plainly on one port, for as long as the block lasts."""
    with _Server(context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.third_parties
        finally:
            server.shutdown()
            thread.join()
