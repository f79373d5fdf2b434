"""n_distinct, of foreign keys whose different values ANALYZE has counted too low."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.table_settings.model import Advice, Known

LEAST_ROWS = 1_000_000
TIMES = 3
"""So many times more rows in the referenced table than different references make it doubtful."""


def advise(known: Known) -> Iterator[Advice]:
    """A sample of 30,000 rows sees too few different values of a large, clustered column.

    The planner then takes each value to have too many rows. What is referenced is known to be
    different; whether most of it is referenced, only a count can tell.
    """
    oids = {relation.oid: relation for relation, _ in known.tables}
    for key in known.relations.foreign_keys:
        relation, parent = oids.get(key.table), known.relations.tables.get(key.target)
        table = known.relations.tables.get(key.table)
        if len(key.columns) != 1 or relation is None or table is None or parent is None:
            continue
        column = table.column.get(key.columns[0])
        rows, targets = relation.rows or 0.0, parent.rows or 0.0
        if column is None or column.statistics is None or rows < LEAST_ROWS:
            continue
        seen = column.statistics.n_distinct
        seen = seen if seen >= 0 else -seen * rows
        if seen <= 0 or not TIMES * seen < targets <= rows:
            continue
        share = targets / rows
        # A share grows along with the table; very small ones would be rounded away.
        value = -float(f"{share:.2g}") if share >= 0.001 else float(f"{targets:.3g}")
        name = f"{quote(relation.schema)}.{quote(relation.name)}"
        yield Advice(
            relation,
            "n_distinct",
            value,
            f"ANALYZE has counted {seen:,.0f} different values in {rows:,.0f} rows, but it"
            f" references {parent.schema}.{parent.name}, which has {targets:,.0f}",
            Confidence.estimated,
            column=column.name,
            effect=f"counts from the next ANALYZE {name} on",
            check=f"SELECT count(DISTINCT {quote(column.name)}) FROM {name};",
            evidence={"seen": seen, "referenced_rows": targets, "rows": rows},
        )
