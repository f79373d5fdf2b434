"""The books of a plan: what every node took with all that is below it, and who pays for what.

Amounts are time on the clock and the counters (blocks, I/O, WAL) that a plan has. A node's own part
is what is left of its whole when its children and the sub-plans that it pays for are taken off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dbtune.postgres.plans.model import Buffers, IoTimes, Node, Plan, Wal
from dbtune.postgres.plans.order import GATHERS
from dbtune.postgres.plans.rows import planned_totals, rows_of

_HALF_STEP_MS = 0.0005
_KINDS = (("buffers", Buffers), ("io", IoTimes), ("wal", Wal))
Amounts = list[float]
"""Time on the clock in ms, then the counters that the plan has."""


@dataclass(frozen=True, slots=True)
class Charge:
    """A part of a sub-plan that a node pays.

    Attributes:
        subplan: its id.
        share: of its whole time.
        paid: it is not zero.
    """

    subplan: int
    share: float
    paid: bool


class Ledger:
    """What every node contains: its children, and the sub-plans that it pays for.

    Attributes:
        whole: by node, what it took with everything below it.
        rest: by node, what is left of that for itself.
        error: by node, how far its whole time may be wrong because EXPLAIN rounds averages.
        ends: by node, the id after its last descendant.
        after_root: time that comes on top of the root's.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.columns = [
            (kind, name)
            for kind, counters in _KINDS
            for name in counters.names()
            if any(getattr(getattr(node, kind), name, 0) for node in plan.nodes)
        ]
        self.processes = _processes(plan)
        self.ends = _ends(plan)
        self.whole = [self._inclusive(node) for node in plan.nodes]
        self.rest = [list(amounts) for amounts in self.whole]
        self.error = [
            _HALF_STEP_MS * (node.loops or 0) / self.processes[node.id] for node in plan.nodes
        ]
        self.children: list[list[int]] = [[] for _ in plan.nodes]
        self.below_error = [0.0] * len(plan.nodes)
        self.charges: list[list[Charge]] = [[] for _ in plan.nodes]
        self.after_root = 0.0
        for node in plan.nodes:
            if node.parent is not None and node.subplan is None:
                self.children[node.parent].append(node.id)
                self.below_error[node.parent] += self.error[node.id]
                self._take(node.parent, self.whole[node.id])

    def _inclusive(self, node: Node) -> Amounts:
        total = (node.actual_total_ms or 0.0) * (node.loops or 0) / self.processes[node.id]
        return [total, *(getattr(getattr(node, kind), name, 0) for kind, name in self.columns)]

    def _take(self, node: int, amounts: Amounts) -> None:
        rest = self.rest[node]
        for column, amount in enumerate(amounts):
            rest[column] -= amount

    def is_below(self, node: int, above: int) -> bool:
        """Whether a node is another or one of its descendants."""
        return above <= node < self.ends[above]

    def slack(self, node: int) -> float:
        """By how much rounding may have falsified what is left of a node's time, in ms."""
        return self.error[node] + self.below_error[node]

    def pay(self, node: int, subplan: int, amounts: Amounts) -> None:
        """Charge a node with a part of a sub-plan."""
        whole = self.whole[subplan][0]
        share = amounts[0] / whole if whole else 0.0
        self.charges[node].append(Charge(subplan, share, any(amounts)))
        self._take(node, amounts)

    def settle(self) -> None:
        """Make every node's own part positive: what one lacks is taken from those that contain it.

        First children whose times exceed their parent's are lowered as far as rounding may explain
        it.
        """
        for node in self.plan.nodes:
            self._fit(node.id)
        payers: list[list[tuple[int, float]]] = [[] for _ in self.plan.nodes]
        for payer, charges in enumerate(self.charges):
            for charge in charges:
                payers[charge.subplan].append((payer, charge.share))
        for id_ in self._contained_first():
            self._settle(id_, payers[id_])

    def _fit(self, node: int) -> None:
        excess, room = -self.rest[node][0], self.below_error[node]
        if excess <= 0 or room <= 0:
            return
        for child in self.children[node]:
            part = min(self.whole[child][0], min(1.0, excess / room) * self.error[child])
            self.whole[child][0] -= part
            self.rest[child][0] -= part
            self.rest[node][0] += part

    def _settle(self, id_: int, payers: list[tuple[int, float]]) -> None:
        lacking = [max(0.0, -amount) for amount in self.rest[id_]]
        if not any(lacking):
            return
        self.whole[id_] = [have + lack for have, lack in zip(self.whole[id_], lacking, strict=True)]
        self.rest[id_] = [max(0.0, amount) for amount in self.rest[id_]]
        node = self.plan.nodes[id_]
        if node.subplan is None and node.parent is not None:
            self._take(node.parent, lacking)
        shares = sum(share for _, share in payers)
        for payer, share in payers:
            part = share / shares if shares else 1 / len(payers)
            self._take(payer, [lack * part for lack in lacking])

    def _contained_first(self) -> list[int]:
        """All nodes, each after its children and the sub-plans that it pays for."""
        ordered: list[int] = []
        seen = [False] * len(self.plan.nodes)
        for start in range(len(self.plan.nodes)):
            stack = [(start, False)]
            while stack:
                node, done = stack.pop()
                if done:
                    ordered.append(node)
                elif not seen[node]:
                    seen[node] = True
                    stack.append((node, True))
                    stack += ((child, False) for child in self.children[node])
                    stack += ((charge.subplan, False) for charge in self.charges[node])
        return ordered

    def filled(self) -> tuple[Node, ...]:
        """The nodes with their own parts."""
        zeros = {
            kind: counters()
            for kind, counters in _KINDS
            if any(getattr(node, kind) for node in self.plan.nodes)
        }
        planned = planned_totals(self.plan)
        return tuple(
            self._filled(node, zeros, rows_of(node, planned[node.id])) for node in self.plan.nodes
        )

    def _filled(self, node: Node, zeros: dict[str, Any], rows: dict[str, Any]) -> Node:
        # Below 0 only where sub-plans of a broken plan contain each other.
        own = [max(0.0, amount) for amount in self.rest[node.id]]
        filled: dict[str, Any] = {
            "processes": self.processes[node.id],
            "self_cost": _self_cost(self.plan, node),
            "pays_for": self._pays_for(node),
            **rows,
        }
        for kind, counters in _KINDS:
            if kind in zeros:
                found = {
                    name: own[at]
                    for at, (of, name) in enumerate(self.columns, 1)
                    if of == kind and own[at]
                }
                filled[kind] = getattr(node, kind) or zeros[kind]
                filled[f"self_{kind}"] = counters(**found)
        if self.plan.timing:
            subplans = {charge.subplan for charge in self.charges[node.id]}
            charged = sum(self.error[subplan] for subplan in subplans)
            filled |= {
                "inclusive_ms": self.whole[node.id][0],
                "self_ms": own[0],
                "self_error_ms": self.slack(node.id) + charged,
                "cpu_ms": own[0] * self.processes[node.id],
            }
        return replace(node, **filled)

    def _pays_for(self, node: Node) -> tuple[int, ...]:
        """The sub-plans that hang elsewhere and are part of what a node took."""
        paid = dict.fromkeys(one.subplan for one in self.charges[node.id] if one.paid)
        return tuple(one for one in paid if self.plan.nodes[one].parent != node.id)


