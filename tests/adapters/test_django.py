"""The Django app, used the way its users use it: middleware, checks, templates and test clients, sync and async."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar
from wsgiref.validate import validator

import pytest
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib import messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.cache import cache
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.template import Context, RequestContext, Template, engines
from django.template.response import TemplateResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path
from django.views.decorators.cache import cache_page
from django.views.i18n import set_language
from werkzeug.test import create_environ, run_wsgi_app

from consent_django import ConsentMiddleware, requires_consent
from consent_django.conf import necessary_cookies
from consent_django.lines import SentLine
from consent_middleware import ConfigurationError, ConsentWSGI, PolicyError, ResponseStarted
from support.doors import asgi_scope, configure_django

configure_django()

POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {"necessary": {"required": True}, "analytics": {}, "marketing": {}},
    "cookies": [
        {"name": "_ga", "category": "analytics"},
        {"name": "_ads", "category": "marketing", "domain": ".example.org"},
    ],
}
KEY = "a key for tests, long enough to be one"
CONSENT = "consent_django.ConsentMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"
UPDATE_CACHE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH_FROM_CACHE = "django.middleware.cache.FetchFromCacheMiddleware"
ASKING = f"{__name__}.Asking"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
FORM = "application/x-www-form-urlencoded"

SETTINGS: dict[str, Any] = {
    "ROOT_URLCONF": __name__,
    "SECRET_KEY": KEY,
    "SECRET_KEY_FALLBACKS": [],
    "ALLOWED_HOSTS": ["testserver", "shop.example.org"],
    "INSTALLED_APPS": [
        "consent_django",
        # The admin is imported by our own, and its checks then ask for users.
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
    ],
    "MIDDLEWARE": [CONSENT],
    "CONSENT": {"POLICY": POLICY},
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
    "SESSION_COOKIE_NAME": "sessionid",
    "SESSION_COOKIE_SECURE": False,
    "SESSION_EXPIRE_AT_BROWSER_CLOSE": False,
    "CSRF_USE_SESSIONS": False,
    "CSRF_FAILURE_VIEW": "django.views.csrf.csrf_failure",
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
}


R = TypeVar("R", bound=HttpResponseBase)


class CustomMessages(CookieStorage):
    cookie_name = "notices"


# Pages


def track(response: R) -> R:
    response.set_cookie("_ga", "1", max_age=10**8)
    response.set_cookie("nobody", "1")
    return response


def home(request: Any) -> HttpResponse:
    seen = [request.COOKIES, request.META.get("HTTP_COOKIE"), request.headers.get("Cookie")]
    return track(JsonResponse({"seen": seen, "analytics": request.consent.allows("analytics")}))


async def ahome(request: Any) -> HttpResponse:
    return home(request)


def agree(request: Any) -> HttpResponse:
    request.consent.grant("analytics")
    return track(HttpResponse("thanks"))


def count(request: Any) -> HttpResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(str(request.session["visits"]))


def tell(request: Any) -> HttpResponse:
    said = [str(message) for message in messages.get_messages(request)]
    messages.success(request, "stored")
    return HttpResponse(",".join(said))


def form(request: Any) -> HttpResponse:
    return HttpResponse(Template("{% csrf_token %}").render(RequestContext(request)))


def template(request: Any) -> HttpResponse:
    text = (
        '{% load consent %}{{ request|allows:"analytics" }} {% if request.consent|allows:"analytics" %}yes{% endif %}'
    )
    return HttpResponse(Template(text + " {% consent_settings_url %}").render(RequestContext(request)))


def shown(request: Any) -> HttpResponse:
    return HttpResponse(str(getattr(request, "shows_ads", "")))


def lazy(request: Any) -> TemplateResponse:
    made = engines["django"].from_string('{% load consent %}{{ request|allows:"analytics" }}')
    return TemplateResponse(request, made)


def instant(request: Any) -> HttpResponse:
    """A page that asks nothing, and shows when it was made."""
    return HttpResponse(str(time.monotonic_ns()))


class Asking:
    """Middleware that asks for all the views, before or after the cache has had its turn."""

    sync_capable = async_capable = True

    def __new__(cls, get_response: Any) -> Any:
        if not iscoroutinefunction(get_response):
            return lambda request: get_response(cls.ask(request))

        async def ask_and_go_on(request: Any) -> Any:
            return await get_response(cls.ask(request))

        return markcoroutinefunction(ask_and_go_on)

    @staticmethod
    def ask(request: Any) -> Any:
        request.shows_ads = request.consent.allows("marketing")
        return request


@requires_consent("analytics")
def numbers(request: Any) -> HttpResponse:
    return HttpResponse("numbers")


@requires_consent("analytics", status=404)
async def anumbers(request: Any) -> HttpResponse:
    return HttpResponse("numbers")


def chunks(request: Any) -> Iterator[bytes]:
    yield b"a"
    try:
        request.consent.grant("analytics")
    except ResponseStarted:
        yield b"b"


async def achunks(request: Any) -> AsyncIterator[bytes]:
    for chunk in chunks(request):
        yield chunk


def stream(request: Any) -> StreamingHttpResponse:
    return track(StreamingHttpResponse(chunks(request)))


async def astream(request: Any) -> StreamingHttpResponse:
    return track(StreamingHttpResponse(achunks(request)))


def broken(request: Any) -> HttpResponse:
    raise RuntimeError("broken")


def host(request: Any) -> HttpResponse:
    return track(HttpResponse(request.get_host()))


def many(request: Any) -> HttpResponse:
    response = HttpResponse("many", headers={"X-One": "1", "ETag": '"1"', "Vary": "Accept"})
    response["Set-Cookie"] = "_ads=by hand"
    response.set_cookie("theirs", "1", httponly=True)
    response.set_signed_cookie("signed", "1")
    response.delete_cookie("_ga")
    return response


def sorry(request: Any) -> HttpResponse:
    return track(HttpResponse("sorry", status=500))


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    return track(HttpResponse("missing", status=404))


handler404 = missing
handler500 = sorry
PAGES: dict[str, Callable[..., Any]] = {
    "": home,
    "ahome": ahome,
    "agree": agree,
    "count": count,
    "tell": tell,
    "form": form,
    "template": template,
    "numbers": numbers,
    "anumbers": anumbers,
    "stream": stream,
    "astream": astream,
    "broken": broken,
    "host": host,
    "many": many,
    "language": set_language,
    "shown": shown,
    "lazy": lazy,
    "instant": instant,
    "kept/template": cache_page(60)(template),
    "kept/ahome": cache_page(60)(ahome),
    "kept/lazy": cache_page(60)(lazy),
    "kept/shown": cache_page(60)(shown),
    "kept/instant": cache_page(60)(instant),
    "kept/numbers": requires_consent("analytics")(cache_page(60)(instant)),
}
urlpatterns = [path(route, view) for route, view in PAGES.items()]

Configure = Callable[..., object]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Settings for one test, on top of those above."""
    with ExitStack() as stack:
        stack.enter_context(override_settings(**SETTINGS))
        yield lambda **settings: stack.enter_context(override_settings(**settings))


