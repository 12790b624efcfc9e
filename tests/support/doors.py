"""Every front door of the middleware, opened the same way: one request in, one answer out, one scripted application.

The application does what a Script says, in each framework's own manner, and notes what it could see.
"""

from __future__ import annotations

import asyncio
import io
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.cookies import Morsel
from itertools import repeat
from typing import Any, Protocol
from urllib.parse import unquote
from wsgiref.validate import validator

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import re_path
from flask import Flask, Response, request
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.responses import StreamingResponse
from starlette.routing import Route
from werkzeug.middleware.lint import HTTPWarning, LintMiddleware, WSGIWarning
from werkzeug.test import EnvironBuilder, run_wsgi_app

from consent_flask import Consent
from consent_middleware import ConsentASGI, ConsentWSGI, Decision
from consent_middleware.shell import DECISION_KEY
from consent_starlette import ConsentMiddleware

KEY = "a key for tests, long enough to be one"

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]

ENDLESS = b"a=b&" * 256
"""A piece of a request body that is sent again and again, without any length being told."""


@dataclass
class Script:
    """What the application does with the next request, and what it saw of it."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("Content-Type", "text/plain")])
    set_cookies: list[str] = field(default_factory=list)
    body: bytes = b"hello"
    act: Callable[[Decision], object] | None = None
    late: Callable[[Decision], object] | None = None
    """Done while the body is streamed, when the headers are on their way."""
    pieces: list[bytes] | None = None
    """The body, if it is to be streamed in these pieces."""
    on_piece: Callable[[int], object] = lambda number: None
    """Called before each piece, with how many of them have been asked for."""
    seen: str | None = None
    was_called: bool = False
    outcome: object = None
    request: tuple[object, ...] = ()

    def run(self, cookie_header: str | None, decision: Decision, *request: object) -> None:
        """Play the part; ``request`` is everything of it in which a view could look for cookies."""
        self.was_called = True
        self.seen = cookie_header
        self.request = request
        if self.act is not None:
            self.outcome = self.act(decision)

    @property
    def streams(self) -> bool:
        return self.late is not None or self.pieces is not None

    def stream(self, decision: Decision) -> Iterator[bytes]:
        """The body, piece by piece."""
        if self.pieces is not None:
            for number, piece in enumerate(self.pieces):
                self.on_piece(number)
                yield piece
            return
        yield self.body[:1]
        assert self.late is not None
        self.outcome = self.late(decision)
        yield self.body[1:]

    async def astream(self, decision: Decision) -> AsyncIterator[bytes]:
        for piece in self.stream(decision):
            yield piece

    @property
    def seen_names(self) -> set[str]:
        return {pair.partition("=")[0].strip() for pair in (self.seen or "").split(";")} - {""}


@dataclass(frozen=True)
class Answer:
    """What left through the door."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def get(self, name: str) -> str | None:
        """The value of a header, several fields joined as a recipient may."""
        return ", ".join(self.all(name)) or None

    @property
    def set_cookies(self) -> list[str]:
        return [line.strip(" \t") for line in self.all("set-cookie")]

    @property
    def cookie_names(self) -> list[str]:
        return [line.partition("=")[0] for line in self.set_cookies]


class Door(Protocol):
    """One way into the middleware. ``options`` are those of ConsentWSGI; the adapters translate them.

    ``root`` is where the application is mounted. A ``body`` that is ENDLESS never ends. ``outer`` is the decision of a
    gate further out that keeps the same policy, behind which this one lets everything pass as it is.
    """

    reads_bodies_itself: bool

    def can_say(self, line: str) -> bool: ...

    def __init__(self, script: Script, policy: Any, options: dict[str, Any]) -> None: ...

    def ask(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        scheme: str = "https",
        host: str = "shop.example.org",
        root: str = "",
        headers: Iterable[tuple[str, str]] = (),
        cookies: Iterable[str] = (),
        body: bytes = b"",
        outer: Decision | None = None,
    ) -> Answer: ...


class _Door:
    app: Any

    unspeakable = ""
    """Characters that the framework itself refuses in a header."""

    reads_bodies_itself = False
    """Whether the framework reads a whole request body before any middleware."""

    def can_say(self, line: str) -> bool:
        return not set(line) & set(self.unspeakable)


class _WSGIDoor(_Door):
    def ask(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        scheme: str = "https",
        host: str = "shop.example.org",
        root: str = "",
        headers: Iterable[tuple[str, str]] = (),
        cookies: Iterable[str] = (),
        body: bytes = b"",
        outer: Decision | None = None,
    ) -> Answer:
        endless = body is ENDLESS
        base_url = f"{scheme}://shop.example.org{root}/"
        builder = EnvironBuilder(path, base_url=base_url, method=method, data=None if endless else body or None)
        environ = builder.get_environ()
        environ["HTTP_HOST"] = host
        if endless:
            environ |= {"wsgi.input": EndlessInput(), "wsgi.input_terminated": True}
            environ.pop("CONTENT_LENGTH", None)
        sent_before: set[str] = set()
        for name, value in headers:
            key = name.upper().replace("-", "_")
            key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
            # Several fields of one name reach WSGI joined, as servers do it (RFC 3875, section 4.1.18).
            environ[key] = f"{environ[key]}, {value}" if key in sent_before else value
            sent_before.add(key)
        if cookies:
            environ["HTTP_COOKIE"] = "; ".join(cookies)
        environ["REMOTE_ADDR"] = "127.0.0.1"
        if outer is not None:
            environ[DECISION_KEY] = outer
        chunks, status, sent = run_wsgi_app(self.app, environ, buffered=True)
        return Answer(int(status[:3]), list(sent), b"".join(chunks))  # buffered: the iterable is closed already


