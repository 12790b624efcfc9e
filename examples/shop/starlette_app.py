"""The shop in Starlette. ``app`` is the ASGI application (``uvicorn shop.starlette_app:app`` in the folder above)."""

from __future__ import annotations

from os import PathLike, stat_result
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import Scope

from consent_starlette import ConsentMiddleware

from . import catalogue, store

templates = Jinja2Templates(store.TEMPLATES)


async def index(request: Request) -> Response:
    return page(request, "index.html", products=catalogue.PRODUCTS.values())


async def product(request: Request) -> Response:
    wanted = catalogue.PRODUCTS.get(request.path_params["slug"])
    if wanted is None:
        raise HTTPException(404)
    return page(request, "product.html", product=wanted)


async def basket(request: Request) -> Response:
    return page(request, "basket.html")


async def change_basket(request: Request) -> Response:
    store.change_basket(request.session, await own_form(request))
    return RedirectResponse("/basket", 303)


async def login(request: Request) -> Response:
    return page(request, "login.html", next=request.query_params.get("next", ""))


async def log_in(request: Request) -> Response:
    form = await own_form(request)
    if store.log_in(request.session, form):
        return RedirectResponse(store.local_path(form.get("next"), "/account"), 303)
    return page(request, "login.html", 400, failed=True, next=form.get("next", ""))


async def log_out(request: Request) -> Response:
    await own_form(request)
    request.session.clear()
    return RedirectResponse("/", 303)


async def account(request: Request) -> Response:
    if "customer" not in request.session:
        return RedirectResponse("/login?next=/account", 303)
    return page(request, "account.html", orders=store.orders_of(request.session))


async def language(request: Request) -> Response:
    code = request.path_params["code"]
    if code not in catalogue.LANGUAGES:
        raise HTTPException(404)
    request.session["language"] = code
    response = RedirectResponse(store.local_path(request.query_params.get("next")), 303)
    response.set_cookie(**store.LANGUAGE.set_to(code))
    return response


async def stock(request: Request) -> Response:
    answer = store.stock_of(request.path_params["slug"])
    return JSONResponse(answer) if answer else JSONResponse({"error": "no such product"}, 404)


async def orders(request: Request) -> Response:
    return StreamingResponse(catalogue.orders_csv(), media_type="text/csv")


async def error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return page(request, "error.html", error.status_code, status=error.status_code)


async def own_form(request: Request) -> dict[str, str]:
    """Return the form that was sent, once it is clear that no other site sent it."""
    async with request.form() as sent:
        form = {name: value for name, value in sent.items() if isinstance(value, str)}
    if not store.has_form_token(request.session, form):
        raise HTTPException(403)
    return form


def page(request: Request, template: str, status_code: int = 200, **context: Any) -> Response:
    """Render a page of the shop and set the cookies that every page sets."""
    visit = store.Visit(
        path=request.url.path, query=request.query_params, cookies=request.cookies, session=request.session
    )
    context = {**visit.context(), "consent": request.state.consent, **context}
    response = templates.TemplateResponse(request, template, context, status_code)
    for cookie in visit.page_cookies():
        response.set_cookie(**cookie)
    return response


class CacheableFiles(StaticFiles):
    """Static files that browsers and shared caches may keep."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = f"public, max-age={store.STATIC_MAX_AGE}"
        return response


app = Starlette(
    routes=[
        Route("/", index),
        Route("/product/{slug}", product),
        Route("/basket", basket, methods=["GET"]),
        Route("/basket", change_basket, methods=["POST"]),
        Route("/login", login, methods=["GET"]),
        Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
        Route("/account", account),
        Route("/language/{code}", language),
        Route("/api/stock/{slug}", stock),
        Route("/orders.csv", orders),
        Mount("/static", CacheableFiles(directory=store.STATIC)),
    ],
    middleware=[
        # First, and so outermost: it also sees the session cookie.
        Middleware(ConsentMiddleware, policy=store.POLICY, secret_keys=store.SECRET_KEY, ledger=store.LEDGER),
        Middleware(
            SessionMiddleware,
            secret_key=store.SECRET_KEY,
            session_cookie=store.SESSION_COOKIE,
            max_age=None,  # until the browser closes
            https_only=store.HTTPS,
        ),
    ],
    exception_handlers={403: error, 404: error},
)