class Browser:
    """Django's own test client, sync or async, with the same few verbs."""

    def __init__(self, is_async: bool, **options: Any) -> None:
        self.client: Any = AsyncClient(**options) if is_async else Client(**options)
        self.is_async = is_async

    def get(self, address: str, **headers: str) -> Any:
        return self._done(self.client.get(address, headers=headers, secure=True))

    def post(self, address: str, body: str, **headers: str) -> Any:
        answer = self.client.post(address, body, content_type=FORM, headers={**SAME_ORIGIN, **headers}, secure=True)
        return self._done(answer)

    def choose(self, action: str = "accept-all") -> Any:
        return self.post("/_consent/choice", f"action={action}&next=/template")

    def _done(self, answer: Any) -> Any:
        return asyncio.run(answer) if self.is_async else answer


@pytest.fixture(params=["sync", "async"])
def browser(request: pytest.FixtureRequest, configure: Configure) -> Browser:
    return Browser(request.param == "async")


def cookie_names(response: Any) -> list[str]:
    return [morsel.key for morsel in response.cookies.values()]


# What visitors get


@pytest.mark.parametrize("page", ["/", "/ahome"])
def test_before_the_choice_nothing_leaves_and_nothing_is_seen(browser: Browser, page: str) -> None:
    browser.client.cookies["_ga"] = "before"
    browser.client.cookies["sessionid"] = "s"
    answer = browser.get(page)
    cookies = {"sessionid": "s"}
    assert answer.json() == {"seen": [cookies, "sessionid=s", "sessionid=s"], "analytics": False}
    assert set(cookie_names(answer)) == {"_ga"}
    assert all(morsel["max-age"] == 0 for morsel in answer.cookies.values())
    assert (answer["Vary"], answer["Cache-Control"]) == ("Cookie", "private")


