"""Where a site really begins: the address that was given, or the one that it leads to."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..errors import ConsentError
from .crawl import Robots
from .findings import State, address_of
from .site import Target, Visit, Visitor, origin_of, redirect_of
from .web import Web


class SiteUnreadable(ConsentError):
    """The site cannot be examined at all; the message says why."""


def arrive(web: Web, url: str) -> tuple[str, list[Visit]]:
    """Return where the site begins, and the visit that led there if it was another origin. Raises SiteUnreadable."""
    if not _is_address(url):
        raise SiteUnreadable(f"{url!r} is no address of a site; write https://www.example.org/")
    visit = Visitor(web, State.NONE).visit(Target(url))
    last = visit.answers[-1] if visit.answers else None
    if last is None or visit.failure:
        raise SiteUnreadable(f"{address_of(url)} cannot be examined: {visit.failure}")
    following = redirect_of(last)
    if following is None:
        return url, []
    if not Visitor(web, State.NONE).visit(Target(following)).answers:
        raise SiteUnreadable(f"{address_of(following)}, to which it leads, cannot be examined")
    return following, [visit]


def robots_of(web: Web, start: str) -> Robots:
    """Return what robots.txt allows. Raises SiteUnreadable where that is not even the beginning of the site."""
    robots = Robots(web, start)
    if robots.failure:
        raise SiteUnreadable(
            f"robots.txt of {origin_of(start)} cannot be read ({robots.failure}), so that nothing may be visited "
            "(RFC 9309, 2.3.1.4); if the site is yours, use --ignore-robots"
        )
    if not robots.allows(start):
        raise SiteUnreadable(f"robots.txt of {origin_of(start)} forbids it; if the site is yours, use --ignore-robots")
    return robots


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # looks at it, and raises for what is none
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
