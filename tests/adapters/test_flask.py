"""The Flask extension, used the way its users use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    make_response,
    redirect,
    render_template_string,
    request,
    session,
    stream_with_context,
)
from flask.testing import FlaskClient
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client
from werkzeug.wrappers import Response as WerkzeugResponse

import consent_flask
from consent_flask import Consent, current_consent, requires_consent
from consent_middleware import ConfigurationError, Policy, PolicyError

FILE = """
[policy]
controller = "Example SARL"
contact = "dpo@example.org"
[categories.necessary]
required = true
[categories.analytics]
[[cookies]]
name = "_ga"
category = "analytics"
"""
POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {"necessary": {"required": True}, "analytics": {}},
    "cookies": [{"name": "_ga", "category": "analytics"}],
}
ORIGIN = {"Origin": "http://localhost"}


def make_app(**config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update({"SECRET_KEY": "a secret", "CONSENT_POLICY": POLICY, "TESTING": True, **config})
    add_pages(app)
    return app


def add_pages(app: Flask) -> None:
    @app.get("/")
    def home() -> Response:
        session["visits"] = session.get("visits", 0) + 1
        response = make_response(f"{session['visits']} {request.cookies.get('_ga')}")
        response.set_cookie("_ga", "1", max_age=10**8)
        response.set_cookie("nobody", "1")
        return response

    @app.get("/template")
    def template() -> str:
        return render_template_string('{{ consent.allows("analytics") }} {{ consent.settings_url }}')

    @app.get("/statistics")
    @requires_consent("analytics")
    def statistics() -> str:
        return "numbers"

    @app.get("/async-statistics")
    @requires_consent("analytics")
    async def async_statistics() -> str:
        return "numbers" if current_consent.allows("analytics") else "nothing"

    @app.get("/agree")
    def agree() -> Response:
        current_consent.grant("analytics")
        response = make_response("thanks")
        response.set_cookie("_ga", "1")
        return response


def choose(client: FlaskClient, action: str = "accept-all") -> Any:
    return client.post("/_consent/choice", data={"action": action, "next": "/template"}, headers=ORIGIN)


def names(response: Any) -> list[str]:
    return [line.partition("=")[0] for line in response.headers.getlist("Set-Cookie")]


@pytest.fixture
def client() -> FlaskClient:
    app = make_app()
    Consent(app)
    return app.test_client()


# Setting it up


def test_the_extension_takes_the_application_at_once_or_later() -> None:
    at_once, later = make_app(), make_app()
    Consent(at_once)
    extension = Consent()
    extension.init_app(later)
    for app in (at_once, later):
        assert names(app.test_client().get("/")) == ["session"]


def test_one_extension_serves_several_applications() -> None:
    extension = Consent()
    apps = [make_app(SESSION_COOKIE_NAME="one"), make_app(SESSION_COOKIE_NAME="two")]
    for app in apps:
        extension.init_app(app)
    assert [names(app.test_client().get("/")) for app in apps] == [["one"], ["two"]]


def test_a_policy_file_is_found_beside_the_application(tmp_path: Path) -> None:
    (tmp_path / "consent.toml").write_text(FILE)
    app = Flask(__name__, root_path=str(tmp_path))
    app.config.update(SECRET_KEY="a secret", CONSENT_POLICY="consent.toml")
    Consent(app)
    add_pages(app)
    client = app.test_client()
    choose(client)
    assert names(client.get("/")) == ["_ga", "session", "consent-first"]


def test_a_policy_file_that_is_not_there_is_looked_for_where_the_message_says(tmp_path: Path) -> None:
    app = Flask(__name__, root_path=str(tmp_path))
    app.config.update(SECRET_KEY="a secret", CONSENT_POLICY="consent.toml")
    with pytest.raises(ConfigurationError, match=rf"no {tmp_path}/consent.toml; .*application's folder, so give the"):
        Consent(app)


@pytest.mark.parametrize("policy", [POLICY, Policy.from_dict(POLICY), None])
def test_a_policy_may_be_given_as_an_argument(policy: Any) -> None:
    app = make_app(CONSENT_POLICY=policy)
    Consent(app, policy)
    client = app.test_client()
    choose(client)
    assert ("_ga" in names(client.get("/"))) is (policy is not None)


def test_the_configuration_is_read() -> None:
    app = make_app(
        CONSENT_PREFIX="/privacy",
        CONSENT_NECESSARY=["nobody"],
        CONSENT_SECRET_KEYS=["old", "new"],
        CONSENT_APPLIES=lambda request: request.path != "/agree",
    )
    Consent(app)
    client = app.test_client()
    assert client.get("/privacy/settings").status_code == 200
    assert client.get("/_consent/settings").status_code == 404
    assert names(client.get("/")) == ["nobody", "session"]
    assert "_ga" in names(client.get("/agree"))


def test_arguments_win_over_the_configuration() -> None:
    stored: list[Any] = []

    class Ledger:
        def append(self, records: Any) -> None:
            stored.extend(records)

    app = make_app(CONSENT_PREFIX="/privacy", CONSENT_LEDGER=None)
    Consent(app, prefix="/ours", ledger=Ledger(), clock=lambda: 2_000_000_000)
    response = app.test_client().post("/ours/choice", data={"action": "reject-all"}, headers=ORIGIN)
    assert response.status_code == 303
    assert [(record.state, record.decided_at) for record in stored] == [("refused", 2_000_000_000)]


def test_an_application_without_a_key_is_told_so() -> None:
    app = Flask(__name__)
    with pytest.raises(ConfigurationError, match="SECRET_KEY: not set"):
        Consent(app)


def test_a_second_extension_for_one_application_is_an_error() -> None:
    app = make_app()
    Consent(app)
    with pytest.raises(ConfigurationError, match="already has one"):
        Consent(app)


def test_mistakes_in_the_policy_are_raised_when_the_application_starts() -> None:
    with pytest.raises(PolicyError, match="statistcs"):
        Consent(make_app(), {**POLICY, "cookies": [{"name": "_ga", "category": "statistcs"}]})


def test_keys_rotate_with_flasks_own_settings() -> None:
    def open_app(**config: Any) -> FlaskClient:
        app = make_app(**config)
        Consent(app)
        return app.test_client()

    def given_by(client: FlaskClient) -> str:
        choose(client)
        cookie = client.get_cookie("consent")
        assert cookie is not None
        return cookie.value

    def holds(consent: str, client: FlaskClient) -> bool:
        client.set_cookie("consent", consent)
        return client.get("/template").text.startswith("True")

    old = {"SECRET_KEY": "old"}
    rotated = {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["older", "old"]}
    new = {"SECRET_KEY": "new"}
    by_old, by_new = given_by(open_app(**old)), given_by(open_app(**rotated))
    assert [holds(by_old, open_app(**config)) for config in (old, rotated, new)] == [True, True, False]
    assert [holds(by_new, open_app(**config)) for config in (old, rotated, new)] == [False, True, True]


# What visitors get


def test_only_the_session_arrives_before_the_choice_and_it_works(client: FlaskClient) -> None:
    client.set_cookie("_ga", "before")
    assert names(client.get("/"))[0] == "session"
    assert client.get("/").text == "2 None"


def test_the_session_cookie_is_seen_although_it_is_saved_last() -> None:
    """Flask saves it after every after_request function has run."""
    app = make_app(PERMANENT_SESSION_LIFETIME=10**8, SESSION_COOKIE_NAME="sid")
    Consent(app)

    @app.before_request
    def keep() -> None:
        session.permanent = True

    [line] = app.test_client().get("/").headers.getlist("Set-Cookie")
    assert line.startswith("sid=")
    assert int(line.partition("Max-Age=")[2].partition(";")[0]) < 400 * 86400


def test_after_the_choice_cookies_arrive_capped_and_are_seen(client: FlaskClient) -> None:
    answer = choose(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/template")
    assert names(client.get("/")) == ["_ga", "session", "consent-first"]
    cookie = client.get_cookie("_ga")
    assert cookie is not None
    assert cookie.max_age is not None
    assert cookie.max_age < 400 * 86400
    assert client.get("/").text == "2 1"


def test_after_the_withdrawal_cookies_are_gone_and_the_session_survives(client: FlaskClient) -> None:
    choose(client)
    client.get("/")
    choose(client, "withdraw")
    assert client.get_cookie("_ga") is None
    assert client.get("/").text == "2 None"


def test_a_sign_in_that_is_remembered_is_necessary() -> None:
    app = make_app(REMEMBER_COOKIE_NAME="stay")
    Consent(app)

    @app.get("/login")
    def login() -> Response:
        response = make_response("welcome")
        response.set_cookie("stay", "token", max_age=3600)
        return response

    assert names(app.test_client().get("/login")) == ["stay"]


# What applications use


def test_templates_ask_the_decision(client: FlaskClient) -> None:
    assert client.get("/template").text == "False /_consent/settings"
    choose(client)
    assert client.get("/template").text == "True /_consent/settings"


@pytest.mark.parametrize("page", ["/statistics", "/async-statistics"])
def test_a_view_may_require_consent(client: FlaskClient, page: str) -> None:
    assert client.get(page).status_code == 403
    choose(client)
    assert client.get(page).text == "numbers"


def test_a_view_may_act_for_the_visitor(client: FlaskClient) -> None:
    assert names(client.get("/agree")) == ["_ga", "consent"]
    assert client.get("/template").text.startswith("True")


def test_blueprints_and_error_handlers_are_inside_the_gate() -> None:
    app = make_app(PROPAGATE_EXCEPTIONS=False)
    pages = Blueprint("pages", __name__, url_prefix="/pages")

    def with_cookies(text: str, status: int) -> Response:
        response = make_response(f"{text} {consent_flask.current_consent.allows('analytics')}", status)
        response.set_cookie("_ga", "1")
        response.set_cookie("session", "kept")
        return response

    @pages.get("/")
    def page() -> Response:
        return with_cookies("page", 200)

    @pages.get("/redirect")
    def elsewhere() -> WerkzeugResponse:
        response = redirect("/")
        response.set_cookie("_ga", "1")
        return response

    @pages.get("/broken")
    def broken() -> Response:
        raise RuntimeError("broken")

    app.register_error_handler(404, lambda error: with_cookies("missing", 404))
    app.register_error_handler(RuntimeError, lambda error: with_cookies("sorry", 500))
    app.register_blueprint(pages)
    Consent(app)
    client = app.test_client()
    for path, status, set_names in [
        ("/pages/", 200, ["session"]),
        ("/pages/redirect", 302, []),
        ("/nowhere", 404, ["session"]),
        ("/pages/broken", 500, ["session"]),
    ]:
        response = client.get(path)
        assert (response.status_code, names(response)) == (status, set_names)


def test_errors_still_reach_a_test_that_wants_them(client: FlaskClient) -> None:
    @client.application.get("/broken")
    def broken() -> str:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        client.get("/broken")


def test_a_stream_with_context_may_ask_but_not_act() -> None:
    app = make_app()
    Consent(app)

    @app.get("/stream")
    def stream() -> Response:
        def chunks() -> Iterator[str]:
            yield str(current_consent.allows("analytics"))
            try:
                current_consent.grant("analytics")
            except RuntimeError as error:
                yield type(error).__name__

        return Response(stream_with_context(chunks()))

    response = app.test_client().get("/stream")
    assert response.text == "FalseResponseStarted"
    assert names(response) == []


def test_a_made_up_request_has_a_decision_as_well(client: FlaskClient) -> None:
    """test_request_context() goes around app.wsgi_app; views and templates under test must not notice."""
    choose(client)
    cookie = client.get_cookie("consent")
    assert cookie is not None
    with client.application.test_request_context(headers={"Cookie": f"consent={cookie.value}"}):
        assert current_consent.allows("analytics")
        assert render_template_string("{{ consent.allows('analytics') }}") == "True"
    with client.application.test_request_context():
        assert not current_consent.allows("analytics")


def test_templates_that_ask_nothing_need_no_request(client: FlaskClient) -> None:
    with client.application.app_context():
        assert render_template_string("dear {{ name }}", name="Ada") == "dear Ada"


def test_an_application_below_a_path_keeps_its_own_addresses() -> None:
    app = make_app()
    Consent(app)
    client = Client(DispatcherMiddleware(Response("front"), {"/shop": app}))
    assert client.get("/shop/template").text == "False /shop/_consent/settings"
    chosen = client.post("/shop/_consent/choice", data={"action": "accept-all"}, headers=ORIGIN)
    assert chosen.headers["Location"] == "/shop/"
    assert client.get("/_consent/settings").text == "front"


@pytest.mark.parametrize(("is_inside", "is_outside"), [(False, True), (True, False), (True, True)])
def test_a_choice_holds_behind_a_proxy_wherever_its_middleware_stands(is_inside: bool, is_outside: bool) -> None:
    """Outside, also once more, the cookie gets its strong name; inside, the plain one at least stays the same."""
    app = make_app()
    if is_inside:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)  # type: ignore[method-assign]  # as Flask documents it
    Consent(app)
    if is_outside:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)  # type: ignore[method-assign]  # as Flask documents it
    client = app.test_client()
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example", "X-Forwarded-For": "192.0.2.1"}
    chosen = client.post(
        "/_consent/choice", data={"action": "accept-all"}, headers={**forwarded, "Sec-Fetch-Site": "same-origin"}
    )
    name, _, value = chosen.headers["Set-Cookie"].partition(";")[0].partition("=")
    assert name == ("__Host-consent" if is_outside else "consent")
    answer = app.test_client(use_cookies=False).get("/template", headers={**forwarded, "Cookie": f"{name}={value}"})
    assert answer.text.startswith("True")
