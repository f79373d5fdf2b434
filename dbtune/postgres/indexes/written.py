"""What a statement writes: the table, and the columns that it changes."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.relations.facts import Table
from dbtune.postgres.sqltext import parseable, tree_of


def written_columns(text: str, catalog: Catalog) -> Iterator[tuple[Table, str]]:
    """The columns that an UPDATE changes; "" for the column where rows are inserted."""
    from sqlglot import exp

    from dbtune.postgres.indexes.scopes import folded

    tree = tree_of(parseable(text))
    target = tree.this if isinstance(tree, exp.Insert | exp.Update | exp.Merge) else None
    if isinstance(target, exp.Schema):
        target = target.this
    if not isinstance(target, exp.Table):
        return
    table = catalog.table(folded(target.args.get("db")), folded(target.this))
    if table is None:
        return
    if isinstance(tree, exp.Insert):
        yield table, ""
    updates = [tree] if isinstance(tree, exp.Update) else list(tree.find_all(exp.Update))
    assignments = [one for update in updates for one in update.expressions]
    if isinstance(conflict := tree.args.get("conflict"), exp.OnConflict):
        assignments += conflict.expressions
    for one in assignments:
        left = one.this
        for side in left.expressions if isinstance(left, exp.Tuple) else [left]:
            if name := folded(side):
                yield table, name
