"""Partial indexes: conditions that are always the same and true for few rows.

A constant in one statement may be another one next time. Taken for the same each time are IS NULL,
a boolean, two columns of a row compared, and a value of a column that has only a few different ones
(a status, a kind): such an index serves that one value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from dbtune.postgres.indexes.btree import btree_candidates
from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition, column_key
from dbtune.postgres.indexes.predicate_share import predicate_share
from dbtune.postgres.indexes.uses import Condition, Use
from dbtune.postgres.relations.facts import Table

_FLAG_VALUES = 12
"""A column of at most so many values is a status or a kind."""
_MOST_OF_VALUE, _MOST_OF_STATE = 0.1, 0.8
"""Share of rows up to which a partial index is worth being less general."""
_MOST_KEY_LISTS = 12
_OWN_ROW_RATIO = 1 / 3
"""What the planner assumes of two columns compared (DEFAULT_INEQ_SEL)."""


def partial_candidates(
    use: Use, catalog: Catalog, *, covering: bool = True
) -> Iterator[Definition]:
    """Partial b-trees for one occurrence of a table, for each predicate and for all together.

    The arguments are as of :func:`~dbtune.postgres.indexes.btree.btree_candidates`.
    """
    usable = [c for c in use.conditions if c.predicate and _is_selective(c, use.table, catalog)]
    usable = usable[:3]
    groups = [[one] for one in usable] + ([usable] if len(usable) > 1 else [])
    for group in groups:
        predicate = " AND ".join(sorted(_canonical(one.predicate) for one in group))
        rest = [one for one in use.conditions if one not in group]
        gone = {one.column for one in group if one.kind != "own row"}
        needed = use.needed - (gone - {one.column for one in rest})
        less = replace(use, conditions=rest, needed=needed)
        found = []
        if _has_keys(less):
            found = btree_candidates(less, catalog, copies=False, covering=covering)
        found = found or [_by_primary_key(use, catalog)]
        for one in found[:_MOST_KEY_LISTS]:
            yield one._replace(predicate=predicate)


def _canonical(predicate: str) -> str:
    """``x = FALSE`` as the planner keeps it."""
    return re.sub(
        r'^("(?:[^"]|"")+") = (TRUE|FALSE)$',
        lambda found: found[1] if found[2] == "TRUE" else f"NOT {found[1]}",
        predicate,
        flags=re.IGNORECASE,
    )


def _is_selective(condition: Condition, table: Table, catalog: Catalog) -> bool:
    if condition.kind == "own row":
        return True
    ratio = predicate_ratio(condition.predicate, table, catalog)
    if condition.kind in ("null", "not null", "boolean"):
        return ratio <= _MOST_OF_STATE
    few = catalog.distinct(table, condition.column) <= _FLAG_VALUES
    if condition.kind not in ("equality", "list", "unequal") or not few:
        return False
    return ratio <= _MOST_OF_VALUE


def _has_keys(use: Use) -> bool:
    searched = any(c.kind in ("equality", "list", "range", "boolean") for c in use.conditions)
    return searched or bool(use.joins or use.orders or use.groups)


def _by_primary_key(use: Use, catalog: Catalog) -> Definition:
    """What lists the rows of a predicate: by the primary key, else by the first column."""
    table = use.table
    primary = next((one for one in catalog.indexes(table) if one.primary), None)
    names = [key.column for key in primary.keys] if primary else [table.columns[0].name]
    return Definition(table.schema, table.name, tuple(map(column_key, names)))


_SEVERAL = re.compile(r'^"(?:[^"]|"")+" (?:(?:NOT )?IN \(|<> )')
_TERM = re.compile(
    r'(?P<negated>NOT )?"(?P<column>(?:[^"]|"")+)"'
    r"(?: (?P<null>IS (?:NOT )?NULL)| (?P<bool>IS (?:TRUE|FALSE))| = (?P<value>.+))?"
)


def predicate_ratio(predicate: str, table: Table, catalog: Catalog) -> float:
    """The share of a table's rows for which a predicate is true, as far as statistics tell."""
    share = 1.0
    for term in predicate.split(" AND ") if predicate else ():
        found = _TERM.fullmatch(term.strip())
        if found:
            share *= _ratio(found, table, catalog)
        elif _SEVERAL.search(term):
            share *= predicate_share(term, table).likely
        else:
            share *= _OWN_ROW_RATIO
    return share


def _ratio(term: re.Match[str], table: Table, catalog: Catalog) -> float:
    column = term["column"].replace('""', '"')
    nulls = catalog.null_ratio(table, column)
    if term["null"]:
        return 1.0 - nulls if "NOT" in term["null"] else nulls
    if term["value"] is not None:
        return catalog.equality_ratio(table, column, constant(term["value"]))
    wanted = "f" if term["negated"] or (term["bool"] or "").endswith("FALSE") else "t"
    return catalog.equality_ratio(table, column, wanted)


def constant(sql: str) -> str:
    """A constant as statistics have it: without quotes and type."""
    text = re.sub(r"^CAST\((.*) AS [\w ]+(?:\([\d, ]+\))?\)$", r"\1", sql)
    text = re.sub(r"(?<=')::[\w\" ]+(?:\([\d,]+\))?$", "", text)
    if re.fullmatch(r"'(?:[^']|'')*'", text):
        return text[1:-1].replace("''", "'")
    return {"true": "t", "false": "f"}.get(text.lower(), text)
