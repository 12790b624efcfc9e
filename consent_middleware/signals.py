"""What the browser says on the visitor's behalf in every request."""

from __future__ import annotations

import json
from datetime import date

from .http import Request

GPC_PATH = "/.well-known/gpc.json"
"""Where a site says that it abides by the signal (W3C Global Privacy Control, "GPC Support Resource")."""


def refuses_by_gpc(request: Request) -> bool:
    """Whether the request carries Global Privacy Control.

    Only the exact value ``1`` counts; of several fields, joined by commas on their way here, any one is enough
    (W3C Global Privacy Control, "The Sec-GPC header field").
    """
    return _says_one(request, "sec-gpc")


def refuses_by_dnt(request: Request) -> bool:
    """Whether the request carries Do Not Track, the abandoned forerunner, which is read in the same way."""
    return _says_one(request, "dnt")


def support_resource(last_update: date | None) -> bytes:
    """Return the resource at ``GPC_PATH``; the day, if there is one, is that of the policy which says so."""
    day = {} if last_update is None else {"lastUpdate": last_update.isoformat()}
    return json.dumps({"gpc": True, **day}).encode()


def _says_one(request: Request, name: str) -> bool:
    value = request.header(name)
    return value is not None and "1" in (part.strip(" \t") for part in value.split(","))
