"""What becomes of cookies, hosts and pages, told to whoever reads the log: once for each name, and never a value."""

from __future__ import annotations

import logging

logger = logging.getLogger("consent_middleware")

_SHOWN = 80
_MOST = {False: 1000, True: 100}
"""Names remembered, and so lines logged: of the application's own, and of those that visitors send."""


class Reporter:
    """Logs each name once for each reason code.

    Names that visitors send have a small allowance of their own, so that making some up silences nothing.
    """

    def __init__(self) -> None:
        self._told: dict[bool, set[tuple[str, str]]] = {False: set(), True: set()}

    def is_news(self, code: str, name: str, *, by_visitor: bool = False) -> bool:
        """Whether ``report`` would log this; spares making up an explanation that nobody will read."""
        told = self._told[by_visitor]
        return (code, name[:_SHOWN]) not in told and len(told) < _MOST[by_visitor]

    def report(
        self, level: int, code: str, name: str, explanation: str, *, what: str = "cookie", by_visitor: bool = False
    ) -> None:
        """Log what happened to something of this name, if it is news."""
        if self.is_news(code, name, by_visitor=by_visitor):
            self._told[by_visitor].add((code, name[:_SHOWN]))
            logger.log(level, "%s: %s %r %s", code, what, name[:_SHOWN], explanation)
