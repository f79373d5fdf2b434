"""How much of a plan's time, blocks and log each node took itself.

EXPLAIN prints what a node and everything below it took, as an average per loop, summed over all
processes. From that to a node's own part:

* **Loops.** Average times loops is the time of all loops.
* **Processes.** Below Gather, every process adds its time. Divided by the number of processes that
  ran Gather's child (its loops per loop of Gather, so that a leader who did not take part does not
  count) it is time on the clock. The bitmap of a Parallel Bitmap Heap Scan is built by one process
  while the others wait, so it is divided by one.
* **Children** that feed rows are part of their parent. SubPlans are part of the node that
  evaluates them; the plan shows one only once, even if several nodes do: they share it by how often
  they evaluate it.
* **InitPlans** are part of the node that first needs their value. That is Gather if the value is
  for its workers; else the first node that mentions it; where the mention is not shown (LIMIT,
  target lists without VERBOSE) or an Append prunes by it, the node whose own part is large enough.
* **CTEs** are part of the CTE Scans, each as far as it was the first to read. What no one reads of
  a data-modifying CTE runs after the root and comes on top of its time.
* **Rounding.** Averages have three decimals: one loop's time may be wrong by 0.0005 ms, that of
  100,000 loops by 50 ms. Children whose times exceed their parent's are first lowered within that
  error. What is still too much (other processes' waiting) is taken from the nodes above.

The parts of all nodes add up to the root's, within that error, and none is negative.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from dbtune.postgres.plans.account import account
from dbtune.postgres.plans.model import Buffers, IoTimes, Node, Plan, Wal
from dbtune.postgres.plans.order import (
    GATHERS,
    Event,
    cte_of,
    execution_order,
    is_cte,
    is_init_plan,
    mentions,
    names_of,
    plain_children,
)
from dbtune.postgres.plans.rows import planned_totals, rows_of

_HALF_STEP_MS = 0.0005
_KINDS = (("buffers", Buffers), ("io", IoTimes), ("wal", Wal))
Amounts = list[float]
"""Time on the clock in ms, then the counters that the plan has."""


def attribute(plan: Plan) -> Plan:
    """The plan with every node's own parts, and what triggers, JIT and the rest took."""
    ledger = _Ledger(plan)
    nodes = tuple(ledger.node(node) for node in plan.nodes)
    return account(replace(plan, nodes=nodes), ledger.after_root)


@dataclass
class _Charge:
    """A part of a sub-plan that a node pays."""

    subplan: int
    amounts: Amounts


