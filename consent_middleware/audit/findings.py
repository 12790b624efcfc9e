"""What an audit found, as data: frozen, comparable, and free of anybody's values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import urlsplit

from ..cookies.setcookie import SetCookie
from .kinds import SEVERITIES, Kind, Severity

_SHOWN = 200


class State(Enum):
    """What the visitor of an observation has chosen."""

    NONE = "no choice"
    REFUSED = "refuse all"
    ACCEPTED = "accept all"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was seen: in which state, and at which address without its query."""

    state: State
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One way in which one thing falls short.

    ``subject`` is the cookie, host or address it is about; together with the kind's id it is what a baseline knows a
    finding by. ``promised`` says what should be, ``seen`` what is; ``evidence`` is a header line with its value
    masked, or a request without its query.
    """

    kind: Kind
    subject: str
    seen: str
    evidence: str = ""
    promised: str = ""
    places: tuple[Place, ...] = field(default=())

    @property
    def id(self) -> str:
        return self.kind.id

    @property
    def severity(self) -> Severity:
        return self.kind.severity

    @property
    def key(self) -> tuple[str, str]:
        """What stays the same when the audit is repeated."""
        return self.kind.id, self.subject


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once, worst first, with every place where it was seen; the first one's evidence stays."""
    found: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        known = found.get(finding.key)
        if known is None:
            found[finding.key] = finding
        else:
            places = tuple(dict.fromkeys((*known.places, *finding.places)))
            found[finding.key] = replace(known, places=places)
    return tuple(sorted(found.values(), key=lambda each: (SEVERITIES.index(each.severity), *each.key)))


def address_of(url: str) -> str:
    """Return a URL without its query, fragment and credentials, which may be about somebody."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path or '/'}"


def path_of(url: str) -> str:
    """Return the path of a URL: what it is on this site and on its copy for tests alike."""
    return urlsplit(url).path or "/"


def printable(text: str, limit: int = _SHOWN) -> str:
    """Return text of a stranger's as it may be shown: printable, and not longer than anybody would read."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: limit + 1])
    return f"{shown[:limit]}…" if len(shown) > limit else shown


def masked_line(cookie: SetCookie) -> str:
    """Return a Set-Cookie line without its value, which may be about somebody."""
    return printable(f"Set-Cookie: {cookie.name}={_masked(cookie.value)}{cookie.tail}")


def _masked(value: str) -> str:
    return f"‹{len(value)} byte{'' if len(value) == 1 else 's'}›" if value else ""
