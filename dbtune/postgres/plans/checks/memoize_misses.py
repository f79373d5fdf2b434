"""plan.memoize-misses"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import cautious_level, node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import count_text, ratio_text


@check("plan.memoize-misses", confidence=Confidence.rule_of_thumb)
def memoize_misses(
    plan: Plan,
    *,
    min_lookups: int = 1000,
    max_hit_ratio: float = 0.5,
    max_eviction_share: float = 0.1,
    evicted_hit_ratio: float = 0.05,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A Memoize finds few of its keys in the cache.

    Why: The planner chose a nested loop because it expected most keys to come again; they do not,
    so that the inner side runs for nearly every row, plus the cost of the cache.

    Mistaken when: The nested loop would be the best join even without the cache.

    Remedy: The number of distinct keys is underestimated: ANALYZE, or set n_distinct of the
    column. Compare with SET LOCAL enable_memoize = off.

    Verify: Run it with SET LOCAL enable_memoize = off and compare the time of the join.
    """
    for node in plan.nodes:
        hits, misses = _sum(node, "Cache Hits"), _sum(node, "Cache Misses")
        lookups = hits + misses
        evictions = _sum(node, "Cache Evictions")
        if (
            node.type != "Memoize"
            or lookups < min_lookups
            or hits >= max_hit_ratio * lookups
            # With some hits, a larger cache may have more: plan.memoize-evictions.
            or (evictions >= max_eviction_share * misses and hits >= evicted_hit_ratio * lookups)
            or not worth(plan, node.inclusive_ms, min_ms, min_share)
        ):
            continue
        evicted = ""
        if evictions:
            evicted = (
                f" {count_text(evictions)} entries were evicted: if the keys come again, but late, "
                "more work_mem helps, too."
            )
        key = node.conditions.get("Cache Key", "its key")
        yield node_finding(
            plan,
            node,
            f"only {count_text(hits)} of {count_text(lookups)} lookups "
            f"({ratio_text(hits / lookups)}) found {key} in the cache",
            Remedy(
                f"Compare with enable_memoize off. If that is faster, tell the planner how many "
                f"distinct values {key} has: ANALYZE, or ALTER TABLE ... ALTER COLUMN ... "
                f"SET (n_distinct = ...) and ANALYZE.{evicted}",
                sql="SET LOCAL enable_memoize = off;  -- in the statement's transaction",
                effect="lasts until the transaction's end",
            ),
            saving_ms=node.inclusive_ms,
            level_=cautious_level(plan, node.inclusive_ms),
            evidence={
                "hits": round(hits),
                "misses": round(misses),
                "evictions": round(evictions),
            },
        )


def _sum(node: Node, key: str) -> float:
    """A counter of all processes."""
    found = (props.get(key) for props in (node.props, *(one.props for one in node.workers)))
    return sum(value for value in found if isinstance(value, int | float))
