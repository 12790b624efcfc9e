"""Records for tests of the ledger."""

from __future__ import annotations

import secrets
from typing import Any

from consent_middleware import Record
from support.site import NOON

KEY = "a key for ledgers"
MONTHS_6 = 181 * 86400


def record(**given: Any) -> Record:
    """A grant at noon, by somebody new, unless told otherwise."""
    fields: dict[str, Any] = {
        "record_id": secrets.token_hex(16),
        "subject": secrets.token_urlsafe(16),
        "previous": None,
        "state": "given",
        "choices": {"analytics": True, "marketing": True},
        "decided_at": NOON,
        "expires_at": given.get("decided_at", NOON) + MONTHS_6,
        "mechanism": "accept-all",
        "source": "visitor",
        "policy_version": "2026-11-21",
        "fingerprint": "AbCdEfGhIjKl",
        "ui_hash": "",
        "language": "en",
        "host": "shop.example.org",
        "gpc": False,
        "middleware_version": "0.1.0",
    }
    return Record(**fields | given)


def refusal(**given: Any) -> Record:
    return record(
        **{"state": "refused", "choices": {"analytics": False, "marketing": False}, "mechanism": "reject-all"} | given
    )
