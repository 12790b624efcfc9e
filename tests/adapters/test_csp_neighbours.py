"""Our Content-Security-Policy stands beside the application's, whichever way the application makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from flask import Flask
from werkzeug.test import Client

from consent_flask import Consent
from consent_middleware.csp import nonce_of
from support.doors import KEY, configure_django

POLICY = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {"analytics": {}},
    "html": {"csp": "enforce"},
}
DOCUMENT = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}


def flask_talisman() -> Iterator[Any]:
    talisman = import_module("flask_talisman")
    app = Flask(__name__)
    app.config.update(SECRET_KEY=KEY, CONSENT_POLICY=POLICY)
    talisman.Talisman(
        app,
        force_https=False,
        content_security_policy={"default-src": "'self'", "script-src": "'self'"},
        content_security_policy_nonce_in=["script-src"],
    )
    Consent(app)

    @app.get("/")
    def page() -> str:
        from flask import render_template_string

        return render_template_string("<!doctype html><script nonce={{ csp_nonce() }}>1</script>")

    yield app


def django_view(nonce_of_request: Callable[[Any], object]) -> Callable[[HttpRequest], HttpResponse]:
    return lambda request: HttpResponse(f"<!doctype html><script nonce={nonce_of_request(request)}>1</script>")


@contextmanager
def django_with(view: Callable[[HttpRequest], HttpResponse], **settings: Any) -> Iterator[Any]:
    configure_django()
    settings["MIDDLEWARE"] = ["consent_django.ConsentMiddleware", *settings["MIDDLEWARE"]]
    urls = type("urls", (), {"urlpatterns": [path("", view)]})
    with override_settings(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"], CONSENT={"POLICY": POLICY}, **settings):
        yield WSGIHandler()


def django_itself() -> Iterator[Any]:
    csp = pytest.importorskip("django.utils.csp", reason="Django has a policy of its own since version 6").CSP
    view = django_view(lambda request: pytest.importorskip("django.middleware.csp").get_nonce(request))
    policy = {"default-src": [csp.SELF], "script-src": [csp.SELF, csp.NONCE]}
    middleware = ["django.middleware.csp.ContentSecurityPolicyMiddleware"]
    with django_with(view, MIDDLEWARE=middleware, SECURE_CSP=policy) as app:
        yield app


def django_csp() -> Iterator[Any]:
    csp = import_module("csp.constants")
    policy = {"DIRECTIVES": {"default-src": [csp.SELF], "script-src": [csp.SELF, csp.NONCE]}}
    view = django_view(lambda request: request.csp_nonce)
    with django_with(view, MIDDLEWARE=["csp.middleware.CSPMiddleware"], CONTENT_SECURITY_POLICY=policy) as app:
        yield app


@pytest.fixture(params=[flask_talisman, django_itself, django_csp], ids=lambda made: made.__name__)
def app(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield from request.param()


def test_both_policies_are_sent_and_the_first_as_the_application_made_it(app: Any) -> None:
    answer = Client(app).get("/", headers=DOCUMENT)
    assert answer.status_code == 200
    policies = [part.strip() for part in ",".join(answer.headers.get_all("Content-Security-Policy")).split(",")]
    own, ours = policies
    nonce = nonce_of([*answer.headers])
    assert nonce
    assert {"default-src 'self'", f"script-src 'self' 'nonce-{nonce}'"} <= {part.strip() for part in own.split(";")}
    assert f"nonce={nonce}" in answer.text
    assert ours.startswith("default-src 'self' 'unsafe-inline'")


def test_with_full_consent_only_the_applications_remains(app: Any) -> None:
    client = Client(app)
    choice = {"action": "accept-all", "next": "/"}
    assert client.post("/_consent/choice", data=choice, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    values = client.get("/", headers=DOCUMENT).headers.get_all("Content-Security-Policy")
    assert len(values) == 1
    assert "unsafe-inline" not in values[0]
    assert "," not in values[0]
