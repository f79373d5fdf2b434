"""plan.hash-join-spill"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, check
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, ancestors, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import bytes_text, count_text


@check("plan.hash-join-spill")
def hash_join_spill(
    plan: Plan,
    *,
    min_batches: int = 2,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """The table of a hash join does not fit into memory and is split into batches on disk.

    Why: Both sides of the join are written to temporary files and read again, batch by batch.

    Mistaken when: The planner chose few batches knowingly and the files stay in the operating
    system's cache; or one join key is so common that more memory would not help.

    Remedy: Hash fewer or narrower rows (a condition earlier, fewer columns); if there were more
    batches than the planner foresaw, ANALYZE the hashed side first. Else raise work_mem or
    hash_mem_multiplier for the statement: batches times memory usage must fit into their product.

    Verify: Run it again with the setting: Batches is 1, and no temporary blocks are written.
    """
    for node in plan.nodes:
        batches = node.number("Hash Batches") or 1
        if node.type != "Hash" or batches < min_batches or node.loops == 0:
            continue
        join = next(ancestors(plan, node), node)
        saving = None if node.self_ms is None else node.self_ms + (join.self_ms or 0)
        processes = _planned(plan, node) if node.parallel_aware else 1
        need = memory.hash_join_bytes(node, processes)
        if need is None or not worth(plan, saving, min_ms, min_share):
            continue
        multiplier = memory.hash_multiplier(plan)
        advised = memory.advised_bytes(plan, need / multiplier)
        original = node.number("Original Hash Batches") or batches
        grown = batches > original
        first = "Hash fewer or narrower rows if you can."
        if grown:
            first = (
                f"The planner foresaw {count_text(original)} batches: ANALYZE what is hashed "
                "first, with the right estimate it may join differently."
            )
        yield node_finding(
            plan,
            node,
            f"the hash table was split into {count_text(batches)} batches"
            f"{f' ({count_text(original)} planned)' if grown else ''} on disk; in one it takes "
            f"about {bytes_text(need * processes)}{of_time(plan, saving)}",
            memory.remedy(
                plan,
                first,
                advised,
                memory.hash_note(plan),
            ),
            saving_ms=saving,
            evidence={
                "batches": round(batches),
                "batches_planned": round(original),
                "memory_bytes": round((node.number("Peak Memory Usage") or 0) * 1024),
                "hash_table_bytes": round(need * processes),
                "hash_mem_multiplier": multiplier,
                "work_mem_needed_bytes": advised,
            },
        )


def _planned(plan: Plan, node: Node) -> int:
    """Processes planned for a parallel hash, which pool their memory."""
    for above in ancestors(plan, node):
        if (planned := above.number("Workers Planned")) is not None:
            return 1 + round(planned)
    return 1
