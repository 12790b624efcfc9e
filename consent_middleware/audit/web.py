"""Asking a server for things, with a bound on everything: how long, how much, how often.

What comes back is examined by people who trust it as little as the server deserves: redirects are not followed,
cookies are kept by nobody, and whatever goes wrong is an ``Unreadable`` with a reason in words.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import metadata
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

import httpx

from ..cookies.dates import read_date
from ..http import Headers

AGENT = "consent-audit"
"""How the audit names itself to servers, and what robots.txt can call it."""

_BROWSER_HEADERS = {
    "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "en",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
}
_CHARSET = re.compile(r"charset[ \t]*+=[ \t]*+\"?([^;\"\s]++)", re.IGNORECASE)
_PIECE = 64 * 1024
_INFLATE = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_HEADERS_TOO_LARGE = 431
"""What h11 would have a server answer to more than a hundred kilobytes of headers (RFC 6585, 5)."""
_SKEW = 300
"""Seconds by which a server's clock may differ from ours before its Date is taken for somebody else's."""


class Unreadable(Exception):
    """A request that got no answer worth the name; the message says why, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far an audit goes: seconds for one answer and for all, bytes of an answer, seconds between two requests."""

    timeout: float = 15.0
    total: float = 900.0
    size: int = 3_000_000
    pause: float = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. ``now`` is the instant, by the server's clock, from which browsers count lifetimes.

    ``shortfall`` says why the body is not whole, "" if it is.
    """

    method: str
    url: str
    status: int
    headers: Headers
    body: bytes
    now: int
    shortfall: str = ""

    def all(self, name: str) -> list[str]:
        """Every value of a header, by its lower-case name."""
        return [value for key, value in self.headers if key.lower() == name]

    def header(self, name: str) -> str:
        """The value of a header, several joined as one; ``""`` when it is absent."""
        return ", ".join(self.all(name))

    @property
    def is_page(self) -> bool:
        return self.header("content-type").partition(";")[0].strip().lower() == "text/html"

    @property
    def charset(self) -> str:
        """The encoding that the Content-Type declares, else UTF-8, which finds whatever is ASCII."""
        found = _CHARSET.search(self.header("content-type"))
        return found[1] if found else "utf-8"

    @property
    def is_secure(self) -> bool:
        return urlsplit(self.url).scheme == "https"


class Web:
    """The only door to the network. To be used in a ``with`` block, from a thread without a running event loop.

    ``trust`` is an ``ssl.SSLContext``, or False for no verification at all.
    """

    def __init__(self, limits: Limits, trust: ssl.SSLContext | bool = True) -> None:
        self._limits = limits
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            verify=trust,
            follow_redirects=False,
            timeout=limits.timeout,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": f"{AGENT}/{_version()}"},
        )
        self._next = 0.0
        self._end = time.monotonic() + limits.total
        self.requests = 0
        """How many requests were made."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Send one request and return what comes back within the limits. Raises Unreadable.

        ``headers`` go before those that a browser would send; an empty value takes one of them out.
        """
        self._wait()
        self.requests += 1
        sent = {name: value for name, value in {**_BROWSER_HEADERS, **(headers or {})}.items() if value}
        try:
            return self._runner.run(self._ask_again(method, url, sent, body))
        except TimeoutError:
            raise Unreadable(f"there was no answer within {self._limits.timeout:g} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unreadable(_reason(error)) from error

    async def _ask_again(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Ask, and once more if the connection fails: a server may have closed it just before it was used again."""
        try:
            return await self._ask(method, url, headers, body)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if method != "GET":
                raise
            return await self._ask(method, url, headers, body)

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        # The time-outs of httpx begin anew with every byte, so a server that drips would never meet one.
        async with asyncio.timeout(self._limits.timeout):
            # What cookies hold is octets, not text, and goes back as it came.
            sent = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
            request = self._client.build_request(method, url, headers=sent, content=body or None)
            response = await self._client.send(request, stream=True)
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
        try:
            content, shortfall = await self._read(response)
        finally:
            await response.aclose()
        return Answer(method, url, response.status_code, fields, content, _instant(fields), shortfall)

    async def _read(self, response: httpx.Response) -> tuple[bytes, str]:
        """Return as much of the body as the limits allow, and why that is not all of it."""
        body = _Body(response.headers.get("content-encoding", ""), self._limits.size)
        try:
            async with asyncio.timeout(self._limits.timeout):
                async for piece in response.aiter_raw(_PIECE):
                    if not body.take(piece):
                        break
                else:
                    body.end()
        except TimeoutError:
            body.shortfall = f"it was not complete within {self._limits.timeout:g} seconds"
        except (httpx.HTTPError, OSError) as error:
            body.shortfall = f"it broke off: {_reason(error)}"
        return bytes(body.content), body.shortfall

    def _wait(self) -> None:
        now = time.monotonic()
        if now > self._end:
            raise Unreadable(f"the {self._limits.total:g} seconds of the whole audit were over")
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._limits.pause


class _Body:
    """A body as it comes in, decoded as far as it is wanted: a bomb is defused by not reading on."""

    def __init__(self, coding: str, limit: int) -> None:
        self.content = bytearray()
        self.shortfall = ""
        self._has_begun = False
        self._limit = limit
        name = coding.strip().lower()
        self._inflate = zlib.decompressobj(_INFLATE[name]) if name in _INFLATE else None
        if name not in ("", "identity", *_INFLATE):
            self.shortfall = f"its Content-Encoding {name[:40]!r} was not asked for and cannot be read"

    def take(self, piece: bytes) -> bool:
        """Take in a piece and return whether another one is wanted."""
        if self.shortfall:
            return False
        self._has_begun = True
        room = self._limit - len(self.content)
        if self._inflate is not None:
            try:
                piece = self._inflate.decompress(piece, room + 1)
            except zlib.error:
                self.shortfall = "its compression is corrupt"
                return False
        self.content += piece[:room]
        if len(piece) > room:
            self.shortfall = f"it is larger than {self._limit / 1e6:g} MB; the beginning was examined"
        return not self.shortfall

    def end(self) -> None:
        """Take in that there is no more."""
        if self._inflate is not None and not self._inflate.eof and not self.shortfall and self._has_begun:
            self.shortfall = "its compression breaks off"


def _instant(headers: Headers) -> int:
    """The instant of the server's Date if it is one, else our own: browsers measure Expires against Date."""
    ours = int(time.time())
    stated = next((read_date(value) for name, value in headers if name.lower() == "date"), None)
    return stated if stated is not None and abs(stated - ours) <= _SKEW else ours


def _reason(error: Exception) -> str:
    """Say in a few words what went wrong; the exceptions of sockets and TLS are not written for people."""
    causes = [*_causes(error)]
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({cause.reason or 'the handshake broke off'})"
        if getattr(cause, "error_status_hint", None) == _HEADERS_TOO_LARGE:
            return "its headers are larger than 100 KB"
    if isinstance(error, httpx.ConnectError):
        reason = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), error)
        return f"no connection could be made ({reason})"
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    if isinstance(error, httpx.RemoteProtocolError) and str(error).startswith("illegal "):
        return f"it is no HTTP ({str(error).partition(':')[0]})"
    return str(error) or "the connection was closed"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):  # one for each address of a host
            yield from cast("BaseExceptionGroup[BaseException]", error).exceptions
        error = error.__cause__ or error.__context__


def _version() -> str:
    try:
        return metadata.version("consent-middleware")
    except metadata.PackageNotFoundError:  # run from its source
        return "0"
