"""Each check on existing indexes: it fires, and it is silent just beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbtune.errors import Unavailable
from dbtune.finding import Confidence, Finding, Level
from dbtune.postgres.indexes.checks.constant_index import constant_index
from dbtune.postgres.indexes.checks.duplicate_index import duplicate_index
from dbtune.postgres.indexes.checks.invalid_index import invalid_index
from dbtune.postgres.indexes.checks.low_selectivity_index import low_selectivity_index
from dbtune.postgres.indexes.checks.redundant_index import redundant_index
from dbtune.postgres.indexes.checks.too_many_indexes import too_many_indexes
from dbtune.postgres.indexes.checks.unindexed_foreign_key import unindexed_foreign_key
from dbtune.postgres.indexes.checks.unused_included_columns import unused_included_columns
from dbtune.postgres.indexes.checks.unused_index import unused_index
from dbtune.postgres.indexes.coverage import covered_indexes
from dbtune.postgres.indexes.hygiene import hygiene
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.usage import usage
from dbtune.postgres.relations.facts import (
    Activity,
    ColumnStatistics,
    ForeignKey,
    Index,
    Relations,
    Table,
)
from tests.unit.postgres.indexes.relations import index, relations, table

MIB = 1024 * 1024
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WRITTEN = Activity(inserted=50_000, updated=20_000, hot_updated=5_000)
T = replace(
    table("t", "a int 5000", "b int 100", "c int", "flag bool", "gone int"),
    size_bytes=20 * MIB,
    activity=WRITTEN,
    all_visible_pages=2000,
)
PARENT = replace(table("parent", "id int"), oid=7, activity=Activity(deleted=40, updated=9))
FK = ForeignKey("t_a_fkey", T.oid, ("a",), PARENT.oid, "c")
I_A = replace(
    index(T, "a"),
    size_bytes=4 * MIB,
    scans=0,
    definition="CREATE INDEX t_a ON public.t USING btree (a)",
)
I_AB = replace(index(T, "a", "b"), size_bytes=8 * MIB, scans=9)


def database(
    *indexes: Index, keys: tuple[ForeignKey, ...] = (), t: Table = T, days: float = 30, **more: Any
) -> Relations:
    made = relations(t, PARENT, indexes=indexes)
    return replace(made, foreign_keys=keys, stats_since=NOW - timedelta(days=days), **more)


def with_column(name: str, statistics: ColumnStatistics) -> Table:
    columns = tuple(
        replace(one, statistics=statistics) if one.name == name else one for one in T.columns
    )
    return replace(T, columns=columns)


# ---------------------------------------------------------------------------------------- unused


def unused(*indexes: Index, **more: Any) -> list[Finding]:
    facts = database(*indexes, **more)
    return unused_index(Inventory(facts), usage(facts))


def test_an_index_that_nobody_scans() -> None:
    (found,) = unused(I_A)
    assert found.subject == "public.t_a"
    assert "no scan in 30 d" in found.message
    assert "4.00 MiB and 65,000 writes of entries" in found.message
    assert found.evidence["entry_writes_per_day"] == pytest.approx(65_000 / 30, rel=0.01)
    assert found.level is Level.info
    assert found.confidence is Confidence.measured
    assert found.remedy.sql == (
        'DROP INDEX CONCURRENTLY "public"."t_a";\n-- to undo:\n'
        "-- CREATE INDEX CONCURRENTLY t_a ON public.t USING btree (a);"
    )
    assert unused(replace(I_A, size_bytes=40 * MIB))[0].level is Level.warning
    assert unused(I_A, standbys=1)[0].confidence is Confidence.estimated
    assert "1 standby not asked" in unused(I_A, standbys=1)[0].message
    assert unused(I_A, stats_since_is_certain=False)[0].confidence is Confidence.estimated


@pytest.mark.parametrize(
    "kept",
    [
        replace(I_A, scans=1),
        replace(I_A, unique=True),
        replace(I_A, primary=True, unique=True, constraint="t_pkey"),
        replace(I_A, exclusion=True, constraint="x"),
        replace(I_A, replica_identity=True),
        replace(I_A, clustered=True),
        replace(I_A, extension="postgis"),
        replace(I_A, parent=99),
        replace(I_A, valid=False),
        replace(I_A, size_bytes=8192),
    ],
)
def test_an_index_that_is_needed_for_something_else_is_not_unused(kept: Index) -> None:
    assert unused(kept) == []


def test_an_index_that_a_foreign_key_needs_is_not_unused() -> None:
    assert unused(I_A, keys=(FK,)) == []
    other = replace(I_A, oid=5, name="other", scans=3)
    assert [one.subject for one in unused(I_A, other, keys=(FK,))] == ["public.t_a"]


def test_scans_of_standbys_and_of_partitions_count() -> None:
    facts, standby = database(I_A, standbys=2), database(replace(I_A, scans=3))
    counted = usage(facts, [standby])
    assert (counted.servers, counted.unseen_standbys) == (2, 1)
    assert unused_index(Inventory(facts), counted) == []
    whole = replace(I_A, oid=1, size_bytes=0)
    part = replace(I_A, oid=2, name="part", parent=1, size_bytes=4 * MIB, scans=2)
    assert unused(whole, part) == []
    assert [one.subject for one in unused(whole, replace(part, scans=0))] == ["public.t_a"]


def test_the_youngest_statistics_count() -> None:
    facts, standby = database(I_A), database(I_A, days=2)
    assert usage(facts, [standby]).seconds == pytest.approx(2 * 86_400)
    with pytest.raises(Unavailable, match=r"counted for 48 h 0 min only|counted for 2 d"):
        unused_index(Inventory(facts), usage(facts, [standby]))
    with pytest.raises(Unavailable, match="track_counts is off"):
        usage(replace(facts, settings={"track_counts": "off"}))
    with pytest.raises(Unavailable, match="not known since when"):
        usage(replace(facts, stats_since=None))


def test_young_statistics_are_skipped_not_found() -> None:
    report = hygiene(database(I_A, days=1), min_observed_seconds=7 * 86_400)
    assert report.findings == ()
    assert [one.what for one in report.skipped] == ["pg.unused-index"]
    assert "--min-observed" in report.skipped[0].remedy


# -------------------------------------------------------------------------- duplicate, redundant


def both(*indexes: Index) -> tuple[list[Finding], list[Finding]]:
    facts = database(*indexes)
    given = Inventory(facts), covered_indexes(facts)
    return duplicate_index(*given), redundant_index(*given)


def test_duplicates_and_prefixes() -> None:
    twin = replace(
        I_A, oid=I_A.oid + 1, name="twin", definition="CREATE INDEX twin ON public.t (a)"
    )
    (duplicate,), redundant = both(I_A, twin)
    assert duplicate.subject == "public.twin"
    assert "does the same as t_a" in duplicate.message
    assert redundant == []
    duplicates, (prefix,) = both(I_A, I_AB)
    assert duplicates == []
    assert prefix.subject == "public.t_a"
    assert prefix.evidence["kept"] == "public.t_a_b"
    assert prefix.level is Level.warning
    (huge,) = both(I_A, replace(I_AB, size_bytes=400 * MIB))[1]
    assert huge.level is Level.info
    assert both(I_A, replace(I_AB, valid=False)) == ([], [])


def test_a_constraint_is_dropped_as_one_and_comes_back_as_one() -> None:
    key = replace(
        I_A,
        oid=1,
        name="t_a_key",
        unique=True,
        constraint="t_a_key",
        definition="CREATE UNIQUE INDEX t_a_key ON public.t USING btree (a)",
    )
    primary = replace(key, oid=2, name="t_pkey", constraint="t_pkey", primary=True)
    (found,), _ = both(key, primary)
    assert found.remedy.sql.split("\n") == [
        'ALTER TABLE "public"."t" DROP CONSTRAINT "t_a_key";',
        "-- to undo:",
        "-- CREATE UNIQUE INDEX CONCURRENTLY t_a_key ON public.t USING btree (a);",
        '-- ALTER TABLE "public"."t" ADD CONSTRAINT "t_a_key" UNIQUE USING INDEX "t_a_key";',
    ]


def test_a_partitioned_index_cannot_be_dropped_concurrently() -> None:
    parted = replace(T, kind="p")
    facts = database(I_A, I_AB, t=parted)
    (found,) = redundant_index(Inventory(facts), covered_indexes(facts))
    assert found.remedy.sql.startswith('DROP INDEX "public"."t_a";')
    assert "exclusively" in found.remedy.effect


def test_hostile_names_stay_names() -> None:
    evil = 'x"; DROP TABLE t; --\n\x1b[31m'
    bad = replace(I_A, name=evil, definition=f'CREATE INDEX "{evil}" ON public.t (a)')
    (found,) = both(bad, I_AB)[1]
    assert "\x1b" not in found.subject + found.message
    drop, *comment = found.remedy.sql.split("\n-- to undo:\n")
    assert drop == 'DROP INDEX CONCURRENTLY "public".U&"x""; DROP TABLE t; --\\000a\\001b[31m";'
    assert all(line.startswith("-- ") for line in comment[0].split("\n"))


# ----------------------------------------------------------------------------------------- invalid


def test_an_invalid_index() -> None:
    broken = replace(I_A, valid=False)
    (found,) = invalid_index(Inventory(database(broken)))
    assert "writes maintain it (65,000 rows so far)" in found.message
    assert found.remedy.sql.startswith('REINDEX INDEX CONCURRENTLY "public"."t_a";')
    (idle,) = invalid_index(Inventory(database(replace(broken, ready=False))))
    assert "maintain" not in idle.message
    (unique,) = invalid_index(Inventory(database(replace(broken, unique=True))))
    assert "duplicates first" in unique.remedy.text
    assert unique.remedy.sql.startswith(
        'SELECT "a", count(*) FROM "public"."t" WHERE "a" IS NOT NULL GROUP BY "a" HAVING'
    )
    (left,) = invalid_index(Inventory(database(replace(broken, name="t_a_ccnew1"))))
    assert left.remedy.sql == 'DROP INDEX CONCURRENTLY "public"."t_a_ccnew1";'
    (parted,) = invalid_index(Inventory(database(broken, t=replace(T, kind="p"))))
    assert "ATTACH PARTITION" in parted.remedy.sql
    assert invalid_index(Inventory(database(replace(broken, building=True)))) == []
    assert invalid_index(Inventory(database(I_A))) == []


# ------------------------------------------------------------------------------------ foreign keys


def fks(*indexes: Index, key: ForeignKey = FK, t: Table = T) -> list[Finding]:
    return unindexed_foreign_key(Inventory(database(*indexes, keys=(key,), t=t)))


def test_a_foreign_key_without_an_index() -> None:
    (found,) = fks()
    assert found.subject == "public.t (a)"
    assert found.level is Level.warning
    assert "40 rows were deleted from parent" in found.message
    assert "ON DELETE CASCADE" in found.message
    assert "reads all 20.0 MiB of t (100,000 rows)" in found.message
    assert found.evidence["index_size_bytes"]
    assert found.remedy.sql == 'CREATE INDEX CONCURRENTLY "t_a_idx" ON "public"."t" ("a");'
    facts = database(keys=(FK,))
    quiet = replace(facts, tables={**facts.tables, 7: replace(PARENT, activity=None)})
    (info,) = unindexed_foreign_key(Inventory(quiet))
    assert info.level is Level.info
    assert "nothing was deleted" in info.message


@pytest.mark.parametrize(
    ("silent", "one"),
    [
        (True, I_A),
        (True, I_AB),
        (True, replace(I_A, method="hash")),
        (True, replace(I_A, predicate='("a" IS NOT NULL)')),
        (False, replace(I_A, predicate="(b > 5)")),
        (False, replace(I_A, valid=False)),
        (False, replace(I_A, method="brin")),
        (False, index(T, "b", "a")),
        (False, index(T, "b")),
    ],
)
def test_which_index_serves_a_foreign_key(silent: bool, one: Index) -> None:
    assert (fks(one) == []) is silent


def test_a_small_table_needs_no_index_and_the_order_of_columns_does_not_matter() -> None:
    assert fks(t=replace(T, size_bytes=100_000)) == []
    two = replace(FK, columns=("b", "a"))
    assert fks(I_AB, key=two) == []
    assert fks(I_A, key=two) == [], "5,000 values of a: 20 rows each"
    assert len(fks(index(T, "b"), key=two)) == 1, "100 values of b: 1,000 rows each"


# ------------------------------------------------------------------- low selectivity, constant


FLAGS = ColumnStatistics(0.0, 1, 2, ("t", "f"), (0.97, 0.03))
I_FLAG = replace(index(T, "flag"), size_bytes=MIB, scans=0, definition="CREATE INDEX i ON t (flag)")


@pytest.mark.parametrize(
    ("fires", "statistics", "changes"),
    [
        (True, FLAGS, {}),
        (True, FLAGS, {"scans": 10, "rows_read": 800_000}),
        (False, FLAGS, {"scans": 10, "rows_read": 20_000}),
        (False, FLAGS, {"predicate": "(a > 5)"}),
        (False, FLAGS, {"unique": True}),
        (False, ColumnStatistics(0.0, 1, 20, tuple("abcdefghijklmnopqrst"), (0.05,) * 20), {}),
        (False, ColumnStatistics(0.0, 1, 5000, ("t",), (0.9,)), {}),
        (False, ColumnStatistics(0.0, 1, 1, ("t",), (1.0,)), {}),
    ],
)
def test_low_selectivity(
    fires: bool, statistics: ColumnStatistics, changes: dict[str, Any]
) -> None:
    facts = database(replace(I_FLAG, **changes), t=with_column("flag", statistics))
    assert bool(low_selectivity_index(Inventory(facts))) is fires


def test_rare_values_get_a_partial_index() -> None:
    facts = database(I_FLAG, t=with_column("flag", FLAGS))
    (found,) = low_selectivity_index(Inventory(facts))
    assert "94.2 % of t" in found.message
    assert found.remedy.sql.startswith(
        '-- CREATE INDEX CONCURRENTLY ON "public"."t" ("flag") WHERE "flag" IN (\'f\');\n'
        'DROP INDEX CONCURRENTLY "public"."t_flag";'
    )
    evil = ColumnStatistics(0.0, 9, 2, ("ok", "x\n';DROP TABLE t"), (0.97, 0.03))
    (hostile,) = low_selectivity_index(Inventory(database(I_FLAG, t=with_column("flag", evil))))
    assert [line[:3] for line in hostile.remedy.sql.split("\n")][:2] == ["-- ", "-- "]


@pytest.mark.parametrize(
    ("fires", "statistics", "scans", "read"),
    [
        (True, ColumnStatistics(1.0, 0, 0), 0, 0),
        (True, ColumnStatistics(0.0, 4, 1, ("7",), (1.0,)), 0, 0),
        (True, ColumnStatistics(0.0, 4, 1, ("7",), (1.0,)), 5, 500_000),
        (False, ColumnStatistics(0.0, 4, 1, ("7",), (1.0,)), 5, 50),
        (False, ColumnStatistics(0.5, 4, 1, ("7",), (0.5,)), 0, 0),
        (False, ColumnStatistics(0.0, 4, 2, ("7", "8"), (0.99, 0.01)), 0, 0),
    ],
)
def test_constant(fires: bool, statistics: ColumnStatistics, scans: int, read: int) -> None:
    one = replace(index(T, "gone"), size_bytes=MIB, scans=scans, rows_read=read)
    facts = database(one, t=with_column("gone", statistics))
    assert bool(constant_index(Inventory(facts))) is fires
    key = replace(FK, columns=("gone",))
    kept = database(one, keys=(key,), t=with_column("gone", statistics))
    assert constant_index(Inventory(kept)) == [], "a foreign key needs it all the same"


# ------------------------------------------------------------------ too many, included columns


@pytest.mark.parametrize(
    ("fires", "count", "activity"),
    [
        (True, 10, WRITTEN),
        (False, 9, WRITTEN),
        (False, 10, replace(WRITTEN, index_scans=100_000)),
        (False, 10, Activity(inserted=500)),
        (False, 10, None),
    ],
)
def test_too_many(fires: bool, count: int, activity: Activity | None) -> None:
    many = [replace(I_A, oid=i, name=f"i{i}", scans=i) for i in range(1, count + 1)]
    facts = database(*many, t=replace(T, activity=activity))
    found = too_many_indexes(Inventory(facts))
    assert bool(found) is fires
    if fires:
        assert "scanned least: i1 (1), i2 (2), i3 (3)" in found[0].message
        assert found[0].subject == "public.t"


I_STORED = replace(
    index(T, "a", include=("b", "c")),
    name="wide",
    size_bytes=40 * MIB,
    scans=5000,
    rows_read=90_000,
    rows_fetched=90_000,
    definition="CREATE INDEX wide ON public.t USING btree (a) INCLUDE (b, c) "
    "WITH (fillfactor='80')",
)


def included(one: Index, t: Table = T) -> list[Finding]:
    return unused_included_columns(Inventory(database(one, t=t)))


def test_included_columns_that_saved_nothing() -> None:
    (found,) = included(I_STORED)
    assert "INCLUDE (b, c) saved no visit to t" in found.message
    assert found.remedy.sql == (
        'CREATE INDEX CONCURRENTLY "t_a_idx" ON public.t USING btree (a) '
        'WITH (fillfactor=\'80\');\nDROP INDEX CONCURRENTLY "public"."wide";'
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"rows_fetched": 80_000},
        {"rows_read": 0, "rows_fetched": 0},
        {"scans": 10},
        {"include": ()},
        {"unique": True},
        {"size_bytes": MIB},
    ],
)
def test_included_columns_that_may_have_saved_something(changes: dict[str, Any]) -> None:
    assert included(replace(I_STORED, **changes)) == []


def test_a_table_that_is_not_vacuumed_proves_nothing() -> None:
    assert included(I_STORED, replace(T, all_visible_pages=10)) == []


# ------------------------------------------------------------------------------------- together


def test_each_index_is_said_to_go_once_with_the_surest_reason() -> None:
    flags = with_column("flag", FLAGS)
    report = hygiene(database(I_A, I_AB, I_FLAG, keys=(FK,), t=flags))
    assert [(one.rule, one.subject) for one in report.findings] == [
        ("pg.redundant-index", "public.t_a"),
        ("pg.low-selectivity-index", "public.t_flag"),
    ]
    assert report.table.footer == "2 indexes may go: 5.00 MiB"
    assert [row["index"] for row in report.table.rows] == ["public.t_a", "public.t_flag"]
    assert {"pg.unused-index", "pg.too-many-indexes"} <= set(report.examined)


def test_thresholds_of_a_profile() -> None:
    facts = database(I_A)
    thresholds = {"pg.unused-index": {"min_bytes": 100 * MIB}}
    assert hygiene(facts, thresholds=thresholds).findings == ()
    assert len(hygiene(facts).findings) == 1


def test_what_was_not_read_is_said() -> None:
    facts = database(I_A, left_out=("public.x: held",), hidden_statistics=("public.t",))
    skipped = {one.what: one.reason for one in hygiene(facts).skipped}
    assert skipped["indexes"] == "public.x: held"
    assert "hidden of 1 table" in skipped["statistics of columns"]


@pytest.mark.parametrize("make", [database, lambda: database(I_A, I_AB, standby=True)])
def test_notes_say_since_when_and_where(make: Callable[[], Relations]) -> None:
    notes = hygiene(make()).notes
    assert "scans of indexes are counted since 2025-12-02 00:00 UTC, on 1 server" in notes
