"""What the browser itself is told to hold back for a visitor: headers of pages, and of the scripts of workers."""

from __future__ import annotations

from functools import partial

from .caching import is_shared
from .csp import Wall
from .decision import Standing
from .html import UNDECLARED
from .http import Headers, Request
from .markup import WORKERS, Markup
from .permissions import Topics
from .policy import Policy
from .variants import is_marked

_PAGES = ("text/html", "application/xhtml+xml")
_SCRIPT = "javascript"


class Walls:
    """The walls of one site, built once."""

    def __init__(self, policy: Policy, prefix: str, markup: Markup) -> None:
        self._enforces = policy.mode == "enforce"
        # Where nothing is enforced nothing is added, except for a wall that itself does no more than report.
        raises_wall = policy.html.csp == "report" or (policy.html.csp == "enforce" and self._enforces)
        self._csp = Wall(policy, prefix) if raises_wall else None
        self._topics = Topics(policy) if self._enforces else None
        self._markup = markup
        self._shares = policy.html.cache == "shared"

    def concern(self, request: Request, headers: Headers, *, is_page: bool) -> bool:
        """Whether walls are for what has these headers. ``is_page``: consent could change it, as most pages."""
        kind = _content_type(headers)
        if kind.startswith(_PAGES):
            return is_page or self._csp is not None
        return _SCRIPT in kind and self.bind_script(request) and not self._is_for_all(request, headers)

    def bind_script(self, request: Request) -> bool:
        """Whether a script that answers this request may need a wall of its own, as that of a worker does.

        Other scripts run in the document that loads them and are left alone, so that they stay in shared caches.
        """
        return self._csp is not None and request.header("sec-fetch-dest") in (None, *WORKERS)

    def raised(self, request: Request, headers: Headers, standing: Standing) -> Headers:
        """Return the headers with the walls for this visitor, the same list where none is needed."""
        withheld = self._markup.withheld(standing)
        if self._topics is not None and _content_type(headers).startswith(_PAGES):
            headers = self._topics.kept(headers, withheld)
        if self._csp is None:
            return headers
        if not any(is_marked(value) for name, value in headers if name.lower() == "etag"):
            # No 304 may bring back the wall of another choice. Most pages name their variant already.
            headers = self._markup.not_modified(headers, partial(self._markup.variant, request, standing))
        if self._shares:
            # A page for everybody has a wall around everything that is declared; what waits is made inert within.
            return [*headers, *self._csp.fields(request, frozenset({UNDECLARED}))]
        if not (fields := self._csp.fields(request, withheld)):
            return headers
        if not self._enforces:
            return [*headers, *fields]
        # A date is the same for every variant: it would keep this wall standing after consent.
        return [*(field for field in headers if field[0].lower() != "last-modified"), *fields]

    def _is_for_all(self, request: Request, headers: Headers) -> bool:
        """Whether an old browser, or one over plain http, got a script that is expressly shared with everybody.

        It does not tell what the script is for, and most are none of a worker's.
        """
        return request.header("sec-fetch-dest") is None and is_shared(headers)


def _content_type(headers: Headers) -> str:
    return next((value.lower() for name, value in headers if len(name) == 12 and name.lower() == "content-type"), "")
