"""The Starlette middleware, used the way its users use it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jinja2
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.templating import Jinja2Templates
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from consent_middleware import ConfigurationError, ConsentASGI, ResponseStarted
from consent_starlette import ConsentMiddleware, consent_context, consent_of, requires_consent

POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {"necessary": {"required": True}, "analytics": {}, "marketing": {}},
    "cookies": [{"name": "_ga", "category": "analytics"}],
}
KEY = "a key for tests, long enough to be one"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


async def home(request: Request) -> Response:
    response = JSONResponse({"cookies": dict(request.cookies), "analytics": request.state.consent.allows("analytics")})
    response.set_cookie("_ga", "1", max_age=10**8)
    response.set_cookie("nobody", "1")
    return response


def make_app(*more: Middleware, routes: Any = (), **options: Any) -> Starlette:
    consent = Middleware(ConsentMiddleware, policy=POLICY, **{"secret_keys": KEY, **options})
    return Starlette(routes=[Route("/", home), *routes], middleware=[consent, *more])


def open_client(*more: Middleware, **options: Any) -> TestClient:
    return TestClient(make_app(*more, **options), base_url="https://shop.example")


def choose(client: TestClient, action: str = "accept-all") -> Any:
    data = {"action": action, "next": "/"}
    return client.post("/_consent/choice", data=data, headers=SAME_ORIGIN, follow_redirects=False)


def names(response: Any) -> list[str]:
    return [line.partition("=")[0] for line in response.headers.get_list("set-cookie")]


# Setting it up


def test_a_policy_file_is_given_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "consent.toml"
    file.write_text(
        '[policy]\ncontroller = "E"\ncontact = "a@example.org"\n[categories.necessary]\nrequired = true\n'
        '[[cookies]]\nname = "_ga"\ncategory = "necessary"\n'
    )
    app = Starlette(routes=[Route("/", home)], middleware=[Middleware(ConsentMiddleware, policy=file, secret_keys=KEY)])
    assert names(TestClient(app).get("/")) == ["_ga"]


def test_mistakes_are_raised_when_the_application_starts() -> None:
    with pytest.raises(ConfigurationError, match="secret_keys"), open_client(secret_keys=""):
        pass


def test_keys_rotate_oldest_first() -> None:
    def given_by(client: TestClient) -> str:
        choose(client)
        return client.cookies["__Host-consent"]

    def holds(consent: str, client: TestClient) -> bool:
        answer = client.get("/", headers={"Cookie": f"__Host-consent={consent}"})
        return bool(answer.json()["analytics"])

    rotations: list[Any] = ["old", ["old", "new"], "new"]
    by_old, by_new = given_by(open_client(secret_keys="old")), given_by(open_client(secret_keys=["old", "new"]))
    assert [holds(by_old, open_client(secret_keys=keys)) for keys in rotations] == [True, True, False]
    assert [holds(by_new, open_client(secret_keys=keys)) for keys in rotations] == [False, True, True]


def visits(cookie: str | None) -> list[Any]:
    options: dict[str, Any] = {} if cookie is None else {"session_cookie": cookie}

    async def count(request: Request) -> Response:
        request.session["visits"] = request.session.get("visits", 0) + 1
        return PlainTextResponse(str(request.session["visits"]))

    return [Middleware(SessionMiddleware, secret_key=KEY, **options), [Route("/count", count)]]


@pytest.mark.parametrize("cookie", [None, "sid"])
def test_the_session_further_in_is_necessary_whatever_its_cookie_is_called(cookie: str | None) -> None:
    session, routes = visits(cookie)
    client = open_client(session, routes=routes)
    assert names(client.get("/count")) == [cookie or "session"]
    assert client.get("/count").text == "2"


@pytest.mark.parametrize("cookie", [None, "sid"])
def test_around_a_whole_application_the_session_is_found_as_well(cookie: str | None) -> None:
    session, routes = visits(cookie)
    app = ConsentMiddleware(Starlette(routes=routes, middleware=[session]), POLICY, secret_keys=KEY)
    client = TestClient(app)
    assert [client.get("/count").text for _ in range(2)] == ["1", "2"]


class OurSession(SessionMiddleware):
    """A site's own, made from Starlette's."""


def test_a_subclass_of_known_middleware_is_known() -> None:
    session, routes = visits("sid")
    client = open_client(Middleware(OurSession, **session.kwargs), routes=routes)
    assert [client.get("/count").text for _ in range(2)] == ["1", "2"]


def passing_by(app: Any) -> Any:
    """Middleware that is a function, and looks like what it wraps."""

    @functools.wraps(app)
    async def passed_by(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return passed_by


def test_behind_a_function_that_wraps_it_the_session_is_found() -> None:
    session, routes = visits("sid")
    client = open_client(Middleware(passing_by), session, routes=routes)
    assert [client.get("/count").text for _ in range(2)] == ["1", "2"]


class Variant(BaseHTTPMiddleware):
    """An A/B test, whose options happen to be called as those of session middleware are."""

    def __init__(self, app: Any, cookie_name: str = "ab_variant", session_cookie: str = "ab_session") -> None:
        super().__init__(app)
        self.cookie_name = cookie_name
        self.session_cookie = session_cookie

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.set_cookie(self.cookie_name, "b")
        response.set_cookie(self.session_cookie, "b")
        return response


def test_the_cookies_of_other_middleware_wait_whatever_its_options_are_called() -> None:
    whole = Starlette(routes=[Route("/", home)], middleware=[Middleware(Variant)])
    around = TestClient(ConsentMiddleware(whole, POLICY, secret_keys=KEY))
    for client in (open_client(Middleware(Variant)), around):
        assert names(client.get("/")) == []


def test_asgi_csrf_is_a_function_and_known() -> None:
    """Only by its module and its options, so a function in its place does as well."""

    def asgi_csrf(app: Any, cookie_name: str = "csrftoken") -> Any:
        async def protected(scope: Any, receive: Any, send: Any) -> None:
            async def send_with_token(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"].append((b"set-cookie", f"{cookie_name}=t".encode()))
                await send(message)

            await app(scope, receive, send_with_token)

        return protected

    def set_by(middleware: Middleware) -> list[str]:
        app = Starlette(routes=[Route("/", home)], middleware=[middleware])
        return names(TestClient(ConsentMiddleware(app, POLICY, secret_keys=KEY)).get("/"))

    assert set_by(Middleware(asgi_csrf)) == []
    asgi_csrf.__module__ = "asgi_csrf"
    assert set_by(Middleware(asgi_csrf)) == ["csrftoken"]
    assert set_by(Middleware(asgi_csrf, cookie_name="forgery")) == ["forgery"]


def test_around_a_whole_application_even_the_page_of_a_crash_is_gated() -> None:
    """Starlette makes that page outside all of its middleware."""

    async def crash(request: Request) -> Response:
        raise RuntimeError("broken")

    async def sorry(request: Request, error: Exception) -> Response:
        response = PlainTextResponse("sorry", 500)
        response.set_cookie("_ga", "1")
        return response

    app = Starlette(routes=[Route("/", crash)], exception_handlers={Exception: sorry})
    client = TestClient(ConsentMiddleware(app, POLICY, secret_keys=KEY), raise_server_exceptions=False)
    answer = client.get("/")
    assert (answer.status_code, answer.text, names(answer)) == (500, "sorry", [])


def test_middleware_with_an_odd_signature_is_passed_by() -> None:
    class Odd:
        def __init__(self, app: Any, *, cookie_name: int) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

    app = Starlette(routes=[Route("/", home)], middleware=[Middleware(Odd, cookie_name=5)])
    assert names(TestClient(ConsentMiddleware(app, POLICY, secret_keys=KEY)).get("/")) == []


# What visitors get


def test_before_the_choice_nothing_leaves_and_nothing_is_seen() -> None:
    client = open_client()
    client.cookies.set("_ga", "before", domain="shop.example")
    answer = client.get("/")
    assert answer.json() == {"cookies": {}, "analytics": False}
    assert set(names(answer)) == {"_ga"}
    assert "_ga" not in client.cookies


def test_after_the_choice_cookies_arrive_and_after_the_withdrawal_they_are_gone() -> None:
    client = open_client()
    assert (choose(client).status_code, choose(client).headers["location"]) == (303, "/")
    assert names(client.get("/")) == ["_ga", "__Host-consent-first"]
    assert client.get("/").json()["cookies"].keys() == {"_ga", "__Host-consent", "__Host-consent-first"}
    choose(client, "withdraw")
    assert client.get("/").json() == {
        "cookies": {"__Host-consent": client.cookies["__Host-consent"]},
        "analytics": False,
    }


def test_redirects_and_missing_pages_are_gated() -> None:
    async def leave(request: Request) -> Response:
        response = RedirectResponse("/")
        response.set_cookie("_ga", "1")
        return response

    async def missing(request: Request, error: Exception) -> Response:
        response = PlainTextResponse("missing", 404)
        response.set_cookie("_ga", "1")
        return response

    app = make_app(routes=[Route("/leave", leave)])
    app.add_exception_handler(404, missing)
    client = TestClient(app, follow_redirects=False)
    answers = [client.get("/leave"), client.get("/nowhere")]
    assert [(answer.status_code, names(answer)) for answer in answers] == [(307, []), (404, [])]


# What applications use


def test_templates_ask_the_decision() -> None:
    loader = jinja2.DictLoader({"page.html": '{{ consent.allows("analytics") }} {{ consent.settings_url }}'})
    templates = Jinja2Templates(env=jinja2.Environment(loader=loader), context_processors=[consent_context])

    async def page(request: Request) -> Response:
        return templates.TemplateResponse(request, "page.html")

    client = open_client(routes=[Route("/page", page)])
    assert client.get("/page").text == "False /_consent/settings"
    choose(client)
    assert client.get("/page").text == "True /_consent/settings"


@requires_consent("analytics")
async def numbers(request: Request) -> Response:
    return PlainTextResponse("numbers")


@requires_consent("analytics", status=404)
def numbers_in_a_thread(request: Request) -> Response:
    return PlainTextResponse("numbers")


class Numbers(HTTPEndpoint):
    @requires_consent("analytics")
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("numbers")


@pytest.mark.parametrize(("endpoint", "refused"), [(numbers, 403), (numbers_in_a_thread, 404), (Numbers, 403)])
def test_an_endpoint_may_require_consent(endpoint: Any, refused: int) -> None:
    client = open_client(routes=[Route("/numbers", endpoint)])
    assert client.get("/numbers").status_code == refused
    choose(client)
    assert client.get("/numbers").text == "numbers"


def test_an_endpoint_without_a_request_cannot_require_consent() -> None:
    with pytest.raises(TypeError, match="parameter of type Request"):
        requires_consent("analytics")(lambda: None)()


def test_without_the_middleware_the_decision_is_missed_clearly() -> None:
    async def page(request: Request) -> Response:
        with pytest.raises(ConfigurationError, match="ConsentMiddleware is missing"):
            consent_of(request)
        return PlainTextResponse("ok")

    assert TestClient(Starlette(routes=[Route("/", page)])).get("/").text == "ok"


def test_a_websocket_sees_the_decision_and_only_its_cookies() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept(headers=[(b"set-cookie", b"_ga=1")])
        decision = consent_of(websocket)
        assert decision is websocket.state.consent
        await websocket.send_json([decision.allows("analytics"), sorted(websocket.cookies)])
        await websocket.close()

    @requires_consent("analytics")
    async def reserved(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    client = open_client(routes=[WebSocketRoute("/talk", talk), WebSocketRoute("/reserved", reserved)])

    def connect() -> tuple[list[bytes], Any]:
        client.cookies.set("_ga", "before", domain="shop.example")
        with client.websocket_connect("wss://shop.example/talk") as socket:
            fields: Any = socket.extra_headers
            return [value for name, value in fields if name == b"set-cookie"], socket.receive_json()

    lines, seen = connect()
    assert (b"_ga=1" in lines, seen) == (False, [False, []])
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("wss://shop.example/reserved"):
        pass
    assert refused.value.code == 1008
    choose(client)
    assert connect() == ([b"_ga=1"], [True, ["__Host-consent", "_ga"]])


def test_streams_and_background_tasks_work_and_acting_is_then_too_late() -> None:
    done: list[str] = []

    async def stream(request: Request) -> Response:
        async def chunks() -> AsyncIterator[str]:
            yield "a"
            try:
                request.state.consent.grant("analytics")
            except ResponseStarted:
                yield "too late"

        return StreamingResponse(chunks(), background=BackgroundTask(done.append, "done"))

    client = open_client(routes=[Route("/stream", stream)])
    assert client.get("/stream").text == "atoo late"
    assert done == ["done"]


def test_files_are_sent_whole_with_their_validators(tmp_path: Path) -> None:
    file = tmp_path / "a.css"
    file.write_text("b{}")

    async def css(request: Request) -> Response:
        return FileResponse(file)

    client = open_client(routes=[Route("/a.css", css)])
    answer = client.get("/a.css")
    assert (answer.text, answer.headers["content-length"]) == ("b{}", "3")
    assert {"etag", "last-modified"} <= answer.headers.keys()
    assert "vary" not in answer.headers
    part = client.get("/a.css", headers={"Range": "bytes=1-1"})
    assert (part.status_code, part.text) == (206, "{")


def test_lifespan_state_and_the_decision_live_side_by_side() -> None:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {"pool": "a pool"}

    async def page(request: Request) -> Response:
        return PlainTextResponse(f"{request.state.pool} {request.state.consent.source}")

    app = Starlette(
        routes=[Route("/", page)],
        lifespan=lifespan,
        middleware=[Middleware(ConsentMiddleware, policy=POLICY, secret_keys=KEY)],
    )
    with TestClient(app) as client:
        assert [client.get("/").text for _ in range(2)] == ["a pool default", "a pool default"]


def test_a_mounted_application_with_the_same_policy_shares_the_decision() -> None:
    inner = make_app()
    client = open_client(routes=[Mount("/inner", app=inner)])
    choose(client)
    answer = client.get("/inner/")
    assert (answer.json()["analytics"], names(answer)) == (True, ["_ga", "__Host-consent-first"])


def test_behind_consent_asgi_with_the_same_policy_the_state_is_there() -> None:
    client = TestClient(ConsentASGI(make_app(), POLICY, secret_keys=KEY), base_url="https://shop.example")
    choose(client)
    answer = client.get("/")
    assert (answer.json()["analytics"], names(answer)) == (True, ["_ga", "__Host-consent-first"])
