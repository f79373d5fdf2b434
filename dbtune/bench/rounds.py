"""Interleaved rounds: each measures every case once, in an order of its own.

What drifts meanwhile (caches, a neighbour's load, a checkpoint) then hits all cases alike, and does
not pass for a difference between them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Case = TypeVar("Case", bound=Hashable)
Measured = TypeVar("Measured")


def interleaved(
    cases: Sequence[Case],
    rounds: int,
    measure: Callable[[Case], Measured],
    advance: Callable[[float], None],
    shuffle: random.Random | None = None,
) -> dict[Case, list[Measured]]:
    """Measure every case in every round.

    Args:
        cases: what to measure.
        rounds: how often.
        measure: measures a case once.
        advance: told how many measurements are done.
        shuffle: orders each round; a new one by default.

    Returns:
        By case what each round measured.
    """
    order = shuffle or random.Random()  # noqa: S311 -- an order, no secret
    found: dict[Case, list[Measured]] = {case: [] for case in cases}
    done = 0
    for _ in range(rounds):
        for case in order.sample(list(cases), len(cases)):
            found[case].append(measure(case))
            done += 1
            advance(done)
    return found


def times(action: Callable[[], object], count: int) -> list[float]:
    """Run an action so often; how long each took, in ms, sorted."""
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        action()
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken)
