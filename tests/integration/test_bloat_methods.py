"""bloat's methods on real servers: what each role may use, and how near it comes to the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dbtune.postgres.bloat.collect import read_sizes
from dbtune.postgres.bloat.facts import Kind
from dbtune.postgres.bloat.measure import Measuring
from dbtune.postgres.bloat.model import model
from dbtune.profile import resolve
from dbtune.session import Limits, open_postgres
from tests.bloat_scenarios import Truth, maintain, random_schema, truths
from tests.command import dbtune
from tests.servers import Postgres

HALF = """
CREATE TABLE t (id bigint PRIMARY KEY, name text, far text);
INSERT INTO t SELECT i, md5(i::text), CASE WHEN i % 10 = 0
    THEN (SELECT string_agg(md5(i::text || g), '') FROM generate_series(1, 100) g) END
FROM generate_series(1, 20000) i;
CREATE INDEX t_name ON t (name);
DELETE FROM t WHERE id % 2 = 0 AND id % 20 > 0;
"""


def half(pg: Postgres, name: str) -> None:
    pg.psql(HALF, name)
    maintain(pg, name, "VACUUM ANALYZE t")


def relations(url: str, *options: str) -> dict[tuple[str, str], dict[str, Any]]:
    ask = ("bloat", url, "--min-size", "100kB", "--schema", "public", "-n", "100", "-f", "json")
    found = dbtune(*ask, *options).ok().json["relations"]
    return {(row["relation"].removeprefix("public."), row["kind"]): row for row in found}


def is_within(row: Mapping[str, Any], truth: Truth) -> bool:
    gained = truth.size_bytes - truth.rewritten_bytes
    low, high = row["bloat_low_bytes"] - 8192, row["bloat_high_bytes"] + 8192
    return bool(low <= gained <= high)


def by_kind(known: list[Truth]) -> dict[tuple[str, str], Truth]:
    kinds = {"heap": "table", "toast": "toast"}
    return {
        (one.name, kinds.get(one.kind, one.method)): one
        for one in known
        if one.size_bytes >= 100 * 1024
    }


def test_exact_reads_everything(any_database: tuple[Postgres, str]) -> None:
    pg, name = any_database
    pg.psql("CREATE EXTENSION pageinspect", name)
    half(pg, name)
    found = relations(pg.dsn(name), "--exact")
    known = by_kind(truths(pg, name))
    assert set(known) == {("t", "table"), ("t", "toast"), ("t_pkey", "btree"), ("t_name", "btree")}
    for key, truth in known.items():
        row = found[key]
        assert row["method"] == "exact"
        assert row["bloat_ratio"] == pytest.approx(truth.bloat_ratio, abs=0.005)
        assert is_within(row, truth)
        if row["kind"] != "toast":
            assert row["pages_read"] >= truth.size_bytes // 8192 - 1
    mistaken = (("--exact", "--statistics-only"), ("--min-size", "much"), ("--schema", "pulbic"))
    for refused in mistaken:
        assert dbtune("bloat", pg.dsn(name), *refused).code == 2


@pytest.mark.parametrize("options", [(), ("--exact",)], ids=["sample", "exact"])
def test_nothing_more_than_access_share_is_locked(
    database18: tuple[Postgres, str], options: tuple[str, ...]
) -> None:
    """While a session holds EXCLUSIVE locks, which let pass ACCESS SHARE only."""
    pg, name = database18
    pg.psql("CREATE EXTENSION pageinspect; CREATE EXTENSION pgstattuple", name)
    half(pg, name)
    free = relations(pg.dsn(name), *options)
    catalogs = "pg_class, pg_attribute, pg_statistic, pg_index, pg_namespace, pg_type, pg_inherits"
    with pg.connect(name) as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE t IN EXCLUSIVE MODE")
        holder.execute(f"LOCK TABLE {catalogs} IN EXCLUSIVE MODE".encode())
        assert relations(pg.dsn(name), *options) == free


def test_entries_for_dead_rows_of_a_partial_index_are_not_taken_for_live(
    database18: tuple[Postgres, str],
) -> None:
    """Nothing tells how many rows it is for: neither VACUUM nor ANALYZE ever came."""
    pg, name = database18
    pg.psql(
        "CREATE EXTENSION pageinspect;"
        "CREATE TABLE t (id bigint, n text) WITH (autovacuum_enabled = off);"
        "CREATE INDEX t_even ON t (n) WHERE id % 2 = 0;"
        "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 60000) i",
        name,
    )
    pg.psql("UPDATE t SET id = id + 600000 WHERE id % 3 = 0", name)
    row = relations(pg.dsn(name))["t_even", "btree"]
    truth = by_kind(truths(pg, name))["t_even", "btree"]
    assert row["bloat_ratio"] == pytest.approx(truth.bloat_ratio, abs=0.05)
    assert is_within(row, truth)
    assert row["dead_rows"] == pytest.approx(10_000, rel=0.1)


def test_without_time_statistics_have_to_do(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    half(pg, name)
    result = dbtune("bloat", pg.dsn(name), "--min-size", "100kB", "--deadline", "1us", "-f", "json")
    assert {row["method"] for row in result.json["relations"]} <= {"statistics", "unknown"}
    skipped, *unknown = result.json["skipped"]
    assert "no time was left for" in skipped["reason"]
    assert all(one["what"].startswith("bloat of ") for one in unknown)
    strict = dbtune("bloat", pg.dsn(name), "--deadline", "1us", "--strict", "--min-size", "100kB")
    assert strict.code == 4


@pytest.mark.parametrize("version", [13, 18])
def test_a_monitoring_role_gets_numbers_from_pgstattuple(
    pg: Callable[[int], Postgres], version: int
) -> None:
    server = pg(version)
    name = server.create_database(f"monitored{version}")
    half(server, name)
    server.psql("DROP ROLE IF EXISTS observer; CREATE ROLE observer LOGIN PASSWORD 'p'")
    server.psql("GRANT pg_monitor TO observer")
    url = server.dsn(name, "observer", "p")
    blind = relations(url)
    assert {row["method"] for (_, kind), row in blind.items() if kind == "table"} == {"unknown"}
    assert blind["t_name", "btree"]["bloat_bytes"] is None
    server.psql("CREATE EXTENSION pgstattuple", name)
    found = relations(url)
    known = by_kind(truths(server, name))
    for key in (("t", "table"), ("t_name", "btree")):
        row = found[key]
        assert row["method"] in ("sample", "exact")
        assert row["bloat_ratio"] == pytest.approx(known[key].bloat_ratio, abs=0.03)
        assert is_within(row, known[key])
    server.drop_database(name)


OTHER = """
CREATE EXTENSION pageinspect; CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gist;
CREATE TABLE o (id int, words text, tags text[], at tsrange, place point, code text);
INSERT INTO o SELECT i, 'word' || hashint4(i) % 3000 || ' ' || md5(i::text), ARRAY['a' || i % 70,
    'b' || i % 900], tsrange('2024-01-01'::timestamp + i * interval '1 h', NULL),
    point(hashint4(i) % 1000, i % 777), 'c' || i % 4000 FROM generate_series(1, 40000) i;
