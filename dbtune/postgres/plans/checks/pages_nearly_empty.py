"""plan.pages-nearly-empty"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.conditions import terms
from dbtune.postgres.plans.ddl import table_of
from dbtune.postgres.plans.impact import cautious_level, node_finding
from dbtune.postgres.plans.model import BLOCK_BYTES, Node, Plan
from dbtune.postgres.plans.scans import is_user_table
from dbtune.text import bytes_text, count_text, plain

_ROWS_PER_PAGE = 4
"""TOAST_TUPLES_PER_PAGE: rows are made short enough, if need be by TOAST, for so many to fit."""
_SIMPLE = ("equality", "range", "unequal", "null", "boolean")


@check("plan.pages-nearly-empty", confidence=Confidence.rule_of_thumb)
def pages_nearly_empty(
    plan: Plan,
    *,
    min_blocks: int = 1000,
    min_factor: float = 3.0,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """A table is read that has far more pages than its rows take: it is probably bloated.

    Why: Deleted and outdated rows leave room that a sequential scan reads all the same. At least
    four rows fit on a page, however wide they are, since PostgreSQL moves long values elsewhere.

    Mistaken when: The scan itself reads long values (TOAST), whose pages count, too; the table's
    columns are too many to be shortened; or a large load or delete is still under way.

    Remedy: VACUUM, so that the room is used again. To give it back: VACUUM FULL, which locks the
    table against everything, or pg_repack. Find what kept autovacuum away (long transactions,
    replication slots, scale factor).

    Verify: dbtune bloat TARGET measures the table; after the rewrite the scan reads fewer blocks.
    """
    for node in plan.nodes:
        blocks, rows = _read(node)
        if node.type != "Seq Scan" or not is_user_table(node) or _computes(node):
            continue
        needed = max(1.0, rows / _ROWS_PER_PAGE)
        if blocks < max(min_blocks, min_factor * needed):
            continue
        saving = None if node.self_ms is None else node.self_ms * (1 - needed / blocks)
        if not worth(plan, saving, min_ms, min_share):
            continue
        yield node_finding(
            plan,
            node,
            f"read {count_text(round(blocks))} blocks ({bytes_text(blocks * BLOCK_BYTES)}) for "
            f"{count_text(round(rows))} rows; {count_text(round(needed))} hold as many at least",
            Remedy(
                "Measure it: dbtune bloat. Where it is so, VACUUM it, see why autovacuum did not, "
                "and rewrite the table if the room is not needed again.",
                sql=f"VACUUM (VERBOSE, ANALYZE) {plain(table_of(node))};",
                effect="reads the table; blocks neither reads nor writes",
            ),
            saving_ms=saving,
            evidence={
                "blocks_read": round(blocks),
                "rows_read": round(rows),
                "blocks_needed_at_most": round(needed),
            },
            level_=cautious_level(plan, saving),
        )


def _read(node: Node) -> tuple[float, float]:
    """Blocks and rows in all loops."""
    own = node.self_buffers
    blocks = own.shared_hit + own.shared_read if own else 0.0
    return blocks, (node.total_rows or 0) + (node.removed.filter or 0)


def _computes(node: Node) -> bool:
    """Whether the scan looks into values, which may be long and lie elsewhere."""
    found = terms(node.conditions.get("Filter", ""), node.alias or node.relation)
    simple = all(term.column and term.kind in _SIMPLE and not term.cast for term in found)
    return not simple or any("(" in output for output in node.texts("Output"))