@pytest.mark.parametrize("page", ["/", "/ahome"])
def test_when_every_cookie_is_hidden_there_is_no_cookie_header(browser: Browser, page: str) -> None:
    browser.client.cookies["_ga"] = "before"
    assert browser.get(page).json()["seen"] == [{}, None, None]


def test_after_the_choice_cookies_arrive_and_are_seen(browser: Browser) -> None:
    chosen = browser.choose()
    assert (chosen.status_code, chosen["Location"]) == (303, "/template")
    assert cookie_names(browser.get("/")) == ["_ga", "__Host-consent-first"]
    answer = browser.get("/").json()
    assert (answer["analytics"], answer["seen"][0]["_ga"]) == (True, "1")


def test_after_the_withdrawal_cookies_are_expired_and_hidden(browser: Browser) -> None:
    browser.choose()
    browser.get("/")
    gone = browser.choose("withdraw")
    assert gone.cookies["_ga"].value == ""
    assert gone.cookies["_ga"]["max-age"] == 0
    assert "_ga" not in browser.get("/").json()["seen"][0]


def test_cookies_that_leave_keep_the_meaning_of_their_morsels(browser: Browser) -> None:
    browser.choose()
    capped = browser.get("/").cookies["_ga"]
    assert isinstance(capped["max-age"], int)
    assert 0 < capped["max-age"] < 400 * 86400
    assert (capped.value, capped["path"], capped["httponly"]) == ("1", "/", "")


def test_a_view_may_act_for_the_visitor(browser: Browser) -> None:
    answer = browser.get("/agree")
    assert cookie_names(answer) == ["_ga", "__Host-consent", "__Host-consent-first"]
    assert answer.cookies["__Host-consent"]["httponly"] is True
    assert browser.get("/numbers").content == b"numbers"


@pytest.mark.parametrize(("page", "refused"), [("/numbers", 403), ("/anumbers", 404)])
def test_a_view_may_require_consent(browser: Browser, page: str, refused: int) -> None:
    assert browser.get(page).status_code == refused
    browser.choose()
    assert browser.get(page).content == b"numbers"


@pytest.mark.parametrize("page", ["/stream", "/astream"])
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume (a|)synchronous iterators:Warning")
def test_streams_stay_streams(browser: Browser, page: str) -> None:
    answer = browser.get(page)
    assert answer.streaming
    assert (answer.getvalue() if not answer.is_async else asyncio.run(whole(answer))) == b"ab"
    assert cookie_names(answer) == []


async def whole(response: StreamingHttpResponse) -> bytes:
    return b"".join([chunk async for chunk in response])


@pytest.mark.parametrize(("page", "status"), [("/nowhere", 404), ("/broken", 500)])
def test_error_pages_are_gated(browser: Browser, page: str, status: int) -> None:
    browser.client.raise_request_exception = False
    answer = browser.get(page)
    assert (answer.status_code, cookie_names(answer)) == (status, [])


def test_errors_still_reach_a_test_that_wants_them(browser: Browser) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        browser.get("/broken")


def test_all_kinds_of_headers_and_cookies_keep_their_places(browser: Browser) -> None:
    answer = browser.get("/many")
    assert cookie_names(answer) == ["_ga"]
    assert (answer["X-One"], answer["Vary"]) == ("1", "Accept, Cookie")
    assert answer["ETag"].startswith('"1--consent-')  # it is a page, in which a question is asked
    browser.choose()
    assert cookie_names(browser.get("/many")) == ["_ads", "_ga"]


