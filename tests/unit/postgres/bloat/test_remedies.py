"""Ways back: their order, their command lines, and a script that no name breaks out of."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.bloat.facts import (
    Bloat,
    Counters,
    Estimate,
    IndexShape,
    Kind,
    Method,
    Relation,
    Sizes,
    Stored,
    TableShape,
)
from dbtune.postgres.bloat.remedy import Risk, Way, ways
from dbtune.postgres.bloat.script import script

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MIB = 1024**2
KEY = Stored(8, 8, null_ratio=0.0, may_be_null=False, n_distinct=-1.0)


def bloat(
    schema: str = "public",
    name: str = "t",
    database: str = "d",
    *,
    identity: bool = True,
    tools: Mapping[str, str] | None = None,
) -> Bloat:
    """A table and an index of which three quarters are bloat, and dead rows that wait."""
    parts = {1: (Kind.TABLE, name), 2: (Kind.INDEX, f"{name}_i")}
    relations = {
        oid: Relation(
            oid=oid, schema=schema, name=own, kind=kind, size_bytes=100 * MIB, owner=1, table=1,
            root=1, root_schema=schema, root_name=name, rows=1e6, pages=12_800,
            counters=Counters(live=1_000_000, dead=500_000, deleted=500_000),
        )
        for oid, (kind, own) in parts.items()
    }  # fmt: skip
    sizes = Sizes(
        at=NOW, database=database, version=180000, standby=False, relations=relations,
        tables={1: TableShape((KEY,), 1, readable=True, identity=identity)},
        indexes={2: IndexShape("btree", (KEY,), 1)}, tools=tools or {},
    )  # fmt: skip
    estimates = (
        Estimate(one, Method.sample, 25.0 * MIB, 24.0 * MIB, 26.0 * MIB, rows=1e6, dead_rows=5e5)
        for one in relations.values()
    )
    return Bloat(sizes, estimates)


def by_action(found: Bloat) -> dict[str, Way]:
    return {way.action: way for way in ways(found)}


def test_what_stops_others_comes_last() -> None:
    found = ways(bloat())
    assert found[0].action in ("VACUUM", "REINDEX CONCURRENTLY")
    assert found[-1].action == "VACUUM FULL"
    assert found[-1].risk is Risk.outage
    values = [way.value for way in found]
    assert values == sorted(values, reverse=True)
    for way in found:
        assert way.gain_low_bytes <= way.gain_bytes <= way.gain_high_bytes
        assert way.effect


def test_command_lines_are_as_the_tools_document_them() -> None:
    tools = {"pg_repack": "public", "pg_squeeze": "squeeze"}
    found = by_action(bloat("my schema", "it's", "a b", tools=tools))
    assert found["pg_squeeze"].statement == (
        """SELECT "squeeze".squeeze_table('my schema', 'it''s', NULL, NULL, NULL);"""
    )
    assert shlex.split(found["pg_repack"].statement) == [
        # pg_repack takes a connection string for the database, in which a blank is quoted.
        *("pg_repack", "--no-kill-backend", "--dbname='a b'", """--table="my schema"."it's\""""),
    ]
    assert shlex.split(found["pgcompacttable"].statement) == [
        *("pgcompacttable", "--dbname=a b", "--schema=my schema", "--table=it's"),
    ]
    assert "CREATE EXTENSION pg_repack" in by_action(bloat())["pg_repack"].needs


def test_tools_that_need_a_key_are_left_out_without_one() -> None:
    found = by_action(bloat(identity=False, tools={"pg_squeeze": "squeeze"}))
    assert not {"pg_repack", "pg_squeeze"} & set(found)
    assert "pgcompacttable" in found


@given(*[st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)] * 3)
def test_no_name_breaks_out_of_the_script(schema: str, name: str, database: str) -> None:
    found = bloat(schema, name, database)
    text = script(ways(found), ["ALTER TABLE x RESET (y);\n"], found, NOW).text
    for live in by_action(found).values():
        if live.is_sql and live.risk < Risk.outage and not live.needs:
            assert f"\n{live.statement}\n" in text
            text = text.replace(f"\n{live.statement}\n", "\n", 1)
    for line in text.replace("ALTER TABLE x RESET (y);\n", "").split("\n"):
        assert not line or line.startswith(("--", "\\set ON_ERROR_STOP", "SET statement_timeout"))


@pytest.mark.parametrize("dead", [0.0, None])
def test_no_dead_rows_need_no_vacuum(dead: float | None) -> None:
    known = bloat()
    estimates = [
        Estimate(one.relation, one.method, 25.0 * MIB, 24.0 * MIB, 26.0 * MIB, rows=1e6,
                 dead_rows=dead)
        for one in known.estimates
    ]  # fmt: skip
    assert "VACUUM" not in by_action(Bloat(known.sizes, estimates))
