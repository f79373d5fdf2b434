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
* **CTEs** are part of the CTE Scans, each as far as it was the first to read; workers that a CTE
  used are stopped at the end, by the node that has the CTE. What no one reads of a data-modifying
  CTE runs after the root and comes on top of its time.
* **Rounding.** Averages have three decimals: one loop's time may be wrong by 0.0005 ms, that of
  100,000 loops by 50 ms. Children whose times exceed their parent's are first lowered within that
  error. What is still too much (other processes' waiting) is taken from the nodes above.

The parts of all nodes add up to the root's, within that error, and none is negative.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dbtune.postgres.plans.account import account
from dbtune.postgres.plans.ledger import Amounts, Ledger
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.order import (
    GATHERS,
    Event,
    cte_of,
    execution_order,
    is_cte,
    is_init_plan,
    mentions,
    named_ctes,
    names_of,
)

_MOST_TRIES = 100_000
"""Nodes that are tried as payers of InitPlans in one plan; then the likeliest pays, come what may.

Only plans with hundreds of InitPlans that nothing mentions come near it.
"""


def attribute(plan: Plan) -> Plan:
    """The plan with every node's own parts, and what triggers, JIT and the rest took."""
    ledger = Ledger(plan)
    if plan.analyzed:
        _Payers(ledger).charge()
    ledger.settle()
    return account(replace(plan, nodes=ledger.filled()), ledger.after_root)


class _Payers:
    """Who pays for the sub-plans of a plan that was executed."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.plan = ledger.plan
        self.events = execution_order(self.plan)
        self.ran = [self.plan.nodes[event.node] for event in self.events if not event.rest]
        self.turn = {node.id: turn for turn, node in enumerate(self.ran)}
        self.tries = _MOST_TRIES
        self.mentioned = _by_mention(self.plan, expressions=True)
        self.given = _by_mention(self.plan, expressions=False)

    def charge(self) -> None:
        """Charge SubPlans, then InitPlans, which CTEs may need, then CTEs."""
        for node in self.plan.nodes:
            if node.relationship == "SubPlan" and node.executed:
                self._share_subplan(node)
        for node in filter(is_init_plan, self.ran):
            self._charge_init_plan(node)
        self._charge_ctes()

    # --- SubPlans ----------------------------------------------------------------------------

    def _share_subplan(self, subplan: Node) -> None:
        ledger = self.ledger
        users = self._users(subplan)
        hashed = any(_hashes(self.plan.nodes[user], subplan) for user in users)
        # Every node that hashes it runs it once.
        weights = [1.0 if hashed else _evaluations(self.plan.nodes[user]) for user in users]
        shares = [
            _share(amount, weights, [ledger.rest[user][column] for user in users])
            for column, amount in enumerate(ledger.whole[subplan.id])
        ]
        for user, *amounts in zip(users, *shares, strict=True):
            ledger.pay(user, subplan.id, amounts)

    def _users(self, subplan: Node) -> list[int]:
        """The nodes that evaluate a SubPlan: its owner, and others that mention it themselves.

        A node above one that has the value in its Output only passes it on.
        """
        assert subplan.parent is not None
        names = names_of(subplan)
        given = _ids(self.given, names)
        users = [subplan.parent]
        for id_ in _ids(self.mentioned, names):
            below = bisect_left(given, id_ + 1)
            passed_on = below < len(given) and given[below] < self.ledger.ends[id_]
            if (
                id_ != subplan.parent
                and self.plan.nodes[id_].executed
                and not passed_on
                and not self.ledger.is_below(id_, subplan.id)
            ):
                users.append(id_)
        return users

    # --- InitPlans ---------------------------------------------------------------------------

    def _charge_init_plan(self, init_plan: Node) -> None:
        """The likeliest of the nodes that can pay pays, or the one that can best."""
        best: tuple[tuple[bool, bool], int] | None = None
        for payer in self._candidates(init_plan):
            fits = self._can_pay(payer, init_plan)
            if best is None or fits > best[0]:
                best = fits, payer
            self.tries -= 1
            if all(fits) or self.tries < 0:
                break
        assert best is not None
        self.ledger.pay(best[1], init_plan.id, list(self.ledger.whole[init_plan.id]))

    def _can_pay(self, payer: int, subplan: Node) -> tuple[bool, bool]:
        """Whether a node's time, and its counters, are large enough to contain a sub-plan's."""
        ledger = self.ledger
        left, wanted = ledger.rest[payer], ledger.whole[subplan.id]
        slack = ledger.slack(payer) + ledger.error[subplan.id]
        counters = all(have >= want for have, want in zip(left[1:], wanted[1:], strict=True))
        return left[0] + slack >= wanted[0] - 1e-9, counters

    def _candidates(self, init_plan: Node) -> Iterable[int]:
        """The nodes that may have needed an InitPlan's value first, likeliest first."""
        owner = init_plan.parent
        assert owner is not None

        def in_scope(node: Node) -> bool:
            is_below = self.ledger.is_below
            return is_below(node.id, owner) and not is_below(node.id, init_plan.id)

        ids = (id_ for id_ in _ids(self.mentioned, names_of(init_plan)) if id_ in self.turn)
        in_turn = sorted(ids, key=lambda id_: self.turn[id_])
        mentioning = [node for id_ in in_turn if in_scope(node := self.plan.nodes[id_])]
        for node in mentioning:
            # ExecInitParallelPlan hands values to workers, so it needs them before all.
            yield from (gather.id for gather in self._gathers_above(node) if in_scope(gather))
        yield from (node.id for node in mentioning)
        for node in mentioning:
            yield from (above.id for above in self.plan.ancestors(node) if in_scope(above))
        yield owner
        yield from (node.id for node in self.ran if in_scope(node))
        yield from (node.id for node in self.plan.nodes if in_scope(node) and node.executed)

    def _gathers_above(self, node: Node) -> Iterable[Node]:
        """The Gathers whose workers run a node, nearest first."""
        below = node
        for above in self.plan.ancestors(node):
            if above.type in GATHERS and below.subplan is None:
                yield above
            below = above

    # --- CTEs --------------------------------------------------------------------------------

    def _charge_ctes(self) -> None:
        readers: dict[int, list[Event]] = {}
        ctes = named_ctes(self.plan)
        for event in self.events:
            scan = self.plan.nodes[event.node]
            if scan.type == "CTE Scan" and (cte := cte_of(self.plan, scan, ctes)):
                readers.setdefault(cte.id, []).append(event)
        for cte in self.plan.nodes:
            if is_cte(cte) and cte.executed:
                self._charge_cte(cte, readers.get(cte.id, []))

    def _charge_cte(self, cte: Node, events: list[Event]) -> None:
        """Let every scan pay for the rows that it was the first to read."""
        ledger, whole = self.ledger, self.ledger.whole[cte.id]
        unpaid = list(whole)
        reached = 0.0
        due = 0.0
        for event in events:
            scan = self.plan.nodes[event.node]
            reach = _rows_read(scan) if event.rest else min(1.0, _rows_read(scan))
            due += max(0.0, _cost_up_to(cte, reach) - _cost_up_to(cte, reached))
            if not event.rest and not cte.actual_rows:
                due = 1.0
            reached = max(reached, reach)
            amounts = [
                max(0.0, min(due * amount, have, rest))
                for amount, have, rest in zip(whole, ledger.rest[scan.id], unpaid, strict=True)
            ]
            due = due - amounts[0] / whole[0] if amounts[0] and whole[0] else 0.0
            unpaid = [rest - paid for rest, paid in zip(unpaid, amounts, strict=True)]
            ledger.pay(scan.id, cte.id, amounts)
        half_read = cte.type == "ModifyTable" and reached < (cte.actual_rows or 0)
        if half_read or not events:
            ledger.after_root += unpaid[0]
        else:
            self._pay_rest(cte, unpaid, [event.node for event in events])

    def _pay_rest(self, cte: Node, unpaid: Amounts, scans: list[int]) -> None:
        """What the model of reading left over goes to scans that can take it, or to the owner.

        The owner stops the CTE's workers when all is done (ExecShutdownNode).
        """
        assert cte.parent is not None
        for payer in dict.fromkeys((*scans, cte.parent)):
            amounts = [
                max(0.0, min(rest, have))
                for rest, have in zip(unpaid, self.ledger.rest[payer], strict=True)
            ]
            if any(amounts):
                self.ledger.pay(payer, cte.id, amounts)
                unpaid = [rest - paid for rest, paid in zip(unpaid, amounts, strict=True)]
        if any(unpaid):
            self.ledger.pay(scans[0], cte.id, unpaid)


def _by_mention(plan: Plan, *, expressions: bool) -> dict[str, list[int]]:
    """The nodes that mention each sub-plan, in tree order."""
    found: dict[str, list[int]] = {}
    for node in plan.nodes:
        for name in mentions(node, expressions=expressions):
            found.setdefault(name, []).append(node.id)
    return found


def _ids(index: dict[str, list[int]], names: Iterable[str]) -> Sequence[int]:
    """The nodes under any of some names, in tree order."""
    return sorted({id_ for name in names for id_ in index.get(name, ())})


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
