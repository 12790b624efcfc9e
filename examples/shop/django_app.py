"""The shop in Django, in one file. ``application`` is for WSGI servers, ``asgi`` for ASGI servers.

A project made with ``startproject`` has the same parts in several files: the settings below in ``settings.py``, the
addresses in ``urls.py``, the pages in ``views.py``.
"""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.middleware.csrf import get_token, rotate_token
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from . import catalogue, store

INSTALLED_APPS = ["consent_django"]
MIDDLEWARE = [
    "consent_django.ConsentMiddleware",  # first, so that it also sees the session cookie
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
SETTINGS: dict[str, Any] = {
    "SECRET_KEY": store.SECRET_KEY,
    "ALLOWED_HOSTS": ["*"],  # a demonstration has no name of its own; a real shop lists its host names
    "ROOT_URLCONF": __name__,
    "INSTALLED_APPS": INSTALLED_APPS,
    "MIDDLEWARE": MIDDLEWARE,
    "CONSENT": {"POLICY": store.POLICY, "LEDGER": store.LEDGER},
    "TEMPLATES": [{"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [store.TEMPLATES]}],
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",  # no database
    "SESSION_COOKIE_NAME": store.SESSION_COOKIE,
    "SESSION_COOKIE_SECURE": store.HTTPS,
    "SESSION_EXPIRE_AT_BROWSER_CLOSE": True,
    "CSRF_USE_SESSIONS": True,  # the token lives in the session, as in the other shops, not in a csrftoken cookie
    "CSRF_FAILURE_VIEW": f"{__name__}.forbidden",
    "APPEND_SLASH": False,
    "USE_TZ": True,
}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return page(request, "index.html", products=catalogue.PRODUCTS.values())


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in catalogue.PRODUCTS:
        raise Http404
    return page(request, "product.html", product=catalogue.PRODUCTS[slug])


def basket(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        store.change_basket(request.session, request.POST)
        return HttpResponseRedirect("/basket", status=303)
    return page(request, "basket.html")


def login(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return page(request, "login.html", next=request.GET.get("next", ""))
    if store.log_in(request.session, request.POST):
        rotate_token(request)
        return HttpResponseRedirect(store.local_path(request.POST.get("next"), "/account"), status=303)
    return page(request, "login.html", 400, failed=True, next=request.POST.get("next", ""))


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return HttpResponseRedirect("/", status=303)


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    if "customer" not in request.session:
        return HttpResponseRedirect("/login?next=/account", status=303)
    return page(request, "account.html", orders=store.orders_of(request.session))


@require_safe
def language(request: HttpRequest, code: str) -> HttpResponse:
    if code not in catalogue.LANGUAGES:
        raise Http404
    request.session["language"] = code
    response = HttpResponseRedirect(store.local_path(request.GET.get("next")), status=303)
    response.set_cookie(**store.LANGUAGE.set_to(code))
    return response


@require_safe
def stock(request: HttpRequest, slug: str) -> HttpResponse:
    answer = store.stock_of(slug)
    return JsonResponse(answer) if answer else JsonResponse({"error": "no such product"}, status=404)


@require_safe
def orders(request: HttpRequest) -> HttpResponseBase:
    # Django streams synchronous iterators under WSGI and asynchronous ones under ASGI, and collects the others first.
    lines = _orders_csv() if isinstance(request, ASGIRequest) else catalogue.orders_csv()
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")


async def _orders_csv() -> AsyncIterator[str]:
    for line in catalogue.orders_csv():
        yield line


@require_safe
@cache_control(public=True, max_age=store.STATIC_MAX_AGE)
def static(request: HttpRequest, name: str) -> HttpResponse:
    file = next((file for file in store.STATIC.iterdir() if file.name == name), None)
    if file is None:
        raise Http404
    return HttpResponse(file.read_bytes(), content_type=mimetypes.guess_type(name)[0])


def forbidden(request: HttpRequest, reason: str = "") -> HttpResponse:
    return page(request, "error.html", 403, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, "error.html", 404, status=404)


def page(request: HttpRequest, template: str, status_code: int = 200, **context: Any) -> HttpResponse:
    """Render a page of the shop and set the cookies that every page sets."""
    visit = store.Visit(path=request.path, query=request.GET, cookies=request.COOKIES, session=request.session)
    own = {"form_token": partial(get_token, request), "consent": cast("Any", request).consent}
    response = render(request, template, {**visit.context(), **own, **context}, status=status_code)
    for cookie in visit.page_cookies():
        response.set_cookie(**cookie)
    return response


urlpatterns = [
    path("", index),
    path("product/<str:slug>", product),
    path("basket", basket),
    path("login", login),
    path("logout", logout),
    path("account", account),
    path("language/<str:code>", language),
    path("api/stock/<str:slug>", stock),
    path("orders.csv", orders),
    path("static/<str:name>", static),
]
handler404 = not_found

if not settings.configured:
    settings.configure(**SETTINGS)
application = get_wsgi_application()
asgi = get_asgi_application()
