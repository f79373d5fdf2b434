"""Remedies on real servers: they run as they are printed, and give back what was promised."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bloat_scenarios import maintain
from tests.command import dbtune
from tests.servers import PASSWORD, Postgres, postgres_program

SETUP = """
CREATE TABLE orders (id bigint PRIMARY KEY, note text, n int);
INSERT INTO orders SELECT i, md5(i::text), i % 50 FROM generate_series(1, 60000) i;
CREATE INDEX orders_n ON orders (n);
DELETE FROM orders WHERE id % 3 > 0;
CREATE TABLE "Odd name; --" (id int, body text) WITH (fillfactor = 80);
INSERT INTO "Odd name; --" SELECT i, (SELECT string_agg(md5(i::text || g), '')
    FROM generate_series(1, 100) g) FROM generate_series(1, 3000) i;
DELETE FROM "Odd name; --" WHERE id % 2 = 0;
CREATE TABLE seats (room int, during int4range, EXCLUDE USING gist (during WITH &&));
CREATE MATERIALIZED VIEW summary AS SELECT i, md5(i::text) FROM generate_series(1, 30000) i;
CREATE UNIQUE INDEX ON summary (i);
CREATE TABLE parted (id int, t text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (20000);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (20000) TO (100000);
CREATE INDEX ON parted (id);
INSERT INTO parted SELECT i, md5(i::text) FROM generate_series(1, 60000) i;
DELETE FROM parted WHERE id % 4 > 0;
"""
SIZE = """
SELECT coalesce(sum(pg_relation_size(c.oid)), 0) FROM pg_class c
WHERE c.relkind IN ('r', 't', 'i', 'm') AND c.relnamespace <> 'pg_catalog'::regnamespace
"""


def fill(pg: Postgres, name: str) -> None:
    pg.psql(SETUP, name)
    maintain(pg, name, "VACUUM ANALYZE")


def remedies(pg: Postgres, name: str) -> list[dict[str, Any]]:
    asked = ("--min-size", "100kB", "--schema", "public", "-n", "100", "-f", "json")
    found: list[dict[str, Any]] = dbtune("bloat", pg.dsn(name), *asked).ok().json["remedies"]
    return found


@pytest.mark.parametrize("version", [13, 18])
def test_each_statement_gives_back_what_it_promises(pg: Any, version: int) -> None:
    server: Postgres = pg(version)
    name = server.create_database(f"remedies{version}")
    fill(server, name)
    promised = [one for one in remedies(server, name) if not one["sql"].startswith("pg")]
    actions = {one["action"] for one in promised}
    assert {"REINDEX CONCURRENTLY", "VACUUM FULL"} <= actions
    for one in promised:
        copy = server.create_database(f"{name}_copy", f'TEMPLATE "{name}"')
        try:
            before = server.psql(SIZE, copy)[0][0]
            server.psql(one["sql"], copy)
            gained = before - server.psql(SIZE, copy)[0][0]
        finally:
            server.drop_database(copy)
        slack = 2 * 8192  # the free space map of pages that are gone is not counted, a root may be
        assert one["gain_low_bytes"] - slack <= gained <= one["gain_high_bytes"] + slack, one
    server.drop_database(name)


def test_dead_rows_are_vacuumed_and_their_space_is_used_again(
    database18: tuple[Postgres, str],
) -> None:
    pg, name = database18
    pg.psql("CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 50000) i", name)
    maintain(pg, name, "VACUUM ANALYZE t")
    pg.psql("DELETE FROM t WHERE i % 2 = 0", name)
    [vacuum] = [one for one in remedies(pg, name) if one["action"] == "VACUUM"]
    assert (vacuum["gain_bytes"], vacuum["risk"]) == (0, "none")
    size = pg.psql("SELECT pg_relation_size('t')", name)[0][0]
    assert vacuum["reuse_bytes"] == pytest.approx(size / 2, rel=0.02)
    pg.psql(vacuum["sql"], name)
    pg.psql("INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 24000) i", name)
    assert pg.psql("SELECT pg_relation_size('t')", name)[0][0] == size


def test_a_materialised_view_is_refreshed(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql(
        "CREATE TABLE part(n int); INSERT INTO part VALUES (0);"
        "CREATE MATERIALIZED VIEW m AS SELECT i, md5(i::text || n) FROM part, "
        "generate_series(1, 20000) i; CREATE UNIQUE INDEX ON m (i)",
        name,
    )
    for number in range(2):
        pg.psql(f"UPDATE part SET n = {number + 1}", name)
        pg.psql("REFRESH MATERIALIZED VIEW CONCURRENTLY m", name)
    maintain(pg, name, "VACUUM ANALYZE m")
    refresh = next(one for one in remedies(pg, name) if one["action"].startswith("REFRESH"))
    before = pg.psql("SELECT pg_relation_size('m')", name)[0][0]
    pg.psql(refresh["sql"], name)
    gained = before - pg.psql("SELECT pg_relation_size('m')", name)[0][0]
    assert refresh["gain_low_bytes"] <= gained <= refresh["gain_high_bytes"]


def test_the_script_runs_in_psql_and_stops_nobody(
    database18: tuple[Postgres, str], tmp_path: Path
) -> None:
    pg, name = database18
    fill(pg, name)
    file = tmp_path / "bloat.sql"
    ask = ("bloat", pg.dsn(name), "--min-size", "100kB", "--schema", "public", "--format", "sql")
    dbtune(*ask, "-o", str(file)).ok()
    text = file.read_text()
    active = [line for line in text.splitlines() if line and not line.startswith("--")]
    assert not [line for line in active if "FULL" in line or "REFRESH" in line]
    assert 'REINDEX INDEX CONCURRENTLY "public"."orders_n";' in active
    assert '-- VACUUM (FULL, VERBOSE, ANALYZE) "public"."Odd name; --";' in text
    assert "-- $ pg_repack --no-kill-backend --dbname=" in text
    ways = [one for one in remedies(pg, name) if one["sql"] in active]
    assert len(ways) >= 3
    before = pg.psql(SIZE, name)[0][0]
    done = subprocess.run(
        [postgres_program("psql", 18), "--no-psqlrc", "--dbname", pg.dsn(name), "--file", file],
        capture_output=True,
        text=True,
        env=os.environ | {"PGPASSWORD": pg.password},
    )
    assert done.returncode == 0, done.stderr
    gained, slack = before - pg.psql(SIZE, name)[0][0], len(ways) * 2 * 8192
    low, high = (sum(one[f"gain_{end}_bytes"] for one in ways) for end in ("low", "high"))
    assert low - slack <= gained <= high + slack
    assert low > 0
    again = dbtune(*ask).ok()
    assert "orders_n" not in again.out


def test_pg_repack_gives_back_what_it_promises(pg15: Postgres) -> None:
    """Its command line as it is printed, tables and indexes together."""
    if not pg15.build.has("pg_repack"):
        pytest.skip("pg_repack is not installed: run scripts/test")
    folder = pg15.build.program("pg_repack").parent
    name = pg15.create_database("repacked; it's")
    pg15.psql("CREATE EXTENSION pg_repack", name)
    pg15.psql(SETUP, name)
    pg15.psql('ALTER TABLE "Odd name; --" ADD PRIMARY KEY (id)', name)
    maintain(pg15, name, "VACUUM ANALYZE")
    promised = [one for one in remedies(pg15, name) if one["action"] == "pg_repack"]
    assert promised
    for one in promised:
        assert not one["needs"]
        before = pg15.psql(SIZE, name)[0][0]
        run = subprocess.run(
            one["sql"], shell=True, capture_output=True, text=True, check=False,
            env={"PATH": f"{folder}:{os.environ['PATH']}", "PGHOST": pg15.host,
                 "PGPORT": str(pg15.port), "PGUSER": pg15.superuser, "PGPASSWORD": PASSWORD},
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        gained = before - pg15.psql(SIZE, name)[0][0]
        slack = 2 * 8192
        assert one["gain_low_bytes"] - slack <= gained <= one["gain_high_bytes"] + slack, one
    assert [one for one in remedies(pg15, name) if one["action"] == "pg_repack"] == []
    pg15.drop_database(name)
