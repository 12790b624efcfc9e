"""Where a URL leads, read as a browser's URL parser reads it (https://url.spec.whatwg.org/#concept-basic-url-parser).

Only what decides about a request is computed: host, port, path and query. Trackers hide in the leniency of that
parser: tabs inside a host, backslashes for slashes, ``///host``, percent-encoded or fullwidth letters, credentials
before ``@``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_EDGES = "".join(map(chr, range(0x21)))
_DROPPED = str.maketrans("", "", "\t\n\r")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*+):")
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_AUTHORITY_END = re.compile(r"[/?#]")
_PORT = re.compile(r":([0-9]*+)\Z")
_SINGLE_DOTS = frozenset({".", "%2e"})
_DOUBLE_DOTS = frozenset({"..", ".%2e", "%2e.", "%2e%2e"})
_UNRESERVED_ESCAPE = re.compile(r"%(2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])")
_IGNORED_IN_HOSTS = re.compile("[\u00ad\u034f\u200b\u2060\u2064\ufeff\ufe00-\ufe0f]")
_FULL_STOPS = re.compile("[\u3002\uff0e\uff61]")


_ORDINARY = re.compile(
    r"(?:(https?):)?//([a-z0-9.\-]++)(?<!\.)"
    r"((?:/(?!\.{1,2}(?:[/?#]|\Z))[^/?#%\\\x00-\x20]*+)*+)"
    r"(?:\?([^#\\\x00-\x20]*+))?+(?:#[^\x00-\x20]*+)?+\Z"
)
"""An absolute URL in which nothing has to be put right: its scheme, host, path and query."""


class Location(NamedTuple):
    """A place on the web. ``host`` is lower-case ASCII without a trailing dot, ``""`` when it is not known."""

    scheme: str = ""
    host: str = ""
    port: str = ""
    path: str = "/"
    query: str = ""


class Payload(NamedTuple):
    """A URL that carries its content in itself: ``data:`` and ``javascript:``."""

    scheme: str
    content: str


NOWHERE = Location()


def locate(url: str, base: Location = NOWHERE) -> Location | Payload | None:
    """Resolve ``url`` against ``base``. None stands for a URL that leads to no host, as ``blob:`` or ``about:``."""
    if ordinary := _ORDINARY.match(url):
        scheme, host, path, query = ordinary.groups("")
        return Location(scheme or base.scheme, host, "", path or "/", query)
    url = url.strip(_EDGES).translate(_DROPPED)
    match = _SCHEME.match(url)
    if match is None:
        return _relative(url.replace("\\", "/"), base)
    scheme, rest = match[1].lower(), url[match.end() :]
    if scheme in _DEFAULT_PORTS:
        # "https:host/x" is a path when the page itself is https and a host when it is not. Nobody writes the first,
        # and a page may be reached either way, so it is read as a host.
        return _absolute(scheme, rest.replace("\\", "/").lstrip("/"))
    if scheme in ("data", "javascript"):
        return Payload(scheme, rest)
    return None


def ascii_host(host: str) -> str:
    """Fold a host to what a browser would look up: percent-decoded, mapped (UTS 46), Punycode, no trailing dot."""
    if "%" in host:
        host = unquote_to_bytes(host).decode("utf-8", errors="replace")
    if not host.isascii():
        host = _FULL_STOPS.sub(".", _IGNORED_IN_HOSTS.sub("", host))
        host = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", host).lower())
        host = ".".join(_punycode(label) for label in host.split("."))
    return host.lower().removesuffix(".")


def _punycode(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode", errors="replace").decode("ascii")


def _absolute(scheme: str, rest: str) -> Location:
    end = _AUTHORITY_END.search(rest)
    cut = end.start() if end else len(rest)
    authority, tail = rest[:cut], rest[cut:]
    host = authority.rpartition("@")[2]
    port = ""
    if found := _PORT.search(host):
        host, port = host[: found.start()], found[1].lstrip("0")
    path, query = _split(tail)
    if port == _DEFAULT_PORTS.get(scheme):
        port = ""
    return Location(scheme, ascii_host(host), port, _tidy(path), query)


def _relative(reference: str, base: Location) -> Location:
    if reference.startswith("//"):
        return _absolute(base.scheme, reference.lstrip("/"))
    path, query = _split(reference)
    if not path:
        query = query or base.query
        path = base.path
    elif not path.startswith("/"):
        path = base.path[: base.path.rfind("/") + 1] + path
    return Location(base.scheme, base.host, base.port, _tidy(path), query)


def _split(tail: str) -> tuple[str, str]:
    path, _, query = tail.partition("#")[0].partition("?")
    return path, query


def _tidy(path: str) -> str:
    """Resolve dot segments, and unescape what never needed escaping: servers read ``/%67tag`` as ``/gtag``."""
    if "." in path or "%" in path:
        segments: list[str] = []
        *directories, last = path.removeprefix("/").split("/")
        for segment in directories:
            _step(segments, segment)
        if last.lower() in _DOUBLE_DOTS:
            _step(segments, last)
            last = ""
        elif last.lower() in _SINGLE_DOTS:
            last = ""
        path = "/" + "/".join([*segments, last])
        path = _UNRESERVED_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), path)
    return path if path.startswith("/") else "/" + path


def _step(segments: list[str], segment: str) -> None:
    lowered = segment.lower()
    if lowered in _DOUBLE_DOTS:
        del segments[-1:]
    elif lowered not in _SINGLE_DOTS:
        segments.append(segment)
