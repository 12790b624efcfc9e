"""What browsers report about the Content-Security-Policy: which hosts pages ask that nobody let them ask.

Reports come from anybody, so nothing of them is believed, shown to a visitor or kept as it came. Of each there remain
the host that was stopped, the directive and the path of the page, all checked for their form; how many are looked at,
remembered and logged has a limit.

Who makes up hosts by the thousand must not thereby hide one that real pages ask. A full memory therefore gives up what
was reported in the fewest minutes; of that, what came in a crowd, and then the oldest: what is made up comes once, what
stands in a page comes all the time. And it takes in few newcomers a minute, so that each has most of an hour to come
back, and the log grows slowly. While a flood lasts, a new host is seen by luck; afterwards, at once.

What was seen is logged, as JSON in one line, and the log is how it reaches ``consent suggest``: every process of a site
has one, the site already keeps it where its people can read it, and nothing of it can be asked for from outside.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

logger = logging.getLogger("consent_middleware.reports")

CODE = "consent.R001"
"""What a line of the log begins with, before its JSON."""

TYPES = frozenset({"application/csp-report", "application/reports+json"})

BODY_LIMIT = 128 * 1024
"""Bytes of a body that are read. Browsers gather reports for a minute, and each repeats the policy: 1 kB with ten
services, 13 kB with a hundred."""

_BODIES_EACH_SECOND = 20
_REPORTS_IN_A_BODY = 50
_HOSTS = 500
_NEWCOMERS_A_MINUTE = 10
"""Taken in once the memory is full. Each costs another one its place, and the log a line."""
_DAY = 24 * 60
_PAGES_OF_A_HOST = 5
_LONGEST_PATH = 200
_HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_DIRECTIVES = frozenset(
    f"{what}-src"
    for what in (
        *("child", "connect", "default", "fenced-frame", "font", "frame", "img", "manifest", "media", "object"),
        *("prefetch", "worker"),
    )
) | {f"{what}-src{part}" for what in ("script", "style") for part in ("", "-attr", "-elem")}
"""Those for which default-src, all that a wall of ours says, may stand in (CSP Level 3, section 6.8.1)."""
_SCHEMES = frozenset({"http", "https", "ws", "wss"})


class Violation(NamedTuple):
    """That something on a page was stopped, or would have been."""

    host: str
    directive: str
    page: str


@dataclass(slots=True)
class _Seen:
    """How one host came up under one directive. Minutes are those since the epoch."""

    latest: int
    minutes: int = 1
    count: int = 0
    pages: set[str] = field(default_factory=set[str])

    def again(self, minute: int) -> None:
        self.minutes += minute != self.latest
        self.latest = minute

    def worth(self, minute: int, crowds: Counter[int]) -> tuple[int, bool, int]:
        """How much there is to be said for remembering it. What nobody has met with for a day is history."""
        is_current = minute - self.latest <= _DAY
        return self.minutes if is_current else 0, crowds[self.latest] <= _NEWCOMERS_A_MINUTE, self.latest


class Violations:
    """Counts what browsers of one site report, within bounds, and logs what is news. Instants are epoch seconds."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._bodies = _Quota(_BODIES_EACH_SECOND)
        self._newcomers = _Quota(_NEWCOMERS_A_MINUTE)

    def has_room(self, now: int) -> bool:
        """Whether one more body may be looked at in this second."""
        return self._bodies.take(now)

    def take(self, body: bytes, host: str, now: int) -> None:
        """Take in a body of reports about pages of ``host``. What is no report is passed over."""
        for violation in read(body, host):
            self._note(violation, now // 60)

    def _note(self, violation: Violation, minute: int) -> None:
        seen = self._seen_before(violation, minute)
        if seen is None:
            return
        seen.count += 1
        is_new_page = violation.page not in seen.pages and len(seen.pages) < _PAGES_OF_A_HOST
        if is_new_page:
            seen.pages.add(violation.page)
        if is_new_page or _is_round(seen.count):
            told = {**violation._asdict(), "count": seen.count}
            # In ASCII, where no letter of a visitor's begins a line or paints a terminal.
            logger.warning("%s: %s", CODE, json.dumps(told))

    def _seen_before(self, violation: Violation, minute: int) -> _Seen | None:
        """Return what is remembered of this host, nothing yet for a newcomer; None for one who is not taken in."""
        key = (violation.host, violation.directive)
        seen = self._seen.get(key)
        if seen is not None:
            seen.again(minute)
            return seen
        if len(self._seen) >= _HOSTS:
            if not self._newcomers.take(minute):
                return None
            self._seen.pop(self._least(minute), None)
        seen = self._seen[key] = _Seen(minute)
        return seen

    def _least(self, minute: int) -> tuple[str, str]:
        seen = [*self._seen.items()]  # at one stroke: other threads take in reports, too
        crowds = Counter(each.latest for _, each in seen if each.minutes == 1)
        # Of several alike the last: what was there when a crowd came is not of it.
        return min(reversed(seen), key=lambda item: item[1].worth(minute, crowds))[0]


class _Quota:
    """How much may happen in one span of time: each is named by a number, and another one begins anew."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._span: int | None = None
        self._taken = 0

    def take(self, span: int) -> bool:
        """Use one, and return whether there was one left."""
        # Not "later": a clock that is put back silences nobody.
        if span != self._span:
            self._span, self._taken = span, 0
        self._taken += 1
        return self._taken <= self._most


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
    if stopped[0] == page[0] or directive not in _DIRECTIVES:
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
