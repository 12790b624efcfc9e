"""Its two pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import path

PAGE = """<!doctype html><html lang=en><head><meta charset=utf-8><title>My site</title>
<script async src="https://www.googletagmanager.com/gtag/js?id=G-0000000000"></script>
<script src="https://counter.example.net/count.js"></script></head>
<body><h1>My site</h1><nav><a href="/">Home</a> <a href="/about">About</a></nav></body></html>"""


def page(request: HttpRequest) -> HttpResponse:
    get_token(request)
    request.session["seen"] = True
    response = HttpResponse(PAGE)
    response.set_cookie("theme", "dark", max_age=30 * 86400, samesite="Lax")
    response.set_cookie("visitor_id", "8f3a", max_age=2 * 365 * 86400, httponly=True, samesite="Lax")
    return response


urlpatterns = [path("", page), path("about", page)]
