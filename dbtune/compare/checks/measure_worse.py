"""compare.measure-worse"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.compare.model import Comparison
from dbtune.compare.noise import Verdict
from dbtune.compare.verdict import shown
from dbtune.finding import Finding, Remedy, check


@check("compare.measure-worse", tags=("measures",))
def measure_worse(comparison: Comparison) -> Iterator[Finding]:
    """A number of the whole server is clearly worse than before.

    Why: Fewer blocks found in the cache, more temporary files, more checkpoints that WAL forces,
    more deadlocks, more waste are all paid for by every statement.

    Mistaken when: A dump, a report or a maintenance job ran in one period and not in the other.

    Remedy: See what ran then, and which settings changed.
    """
    for one in comparison.measures:
        if one.verdict is Verdict.worse:
            yield Finding(
                one.title,
                shown(one),
                Remedy("See what ran in the period after, and which settings changed."),
                evidence={"before": one.before, "after": one.after, "unit": one.name},
            )
