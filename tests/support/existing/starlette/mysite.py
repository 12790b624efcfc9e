"""A site in Starlette that nobody has given a cookie policy yet: ``mysite:app``."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

PAGE = """<!doctype html><html lang=en><head><meta charset=utf-8><title>My site</title>
<script async src="https://www.googletagmanager.com/gtag/js?id=G-0000000000"></script>
<script src="https://counter.example.net/count.js"></script></head>
<body><h1>My site</h1><nav><a href="/">Home</a> <a href="/about">About</a></nav></body></html>"""


async def page(request: Request) -> HTMLResponse:
    request.session["seen"] = True
    response = HTMLResponse(PAGE)
    response.set_cookie("theme", "dark", max_age=30 * 86400)
    response.set_cookie("visitor_id", "8f3a", max_age=2 * 365 * 86400, httponly=True)
    return response


app = Starlette(
    routes=[Route("/", page), Route("/about", page)],
    middleware=[Middleware(SessionMiddleware, secret_key="a key of this site")],
)
