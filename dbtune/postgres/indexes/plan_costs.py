"""What the planner's cost of a plan leaves out, where it is far off."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.kinds import is_correlated
from dbtune.postgres.indexes.planner import Planned
from dbtune.postgres.relations.facts import Table

_PAGES_PER_RANGE = 128
_PROCESSES = 2.4
_PLAIN = ("Aggregate", "Gather", "Gather Merge", "Limit", "Sort", "Subquery Scan", "Result")


def corrected_cost(planned: Planned, catalog: Catalog) -> float:
    """The cost of a plan, block ranges being as far from each other as they are.

    A bitmap's pages are costed as if they were scattered over the table (Mackert and Lohman;
    ``compute_bitmap_pages`` in costsize.c), though what BRIN finds in a table whose rows are in
    order is one piece of it.
    """
    brin = {one.name: one for one in planned.used if one.method == "brin"}
    cost = planned.cost
    for node in _nodes(planned.plan["Plan"]) if brin else ():
        children = node.get("Plans", ())
        index = brin.get(children[0].get("Index Name", "")) if len(children) == 1 else None
        table = catalog.table(index.schema, index.table) if index else None
        if node["Node Type"] != "Bitmap Heap Scan" or index is None or table is None:
            continue
        if is_correlated(table, index.keys[0].column, catalog):
            cost -= _scattered(table, float(children[0]["Plan Rows"]), catalog)
    return max(cost, 0.01)


def _scattered(table: Table, rows: float, catalog: Catalog) -> float:
    """What reading scattered pages is costed more than reading them in one piece."""
    setting = catalog.setting
    pages, all_rows = float(max(1, table.pages)), catalog.rows(table)
    fetched = min(pages, 2 * pages * rows / (2 * pages + rows))
    random, sequential = setting("random_page_cost", 4.0), setting("seq_page_cost", 1.0)
    each = random - (random - sequential) * math.sqrt(fetched / pages) if fetched >= 2 else random
    piece = min(pages, pages * rows / all_rows + _PAGES_PER_RANGE)
    return max(0.0, fetched * each - piece * sequential)


def rows_of_most(planned: Planned, catalog: Catalog, *, share: float = 0.5) -> float:
    """How many rows a statement computes of most rows of one table, if it does nothing else.

    An index would only be a copy of the table, if a narrower one. The answer is infinite for a
    statement that does something else, or that may stop before it has read them all.
    """
    node: Mapping[str, Any] = planned.plan["Plan"]
    computed = float(node["Plan Rows"])
    computes = False
    while len(children := node.get("Plans", ())) == 1 and node["Node Type"] in _PLAIN:
        if node["Node Type"] == "Limit" and computed > 1:
            return math.inf
        if node["Node Type"] == "Aggregate":
            computes = True
            computed = 1.0 if node.get("Strategy") == "Plain" else computed
        node = children[0]
    table = catalog.table(node.get("Schema", ""), node.get("Relation Name", ""))
    if not computes or table is None or children:
        return math.inf
    # A parallel scan tells the rows of one process, of which there are some three.
    rows = float(node["Plan Rows"]) * (_PROCESSES if node.get("Parallel Aware") else 1.0)
    return computed if rows >= share * catalog.rows(table) else math.inf


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.get("Plans", ())
