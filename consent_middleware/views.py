"""How often visitors are asked, counted by day in this process: numbers, and nothing about anybody."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping


class Views:
    """Counts in memory, and wakes somebody who fetches the counts when there is something to fetch.

    ``on_first`` is called with the first view after each ``take``, from whichever thread serves it; it must not block.
    """

    def __init__(self) -> None:
        self.on_first: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._counts: dict[int, int] = {}
        self._pid = os.getpid()

    def add(self, day: int, times: int = 1) -> None:
        """Count views of one day (days since 1970-01-01, UTC)."""
        with self._lock:
            if self._pid != os.getpid():  # what a parent has counted it will tell by itself
                self._counts, self._pid = {}, os.getpid()
            is_first = not self._counts
            self._counts[day] = self._counts.get(day, 0) + times
        if is_first and self.on_first is not None:
            self.on_first()

    def take(self) -> Mapping[int, int]:
        """Return, once, what was counted."""
        with self._lock:
            counts, self._counts = (self._counts if self._pid == os.getpid() else {}), {}
            return counts
