"""How much time the header gate adds to a request, beside well-known middleware doing its own work.

    python tests/benchmarks/header_gate.py [--quick]

Every application is driven without a server and without an event loop: none of these ever waits, so sending None to
the coroutine once runs a whole request. All answer the same requests in one process, turn by turn. Visitors differ
from request to request, so nobody's consent is read from a memory of the one before. Whoever is not installed is left
out. Speed is shown, never asserted: the exit code is always 0.
"""

from __future__ import annotations

import argparse
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import cycle, islice
from time import time
from typing import Any

from timing import Batch, added, print_table, side_by_side  # first: puts the checkout on sys.path

from consent_middleware import ConsentASGI, ConsentWSGI, Policy  # isort: skip
from consent_middleware.exchange import Engine  # isort: skip
from consent_middleware.seal import Choice, Receipt  # isort: skip

KEY = "a long random string of this benchmark"
HOST = "shop.example.org"
SIZE = 100
VISITORS = 600  # more than the gate remembers, so that every consent is read anew

TABLES: dict[str, Any] = {
    "policy": {"version": "1", "controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {"necessary": {"required": True}, "functional": {}, "analytics": {}, "marketing": {"gpc": True}},
    "cookies": [
        {"name": "sessionid", "category": "necessary"},
        {"name": "csrftoken", "category": "necessary", "lifetime": "12 months"},
        {"name": "basket", "category": "necessary", "lifetime": "30 days"},
        {"name": "theme", "category": "functional", "lifetime": "30 days"},
        {"name": "_ga", "category": "analytics"},
        {"name": "_ga_*", "category": "analytics"},
        {"name": "_pk_id.*", "category": "analytics"},
        {"name": "_pk_ses.*", "category": "analytics", "lifetime": "1 hour"},
        {"name": "_fbp", "category": "marketing", "lifetime": "3 months"},
        {"name": "_gcl_*", "category": "marketing"},
    ],
}

NECESSARY = "sessionid=9f2c1c7be6a24c8d8a3b; csrftoken=Xq3vT0pZsLrUo8mWbN2cYh5d"
SESSION_LINE = "sessionid=9f2c1c7be6a24c8d8a3b; Max-Age=1209600; Path=/; Secure; HttpOnly; SameSite=Lax"
ANALYTICS_LINE = "_pk_id.1.1fff=6d4b7a.1795262400.; Max-Age=33955200; Path=/; Secure; SameSite=Lax"

REQUEST_HEADERS = [
    ("Host", HOST),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Language", "fr-FR,fr;q=0.8,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Origin", "https://www.example.org"),
    ("Referer", "https://www.example.org/"),
    ("Sec-Fetch-Dest", "empty"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Site", "same-site"),
]

Application = Any
"""An ASGI or WSGI application; what each middleware calls it differs."""


@dataclass(frozen=True)
class Case:
    """Requests that differ in their Cookie header only, and the Set-Cookie line of the answer."""

    title: str
    cookies: Sequence[str]
    line: str = ""


NOTHING = Case("no cookie", [""])
TWO = Case("two necessary cookies", [NECESSARY])


def cases() -> list[Case]:
    granted = list(returning_visitors())
    three = f"{NECESSARY}; basket=3f9d1e0a"
    return [
        NOTHING,
        TWO,
        Case("three cookies, Set-Cookie", [three], SESSION_LINE),
        Case("the same, consent unused", [f"{three}; {consent}" for consent in granted], SESSION_LINE),
        Case(
            "the same, consent needed",
            [f"{NECESSARY}; _ga=GA1.1.1084739.1795262400; {consent}" for consent in granted],
            ANALYTICS_LINE,
        ),
    ]


def returning_visitors() -> Iterator[str]:
    """Consent cookies of many visitors, each given at another time."""
    policy = Policy.from_dict(TABLES)
    engine = Engine(policy, secret_keys=KEY)
    for number in range(VISITORS):
        at = int(time()) - 3600 - number * 60
        receipt = Receipt(engine.token(), "visitor", {name: Choice(True, at) for name in policy.choosable})
        yield f"{engine.cookie_name('https')}={engine.seal.dumps(receipt)}"


# ASGI


SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "http_version": "1.1",
    "server": ("127.0.0.1", 443),
    "client": ("192.0.2.7", 51234),
    "scheme": "https",
    "method": "GET",
    "root_path": "",
    "path": "/basket/items",
    "raw_path": b"/basket/items",
    "query_string": b"page=2",
    "state": {},
}


def response_headers(line: str) -> list[tuple[str, str]]:
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(BODY))),
        ("Cache-Control", "no-cache"),
        ("X-Request-Id", "4f1c2b7e"),
    ]
    return [*headers, ("Set-Cookie", line)] if line else headers


BODY = b'{"items": [%s]}' % b", ".join(b'{"id": %d, "title": "Item number %d"}' % (i, i) for i in range(30))


def asgi_application(line: str) -> Application:
    fields = [(name.lower().encode(), value.encode()) for name, value in response_headers(line)]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*fields]})
        await send({"type": "http.response.body", "body": BODY})

    return application


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    pass


def asgi_batch(application: Application, case: Case) -> Batch:
    common = [(name.lower().encode(), value.encode()) for name, value in REQUEST_HEADERS]
    visitors = cycle(case.cookies)

    def batch(size: int) -> None:
        for cookie in islice(visitors, size):
            headers = [*common, (b"cookie", cookie.encode())] if cookie else [*common]
            coroutine = application({**SCOPE, "headers": headers}, receive, send)
            try:
                coroutine.send(None)
            except StopIteration:
                continue
            raise RuntimeError("the application waited for something")

    return batch


Wrap = Callable[[Application], Application]


def asgi_middleware() -> dict[str, Wrap]:
    """Us and the others that are installed, each as a function that puts it around an application."""
    found: dict[str, Wrap] = {US: lambda app: ConsentASGI(app, TABLES, secret_keys=KEY)}

    def offer(title: str, module: str, name: str, **options: Any) -> None:
        made = installed(module, name)
        if made is not None:
            found[title] = lambda app: made(app, **options)

    offer(TRUSTED_HOST, "starlette.middleware.trustedhost", "TrustedHostMiddleware", allowed_hosts=[HOST])
    offer(
        CORS,
        "starlette.middleware.cors",
        "CORSMiddleware",
        allow_origins=["https://www.example.org"],
        allow_credentials=True,
    )
    offer("SessionMiddleware", "starlette.middleware.sessions", "SessionMiddleware", secret_key=KEY)
    offer("GZipMiddleware", "starlette.middleware.gzip", "GZipMiddleware")
    offer(SECURE, "secure.middleware", "SecureASGIMiddleware")
    offer("asgi-csrf", "asgi_csrf", "asgi_csrf", signing_secret=KEY)
    return found


US = "consent_middleware"
TRUSTED_HOST, CORS, SECURE = "TrustedHostMiddleware", "CORSMiddleware", "secure (ASGI)"


def installed(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        print(f"Left out: {module}.{name} ({error}).\n")
        return None


def measure_asgi(effort: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Return the microseconds added, by case and middleware."""
    found = asgi_middleware()
    measured: dict[str, dict[str, float]] = {}
    for case in cases():
        application = asgi_application(case.line)
        batches = {title: asgi_batch(wrap(application), case) for title, wrap in found.items()}
        measured[case.title] = added(
            side_by_side({BARE: asgi_batch(application, case), **batches}, size=SIZE, **effort), BARE
        )
    return measured


BARE = "bare application"
