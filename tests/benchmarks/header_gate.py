"""How much time the header gate adds to a request, beside well-known middleware doing its own work.

    python tests/benchmarks/header_gate.py [--quick]

Every application is driven without a server and without an event loop: none of these ever waits, so sending None to
the coroutine once runs a whole request. All answer the same requests in one process, turn by turn. Visitors differ
from request to request, so nobody's consent is read from a memory of the one before. Whoever is not installed is left
out. Speed is shown, never asserted: the exit code is always 0.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from itertools import cycle, islice
from time import time
from typing import Any

from timing import Batch, added, print_table, side_by_side  # first: it puts the checkout on sys.path

from consent_middleware import ConsentASGI, ConsentWSGI, Policy  # isort: skip
from consent_middleware.deposits import DepositSeal, key_of  # isort: skip
from consent_middleware.engine import Engine  # isort: skip
from consent_middleware.own_cookies import choice_name  # isort: skip
from consent_middleware.seal import Choice, Receipt  # isort: skip

KEY = "a long random string of this benchmark"
HOST = "shop.example.org"
SIZE = 100
VISITORS = 600  # more than the gate remembers, so that every consent is read anew

TABLES: dict[str, Any] = {
    "policy": {"version": "1", "controller": "Example SARL", "contact": "dpo@example.org"},
    "banner": {"show": False},
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

# Where pages are gated, more headers are looked at, also of answers that are no pages, like these.
WITH_PAGES: dict[str, Any] = {**TABLES, "html": {"gate": True}}
WITH_WALL: dict[str, Any] = {**TABLES, "html": {"gate": True, "csp": "enforce"}}
WITH_BANNER: dict[str, Any] = {**TABLES, "banner": {"show": True}}

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
SET = Case("three cookies, Set-Cookie", [f"{NECESSARY}; basket=3f9d1e0a"], SESSION_LINE)


def returning() -> tuple[Case, Case, Case, Case]:
    """The same with signed consent, on which nothing depends; on which a cookie in each direction depends."""
    visitors = list(returning_visitors())
    idle = [f"{SET.cookies[0]}; {consent}" for consent in visitors]
    first = [f"{NECESSARY}; _ga=GA1.1.1084739.1795262400; {consent}" for consent in visitors]
    needed = [f"{cookies}; {companion}" for cookies, companion in zip(first, companions(), strict=True)]
    return (
        Case("the same, signed consent", idle, SESSION_LINE),
        Case("first deposit, new visitor", first, ANALYTICS_LINE),
        Case("consent needed, new visitor", needed, ANALYTICS_LINE),
        Case("consent needed, same visitor", needed[:1], ANALYTICS_LINE),
    )


def companions() -> Iterator[str]:
    """The first days of two cookies, for as many visitors."""
    seal = DepositSeal(KEY)
    for number in range(VISITORS):
        at = int(time()) - 3600 - number * 60
        days = {key_of("_ga"): at, key_of("_pk_id.1.1fff"): at}
        yield f"__Host-consent-first={seal.dumps(days)}"


def returning_visitors() -> Iterator[str]:
    """Consent cookies of many visitors, each given at another time."""
    policy = Policy.from_dict(TABLES)
    engine = Engine(policy, secret_keys=KEY)
    for number in range(VISITORS):
        at = int(time()) - 3600 - number * 60
        receipt = Receipt(engine.token(), "visitor", {name: Choice(True, at) for name in policy.choosable})
        yield f"{choice_name(policy, 'https')}={engine.seal.dumps(receipt)}"


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
    found: dict[str, Wrap] = {
        US: lambda app: ConsentASGI(app, TABLES, secret_keys=KEY),
        PAGES: lambda app: ConsentASGI(app, WITH_PAGES, secret_keys=KEY),
        WALL: lambda app: ConsentASGI(app, WITH_WALL, secret_keys=KEY),
        "consent_middleware, with banner": lambda app: ConsentASGI(app, WITH_BANNER, secret_keys=KEY),
    }

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
PAGES, WALL = "consent_middleware, gating pages", "consent_middleware, with a wall (csp)"
TRUSTED_HOST, CORS, SECURE = "TrustedHostMiddleware", "CORSMiddleware", "secure (ASGI)"


def installed(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        print(f"Left out: {module}.{name} ({error}).\n")
        return None


def measure_asgi(cases: Sequence[Case], effort: Mapping[str, int]) -> Table:
    found = asgi_middleware()
    measured: Table = {}
    for case in cases:
        application = asgi_application(case.line)
        batches = {title: asgi_batch(wrap(application), case) for title, wrap in found.items()}
        measured[case.title] = compare(asgi_batch(application, case), batches, effort)
    return measured


Table = dict[str, dict[str, float]]
"""Microseconds added, by case and middleware."""


def compare(bare: Batch, batches: Mapping[str, Batch], effort: Mapping[str, int]) -> dict[str, float]:
    microseconds: dict[str, float] = added(side_by_side({"": bare, **batches}, size=SIZE, **effort), "")
    return microseconds


# WSGI


def wsgi_application(line: str) -> Application:
    fields = response_headers(line)

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [*fields])
        return [BODY]

    return application


def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
    pass


def wsgi_batch(application: Application, case: Case) -> Batch:
    visitors = cycle(case.cookies)

    def batch(size: int) -> None:
        for cookie in islice(visitors, size):
            application(environ(cookie), start_response)

    return batch


ENVIRON: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/basket/items",
    "QUERY_STRING": "page=2",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "443",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "192.0.2.7",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "https",
    "wsgi.input": BytesIO(),
    **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in REQUEST_HEADERS},
}


def environ(cookie: str) -> dict[str, Any]:
    return {**ENVIRON, "HTTP_COOKIE": cookie} if cookie else {**ENVIRON}


def measure_wsgi(cases: Sequence[Case], effort: Mapping[str, int]) -> Table:
    proxy_fix = installed("werkzeug.middleware.proxy_fix", "ProxyFix")
    measured: Table = {}
    for case in cases:
        application = wsgi_application(case.line)
        ours = {US: TABLES, PAGES: WITH_PAGES, WALL: WITH_WALL}
        batches = {
            title: wsgi_batch(ConsentWSGI(application, tables, secret_keys=KEY), case) for title, tables in ours.items()
        }
        if proxy_fix is not None:
            batches["werkzeug ProxyFix"] = wsgi_batch(proxy_fix(application), case)
        measured[case.title] = compare(wsgi_batch(application, case), batches, effort)
    return measured


# Django


def measure_django(cases: Sequence[Case], effort: Mapping[str, int]) -> Table:
    """Around a view, without Django's handler: a request is made, answered, and its headers are written out."""
    if installed("django", "setup") is None:
        return {}
    found = django_middleware()
    measured: Table = {}
    for case in cases:
        view = django_view(case.line)
        batches = {title: django_batch(wrap(view), case) for title, wrap in found.items()}
        measured[case.title] = compare(django_batch(view, case), batches, effort)
    return measured


