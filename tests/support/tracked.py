"""A policy with a tracker, pages that carry it, and what they look like without consent."""

from __future__ import annotations

from typing import Any

KEY = "a key for tests, long enough to be one"

POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "banner": {"show": False},
    "categories": {"necessary": {"required": True}, "analytics": {}},
    "services": [
        {
            "id": "own-stats",
            "name": "Own statistics",
            "provider": "Example SARL",
            "category": "analytics",
            "scripts": ["stats.example.net/"],
        }
    ],
}

TRACKER = b'<script src="https://stats.example.net/a.js"></script>'
INERT = (
    b"<script type=text/plain data-consent-category=analytics "
    b' data-consent-src="https://stats.example.net/a.js"></script>'
)
PAGE = b"<!doctype html><title>Shop</title><p>before</p>" + TRACKER + b"<p>after</p>"
GATED = PAGE.replace(TRACKER, INERT)
