"""Settings of tables: each rule fires for its numbers, and is silent just below."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.finding import Confidence
from dbtune.postgres.bloat.facts import Counters, Kind, Relation, Sizes
from dbtune.postgres.relations.facts import (
    Column,
    ColumnStatistics,
    ForeignKey,
    Index,
    IndexKey,
    Relations,
    Table,
)
from dbtune.postgres.table_settings.model import Known, advise
from dbtune.postgres.table_settings.report import artifacts

NOW = datetime(2026, 1, 31, tzinfo=UTC)
MIB = 1024**2
ROWS = 10_000_000.0


def known(
    counters: Counters,
    *,
    columns: tuple[Column, ...] = (),
    moved: int | None = None,
    version: int = 180000,
    days: float = 30,
    **values: Any,
) -> Known:
    """One table of ten million rows, counted for a month, and the table that it references."""
    given: dict[str, Any] = {
        "rows": ROWS,
        "size_bytes": 2048 * MIB,
        "schema": "public",
        "name": "t",
    } | values
    one = Relation(
        oid=1, kind=Kind.TABLE, owner=1, table=1, root=1, root_schema="public", root_name="t",
        pages=262_144, counters=replace(counters, live=int(ROWS)), **given,
    )  # fmt: skip
    settings = {"default_statistics_target": "100"}
    sizes = Sizes(
        NOW, "d", version, False, {1: one}, stats_since=NOW - timedelta(days=days),
        settings=settings,
    )  # fmt: skip
    table = Table(1, given["schema"], given["name"], "r", ROWS, 262_144, columns)
    parent = Table(2, "public", "parent", "r", 4e6, 50_000, ())
    index = Index(3, 1, "public", "t_i", "btree", (IndexKey("key"),))
    key = ForeignKey("fk", 1, ("key",), 2)
    relations = Relations(
        NOW, "d", version, False, {1: table, 2: parent}, (index,), (key,), settings=settings
    )
    return Known(sizes, relations, None if moved is None else {1: moved})


def options(given: Known) -> dict[str, float]:
    return {one.option: one.value for one in advise(given)}


def column(name: str, width: int = 8, *, storage: str = "p", **statistics: Any) -> Column:
    values = {"n_distinct": -1.0} | statistics
    return Column(
        1, name, "x", "x", storage=storage, statistics=ColumnStatistics(0, width, **values)
    )


def test_a_table_whose_rows_die_is_vacuumed_before_a_fifth_is_dead() -> None:
    found = options(known(Counters(updated=5_000_000, hot_updated=5_000_000)))
    assert found["autovacuum_vacuum_scale_factor"] <= 0.05
    assert found["autovacuum_vacuum_threshold"] == 1000
    assert options(known(Counters(updated=1_000_000, hot_updated=1_000_000))) == {}
    off = {"autovacuum_enabled": "false"}
    assert options(known(Counters(updated=5_000_000, hot_updated=5_000_000), options=off)) == {}
    enough = {"autovacuum_vacuum_scale_factor": "0.05", "autovacuum_analyze_scale_factor": "0.02"}
    assert options(known(Counters(updated=5_000_000, hot_updated=5_000_000), options=enough)) == {}


def test_a_table_that_is_added_to_is_vacuumed_for_index_only_scans() -> None:
    option = "autovacuum_vacuum_insert_scale_factor"
    assert options(known(Counters(inserted=4_000_000)))[option] == pytest.approx(0.05)
    assert option not in options(known(Counters(inserted=4_000_000, updated=500_000)))
    assert option not in options(known(Counters(inserted=4_000_000), rows=200_000.0))
    never = {"autovacuum_vacuum_insert_threshold": "-1"}
    assert option not in options(known(Counters(inserted=4_000_000), options=never))


def test_statistics_are_renewed_in_time_but_not_all_the_time() -> None:
    option = "autovacuum_analyze_scale_factor"
    assert options(known(Counters(inserted=20_000_000)))[option] == pytest.approx(0.02)
    # 1,000 rows a second: 1,000,000, the default's tenth, come together in a quarter of an hour.
    assert option not in options(known(Counters(inserted=2_592_000_000)))
    # So few that it has not once come in the month that was counted.
    assert option not in options(known(Counters(inserted=900_000)))
    assert option not in options(known(Counters(inserted=20_000_000), rows=500_000.0))


def test_rates_need_time() -> None:
    assert options(known(Counters(inserted=20_000_000), days=0.01)) == {}


def test_a_database_that_was_never_reset_counts_since_its_server_does() -> None:
    given = known(Counters(inserted=20_000_000))
    never = replace(given.sizes, stats_since=None)
    assert options(replace(given, sizes=never)) == {}
    since = replace(given.relations, stats_since=NOW - timedelta(days=30))
    assert options(replace(given, sizes=never, relations=since)) == options(given) != {}


def test_fillfactor_for_updates_that_moved() -> None:
    busy = Counters(updated=200_000, hot_updated=100_000)
    assert options(known(busy, moved=100_000)) == {"fillfactor": 90}
    # It was not for want of room: indexed columns changed.
    assert options(known(busy, moved=30_000)) == {}
    assert options(known(replace(busy, hot_updated=190_000), moved=100_000)) == {}
    assert options(known(replace(busy, updated=99_999), moved=99_999)) == {}
    assert options(known(busy, moved=100_000, options={"fillfactor": "80"})) == {}
    # Rows of 1 kB: two more versions are a quarter of the page; of 4 kB: it is not worth it.
    assert options(known(busy, moved=100_000, size_bytes=10_000 * MIB)) == {"fillfactor": 70}
    assert options(known(busy, moved=100_000, size_bytes=40_000 * MIB)) == {}


def test_before_sixteen_a_fillfactor_has_to_be_checked() -> None:
    (advice,) = advise(known(Counters(updated=200_000, hot_updated=100_000), version=150000))
    assert advice.confidence is Confidence.rule_of_thumb
    assert advice.check


def test_wide_values_that_are_copied_by_updates() -> None:
    columns = (column("id"), column("doc", 1000, storage="x"))
    busy = Counters(updated=20_000_000, hot_updated=20_000_000)
    assert options(known(busy, columns=columns))["toast_tuple_target"] == 128
    for other in (
        (column("id"), column("doc", 300, storage="x")),
        (column("id"), column("doc", 1000)),
        (column("id", 800), column("doc", 500, storage="x")),
        (column("id"), replace(columns[1], statistics=None)),
    ):
        assert "toast_tuple_target" not in options(known(busy, columns=other))
    less = replace(busy, updated=9_000_000)
    assert "toast_tuple_target" not in options(known(less, columns=columns))


def test_different_values_of_a_reference_that_were_counted_too_low() -> None:
    (advice,) = advise(known(Counters(), columns=(column("key", n_distinct=50_000),)))
    assert advice.sql == 'ALTER TABLE "public"."t" ALTER COLUMN "key" SET (n_distinct = -0.4);'
    assert advice.undo == 'ALTER TABLE "public"."t" ALTER COLUMN "key" RESET (n_distinct);'
    assert advice.check == 'SELECT count(DISTINCT "key") FROM "public"."t";'
    assert advise(known(Counters(), columns=(column("key", n_distinct=2_000_000),))) == []
    assert advise(known(Counters(), columns=(column("key", n_distinct=-0.4),))) == []


def test_a_list_of_common_values_that_ends_too_early() -> None:
    skewed = column("key", n_distinct=-0.3, common_ratios=(0.004,) * 100)
    (advice,) = advise(known(Counters(), columns=(skewed,)))
    assert advice.sql == 'ALTER TABLE "public"."t" ALTER COLUMN "key" SET STATISTICS 500;'
    assert advice.undo == 'ALTER TABLE "public"."t" ALTER COLUMN "key" SET STATISTICS -1;'
    short = column("key", n_distinct=-0.3, common_ratios=(0.004,) * 99)
    even = column("key", n_distinct=2_000_000, common_ratios=(1e-6,) * 100)
    unused = replace(skewed, name="other")
    for other in (short, even, unused):
        found = advise(known(Counters(), columns=(other,)))
        assert not [one for one in found if one.option == "statistics"]


def test_no_name_breaks_out_of_the_script() -> None:
    hostile = 'a"; DROP TABLE x; --\nDROP TABLE y; --'
    given = known(
        Counters(updated=5_000_000, hot_updated=1_000_000),
        columns=(column("key", n_distinct=50_000),),
        name=hostile,
        schema=hostile,
        version=150000,
    )
    do, undo = artifacts(advise(given), hostile)
    quoted = 'U&"a""; DROP TABLE x; --\\000aDROP TABLE y; --"'
    for text in (do.text, undo.text):
        # Nothing but whole statements on whole names is left when comments and those are gone.
        rest = text.replace(f"ALTER TABLE {quoted}.{quoted} ", "")
        for line in rest.split("\n"):
            assert line.startswith(("--", "SET", "RESET", "ALTER TABLE")) or not line, line


def test_nothing_to_do() -> None:
    do, undo = artifacts([], "d")
    assert "Nothing is worth setting." in do.text
    assert "ALTER" not in undo.text


RANGES = {
    "fillfactor": (10, 100),
    "autovacuum_vacuum_scale_factor": (0, 100),
    "autovacuum_vacuum_insert_scale_factor": (0, 100),
    "autovacuum_analyze_scale_factor": (0, 100),
    "autovacuum_vacuum_threshold": (0, 2**31 - 1),
    "toast_tuple_target": (128, 8160),
    "statistics": (0, 10_000),
    "n_distinct": (-1, 1e15),
}
"""What PostgreSQL takes (reloptions.c, attoptcache.h)."""
rows = st.one_of(st.just(0), st.integers(0, 10_000), st.integers(0, 10**12))


@given(
    counters=st.builds(
        Counters, live=rows, dead=rows, inserted=rows, updated=rows, deleted=rows
    ).flatmap(
        lambda one: st.integers(0, one.updated).map(lambda hot: replace(one, hot_updated=hot))
    ),
    counted=st.one_of(st.none(), rows.map(float)),
    size=st.integers(0, 10**14),
    moved=st.one_of(st.none(), rows),
    days=st.floats(0, 4000),
    version=st.integers(13, 18),
    width=st.integers(1, 8000),
    distinct=st.one_of(st.floats(-1, 0), st.floats(0, 1e9)),
    common=st.lists(st.floats(1e-9, 0.01), max_size=200),
)
def test_any_table_gets_values_that_postgresql_takes(
    counters: Counters,
    counted: float | None,
    size: int,
    moved: int | None,
    days: float,
    version: int,
    width: int,
    distinct: float,
    common: list[float],
) -> None:
    columns = (
        column("key", n_distinct=distinct, common_ratios=tuple(sorted(common, reverse=True))),
        column("body", width, storage="x"),
    )
    given = known(
        counters,
        columns=columns,
        moved=moved,
        version=version * 10_000,
        days=days,
        rows=counted,
        size_bytes=size,
    )
    relation = replace(given.sizes.relations[1], counters=counters)
    advised = list(advise(replace(given, sizes=replace(given.sizes, relations={1: relation}))))
    for one in advised:
        low, high = RANGES[one.option]
        assert low <= one.value <= high, one
        if one.option not in ("n_distinct", "autovacuum_vacuum_scale_factor"):
            assert re.fullmatch(r"-?[0-9.]+", one.text), one
    assert len({(one.column, one.option) for one in advised}) == len(advised)