def django_middleware() -> dict[str, Wrap]:
    """Set Django up, and return us and the others that are installed."""
    import django
    from django.conf import settings

    has_cleaner = installed("cookie_consent", "__name__") is not None
    settings.configure(
        SECRET_KEY=KEY,
        ALLOWED_HOSTS=[HOST],
        CONSENT={"POLICY": TABLES},
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        INSTALLED_APPS=["cookie_consent"] if has_cleaner else [],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    django.setup()
    from django.contrib.sessions.middleware import SessionMiddleware

    from consent_django import ConsentMiddleware

    found: dict[str, Wrap] = {
        US: ConsentMiddleware,
        "SessionMiddleware, unused": SessionMiddleware,
        "SessionMiddleware, read": lambda view: SessionMiddleware(reading_session(view)),
    }
    if has_cleaner:
        declare_cookie_groups()
        found["django-cookie-consent"] = installed("cookie_consent.middleware", "CleanCookiesMiddleware")
    return found


def declare_cookie_groups() -> None:
    """Declare the same cookies to django-cookie-consent, which keeps its declarations in the database and the cache."""
    models = import_module("cookie_consent.models")
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    for category in ("functional", "analytics", "marketing"):
        group = models.CookieGroup.objects.create(varname=category, name=category, is_deletable=True)
        for rule in TABLES["cookies"]:
            if rule["category"] == category:
                models.Cookie.objects.create(cookiegroup=group, name=rule["name"])


def django_view(line: str) -> Callable[[Any], Any]:
    from django.http import HttpResponse

    name, _, value = line.partition(";")[0].partition("=")

    def view(request: Any) -> Any:
        response = HttpResponse(BODY, content_type="application/json")
        response["Cache-Control"] = "no-cache"
        if line:
            response.set_cookie(name, value, max_age=1209600, secure=True, samesite="Lax")
        return response

    return view


def reading_session(view: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def reader(request: Any) -> Any:
        request.session.get("basket")
        return view(request)

    return reader


def django_batch(view: Callable[[Any], Any], case: Case) -> Batch:
    from django.core.handlers.wsgi import WSGIRequest

    visitors = cycle(case.cookies)

    def batch(size: int) -> None:
        for cookie in islice(visitors, size):
            response = view(WSGIRequest(environ(cookie)))
            headers = [*response.items(), *(morsel.OutputString() for morsel in response.cookies.values())]
            start_response("200 OK", headers)
            response.close()

    return batch


# Rules and memory


def measure_rules(effort: Mapping[str, int]) -> dict[int, float]:
    """Return the microseconds added under so many rules, half of them prefixes, to names that are always others."""
    application = asgi_application("seg4_42=1; Max-Age=86400; Path=/")
    consent = next(returning_visitors())
    case = Case("", [f"exact{number % 5}=1; seg{number % 5}_{number}=1; {consent}" for number in range(VISITORS)])
    batches: dict[str, Batch] = {}
    for count in RULE_COUNTS:
        rules = [{"name": f"exact{number}", "category": "analytics"} for number in range(count // 2)]
        rules += [{"name": f"seg{number}_*", "category": "analytics"} for number in range(count // 2)]
        tables = {**TABLES, "cookies": [*TABLES["cookies"][:3], *rules]}
        batches[str(count)] = asgi_batch(ConsentASGI(application, tables, secret_keys=KEY), case)
    times = compare(asgi_batch(application, case), batches, effort)
    return {count: times[str(count)] for count in RULE_COUNTS}


RULE_COUNTS = (10, 1000)


def measure_memory(case: Case) -> dict[int, int]:
    """Return the bytes held for good after so many requests of visitors who all differ."""
    batch = asgi_batch(ConsentASGI(asgi_application(case.line), TABLES, secret_keys=KEY), case)
    batch(1000)
    tracemalloc.start()
    held: dict[int, int] = {}
    for done in range(2000, 10_001, 2000):
        batch(2000)
        held[done] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return held


# The outcome


def print_times(title: str, measured: Table) -> None:
    if measured:
        names = list(next(iter(measured.values())))
        rows = [[name, *(f"{times[name]:.1f}" for times in measured.values())] for name in names]
        print_table([f"{title}: microseconds added", *measured], rows)


def print_targets(measured: Table, rules: Mapping[int, float], idle: Case) -> None:
    targets = [
        (NOTHING, TRUSTED_HOST, 1.5),
        (TWO, TRUSTED_HOST, 1.5),
        (SET, CORS, 1.0),
        (idle, SECURE, 1.0),
    ]
    few, many = RULE_COUNTS
    rows = [
        [f"{case.title}: ours / {peer}", *judged(times[US], times[peer], limit)]
        for case, peer, limit in targets
        if peer in (times := measured[case.title])
    ]
    rows.append([f"{many} rules / {few} rules", *judged(rules[many], rules[few], 1.1)])
    print_table(["target", "microseconds", "ratio", "at most", "met"], rows)


def print_cost_of_wall(measured: Mapping[str, Table], cases: Sequence[Case]) -> None:
    """What a wall adds to answers that it does not concern, which is to be a microsecond at most."""
    rows = [
        [f"{door}, {case.title}", f"{(more := times[WALL] - times[PAGES]):+.2f}", "yes" if more <= 1 else "no"]
        for door, table in measured.items()
        for case in cases
        for times in (table[case.title],)
    ]
    print_table(["a wall over gating pages", "microseconds", "at most 1"], rows)


def judged(ours: float, theirs: float, limit: float) -> list[str]:
    ratio = ours / theirs
    return [f"{ours:.1f} / {theirs:.1f}", f"{ratio:.2f}", f"{limit:.1f}", "yes" if ratio <= limit else "no"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the header gate beside other middleware.")
    parser.add_argument("--quick", action="store_true", help="a rough answer in a third of the time")
    effort = {"turns": 10, "rounds": 3} if parser.parse_args().quick else {"turns": 20, "rounds": 5}
    idle, first, new, same = returning()
    cases = [NOTHING, TWO, SET, idle, first, new, same]
    measured = measure_asgi(cases, effort)
    print_targets(measured, measure_rules(effort), idle)
    print_times("ASGI", measured)
    wsgi = measure_wsgi(cases, effort)
    print_times("WSGI", wsgi)
    print_cost_of_wall({"ASGI": measured, "WSGI": wsgi}, [NOTHING, TWO, SET, idle])
    print_times("Django", measure_django(cases, effort))
    held = measure_memory(new)
    print_table(["requests", *map(str, held)], [["bytes held since the first 1000", *map(str, held.values())]])


if __name__ == "__main__":
    main()
