"""A page whose scripts break one promise for each kind of finding that only a browser can lead to."""

from __future__ import annotations

from typing import Any

from support.third_parties import DOT, Reply

SCRIPTS = {
    "A401": "document.cookie = '_ga=1; path=/; max-age=60'",
    "A402": "document.cookie = 'choice=1; path=/; max-age=34500000'",
    "A403": "document.cookie = 'nobody=1; path=/'",
    "A404": "localStorage.setItem('twk_token', '1')",
    "A405": "sessionStorage.setItem('own', '1')",
    "A406": "new Image().src = 'https://www.google-' + 'analytics.com/g/collect?v=2'",
    "A407": "new Image().src = 'https://pictures' + '.example/x.png?visitor=1'",
    "A408": "new Image().src = 'https://pictures' + '.example/cookie.png'",
}
"""A script for each kind. Hosts are put together there, so that no reader of the page sees what a browser sees."""

SUBJECTS = {
    "A401": "_ga",
    "A402": "choice",
    "A403": "nobody",
    "A404": "twk_token",
    "A405": "own",
    "A406": "google-analytics",
    "A407": "pictures.example",
    "A408": "pictures.example",
}
"""What each of them is about."""

POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {
        "necessary": {"required": True},
        "analytics": {"services": ["google-analytics"]},
        "chat": {"services": ["tawk-to"]},
    },
    "cookies": [{"name": "choice", "category": "necessary", "lifetime": "session"}],
}
REPLIES = {
    "pictures.example/cookie": Reply(
        "image/gif", DOT, ("id=1; Domain=pictures.example; Path=/; Max-Age=60; Secure; SameSite=None",)
    )
}
"""What the third parties answer."""


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The page, with nobody in front of it."""
    found = environ["PATH_INFO"] == "/"
    start_response(
        "200 OK" if found else "404 Not Found", [("Content-Type", "text/html"), ("Cache-Control", "no-store")]
    )
    scripts = "".join(f"<script>{script}</script>" for script in SCRIPTS.values())
    return [f"<!doctype html><title>Leaky</title>{scripts}".encode() if found else b""]