class _Ledger:
    """What every node contains: its children, and the sub-plans that it pays for."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.processes = _processes(plan)
        self.columns = [
            (kind, name)
            for kind, counters in _KINDS
            for name in counters.names()
            if any(getattr(getattr(node, kind), name, 0) for node in plan.nodes)
        ]
        self.whole = [self._inclusive(node) for node in plan.nodes]
        self.error = [
            _HALF_STEP_MS * (node.loops or 0) / self.processes[node.id] for node in plan.nodes
        ]
        self.children = [[child.id for child in plain_children(plan, node)] for node in plan.nodes]
        self.mentioned = [frozenset(mentions(node)) for node in plan.nodes]
        self.given = [frozenset(mentions(node, expressions=False)) for node in plan.nodes]
        self.charges: list[list[_Charge]] = [[] for _ in plan.nodes]
        self.after_root = 0.0
        self.own: list[Amounts] = []
        self.planned = planned_totals(plan)
        if plan.analyzed:
            self.events = execution_order(plan)
            self._share_subplans()
            self._charge_init_plans()
            self._charge_ctes()
        self._fit()
        self._settle()

    def _inclusive(self, node: Node) -> Amounts:
        total = (node.actual_total_ms or 0.0) * (node.loops or 0) / self.processes[node.id]
        return [total, *(getattr(getattr(node, kind), name, 0) for kind, name in self.columns)]

    # --- who pays ----------------------------------------------------------------------------

    def _left(self, node: int) -> Amounts:
        """What a node has that is neither its children's nor charged to it."""
        left = list(self.whole[node])
        for part in (
            *(self.whole[child] for child in self.children[node]),
            *(charge.amounts for charge in self.charges[node]),
        ):
            for column, amount in enumerate(part):
                left[column] -= amount
        return left

    def _slack(self, *nodes: int) -> float:
        """By how much rounding may have falsified what nodes and their children took, in ms."""
        return sum(
            self.error[node] + sum(self.error[child] for child in self.children[node])
            for node in nodes
        )

    def _pay(self, node: int, subplan: int, amounts: Amounts) -> None:
        self.charges[node].append(_Charge(subplan, amounts))

    def _share_subplans(self) -> None:
        for subplan in self.plan.nodes:
            if subplan.relationship != "SubPlan" or not subplan.executed:
                continue
            users = self._users(subplan)
            hashed = any(_hashes(self.plan.nodes[user], subplan) for user in users)
            # Every node that hashes it runs it once.
            weights = [1.0 if hashed else _evaluations(self.plan.nodes[user]) for user in users]
            lefts = [self._left(user) for user in users]
            shares = [
                _share(amount, weights, [left[column] for left in lefts])
                for column, amount in enumerate(self.whole[subplan.id])
            ]
            for user, *amounts in zip(users, *shares, strict=True):
                self._pay(user, subplan.id, amounts)

    def _users(self, subplan: Node) -> list[int]:
        """The nodes that evaluate a SubPlan: its owner, and others that mention it themselves.

        A node above one that has the value in its Output only passes it on.
        """
        assert subplan.parent is not None
        names = names_of(subplan)
        users = [subplan.parent]
        for node in self.plan.nodes:
            if (
                node.id == subplan.parent
                or not node.executed
                or not names & self.mentioned[node.id]
            ):
                continue
            below = self.plan.descendants(node)
            passed_on = any(names & self.given[other.id] for other in below)
            if not passed_on and subplan not in self.plan.ancestors(node):
                users.append(node.id)
        return users

    def _charge_init_plans(self) -> None:
        ran = [self.plan.nodes[event.node] for event in self.events if not event.rest]
        for init_plan in filter(is_init_plan, ran):
            amounts = self.whole[init_plan.id]
            payers = list(dict.fromkeys(self._candidates(init_plan, ran)))
            fits = [self._can_pay(payer, init_plan) for payer in payers]
            payer = max(range(len(payers)), key=lambda at: (fits[at], -at))
            self._pay(payers[payer], init_plan.id, list(amounts))

    def _can_pay(self, payer: int, subplan: Node) -> tuple[bool, bool]:
        """Whether a node's time, and its counters, are large enough to contain a sub-plan's."""
        left, wanted = self._left(payer), self.whole[subplan.id]
        time = left[0] + self._slack(payer) + self.error[subplan.id] >= wanted[0] - 1e-9
        counters = all(have >= want for have, want in zip(left[1:], wanted[1:], strict=True))
        return time, counters

    def _candidates(self, init_plan: Node, ran: list[Node]) -> Iterable[int]:
        """The nodes that may have needed an InitPlan's value first, likeliest first."""
        assert init_plan.parent is not None
        nodes, owner = self.plan.nodes, self.plan.nodes[init_plan.parent]
        own = {init_plan.id, *(node.id for node in self.plan.descendants(init_plan))}
        scope = {owner.id, *(node.id for node in self.plan.descendants(owner))} - own
        names = names_of(init_plan)
        mentioning = [node for node in ran if node.id in scope and names & self.mentioned[node.id]]
        for node in mentioning:
            # ExecInitParallelPlan hands values to workers, so it needs them before all.
            yield from (
                above.id
                for above in self.plan.ancestors(node)
                if above.id in scope and above.type in GATHERS and self._below_gather(node, above)
            )
        yield from (node.id for node in mentioning)
        for node in mentioning:
            yield from (above.id for above in self.plan.ancestors(node) if above.id in scope)
        yield owner.id
        yield from (node.id for node in ran if node.id in scope)
        yield from (node.id for node in nodes if node.id in scope and node.executed)

    def _below_gather(self, node: Node, gather: Node) -> bool:
        """Whether a node is below Gather's child rather than in a sub-plan of Gather itself."""
        path = [node, *self.plan.ancestors(node)]
        return path[path.index(gather) - 1].subplan is None

    def _charge_ctes(self) -> None:
        readers: dict[int, list[Event]] = {}
        for event in self.events:
            scan = self.plan.nodes[event.node]
            if scan.type == "CTE Scan" and (cte := cte_of(self.plan, scan)):
                readers.setdefault(cte.id, []).append(event)
        for cte in self.plan.nodes:
            if is_cte(cte) and cte.executed:
                self._charge_cte(cte, readers.get(cte.id, []))

    def _charge_cte(self, cte: Node, events: list[Event]) -> None:
        """Let every scan pay for the rows that it was the first to read."""
        unpaid = list(self.whole[cte.id])
        reached = 0.0
        due = 0.0
        for event in events:
            scan = self.plan.nodes[event.node]
            reach = _rows_read(scan) if event.rest else min(1.0, _rows_read(scan))
            due += max(0.0, _cost_up_to(cte, reach) - _cost_up_to(cte, reached))
            if not event.rest and not cte.actual_rows:
                due = 1.0
            reached = max(reached, reach)
            left = self._left(scan.id)
            amounts = [
                max(0.0, min(due * amount, have, rest))
                for amount, have, rest in zip(self.whole[cte.id], left, unpaid, strict=True)
            ]
            if amounts[0] and self.whole[cte.id][0]:
                due -= amounts[0] / self.whole[cte.id][0]
            else:
                due = 0.0
            unpaid = [rest - paid for rest, paid in zip(unpaid, amounts, strict=True)]
            self._pay(scan.id, cte.id, amounts)
        half_read = cte.type == "ModifyTable" and reached < (cte.actual_rows or 0)
        if half_read or not events:
            self.after_root += unpaid[0]
        else:
            self._pay_rest(cte, unpaid, [event.node for event in events])

    def _pay_rest(self, cte: Node, unpaid: Amounts, scans: list[int]) -> None:
        """What the model of reading left over goes to scans that can take it, else to the first."""
        for scan in dict.fromkeys(scans):
            amounts = [
                max(0.0, min(rest, have))
                for rest, have in zip(unpaid, self._left(scan), strict=True)
            ]
            self._pay(scan, cte.id, amounts)
            unpaid = [rest - paid for rest, paid in zip(unpaid, amounts, strict=True)]
        self._pay(scans[0], cte.id, unpaid)

    # --- what is left ------------------------------------------------------------------------

    def _fit(self) -> None:
        """Lower children whose times exceed their parent's, as far as rounding may explain it."""
        for node in self.plan.nodes:
            excess = -self._left(node.id)[0]
            room = sum(self.error[child] for child in self.children[node.id])
            if excess <= 0 or room <= 0:
                continue
            for child in self.children[node.id]:
                part = min(1.0, excess / room) * self.error[child]
                self.whole[child][0] = max(0.0, self.whole[child][0] - part)

    def _settle(self) -> None:
        """Own parts, children before parents; what a node lacks is taken from those above it."""
        self.own = [[] for _ in self.plan.nodes]
        for node in reversed(self.plan.nodes):
            left = self._left(node.id)
            self.own[node.id] = [max(0.0, amount) for amount in left]
            for column, amount in enumerate(left):
                self.whole[node.id][column] -= min(0.0, amount)

    def node(self, node: Node) -> Node:
        """A node with its own parts."""
        own, whole = self.own[node.id], self.whole[node.id]
        filled: dict[str, Any] = {
            "processes": self.processes[node.id],
            "self_cost": _self_cost(self.plan, node),
            "pays_for": self._pays_for(node),
            **rows_of(node, self.planned[node.id]),
        }
        for kind, counters in _KINDS:
            if getattr(node, kind) is not None:
                found = {
                    name: own[at]
                    for at, (of, name) in enumerate(self.columns, 1)
                    if of == kind and own[at]
                }
                filled[f"self_{kind}"] = counters(**found)
        if self.plan.timing:
            error = self._slack(node.id) + sum(
                self.error[charge.subplan] for charge in self.charges[node.id]
            )
            filled |= {
                "inclusive_ms": whole[0],
                "self_ms": own[0],
                "self_error_ms": error,
                "cpu_ms": own[0] * self.processes[node.id],
            }
        return replace(node, **filled)

    def _pays_for(self, node: Node) -> tuple[int, ...]:
        """The sub-plans that hang elsewhere and are part of what a node took."""
        paid = (charge.subplan for charge in self.charges[node.id] if any(charge.amounts))
        return tuple(one for one in dict.fromkeys(paid) if self.plan.nodes[one].parent != node.id)


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


