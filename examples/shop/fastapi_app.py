"""The shop in FastAPI. ``app`` is the ASGI application (``fastapi run shop/fastapi_app.py`` in the folder above)."""

from __future__ import annotations

from os import PathLike, stat_result
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.types import Scope

from consent_starlette import ConsentMiddleware

from . import catalogue, store

app = FastAPI(title="Encre & Fil")
app.add_middleware(
    SessionMiddleware,
    secret_key=store.SECRET_KEY,
    session_cookie=store.SESSION_COOKIE,
    max_age=None,  # until the browser closes
    https_only=store.HTTPS,
)
# What is added last is outermost, so it also sees the session cookie.
app.add_middleware(ConsentMiddleware, policy=store.POLICY, secret_keys=store.SECRET_KEY, ledger=store.LEDGER)

templates = Jinja2Templates(store.TEMPLATES)


class CacheableFiles(StaticFiles):
    """Static files that browsers and shared caches may keep."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = f"public, max-age={store.STATIC_MAX_AGE}"
        return response


app.mount("/static", CacheableFiles(directory=store.STATIC))


async def own_form(request: Request) -> dict[str, str]:
    """Return the form that was sent, once it is clear that no other site sent it."""
    async with request.form() as sent:
        form = {name: value for name, value in sent.items() if isinstance(value, str)}
    if not store.has_form_token(request.session, form):
        raise HTTPException(403)
    return form


OwnForm = Annotated[dict[str, str], Depends(own_form)]


@app.get("/")
def index(request: Request) -> Response:
    return page(request, "index.html", products=catalogue.PRODUCTS.values())


@app.get("/product/{slug}")
def product(request: Request, slug: str) -> Response:
    if slug not in catalogue.PRODUCTS:
        raise HTTPException(404)
    return page(request, "product.html", product=catalogue.PRODUCTS[slug])


@app.get("/basket")
def basket(request: Request) -> Response:
    return page(request, "basket.html")


@app.post("/basket")
def change_basket(request: Request, form: OwnForm) -> Response:
    store.change_basket(request.session, form)
    return RedirectResponse("/basket", 303)


@app.get("/login")
def login(request: Request, next: str = "") -> Response:
    return page(request, "login.html", next=next)


@app.post("/login")
def log_in(request: Request, form: OwnForm) -> Response:
    if store.log_in(request.session, form):
        return RedirectResponse(store.local_path(form.get("next"), "/account"), 303)
    return page(request, "login.html", 400, failed=True, next=form.get("next", ""))


@app.post("/logout")
def log_out(request: Request, form: OwnForm) -> Response:
    request.session.clear()
    return RedirectResponse("/", 303)


@app.get("/account")
def account(request: Request) -> Response:
    if "customer" not in request.session:
        return RedirectResponse("/login?next=/account", 303)
    return page(request, "account.html", orders=store.orders_of(request.session))


@app.get("/language/{code}")
def language(request: Request, code: str, next: str | None = None) -> Response:
    if code not in catalogue.LANGUAGES:
        raise HTTPException(404)
    request.session["language"] = code
    response = RedirectResponse(store.local_path(next), 303)
    response.set_cookie(**store.LANGUAGE.set_to(code))
    return response


@app.get("/api/stock/{slug}")
def stock(slug: str) -> Response:
    answer = store.stock_of(slug)
    return JSONResponse(answer) if answer else JSONResponse({"error": "no such product"}, 404)


@app.get("/orders.csv")
def orders() -> Response:
    return StreamingResponse(catalogue.orders_csv(), media_type="text/csv")


@app.exception_handler(403)
@app.exception_handler(404)
def error(request: Request, error: AnyHTTPException) -> Response:
    return page(request, "error.html", error.status_code, status=error.status_code)


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
