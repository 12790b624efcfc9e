"""A site behind the middleware, and somebody in front of it who breaks one promise for each kind of finding.

    with serve_sabotaged({"A001", "A302"}) as (address, ca):
        ...

Without faults the site is clean. Each fault works on what passes: on the request before the middleware sees it, or on
the response after it has left, so that whatever is not broken is the real thing.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlencode

import trustme

from consent_middleware import ConsentWSGI
from consent_middleware.seal import Choice, Receipt
from consent_middleware.shell import DECISION_KEY

KEY = "the key of a sabotaged site"
FOREIGN_KEY = "another site's key"
POLICY: dict[str, Any] = {
    "policy": {"version": "2026-11-22", "controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {
        "necessary": {"required": True},
        "analytics": {"services": ["google-analytics"]},
        "marketing": {"services": ["meta-pixel"], "gpc": True},
        "chat": {"services": ["tawk-to"], "on_request": True},
    },
    "cookies": [
        {"name": "session", "category": "necessary", "lifetime": "session"},
        {"name": "n_*", "category": "necessary"},
        {"name": "n_short", "category": "necessary", "lifetime": "30 days"},
        {"name": "auth_token", "category": "necessary"},
        {"name": "visitor_id", "category": "analytics", "lifetime": "30 days"},
    ],
}
TIDY = "Path=/; Secure; HttpOnly; SameSite=Lax"
PAGES = ("/", "/about", "/p301", "/p302", "/p303", "/p304", "/p305", "/p307")

_GA = "https://www.googletagmanager.com/gtag/js?id=G-0000000000"
_PAGE = """<!doctype html><html lang=en><head><meta charset=utf-8><title>Site</title>
<link rel=stylesheet href=/style.css><script async src="{ga}"></script>
<script>gtag('config', 'G-0000000000');</script></head><body>
<nav>{links}</nav><script>fbq('init', '0');</script><script src=https://embed.tawk.to/0/default></script></body></html>"""


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The site: pages with trackers and a validator, two cookies on the first of them, and a style sheet."""
    path = environ["PATH_INFO"]
    if path == "/style.css":
        start_response("200 OK", [("Content-Type", "text/css"), ("Cache-Control", "public, max-age=600")])
        return [b"body { margin: 0 }"]
    if path not in PAGES:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such page"]
    headers = [("Content-Type", "text/html; charset=utf-8"), ("ETag", f'"{path[1:] or "home"}"')]
    if environ.get("HTTP_IF_NONE_MATCH") == headers[1][1]:
        start_response("304 Not Modified", headers[1:])
        return []
    if path == "/":
        headers += [("Set-Cookie", f"session=s; {TIDY}"), ("Set-Cookie", f"visitor_id=v; Max-Age=86400; {TIDY}")]
    start_response("200 OK", headers)
    links = " ".join(f"<a href={page}>{page}</a>" for page in PAGES)
    return [_PAGE.format(ga=_GA, links=links).encode()]


@dataclass
class Response:
    status: str
    headers: list[tuple[str, str]]
    body: bytes

    def add(self, name: str, value: str) -> None:
        self.headers.append((name, value))

    def replace(self, name: str, value: str | None) -> None:
        self.headers = [field for field in self.headers if field[0].lower() != name.lower()]
        if value is not None:
            self.add(name, value)

    def each_cookie(self, change: Callable[[str], str | None]) -> None:
        changed = ((n, change(v) if n.lower() == "set-cookie" else v) for n, v in self.headers)
        self.headers = [(name, value) for name, value in changed if value is not None]

    def put(self, markup: str) -> None:
        if b"</body>" in self.body:
            self.replace("Content-Length", None)
            self.body = self.body.replace(b"</body>", markup.encode() + b"</body>")


class Sabotaged:
    """The middleware around the site, and the saboteur around both."""

    def __init__(self, faults: Collection[str]) -> None:
        self.faults = frozenset(faults)
        keys = [FOREIGN_KEY, KEY] if "A205" in faults else [KEY]
        self._gate = ConsentWSGI(application, POLICY, secret_keys=keys)

    def __call__(self, environ: dict[str, Any]) -> Response:
        if "A901" in self.faults and environ["PATH_INFO"] == "/loop":
            return Response("302 Found", [("Location", "/loop")], b"")
        if "A902" in self.faults and environ["PATH_INFO"] == "/broken":
            return Response("500 Internal Server Error", [("Content-Type", "text/plain")], b"")
        if "A305" in self.faults and environ["PATH_INFO"] == "/p305" and "HTTP_IF_NONE_MATCH" in environ:
            return Response("304 Not Modified", [("ETag", environ["HTTP_IF_NONE_MATCH"])], b"")
        self._before(environ)
        posted = _form(environ)
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
            started[:] = [status, headers]
            return lambda written: None

        body = b"".join(self._gate(environ, start_response))
        response = Response(started[0], [*started[1]], body)
        self._after(environ, posted, response)
        return response

    def _state(self, environ: dict[str, Any]) -> str:
        decision = environ.get(DECISION_KEY)
        if decision is None:
            return ""
        choice = decision.choices.get("analytics")
        return "unset" if choice is None else "granted" if choice.granted else "denied"

    def _before(self, environ: dict[str, Any]) -> None:
        faults, engine = self.faults, self._gate.engine
        is_choice = environ["PATH_INFO"] == "/_consent/choice"
        own = f"https://{environ['HTTP_HOST']}"
        if "A204" in faults and "=yes" in environ.get("HTTP_COOKIE", ""):
            environ["HTTP_COOKIE"] = f"__Host-consent={self._genuine()}"
        if "A206" in faults and (token := environ.get("HTTP_COOKIE", "").partition("__Host-consent=")[2]):
            receipt = engine.seal.loads(token.partition(";")[0], engine.now())
            if receipt and receipt.latest < engine.now() - 300 * 86400:
                environ["HTTP_COOKIE"] = f"__Host-consent={self._genuine()}"
        if "A207" in faults and is_choice and not environ.get("HTTP_ORIGIN", own).startswith(own):
            environ["HTTP_ORIGIN"] = own
        if "A208" in faults and is_choice:
            environ.pop("HTTP_SEC_FETCH_SITE", None)
        if "A209" in faults and is_choice and not {"HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE"} & environ.keys():
            environ["HTTP_ORIGIN"] = own
        if "A210" in faults and is_choice and environ["REQUEST_METHOD"] == "GET":
            body = urlencode({"action": "accept-all", "next": "/"}).encode()
            environ |= {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
            environ |= {"CONTENT_TYPE": "application/x-www-form-urlencoded", "HTTP_SEC_FETCH_SITE": "same-origin"}
        if "A214" in faults:
            environ.pop("HTTP_SEC_GPC", None)

    def _genuine(self) -> str:
        engine = self._gate.engine
        choices = {name: Choice(True, engine.now()) for name in engine.policy.choosable}
        return engine.seal.dumps(Receipt("A" * 22, "visitor", choices))

    def _after(self, environ: dict[str, Any], posted: dict[str, str], response: Response) -> None:
        path, state = environ["PATH_INFO"], self._state(environ)
        is_first = path == "/" and response.status.startswith("200")
        for fault in sorted(self.faults):
            if is_first and fault in COOKIES and COOKIES[fault][0] in ("", state):
                response.add("Set-Cookie", COOKIES[fault][1])
            if is_first and fault in MARKUP and MARKUP[fault][0] in ("", state):
                response.put(MARKUP[fault][1])
            if (change := RESPONSES.get(fault)) is not None:
                change(path, state, posted, response)


COOKIES = {
    "A001": ("unset", f"_gid=1; Max-Age=60; {TIDY}"),
    "A002": ("denied", f"_fbp=1; Max-Age=60; {TIDY}"),
    "A003": ("", f"nobody=1; {TIDY}"),
    "A004": ("", f"n_long=1; Max-Age=63072000; {TIDY}"),
    "A005": ("", f"n_short=1; Max-Age=31536000; {TIDY}"),
    "A006": ("", f"n_odd=1; Max-Age=+60; {TIDY}"),
    "A007": ("", f"n_bad=\x01; {TIDY}"),
    "A008": ("", "n_open=1; Path=/; HttpOnly; SameSite=Lax"),
    "A009": ("", "n_none=1; Path=/; HttpOnly; SameSite=None"),
    "A010": ("", "__Host-n=1; Path=/; HttpOnly; SameSite=Lax"),
    "A011": ("", "n_part=1; Path=/; HttpOnly; SameSite=Lax; Partitioned"),
    "A012": ("", "auth_token=1; Path=/; Secure; SameSite=Lax"),
    "A013": ("", "n_site=1; Path=/; Secure; HttpOnly"),
    "A014": ("", f"n_else=1; Domain=example.net; {TIDY}"),
    "A015": ("", f"n_twice=1; {TIDY}"),
    "A016": ("granted", f"TawkConnectionTime=1; {TIDY}"),
}
"""Which line is added on the first page, and to whom: ``""`` is everybody."""

MARKUP = {
    "A101": ("unset", "<script src=https://connect.facebook.net/en_US/fbevents.js></script>"),
    "A102": ("unset", "<script>gtag('config', 'G-1');</script>"),
    "A103": ("unset", "<link rel=preconnect href=https://connect.facebook.net>"),
    "A104": ("denied", "<script src=https://connect.facebook.net/en_US/fbevents.js></script>"),
    "A105": ("granted", "<script src=https://embed.tawk.to/0/default></script>"),
    "A106": ("", "<script src=https://static.hotjar.com/c/hotjar-0.js></script>"),
    "A107": ("", "<img src=https://cdn.unknown.example/x.png>"),
    "A109": ("", "<meta http-equiv=set-cookie content='n_meta=1'>"),
    "A901": ("", "<a href=/loop>loop</a>"),
    "A902": ("", "<a href=/broken>broken</a>"),
}


def _form(environ: dict[str, Any]) -> dict[str, str]:
    if environ["REQUEST_METHOD"] != "POST":
        return {}
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = BytesIO(body)
    return {name: values[-1] for name, values in parse_qs(body.decode()).items()}


def _a015(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if path == "/" and response.status.startswith("200"):
        response.add("Set-Cookie", f"n_twice=2; {TIDY}")


def _a108(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if path == "/" and state == "unset":
        response.add("Link", f"<{_GA}>; rel=preload; as=script")


def _a201(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if posted:
        response.replace("Set-Cookie", None)


def _a202(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if posted:
        response.each_cookie(lambda line: _without(line, "Max-Age") + "; Max-Age=31536000" if _is_own(line) else line)


def _a203(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if posted:
        response.each_cookie(lambda line: _without(line, "HttpOnly") if _is_own(line) else line)


def _a211(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if posted.get("next"):
        response.replace("Location", posted["next"])


def _a212(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if posted.get("action") == "withdraw" or state == "denied":
        response.each_cookie(lambda line: None if "Max-Age=0" in line else line)


def _a213(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if state == "unset":
        response.each_cookie(lambda line: None if "Max-Age=0" in line else line)


def _a215(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if path == "/_consent/state":
        response.replace("Cache-Control", "max-age=60")


def _at(place: str, name: str, value: str | None) -> Callable[..., None]:
    def change(path: str, state: str, posted: dict[str, str], response: Response) -> None:
        if path == place:
            response.replace(name, value)

    return change


def _a306(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if path == "/style.css":
        response.add("Set-Cookie", f"n_shared=1; {TIDY}")


def _a307(path: str, state: str, posted: dict[str, str], response: Response) -> None:
    if response.status.startswith("304") and path == "/p307":
        response.add("Set-Cookie", f"n_304=1; {TIDY}")


RESPONSES: dict[str, Callable[[str, str, dict[str, str], Response], None]] = {
    "A015": _a015,
    "A108": _a108,
    "A201": _a201,
    "A202": _a202,
    "A203": _a203,
    "A211": _a211,
    "A212": _a212,
    "A213": _a213,
    "A215": _a215,
    "A301": _at("/p301", "Vary", None),
    "A302": _at("/p302", "Cache-Control", "public, max-age=60"),
    "A303": _at("/p303", "Cache-Control", None),
    "A304": _at("/p304", "ETag", '"same"'),
    "A306": _a306,
    "A307": _a307,
}


FAULTS = frozenset(
    {*COOKIES, *MARKUP, *RESPONSES, "A204", "A205", "A206", "A207", "A208", "A209", "A210", "A214", "A305"}
)
"""Everything that can be broken, by the ids of the findings it is to lead to."""


def _without(line: str, attribute: str) -> str:
    return ";".join(part for part in line.split(";") if not part.strip().startswith(attribute))


def _is_own(line: str) -> bool:
    return line.startswith("__Host-consent=")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sabotaged: Sabotaged

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "wsgi.url_scheme": "https",
            "wsgi.input": BytesIO(body),
        }
        for name, value in self.headers.items():
            environ.setdefault(f"HTTP_{name.upper().replace('-', '_')}", value)
        response = self.sabotaged(environ)
        self.wfile.write(_on_the_wire(response))

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _on_the_wire(response: Response) -> bytes:
    response.replace("Content-Length", None if response.status.startswith("304") else str(len(response.body)))
    lines = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in response.headers), "", ""]
    return "\r\n".join(lines).encode("latin-1") + response.body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may leave in the middle of anything."""


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def serve_sabotaged(faults: Collection[str] = (), *, issuer: str = "authority") -> Iterator[tuple[str, ssl.SSLContext]]:
    """Serve the site over https on loopback; yields its address and a context that trusts it.

    With ``issuer="itself"`` nobody vouches for its certificate.
    """
    ca = _authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if issuer == "authority":
        ca.issue_cert("localhost").configure_cert(context)
    else:
        own = trustme.CA()  # a root is signed by itself
        with own.cert_pem.tempfile() as cert, own.private_key_pem.tempfile() as key:
            context.load_cert_chain(cert, key)
    trust = ssl.create_default_context()
    ca.configure_trust(trust)
    handler = type("Handler", (_Handler,), {"sabotaged": Sabotaged(faults)})
    with _Server(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"https://localhost:{server.server_address[1]}/", trust
        finally:
            with suppress(OSError):
                server.shutdown()
            thread.join()
