"""A made-up visitor's cookies, and how each test client takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from ..engine import Engine
from ..visitors import cookies_of

Client = TypeVar("Client")


class ConsentCookies(dict[str, str]):
    """The cookies of one visitor by name, both the one for https and the one for plain http."""

    @classmethod
    def of(cls, engine: Engine, chosen: str | Sequence[str]) -> ConsentCookies:
        """Return the cookies of somebody who has chosen so. Raises ValueError for an unknown category."""
        return cls(cookies_of(engine, chosen))

    @property
    def header(self) -> str:
        """The Cookie header that holds them."""
        return "; ".join(f"{name}={value}" for name, value in self.items())

    def into(self, client: Client) -> Client:
        """Put them into a test client of Flask (Werkzeug), Django, Starlette, FastAPI or httpx, and return it.

        Raises TypeError for anything else.
        """
        put = _slot(client)
        for name, value in self.items():
            put(name, value)
        return client


def _slot(client: Any) -> Any:
    if callable(set_cookie := getattr(client, "set_cookie", None)):
        return set_cookie
    cookies = getattr(client, "cookies", None)
    if callable(put := getattr(cookies, "set", None)):
        return put
    if callable(put := getattr(cookies, "__setitem__", None)):
        return put
    raise TypeError(f"{type(client).__name__} has no cookies that could be set; send .header as its Cookie header")
