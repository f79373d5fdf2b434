"""A plan and its nodes, whatever format they came in. Units stand in the names.

``None`` means that the plan does not tell, 0 that it says zero. Per-loop numbers are EXPLAIN's
own: averages over all loops of all processes. Totals, ``inclusive_*`` and ``self_*`` are made of
them by :mod:`dbtune.postgres.plans.exclusive`, which explains the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, Self

from dbtune.postgres.plans.keys import Value

BLOCK_BYTES = 8192
"""Of a block, unless the server was built otherwise."""


class _Counters:
    """Counters that are added and subtracted field by field."""

    __slots__ = ()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The counters' names."""
        return tuple(one.name for one in fields(cls))  # type: ignore[arg-type]

    def values(self) -> tuple[float, ...]:
        """The counters' values, in the order of their names."""
        return tuple(getattr(self, name) for name in self.names())

    def __add__(self, other: Self) -> Self:
        return type(self)(*map(sum, zip(self.values(), other.values(), strict=True)))

    def __bool__(self) -> bool:
        return any(self.values())


@dataclass(frozen=True, slots=True)
class Buffers(_Counters):
    """Blocks of ``BLOCK_BYTES``; all loops of all processes."""

    shared_hit: float = 0
    shared_read: float = 0
    shared_dirtied: float = 0
    shared_written: float = 0
    local_hit: float = 0
    local_read: float = 0
    local_dirtied: float = 0
    local_written: float = 0
    temp_read: float = 0
    temp_written: float = 0


@dataclass(frozen=True, slots=True)
class IoTimes(_Counters):
    """Time spent on I/O, summed over all processes. Up to 16, shared includes local."""

    shared_read_ms: float = 0
    shared_write_ms: float = 0
    local_read_ms: float = 0
    local_write_ms: float = 0
    temp_read_ms: float = 0
    temp_write_ms: float = 0


@dataclass(frozen=True, slots=True)
class Wal(_Counters):
    """Write-ahead log; ``fpi`` are full-page images, ``buffers_full`` since 18."""

    records: float = 0
    fpi: float = 0
    bytes: float = 0
    buffers_full: float = 0


