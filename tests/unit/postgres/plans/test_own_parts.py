"""Own parts of generated plans: they add up, none is negative, and they are the true ones.

A plan is generated together with what each of its nodes truly took; then it is printed as EXPLAIN
would: averages per loop with three decimals, summed over processes, children and sub-plans
included. From that the true numbers have to come out again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans

LEAVES = ("Seq Scan", "Function Scan", "Values Scan")
ONE_CHILD = ("Sort", "Aggregate", "Limit", "Unique", "Materialize", "WindowAgg")
COUNTERS = ("Shared Hit Blocks", "Shared Read Blocks", "Temp Written Blocks")
IO = ("Shared I/O Read Time",)
Counts = tuple[int, ...]


@dataclass
class Made:
    """A node as it truly was.

    Attributes:
        own_us: its own time on the clock, in all loops.
        own: its own blocks, of all processes.
        pays: what it ran that is printed elsewhere, whole.
        subplans: what is printed below it: a name, a relationship, a node.
    """

    type: str
    own_us: int
    own: Counts
    loops: int = 1
    children: list[Made] = field(default_factory=list)
    subplans: list[tuple[str, str, Made]] = field(default_factory=list)
    pays: list[Made] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)

    def whole_us(self) -> int:
        return self.own_us + sum(one.whole_us() for one in (*self.children, *self.pays))

    def whole(self) -> Counts:
        parts = [one.whole() for one in (*self.children, *self.pays)]
        return tuple(map(sum, zip(self.own, *parts, strict=True)))

    def every(self) -> list[Made]:
        """The nodes in tree order: InitPlans and CTEs first, SubPlans last."""
        first = [one for _, kind, one in self.subplans if kind == "InitPlan"]
        last = [one for _, kind, one in self.subplans if kind == "SubPlan"]
        return [self, *(node for one in (*first, *self.children, *last) for node in one.every())]

    def raw(self, processes: int = 1) -> dict[str, Any]:
        """The keys of FORMAT JSON."""
        inner = processes
        if self.type == "Gather":
            inner = self.children[0].loops
        ms = round(self.whole_us() * processes / self.loops / 1000, 3)
        plans = [
            {**one.raw(processes), "Subplan Name": name, "Parent Relationship": kind}
            for name, kind, one in self.subplans
        ]
        below = [one.raw(inner) for one in self.children]
        first = [one for one in plans if one["Parent Relationship"] == "InitPlan"]
        last = [one for one in plans if one["Parent Relationship"] == "SubPlan"]
        return {
            "Node Type": self.type,
            "Startup Cost": 0.0,
            "Total Cost": 1000.0,
            "Plan Rows": 100,
            "Plan Width": 8,
            "Actual Startup Time": 0.0,
            "Actual Total Time": ms,
            "Actual Rows": 100,
            "Actual Loops": self.loops,
            **dict(zip(COUNTERS, self.whole(), strict=True)),
            **self.keys,
            **({"Plans": [*first, *below, *last]} if plans or below else {}),
        }


@dataclass
class Maker:
    """Draws a plan; sub-plans are used by exactly one node, or by scans in a known order."""

    draw: st.DrawFn
    count: int = 0

    def number(self) -> int:
        self.count += 1
        return self.count

    def own(self) -> tuple[int, Counts]:
        blocks = self.draw(st.tuples(*(st.integers(0, 500) for _ in COUNTERS)))
        return self.draw(st.integers(0, 200_000)), blocks

    def node(self, depth: int, loops: int, *, parallel: bool) -> Made:
        own = self.own()
        kinds = ["leaf"] if depth < 3 else []
        if depth:
            kinds += ["one", "loop", "append", "init", "sub", "cte"]
            if not parallel and loops == 1:
                kinds += ["gather", "gather"]
        kind = self.draw(st.sampled_from(kinds))
        if kind == "leaf":
            return Made(self.draw(st.sampled_from(LEAVES)), *own, loops)
        deeper = depth - 1
        if kind == "gather":
            workers = self.draw(st.integers(1, 4))
            gather = Made("Gather", *own, loops)
            gather.keys = {"Workers Planned": workers, "Workers Launched": workers}
            leader = self.draw(st.integers(0, 1))  # it may not take part
            gather.children = [self.node(deeper, workers + leader, parallel=True)]
            return gather
        if kind == "one":
            made = Made(self.draw(st.sampled_from(ONE_CHILD)), *own, loops)
            made.children = [self.node(deeper, loops, parallel=parallel)]
        elif kind == "loop":
            made = Made("Nested Loop", *own, loops)
            inner = loops * self.draw(st.sampled_from((1, 2, 7, 100)))
            made.children = [
                self.node(deeper, loops, parallel=parallel),
                self.node(deeper, inner, parallel=parallel),
            ]
        elif kind == "append":
            made = Made("Append", *own, loops)
            many = range(self.draw(st.integers(1, 4)))
            made.children = [self.node(deeper, loops, parallel=parallel) for _ in many]
        else:
            made = Made("Result", *own, loops, [self.node(deeper, loops, parallel=parallel)])
            self.add_subplan(made, kind, deeper, parallel=parallel)
        return made

    def add_subplan(self, owner: Made, kind: str, depth: int, *, parallel: bool) -> None:
        n = self.number()
        if kind == "sub":
            loops = owner.loops * self.draw(st.sampled_from((1, 10, 100)))
            subplan = self.node(depth, loops, parallel=True)
            owner.subplans.append((f"SubPlan {n}", "SubPlan", subplan))
            owner.pays.append(subplan)
            owner.keys["Filter"] = f"(a = (SubPlan {n}))"
            return
        if parallel:  # belongs to a node above Gather, or to a loop
            return
        subplan = self.node(depth, 1, parallel=False)
        if kind == "init":
            owner.subplans.append((f"InitPlan {n}", "InitPlan", subplan))
            self.mention(owner, f"(a > (InitPlan {n}).col1)", subplan)
        elif owner.loops == 1:
            owner.subplans.append((f"CTE c{n}", "InitPlan", subplan))
            self.read(owner, f"c{n}", subplan)

    def mention(self, owner: Made, condition: str, subplan: Made) -> None:
        """Let one node below the owner use an InitPlan; Gather gets the value for its workers."""
        path = [owner.children[0]]
        while path[-1].children and self.draw(st.integers(0, 3)) > 0:
            path.append(self.draw(st.sampled_from(path[-1].children)))
        user = path[-1]
        user.keys["Filter"] = " AND ".join(filter(None, (user.keys.get("Filter"), condition)))
        gathers = [one for one in path[:-1] if one.type == "Gather"]
        (gathers[0] if gathers else user).pays.append(subplan)

    def read(self, owner: Made, name: str, subplan: Made) -> None:
        """Put scans of a CTE one after the other above the owner's child: the first one pays."""
        scans = [
            Made("CTE Scan", *self.own(), keys={"CTE Name": name, "Alias": name})
            for _ in range(self.draw(st.integers(1, 3)))
        ]
        scans[0].pays.append(subplan)
        append = Made("Append", *self.own(), children=[*scans, *owner.children])
        owner.children = [append]


