"""plan.memoize-evictions"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, check
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, count_text


@check("plan.memoize-evictions", confidence=Confidence.estimated)
def memoize_evictions(
    plan: Plan,
    *,
    min_lookups: int = 1000,
    min_eviction_share: float = 0.1,
    min_hit_ratio: float = 0.05,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """The cache of a Memoize is too small: entries are evicted before they are used again.

    Why: Each lookup of an evicted key runs the inner side of the join again.

    Mistaken when: The evicted keys never come again (sorted input): then evictions cost nothing.

    Remedy: Raise work_mem for the statement to what all keys take; or let a hash join do it.

    Verify: Run it again with the setting: Evictions is 0.
    """
    for node in plan.nodes:
        for part in (node.props, *(worker.props for worker in node.workers)):
            hits, misses, evictions, overflows, peak = (
                float(value) if isinstance(value := part.get(key), int | float) else 0.0
                for key in (
                    *("Cache Hits", "Cache Misses", "Cache Evictions", "Cache Overflows"),
                    "Peak Memory Usage",
                )
            )
            lost = evictions + overflows
            if node.type != "Memoize" or hits + misses < min_lookups or misses <= 0:
                continue
            if hits < min_hit_ratio * (hits + misses):
                continue  # keys that hardly come again: plan.memoize-misses
            below = sum(
                child.inclusive_ms or 0 for child in plan.children(node) if child.subplan is None
            )
            saving = None if node.self_ms is None else below * min(1.0, lost / misses)
            if lost < min_eviction_share * misses or not worth(plan, saving, min_ms, min_share):
                continue
            kept = max(1.0, misses - evictions)
            need = peak * 1024 * misses / kept
            multiplier = memory.hash_multiplier(plan)
            advised = memory.advised_bytes(plan, need / multiplier)
            yield node_finding(
                plan,
                node,
                f"the cache evicted {count_text(evictions)} of {count_text(misses)} entries"
                + (f" and could not keep {count_text(overflows)}" if overflows else "")
                + f" ({count_text(hits)} hits); all of them take at most {bytes_text(need)}",
                memory.remedy(
                    plan,
                    "See whether the statement is faster with SET LOCAL enable_memoize = off.",
                    advised,
                    memory.hash_note(plan),
                ),
                saving_ms=saving,
                evidence={
                    "hits": round(hits),
                    "misses": round(misses),
                    "evictions": round(evictions),
                    "overflows": round(overflows),
                    "memory_bytes": round(peak * 1024),
                    "work_mem_needed_bytes": advised,
                },
            )
            break  # one finding a node: the first process that shows it stands for all
