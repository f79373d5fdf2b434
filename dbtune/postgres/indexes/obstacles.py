"""Conditions that an index could serve, if something were different: what, and how to change it.

Nothing here is costed. How many rows such a condition is true for, the planner mostly guesses, so
these are rules of thumb.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition, Key
from dbtune.postgres.indexes.kinds import special_candidates, wanted_extensions
from dbtune.postgres.indexes.plan_text import bare
from dbtune.postgres.indexes.uses import Condition, Use
from dbtune.postgres.indexes.work import Work
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Table

_COMPARED = ("equality", "list", "range")
_SIMPLE = re.compile(r"\(?(?:lower|upper)\(\(?\"?([\w$]+)\"?\)?(?:::text)?\)\)?")
_FOR_PATTERNS = re.compile(r"_(?:pattern|trgm)_ops$")
_UNKNOWN_PATTERN = re.compile(r"(?:\bI?LIKE\b|!?~~?\*?)\s*(?:\w+\s*)?\(*\s*\$\d", re.IGNORECASE)
"""LIKE $1, or LIKE lower($1): whether it begins with % is not known."""
_METHODS = {"gin": "a GIN", "gist": "a GiST", "spgist": "an SP-GiST"}
_FEWEST_VALUES = 20
"""With fewer different values an equality is true for too many rows."""


class Obstacle(NamedTuple):
    """A condition without an index that could serve it.

    Attributes:
        table: its table.
        key: what is compared, as SQL.
        operator: how.
        reason: why there is no index for it, a sentence without its full stop.
        remedy: what to do.
        sql: statements for that, or "".
    """

    table: Table
    key: str
    operator: str
    reason: str
    remedy: str
    sql: str = ""


class Unserved(NamedTuple):
    """A condition that no index can serve as it is, in statements that no suggestion helps much.

    Attributes:
        obstacle: the condition and what stands in the way.
        statements: how many have it.
        cost_ratio: their share of the workload's cost.
    """

    obstacle: Obstacle
    statements: int
    cost_ratio: float


def unserved(
    dear: Sequence[Work],
    works: Sequence[Work],
    catalog: Catalog,
    refuses: Callable[[Definition], str],
) -> list[Unserved]:
    """The conditions of some statements that no index can serve, the dearest first.

    Args:
        dear: the statements.
        works: those of the whole workload.
        catalog: columns and statistics.
        refuses: why the planner can't judge an index, or "".
    """
    total = max(sum(work.weight * work.base.cost for work in works), 1e-300)
    extensions = catalog.relations.extensions
    found: dict[tuple[object, ...], Obstacle] = {}
    costs: defaultdict[tuple[object, ...], dict[int, float]] = defaultdict(dict)
    for work in dear:
        for use in work.uses:
            for one in obstacles(use, catalog, extensions, refuses):
                name = (one.table.oid, *one[1:])
                found[name] = one
                costs[name][id(work.query)] = work.weight * work.base.cost / total
    ones = [Unserved(found[n], len(costs[n]), sum(costs[n].values())) for n in found]
    return sorted(ones, key=lambda one: (-one.cost_ratio, one.obstacle.key))


def obstacles(
    use: Use, catalog: Catalog, extensions: Mapping[str, str], refuses: Callable[[Definition], str]
) -> Iterator[Obstacle]:
    """What stands between conditions on a table and an index for them.

    Args:
        use: an occurrence of the table.
        catalog: columns and statistics.
        extensions: those that are installed, with their schemas.
        refuses: why the planner can't judge an index, or "".
    """
    table = use.table
    for extension, condition in wanted_extensions(use, extensions):
        name = next(iter(special_candidates(use, catalog, {**extensions, extension: ""})))
        sql = f"CREATE EXTENSION {quote(extension)};\n{name.ddl()};"
        reason = f"an index for it needs the extension {extension}, which is not installed"
        remedy = f"Install {extension}, then create the index."
        yield _of(condition, table, reason, remedy, sql)
    for condition in (*use.conditions, *use.alone):
        yield from _of_form(condition, use, catalog, extensions, refuses)
    for one in special_candidates(use, catalog, extensions):
        why = refuses(one)
        if one.method in _METHODS and "access method" in why:
            yield Obstacle(
                table,
                one.keys[0].sql,
                "",
                f"HypoPG cannot judge {_METHODS[one.method]} index, which could serve it",
                "Let the planner lab judge it: --planner auto, or lab.",
                f"{one.ddl()};",
            )


def _of_form(
    condition: Condition,
    use: Use,
    catalog: Catalog,
    extensions: Mapping[str, str],
    refuses: Callable[[Definition], str],
) -> Iterator[Obstacle]:
    key, table = condition.key, use.table
    if condition.kind == "element":
        array = f"ARRAY[{condition.value or '$1'}]"
        contains = Use(table, [replace(condition, kind="contains", operator="@>")])
        plain = Definition(table.schema, table.name, (key,), method="gin")
        *_, one = plain, *special_candidates(contains, catalog, extensions)
        yield _of(
            condition,
            table,
            "no index serves value = ANY (column)",
            f"Write {key.sql} @> {array}, which GIN serves.",
            f"{one.ddl()};",
        )
    elif condition.kind == "incomplete":
        yield _of(
            condition,
            table,
            "an index for it has to have a constant that the statement was kept without",
            "Give the statement with its constants: --sql, --file or --log.",
        )
    elif not key.column and condition.kind in (*_COMPARED, "contains"):
        method = "btree" if condition.kind in _COMPARED else "gin"
        why = refuses(Definition(table.schema, table.name, (key,), method=method))
        if "IMMUTABLE" in why:
            yield _of(
                condition, table, "its value depends on settings of the session", _remedy(key)
            )
        elif condition.kind == "range" and not why and not _is_known(key, table, catalog):
            yield _of(
                condition,
                table,
                "there are no statistics of it, and the planner takes a third of the rows for less "
                "or greater",
                "If few rows meet it, an index on the expression serves it: ANALYZE, once it is "
                "there, tells the planner how many.",
            )


def _remedy(key: Key) -> str:
    if re.search(r"to_ts(vector|query)\(", key.sql):
        return "Name the text search configuration: to_tsvector('english', ...)."
    return (
        "Compare the column itself with the bounds of a range, or say which time zone is meant: "
        "(column AT TIME ZONE 'UTC')::date."
    )


def _of(condition: Condition, table: Table, reason: str, remedy: str, sql: str = "") -> Obstacle:
    return Obstacle(table, condition.key.sql, condition.operator, reason, remedy, sql)


# ------------------------------------------------------------- expressions without statistics


def without_hopeless(
    conditions: Iterable[Condition], table: Table, catalog: Catalog
) -> list[Condition]:
    """Conditions without those on expressions that have few values, which the planner can't know.

    An expression has at most as many values as the columns that it is made of. Several together
    (the month and the day of a date) have as many as there are combinations.
    """
    conditions = list(conditions)
    looked_up = [one for one in conditions if not one.column and one.kind in ("equality", "list")]
    count = {one.key: _values(one.key, table, catalog) for one in looked_up}
    if math.prod(count.values()) >= _FEWEST_VALUES:
        return conditions
    return [one for one in conditions if one not in looked_up]


_PARTS = re.compile(r"EXTRACT\((?:year|decade|quarter|month|dow|isodow)\b", re.IGNORECASE)
_PART_VALUES = 12.0
"""At most, of parts of a time (years are as few in practice)."""


def _values(key: Key, table: Table, catalog: Catalog) -> float:
    if _PARTS.match(bare(key.sql)):
        return _PART_VALUES
    names = [name for name in re.findall(r"[\w$]+", key.sql) if name in table.column]
    known = [
        catalog.distinct(table, name)
        for name in dict.fromkeys(names)
        if (column := table.column[name]).statistics is not None
        and column.base_type not in ("json", "jsonb", "hstore", "xml")
    ]
    count = 1.0
    for one in known:
        count *= one
    return count if len(known) == len(set(names)) and names else float("inf")


def doubt(index: Definition, table: Table, catalog: Catalog, served: Iterable[str]) -> str:
    """Why the planner's costs with an index are a guess; "" if they are not.

    Args:
        index: the index.
        table: its table.
        catalog: what is known of it.
        served: the texts of the statements that the index serves.
    """
    if any(_FOR_PATTERNS.search(key.operator_class) for key in index.keys) and all(
        map(_UNKNOWN_PATTERN.search, served)
    ):
        return (
            "a parameter stands where the pattern is: this index is for patterns that "
            + ("begin" if index.method == "btree" else "do not begin")
            + " with what is looked for; a log, or --file with real ones, tells which there are"
        )
    if hidden := [name for name in _columns(index, table) if not catalog.is_analysed(table, name)]:
        return (
            f"there are no statistics of {', '.join(hidden)}, or this role may not see them: how "
            "many rows a condition is true for is a guess"
        )
    for key in index.keys:
        if key.column or index.method != "btree" or _is_known(key, table, catalog):
            continue
        return (
            f"there are no statistics of {bare(key.sql)}: the planner takes 0.5 % of the "
            "rows for equal to a value and a third for less or greater; ANALYZE tells it more "
            "once the index is there"
        )
    return ""


def _columns(index: Definition, table: Table) -> list[str]:
    """The columns that an index is searched by, also those in expressions and its predicate."""
    texts = (index.predicate, *(key.sql for key in index.keys))
    named = {word for text in texts for word in re.findall(r"[\w$]+", text)}
    return [one.name for one in table.columns if one.name in named]


def _is_known(key: Key, table: Table, catalog: Catalog) -> bool:
    """Whether there are statistics, or the column's are as good: then 0.5 % is not too few."""
    same = _bare(key.sql)
    for index in catalog.indexes(table):
        if any(one.statistics and _bare(one.expression) == same for one in index.keys):
            return True
    simple = _SIMPLE.fullmatch(key.sql)
    name = simple[1] if simple else ""
    return name in table.column and catalog.distinct(table, name) >= 200


def _bare(sql: str) -> str:
    return re.sub(r"[\s()]", "", sql)
