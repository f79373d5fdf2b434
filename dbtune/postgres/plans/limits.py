"""What a plan does not tell, so that nobody takes silence for health, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Skipped
from dbtune.postgres.plans.model import Plan

_ALL = "EXPLAIN (ANALYZE, BUFFERS, VERBOSE, SETTINGS)"


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
            "plan: what is missing",
            "the input ends in the middle of the plan",
            "copy the whole plan, or take it from a file",
        )
    if not plan.analyzed:
        yield Skipped(
            "plan: times, rows, spills, workers",
            "the plan was not executed: only estimates are judged",
            "--analyze" if live else f"{_ALL} ...  -- executes the statement",
        )
        if all(node.total_cost is None for node in plan.nodes):
            yield Skipped("plan: costs", "COSTS OFF: there is no estimate either", f"{_ALL} ...")
        return
    if not plan.timing:
        yield Skipped(
            "plan: times",
            "TIMING OFF: which node took the time is not known, so no saving can be given",
            f"{_ALL} ...  -- executes the statement",
        )
    if not plan.buffers and not live:
        yield Skipped(
            "plan: blocks read and written",
            "no node has buffers: cache, temporary files and bloat are not judged",
            f"{_ALL} ...  -- executes the statement",
        )
    elif plan.buffers and not plan.io_timing and _reads(plan):
        yield Skipped(
            "plan: time spent on I/O",
            "blocks were read, but not how long it took (track_io_timing is off)",
            "SET track_io_timing = on;  -- superuser, or a role with that right",
        )
    parallel = any(node.number("Workers Launched") for node in plan.nodes)
    if parallel and not any(one.loops for node in plan.nodes for one in node.workers):
        yield Skipped(
            "plan: how evenly parallel workers worked",
            "each worker's times are shown with VERBOSE only",
            f"{_ALL} ...  -- executes the statement",
        )
    if all(node.total_cost is None for node in plan.nodes):
        yield Skipped(
            "plan: estimates", "COSTS OFF: planned rows are not shown", f"{_ALL} ...  -- executes"
        )


def _reads(plan: Plan) -> bool:
    blocks = plan.root.buffers
    return blocks is not None and bool(
        blocks.shared_read + blocks.local_read + blocks.temp_read + blocks.temp_written
    )