def test_head_and_the_settings_page(browser: Browser) -> None:
    page = browser.get("/_consent/settings")
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    head = browser._done(browser.client.head("/_consent/settings", secure=True))
    assert (head.content, head["Content-Length"]) == (b"", str(len(page.content)))


def test_a_choice_beyond_the_limit_is_refused(browser: Browser) -> None:
    answer = browser.post("/_consent/choice", "action=accept-all&x=" + "x" * 20_000)
    assert (answer.status_code, cookie_names(answer)) == (413, [])


# Django's own cookies


@pytest.mark.parametrize("name", ["sessionid", "sid"])
def test_sessions_work_whatever_their_cookie_is_called(configure: Configure, browser: Browser, name: str) -> None:
    configure(MIDDLEWARE=[CONSENT, SESSION], SESSION_COOKIE_NAME=name)
    assert [browser.get("/count").content for _ in range(2)] == [b"1", b"2"]
    assert name in browser.client.cookies


@pytest.mark.parametrize(("storage", "name"), [(None, "messages"), (f"{__name__}.CustomMessages", "notices")])
def test_messages_in_a_cookie_work(configure: Configure, browser: Browser, storage: str | None, name: str) -> None:
    storage = storage or "django.contrib.messages.storage.cookie.CookieStorage"
    configure(MIDDLEWARE=[CONSENT, SESSION, MESSAGES], MESSAGE_STORAGE=storage)
    assert [browser.get("/tell").content for _ in range(2)] == [b"", b"stored"]
    assert name in browser.client.cookies


def test_a_message_storage_that_cannot_be_imported_is_djangos_to_report(configure: Configure) -> None:
    configure(MESSAGE_STORAGE="nowhere.Storage")
    assert Browser(False).get("/").status_code == 200


@pytest.mark.parametrize("name", ["csrftoken", "forgery"])
def test_forms_work_whatever_the_csrf_cookie_is_called(configure: Configure, name: str) -> None:
    configure(MIDDLEWARE=[CONSENT, CSRF], CSRF_COOKIE_NAME=name)
    client = Client(enforce_csrf_checks=True)
    token = client.get("/form").content.decode().partition('value="')[2].partition('"')[0]
    assert client.post("/form").status_code == 403
    assert client.post("/form", {"csrfmiddlewaretoken": token}).status_code == 200
    assert name in client.cookies


@pytest.mark.parametrize("name", ["django_language", "lang"])
def test_the_language_may_be_chosen(configure: Configure, browser: Browser, name: str) -> None:
    configure(LANGUAGE_COOKIE_NAME=name, USE_I18N=True)
    assert cookie_names(browser.post("/language", "language=fr")) == [name]


def test_djangos_csrf_protection_does_not_stand_before_a_choice(configure: Configure) -> None:
    configure(MIDDLEWARE=[CONSENT, SESSION, CSRF])
    chosen = Client(enforce_csrf_checks=True).post(
        "/_consent/choice", "action=accept-all", content_type=FORM, headers=SAME_ORIGIN
    )
    assert (chosen.status_code, cookie_names(chosen)) == (303, ["consent"])


# Django's own cache


@pytest.fixture
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


SITE_WIDE = [CONSENT, UPDATE_CACHE, FETCH_FROM_CACHE]
ASKED_OUTSIDE = [CONSENT, ASKING, UPDATE_CACHE, FETCH_FROM_CACHE]
ASKED_INSIDE = [CONSENT, UPDATE_CACHE, FETCH_FROM_CACHE, ASKING]


