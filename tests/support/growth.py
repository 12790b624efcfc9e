"""Whether costs grow in proportion: a question of ratios, so that a slow or busy machine gives the same answer."""

from __future__ import annotations

import time
from collections.abc import Callable

_TIMES_AS_MUCH = 16
_PATIENCE = 6  # noise stays below; growth by the square would be _TIMES_AS_MUCH instead
_TOO_SHORT = 0.001  # seconds; below, a clock measures itself


def grows_in_proportion(work: Callable[[str], object], piece: str, octets: int = 20_000) -> bool:
    """Whether sixteen times as many ``piece`` cost ``work`` about sixteen times as much processor time."""

    def cost(length: int) -> float:
        flood = piece * (length // len(piece) + 1)
        start = time.thread_time()
        work(flood)
        return time.thread_time() - start

    few, many = (min(cost(octets * times) for _ in range(4)) for times in (1, _TIMES_AS_MUCH))
    return many < max(few, _TOO_SHORT) * _TIMES_AS_MUCH * _PATIENCE
