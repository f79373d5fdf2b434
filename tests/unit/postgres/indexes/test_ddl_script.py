"""SQL of suggestions."""

from __future__ import annotations

from dataclasses import replace

from dbtune.postgres.indexes.advice import Suggestion
from dbtune.postgres.indexes.ddl_script import analyze, builds
from dbtune.postgres.indexes.definition import Definition, Key, column_key
from dbtune.postgres.indexes.writes import Upkeep
from tests.unit.postgres.indexes.relations import table

TABLE = table("t", "a int")


def suggestion(*keys: Key, leaves: tuple[str, ...] = ()) -> Suggestion:
    """An index of a table that may have partitions."""
    index = Definition("public", "t", keys)
    on = replace(TABLE, kind="p" if leaves else "r")
    parts = tuple(table(name, "a int") for name in leaves)
    return Suggestion(index, on, 1.0, 0.5, Upkeep(), 0.0, (), leaves=parts)


def test_an_index_is_built_concurrently() -> None:
    assert builds(suggestion(column_key("a"))) == [
        'CREATE INDEX CONCURRENTLY "t_a_idx" ON "public"."t" ("a");'
    ]


def test_partitions_have_theirs_first() -> None:
    assert builds(suggestion(column_key("a"), leaves=("t1", "t2"))) == [
        'CREATE INDEX CONCURRENTLY "t1_a_idx" ON "public"."t1" ("a");',
        'CREATE INDEX CONCURRENTLY "t2_a_idx" ON "public"."t2" ("a");',
        'CREATE INDEX "t_a_idx" ON "public"."t" ("a");',
    ]


def test_expressions_want_statistics() -> None:
    assert list(analyze(suggestion(Key("(lower(a))")))) == ['ANALYZE "public"."t";']
    assert list(analyze(suggestion(column_key("a")))) == []