@pytest.mark.usefixtures("empty_cache")
@pytest.mark.parametrize(
    ("middleware", "page"),
    [
        *((SITE_WIDE, page) for page in ("/template", "/lazy", "/ahome", "/kept/template", "/kept/lazy")),
        *(([CONSENT], page) for page in ("/kept/template", "/kept/lazy", "/kept/ahome")),
        *((ASKED_OUTSIDE, page) for page in ("/shown", "/kept/shown")),
        *((ASKED_INSIDE, page) for page in ("/shown", "/kept/shown")),
        ([CONSENT, ASKING], "/kept/shown"),
    ],
)
def test_what_was_made_for_one_visitor_is_not_kept_for_the_next(
    configure: Configure, browser: Browser, middleware: list[str], page: str
) -> None:
    configure(MIDDLEWARE=middleware)
    browser.choose()
    anybody = Browser(browser.is_async)
    answers = [visitor.get(page).content for visitor in (browser, anybody, browser)]
    assert [b"rue" in answer for answer in answers] == [True, False, True]


@pytest.mark.usefixtures("empty_cache")
def test_a_page_that_requires_consent_is_not_kept_for_those_who_refused(configure: Configure, browser: Browser) -> None:
    configure(MIDDLEWARE=SITE_WIDE)
    browser.choose()
    assert [browser.get("/kept/numbers").status_code, Browser(False).get("/kept/numbers").status_code] == [200, 403]


@pytest.mark.usefixtures("empty_cache")
@pytest.mark.parametrize(("middleware", "page"), [(SITE_WIDE, "/instant"), ([CONSENT], "/kept/instant")])
def test_a_page_that_asks_nothing_is_still_kept(
    configure: Configure, browser: Browser, middleware: list[str], page: str
) -> None:
    configure(MIDDLEWARE=middleware)
    assert browser.get(page).content == Browser(browser.is_async).get(page).content


@pytest.mark.usefixtures("empty_cache")
@pytest.mark.parametrize("asked_on_the_way", [True, False])
@pytest.mark.parametrize("stands_down", [True, False])
def test_behind_consent_wsgi_the_cache_keeps_nothing_personal_either(
    configure: Configure, asked_on_the_way: bool, stands_down: bool
) -> None:
    configure(MIDDLEWARE=SITE_WIDE)
    django = WSGIHandler()

    def between(environ: Any, start_response: Any) -> Any:
        if asked_on_the_way:
            assert environ["consent_middleware.decision"].allows("necessary")
        return django(environ, start_response)

    necessary = necessary_cookies() if stands_down else []
    app = ConsentWSGI(between, POLICY, secret_keys=KEY, necessary=necessary)
    consent = Browser(False).choose().cookies["__Host-consent"].value
    with_consent = serve(app, "/template", HTTP_COOKIE=f"__Host-consent={consent}")[2]
    assert (b"True" in with_consent, b"True" in serve(app, "/template")[2]) == (True, False)


# Settings


