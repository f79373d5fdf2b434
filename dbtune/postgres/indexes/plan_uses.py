"""What a statement does with expressions and with operators that need other indexes than b-trees.

Read from the statement's plan, where the server has resolved names, views and types and writes
expressions as an index's definition would have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dbtune.postgres.indexes import plan_text
from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Key, column_key
from dbtune.postgres.indexes.uses import Condition, Kind, Use
from dbtune.postgres.relations.facts import Table

_CONDITIONS = (
    "Filter",
    "Index Cond",
    "Recheck Cond",
    "Join Filter",
    "Hash Cond",
    "Merge Cond",
    "Order By",
)
_KINDS: dict[str, Kind] = {
    "=": "equality", "= ANY": "list", "<": "range", "<=": "range", ">": "range", ">=": "range",
    "~~": "pattern", "~~*": "pattern", "~": "pattern", "~*": "pattern", "^@": "prefix",
    "%": "similar", "<%": "similar", "%>": "similar", "<<%": "similar", "%>>": "similar",
    "<->": "nearest", "<<->": "nearest", "<->>": "nearest", "<<<->": "nearest", "<->>>": "nearest",
}  # fmt: skip
_CONTAINS = frozenset(
    "@> <@ && @@ @@@ @? ? ?| ?& << >> &< &> <<| |>> &<| |&> -|- ~= <<= >>= @".split()
)
_SPATIAL = re.compile(r"st_(d?within|intersects|contains|covers|coveredby|overlaps|touches|crosses"
                      r"|equals|dfullywithin|containsproperly)")  # fmt: skip
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "@>": "<@", "<@": "@>"}
_BEGINNING = re.compile(r"'(?:[^%_\\'])[^']*'(::\w+)?")
_ANCHORED = re.compile(r"'\^[\w ][^']*'(::\w+)?")
_LISTED = 24


class Found(NamedTuple):
    """A condition on a table, or an order of it, and whether all rows have to meet it."""

    table: Table
    condition: Condition | None
    order: tuple[Key, ...] = ()
    must: bool = True


def add_from_plan(uses: list[Use], plan: Mapping[str, Any], catalog: Catalog) -> None:
    """Add to a statement's uses of tables what its plan tells besides.

    Of an expression or an operator of its own that the plan does not tell which occurrence of the
    table it is about, all of them get it. Tables that the statement's text did not show (a view's,
    or a text that can't be parsed) come new.
    """
    from_text = {use.table.oid for use in uses}
    for found in plan_uses(plan, catalog):
        same = [use for use in uses if use.table.oid == found.table.oid]
        if not same:
            same = [Use(found.table)]
            uses += same
        known = found.table.oid in from_text
        for use in same:
            if found.condition is not None:
                _add(use, found.condition, must=found.must, known=known)
            elif known and all(key.column for key in found.order):
                continue
            elif found.order not in use.orders:
                use.orders.append(found.order)


def _add(use: Use, condition: Condition, *, must: bool, known: bool) -> None:
    special = not condition.column or condition.kind in (
        "contains", "pattern", "prefix", "similar", "nearest", "element",
    )  # fmt: skip
    if not must:
        if condition not in use.alone:
            use.alone.append(condition)
    elif special or not known:
        use.add(condition)


def plan_uses(plan: Mapping[str, Any], catalog: Catalog) -> Iterator[Found]:
    """What a plan says of its tables.

    Args:
        plan: a document of EXPLAIN (FORMAT JSON, VERBOSE).
        catalog: names of tables and columns.
    """
    nodes = list(_nodes(plan["Plan"]))
    aliases = {}
    for node in nodes:
        table = catalog.table(node.get("Schema", ""), node.get("Relation Name", ""))
        if table is not None:
            aliases[node.get("Alias", "")] = catalog.root(table)
    reader = _Reader(aliases)
    seen = set()
    for node in nodes:
        for text in (str(node[name]) for name in _CONDITIONS if name in node):
            for condition in plan_text.conjuncts(text):
                if condition not in seen:
                    seen.add(condition)
                    yield from reader.condition(condition)
        for name in ("Sort Key", "Group Key"):
            if name in node:
                yield from reader.order([str(key) for key in node[name]])


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.get("Plans", ())


class _Reader:
    def __init__(self, aliases: Mapping[str, Table]) -> None:
        self._aliases = aliases
        self._types = {
            table.oid: {column.name: column.base_type for column in table.columns}
            for table in aliases.values()
        }

    def condition(self, condition: str) -> Iterator[Found]:
        branches = plan_text.disjuncts(condition)
        for branch in branches[:_LISTED]:
            for one in plan_text.conjuncts(branch) if len(branches) > 1 else [branch]:
                for found in self._one(one):
                    yield found._replace(must=len(branches) == 1)

    def _one(self, condition: str) -> Iterator[Found]:
        compared = plan_text.comparison(condition)
        if compared is not None:
            left, operator, right = compared
            yield from self._side(left, operator, right)
            yield from self._side(right, _TURNED.get(operator, operator), left, turned=True)
        elif called := plan_text.call(condition):
            name, arguments = called
            if _SPATIAL.fullmatch(name):
                for one in arguments:
                    yield from self._side(one, name, "")
            elif name == "starts_with" and len(arguments) == 2:
                yield from self._side(arguments[0], "^@", arguments[1])

    def _side(
        self, text: str, operator: str, other: str, *, turned: bool = False
    ) -> Iterator[Found]:
        """What an operator says of one of its sides."""
        kind = _KINDS.get(operator)
        if turned and operator == "= ANY" and text.startswith("("):
            kind = "element"
        elif turned and (operator.endswith((" ANY", " ALL")) or operator.startswith("~")):
            return
        if kind is None:
            if operator not in _CONTAINS and not _SPATIAL.fullmatch(operator):
                return
            kind = "contains"
        place = self._key(text)
        if place is None:
            return
        table, key = place
        if any(self._aliases.get(alias) is table for alias, _ in plan_text.columns(other)):
            return
        constant = not plan_text.columns(other) and not re.search(r"\$\d|\(", other)
        if kind == "pattern" and operator in ("~~", "~"):
            form = _BEGINNING if operator == "~~" else _ANCHORED
            kind = "prefix" if form.fullmatch(plan_text.bare(other)) else "pattern"
        yield Found(table, Condition(kind, key, operator, other if constant else None))

    def order(self, keys: Sequence[str]) -> Iterator[Found]:
        """The beginning of an order that is made of one table, or what its first key is next to."""
        found: list[Key] = []
        table: Table | None = None
        for text in keys:
            ending = re.search(r"( DESC)?( NULLS (?:FIRST|LAST))?$", text)
            assert ending is not None
            near = plan_text.comparison(plan_text.bare(text[: ending.start()]))
            if near and _KINDS.get(near.operator) == "nearest" and not ending[1] and not found:
                yield from self._side(near.left, near.operator, near.right)
                yield from self._side(near.right, near.operator, near.left)
                return
            place = self._sort_key(text[: ending.start()])
            if place is None or (table is not None and place[0] is not table):
                break
            table, key = place
            nulls = "FIRST" in ending[2] if ending[2] else None
            found.append(key._replace(descending=bool(ending[1]), nulls_first=nulls))
        if table is not None:
            yield Found(table, None, tuple(found))

    def _sort_key(self, text: str) -> tuple[Table, Key] | None:
        """As :meth:`_key`; a collation that is the column's own needs no mention."""
        collated = re.fullmatch(r"(.*) COLLATE (\S+)", plan_text.bare(text), re.DOTALL)
        place = self._key(collated[1] if collated else text)
        if place is None or not collated:
            return place
        table, key = place
        own = {
            one.collation.rpartition(".")[2]
            for _, name in plan_text.columns(text)
            if (one := table.column.get(name))
        }
        if own == {collated[2].rpartition(".")[2]}:
            return place
        return table, key._replace(collation=collated[2])

    def _key(self, text: str) -> tuple[Table, Key] | None:
        """The table and the key that an expression of one table's columns is."""
        named = plan_text.columns(text)
        aliases = {alias for alias, _ in named}
        table = self._aliases.get(next(iter(aliases))) if len(aliases) == 1 else None
        if table is None or re.search(r"\$\d|\bSubPlan\b|\bInitPlan\b", text):
            return None
        types = self._types[table.oid]
        if any(name not in types for _, name in named):
            return None
        own = plan_text.without_alias(plan_text.bare(text))
        if column := plan_text.plain_column(own, types):
            return table, column_key(column)
        if len(plan_text.words(own)) > 1 and "ROW(" in own:
            return None
        return table, Key(own if plan_text.enclosed(own) else f"({own})")