class EndlessInput(io.RawIOBase):
    """A request body that a client keeps sending."""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "reading to the end would take for ever"
        return (ENDLESS * (size // len(ENDLESS) + 1))[:size]


class RawWSGI(_WSGIDoor):
    """A bare WSGI application."""

    def __init__(self, script: Script, policy: Any, options: dict[str, Any]) -> None:
        def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            script.run(environ.get("HTTP_COOKIE"), environ[DECISION_KEY], environ)
            lines = [("Set-Cookie", line) for line in script.set_cookies]
            start_response(f"{script.status} Scripted", [*script.headers, *lines])
            return script.stream(environ[DECISION_KEY]) if script.streams else [script.body]

        self.app = ConsentWSGI(app, policy, **options)


class ValidatedWSGI(RawWSGI):
    """The same with the standard library's validator on both sides of the middleware."""

    unspeakable = "".join(map(chr, range(32)))

    def __init__(self, script: Script, policy: Any, options: dict[str, Any]) -> None:
        super().__init__(script, policy, options)
        self.app.app = validator(self.app.app)
        self.app = validator(self.app)


class LintedWSGI(RawWSGI):
    """The same with Werkzeug's lint middleware on both sides."""

    unspeakable = "\r\n"

    def __init__(self, script: Script, policy: Any, options: dict[str, Any]) -> None:
        super().__init__(script, policy, options)
        self.app.app = LintMiddleware(self.app.app)
        self.app = LintMiddleware(self.app)

    def ask(self, *args: Any, **kwargs: Any) -> Answer:
        with warnings.catch_warnings():
            for told in (WSGIWarning, HTTPWarning):  # and nothing that the garbage collector happens on meanwhile
                warnings.simplefilter("error", told)
            # Relative locations have been allowed since RFC 7231, and a 204 has no Content-Length at all.
            warnings.filterwarnings("ignore", "Absolute URLs required|204 responses", HTTPWarning)
            if kwargs.get("method") == "HEAD":  # has the Content-Length of GET, and no content
                warnings.filterwarnings("ignore", "Content-Length and the number of bytes", WSGIWarning)
            return super().ask(*args, **kwargs)


class FlaskDoor(_WSGIDoor):
    """A Flask application with the extension."""

    unspeakable = "\r\n"

    def __init__(self, script: Script, policy: Any, options: dict[str, Any]) -> None:
        flask = Flask(__name__, static_folder=None)
        keys = options.pop("secret_keys")
        flask.config.update(CONSENT_POLICY=policy, CONSENT_SECRET_KEYS=keys, SECRET_KEY="unused")
        flask.config["CONSENT_NECESSARY"] = options.pop("necessary", ())
        Consent(flask, **options)

        @flask.route("/", defaults={"path": ""}, methods=METHODS)
        @flask.route("/<path:path>", methods=METHODS)
        def view(path: str) -> Response:
            script.run(request.headers.get("Cookie"), request.environ[DECISION_KEY], request.environ, request.cookies)
            body = script.stream(request.environ[DECISION_KEY]) if script.streams else script.body
            response = Response(body, script.status)
            response.headers.clear()
            response.headers.extend([*script.headers, *(("Set-Cookie", line) for line in script.set_cookies)])
            return response

        self.app = flask


class _ASGIDoor(_Door):
    def ask(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        scheme: str = "https",
        host: str = "shop.example.org",
        root: str = "",
        headers: Iterable[tuple[str, str]] = (),
        cookies: Iterable[str] = (),
        body: bytes = b"",
        outer: Decision | None = None,
    ) -> Answer:
        fields = [("host", host), *headers, *(("cookie", value) for value in cookies)]
        if body is ENDLESS:
            messages: Iterator[dict[str, Any]] = repeat({"type": "http.request", "body": body, "more_body": True})
        else:
            fields.append(("content-length", str(len(body))))
            messages = iter([{"type": "http.request", "body": body, "more_body": False}])
        scope = asgi_scope(path, method, scheme, fields) | {"root_path": root}
        scope["path"] = root + scope["path"]
        if outer is not None:
            scope[DECISION_KEY] = outer
        return asyncio.run(self._ask(scope, messages))

    async def _ask(self, scope: dict[str, Any], messages: Iterator[dict[str, Any]]) -> Answer:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if (message := next(messages, None)) is None:
                await asyncio.sleep(3600)
            assert message is not None
            return message

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start = next(message for message in sent if message["type"] == "http.response.start")
        body = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
        decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        return Answer(start["status"], decoded, body)


class RawASGI(_ASGIDoor):
    """A bare ASGI application."""

    def __init__(self, script: Script, policy: Any, options: dict[str, Any]) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            fields = [value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"]
            script.run("; ".join(fields) or None, scope[DECISION_KEY], scope)
            headers = [*script.headers, *(("set-cookie", line) for line in script.set_cookies)]
            raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            await send({"type": "http.response.start", "status": script.status, "headers": raw})
            if script.streams:
                async for piece in script.astream(scope[DECISION_KEY]):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body"})
            else:
                await send({"type": "http.response.body", "body": script.body})

        self.app = ConsentASGI(app, policy, **options)


class StarletteDoor(_ASGIDoor):
    """A Starlette application with the middleware."""

    def __init__(self, script: Script, policy: Any, options: dict[str, Any]) -> None:
        async def view(request: StarletteRequest) -> StarletteResponse:
            cookies = "; ".join(request.headers.getlist("cookie"))
            script.run(cookies or None, request.state.consent, request.scope, request.cookies)
            response = StarletteResponse(script.body, script.status)
            if script.streams:
                response = StreamingResponse(script.astream(request.state.consent), script.status)
            headers = [*script.headers, *(("set-cookie", line) for line in script.set_cookies)]
            response.raw_headers = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]
            return response

        self.app = Starlette(
            routes=[Route("/{path:path}", view, methods=METHODS)],
            middleware=[Middleware(ConsentMiddleware, policy, **options)],
        )


class _RawMorsel(Morsel[str]):
    """A morsel that says exactly what a script wants said."""

    line = ""

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802  # the name is http.cookies' own
        return self.line


_django_script: Script | None = None


def _django_view(request: Any, path: str = "") -> HttpResponse | StreamingHttpResponse:
    assert _django_script is not None
    scope = getattr(request, "scope", None)
    _django_script.run(
        request.META.get("HTTP_COOKIE"), request.consent, request.META, request.COOKIES, request.headers, scope
    )
    response: HttpResponse | StreamingHttpResponse
    response = HttpResponse(_django_script.body, status=_django_script.status)
    if _django_script.streams:
        stream = _django_script.astream if hasattr(request, "scope") else _django_script.stream
        response = StreamingHttpResponse(stream(request.consent), status=_django_script.status)
    del response["Content-Type"]
    for name, value in _django_script.headers:
        response[name] = value
    for number, line in enumerate(_django_script.set_cookies):
        morsel = _RawMorsel()
        morsel.line = line
        dict.__setitem__(response.cookies, f"raw{number}", morsel)
    return response


urlpatterns = [re_path(r"^(?P<path>(?s:.*))$", _django_view)]


def configure_django() -> None:
    if not settings.configured:
        # Settings that a process can have but once: there is a database, where a test wants it, and the admin.
        settings.configure(
            SECRET_KEY="for tests",
            ALLOWED_HOSTS=["*"],
            INSTALLED_APPS=[
                "consent_django",
                "django.contrib.admin",
                "django.contrib.auth",
                "django.contrib.contenttypes",
                "django.contrib.messages",
                "django.contrib.sessions",
            ],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            # The quickest that is safe enough for a password everybody knows.
            PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        )
        django.setup()


class _DjangoDoor:
    """What both Django doors share: the settings that carry the options."""

    handler: type

    def __init__(self, script: Script, policy: Any, options: dict[str, Any]) -> None:
        configure_django()
        self._script = script
        consent = {"POLICY": policy, **{name.upper(): value for name, value in options.items()}}
        self.settings = override_settings(
            ROOT_URLCONF=__name__,
            MIDDLEWARE=["consent_django.ConsentMiddleware"],
            CONSENT=consent,
            ALLOWED_HOSTS=["*"],
            DEBUG=False,
        )
        with self.settings:
            self.app = self.handler()

    def _enter(self) -> None:
        """Views are found by module, so the script of whose turn it is has to be there as well."""
        global _django_script
        _django_script = self._script


class DjangoWSGI(_DjangoDoor, _WSGIDoor):
    """Django's WSGI handler."""

    handler = WSGIHandler

    def ask(self, *args: Any, **kwargs: Any) -> Answer:
        self._enter()
        with self.settings:
            return super().ask(*args, **kwargs)


class DjangoASGI(_DjangoDoor, _ASGIDoor):
    """Django's ASGI handler, with the middleware in its asynchronous form."""

    handler = ASGIHandler
    reads_bodies_itself = True

    def ask(self, *args: Any, **kwargs: Any) -> Answer:
        self._enter()
        with self.settings:
            return super().ask(*args, **kwargs)


def asgi_scope(path: str, method: str, scheme: str, fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields],
        "server": ("127.0.0.1", 443),
        "client": ("127.0.0.1", 50000),
    }


DOORS: dict[str, type[Door]] = {
    "wsgi": RawWSGI,
    "wsgi-validated": ValidatedWSGI,
    "wsgi-linted": LintedWSGI,
    "asgi": RawASGI,
    "flask": FlaskDoor,
    "django-wsgi": DjangoWSGI,
    "django-asgi": DjangoASGI,
    "starlette": StarletteDoor,
}
