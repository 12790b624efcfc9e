"""One request and one reply, as far as consent is concerned; the shells fill them, nothing here does I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

Headers = list[tuple[str, str]]
"""Header fields in order, repeated ones included; one character is one octet, as in WSGI native strings."""


class Request(Protocol):
    """What ``applies`` and the exchange may ask of a request, the same behind WSGI, ASGI and Django."""

    @property
    def method(self) -> str: ...
    @property
    def scheme(self) -> str:
        """``"https"`` or ``"http"``, as the server saw it; behind a proxy, as its forwarded headers were applied."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether whoever is connected is on this very machine; a proxy in front of a site may be, too."""
        ...

    @property
    def host(self) -> str:
        """The Host header as sent, port included, ``""`` when there is none."""
        ...

    @property
    def root(self) -> str:
        """The path at which the application is mounted, without a trailing slash; ``""`` at the root."""
        ...

    @property
    def path(self) -> str:
        """The decoded path below ``root``."""
        ...

    @property
    def target(self) -> str:
        """The address below the host as a link would write it: ``root``, path and query, percent-encoded."""
        ...

    @property
    def cookies(self) -> Sequence[str]:
        """The Cookie header fields, as sent; HTTP/2 allows several."""
        ...

    def header(self, name: str) -> str | None:
        """The value of a header by its lower-case name, several fields joined by ``", "``; None when absent."""
        ...


def is_loopback(address: str) -> bool:
    """Whether an IP address can only be that of this machine."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def is_secure(scheme: str) -> bool:
    """Whether a request of this scheme came through TLS, a WebSocket's handshake included."""
    return scheme in ("https", "wss")


def mounted_at(place: str, encoding: str = "utf-8") -> str:
    """Return where an application is mounted, percent-encoded, as paths of ours begin with it.

    What a proxy forwards may come from a visitor in the end, and two slashes would name a host to load our scripts from
    (WHATWG URL, relative slash state).
    """
    path = quote(place.strip("/"), encoding=encoding)
    return f"/{path}" if path else ""


def is_set_cookie(name: str) -> bool:
    """Whether a header of this name sets cookies.

    White space around a name is no HTTP, and yet some servers send it and browsers read past it.
    """
    return len(name) >= 10 and name.strip().lower() == "set-cookie"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response of our own."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


REASONS: Mapping[int, str] = {
    200: "OK",
    202: "Accepted",
    303: "See Other",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