def test_keys_rotate_with_djangos_own_settings(configure: Configure) -> None:
    old: dict[str, Any] = {"SECRET_KEY": "old", "SECRET_KEY_FALLBACKS": []}
    rotated = {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["old", "older"]}
    new = {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": []}

    def given_by(settings: dict[str, Any]) -> str:
        with override_settings(**settings):
            return str(Browser(False).choose().cookies["__Host-consent"].value)

    def holds(consent: str, settings: dict[str, Any]) -> bool:
        with override_settings(**settings):
            browser = Browser(False)
            browser.client.cookies["__Host-consent"] = consent
            return bool(browser.get("/").json()["analytics"])

    by_old, by_new = given_by(old), given_by(rotated)
    assert [holds(by_old, settings) for settings in (old, rotated, new)] == [True, True, False]
    assert [holds(by_new, settings) for settings in (old, rotated, new)] == [False, True, True]


def test_every_option_is_read(configure: Configure, tmp_path: Path) -> None:
    stored: list[Any] = []

    class Ledger:
        def append(self, records: Any) -> None:
            stored.extend(records)

    file = tmp_path / "consent.toml"
    file.write_text(
        '[policy]\ncontroller = "E"\ncontact = "a@example.org"\n[categories.necessary]\nrequired = true\n'
        '[categories.analytics]\n[[cookies]]\nname = "_ga"\ncategory = "analytics"\n'
    )
    configure(
        CONSENT={
            "POLICY": file,
            "SECRET_KEYS": "its own",
            "LEDGER": Ledger(),
            "PREFIX": "/privacy",
            "CLOCK": lambda: 2_000_000_000,
            "APPLIES": lambda request: request.path != "/agree",
            "NECESSARY": ["nobody"],
        }
    )
    browser = Browser(False)
    browser.post("/privacy/choice", "action=reject-all")
    assert [(record.state, record.decided_at) for record in stored] == [("refused", 2_000_000_000)]
    assert cookie_names(browser.get("/")) == ["nobody"]
    assert "_ga" in cookie_names(browser.get("/agree"))
    assert browser.get("/_consent/settings").status_code == 404


def only_elsewhere(request: Any) -> bool:
    return bool(request.path != "/agree")


def in_2033() -> float:
    return 2_000_000_000.0


def test_functions_may_be_given_by_their_dotted_paths(configure: Configure, browser: Browser) -> None:
    here = {"APPLIES": f"{__name__}.only_elsewhere", "CLOCK": f"{__name__}.in_2033"}
    configure(CONSENT={"POLICY": POLICY, **here})
    assert checks() == []
    assert cookie_names(browser.get("/")) == []
    assert "_ga" in cookie_names(browser.get("/agree"))
    assert ConsentMiddleware(home).engine.now() == 2_000_000_000


def test_one_necessary_cookie_may_stand_alone(configure: Configure, browser: Browser) -> None:
    configure(CONSENT={"POLICY": POLICY, "NECESSARY": "nobody"})
    assert cookie_names(browser.get("/")) == ["nobody"]


def test_a_ledger_stores_before_the_answer_and_its_failure_refuses_a_grant(
    configure: Configure, browser: Browser
) -> None:
    class Down:
        def append(self, records: Any) -> None:
            raise OSError("no disk")

    configure(CONSENT={"POLICY": POLICY, "LEDGER": Down()})
    refused = browser.choose()
    assert (refused.status_code, cookie_names(refused)) == (503, [])
    assert (browser.get("/agree").content, cookie_names(browser.get("/agree"))) == (b"thanks", [])


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"CONSENT": {"POLICY": {"categories": {"x": 1}}}}, PolicyError),
        ({"CONSENT": {"PREFIX": "privacy"}}, ConfigurationError),
        ({"CONSENT": {"LEDGER": "nowhere"}}, ConfigurationError),
        ({"CONSENT": {"POLICIES": 1}}, ImproperlyConfigured),
        ({"CONSENT": []}, ImproperlyConfigured),
        ({"SECRET_KEY": ""}, ImproperlyConfigured),
    ],
)
def test_what_is_wrong_is_raised_when_the_application_starts(
    configure: Configure, settings: dict[str, Any], error: type[Exception]
) -> None:
    configure(**settings)
    with pytest.raises(error):
        ConsentMiddleware(home)


# System checks


def checks() -> list[Any]:
    return run_checks(tags=["consent"])


def test_a_sound_set_up_has_nothing_to_report(configure: Configure) -> None:
    assert checks() == []


