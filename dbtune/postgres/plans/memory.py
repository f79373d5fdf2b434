"""How much work_mem a sort or hash needs so as not to spill.

The formulas follow tuplesort.c, nodeHash.c and nodeAgg.c. Measured against the smallest work_mem
that avoids the spill, on PostgreSQL 13 to 18 with rows of 10 to 900 bytes: sorts and hash joins
within 1 % below to 26 % above it, hashed groups within 5 % below to 70 % above. ``MARGIN`` is to be
put on top; rows of very different lengths are what it is for.
"""

from __future__ import annotations

import math

from dbtune.errors import UsageError
from dbtune.finding import Remedy
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.rows import divisor
from dbtune.text import bytes_text, parse_bytes

MARGIN = 1.1
OLDEST = 13
"""The version to reckon with where a plan does not tell its own: older ones need more memory."""
MIB = 1024 * 1024
DEFAULT_WORK_MEM = 4 * MIB
TOO_MUCH = 1024 * MIB
"""Above this much work_mem no setting is offered to paste."""

_ON_TAPE = 6  # what writetup_heap leaves out of a tuple: its header's start, less a length word
_SORT_TUPLE = 24
_STORE_POINTER = 8
_HASH_TUPLE = 16 + 16  # HJTUPLE_OVERHEAD and the header of a minimal tuple
_SKEW = 0.98  # 2 % are kept for the most common values


def version(plan: Plan) -> int:
    """The oldest version that the plan may be from."""
    if any(node.rows_step < 1 for node in plan.nodes):
        return 18
    return max(OLDEST, plan.source.version_guess or OLDEST)


def sort_bytes(rows: float, disk_bytes: float, version: int, *, bounded: bool = False) -> float:
    """What a sort takes in memory that wrote so many rows to so much disk.

    Args:
        rows: rows that one process sorts at a time.
        disk_bytes: the temporary file that held them.
        version: since 15 rows are packed, before each took a power of two. 15 and 16 add headers.
        bounded: it sorts for a LIMIT, where rows are never packed.
    """
    rows = max(1.0, rows)
    length = disk_bytes / rows + _ON_TAPE
    return rows * (_SORT_TUPLE + _in_memory(length, 13 if bounded else version))


def store_bytes(rows: float, disk_bytes: float, version: int) -> float:
    """What a tuple store (CTE, Materialize, window, function) takes in memory."""
    rows = max(1.0, rows)
    length = disk_bytes / rows + _ON_TAPE
    # Tuple stores are packed since 18 only.
    return rows * (_STORE_POINTER + _in_memory(length, version if version >= 18 else 13))


def _in_memory(length: float, version: int) -> float:
    if version >= 15:
        return _aligned(length) + {15: 24, 16: 8}.get(version, 0)
    if length > 8192:
        return length + 64
    # A power of two each: on average 1.44 times the length where lengths vary.
    return 16 + max(_power_of_two(length), 1.4 * length)


def hash_join_bytes(node: Node, processes: int = 1) -> float | None:
    """What the table of a Hash takes in one batch; ``None`` if the plan does not tell.

    The planner sets the number of batches from its estimate, the execution raises it: to stay
    with one batch, the memory must do for both.

    Args:
        node: a Hash that has batches.
        processes: for a Parallel Hash the processes planned, which pool their memory.
    """
    batches, peak = node.number("Hash Batches"), node.number("Peak Memory Usage")
    if not batches or not peak:
        return None
    actual = batches * peak * 1024
    planned = 0.0
    if node.plan_rows is not None and node.plan_width is not None:
        rows = node.plan_rows * divisor(processes - 1)
        planned = rows * (_HASH_TUPLE + _aligned(node.plan_width)) + 8 * _power_of_two(rows)
    return max(actual, planned / _SKEW) / processes


