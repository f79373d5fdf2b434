"""In which order the nodes of a plan are run, and which of them mention which sub-plan.

The executor pulls: a node runs when the one above asks it for a row. So a CTE is computed by
whoever reads it first, as far as it is read, and an InitPlan by whoever needs its value first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dbtune.postgres.plans.model import Node, Plan

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_RETURNS = re.compile(r"\(returns ([^)]*)\)")
_NAME = re.compile(r"(InitPlan|SubPlan) (\w+)")
_MENTION = re.compile(r"\$\d+|\b(?:InitPlan|SubPlan) \w+|\((\w+_\d+)\)\.col\d+")

GATHERS = ("Gather", "Gather Merge")
_READ_WHOLE = ("Sort", "Hash", "Bitmap Heap Scan", "BitmapAnd", "BitmapOr")
_FIRST_OF_ALL = "One-Time Filter"
"""The expression that a node evaluates before it runs a child."""


class Event(NamedTuple):
    """A node has got its first row, or all its rows.

    Attributes:
        node: the node's id.
        rest: all its rows; otherwise the first.
    """

    node: int
    rest: bool


def plain_children(plan: Plan, node: Node) -> list[Node]:
    """The children that feed a node rows, that is, not its sub-plans."""
    return [child for child in plan.children(node) if child.subplan is None]


def is_cte(node: Node) -> bool:
    """Whether a sub-plan is that of a CTE."""
    return node.subplan is not None and node.subplan.startswith("CTE ")


def is_init_plan(node: Node) -> bool:
    """Whether a sub-plan runs once for a value and is no CTE."""
    return node.subplan is not None and node.relationship == "InitPlan" and not is_cte(node)


def named_ctes(plan: Plan) -> dict[str, list[Node]]:
    """The CTEs of a plan, outer before inner, by what they are called as sub-plans."""
    found: dict[str, list[Node]] = {}
    for node in plan.nodes:
        if is_cte(node):
            found.setdefault(node.subplan or "", []).append(node)
    return found


def cte_of(plan: Plan, scan: Node, ctes: Mapping[str, Sequence[Node]] | None = None) -> Node | None:
    """The CTE that a CTE Scan reads: the nearest definition of that name, its own included.

    Args:
        plan: the plan.
        scan: the CTE Scan.
        ctes: from :func:`named_ctes`, if there are many scans to ask for.
    """
    named = (named_ctes(plan) if ctes is None else ctes).get(f"CTE {scan.cte}", ())
    owners = {scan.id, *(above.id for above in plan.ancestors(scan))} if named else set()
    around = [cte for cte in named if cte.parent in owners and cte.id != scan.id]
    return max(around, key=lambda cte: cte.depth, default=None)


def cte_readers(plan: Plan) -> dict[int, list[Node]]:
    """The CTE Scans that read each CTE, in tree order, by the CTE's id."""
    ctes = named_ctes(plan)
    readers: dict[int, list[Node]] = {}
    for scan in plan.nodes:
        if scan.type == "CTE Scan" and (cte := cte_of(plan, scan, ctes)):
            readers.setdefault(cte.id, []).append(scan)
    return readers


def mentions(node: Node, *, output: bool = True, expressions: bool = True) -> list[str]:
    """What a node's expressions mention, in the order in which it evaluates them.

    That is ``$0`` up to 16, and ``InitPlan 1`` or ``SubPlan 2``.

    Args:
        output: look at its Output, which VERBOSE shows.
        expressions: look at everything else.
    """
    texts: list[str] = []
    if expressions:
        texts += [node.conditions.get(_FIRST_OF_ALL, ""), *node.conditions.values()]
        for key, value in node.props.items():
            if isinstance(value, str):
                texts.append(value)
            elif key != "Output":
                texts += node.texts(key)
    if output:
        texts += node.texts("Output")
    found: dict[str, None] = {}
    for text in texts:
        if "$" in text or "Plan" in text or ").col" in text:
            for match in _MENTION.finditer(_LITERAL.sub("''", text)):
                found[match[1] or match[0]] = None
    return list(found)