@pytest.mark.parametrize(
    ("settings", "ids"),
    [
        ({"MIDDLEWARE": [SESSION, CONSENT]}, ["consent.W001"]),
        ({"MIDDLEWARE": [SESSION, "consent_django.middleware.ConsentMiddleware"]}, ["consent.W001"]),
        ({"MIDDLEWARE": [SESSION]}, ["consent.W002"]),
        ({"CONSENT": {"POLICY": {"categories": {"a b": {}}, "cookis": []}}}, ["consent.E001"]),
        ({"SECRET_KEY": ""}, ["consent.E002"]),
        ({"CONSENT": {"SECRET_KEYS": ["one", ""]}}, ["consent.E003"]),
        ({"CONSENT": {"PREFIX": "privacy"}}, ["consent.E003"]),
        ({"CONSENT": {"LEDGER": "nowhere"}}, ["consent.E003"]),
        ({"CONSENT": {"POLICY": 5}}, ["consent.E003"]),
        ({"CONSENT": {"SECRET_KEYS": 5}}, ["consent.E003"]),
        ({"CONSENT": {"SECRET_KEYS": [5]}}, ["consent.E003"]),
        ({"CONSENT": {"SECRET_KEYS": ""}}, ["consent.E003"]),
        ({"CONSENT": {"PREFIX": 5}}, ["consent.E003"]),
        ({"CONSENT": {"CLOCK": 5}}, ["consent.E003"]),
        ({"CONSENT": {"CLOCK": "time.tme"}}, ["consent.E003"]),
        ({"CONSENT": {"APPLIES": "mysite.x"}}, ["consent.E003"]),
        ({"CONSENT": {"APPLIES": "everywhere"}}, ["consent.E003"]),
        ({"CONSENT": {"APPLIES": f"{__name__}.POLICY"}}, ["consent.E003"]),
        ({"CONSENT": {"NECESSARY": 5}}, ["consent.E003"]),
        ({"CONSENT": {"NECESSARY": [1]}}, ["consent.E003"]),
        ({"CONSENT": {"POLICY": "/nowhere/consent.toml"}}, ["consent.E004"]),
        ({"CONSENT": {"POLICIES": "consent.toml"}}, ["consent.E005"]),
        ({"CONSENT": "consent.toml"}, ["consent.E005"]),
    ],
)
def test_each_mistake_in_the_set_up_has_its_id(configure: Configure, settings: dict[str, Any], ids: list[str]) -> None:
    configure(**settings)
    assert sorted({message.id for message in checks()}) == ids


def test_every_mistake_of_a_policy_is_reported_with_its_place(configure: Configure) -> None:
    cookies = [{"name": "a", "category": "statistcs"}, {"name": "b", "category": "analytics", "lifetime": "long"}]
    configure(CONSENT={"POLICY": {**POLICY, "cookies": cookies}})
    texts = [message.msg for message in checks()]
    assert len(texts) == 2
    assert "cookies[0].category" in texts[0]
    assert "cookies[1].lifetime" in texts[1]


def test_the_remedy_of_a_mistake_is_its_hint_and_is_said_once(configure: Configure) -> None:
    configure(CONSENT={"POLICY": {**POLICY, "cookies": [{"name": "a", "category": "anlytics"}]}})
    [error] = checks()
    assert "analytics" in error.hint
    assert error.hint not in error.msg
    assert "anlytics" in error.msg


def test_what_stands_outside_is_named(configure: Configure) -> None:
    configure(MIDDLEWARE=[SESSION, CONSENT])
    [warning] = checks()
    assert SESSION in warning.msg
    assert "top of MIDDLEWARE" in warning.hint


# Templates


def test_templates_ask_the_decision(browser: Browser) -> None:
    assert browser.get("/template").content == b"False  /_consent/settings"
    browser.choose()
    assert browser.get("/template").content == b"True yes /_consent/settings"


def test_the_filter_takes_a_request_or_its_decision(configure: Configure) -> None:
    request: Any = RequestFactory().get("/")
    ConsentMiddleware(lambda request: HttpResponse())(request)
    shown = Template('{% load consent %}{{ it|allows:"analytics" }}')
    assert [shown.render(Context({"it": it})) for it in (request, request.consent)] == ["False", "False"]


# On the wire


def serve(app: Any, page: str = "/", **more: Any) -> tuple[str, list[str], bytes]:
    """Return status, Set-Cookie lines and body as a WSGI server gets them."""
    environ = {**create_environ(page, "https://shop.example.org/"), **more}
    body, status, headers = run_wsgi_app(app, environ, buffered=True)
    return status, [value.strip() for name, value in headers if name.lower() == "set-cookie"], b"".join(body)


def test_a_cookie_is_expired_on_every_domain_though_the_jar_has_one_place_for_it(configure: Configure) -> None:
    _, lines, _ = serve(WSGIHandler(), "/count", HTTP_COOKIE="_ads=1")
    domains = [line.partition("Domain=")[2].partition(";")[0] for line in lines if line.startswith("_ads=;")]
    assert domains == ["", "shop.example.org", "example.org"]


def test_the_handler_passes_the_standard_validator(configure: Configure) -> None:
    status, lines, _ = serve(validator(WSGIHandler()), "/", HTTP_COOKIE="_ads=1")
    assert (status, len(lines)) == ("200 OK", 3)


