"""A browser's cookie jar, written from RFC 6265bis for these tests and sharing no code with what they test.

Section numbers are those of draft-ietf-httpbis-rfc6265bis-20. Left out: the Public Suffix List (a single label stands
for it) and partitions. Every request here is same-site, so SameSite is only stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import count

MOST_SECONDS = 400 * 86400
"""The limit of section 5.5."""


@dataclass(frozen=True)
class Stored:
    """A cookie as section 5.7 stores it. ``expiry`` is an instant, None for a session cookie."""

    name: str
    value: str
    domain: str
    host_only: bool
    path: str
    secure: bool
    http_only: bool
    expiry: int | None
    creation: int
    same_site: str

    @property
    def identity(self) -> tuple[str, str, bool, str]:
        return self.name, self.domain, self.host_only, self.path


class Jar:
    """What one browser keeps. ``now`` is the browser's own clock, in epoch seconds."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str, bool, str], Stored] = {}
        self._creations = count()

    def alive(self, now: int) -> list[Stored]:
        """Every cookie that has not expired."""
        gone = [key for key, each in self._stored.items() if each.expiry is not None and each.expiry <= now]
        for key in gone:
            del self._stored[key]
        return list(self._stored.values())

    def names(self, now: int) -> set[str]:
        return {cookie.name for cookie in self.alive(now)}

    def close_browser(self) -> None:
        self._stored = {key: each for key, each in self._stored.items() if each.expiry is not None}

    def header(self, now: int, host: str, path: str, *, secure: bool = True) -> str:
        """The Cookie header of a request (section 5.8.3): longer paths first, then older cookies."""
        sent = [
            cookie
            for cookie in self.alive(now)
            if (host == cookie.domain if cookie.host_only else _domain_matches(host, cookie.domain))
            and _path_matches(path, cookie.path)
            and (secure or not cookie.secure)
        ]
        sent.sort(key=lambda cookie: (-len(cookie.path), cookie.creation))
        return "; ".join(f"{cookie.name}={cookie.value}" if cookie.name else cookie.value for cookie in sent)

    def store(self, line: str, now: int, host: str, path: str, *, secure: bool = True) -> None:
        """Take in a Set-Cookie line (sections 5.6 and 5.7)."""
        if re.search("[\x00-\x08\x0a-\x1f\x7f]", line):
            return
        pair, *rest = line.split(";")
        name, equals, value = pair.partition("=")
        name, value = (name, value) if equals else ("", name)
        name, value = name.strip(" \t"), value.strip(" \t")
        if not name + value or len(name) + len(value) > 4096:
            return
        attributes: dict[str, str] = {}
        for attribute in rest:
            key, _, text = (part.strip(" \t") for part in attribute.partition("="))
            key = key.lower()
            if len(text) > 1024 or (key == "max-age" and not re.fullmatch("-?[0-9]+", text)):
                continue
            if key == "expires" and _instant(text) is None:
                continue
            attributes[key] = text
        domain = attributes.get("domain", "").removeprefix(".").lower()
        if domain and (not _domain_matches(host, domain) or ("." not in domain and domain != host)):
            return
        is_secure, http_only = "secure" in attributes, "httponly" in attributes
        place = attributes.get("path", "")
        place = place if place.startswith("/") else _default_path(path)
        if is_secure and not secure:
            return
        prefix = name.lower()
        if prefix.startswith(("__secure-", "__host-")) and not is_secure:
            return
        if prefix.startswith("__host-") and (domain or attributes.get("path") != "/"):
            return
        same_site = attributes.get("samesite", "").lower()
        same_site = same_site if same_site in ("strict", "lax", "none") else "default"
        if same_site == "none" and not is_secure:
            return
        new = Stored(
            name, value, domain or host, not domain, place, is_secure, http_only,
            _expiry(attributes, now), next(self._creations), same_site,
        )  # fmt: skip
        old = self._stored.get(new.identity)
        if old is not None:
            new = Stored(**{**vars(new), "creation": old.creation})
        if not is_secure and not secure and self._shadows_secure(new):
            return
        self._stored[new.identity] = new
        self.alive(now)

    def _shadows_secure(self, new: Stored) -> bool:
        return any(
            each.secure
            and each.name == new.name
            and (_domain_matches(each.domain, new.domain) or _domain_matches(new.domain, each.domain))
            and _path_matches(new.path, each.path)
            for each in self._stored.values()
        )


def _expiry(attributes: dict[str, str], now: int) -> int | None:
    if "max-age" in attributes:
        seconds = int(attributes["max-age"])
        return now + min(seconds, MOST_SECONDS) if seconds > 0 else 0
    if "expires" in attributes:
        instant = _instant(attributes["expires"])
        assert instant is not None
        return min(instant, now + MOST_SECONDS)
    return None


def _instant(text: str) -> int | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())


def _domain_matches(host: str, domain: str) -> bool:
    return host == domain or (host.endswith(f".{domain}") and not re.fullmatch("[0-9.]+", host))


def _path_matches(path: str, cookie_path: str) -> bool:
    path = path.partition("?")[0]
    return path == cookie_path or (
        path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
    )


def _default_path(path: str) -> str:
    path = path.partition("?")[0]
    return path.rpartition("/")[0] or "/"
