"""Candidate b-trees for one occurrence of a table in a statement.

Keys come in the order in which a b-tree can be searched: what is equal first, then one range or the
wanted order; columns that the statement only reads come last, as INCLUDE, if they are narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition, Key, column_key
from dbtune.postgres.indexes.kinds import pattern_keys
from dbtune.postgres.indexes.predicate_share import predicate_share
from dbtune.postgres.indexes.uses import Kind, Use
from dbtune.postgres.relations.facts import Table

MAX_KEYS = 5
MAX_COVERED = 10
"""Most columns of an index in all; more make it a copy of the table."""
_MAX_COVERED_BYTES = 160
_MAX_COVERED_RATIO = 0.7
"""Of the table's row: an index nearly as wide as the table is read no faster than the table."""
_MOST_ROWS = 0.5
"""A condition that a larger share of the rows meets is nothing to look up."""
_MAX_RANGES = 3
_MAX_JOINS = 4


def btree_candidates(
    use: Use, catalog: Catalog, *, copies: bool = True, covering: bool = True
) -> list[Definition]:
    """B-trees that may help to read a table as a statement does, the most promising first.

    Args:
        use: an occurrence of the table.
        catalog: columns and statistics.
        copies: with those that would only be read in whole, since they are narrower than the table.
        covering: with those that store what the statement only reads.
    """
    found: dict[Definition, None] = {}
    for condition in use.alone:
        if condition.kind in ("equality", "list", "range"):
            found.setdefault(_definition(use, [condition.key]))
        elif condition.kind == "prefix":
            for key in pattern_keys(condition.key, use.table):
                found.setdefault(_definition(use, [key]))
    for keys in _key_lists(use, catalog, copies):
        found.setdefault(_definition(use, keys))
        if covering and (wider := covered(use, keys, catalog)):
            found.setdefault(wider)
    return list(found)


def covered(use: Use, keys: Sequence[Key], catalog: Catalog) -> Definition | None:
    """The index with all else that the statement reads; ``None`` if it would be too wide.

    Nor is there one for an expression, or for columns without statistics: how many visits to the
    table it would save is a guess.
    """
    if not all(key.column and catalog.is_analysed(use.table, key.column) for key in keys):
        return None
    have = {key.column for key in keys if not key.operator_class}
    rest = sorted(use.needed - have)
    if not use.needed or not have or use.written or len(rest) + len(keys) > MAX_COVERED:
        return None
    table = use.table
    width = sum(catalog.width(table, name) for name in (*have, *rest))
    row = sum(catalog.width(table, column.name) for column in table.columns)
    if width > _MAX_COVERED_BYTES or width > _MAX_COVERED_RATIO * row:
        return None
    return _definition(use, keys, tuple(rest)) if rest else None


def _definition(use: Use, keys: Sequence[Key], include: tuple[str, ...] = ()) -> Definition:
    return Definition(use.table.schema, use.table.name, tuple(keys), include)


def _key_lists(use: Use, catalog: Catalog, copies: bool) -> Iterator[list[Key]]:
    """Key lists without repetition, each with at least one key."""
    seen: set[tuple[Key, ...]] = set()
    for start in _starts(use, catalog):
        for end in _ends(use, catalog, bool(start) or not copies):
            keys = _joined(start, end)[:MAX_KEYS]
            if _is_flag(keys, use.table):
                continue  # a partial index of the rare value does the same
            if keys and tuple(keys) not in seen:
                seen.add(tuple(keys))
                yield keys


def _is_flag(keys: Sequence[Key], table: Table) -> bool:
    """Whether all that there is to look up is true or false."""
    column = table.column.get(keys[0].column) if len(keys) == 1 else None
    return column is not None and column.base_type == "bool"


def _joined(*parts: Iterable[Key]) -> list[Key]:
    """One list without a column twice."""
    found: dict[str, Key] = {}
    for part in parts:
        for key in part:
            found.setdefault(key.sql, key)
    return list(found.values())


def _starts(use: Use, catalog: Catalog) -> list[list[Key]]:
    """What is looked up by equality: constants, columns of other tables, both."""
    equal = _looked_up(use, catalog, "equality", "boolean", "null")
    joins = _join_keys(use, catalog)
    found = [equal, *joins]
    if equal:
        found += [_joined(equal, join) for join in joins]
        found += [_joined(join, equal) for join in joins]
    if len(equal) > 1:
        found += [[key] for key in equal[:3]]
    found.append([])
    return found


def _join_keys(use: Use, catalog: Catalog) -> list[list[Key]]:
    """The columns compared with each other table, then with all of them, then each alone."""
    sets = [_by_distinctness(use, map(column_key, names), catalog) for names in use.joins.values()]
    singles = [[key] for one in sets for key in one]
    found: dict[tuple[Key, ...], None] = {}
    for keys in (*sets, *singles):
        found.setdefault(tuple(keys))
    distinct = [list(keys) for keys in found]
    alone = [keys[0] for keys in distinct if len(keys) == 1]
    if 2 <= len(alone) <= 3:  # what is joined with two tables: either may come first
        distinct += [_joined(alone), _joined(reversed(alone))]
    return distinct[: _MAX_JOINS * 2]


def _ends(use: Use, catalog: Catalog, started: bool) -> Iterator[list[Key]]:
    """What may follow what is looked up: lists, a range, an order."""
    lists = _looked_up(use, catalog, "list")
    ranges = list(_joined(c.key for c in use.conditions if c.kind == "range"))[:_MAX_RANGES]
    yield []
    if lists:
        yield lists
    for one in ranges:
        yield [one]
        if lists:
            yield [*lists, one]
    if len(ranges) > 1:
        yield ranges
    for condition in use.conditions:
        if condition.kind == "prefix":
            yield from ([key] for key in pattern_keys(condition.key, use.table))
    for order in use.orders:
        yield list(order)
        if lists:
            yield _joined(lists, order)
    for group in use.groups:
        yield [column_key(name) for name in group]
    if not started and not lists and not ranges and use.needed:
        # Nothing to look up: only a narrow copy of the table can help.
        narrow = sorted(use.needed, key=lambda name: (catalog.distinct(use.table, name), name))
        yield [column_key(narrow[0])]


def _looked_up(use: Use, catalog: Catalog, *kinds: Kind) -> list[Key]:
    """Keys of conditions, those that fewest rows meet first, without what most rows surely meet."""
    parts: dict[Key, float] = {}
    for one in use.conditions:
        if one.kind not in kinds:
            continue
        share = predicate_share(one.predicate if one.column else "", use.table)
        if one.predicate and share.fewest > _MOST_ROWS:
            continue
        many = catalog.distinct(use.table, one.column) if one.column else 0.0
        if one.kind in ("boolean", "null"):  # of many values only the one is looked up
            many = 1 / max(share.likely, 1e-9)
        parts[one.key] = max(many, parts.get(one.key, 0.0))
    return sorted(parts, key=lambda key: (-parts[key], key.sql))


def _by_distinctness(use: Use, keys: Iterable[Key], catalog: Catalog) -> list[Key]:
    """Each key once, those with the most different values first."""
    return sorted(
        _joined(keys),
        key=lambda key: (-catalog.distinct(use.table, key.column) if key.column else 0, key.sql),
    )
