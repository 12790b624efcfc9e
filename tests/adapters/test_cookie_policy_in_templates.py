"""The cookie policy in pages of the site's own, and what it says about the cookies of the framework itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import flask
import pytest
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template import RequestContext, Template
from django.test import Client, override_settings
from django.urls import path
from django.utils import translation
from jinja2 import DictLoader, Environment, select_autoescape
from selectolax.lexbor import LexborHTMLParser
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates
from starlette.testclient import TestClient

from consent_flask import Consent
from consent_flask import consent_policy as flask_policy
from consent_middleware import ConfigurationError
from consent_starlette import ConsentMiddleware, consent_context, consent_policy
from support.doors import configure_django
from support.markup import first

configure_django()

KEY = "a key for tests, long enough to be one"
POLICY: dict[str, Any] = {
    "policy": {"controller": "Encre & Fil SARL", "contact": "dpo@example.org", "policy_url": "/cookies"},
    "categories": {"necessary": {"required": True}, "analytics": {"services": ["google-analytics"]}},
}
PAGE = "<main>{{ consent_policy() }}</main><a href='{{ consent.policy_url }}'>"

# What a page says, the first parts of its Set-Cookie lines.
Answer = tuple[str, list[str]]
Ask = Callable[[str, dict[str, str]], Answer]


def in_flask() -> Ask:
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY=KEY, CONSENT_POLICY=POLICY, PERMANENT_SESSION_LIFETIME=timedelta(days=31))
    Consent(app)

    @app.get("/cookies")
    def cookies() -> str:
        flask.session["seen"] = True
        flask.session.permanent = "permanent" in flask.request.args
        return flask.render_template_string(PAGE)

    @app.get("/german")
    def german() -> str:
        return flask_policy("de")

    def ask(target: str, headers: dict[str, str]) -> Answer:
        answer = app.test_client().get(target, headers=headers)
        return answer.text, answer.headers.getlist("Set-Cookie")

    return ask


def django_page(request: HttpRequest) -> HttpResponse:
    request.session["seen"] = True
    get_token(request)
    text = "{% load consent %}<main>{% consent_policy %}</main><a href='{% consent_policy_url %}'>"
    response = HttpResponse(Template(text).render(RequestContext(request)))
    response.set_cookie("django_language", "fr")
    return response


def german(request: HttpRequest) -> HttpResponse:
    return HttpResponse(Template("{% load consent %}{% consent_policy 'de' %}").render(RequestContext(request)))


urlpatterns = [path("cookies", django_page), path("german", german)]


def in_django() -> Ask:
    def ask(target: str, headers: dict[str, str]) -> Answer:
        language = headers.get("Accept-Language", "en")
        # Where Django translates, its language is the one that is active, not the visitor's.
        with translation.override(language):
            answer = Client().get(target, headers=headers)
        return answer.content.decode(), [morsel.OutputString() for morsel in answer.cookies.values()]

    return ask


def in_starlette() -> Ask:
    environment = Environment(loader=DictLoader({"page": PAGE}), autoescape=select_autoescape(default=True))
    templates = Jinja2Templates(env=environment, context_processors=[consent_context])

    async def cookies(request: Request) -> Response:
        request.session["seen"] = True
        return templates.TemplateResponse(request, "page")

    async def german(request: Request) -> Response:
        return Response(consent_policy(request, "de"))

    app = Starlette(
        routes=[Route("/cookies", cookies), Route("/german", german)],
        middleware=[
            Middleware(ConsentMiddleware, policy=POLICY, secret_keys=KEY),
            Middleware(SessionMiddleware, secret_key=KEY),
        ],
    )

    def ask(target: str, headers: dict[str, str]) -> Answer:
        answer = TestClient(app).get(target, headers=headers)
        return answer.text, answer.headers.get_list("set-cookie")

    return ask


@pytest.fixture(params=[in_flask, in_django, in_starlette], ids=["flask", "django", "starlette"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    middleware = ["consent_django.ConsentMiddleware", "django.contrib.sessions.middleware.SessionMiddleware"]
    with override_settings(
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[*middleware, "django.middleware.csrf.CsrfViewMiddleware"],
        CONSENT={"POLICY": POLICY},
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
            }
        ],
        INSTALLED_APPS=["consent_django", "django.contrib.sessions"],
    ):
        yield request.param()


def rows(page: str) -> dict[str, list[str]]:
    found = (row for row in LexborHTMLParser(page).css("tbody tr") if row.css("code"))
    return {first(row, "code").text(): [cell.text() for cell in row.css("td")] for row in found}


def test_the_policy_stands_in_a_page_of_the_sites_own(ask: Ask) -> None:
    page, _ = ask("/cookies", {"Accept-Language": "fr"})
    (policy,) = LexborHTMLParser(page).css("main > div.cm-policy")
    assert policy.attributes["lang"] == "fr"
    assert first(policy, "h2").text() == "Votre choix"
    assert policy.css("h1, style, script") == []
    assert "&lt;div" not in page and "Encre &amp; Fil SARL" in page
    assert "href='/cookies'" in page


def test_the_language_can_be_said(ask: Ask) -> None:
    page, _ = ask("/german", {"Accept-Language": "fr"})
    assert first(LexborHTMLParser(page), "div.cm-policy").attributes["lang"] == "de"


def test_the_cookies_of_the_framework_are_in_it_with_what_they_are_for(ask: Ask) -> None:
    page, lines = ask("/cookies", {})
    told = rows(page)
    names = {line.partition("=")[0] for line in lines}
    assert names and names <= told.keys()
    for line in lines:
        provider, purpose, lifetime = told[line.partition("=")[0]]
        assert provider == "Encre & Fil SARL"
        assert purpose != "Necessary", "nothing is said about what it is for"
        assert ("session" in lifetime) is ("max-age" not in line.lower()), (line, lifetime)


@pytest.mark.parametrize("ask", [in_flask], indirect=True)
def test_a_session_that_may_be_permanent_says_so(ask: Ask) -> None:
    page, (line,) = ask("/cookies?permanent", {})
    assert rows(page)["session"][-1] == "session / at most 31 days"
    assert re.search("(?i)expires=", line)


def test_without_the_gate_the_error_says_what_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="ConsentMiddleware is missing"):
        consent_policy(Request({"type": "http", "headers": []}))