@st.composite
def made_plans(draw: st.DrawFn) -> Made:
    return Maker(draw).node(draw(st.integers(0, 6)), 1, parallel=False)


def read(made: Made) -> Plan:
    execution = made.whole_us() / 1000 + 1
    [plan] = read_plans(json.dumps([{"Plan": made.raw(), "Execution Time": execution}]))
    assert len(plan.nodes) == len(made.every())
    return plan


def sums(plan: Plan) -> tuple[float, float]:
    """The own times of all nodes, and how far they may be wrong."""
    own = sum(node.self_ms or 0 for node in plan.nodes)
    return own, sum(node.self_error_ms or 0 for node in plan.nodes)


@given(made_plans())
def test_own_parts_add_up_to_the_whole(made: Made) -> None:
    plan = read(made)
    own, error = sums(plan)
    assert plan.unaccounted_ms is not None
    assert own + plan.unaccounted_ms == pytest.approx(plan.total_ms, abs=error + 1e-6)
    assert all((node.self_ms or 0) >= 0 for node in plan.nodes)
    assert all((node.inclusive_ms or 0) >= (node.self_ms or 0) for node in plan.nodes)


@given(made_plans())
def test_every_node_has_the_time_that_it_took(made: Made) -> None:
    plan = read(made)
    for node, true in zip(plan.nodes, made.every(), strict=True):
        _, error = sums(plan)
        assert node.self_ms == pytest.approx(true.own_us / 1000, abs=error + 0.001)


@given(made_plans())
def test_every_node_has_the_blocks_that_it_touched(made: Made) -> None:
    plan = read(made)
    for node, true in zip(plan.nodes, made.every(), strict=True):
        if node.self_buffers is None:
            assert not any(true.own)
        else:
            own = node.self_buffers
            assert (own.shared_hit, own.shared_read, own.temp_written) == true.own


# --- plans that no server would print -----------------------------------------------------------

TYPES = (*LEAVES, *ONE_CHILD, "Append", "Nested Loop", "Hash Join", "Gather", "CTE Scan", "Result")


WILD = st.fixed_dictionaries(
    {
        "Node Type": st.sampled_from(TYPES),
        "Actual Startup Time": st.sampled_from((0.0, 1.0)),
        "Actual Total Time": st.sampled_from((0.0, 0.001, 1.0, 50.0, 1e6)),
        "Actual Rows": st.sampled_from((0, 1, 100)),
        "Actual Loops": st.sampled_from((0, 1, 3, 100_000)),
        "Shared Hit Blocks": st.integers(0, 9),
        "I/O Read Time": st.sampled_from((0.0, 0.5, 70.0)),
        "Workers Launched": st.integers(0, 2),
        "CTE Name": st.sampled_from(("c0", "c1")),
        "Filter": st.sampled_from(("", "(a = $0)", "(SubPlan 0)", "((InitPlan 1).col1 = $1)")),
    },
    optional={
        "Subplan Name": st.sampled_from(("CTE c0", "CTE c1", "InitPlan 1", "SubPlan 0")),
    },
)


@st.composite
def wild_plans(draw: st.DrawFn) -> dict[str, Any]:
    """Nodes whose numbers have nothing to do with each other."""
    nodes: list[dict[str, Any]] = draw(st.lists(WILD, min_size=1, max_size=12))
    for at, node in enumerate(nodes[1:], 1):
        parent = nodes[draw(st.integers(0, at - 1))]
        parent.setdefault("Plans", []).append(node)
    return nodes[0]


@given(wild_plans(), st.sampled_from(({}, {"Execution Time": 0.5}, {"Execution Time": 1e9})))
def test_no_numbers_make_a_part_negative_or_more_than_the_whole(
    node: dict[str, Any], statement: dict[str, Any]
) -> None:
    [plan] = read_plans(json.dumps([{"Plan": node, **statement}]))
    for one in plan.nodes:
        pairs: list[tuple[float | None, float | None]] = [(one.self_ms, one.inclusive_ms)]
        if one.self_buffers and one.buffers:
            pairs += zip(one.self_buffers.values(), one.buffers.values(), strict=True)
        for own, whole in pairs:
            assert own is None or own >= 0
            assert own is None or whole is None or own <= whole + 1e-6
    if plan.unaccounted_ms is not None:
        assert plan.unaccounted_ms >= 0
