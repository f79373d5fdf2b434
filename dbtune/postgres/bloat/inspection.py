"""Estimates by pgstattuple's functions, for roles that may call them but not read the tables.

Members of pg_monitor may: they see how many rows there are and how long they are together, and how
dense an index's leaves are, but none of it by column.
"""

from __future__ import annotations

import math

from psycopg import sql

from dbtune.postgres.bloat.facts import Estimate, IndexShape, Kind, Method, Relation
from dbtune.postgres.bloat.heap_model import Rows, bounded
from dbtune.postgres.bloat.layout import BLOCK_BYTES, Run, align, pages
from dbtune.postgres.relations.index_size import inner_pages
from dbtune.postgres.session import Transaction

MOST_BLOCKS = 8192
"""More than so many (64 MiB) are read with --exact only."""
_BESIDE_ROW = 7.5  # its pointer, and padding to a multiple of 8


def table(transaction: Transaction, relation: Relation, schema: str, *, whole: bool) -> Estimate:
    """A table or TOAST table by the number of its rows and their bytes.

    Args:
        transaction: of a role that may call pgstattuple's functions.
        relation: the table.
        schema: where pgstattuple is.
        whole: read all pages; else those only that are not known to be all-visible.

    Raises:
        psycopg.Error: it can't be read.
    """
    function = "pgstattuple" if whole else "pgstattuple_approx"
    prefix = "" if whole else "approx_"
    found = transaction.rows(
        sql.SQL(
            "SELECT {count} AS number, {length} AS bytes, dead_tuple_count AS dead,"
            " {scanned} AS scanned, table_len AS size FROM {function}({oid}::pg_catalog.oid)"
        ).format(
            count=sql.Identifier(f"{prefix}tuple_count"),
            length=sql.Identifier(f"{prefix}tuple_len"),
            scanned=sql.SQL("100" if whole else "scanned_percent"),
            function=sql.Identifier(schema, function),
            oid=sql.Literal(relation.oid),
        )
    )[0]
    number, total = float(found["number"]), float(found["bytes"])
    seen = float(found["scanned"]) / 100
    fillfactor = relation.fillfactor(100)
    reserve = BLOCK_BYTES * (100 - fillfactor) // 100
    # Of pages that it passes over it knows what is in use, headers, pointers and padding included.
    headers = (1 - seen) * float(found["size"]) / BLOCK_BYTES * 24
    used = max(0.0, total - headers) + seen * number * _BESIDE_ROW
    needed = used / (BLOCK_BYTES - 24 - reserve)
    mean = total / number if number else 0.0
    if mean > 1000:  # few rows to a page: what is left over at its end counts
        needed = max(needed, number / 1000 * pages([Run(align(round(mean)), 1000)], fillfactor))
    made = Estimate(
        relation,
        Method.exact if whole else Method.sample,
        math.ceil(needed) * BLOCK_BYTES,
        reserve_bytes=needed * reserve,
        rows=number,
        dead_rows=float(found["dead"]),
        note="by the mean length of its rows: this role may not read them",
    )
    return bounded(made, 0.03 + 2 / max(mean, 8.0) + (0.15 if mean > 1000 else 0.0))


def btree(
    transaction: Transaction,
    relation: Relation,
    shape: IndexShape,
    schema: str,
    rows: Rows | None,
    dead_rows: float,
) -> Estimate:
    """A b-tree by the density of its leaves.

    Args:
        transaction: of a role that may call pgstattuple's functions.
        relation: the index.
        shape: its columns.
        schema: where pgstattuple is.
        rows: rows of its table.
        dead_rows: rows of its table that VACUUM has not removed.

    Raises:
        psycopg.Error: it can't be read.
    """
    found = transaction.rows(
        sql.SQL(
            "SELECT leaf_pages, avg_leaf_density AS density FROM {}({}::pg_catalog.regclass)"
        ).format(sql.Identifier(schema, "pgstatindex"), sql.Literal(relation.oid))
    )[0]
    leaves, density = float(found["leaf_pages"]), float(found["density"])
    density = 0.0 if math.isnan(density) else density / 100
    number = rows.number if rows else 0.0
    live = number / (number + dead_rows) if number + dead_rows > 0 else 1.0
    fillfactor = relation.fillfactor(90) / 100
    fresh = leaves * density * live / fillfactor

    def built(leaf_pages: float) -> float:
        leaf_pages = max(1.0, leaf_pages)
        return min(
            float(relation.size_bytes), (leaf_pages + inner_pages(leaf_pages, 24) + 1) * BLOCK_BYTES
        )

    merges = shape.deduplicates and not shape.unique
    return Estimate(
        relation,
        Method.exact,
        built(fresh),
        low_bytes=max(0.0, built(fresh * (0.5 if merges else 0.95)) - 2 * BLOCK_BYTES),
        high_bytes=min(float(relation.size_bytes), built(fresh * 1.04) + 2 * BLOCK_BYTES),
        rows=number or None,
        dead_rows=dead_rows,
        note="by the density of its leaves" + (": equal keys may merge further" if merges else ""),
    )


def may_read(relation: Relation, unseen_blocks: int, *, whole: bool) -> bool:
    """Whether reading it stays within bounds."""
    blocks = relation.size_bytes // BLOCK_BYTES
    if whole:
        return True
    return (blocks if relation.kind is Kind.INDEX else unseen_blocks) <= MOST_BLOCKS