def hash_groups_bytes(groups: float, width: float, aggregates: int, version: int) -> float:
    """What a hash table of groups takes.

    Args:
        groups: number of groups.
        width: bytes of the values that make a group.
        aggregates: aggregates that keep a value each; those that keep lists take more.
        version: headers became smaller with 16, and rows are packed since 18.
    """
    groups = max(1.0, groups)
    if version >= 18:
        key, states, bucket = _aligned(16 + width), 16.0 * max(1, aggregates), 16
    else:
        header = 8 if version >= 16 else 16
        key = header + _power_of_two(16 + width)
        states = header + _power_of_two(16 * max(1, aggregates))
        bucket = 24
    # Buckets double when nine tenths are full, and once more if the keys happen to cluster.
    return groups * (key + states) + 2 * bucket * _power_of_two(groups / 0.9)


def hash_multiplier(plan: Plan) -> float:
    """hash_mem_multiplier, as the plan's Settings say or as the version's default is."""
    try:
        return max(1.0, float(plan.settings.get("hash_mem_multiplier", "")))
    except ValueError:
        return 2.0 if version(plan) >= 15 else 1.0


def hash_note(plan: Plan) -> str:
    """What a number for work_mem assumes where it is multiplied for hashes."""
    known = "hash_mem_multiplier" in plan.settings
    return f"A hash may take work_mem times hash_mem_multiplier, {hash_multiplier(plan):g} here" + (
        "." if known else " unless it was changed."
    )


def work_mem_bytes(plan: Plan) -> int | None:
    """work_mem as the plan's Settings say, or ``None``."""
    try:
        return parse_bytes(plan.settings["work_mem"])
    except (KeyError, UsageError):
        return None


def advised_bytes(plan: Plan, need: float) -> int:
    """The work_mem to set: the need with its margin, more than it is now, in whole megabytes.

    Where the plan does not tell what it is now, it is taken for the default: less is seldom set,
    and advice to lower it would be worse than none.
    """
    current = work_mem_bytes(plan) or DEFAULT_WORK_MEM
    wanted = max(need * MARGIN, current * 1.25)
    return math.ceil(wanted / MIB) * MIB


def consumers(plan: Plan) -> int:
    """How many nodes of the plan may take work_mem at the same time."""
    taking = ("Sort", "Incremental Sort", "Hash", "Materialize", "Memoize", "WindowAgg", "CTE Scan")
    return sum(
        node.type in taking or (node.type == "Aggregate" and node.strategy in ("Hashed", "Mixed"))
        for node in plan.nodes
    )


def processes(plan: Plan) -> int:
    """How many processes work on the plan, the leader among them."""
    planned = [node.number("Workers Planned") or 0 for node in plan.nodes]
    return 1 + round(max(planned, default=0))


def remedy(plan: Plan, first: str, advised: int, note: str = "") -> Remedy:
    """Raise work_mem for the statement, with what that means for the server's memory.

    Args:
        plan: the plan.
        first: what to try before, one sentence.
        advised: from :func:`advised_bytes`.
        note: what the number assumes, or "".
    """
    count, parallel = consumers(plan), processes(plan)
    times = f"each of the plan's {count} sorts and hashes" if count > 1 else "each sort and hash"
    if parallel > 1:
        times += f" in each of its {parallel} processes"
    if advised > TOO_MUCH:
        text = (
            f"{first} In memory it would take about {bytes_text(advised)} of work_mem, too much "
            "for a statement: make it handle fewer or narrower rows."
        )
        return Remedy(f"{text} {note}".strip())
    text = (
        f"{first} Else raise work_mem to {bytes_text(advised)} for this statement only, not for "
        f"the server: it counts for {times}, of every session."
    )
    return Remedy(
        f"{text} {note}".strip(),
        sql=f"SET LOCAL work_mem = '{advised // MIB}MB';  -- in the statement's transaction",
        effect="lasts until the transaction's end",
    )


def _aligned(length: float) -> float:
    return math.ceil(length / 8) * 8


def _power_of_two(value: float) -> float:
    return 2.0 ** math.ceil(math.log2(max(1.0, min(value, 2.0**60))))
