"""What browsers report about the Content-Security-Policy: which hosts pages ask that nobody let them ask.

Reports come from anybody, so nothing of them is believed, shown to a visitor or kept as it came. Of each there remain
the host that was stopped, the directive and the path of the page, all checked for their form; how many are looked at,
remembered and logged has a limit.

What was seen is logged, as JSON in one line, and the log is how it reaches ``consent suggest``: every process of a site
has one, the site already keeps it where its people can read it, and nothing of it can be asked for from outside.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

logger = logging.getLogger("consent_middleware.reports")

CODE = "consent.R001"
"""What a line of the log begins with, before its JSON."""

TYPES = frozenset({"application/csp-report", "application/reports+json"})

_BODIES_EACH_SECOND = 20
_REPORTS_IN_A_BODY = 50
_HOSTS = 500
_PAGES_OF_A_HOST = 5
_LONGEST_PATH = 200
_HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_DIRECTIVE = re.compile(r"[a-z-]{3,30}")
_SCHEMES = frozenset({"http", "https", "ws", "wss"})


class Violation(NamedTuple):
    """That something on a page was stopped, or would have been."""

    host: str
    directive: str
    page: str


class Violations:
    """Counts what browsers of one site report, within bounds, and logs what is news."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._pages: dict[tuple[str, str], set[str]] = {}
        self._second = 0
        self._taken = 0

    def has_room(self, now: int) -> bool:
        """Whether one more body may be looked at in this second (epoch seconds)."""
        if now != self._second:
            self._second, self._taken = now, 0
        self._taken += 1
        return self._taken <= _BODIES_EACH_SECOND

    def take(self, body: bytes, host: str) -> None:
        """Take in a body of reports about pages of ``host``. What is no report is passed over."""
        for violation in read(body, host):
            self._note(violation)

    def _note(self, violation: Violation) -> None:
        key = (violation.host, violation.directive)
        if key not in self._counts and len(self._counts) >= _HOSTS:
            return
        count = self._counts[key] = self._counts.get(key, 0) + 1
        pages = self._pages.setdefault(key, set())
        is_new_page = violation.page not in pages and len(pages) < _PAGES_OF_A_HOST
        if is_new_page:
            pages.add(violation.page)
        if is_new_page or _is_round(count):
            told = {"host": violation.host, "directive": violation.directive, "page": violation.page, "count": count}
            # In ASCII, where no letter of a visitor's begins a line or paints a terminal.
            logger.warning("%s: %s", CODE, json.dumps(told))


def is_host(text: str) -> bool:
    """Whether a text has the form of a host name, in lower case."""
    return _HOST.fullmatch(text) is not None


def read(body: bytes, host: str) -> Iterator[Violation]:
    """Yield what there is to know of a body of reports, in either of their forms, about pages of ``host``."""
    try:
        content: object = json.loads(body)
    except (ValueError, RecursionError):
        return
    reports = cast("list[object]", content) if isinstance(content, list) else [content]
    for report in reports[:_REPORTS_IN_A_BODY]:
        violation = _violation(report, host)
        if violation is not None:
            yield violation


def _violation(report: object, host: str) -> Violation | None:
    """Read ``{"csp-report": {…}}`` (CSP Level 2), or a report of the Reporting API, which spells names otherwise."""
    fields = _table(report)
    body = _table(fields.get("csp-report") or fields.get("body"))
    stopped = _place(body.get("blocked-uri") or body.get("blockedURL"))
    page = _place(body.get("document-uri") or body.get("documentURL"))
    directive = body.get("effective-directive") or body.get("effectiveDirective") or body.get("violated-directive")
    if stopped is None or page is None or not isinstance(directive, str) or page[0] != _name(host):
        return None
    directive = directive.partition(" ")[0]
    if stopped[0] == page[0] or not _DIRECTIVE.fullmatch(directive):
        return None
    return Violation(stopped[0], directive, page[1][:_LONGEST_PATH])


def _table(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _place(url: object) -> tuple[str, str] | None:
    """The host and the path of a URL. What was stopped may also be a word, like "inline", and then there is none."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not is_host(host):
        return None
    return host, parts.path or "/"


def _name(host: str) -> str:
    return host.partition(":")[0].lower()


def _is_round(count: int) -> bool:
    """Whether a count is worth a line of its own: 1, 10, 100 …"""
    return str(count).rstrip("0") == "1"
