"""What the browser says on the visitor's behalf in every request."""

from __future__ import annotations

from .http import Request


def refuses_by_gpc(request: Request) -> bool:
    """Whether the request carries Global Privacy Control.

    Only the exact value ``1`` counts; of several fields, joined by commas on their way here, any one is enough
    (W3C Global Privacy Control, "The Sec-GPC header field").
    """
    value = request.header("sec-gpc")
    return value is not None and "1" in (part.strip(" \t") for part in value.split(","))