def _hashes(node: Node, subplan: Node) -> bool:
    """Whether a node builds a hash table of a SubPlan's rows instead of running it for each row."""
    texts = (*node.conditions.values(), *node.texts("Output"))
    return any(f"hashed {subplan.subplan}" in text for text in texts)


def _evaluations(node: Node) -> float:
    """How often a node evaluates its conditions: the rows it lets pass and those it removes."""
    return (node.actual_rows or 0) * (node.loops or 0) + (node.removed.filter or 0)


def _rows_read(scan: Node) -> float:
    """Rows that a scan reads in one loop."""
    loops = scan.loops or 1
    return (scan.actual_rows or 0) + (scan.removed.filter or 0) / loops


def _cost_up_to(cte: Node, rows: float) -> float:
    """The share of a CTE's time that its first rows take: the first takes the start-up, too."""
    whole, number = cte.actual_total_ms or 0.0, cte.actual_rows or 0
    start = min(1.0, (cte.actual_startup_ms or 0.0) / whole) if whole else 0.0
    if rows <= 0:
        return 0.0
    if rows >= number:
        return 1.0
    if rows <= 1 or number <= 1:
        return start * rows
    return start + (1 - start) * (rows - 1) / (number - 1)


def _share(amount: float, weights: list[float], limits: list[float]) -> list[float]:
    """Divide an amount by weights; what exceeds a limit goes to those that have room."""
    if len(weights) == 1:
        return [amount]
    shares = [0.0] * len(weights)
    rest = amount
    for _ in weights:
        rooms = [max(0.0, limit - share) for limit, share in zip(limits, shares, strict=True)]
        open_ = [(weight or 1e-9) * (room > 0) for weight, room in zip(weights, rooms, strict=True)]
        if rest <= 0 or not sum(open_):
            break
        parts = [
            min(rest * weight / sum(open_), room) for weight, room in zip(open_, rooms, strict=True)
        ]
        shares = [share + part for share, part in zip(shares, parts, strict=True)]
        rest -= sum(parts)
    shares[0] += max(0.0, rest)
    return shares


def _self_cost(plan: Plan, node: Node) -> float | None:
    """The cost that a node adds to its children's; no less than 0, since Limit stops them early."""
    if node.total_cost is None:
        return None
    below = sum(child.total_cost or 0.0 for child in plan.children(node))
    return max(0.0, node.total_cost - below)
