"""Count in a sample of a table's blocks how many different combinations of values columns have.

This reads rows of users' tables, at most some hundred blocks of each: what ANALYZE does, but for
combinations of columns, and knowing that blocks were drawn and not rows.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import psycopg
from psycopg import sql

from dbtune.errors import Unavailable
from dbtune.postgres.bloat.measure import reading
from dbtune.postgres.indexes.advice import Advice
from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.key_groups import sampled_groups
from dbtune.postgres.indexes.size import IndexSizes
from dbtune.postgres.relations.facts import Frequency, JointDistinct, Relations, Table
from dbtune.postgres.session import Row, Session

BLOCKS = 600
"""How many blocks of a table are read, of a partitioned one of all its partitions together."""
_MOST_PARTS = 20
"""So many partitions are read, the largest: the sizes of others are from statistics alone."""
SECONDS = 10.0
"""How long all tables together may be read."""
_MOST_SETS = 20


def measured_sizes(session: Session, relations: Relations, advice: Advice) -> Advice:
    """The advice, with sizes of its indexes from samples of their tables where these tell more.

    The choice stays: which indexes are worth their size was decided by statistics.
    """
    suggested = [one.index for one in advice.suggestions]
    relations, notes = with_samples(session, relations, suggested)
    sizes = IndexSizes(relations)
    suggestions = tuple(
        replace(one, size_bytes=sizes.of(one.index).likely_bytes) for one in advice.suggestions
    )
    total = sum(one.size_bytes for one in suggestions)
    if notes:
        more = f"; {len(notes) - 1} more tables alike" if len(notes) > 1 else ""
        notes = [f"sizes of indexes are less sure: {notes[0]}{more}"]
    return replace(advice, suggestions=suggestions, size_bytes=total, notes=(*advice.notes, *notes))


def with_samples(
    session: Session,
    relations: Relations,
    definitions: Iterable[Definition],
    seconds: float = SECONDS,
) -> tuple[Relations, list[str]]:
    """The relations, with combinations of the columns of these indexes counted where it helps.

    Only b-trees that deduplicate are worth it, of a partitioned table those on its partitions. What
    a role may not read or not in whole (row security), or what takes too long, stays unknown.

    Args:
        session: an open session.
        relations: what is known of the tables.
        definitions: the indexes.
        seconds: how long all tables together may be read.

    Returns:
        The relations, and a sentence for each table that could not be sampled.
    """
    catalog = Catalog(relations)
    wanted: defaultdict[int, dict[tuple[str, ...], None]] = defaultdict(dict)
    blocks: dict[int, int] = {}
    for one in definitions:
        names = tuple(key.column for key in one.keys)
        whole = not (one.unique or one.include or one.predicate)
        table = catalog.table(one.schema, one.table)
        if one.method != "btree" or not whole or not all(names) or table is None:
            continue
        parts = catalog.leaves(table) if table.kind == "p" else [table]
        parts = sorted(parts, key=lambda part: (-(part.size_bytes or 0), part.oid))[:_MOST_PARTS]
        for part in parts:
            wanted[part.oid][names] = None
            blocks[part.oid] = BLOCKS // len(parts)
    ends = time.monotonic() + seconds
    tables = dict(relations.tables)
    notes = []
    for table in relations.tables.values():
        columns = table.column
        sets = [
            names
            for names in wanted.get(table.oid, ())
            if all(name in columns for name in names) and not _few(table, names)
        ]
        if not sets or table.kind not in "rm":
            continue
        try:
            counted = _count(session, relations, table, sets[:_MOST_SETS], blocks[table.oid], ends)
        except Unavailable as missing:
            notes.append(f"{table.schema}.{table.name} was not sampled: {missing.reason}")
            continue
        known = tuple(one for one in table.joint_distinct if one.columns not in set(sets))
        tables[table.oid] = replace(table, joint_distinct=(*counted, *known))
    return replace(relations, tables=tables), notes


_SEEN_BY_ANALYZE = 3000


def _few(table: Table, names: tuple[str, ...]) -> bool:
    """Whether a single column has so few values that ANALYZE has seen them all."""
    statistics = table.column[names[0]].statistics
    return (
        len(names) == 1 and statistics is not None and 0 < statistics.n_distinct < _SEEN_BY_ANALYZE
    )


def _count(
    session: Session,
    relations: Relations,
    table: Table,
    sets: list[tuple[str, ...]],
    most: int,
    ends: float,
) -> list[JointDistinct]:
    """One statement that reads so many blocks once, and groups them by each set of columns.

    Raises:
        Unavailable: it may not be read, or there is no time for it.
        TargetError: the connection broke.
    """
    blocks = (table.size_bytes or 0) / relations.block_bytes or table.pages
    share = 1.0 if blocks <= most else most / blocks
    columns = sorted({name for names in sets for name in names})
    parts = [
        sql.SQL(
            "SELECT {number} AS number, count(*)::float8 AS keys, avg(blocks)::float8 AS blocks, "
            "sum(rows)::float8 AS rows FROM (SELECT count(*) AS rows, "
            "count(DISTINCT block) AS blocks FROM sampled {present} GROUP BY {columns}) AS g "
            "GROUP BY CASE WHEN blocks <= 8 THEN blocks ELSE 8 + floor(ln(blocks) * 3) END"
        ).format(
            number=sql.Literal(number),
            # How many of a single column are NULL is known better from its statistics.
            present=sql.SQL("WHERE {} IS NOT NULL").format(sql.Identifier("sampled", names[0]))
            if len(names) == 1
            else sql.SQL(""),
            columns=sql.SQL(", ").join(sql.Identifier("sampled", name) for name in names),
        )
        for number, names in enumerate(sets)
    ]
    query = sql.SQL(
        "WITH sampled AS MATERIALIZED (SELECT (ctid::text::point)[0] AS block, {columns} "
        "FROM {table} TABLESAMPLE SYSTEM ({share}) REPEATABLE (1)) {parts}"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        table=sql.Identifier(table.schema, table.name),
        share=sql.Literal(100 * share),
        parts=sql.SQL(" UNION ALL ").join(parts),
    )
    found: defaultdict[int, list[Frequency]] = defaultdict(list)
    for row in _rows(session, query, ends):
        found[row["number"]].append(Frequency(row["keys"], row["blocks"], row["rows"]))
    counted = []
    for number, sample in found.items():
        total = sum(one.rows for one in sample) / share
        keys = sum(one.keys for one in sampled_groups(sample, share))
        distinct = max(-1.0, -keys / total) if keys > 0.1 * total else keys
        counted.append(JointDistinct(sets[number], distinct, tuple(sample), share))
    return counted


def _rows(session: Session, query: sql.Composed, ends: float) -> list[Row]:
    left = ends - time.monotonic()
    if left <= 0:
        raise Unavailable("there was no time left for it")
    try:
        with reading(session, left) as transaction:
            return transaction.rows(query)
    except psycopg.Error as error:
        raise session.translated(error) from None
