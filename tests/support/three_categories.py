"""A policy as small as most tests need it: three categories with a cookie each, and no banner."""

from __future__ import annotations

from typing import Any

KEY = "a key for tests, long enough to be one"
POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
    "banner": {"show": False},
    "categories": {"necessary": {"required": True}, "analytics": {}, "marketing": {}},
    "cookies": [
        {"name": "session", "category": "necessary"},
        {"name": "_ga", "category": "analytics"},
        {"name": "_ads", "category": "marketing"},
    ],
}