CREATE INDEX o_words ON o USING gin (words gin_trgm_ops);
CREATE INDEX o_tags ON o USING gin (tags);
CREATE INDEX o_at ON o USING gist (at);
CREATE INDEX o_place ON o USING gist (place);
CREATE INDEX o_spgist ON o USING spgist (place);
CREATE INDEX o_id ON o USING hash (id);
CREATE INDEX o_code ON o USING hash (code);
CREATE INDEX o_brin ON o USING brin (id);
DELETE FROM o WHERE id % 3 > 0;
"""


@pytest.mark.parametrize("version", [13, 18])
def test_indexes_that_are_no_btrees(pg: Callable[[int], Postgres], version: int) -> None:
    server = pg(version)
    name = server.create_database(f"methods{version}")
    server.psql(OTHER, name)
    maintain(server, name, "VACUUM ANALYZE o")
    found = relations(server.dsn(name))
    known = by_kind(truths(server, name))
    for key, truth in known.items():
        assert found[key]["bloat_bytes"] is not None
        assert is_within(found[key], truth), (truth, found[key])
    server.drop_database(name)


def test_counters_that_were_reset_are_not_believed(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    half(pg, name)
    pg.psql("SELECT pg_stat_reset()", name)
    pg.psql("INSERT INTO t VALUES (-1)", name)
    row = relations(pg.dsn(name), "--statistics-only")["t", "table"]
    assert row["rows"] == pytest.approx(11_000, rel=0.01)
    assert "reset" in row["note"]


def test_a_snapshot_has_the_statistics(database18: tuple[Postgres, str], tmp_path: Path) -> None:
    pg, name = database18
    pg.psql(
        "CREATE TABLE large AS SELECT i, md5(i::text) FROM generate_series(1, 60000) i;"
        "DELETE FROM large WHERE i % 2 = 0",
        name,
    )
    maintain(pg, name, "VACUUM ANALYZE large")
    file = str(tmp_path / "facts.dbtune")
    dbtune("snapshot", pg.dsn(name), "-o", file).ok()
    live = dbtune("bloat", pg.dsn(name), "--statistics-only", "-f", "json").ok()
    saved = dbtune("bloat", "--from", file, "-f", "json").ok()
    assert saved.json["relations"] == live.json["relations"]
    [row] = [one for one in saved.json["relations"] if one["relation"] == "public.large"]
    assert row["bloat_ratio"] == pytest.approx(0.5, abs=0.02)
    nothing = dbtune("bloat", "--from", file, "--min-size", "1GB").ok()
    assert "nothing is as large" in nothing.out


@pytest.mark.parametrize("version", [15, 18])
def test_random_tables_with_random_pasts(pg: Callable[[int], Postgres], version: int) -> None:
    """Seeds that nothing was fitted to; the bench scripts/bench/bloat-accuracy takes more."""
    server = pg(version)
    name = server.create_database(f"random{version}")
    server.psql("CREATE EXTENSION pageinspect", name)
    random_schema(server, name, 700 + version, 12)
    known = truths(server, name)
    with open_postgres(resolve(server.dsn(name)), Limits(statement_seconds=120)) as session:
        sizes = read_sizes(session, 100 * 1024, ["public"])
        modelled = model(sizes)
        measuring = Measuring(session, sizes, modelled, 600, lambda _: None)
        measuring.run()
    server.drop_database(name)
    found = {
        ("toast" if one.relation.kind is Kind.TOAST else one.relation.name, one.relation.table): one
        for one in measuring.estimates.values()
    }
    tables = {one.name: one.oid for one in sizes.relations.values() if one.kind is Kind.TABLE}
    errors: dict[str, list[float]] = {"heap": [], "toast": [], "index": []}
    within = 0
    for truth in known:
        if truth.size_bytes < 100 * 1024:
            continue
        if truth.kind == "index":
            one = next(one for key, one in found.items() if key[0] == truth.name)
        else:
            key = "toast" if truth.kind == "toast" else truth.name
            one = found[key, tables[truth.name]]
        assert one.bloat_ratio is not None, truth
        errors[truth.kind].append(abs(one.bloat_ratio - max(0.0, truth.bloat_ratio)))
        gained = max(0, truth.size_bytes - truth.rewritten_bytes)
        within += one.bloat_low_bytes - 1 <= gained <= one.bloat_high_bytes + 1
    total = sum(map(len, errors.values()))
    assert total > 20
    assert within >= 0.9 * total
    assert sum(errors["heap"]) / len(errors["heap"]) < 0.005
    assert max(errors["heap"]) < 0.05
    assert sum(errors["index"]) / len(errors["index"]) < 0.015
