"""A sequence, or the column that it feeds, is near its end."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.sequences import Sequence
from dbtune.postgres.plans.ddl import quote
from dbtune.text import plural, ratio_text


def _widen(one: Sequence) -> str:
    name = f"{quote(one.schema)}.{quote(one.name)}"
    lines = [f"ALTER SEQUENCE {name} AS bigint MAXVALUE {2**63 - 1};"] if one.increment > 0 else []
    if one.table and one.column_type in ("integer", "smallint"):
        schema = one.table_schema or one.table.partition(".")[0]
        table = one.table.removeprefix(f"{schema}.")
        lines.append(
            f"ALTER TABLE {quote(schema)}.{quote(table)} ALTER COLUMN {quote(one.column)} "
            "TYPE bigint;"
        )
    return "\n".join(lines)


@check("pg.sequence-near-end", tags=("schema",))
def sequence_near_end(
    sequences: tuple[Sequence, ...], *, warning_ratio: float = 0.8, critical_ratio: float = 0.95
) -> Iterator[Finding]:
    """A sequence, or the column that it feeds, is near its end.

    Why: The next insert after the last value fails, and a wider key means rewriting the table.

    Mistaken when: The sequence turns around on purpose (CYCLE), or grows so slowly that it
        lasts for years.

    Remedy: Make the column bigint in time: a new column kept by a trigger, filled in batches,
        then swapped.
    """
    for one in sequences:
        used = one.used_ratio
        if used is None or used < warning_ratio or one.cycle:
            continue
        feeds = f", which feeds {one.table}.{one.column} ({one.column_type})" if one.table else ""
        yield Finding(
            f"sequence {one.schema}.{one.name}",
            f"{ratio_text(used)} of the values are used{feeds}: {one.last_value:,} of {one.end:,}",
            Remedy(
                "Plan the way to bigint while there is time.",
                sql=_widen(one),
                effect="ALTER COLUMN TYPE rewrites the table under an exclusive lock",
            ),
            {"last_value": one.last_value, "end": one.end, "used_ratio": used},
            level=Level.critical if used >= critical_ratio else Level.warning,
        )
    hidden = sum(one.last_value is None for one in sequences)
    if hidden:
        raise Unavailable(
            f"the last values of {plural(hidden, 'sequence')} are hidden",
            "GRANT pg_read_all_data TO the role (PostgreSQL 14 and later), or SELECT on them",
        )
