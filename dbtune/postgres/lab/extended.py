"""Give the lab the target's extended statistics, as far as their contents can be written.

PostgreSQL 18 has no function for that: the values of pg_statistic_ext_data are put together here
(mvdistinct.c, dependencies.c). Lists of common combinations of values (MCV) are left out.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence

import psycopg

from dbtune.postgres.lab.build import Connections, some
from dbtune.postgres.lab.ddl import named
from dbtune.postgres.lab.source import Source, SourceExtended
from dbtune.postgres.plans.ddl import quote

_DISTINCT_MAGIC, _DEPENDENCIES_MAGIC, _BASIC = 0xA352BFA4, 0xB4549A2C, 1


def restore_extended(connections: Connections, source: Source) -> list[str]:
    """Make the statistics objects and fill them.

    Returns:
        Notes: which are empty, or lack their common values.
    """
    if not source.extended:
        return []
    for type_ in ("pg_ndistinct", "pg_dependencies"):
        connections.admin.execute(f"CREATE CAST (bytea AS {type_}) WITHOUT FUNCTION".encode())
    left_out = []
    for one in source.extended:
        there = one.n_distinct is not None or one.dependencies is not None
        if (there and not _restore(connections, source, one)) or not there or one.has_common_values:
            left_out.append(f"{one.schema}.{one.name}")
    if not left_out:
        return []
    names = some(list(dict.fromkeys(left_out)))
    return [f"extended statistics that the planner lab has not, or not whole: {names}"]


def _restore(connections: Connections, source: Source, one: SourceExtended) -> bool:
    relation = source.relations[one.relation]
    table = named(relation.schema, relation.name)
    kinds = ["ndistinct"] * (one.n_distinct is not None)
    kinds += ["dependencies"] * (one.dependencies is not None)
    name = f"dbtune_{one.schema}_{one.name}_{one.inherited}"[:60]
    statement = (
        f"CREATE STATISTICS {named(relation.schema, name)} ({', '.join(kinds)}) "
        f"ON {', '.join(map(quote, one.columns))} FROM {table}"
    )
    try:
        connections.owner.execute(statement.encode(), binary=True)
        rows = connections.admin.execute(
            "SELECT attname::text AS name, attnum AS number FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0",
            (table,),
        ).fetchall()
        ours = {row["name"]: row["number"] for row in rows}
        numbers = {
            theirs: ours[column] for theirs, column in zip(one.numbers, one.columns, strict=True)
        }
        connections.admin.execute(
            "INSERT INTO pg_statistic_ext_data (stxoid, stxdinherit, stxdndistinct, "
            "stxddependencies) SELECT oid, %s, %s::bytea::pg_ndistinct, "
            "%s::bytea::pg_dependencies FROM pg_statistic_ext "
            "WHERE stxrelid = %s::regclass AND stxname = %s",
            (
                one.inherited,
                _distinct(one.n_distinct, numbers),
                _dependencies(one.dependencies, numbers),
                table,
                name,
            ),
        )
    except (psycopg.Error, KeyError, ValueError):
        if connections.owner.closed or connections.admin.closed:
            raise
        return False
    return True


def _distinct(text: str | None, numbers: Mapping[int, int]) -> bytes | None:
    """``{"1, 2": 33}``: so many distinct values have these columns together."""
    if text is None:
        return None
    found = [(key.split(","), value) for key, value in json.loads(text).items()]
    return struct.pack("=III", _DISTINCT_MAGIC, _BASIC, len(found)) + b"".join(
        struct.pack("=di", float(value), len(columns)) + _attributes(columns, numbers)
        for columns, value in found
    )


def _dependencies(text: str | None, numbers: Mapping[int, int]) -> bytes | None:
    """``{"1, 2 => 3": 0.9}``: to what degree some columns determine another."""
    if text is None:
        return None
    found = [(key.replace("=>", ",").split(","), value) for key, value in json.loads(text).items()]
    return struct.pack("=III", _DEPENDENCIES_MAGIC, _BASIC, len(found)) + b"".join(
        struct.pack("=dh", float(value), len(columns)) + _attributes(columns, numbers)
        for columns, value in found
    )


def _attributes(columns: Sequence[str], numbers: Mapping[int, int]) -> bytes:
    return struct.pack(f"={len(columns)}h", *(numbers[int(column)] for column in columns))
