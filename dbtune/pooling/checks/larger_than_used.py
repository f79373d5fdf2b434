"""An application keeps far more connections than it ever uses at once."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.pooling.load import Load
from dbtune.text import count_text, ms_text


@check("pool.larger-than-used", level=Level.info, tags=("connections",))
def larger_than_used(
    load: Load, *, min_connections: int = 10, min_factor: float = 3, min_seconds: float = 10
) -> Iterator[Finding]:
    """An application keeps far more connections than it uses at once.

    Why: Each is a process with its caches; and when the database stalls, all of them fill: the
    server then works on far more transactions at once than its CPUs serve well.

    Mistaken when: This was a quiet time, and by day or during a batch they are needed.

    Remedy: Lower the pool's size, and its minimum, to what pool-size derives from the busiest time.
    """
    if load.seconds < min_seconds or not load.sampled:
        return
    for one in load.uses:
        kept = one.connections / load.count
        if kept < min_connections or kept < min_factor * max(1, one.most_held):
            continue
        yield Finding(
            one.who,
            f"{count_text(kept)} connections are kept, at most {one.most_held} were used at once in"
            f" {ms_text(load.seconds * 1000)}; {one.unused} were never",
            Remedy(
                "Measure at the busiest time, then lower the application's pool"
                " (dbtune gen-config for its framework)."
            ),
            {
                "connections": kept,
                "most_held_connections": one.most_held,
                "unused_connections": one.unused,
                "idle_ratio": 1 - one.held / one.connections,
                "seconds": load.seconds,
            },
        )
