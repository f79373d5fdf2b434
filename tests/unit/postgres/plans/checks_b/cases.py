"""Plans that must and that must not make a check speak, by the check's name."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.unit.postgres.plans.checks_b.builder import Raw, document, node, scan, sub


class Case(NamedTuple):
    """Plans with a defect, and plans beside it that have none."""

    bad: list[Raw]
    fine: list[Raw]


def sort(ms: float, rows: float, kind: str, kb: float, **more: Any) -> Raw:
    below = scan(ms * 0.2, more.pop("input_rows", rows), loops=more.get("loops", 1))
    method = "external merge" if kind == "Disk" else "quicksort"
    return node(
        "Sort",
        ms,
        rows,
        below,
        Sort_Key=["t.a"],
        Sort_Method=method,
        Sort_Space_Type=kind,
        Sort_Space_Used=kb,
        **more,
    )


def worker(number: int, **more: Any) -> Raw:
    return {
        "Worker Number": number,
        **{key.replace("_", " "): value for key, value in more.items()},
    }


def gather(child: Raw, planned: int = 2, launched: int = 2, kind: str = "Gather") -> Raw:
    processes = child["Actual Loops"] or 1
    return node(
        kind,
        child["Actual Total Time"] + 1,
        child["Actual Rows"] * processes,
        child,
        Workers_Planned=planned,
        Workers_Launched=launched,
    )


SPILLED = sort(500, 200_000, "Disk", 9600)
IN_MEMORY = sort(500, 200_000, "Memory", 20_000)
LEADER_IN_MEMORY = gather(
    sort(
        900,
        300_000,
        "Memory",
        900,
        loops=3,
        Workers=[
            worker(
                number,
                Sort_Method="external merge",
                Sort_Space_Type="Disk",
                Sort_Space_Used=4000 + 1000 * number,
            )
            for number in range(2)
        ],
    ),
    kind="Gather Merge",
)
SORT = Case(
    [SPILLED, LEADER_IN_MEMORY],
    [
        IN_MEMORY,
        sort(0.5, 500, "Disk", 200),
        # Half a millisecond of a second.
        node("Nested Loop", 1000, 1, sort(4, 500, "Disk", 200), scan(990, 10, "u")),
        sort(0, 0, "Disk", 9600, loops=0),
    ],
)


def hash_join(ms: float, batches: int, planned: int = 0, kb: float = 4000, **more: Any) -> Raw:
    table = node(
        "Hash",
        ms * 0.4,
        400_000,
        scan(ms * 0.2, 400_000, "u"),
        Hash_Batches=batches,
        Original_Hash_Batches=planned or batches,
        Hash_Buckets=65536,
        Peak_Memory_Usage=kb,
        **more,
    )
    return node("Hash Join", ms, 400_000, scan(ms * 0.2, 400_000), table, Hash_Cond="(t.a = u.a)")


HASH = Case(
    [hash_join(500, 8), hash_join(500, 64, planned=2)],
    [hash_join(500, 1), hash_join(1, 8)],
)


def groups(ms: float, disk: float, partitions: int = 4, **more: Any) -> Raw:
    return node(
        "Aggregate",
        ms,
        100_000,
        scan(ms * 0.2, 1_000_000),
        Strategy="Hashed",
        Partial_Mode="Simple",
        Group_Key=["t.a"],
        **({"Planned Partitions": partitions} if partitions else {}),
        HashAgg_Batches=5 if disk else 1,
        Peak_Memory_Usage=4200,
        Disk_Usage=disk,
        **more,
    )


AGGREGATE = Case(
    [groups(500, 9000), groups(500, 9000, partitions=0)],
    [groups(500, 0), groups(1, 9000)],
)


def incremental(ms: float, space: str, kb: float, **more: Any) -> Raw:
    group = {
        "Group Count": 2,
        "Sort Methods Used": ["external merge" if space == "Disk" else "quicksort"],
        f"Sort Space {space}": {"Average Sort Space Used": kb, "Peak Sort Space Used": kb},
    }
    return node(
        "Incremental Sort",
        ms,
        200_000,
        scan(ms * 0.2, 200_000),
        Sort_Key=["t.a", "t.b"],
        Presorted_Key=["t.a"],
        **{"Pre-sorted Groups": group},
        **more,
    )


INCREMENTAL = Case(
    [incremental(500, "Disk", 9000), incremental(50, "Disk", 2000)],
    [incremental(500, "Memory", 9000), incremental(2, "Disk", 9000)],
)


def cte(ms: float, rows: float, removed: float, readers: int = 1, **more: Any) -> Raw:
    body = sub("InitPlan", "CTE x", scan(ms * 0.8, rows))
    scans = [
        node(
            "CTE Scan",
            ms * (0.9 if not number else 0.05),
            rows - removed,
            CTE_Name="x",
            Alias=f"x{number}",
            Filter="(a = 5)",
            **{"Rows Removed by Filter": removed},
            **more,
        )
        for number in range(readers)
    ]
    root = node("Append", ms, (rows - removed) * readers, *scans)
    root["Plans"].insert(0, body)
    return root


STORE = Case(
    [
        cte(500, 200_000, 0, Storage="Disk", **{"Maximum Storage": 9000}),
        node("Materialize", 500, 200_000, scan(100, 200_000), **{"Temp Written Blocks": 2000}),
        node(
            "Function Scan",
            500,
            900_000,
            **{"Temp Written Blocks": 2000, "Function Name": "generate_series", "Alias": "g"},
        ),
    ],
    [
        cte(500, 200_000, 0, Storage="Memory", **{"Maximum Storage": 9000}),
        node("Materialize", 500, 200_000, scan(498, 200_000), **{"Temp Written Blocks": 2000}),
        node("Materialize", 500, 200_000, scan(100, 200_000), **{"Temp Written Blocks": 20}),
    ],
)


def bitmap(ms: float, exact: int, lossy: int, removed: float, kept: float) -> Raw:
    return node(
        "Bitmap Heap Scan",
        ms,
        kept,
        node("Bitmap Index Scan", ms * 0.01, kept, Index_Name="t_a", Index_Cond="(a < 5)"),
        Relation_Name="t",
        Alias="t",
        Recheck_Cond="(a < 5)",
        **{
            "Rows Removed by Index Recheck": removed,
            "Exact Heap Blocks": exact,
            "Lossy Heap Blocks": lossy,
        },
    )


BITMAP = Case(
    [bitmap(200, 700, 2000, 50_000, 5000), bitmap(2000, 900, 50_000, 1_000_000, 100_000)],
    [
        bitmap(200, 5000, 0, 0, 5000),
        bitmap(200, 700, 2000, 10, 50_000),
        bitmap(200, 0, 2000, 50_000, 5000),  # BRIN
    ],
)


def memoize(ms: float, hits: int, misses: int, evictions: int = 0) -> Raw:
    inner = node(
        "Memoize",
        ms * 0.8,
        hits + misses,
        scan(ms * 0.6, misses, "u", loops=misses),
        loops=hits + misses,
        Cache_Key="t.a",
        Cache_Mode="logical",
        **{
            "Cache Hits": hits,
            "Cache Misses": misses,
            "Cache Evictions": evictions,
            "Cache Overflows": 0,
            "Peak Memory Usage": 4097,
        },
    )
    return node("Nested Loop", ms, hits + misses, scan(ms * 0.1, hits + misses), inner)


EVICTIONS = Case(
    [memoize(500, 5000, 9000, 8000), memoize(5000, 500, 9000, 2000)],
    [memoize(500, 5000, 9000, 10), memoize(500, 0, 9000, 8000), memoize(2, 5000, 9000, 8000)],
)
MISSES = Case(
    [memoize(500, 100, 9000), memoize(500, 0, 9000, 8000)],
    [memoize(500, 9000, 100), memoize(500, 100, 300), memoize(500, 5000, 9000, 8000)],
)
LOCAL = Case(
    [
        scan(100, 200_000, **{"Local Read Blocks": 4000, "Local Hit Blocks": 10}),
        node("Aggregate", 100, 1, scan(90, 200_000, **{"Local Read Blocks": 2000}),
             **{"Local Read Blocks": 2000}),
    ],
    [
        scan(100, 200_000, **{"Local Read Blocks": 10, "Local Hit Blocks": 4000}),
        scan(100, 200_000, **{"Shared Read Blocks": 4000}),
    ],
)  # fmt: skip


def looped_sort(ms: float, loops: int, below_loops: int, *, limit: bool = False) -> Raw:
    below = scan(ms * 0.5, 50 * loops, "u", loops=below_loops)
    inner = node("Sort", ms * 0.9, loops * (1 if limit else 50), below, loops=loops,
                 Sort_Key=["u.b"], Sort_Method="quicksort", Sort_Space_Type="Memory",
                 Sort_Space_Used=25)  # fmt: skip
    if limit:
        inner = node("Limit", ms * 0.9, loops, inner, loops=loops)
    return node("Nested Loop", ms, loops, scan(ms * 0.01, loops), inner)


REPEATED_SORT = Case(
    [looped_sort(500, 1000, 1000), looped_sort(500, 1000, 1000, limit=True)],
    [looped_sort(500, 1000, 1), looped_sort(500, 2, 2), looped_sort(3, 1000, 1000)],
)


def top_n(ms: float, rows: float, limit: float, **more: Any) -> Raw:
    below = scan(ms * 0.5, rows, **more)
    inner = node("Sort", ms * 0.99, limit, below, Sort_Key=["t.a DESC", "t.id DESC"],
                 Sort_Method="top-N heapsort", Sort_Space_Type="Memory",
                 Sort_Space_Used=27)  # fmt: skip
    return node("Limit", ms, limit, inner)


FEW_ROWS = Case(
    [top_n(200, 100_000, 10), top_n(200, 100_000, 1, Filter="(customer = 5)")],
    [top_n(200, 100_000, 90_000), top_n(2, 100_000, 10), top_n(200, 500, 10)],
)


def distinct(ms: float, into: float, out: float, kind: str = "Unique", **more: Any) -> Raw:
    join = node("Nested Loop", ms * 0.8, into, scan(ms * 0.01, 10), scan(ms * 0.1, into, "u"))
    return node(kind, ms, out, node("Sort", ms * 0.9, into, join, Sort_Key=["t.a"]), **more)


DISTINCT = Case(
    [
        distinct(500, 200_000, 1000),
        distinct(500, 200_000, 1000, "Aggregate", Strategy="Hashed", Partial_Mode="Simple",
                 Group_Key=["t.a"], Output=["t.a"]),
    ],
    [
        distinct(500, 200_000, 150_000),
        distinct(2, 200_000, 1000),
        distinct(500, 200_000, 1000, "Aggregate", Strategy="Hashed", Partial_Mode="Simple",
                 Group_Key=["t.a"], Output=["t.a", "count(*)"]),
        distinct(500, 200_000, 1000, "Aggregate", Strategy="Hashed", Partial_Mode="Simple",
                 Group_Key=["t.a"]),
    ],
)  # fmt: skip


def handed_over(ms: float, own: float, rows: float, grouped: bool = False) -> Raw:
    child = scan((ms - own) * 3, rows, loops=3, Parallel_Aware=True)
    found = node("Gather", ms, rows, child, Workers_Planned=2, Workers_Launched=2)
    return node("Aggregate", ms + 1, 1, found, Strategy="Plain") if grouped else found


MANY_GATHERED = Case(
    [handed_over(2000, 1500, 2_000_000), handed_over(2000, 900, 2_000_000, grouped=True)],
    [handed_over(2000, 1500, 1000), handed_over(2000, 20, 2_000_000)],
)
NOT_LAUNCHED = Case(
    [gather(scan(300, 100, loops=1), 2, 0), gather(scan(300, 100, loops=3), 4, 2)],
    [
        gather(scan(300, 100, loops=3), 2, 2),
        gather(scan(1, 100, loops=1), 2, 0),
        gather(scan(0, 0, loops=0), 2, 0),
    ],
)


def uneven(*ms: float, leader: float = 0.0, own: float = 1) -> Raw:
    """A Gather whose workers, and maybe leader, took so long."""
    workers = [
        worker(number, **{"Actual Startup Time": 0.1, "Actual Total Time": one,
                          "Actual Rows": 10, "Actual Loops": 1})
        for number, one in enumerate(ms)
    ]  # fmt: skip
    processes = len(ms) + bool(leader)
    child = scan(sum(ms) + leader, 10 * processes, loops=processes, Workers=workers)
    return node("Gather", max(*ms, leader) + own, 10, child, Workers_Planned=len(ms),
                Workers_Launched=len(ms))  # fmt: skip


UNEVEN = Case(
    [uneven(900, 100, 100), uneven(50, 60, leader=1000)],
    [uneven(900, 850, leader=800), uneven(9, 1, 1), uneven(900, 850)],
)


def serial(ms: float, rows: float, removed: float, **more: Any) -> Raw:
    found = scan(ms * 0.9, rows, Filter="(a > 5)", **{"Rows Removed by Filter": removed})
    return document(node("Aggregate", ms, 1, found, Strategy="Plain"), **more)


NOT_PARALLEL = Case(
    [
        serial(3000, 5000, 3_000_000),
        serial(3000, 0, 3_000_000, Settings={"max_parallel_workers_per_gather": "0"}),
    ],
    [
        serial(300, 5000, 3_000_000),
        serial(3000, 5000, 1000),
        node("ModifyTable", 3000, 0, scan(2900, 3_000_000), Operation="Delete", Relation_Name="t"),
        node("Limit", 3000, 10, scan(2900, 3_000_000)),
    ],
)


def jit(total: float, execution: float, optimizing: float = 0.0, **more: Any) -> Raw:
    timing = {"Generation": total - optimizing, "Inlining": 0.0, "Optimization": optimizing,
              "Emission": 0.0, "Total": total}  # fmt: skip
    return document(
        scan(execution * 0.9, 100, cost=123_456.0),
        Execution_Time=execution,
        JIT={"Functions": 20, "Options": {"Inlining": bool(optimizing)}, "Timing": timing},
        **more,
    )


JIT = Case(
    [jit(600, 1000), jit(300, 1000, optimizing=250)],
    [jit(5, 1000), jit(8, 10), document(scan(100, 10))],
)
CTE = Case(
    [cte(500, 200_000, 199_000), cte(500, 200_000, 190_000, readers=2)],
    [
        cte(500, 200_000, 0),
        cte(500, 200_000, 60_000, readers=2),
        cte(2, 200_000, 199_000),
    ],
)


def subplan(ms: float, loops: int, kind: str = "Seq Scan", **more: Any) -> Raw:
    below = scan(ms * 0.01, 6000, "u") if kind == "Materialize" else None
    inner = node(kind, ms * 0.9, 3000 * loops, *([below] if below else []), loops=loops,
                 **({} if below else {"Relation Name": "u", "Alias": "u",
                                      "Filter": "(u.a = t.a)"}), **more)  # fmt: skip
    outer = scan(ms, loops, Filter="(NOT (SubPlan 1))")
    outer["Plans"] = [sub("SubPlan", "SubPlan 1", inner)]
    return outer


CORRELATED = Case(
    [subplan(500, 1000), subplan(500, 5000, "Index Scan", Index_Name="u_a")],
    [subplan(500, 5), subplan(3, 1000), subplan(500, 1000, "Materialize")],
)
NOT_HASHED = Case(
    [subplan(500, 1000, "Materialize"), subplan(5000, 9000, "Materialize", width=200)],
    [subplan(500, 1000), subplan(3, 1000, "Materialize"), subplan(500, 5, "Materialize")],
)


def subqueries(ms: float, *filters: str) -> Raw:
    found = node("Result", ms, 1, Output=[f"(InitPlan {n}).col1" for n in range(1, 3)])
    found["Plans"] = [
        sub("InitPlan", f"InitPlan {number}",
            scan(ms * 0.4, 10, "u", alias=f"u_{number}", Filter=f"(u_{number}.a > {one})"))
        for number, one in enumerate(filters, 1)
    ]  # fmt: skip
    return found


TWICE = Case(
    [subqueries(500, "5", "5"), subqueries(500, "5", "5", "5")],
    [subqueries(500, "5", "6"), subqueries(4, "5", "5"), subqueries(500, "5")],
)


def delete(
    calls: int, ms: float, operation: str = "Delete", relation: str = "parent", **trigger: str
) -> Raw:
    found = node("ModifyTable", 5, 0, scan(4, calls, relation), Operation=operation,
                 Relation_Name="parent", Alias="parent")  # fmt: skip
    keys: Raw = {"Relation": relation, "Time": ms, "Calls": calls}
    keys |= {key.replace("_", " "): value for key, value in trigger.items()}
    return document(found, Execution_Time=6 + ms, Triggers=[keys])


FK = {"Trigger_Name": "RI_ConstraintTrigger_a_16400", "Constraint_Name": "child_parent_fkey"}
FOREIGN_KEY = Case(
    [delete(100, 900, **FK), delete(3, 60, "Update", Constraint_Name="child_parent_fkey")],
    [
        delete(1000, 20, **FK),
        delete(100, 900, "Insert", **FK),
        delete(100, 900, Trigger_Name="audit"),
        delete(1, 0.9, **FK),
        delete(100, 900, "Update", "child", Trigger_Name="RI_ConstraintTrigger_c_16401",
               Constraint_Name="child_parent_fkey"),
    ],
)  # fmt: skip
TRIGGER = Case(
    [delete(100, 900, Trigger_Name="audit"), delete(10_000, 400, "Insert", **FK)],
    [delete(100, 900, **FK), delete(10, 0.2, Trigger_Name="audit"), document(scan(100, 10))],
)


def planned(planning: float, execution: float, **more: Any) -> Raw:
    return document(scan(execution, 10), Planning_Time=planning, Execution_Time=execution, **more)


PLANNING = Case(
    [
        planned(80, 3),
        planned(9, 2, Planning={"Shared Hit Blocks": 10, "Shared Read Blocks": 300}),
    ],
    [planned(80, 300), planned(2, 0.1), document(scan(1, 1), Planning_Time=None)],
)


def with_settings(**settings: str) -> Raw:
    return document(scan(10, 10), Settings=settings)


SETTING = Case(
    [with_settings(enable_hashjoin="off"), with_settings(random_page_cost="0.5")],
    [
        with_settings(work_mem="64MB", random_page_cost="1.1", enable_partitionwise_join="on"),
        with_settings(enable_partitionwise_join="off", join_collapse_limit="12"),
        document(scan(10, 10)),
    ],
)
DISABLED = Case(
    [scan(10, 10, Disabled=True), scan(10, 10, cost=1e10 + 5)],
    [scan(10, 10, Disabled=False), scan(10, 10, cost=5e6)],
)


def reading(ms: float, hit: int, read: int, io: float | None = None, key: str = "") -> Raw:
    times = {} if io is None else {key or "I/O Read Time": io}
    return scan(ms, 5000, **{"Shared Hit Blocks": hit, "Shared Read Blocks": read, **times})


COLD = Case(
    [reading(500, 10, 20_000, 300, "Shared I/O Read Time"), reading(500, 10, 20_000)],
    [
        reading(500, 20_000, 10, 0.2),
        reading(500, 10, 20_000, 5),
        reading(500, 10, 5000),
        reading(500, 10, 200, 300),
    ],
)
SLOW_READS = Case(
    [reading(900, 10, 200, 800), reading(9000, 10, 3000, 8000, "Shared I/O Read Time")],
    [reading(900, 10, 20_000, 800), reading(900, 10, 20, 800), reading(900, 10, 3000)],
)


def dirtied(dirty: int, hit: int = 5000, /, **more: Any) -> Raw:
    return scan(100, 5000, **{"Shared Hit Blocks": hit, "Shared Dirtied Blocks": dirty}, **more)


DIRTY = Case(
    [dirtied(4000), node("Aggregate", 100, 1, dirtied(2000), Strategy="Plain")],
    [
        dirtied(100),
        dirtied(2000, 90_000),
        node("ModifyTable", 100, 0, dirtied(4000), Operation="Update", Relation_Name="t"),
    ],
)


def wrote(written: int, hit: int = 5000, /, **more: Any) -> Raw:
    return scan(100, 5000, **{"Shared Hit Blocks": hit, "Shared Written Blocks": written}, **more)


WRITES = Case(
    [wrote(4000), wrote(4000, **{"Shared I/O Write Time": 60})],
    [wrote(100), wrote(2000, 90_000), wrote(4000, **{"Shared I/O Write Time": 0.5})],
)


def logged(rows: float, kb: float, images: int = 0, full: int = 0, **more: Any) -> Raw:
    wal = {"WAL Records": rows, "WAL FPI": images, "WAL Bytes": kb * 1024}
    wal |= {"WAL Buffers Full": full} if full else {}
    return node("ModifyTable", 500, 0, scan(100, rows, width=30), Operation="Update",
                Relation_Name="t", Alias="t", **wal, **more)  # fmt: skip


AMPLIFIED = Case(
    [logged(20_000, 20_000), logged(200_000, 300_000)],
    [logged(200_000, 20_000), logged(20_000, 20_000, images=2400), logged(2000, 2000)],
)
IMAGES = Case(
    [logged(20_000, 20_000, images=2400), logged(200_000, 90_000, images=9000)],
    [logged(20_000, 20_000, images=20), logged(20, 900, images=100), scan(10, 10)],
)
WAL_FULL = Case(
    [logged(20_000, 20_000, full=500), logged(20_000, 20_000, full=5000)],
    [logged(20_000, 20_000, full=3), scan(10, 10)],
)


def serialized(ms: float, kb: float, rows: float = 5000) -> Raw:
    found = {"Time": ms, "Output Volume": kb, "Format": "text", "Shared Hit Blocks": 7}
    return document(scan(100, rows), Execution_Time=100 + ms, Serialization=found)


SERIALIZATION = Case(
    [serialized(200, 50_000), serialized(40, 9000)],
    [serialized(3, 900), document(scan(100, 10))],
)
RESULT = Case(
    [scan(500, 900_000), serialized(200, 50_000, rows=20_000)],
    [
        scan(500, 500),
        scan(500, 20_000),
        node("ModifyTable", 500, 900_000, scan(400, 900_000), Operation="Insert"),
    ],
)
TIMING = Case(
    [
        node("Aggregate", 400, 1, scan(300, 4_000_000), Strategy="Plain"),
        node("Nested Loop", 900, 9_000_000, scan(1, 9), scan(600, 9_000_000, "u", loops=9)),
    ],
    [
        node("Aggregate", 400, 1, scan(300, 4000), Strategy="Plain"),
        node("Aggregate", 90_000, 1, scan(80_000, 4_000_000), Strategy="Plain"),
    ],
)
UNACCOUNTED = Case(
    [
        document(scan(100, 10), Execution_Time=300),
        document(gather(scan(90, 10, loops=3)), Execution_Time=200),
    ],
    [
        document(scan(100, 10), Execution_Time=105),
        document(scan(1, 10), Execution_Time=10),
        {**jit(180, 300), "Plan": scan(110, 10)},
    ],
)


def locked(ms: float, rows: float, operation: str = "Update", /, **more: Any) -> Raw:
    return node("ModifyTable", ms, 0, scan(0.1, rows), Operation=operation, Relation_Name="t",
                Alias="t", **more)  # fmt: skip


LOCK = Case(
    [locked(3000, 1), node("LockRows", 900, 2, scan(0.1, 2))],
    [
        locked(3000, 100_000),
        locked(90, 1),
        locked(3000, 1, "Insert"),
        locked(3000, 1, **{"Shared Read Blocks": 900, "Shared I/O Read Time": 2990}),
    ],
)


def spilling(*times: float, blocks: int = 600) -> Raw:
    """Sorts of partitions, each of which writes a little."""
    sorts = [
        node("Sort", ms, 1000, scan(ms / 2, 1000, f"p{number}"), Sort_Key=["a"],
             **{"Temp Written Blocks": blocks})
        for number, ms in enumerate(times)
    ]  # fmt: skip
    rest = scan(1000, 10, "u")
    total = 1000.0 + sum(times)
    temp = {"Temp Written Blocks": blocks * len(times)}
    return node("Append", total, 1000, rest, *sorts, **temp)


SPILLS = Case(
    [spilling(*[20.0] * 8), spilling(*[30.0] * 40, blocks=100)],
    [
        spilling(*[20.0] * 8, blocks=10),
        spilling(0.5, 0.5, blocks=900),
        spilling(900),
        sort(500, 200_000, "Disk", 9600),
    ],
)


def removed(rows: float, condition: str, kept: float = 10, **more: Any) -> Raw:
    return scan(500, kept, Filter=condition, Rows_Removed_by_Filter=rows, **more)


DONE = "(status <> 'done'::text)"
NEGATED = Case(
    [
        removed(90_000, DONE),
        removed(90_000, "((deleted IS NULL) AND (status <> ALL ('{done,gone}'::text[])))"),
        removed(90_000, "(status <> $1)"),
    ],
    [
        removed(90_000, DONE, kept=80_000),
        removed(900, DONE),
        removed(90_000, f"({DONE} AND (customer = 5))"),
        removed(90_000, "(lower(status) <> 'done'::text)"),
        removed(90_000, DONE, loops=500),
    ],
)


def pages(blocks: int, rows: float, dropped: float = 0, **more: Any) -> Raw:
    more = {"Filter": "(a = 5)", **more} if dropped else more
    return scan(
        300, rows, **{"Shared Hit Blocks": blocks, "Rows Removed by Filter": dropped}, **more
    )


EMPTY_PAGES = Case(
    [pages(9000, 1000), pages(50_000, 10, 20_000), pages(9000, 1000, Output=["a", "b"])],
    [
        pages(9000, 100_000),
        pages(9000, 10, 40_000),
        pages(900, 10),
        pages(9000, 10, 1000, Filter="((doc ->> 'k'::text) = 'x'::text)"),
        pages(9000, 1000, Output=["length(doc)"]),
    ],
)


def foreign(ms: float, rows: float, table: str = "f", **more: Any) -> Raw:
    return node("Foreign Scan", ms, rows, Relation_Name=table, Alias=table, Schema="public", **more)


def appended(*children: Raw) -> Raw:
    total = sum(child["Actual Total Time"] for child in children)
    return node("Append", total, sum(child["Actual Rows"] for child in children), *children)


IN_TURN = Case(
    [
        appended(foreign(300, 10, "f1"), foreign(200, 10, "f2"), foreign(100, 10, "f3")),
        appended(scan(10, 5), foreign(300, 10, "f1"), foreign(290, 10, "f2")),
    ],
    [
        appended(*(foreign(300, 10, f"f{n}", Async_Capable=True) for n in range(3))),
        appended(foreign(300, 10), scan(200, 10)),
        appended(foreign(300, 10, "f1"), foreign(0.1, 10, "f2")),
        appended(foreign(300, 10, "f1"), foreign(0, 0, "f2", loops=0)),
    ],
)
FETCHES = Case(
    [foreign(900, 500_000), node("Hash Join", 900, 10, foreign(500, 90_000), scan(9, 9))],
    [
        foreign(900, 500),
        foreign(20, 500_000),
        node("Hash Join", 9000, 10, foreign(500, 90_000), scan(9, 9)),
        scan(900, 500_000),
    ],
)


def guessed(groups: float, planned: float = 200, above: str = "Hash Join", **more: Any) -> Raw:
    grouped = node("Aggregate", 400, groups, scan(200, 90_000), Strategy="Hashed",
                   plan_rows=planned, Group_Key=["(a % 9)"], **more)  # fmt: skip
    return node(above, 900, groups, grouped, scan(100, 9, "u"))


GUESSED = Case(
    [
        guessed(30_000),
        guessed(5000, above="Nested Loop"),
        guessed(90_000, above="Append", HashAgg_Batches=5),
    ],
    [guessed(300), guessed(30_000, planned=25_000), guessed(30_000, above="Append")],
)

CASES: dict[str, Case] = {
    "plan.backend-writes": WRITES,
    "plan.cold-cache": COLD,
    "plan.correlated-subplan": CORRELATED,
    "plan.cte-materialized": CTE,
    "plan.dirtying-read": DIRTY,
    "plan.disabled-method": DISABLED,
    "plan.distinct-after-join": DISTINCT,
    "plan.distorting-setting": SETTING,
    "plan.foreign-key-without-index": FOREIGN_KEY,
    "plan.foreign-scan-many-fetches": FETCHES,
    "plan.foreign-scans-in-turn": IN_TURN,
    "plan.full-page-images": IMAGES,
    "plan.gather-many-rows": MANY_GATHERED,
    "plan.groups-guessed": GUESSED,
    "plan.hash-aggregate-spill": AGGREGATE,
    "plan.hash-join-spill": HASH,
    "plan.incremental-sort-spill": INCREMENTAL,
    "plan.jit-dominates": JIT,
    "plan.large-result": RESULT,
    "plan.lossy-bitmap": BITMAP,
    "plan.memoize-evictions": EVICTIONS,
    "plan.memoize-misses": MISSES,
    "plan.negated-condition": NEGATED,
    "plan.not-parallel": NOT_PARALLEL,
    "plan.pages-nearly-empty": EMPTY_PAGES,
    "plan.planning-dominates": PLANNING,
    "plan.possible-lock-wait": LOCK,
    "plan.repeated-sort": REPEATED_SORT,
    "plan.repeated-subquery": TWICE,
    "plan.serialization-dominates": SERIALIZATION,
    "plan.slow-reads": SLOW_READS,
    "plan.slow-trigger": TRIGGER,
    "plan.sort-for-few-rows": FEW_ROWS,
    "plan.sort-spill": SORT,
    "plan.spills-add-up": SPILLS,
    "plan.subplan-not-hashed": NOT_HASHED,
    "plan.temp-table-reads": LOCAL,
    "plan.timing-overhead": TIMING,
    "plan.tuple-store-spill": STORE,
    "plan.unaccounted-time": UNACCOUNTED,
    "plan.uneven-workers": UNEVEN,
    "plan.wal-amplified": AMPLIFIED,
    "plan.wal-buffers-full": WAL_FULL,
    "plan.workers-not-launched": NOT_LAUNCHED,
}
