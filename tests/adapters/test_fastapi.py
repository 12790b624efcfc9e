"""FastAPI behind the Starlette middleware, with the decision as a dependency."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, Response, WebSocket
from fastapi.testclient import TestClient
from starlette.middleware.sessions import SessionMiddleware
from starlette.websockets import WebSocketDisconnect

from consent_middleware import Decision
from consent_starlette import ConsentMiddleware, ConsentRequired, consent_of

POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {"necessary": {"required": True}, "analytics": {}, "marketing": {}},
    "cookies": [{"name": "_ga", "category": "analytics"}],
}
KEY = "a key for tests, long enough to be one"

Consent = Annotated[Decision, Depends(consent_of)]
analytics = ConsentRequired("analytics")


def make_app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key=KEY, session_cookie="sid")
    app.add_middleware(ConsentMiddleware, policy=POLICY, secret_keys=KEY)

    @app.get("/")
    def home(request: Request, response: Response, consent: Consent) -> dict[str, Any]:
        request.session["seen"] = True
        response.set_cookie("_ga", "1")
        return {"analytics": consent.allows("analytics"), "is_state": consent is request.state.consent}

    @app.get("/numbers")
    async def numbers(consent: Annotated[Decision, Depends(analytics)]) -> dict[str, Any]:
        return {"source": consent.source}

    @app.get("/hidden", dependencies=[Depends(ConsentRequired("analytics", status=404))])
    async def hidden() -> str:
        return "found"

    @app.get("/agree")
    def agree(consent: Consent) -> str:
        consent.grant("analytics")
        return "thanks"

    @app.websocket("/talk")
    async def talk(websocket: WebSocket, consent: Annotated[Decision, Depends(analytics)]) -> None:
        await websocket.accept()
        await websocket.send_text(consent.source)
        await websocket.close()

    return app


@pytest.fixture
def client() -> TestClient:
    return TestClient(make_app(), base_url="https://shop.example")


def choose(client: TestClient) -> None:
    choice = {"action": "accept-all"}
    answer = client.post("/_consent/choice", json=choice, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.json()["categories"]["analytics"] == "granted"


def names(response: Any) -> list[str]:
    return sorted(line.partition("=")[0] for line in response.headers.get_list("set-cookie"))


def test_a_path_operation_takes_the_decision_as_a_dependency(client: TestClient) -> None:
    first = client.get("/")
    assert (first.json(), names(first)) == ({"analytics": False, "is_state": True}, ["sid"])
    choose(client)
    second = client.get("/")
    assert (second.json(), names(second)) == ({"analytics": True, "is_state": True}, ["_ga", "sid"])


def test_a_path_operation_may_require_consent(client: TestClient) -> None:
    assert [client.get(path).status_code for path in ("/numbers", "/hidden")] == [403, 404]
    choose(client)
    assert [client.get(path).json() for path in ("/numbers", "/hidden")] == [{"source": "visitor"}, "found"]


def test_a_path_operation_may_act_for_the_visitor(client: TestClient) -> None:
    assert names(client.get("/agree")) == ["__Host-consent"]
    assert client.get("/numbers").json() == {"source": "application"}


def test_a_websocket_may_require_consent(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("wss://shop.example/talk"):
        pass
    choose(client)
    with client.websocket_connect("wss://shop.example/talk") as socket:
        assert socket.receive_text() == "visitor"


def test_nothing_of_it_shows_in_the_openapi_schema(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert all(not operation["get"].get("parameters") for operation in schema["paths"].values())
