"""The shop in Flask. ``app`` is the WSGI application (``flask --app shop.flask_app run`` in the folder above)."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, jsonify, make_response, redirect, render_template, request, session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from consent_flask import Consent

from . import catalogue, store

app = Flask(__name__, template_folder=str(store.TEMPLATES), static_folder=str(store.STATIC))
app.config.update(
    SECRET_KEY=store.SECRET_KEY,
    SESSION_COOKIE_NAME=store.SESSION_COOKIE,
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_COOKIE_SECURE=store.HTTPS,
    SEND_FILE_MAX_AGE_DEFAULT=store.STATIC_MAX_AGE,
    CONSENT_POLICY=store.POLICY,
    CONSENT_LEDGER=store.LEDGER,
)
Consent(app)


@app.before_request
def refuse_forms_of_other_sites() -> None:
    if request.method == "POST" and not store.has_form_token(session, request.form):
        abort(403)


@app.get("/")
def index() -> Response:
    return page("index.html", products=catalogue.PRODUCTS.values())


@app.get("/product/<slug>")
def product(slug: str) -> Response:
    return page("product.html", product=catalogue.PRODUCTS.get(slug) or abort(404))


@app.get("/basket")
def basket() -> Response:
    return page("basket.html")


@app.post("/basket")
def change_basket() -> AnyResponse:
    store.change_basket(session, request.form)
    return redirect("/basket", 303)


@app.get("/login")
def login() -> Response:
    return page("login.html", next=request.args.get("next", ""))


@app.post("/login")
def log_in() -> AnyResponse:
    if store.log_in(session, request.form):
        return redirect(store.local_path(request.form.get("next"), "/account"), 303)
    return page("login.html", 400, failed=True, next=request.form.get("next", ""))


@app.post("/logout")
def log_out() -> AnyResponse:
    session.clear()
    return redirect("/", 303)


@app.get("/account")
def account() -> AnyResponse:
    if "customer" not in session:
        return redirect("/login?next=/account", 303)
    return page("account.html", orders=store.orders_of(session))


@app.get("/language/<code>")
def language(code: str) -> AnyResponse:
    if code not in catalogue.LANGUAGES:
        abort(404)
    session["language"] = code
    response = redirect(store.local_path(request.args.get("next")), 303)
    response.set_cookie(**store.LANGUAGE.set_to(code))
    return response


@app.get("/api/stock/<slug>")
def stock(slug: str) -> tuple[Response, int]:
    answer = store.stock_of(slug)
    return (jsonify(answer), 200) if answer else (jsonify(error="no such product"), 404)


@app.get("/orders.csv")
def orders() -> Response:
    return Response(catalogue.orders_csv(), mimetype="text/csv")


@app.errorhandler(403)
@app.errorhandler(404)
def error(error: HTTPException) -> Response:
    status = error.code or 500
    return page("error.html", status, status=status)


def page(template: str, status_code: int = 200, **context: Any) -> Response:
    """Render a page of the shop and set the cookies that every page sets."""
    visit = store.Visit(path=request.path, query=request.args, cookies=request.cookies, session=session)
    response = make_response(render_template(template, **visit.context(), **context), status_code)
    for cookie in visit.page_cookies():
        response.set_cookie(**cookie)
    return response
