"""A site in Flask that nobody has given a cookie policy yet: ``mysite:app``."""

from __future__ import annotations

from flask import Flask, Response, make_response, session

PAGE = """<!doctype html><html lang=en><head><meta charset=utf-8><title>My site</title>
<script async src="https://www.googletagmanager.com/gtag/js?id=G-0000000000"></script>
<script src="https://counter.example.net/count.js"></script></head>
<body><h1>My site</h1><nav><a href="/">Home</a> <a href="/about">About</a></nav></body></html>"""

app = Flask(__name__)
app.config.update(SECRET_KEY="a key of this site", SESSION_COOKIE_SAMESITE="Lax")


@app.get("/")
@app.get("/about")
def page() -> Response:
    session["seen"] = True
    response = make_response(PAGE)
    response.set_cookie("theme", "dark", max_age=30 * 86400, samesite="Lax")
    response.set_cookie("visitor_id", "8f3a", max_age=2 * 365 * 86400, httponly=True, samesite="Lax")
    return response
