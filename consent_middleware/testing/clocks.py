"""A clock that stands still until it is moved."""

from __future__ import annotations

import time
from datetime import datetime

from ..lifetime import Lifetime


class FrozenClock:
    """Epoch seconds that only a test moves; give it to the middleware as ``clock``."""

    def __init__(self, now: float | None = None) -> None:
        self.now = int(time.time() if now is None else now)
        """The instant, in epoch seconds."""

    def __call__(self) -> float:
        return self.now

    def move(self, lifetime: str) -> None:
        """Go forward by calendar months, days or seconds: ``"6 months"``, ``"1 day"``, as in a policy file."""
        self.now = Lifetime.parse(lifetime).end(self.now)

    def move_to(self, instant: datetime) -> None:
        """Go to an instant, which has to have a time zone. Raises ValueError for one without."""
        if instant.tzinfo is None:
            raise ValueError(f"{instant} has no time zone, so it is no instant; add tzinfo=UTC")
        self.now = int(instant.timestamp())
