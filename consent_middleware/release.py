"""Which release of this package is running."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str:
    """Return the version of the installed distribution, "" where the code runs without being installed."""
    try:
        return version("consent-middleware")
    except PackageNotFoundError:
        return ""