def names_of(subplan: Node) -> frozenset[str]:
    """The words by which expressions mention a sub-plan."""
    name = subplan.subplan or ""
    if returned := _RETURNS.search(name):
        names = {part.strip() for part in returned[1].split(",")}
    else:
        names = set()
    if found := _NAME.match(name):
        names |= {found[0], found[2]} if not found[2].isdigit() else {found[0]}
    return frozenset(names)


def execution_order(plan: Plan) -> list[Event]:
    """What happens in which order, as far as types, conditions and costs tell."""
    return _Executor(plan).run()


class _Executor:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.events: list[Event] = []
        self.entered: set[Event] = set()
        self.ctes = named_ctes(plan)
        self.init_plans = {
            name: node for node in plan.nodes if is_init_plan(node) for name in names_of(node)
        }
        self.ran: set[int] = set()

    def run(self) -> list[Event]:
        self.all(self.plan.root)
        for node in self.plan.nodes:  # modifying CTEs that nobody reads run at the end
            if node.subplan is not None:
                self.all(node)
        return self.events

    def all(self, node: Node) -> None:
        self.first(node)
        self.rest(node)

    def enter(self, node: Node, *, rest: bool) -> bool:
        """Whether a node is still to get its first row or its rest; no broken plan loops here."""
        event = Event(node.id, rest)
        if event in self.entered or node.loops == 0:
            return False
        self.entered.add(event)
        return True

    def first(self, node: Node) -> None:
        if not self.enter(node, rest=False):
            return
        children = plain_children(self.plan, node)
        if _FIRST_OF_ALL in node.conditions:
            self.evaluate(mentions(node, output=False))
        if node.type == "Append":
            children = children[:1]
        elif node.type == "Hash Join" and len(children) == 2:
            children = self.hash_join_order(node, *children)
        whole = _reads_whole(node)
        for child in children:
            self.first(child)
            if whole or child.type == "Hash":
                self.rest(child)
        if node.type == "CTE Scan" and (cte := cte_of(self.plan, node, self.ctes)):
            self.first(cte)
        self.evaluate(mentions(node))
        for child in self.plan.children(node):
            if child.relationship == "SubPlan":
                self.all(child)
        self.events.append(Event(node.id, rest=False))

    def rest(self, node: Node) -> None:
        if not self.enter(node, rest=True):
            return
        children = plain_children(self.plan, node)
        if node.type == "Nested Loop":
            children.reverse()
        for child in children:
            self.all(child)
        if node.type == "CTE Scan" and (cte := cte_of(self.plan, node, self.ctes)):
            self.rest(cte)
        self.events.append(Event(node.id, rest=True))

    def evaluate(self, mentioned: list[str]) -> None:
        """Run the InitPlans that expressions mention, unless they have run."""
        for mention in mentioned:
            if (init_plan := self.init_plans.get(mention)) and init_plan.id not in self.ran:
                self.ran.add(init_plan.id)
                self.all(init_plan)

    def hash_join_order(self, node: Node, outer: Node, inner: Node) -> list[Node]:
        """Whether the outer side is asked for a row before the hash table is built.

        As ExecHashJoinImpl in nodeHashjoin.c: not for right and full joins, not in parallel ones,
        always for left and anti joins, else if its first row is cheaper than the hash table.
        """
        join = node.join_type or "Inner"
        if join in ("Right", "Full", "Right Anti") or inner.parallel_aware:
            return [inner, outer]
        cheap = (outer.startup_cost or 0.0) < (inner.total_cost or 0.0)
        return [outer, inner] if join in ("Left", "Anti") or cheap else [inner, outer]


def _reads_whole(node: Node) -> bool:
    """Whether a node reads all its input before it gives a row."""
    if node.type == "Aggregate":
        return node.strategy != "Sorted"
    return node.type in _READ_WHOLE or (node.type == "SetOp" and node.strategy == "Hashed")
