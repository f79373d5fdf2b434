"""What a plan does not tell, so that nobody takes silence for health, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Skipped
from dbtune.postgres.plans.model import Plan

_ALL = "EXPLAIN (ANALYZE, BUFFERS, VERBOSE, SETTINGS) <the statement>;"


def not_judged(plan: Plan, *, live: bool = False) -> list[Skipped]:
    """What could not be judged for want of data in the plan.

    Args:
        plan: the plan.
        live: dbtune ran EXPLAIN itself: it asks for all the server has, and has an option to
            execute the statement.
    """
    return list(_limits(plan, live=live))


def _limits(plan: Plan, *, live: bool) -> Iterator[Skipped]:
    if plan.truncated:
        yield Skipped(
            "what is missing of a plan",
            "the input ends in the middle of it",
            "copy the whole plan, or take it from a file",
        )
    if all(node.total_cost is None for node in plan.nodes):
        yield Skipped("estimates", "the plan was made with COSTS OFF", _ALL)
    if not plan.analyzed:
        yield Skipped(
            "time, rows and blocks",
            "the plan is an estimate, the statement was not executed"
            + (": --analyze executes it" if live else ""),
            "" if live else _ALL,
        )
        return
    if not plan.timing:
        yield Skipped("time", "executed with TIMING OFF", "EXPLAIN (ANALYZE, TIMING ON, ...)")
    if not plan.buffers and not live:
        yield Skipped(
            "blocks read", "the plan has no counters of blocks", "EXPLAIN (ANALYZE, BUFFERS, ...)"
        )
    elif not plan.io_timing and _reads(plan):
        yield Skipped(
            "how long reading blocks took", "track_io_timing is off", "SET track_io_timing = on;"
        )
    parallel = any(node.number("Workers Launched") for node in plan.nodes)
    if parallel and not any(one.loops for node in plan.nodes for one in node.workers):
        yield Skipped(
            "how evenly parallel workers worked",
            "the plan has no numbers per worker",
            "EXPLAIN (ANALYZE, VERBOSE, ...)",
        )


def _reads(plan: Plan) -> bool:
    """Whether blocks were read, which every version times; those of temporary files only 15+."""
    blocks = plan.root.buffers
    return blocks is not None and bool(blocks.shared_read + blocks.local_read)