@dataclass(frozen=True, slots=True)
class Worker:
    """What one parallel worker did in a node. Times and rows are per loop.

    Attributes:
        number: the worker's number, from 0.
        props: what else is said of it (Sort Method, JIT, ...), under the keys of FORMAT JSON.
    """

    number: int
    startup_ms: float | None = None
    total_ms: float | None = None
    rows: float | None = None
    loops: int | None = None
    buffers: Buffers | None = None
    io: IoTimes | None = None
    wal: Wal | None = None
    props: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger that fired.

    Attributes:
        name: the trigger; ``None`` where a constraint stands for it.
        constraint: the constraint whose trigger it is.
        phase: ``before`` if its time is part of a node's, ``after`` if it comes on top of the
            nodes' time; ``None`` if the plan does not tell.
    """

    name: str | None
    constraint: str | None
    relation: str | None
    calls: float
    time_ms: float | None
    phase: Literal["before", "after"] | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """Rows that conditions removed, in all loops; rounded per loop, to within ``error``."""

    filter: float | None = None
    join_filter: float | None = None
    recheck: float | None = None
    conflict: float | None = None
    error: float = 0


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a plan.

    Attributes:
        id: number in tree order, from 0; the index in ``Plan.nodes``.
        parent: id of the parent, ``None`` for the root.
        relationship: ``Outer``, ``Inner``, ``Member``, ``Subquery``, ``InitPlan`` (also of a
            CTE), ``SubPlan``, ``child``; ``None`` for the root.
        type: EXPLAIN's Node Type, for example ``Aggregate``.
        label: what the text format calls it, for example ``Partial HashAggregate``.
        relation: table that is read or written.
        function: function of a Function Scan.
        cte: CTE that a CTE Scan or WorkTable Scan reads.
        subplan: what a sub-plan is called: ``InitPlan 1``, ``CTE x``, ``SubPlan 2``.
        remote: it ran on another server as a part of a distributed statement (Citus).
        actual_rows: rows per loop, rounded by EXPLAIN to ``rows_step``.
        loops: how often it ran, in all processes; 0 if never executed.
        processes: by how many processes its time is to be divided to get time on the clock;
            a fraction where a parallel part ran repeatedly with differing numbers of workers.
        planned_total_rows: rows that were planned, of all loops; of parallel nodes, of all
            processes together.
        total_rows: rows of all loops; true is what lies between ``_min`` and ``_max``.
        inclusive_ms: time on the clock that it and what is below it took, children's InitPlans
            and CTEs included where they were pulled.
        pays_for: sub-plans that hang elsewhere in the tree and whose time is part of its
            ``inclusive_ms``: a CTE that it was the first to read, an InitPlan that it needed.
        self_ms: its own part of it. Time that a BEFORE trigger or JIT took in it is part of it.
        self_error_ms: how far ``self_ms`` may be wrong because EXPLAIN rounds averages per loop.
        cpu_ms: ``self_ms`` times ``processes``.
        jit_ms: part of ``self_ms`` in which code was compiled, where it can be pinned.
        self_cost: part of ``total_cost`` that is not its children's.
        row_factor: how many times more (or less) rows came than were planned, at least 1.
        row_direction: ``under`` if more came than planned.
        buffers, io, wal: its own and its children's; ``self_...``: its own.
        conditions: expressions under their keys (Filter, Index Cond, ...).
        props: everything else, under the keys of FORMAT JSON.
    """

    id: int
    parent: int | None
    depth: int
    relationship: str | None
    type: str
    label: str
    children: tuple[int, ...] = ()
    relation: str | None = None
    schema: str | None = None
    alias: str | None = None
    index: str | None = None
    function: str | None = None
    cte: str | None = None
    subplan: str | None = None
    strategy: str | None = None
    partial_mode: str | None = None
    operation: str | None = None
    join_type: str | None = None
    parallel_aware: bool = False
    disabled: bool = False
    remote: bool = False
    startup_cost: float | None = None
    total_cost: float | None = None
    self_cost: float | None = None
    plan_rows: float | None = None
    plan_width: float | None = None
    actual_startup_ms: float | None = None
    actual_total_ms: float | None = None
    actual_rows: float | None = None
    rows_step: float = 1
    loops: int | None = None
    processes: float = 1
    planned_total_rows: float | None = None
    total_rows: float | None = None
    total_rows_min: float | None = None
    total_rows_max: float | None = None
    removed: Removed = Removed()
    pays_for: tuple[int, ...] = ()
    inclusive_ms: float | None = None
    self_ms: float | None = None
    self_ratio: float | None = None
    self_error_ms: float | None = None
    cpu_ms: float | None = None
    jit_ms: float | None = None
    row_factor: float | None = None
    row_direction: Literal["over", "under", "exact"] | None = None
    buffers: Buffers | None = None
    self_buffers: Buffers | None = None
    io: IoTimes | None = None
    self_io: IoTimes | None = None
    wal: Wal | None = None
    self_wal: Wal | None = None
    workers: tuple[Worker, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    props: Mapping[str, Value] = field(default_factory=dict)

    @property
    def executed(self) -> bool:
        """Whether it ran at all, as far as the plan tells."""
        return bool(self.loops)

    def number(self, key: str) -> float | None:
        """A property that is a number, or ``None``."""
        value = self.props.get(key)
        return None if isinstance(value, bool) or not isinstance(value, int | float) else value

    def text(self, key: str) -> str:
        """A property that is a text, or ""."""
        value = self.props.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A property that is a list of texts (Output, Sort Key, Group Key), or an empty one."""
        value = self.props.get(key)
        return tuple(str(item) for item in value) if isinstance(value, tuple) else ()


@dataclass(frozen=True, slots=True)
class Jit:
    """Just-in-time compilation in all processes. ``generation_ms`` includes ``deform_ms``."""

    functions: float
    options: Mapping[str, Value] = field(default_factory=dict)
    generation_ms: float | None = None
    deform_ms: float | None = None
    inlining_ms: float | None = None
    optimization_ms: float | None = None
    emission_ms: float | None = None
    total_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Planning:
    """What planning took: blocks since 13, memory (option MEMORY) since 17."""

    buffers: Buffers | None = None
    io: IoTimes | None = None
    memory_used_kb: float | None = None
    memory_allocated_kb: float | None = None


@dataclass(frozen=True, slots=True)
class Serialization:
    """What making the result fit for the client took; option SERIALIZE, since 17."""

    time_ms: float | None = None
    output_kb: float | None = None
    format: str | None = None
    buffers: Buffers | None = None
    io: IoTimes | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plan came from. No part of the plan: the same plan in four formats is equal.

    Attributes:
        format: ``text``, ``json``, ``yaml`` or ``xml``.
        origin: ``log`` or ``paste``.
        line: line of the input where it starts, from 1.
        context: what the server's log has before the entry (time, process, user), or "".
        version_guess: the server's major version, if it was asked; else the oldest that prints
            such a plan, or ``None``; the text format shows less of it than the others.
        warnings: what was guessed or left out when reading it.
    """

    format: str
    origin: Literal["log", "paste"] = "paste"
    line: int = 1
    context: str = ""
    version_guess: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one statement.

    Attributes:
        nodes: all nodes in tree order, parents before children; the first is the root.
        truncated: the input ended in the middle: nodes, times and conditions are missing, and
            the ``self_...`` numbers of the last node and of those above it are ``None``.
        query: the statement, where the input has it.
        duration_ms: what auto_explain says the execution took.
        total_ms: execution time, or the duration, or else the time of the root and of the triggers
            that ran after it.
        analyzed: it was executed.
        timing: it has times per node. ``buffers``, ``io_timing``: it has such counters that are
            not zero; the text format does not print zeros.
        verbose: it was made with VERBOSE.
        unaccounted_ms: time of the execution that no node and no trigger has: starting and
            ending the executor, locks, JIT generation.
        extra: what else stands beside the nodes, under the keys of FORMAT JSON.
    """

    nodes: tuple[Node, ...]
    source: Source = field(compare=False)
    truncated: bool = False
    query: str | None = None
    query_id: int | None = None
    parameters: str | None = None
    duration_ms: float | None = None
    planning_ms: float | None = None
    execution_ms: float | None = None
    total_ms: float | None = None
    unaccounted_ms: float | None = None
    analyzed: bool = False
    timing: bool = False
    buffers: bool = False
    io_timing: bool = False
    verbose: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    jit: Jit | None = None
    planning: Planning | None = None
    serialization: Serialization | None = None
    triggers: tuple[Trigger, ...] = ()
    extra: Mapping[str, Value] = field(default_factory=dict)

    @property
    def root(self) -> Node:
        """The outermost node."""
        return self.nodes[0]

    @property
    def outside_triggers(self) -> tuple[Trigger, ...]:
        """The triggers whose time comes on top of the nodes', as far as the plan tells."""
        unsure = () if self.unaccounted_ms is None else (None,)
        return tuple(one for one in self.triggers if one.phase in ("after", *unsure))

    def children(self, node: Node) -> tuple[Node, ...]:
        """The nodes right below one, sub-plans included, in tree order."""
        return tuple(self.nodes[child] for child in node.children)

    def descendants(self, node: Node) -> tuple[Node, ...]:
        """All nodes below one, in tree order."""
        end = node.id + 1
        while end < len(self.nodes) and self.nodes[end].depth > node.depth:
            end += 1
        return self.nodes[node.id + 1 : end]

    def ancestors(self, node: Node) -> tuple[Node, ...]:
        """The nodes above one, nearest first."""
        found: list[Node] = []
        while node.parent is not None:
            node = self.nodes[node.parent]
            found.append(node)
        return tuple(found)
