"""Very short and very long statements share one pool."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.load import Load
from dbtune.pooling.measured import FEWEST_CALLS, variance
from dbtune.text import count_text, ms_text


@check("pool.mixed-hold-times", level=Level.info, confidence=Confidence.estimated)
def mixed_hold_times(load: Load, *, min_variance: float = 20) -> Iterator[Finding]:
    """Statements of very different length share the connections.

    Why: A few long ones can take every connection of a pool, and then many short ones wait for
    them: the wait grows with the variance of the hold time, (1 + cs²)/2.

    Mistaken when: They come through pools or users of their own already.

    Remedy: A pool of its own, with few connections, for reports and batches: another user, for
    which PgBouncer keeps another pool.
    """
    calls = sum(one.calls for one in load.calls)
    spread = variance(load)
    if calls < FEWEST_CALLS or spread < min_variance:
        return
    mean = sum(one.total_ms for one in load.calls) / calls
    longest = max(load.calls, key=lambda one: one.squares_ms2)
    yield Finding(
        "statements",
        f"the time of {count_text(round(calls))} statements has a variance (cs²) of"
        f" {count_text(spread)} at a mean of {ms_text(mean)}; most of it is"
        f" {longest.user}'s in {longest.database}",
        Remedy("Give the long ones a user, and so a pool, of their own."),
        {"variance": spread, "mean_ms": mean, "calls": calls},
    )
