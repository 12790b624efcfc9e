"""What a browser keeps of one site's cookies, and which lines it refuses (RFC 6265bis, 5.7)."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from ..cookies.setcookie import SetCookie, read_set_cookie
from ..own_cookies import OWN_NAMES
from . import kinds
from .kinds import Kind

_MOST_COOKIES = 180
"""What Chromium keeps for a site before it lets the oldest go."""

_Home = tuple[str, str, str]
"""Name, domain (``""``: this host only) and path: what makes a cookie the same cookie."""


def refusal(cookie: SetCookie, url: str) -> Kind | None:
    """Return why a browser at ``url`` stores nothing of this line, None if it does store it."""
    is_secure = cookie.secure
    name = cookie.name.lower()
    host = urlsplit(url).hostname or ""
    if not _keeps_prefix(cookie, name):
        return kinds.PREFIX_BROKEN
    if cookie.same_site == "None" and not is_secure:
        return kinds.SAME_SITE_NONE_NOT_SECURE
    if cookie.partitioned and not is_secure:
        return kinds.PARTITIONED_NOT_SECURE
    if cookie.domain is not None and cookie.domain != host and not host.endswith(f".{cookie.domain}"):
        return kinds.DOMAIN_FOREIGN
    return None


def _keeps_prefix(cookie: SetCookie, name: str) -> bool:
    is_bound = cookie.domain is None and cookie.path == "/"
    if name.startswith("__host-http-"):
        return cookie.secure and cookie.http_only and is_bound
    if name.startswith("__host-"):
        return cookie.secure and is_bound
    if name.startswith("__http-"):
        return cookie.secure and cookie.http_only
    return not name.startswith("__secure-") or cookie.secure


class Jar:
    """The cookies of one visitor of one site. Lifetimes other than deletions are not waited for."""

    def __init__(self) -> None:
        self._kept: dict[_Home, tuple[str, bool]] = {}
        self._given: set[str] = set()

    def take(self, line: str, url: str, now: int) -> None:
        """Do as a browser does with a Set-Cookie line of an answer from ``url``."""
        cookie = read_set_cookie(line)
        if cookie is None or refusal(cookie, url) is not None:
            return
        if cookie.secure and not _is_trustworthy(url):
            return
        home = (cookie.name, cookie.domain or "", cookie.path or default_path(url))
        if cookie.is_deletion(now):
            self._kept.pop(home, None)
        else:
            if len(self._kept) >= _MOST_COOKIES and home not in self._kept:
                del self._kept[next(iter(self._kept))]
            pair = f"{cookie.name}={cookie.value}" if cookie.name else cookie.value
            self._kept[home] = (pair, cookie.secure)

    def put(self, pair: str) -> None:
        """Keep a cookie for the whole host, as ``name=value``."""
        self._given.add(pair.partition("=")[0])
        self._kept[pair.partition("=")[0], "", "/"] = (pair, False)

    def drop(self, name: str) -> None:
        """Forget every cookie of this name."""
        for home in [home for home in self._kept if home[0] == name]:
            del self._kept[home]

    def header(self, url: str) -> str:
        """Return the Cookie header of a request to ``url``, ``""`` for none."""
        path = urlsplit(url).path or "/"
        is_trustworthy = _is_trustworthy(url)
        sent = [
            pair
            for (_, _, home), (pair, secure) in self._kept.items()
            if _covers(home, path) and (is_trustworthy or not secure)
        ]
        return "; ".join(sent)

    @property
    def names(self) -> frozenset[str]:
        """The names of everything kept."""
        return frozenset(name for name, _, _ in self._kept)

    def value_of(self, name: str) -> str | None:
        """Return the value of a cookie, None if there is none."""
        found = next((pair for (kept, _, _), (pair, _) in self._kept.items() if kept == name), None)
        return None if found is None else found.partition("=")[2]

    def choice(self) -> list[tuple[str, str]]:
        """Return name and value of what says that a choice was made: our cookies, and those that were ``put`` here."""
        return [
            (name, pair.partition("=")[2])
            for (name, _, _), (pair, _) in self._kept.items()
            if name in OWN_NAMES or name in self._given
        ]

    def copy(self) -> Jar:
        """Return a jar with the same content."""
        jar = Jar()
        jar._kept = dict(self._kept)
        jar._given = set(self._given)
        return jar


def _covers(home: str, path: str) -> bool:
    return path == home or path.startswith(home if home.endswith("/") else f"{home}/")


def default_path(url: str) -> str:
    """Return where a cookie without a Path lives that comes from ``url`` (RFC 6265bis, 5.1.4)."""
    return (urlsplit(url).path or "/").rpartition("/")[0] or "/"


def _is_trustworthy(url: str) -> bool:
    """Whether browsers take an address for secure: https, and this machine itself (W3C Secure Contexts, 3.1)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