def test_several_cookie_fields_do_not_run_into_one_another(configure: Configure) -> None:
    """Django's ASGI handler joins them with a comma, which makes one cookie of two."""

    async def ask() -> list[Any]:
        fields = [("host", "testserver"), ("cookie", "sessionid=s"), ("cookie", "_ga=1"), ("cookie", "csrftoken=c")]
        waiting = [{"type": "http.request", "body": b"", "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            if waiting:
                return waiting.pop()
            return await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await ASGIHandler()(asgi_scope("/", "GET", "https", fields), receive, send)
        return sent

    body = asyncio.run(ask())[1]["body"]
    assert b'[{"sessionid": "s", "csrftoken": "c"}, "sessionid=s; csrftoken=c", "sessionid=s; csrftoken=c"]' in body


def test_a_host_that_is_not_allowed_is_djangos_to_refuse(configure: Configure, browser: Browser) -> None:
    browser.client.cookies["_ads"] = "1"
    answer = browser.get("/host", Host="evil.example")
    assert answer.status_code == 400
    assert all("domain" not in line.lower() for line in map(str, answer.cookies.values()))
    chosen = browser.client.post(
        "/_consent/choice",
        "action=accept-all",
        content_type=FORM,
        headers={"Host": "evil.example", "Origin": "http://evil.example"},
    )
    assert browser._done(chosen).status_code == 403


def test_a_script_name_is_part_of_our_addresses(configure: Configure) -> None:
    _, _, body = serve(WSGIHandler(), "/template", SCRIPT_NAME="/caf\xc3\xa9")
    assert body == b"False  /caf%C3%A9/_consent/settings"


def test_a_chunked_choice_is_read_where_the_server_marks_its_end(configure: Configure) -> None:
    choice = create_environ("/_consent/choice", "https://shop.example.org/", method="POST", data=b"action=accept-all")
    del choice["CONTENT_LENGTH"]
    more = {"CONTENT_TYPE": FORM, "HTTP_SEC_FETCH_SITE": "same-origin", "wsgi.input_terminated": True}
    status, lines, _ = serve(WSGIHandler(), **{**choice, **more})
    assert (status, len(lines)) == ("303 See Other", 1)


# Mounted more than once


def test_behind_consent_wsgi_with_the_same_policy_it_stands_down(configure: Configure) -> None:
    app = ConsentWSGI(WSGIHandler(), POLICY, secret_keys=KEY, necessary=necessary_cookies())
    _, lines, _ = serve(app, "/agree", HTTP_COOKIE="_ads=1; sessionid=s")
    assert [line.partition("=")[0] for line in lines].count("__Host-consent") == 1
    assert lines[0].startswith("_ga=1")


def test_behind_consent_wsgi_with_another_policy_both_are_enforced(configure: Configure) -> None:
    outer = {**POLICY, "cookies": [{"name": "nobody", "category": "necessary"}]}
    _, lines, body = serve(ConsentWSGI(WSGIHandler(), outer, secret_keys=KEY), "/", HTTP_COOKIE="_ga=1; nobody=1")
    assert (lines, b'"seen": [{}, null, null]' in body) == ([], True)


def test_twice_in_the_middleware_is_once(configure: Configure, browser: Browser) -> None:
    configure(MIDDLEWARE=[CONSENT, CONSENT])
    assert cookie_names(browser.get("/agree")) == ["_ga", "__Host-consent", "__Host-consent-first"]


# Lines


def test_a_decided_line_is_a_morsel_that_can_be_read_and_copied() -> None:
    line = "_ga=a=b; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Max-Age=x; X-Other=1"
    morsel = SentLine(line)
    assert (morsel.key, morsel.value, morsel.coded_value) == ("_ga", "a=b", "a=b")
    assert (morsel["path"], morsel["httponly"], morsel["samesite"]) == ("/", True, "Lax")
    for twin in (morsel, copy.deepcopy(morsel), copy.copy(morsel)):
        assert twin.OutputString() == line
        assert twin.output(header="Set-Cookie:") == f"Set-Cookie: {line}"
