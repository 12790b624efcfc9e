"""Every example shop behind its own front door, and a browser simple enough to be trusted with counting cookies.

    with open_shop("django-asgi") as shop:
        visitor = shop.visitor()
        answer = visitor.get("/")

Nothing of a framework's test client is used: the applications are called as a WSGI or ASGI server calls them, so that
what is seen here is what would go over the wire.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from html import unescape
from io import BytesIO
from typing import Any, Literal
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

SHOPS = ("flask", "django-wsgi", "django-asgi", "starlette", "fastapi")
HOST = "shop.example"


@dataclass(frozen=True)
class SetCookie:
    """One ``Set-Cookie`` line, taken apart; attribute names are in lower case."""

    name: str
    value: str
    attributes: Mapping[str, str]

    @classmethod
    def parse(cls, line: str) -> SetCookie:
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, _, value = pair.partition("=")
        return cls(name, value, {key.lower(): text for key, _, text in (a.partition("=") for a in attributes)})

    @property
    def max_age(self) -> int | None:
        return int(self.attributes["max-age"]) if "max-age" in self.attributes else None

    @property
    def is_deletion(self) -> bool:
        if self.max_age is not None:
            return self.max_age <= 0
        return "expires" in self.attributes and parsedate_to_datetime(self.attributes["expires"]).year < 2000


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    scheme: str = "http"


@dataclass(frozen=True)
class Answer:
    """What the server got from the application: the headers in order, and the body in the pieces it came in."""

    status: int
    headers: tuple[tuple[str, str], ...]
    chunks: tuple[bytes, ...]

    @property
    def text(self) -> str:
        return b"".join(self.chunks).decode()

    def json(self) -> Any:
        return json.loads(self.text)

    def all(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header.lower() == name.lower()]

    def header(self, name: str) -> str:
        """Return the only header of that name, or an empty text."""
        values = self.all(name)
        assert len(values) <= 1, f"{len(values)} headers {name}: {values}"
        return "".join(values)

    @property
    def cookies(self) -> dict[str, SetCookie]:
        """What is set, by name; what is expired is in ``expired``. Our companion goes with it and is left out."""
        cookies = [cookie for cookie in self._lines if not cookie.is_deletion]
        assert len({cookie.name for cookie in cookies}) == len(cookies), "a cookie was set twice"
        return {cookie.name: cookie for cookie in cookies}

    @property
    def expired(self) -> set[str]:
        return {cookie.name for cookie in self._lines if cookie.is_deletion}

    @property
    def _lines(self) -> list[SetCookie]:
        lines = map(SetCookie.parse, self.all("Set-Cookie"))
        return [cookie for cookie in lines if not cookie.name.endswith("consent-first")]

    @property
    def readable(self) -> set[str]:
        """The cookies the shop can read, which every page of it names in the footer."""
        _, footer, list_of_cookies = self.text.partition("<footer")
        assert footer, "this is no page of the shop"
        return set(re.findall("<code>([^<]*)</code>", list_of_cookies)) - {"consent-first", "__Host-consent-first"}

    @property
    def vary(self) -> set[str]:
        return {name.strip() for value in self.all("Vary") for name in value.split(",")}

    def hidden_fields(self, action: str) -> dict[str, str]:
        """Return the hidden fields of the first form that posts to ``action``."""
        form = re.search(rf'<form[^>]* action="{re.escape(action)}".*?</form>', self.text, re.DOTALL)
        assert form, f"no form for {action} on this page"
        return {
            unescape(name): unescape(value)
            for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[0])
        }


Door = Callable[[Request], Answer]
Form = Mapping[str, str] | list[tuple[str, str]]


def wsgi_door(application: Any) -> Door:
    """Call a WSGI application as a server does, ``close`` included."""

    def enter(request: Request) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
            started[:] = [(status, headers)]
            return lambda _: None

        body: Iterable[bytes] = application(_environ(request), start_response)
        try:
            chunks = tuple(body)
        finally:
            getattr(body, "close", lambda: None)()
        status, headers = started[0]
        return Answer(int(status[:3]), tuple(headers), chunks)

    return enter


def _environ(request: Request) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_HOST": HOST,
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(request.body),
    }
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    setup_testing_defaults(environ)
    return environ


def asgi_door(application: Any) -> Door:
    """Call an ASGI application as a server does; the browser stays connected until the answer is complete."""

    async def enter(request: Request) -> Answer:
        incoming = [{"type": "http.request", "body": request.body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            if incoming:
                return incoming.pop()
            return await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await application(_scope(request), receive, send)
        start, *parts = sent
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
        return Answer(start["status"], headers, tuple(part["body"] for part in parts if part.get("body")))

    return lambda request: asyncio.run(enter(request))


def _scope(request: Request) -> dict[str, Any]:
    headers = (("host", HOST), ("content-length", str(len(request.body))), *request.headers)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("192.0.2.1", 50000),
        "server": (HOST, 443 if request.scheme == "https" else 80),
        "state": {},
    }


@dataclass
class Browser:
    """A visitor of one shop, with a cookie jar. It follows no redirects, so that each answer can be looked at."""

    door: Door
    scheme: str = "http"
    jar: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{HOST}"

    def get(self, address: str, **headers: str) -> Answer:
        return self._ask("GET", address, headers)

    def post(self, address: str, form: Form, **headers: str) -> Answer:
        """Send a form as it stands, with whatever it lacks."""
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self._ask("POST", address, headers, urlencode(form).encode())

    def submit(self, page: str, action: str, /, **fields: str) -> Answer:
        """Look at ``page``, fill in its form for ``action``, and send it as a browser would."""
        hidden = self.get(page).hidden_fields(action)
        return self.post(action, hidden | fields, Origin=self.origin)

    def choose(self, action: str, *categories: str, **headers: str) -> Answer:
        """Choose as the settings page lets a visitor do it."""
        form = [("action", action), ("next", "/"), *(("category", category) for category in categories)]
        return self.post("/_consent/choice", form, **({"Origin": self.origin} | headers))

    def log_in(self) -> Answer:
        return self.submit("/login", "/login", email="ada@example.org", password="lovelace")

    def _ask(self, method: str, address: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        path, _, query = address.partition("?")
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        sent = (*headers.items(), *([("Cookie", cookies)] if cookies else []))
        answer = self.door(Request(method, path, query, sent, body, self.scheme))
        self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        for cookie in map(SetCookie.parse, answer.all("Set-Cookie")):
            if cookie.is_deletion:
                self.jar.pop(cookie.name, None)
            else:
                self.jar[cookie.name] = cookie.value


@dataclass(frozen=True)
class Shop:
    """One of the example shops; ``application`` may be wrapped or served by whoever opened it."""

    name: str
    gateway: Literal["wsgi", "asgi"]
    application: Any

    def visitor(self, scheme: str = "http") -> Browser:
        door = wsgi_door if self.gateway == "wsgi" else asgi_door
        return Browser(door(self.application), scheme)


@contextmanager
def open_shop(name: str) -> Iterator[Shop]:
    """Open one of ``SHOPS``. The Django ones want their settings for as long as they are open, hence a ``with``."""
    match name:
        case "flask":
            from shop.flask_app import app as flask

            yield Shop(name, "wsgi", flask)
        case "starlette":
            from shop.starlette_app import app as starlette

            yield Shop(name, "asgi", starlette)
        case "fastapi":
            from shop.fastapi_app import app as fastapi

            yield Shop(name, "asgi", fastapi)
        case "django-wsgi" | "django-asgi":
            with _django_settings():
                yield _django_shop(name)
        case _:
            raise ValueError(f"there is no shop {name}")


@contextmanager
def _django_settings() -> Iterator[None]:
    # Settings can be configured once per process. Whoever did so first, the shop's own hold while it is open.
    from django.test import override_settings

    from shop.django_app import SETTINGS

    with override_settings(**SETTINGS):
        yield


def _django_shop(name: str) -> Shop:
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler

    if name == "django-wsgi":
        return Shop(name, "wsgi", WSGIHandler())
    return Shop(name, "asgi", ASGIHandler())