def _ends(plan: Plan) -> list[int]:
    ends = list(range(1, len(plan.nodes) + 1))
    for node in reversed(plan.nodes):
        if node.parent is not None:
            ends[node.parent] = max(ends[node.parent], ends[node.id])
    return ends


def _processes(plan: Plan) -> list[float]:
    """By how many processes a node's time is divided to get time on the clock."""
    processes: list[float] = []
    for node in plan.nodes:
        above = None if node.parent is None else plan.nodes[node.parent]
        if above is None:
            processes.append(1.0)
            continue
        number = processes[above.id]
        if above.type in GATHERS and node.subplan is None and above.loops and node.loops:
            planned = above.number("Workers Planned")
            most = node.loops if planned is None else (planned + 1) * above.loops
            number *= max(1.0, min(node.loops, most) / above.loops)
        elif above.type == "Bitmap Heap Scan" and above.parallel_aware and node.loops:
            number = max(1.0, number * min(1.0, node.loops / (above.loops or 1)))
        processes.append(number)
    return processes


def _self_cost(plan: Plan, node: Node) -> float | None:
    """The cost that a node adds to its children's; no less than 0, since Limit stops them early."""
    if node.total_cost is None:
        return None
    below = sum(child.total_cost or 0.0 for child in plan.children(node))
    return max(0.0, node.total_cost - below)
