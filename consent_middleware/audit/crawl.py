"""Which pages of a site are examined: those that its pages link to, bounded, and none that robots.txt forbids."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from .findings import State
from .links import references
from .site import Target, Visit, Visitor, origin_of
from .web import AGENT, Answer, Web

# Following these would do something, and a download is no page.
_ACTS = re.compile(r"log-?out|sign-?out|log-?off|delete|remove|unsubscribe", re.IGNORECASE)
_DOWNLOAD = re.compile(
    r"\.(?:pdf|zip|t?gz|bz2|xz|7z|rar|exe|dmg|iso|apk|docx?|xlsx?|pptx?|od[tsp]|csv|mp[34]|m4a|webm|avi|mov|epub)$",
    re.IGNORECASE,
)
_LONGEST_URL = 2000
_VARIANTS = 10
"""Addresses of one path that differ in their query only, and of one pattern of paths that differ in numbers only: a
calendar has no end, and its hundredth page tells nothing that its tenth did not."""

_MOST_WAITING = 5000
_MOST_OF_ROBOTS = 500 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a crawl goes: pages, links away from the first, and what pages are made of."""

    pages: int = 20
    depth: int = 3
    resources: int = 10
    heeds_robots: bool = True


class Robots:
    """What robots.txt allows (RFC 9309). Where ``failure`` says why it cannot be read, nothing may be visited."""

    def __init__(self, web: Web, url: str) -> None:
        self._parser = RobotFileParser()
        visit = Visitor(web, State.NONE).visit(Target(f"{origin_of(url)}/robots.txt", is_resource=True))
        self.failure = visit.failure
        answer = visit.last
        text = ""
        if answer is not None and answer.status >= 500:
            self.failure = f"it was answered {answer.status}"
        elif answer is not None and answer.status == 200:  # 2.3.1.3: what is not there allows everything
            text = answer.body.decode("utf-8", "replace")[:_MOST_OF_ROBOTS]
            # 2.5: of a long one the beginning may do; of one that broke off nobody knows what it forbids.
            self.failure = answer.shortfall if len(text) < _MOST_OF_ROBOTS else ""
        self._parser.parse(text.splitlines())

    def allows(self, url: str) -> bool:
        """Whether an address may be asked for."""
        return self._parser.can_fetch(AGENT, url)


class Crawl:
    """One walk through a site, as somebody who has chosen nothing."""

    def __init__(self, start: str, reach: Reach, robots: Robots | None, skips: Callable[[str], bool]) -> None:
        self._origin = origin_of(start)
        self._reach = reach
        self._robots = robots
        self._skips = skips
        self._known = {_plain(start)}
        self._patterns: Counter[str] = Counter()
        self._waiting: deque[tuple[str, int]] = deque([(start, 0)])
        self._resources: dict[str, None] = {}
        self.left_out: Counter[str] = Counter()
        """How many links were not followed, by the reason."""

    def visits(self, visitor: Visitor) -> Iterator[Visit]:
        """Yield every visit, the pages first and then what they are made of."""
        pages = 0
        while self._waiting and pages < self._reach.pages:
            url, depth = self._waiting.popleft()
            visit = visitor.visit(Target(url))
            pages += 1
            yield visit
            if visit.last is not None and visit.last.is_page and origin_of(visit.last.url) == self._origin:
                self._read(visit.last, depth)
        if self._waiting:
            self.left_out[f"more than {self._reach.pages} pages (--pages)"] += len(self._waiting)
        for url in [*self._resources][: self._reach.resources]:
            yield visitor.visit(Target(url, is_resource=True))

    def _read(self, answer: Answer, depth: int) -> None:
        base: str | None = None
        for reference in references(answer.body, answer.charset):
            if reference.role == "base":
                base = base or _joined(answer.url, reference.address)
                continue
            url = _joined(base or answer.url, reference.address)
            if url is None or origin_of(url) != self._origin:
                continue
            if reference.role == "link":
                self._note(url, depth + 1)
            elif not self._skips(url) and (self._robots is None or self._robots.allows(url)):
                self._resources.setdefault(url)

    def _note(self, url: str, depth: int) -> None:
        if _plain(url) in self._known or len(self._known) > _MOST_WAITING:
            return
        self._known.add(_plain(url))
        reason = self._reason_to_skip(url, depth)
        if reason is None:
            self._waiting.append((url, depth))
        elif reason:
            self.left_out[reason] += 1

    def _reason_to_skip(self, url: str, depth: int) -> str | None:
        """Say why a link is not followed, "" if that goes without saying, None if it is."""
        path = urlsplit(url).path
        if self._skips(url) or _DOWNLOAD.search(path):
            return ""
        if _ACTS.search(path):
            return "following it would do something (a log-out, say)"
        if depth > self._reach.depth:
            return f"more than {self._reach.depth} links away (--depth)"
        if self._robots is not None and not self._robots.allows(url):
            return "robots.txt forbids it"
        self._patterns[pattern := re.sub(r"[0-9]+", "0", path)] += 1
        if self._patterns[pattern] > _VARIANTS:
            return "it differs from others in a number or its query only"
        return None


def _joined(base: str, reference: str) -> str | None:
    if len(reference) > _LONGEST_URL:
        return None
    try:
        url = urldefrag(urljoin(base, reference.strip())).url
        parts = urlsplit(url)
        _ = parts.port  # looks at it, and raises for what is none
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname and len(url) <= _LONGEST_URL else None


def _plain(url: str) -> str:
    return url.rstrip("/")
