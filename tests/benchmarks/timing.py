"""What the benchmarks share: timing several ways of doing one thing side by side, and printing the outcome.

Importing this puts the checkout first on ``sys.path``, so that what is measured is the code beside the benchmark and
not a version installed somewhere.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import process_time_ns

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "adapters")]

Batch = Callable[[int], object]
"""Does the thing so many times in a row."""


def side_by_side(
    batches: Mapping[str, Batch], *, size: int, turns: int = 40, rounds: int = 7
) -> dict[str, list[float]]:
    """Return, for each batch, its microseconds of processor time for doing the thing once: the best of every round.

    All take turns within a round, so whatever else the machine does in that moment happens to all of them. As in
    ``timeit``, the garbage collector waits: it would charge one batch for what another left behind.
    """
    best: dict[str, list[float]] = {name: [] for name in batches}
    for batch in batches.values():
        batch(size)
    for _ in range(rounds):
        times: dict[str, list[float]] = {name: [] for name in batches}
        gc.collect()
        gc.disable()
        try:
            for _ in range(turns):
                for name, batch in batches.items():
                    start = process_time_ns()
                    batch(size)
                    times[name].append((process_time_ns() - start) / size / 1000)
        finally:
            gc.enable()
        for name, values in times.items():
            best[name].append(min(values))
    return best


def added(times: Mapping[str, Sequence[float]], bare: str) -> dict[str, float]:
    """Return what each adds to ``bare``: the median over the rounds of the difference of the round's best times."""
    return {
        name: median(own - base for own, base in zip(values, times[bare], strict=True))
        for name, values in times.items()
        if name != bare
    }


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table; all columns but the first are aligned to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    for line in lines:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("| " + " | ".join([first, *others]) + " |")
    print()
