"""Give the lab's tables and indexes the target's statistics, sizes and heights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from dbtune.postgres.lab.build import Connections, some
from dbtune.postgres.lab.source import Source, SourceIndex, SourceRelation, SourceStatistics
from dbtune.postgres.lab.storage import Storage, tree_level
from dbtune.postgres.session import load_sql
from dbtune.text import plural

_AT_ONCE = 500
_ONE_COLUMN = re.compile(r'FOREIGN KEY \((?:(\w+)|"((?:[^"]|"")+)")\)')
_TEXTS = ("text", "character varying", "character")
_MAJOR = 18
_POSTINGS = 130
"""Row numbers of a posting list: a tenth of a block (nbtdedup.c)."""
_ROW_NUMBER_BYTES = 8
_MINUS_ONE_SINCE = 140000
"""Since then a table that was never analysed has -1 rows, before it had 0 in 0 pages."""


def restore_statistics(connections: Connections, source: Source, *, same_order: bool) -> list[str]:
    """Restore the statistics of columns and expressions.

    Args:
        connections: to a lab with the schema.
        source: what the target has.
        same_order: whether the lab's default collation sorts as the target's. If not, histograms
            of texts are put in the lab's order, or estimates from them would be arbitrary.

    Returns:
        Notes: what is missing.
    """
    owner = connections.owner
    owner.execute(load_sql("lab_restore", _MAJOR).encode())
    # Values that can't be read are told as warnings, one each.
    owner.execute("SET client_min_messages = error")
    rows = [*_rows(source, same_order=same_order), *_guesses(source)]
    failed = 0
    for at in range(0, len(rows), _AT_ONCE):
        text = json.dumps(rows[at : at + _AT_ONCE])
        found = owner.execute("SELECT pg_temp.dbtune_restore(%s::jsonb) AS failed", (text,))
        failed += found.fetchall()[0]["failed"]
    notes = [f"statistics of {plural(failed, 'column')} could not be restored"] if failed else []
    return notes + _hidden(source)


def _rows(source: Source, *, same_order: bool) -> Iterator[dict[str, object]]:
    places: dict[int, SourceRelation | SourceIndex] = dict(source.relations)
    places |= {index.oid: index for index in source.indexes}
    for one in source.statistics:
        place = places[one.relation]
        of_index = isinstance(place, SourceIndex)
        yield {
            "schema": place.schema,
            "relation": place.name,
            # What an expression is called may differ by version, its place does not.
            "name": None if of_index else one.name,
            "number": one.number if of_index else None,
            "inherited": one.inherited,
            "resort": not same_order and _is_text(place, one),
            **one.values,
        }


def _is_text(place: SourceRelation | SourceIndex, one: SourceStatistics) -> bool:
    if isinstance(place, SourceIndex):
        return False
    types = (c.type for c in place.columns if c.name == one.name and not c.collation)
    return any(type_.partition("(")[0] in _TEXTS for type_ in types)


def _hidden_of(source: Source) -> list[SourceRelation]:
    """Tables with rows whose statistics the target did not show."""
    seen = {one.relation for one in source.statistics}
    return [
        one
        for one in source.relations.values()
        if one.kind in ("r", "p", "m") and one.rows > 0 and one.columns and one.oid not in seen
    ]


def _guesses(source: Source) -> Iterator[dict[str, object]]:
    """For want of statistics: a column that refers to a key has as many values as there are keys.

    The planner's own guess is 200. Unique columns it knows from their indexes.
    """
    hidden = {one.oid: one for one in _hidden_of(source)}
    for one in source.constraints:
        relation, target = hidden.get(one.relation), source.relations.get(one.target)
        column = _ONE_COLUMN.match(one.definition)
        if relation is None or target is None or column is None or target.rows <= 0:
            continue
        name = column[1] or column[2].replace('""', '"')
        yield {
            "schema": relation.schema,
            "relation": relation.name,
            "name": name,
            "inherited": relation.kind == "p",
            "null_frac": 0.0,
            "avg_width": 8,
            "n_distinct": min(target.rows, relation.rows),
        }


def _hidden(source: Source) -> list[str]:
    hidden = [one.shown for one in _hidden_of(source)]
    if not hidden:
        return []
    grant = (
        f"GRANT pg_read_all_data TO {source.database.user}"
        if source.database.version >= 140000
        else f"GRANT SELECT ON ALL TABLES IN SCHEMA ... TO {source.database.user}"
    )
    return [
        f"no column statistics of {some(hidden)} can be seen: their costs are guesses (ANALYZE, if "
        f"that was never done, makes them; {grant} shows them)"
    ]


# ------------------------------------------------------------------------------------------- sizes


def restore_sizes(connections: Connections, source: Source, storage: Storage) -> None:
    """Make each table and index as large as on the target; the b-trees as high, too.

    Args:
        connections: to a lab with schema and statistics.
        source: what the target has.
        storage: of that lab.
    """
    files = _files(connections)
    ones: list[SourceRelation | SourceIndex] = [*source.relations.values(), *source.indexes]
    counted: list[tuple[int, int, float, int]] = []
    for one in ones:
        file = files.get((one.schema, one.name))
        if file is None:
            continue
        never = source.database.version < _MINUS_ONE_SINCE and not one.pages and not one.rows
        all_visible = one.all_visible if isinstance(one, SourceRelation) else 0
        counted.append((file["oid"], one.pages, -1.0 if never else one.rows, all_visible))
        pages = one.pages if one.size_pages is None else one.size_pages
        if file["path"] is None or (pages == 0 and file["kind"] != "i"):
            continue
        if file["method"] == "btree":
            pages = max(pages, file["pages"])
            storage.grow_btree(file["path"], pages, _level(file, pages, one.rows, storage))
        else:
            storage.resize(file["path"], max(pages, file["pages"]))
    connections.admin.execute(
        "UPDATE pg_catalog.pg_class c SET relpages = n.pages, reltuples = n.rows, "
        "relallvisible = n.visible FROM unnest(%s::oid[], %s::int[], %s::float4[], %s::int[]) "
        "AS n(oid, pages, rows, visible) WHERE c.oid = n.oid",
        [list(column) for column in zip(*counted, strict=True)] or [[], [], [], []],
    )


def _files(connections: Connections) -> dict[tuple[str, str], dict[str, Any]]:
    """The lab's tables and indexes, with width and number of distinct values of each key."""
    rows = connections.admin.execute(load_sql("lab_files", _MAJOR).encode())
    return {(row["schema"], row["name"]): row for row in rows}


def _level(file: dict[str, Any], pages: int, rows: float, storage: Storage) -> int:
    equal_keys_once = storage.stores_equal_keys_once(file["path"])
    width = _separator_bytes(
        file["widths"], file["distinct"], rows, pages, _POSTINGS if equal_keys_once else 1
    )
    return tree_level(pages, width)


def _separator_bytes(
    widths: Sequence[float], distinct: Sequence[float], rows: float, pages: int, at_once: int
) -> float:
    """Width of what tells one leaf's keys from the next one's (nbtutils.c, _bt_truncate).

    It is made of the leading columns that suffice, and of a row's number where a leaf ends between
    equal keys.

    Args:
        widths, distinct: of each column.
        rows: of the index.
        pages: blocks of the index.
        at_once: how many equal keys are one item, which no leaf's end divides.
    """
    total, kinds = 0.0, 1.0
    for width, number in zip(widths, distinct, strict=True):
        total += width
        kinds *= max(1.0, number if number >= 0 else -number * rows)
        if kinds > pages:
            break
    return total + (_ROW_NUMBER_BYTES if rows / kinds > at_once + 0.5 else 0)
