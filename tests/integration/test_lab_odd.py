"""The planner lab on schemas that it can't copy whole, and on what is rare in a schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dbtune.postgres.indexes.definition import Definition, Key, column_key
from dbtune.postgres.indexes.planner import NotPlannable
from dbtune.postgres.lab.open import open_lab
from dbtune.postgres.lab.planner import LabPlanner
from dbtune.profile import profile_from_url
from dbtune.session import open_postgres
from tests.servers import Postgres, fresh_database

SCHEMA = r"""
CREATE SCHEMA "select"; CREATE SCHEMA x;
CREATE FUNCTION x.shape_in(cstring) RETURNS x.shape LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION x.shape_out(x.shape) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT
    AS 'textout';
CREATE TYPE x.shape (INPUT = x.shape_in, OUTPUT = x.shape_out, LIKE = text);
CREATE CAST (text AS x.shape) WITHOUT FUNCTION;
CREATE FUNCTION x.area(x.shape) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8';
CREATE FUNCTION x.in_c(int) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'int4abs';
CREATE FUNCTION x.many(n int DEFAULT 3, OUT a int, OUT b text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 77 COST 50 AS $$BEGIN RETURN QUERY SELECT 1, 'it''s \ ' ; END$$;
CREATE FUNCTION x.rows() RETURNS TABLE(id int, "N" text) LANGUAGE sql STABLE AS 'SELECT 1, ''x''';
CREATE FUNCTION x.fixed(a text) RETURNS text LANGUAGE sql STABLE SET search_path = x AS 'SELECT a';
CREATE AGGREGATE x.largest(int) (SFUNC = int4larger, STYPE = int);
CREATE TYPE x.mood AS ENUM ('it''s \ good', 'bad');
CREATE TABLE "select"."table"("from" int PRIMARY KEY, "A b" text, "%s" int, "{x}" int,
    "q""uote" int UNIQUE);
CREATE INDEX "100% odd" ON "select"."table"("A b" DESC NULLS LAST, ("%s" + 1))
    WHERE "{x}" IS NOT NULL;
CREATE TABLE places(id int PRIMARY KEY, shape x.shape, name text, shapes x.shape[], m x.mood);
CREATE INDEX by_area ON places(x.area(shape)); CREATE INDEX by_name ON places(name);
CREATE VIEW areas AS SELECT id, x.area(shape) FROM places;
CREATE VIEW named AS SELECT id, name FROM places;
CREATE VIEW deep AS SELECT * FROM named n JOIN "select"."table" t ON t."from" = n.id;
CREATE TYPE x.pair AS (a int, p places);
CREATE TABLE rows_in_rows(r places, i x.pair, k int);
CREATE TABLE dropped(a int, b int, c int, d text); ALTER TABLE dropped DROP COLUMN b;
CREATE INDEX ON dropped(c, d);
CREATE TABLE parted(a int, b text, c int) PARTITION BY LIST (lower(b));
CREATE TABLE part_odd(c int, x int, b text, a int); ALTER TABLE part_odd DROP COLUMN x;
ALTER TABLE parted ATTACH PARTITION part_odd FOR VALUES IN ('x', 'it''s');
CREATE TABLE part_sub PARTITION OF parted FOR VALUES IN ('sub') PARTITION BY HASH (a);
CREATE TABLE part_sub_0 PARTITION OF part_sub FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_sub_1 PARTITION OF part_sub FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE part_default PARTITION OF parted DEFAULT;
CREATE INDEX ON parted(a);
CREATE TABLE keyed(a int, b int, PRIMARY KEY (a, b)) PARTITION BY RANGE (a);
CREATE TABLE keyed_1 PARTITION OF keyed FOR VALUES FROM (0) TO (1000000);
CREATE TABLE refs(a int, b int, FOREIGN KEY (a, b) REFERENCES keyed);
CREATE TABLE computed(a int, b int GENERATED ALWAYS AS (a * 2) STORED,
    i int GENERATED ALWAYS AS IDENTITY);
CREATE INDEX ON computed(b);
CREATE TABLE exclusive(r int4range, EXCLUDE USING gist (r WITH &&));
CREATE TABLE secret(id int, who text); ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE UNLOGGED TABLE unlogged(a int); CREATE TABLE nothing();
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1');
CREATE FOREIGN TABLE far(a int, b text) SERVER elsewhere;
INSERT INTO "select"."table" SELECT i, 'v' || i % 10, i % 7, NULLIF(i % 3, 0), i
    FROM generate_series(1, 5000) i;
INSERT INTO places SELECT i, ('p' || i)::x.shape, 'n' || i % 100, NULL, 'bad'
    FROM generate_series(1, 5000) i;
INSERT INTO dropped SELECT i, i % 50, 'd' || i % 9 FROM generate_series(1, 5000) i;
INSERT INTO parted SELECT i, (ARRAY['x', 'it''s', 'sub', 'other'])[1 + i % 4], i % 10
    FROM generate_series(1, 8000) i;
INSERT INTO keyed SELECT i, i % 10 FROM generate_series(1, 5000) i;
INSERT INTO refs SELECT i, i % 10 FROM generate_series(1, 3000) i;
INSERT INTO computed(a) SELECT i FROM generate_series(1, 5000) i;
INSERT INTO exclusive SELECT int4range(i * 10, i * 10 + 5) FROM generate_series(1, 2000) i;
INSERT INTO rows_in_rows SELECT p, ROW(1, p)::x.pair, id FROM places p;
"""
SAME = [
    'SELECT * FROM "select"."table" WHERE "q""uote" = 5',
    'SELECT * FROM "select"."table" WHERE "A b" = \'v3\' AND "%s" + 1 = 3 AND "{x}" IS NOT NULL',
    'SELECT t.*, count(*) FROM "select"."table" t GROUP BY t."from"',
    'INSERT INTO "select"."table" ("from") VALUES (1) ON CONFLICT ("from") DO NOTHING',
    "SELECT id, name FROM places WHERE name = 'n5' AND m = 'it''s \\ good'",
    "SELECT * FROM deep WHERE id = 7",
    "SELECT k FROM rows_in_rows WHERE k = 5",
    "SELECT * FROM dropped WHERE c = 4 AND d = 'd3'",
    "SELECT * FROM dropped WHERE d = 'd3'",
    "SELECT * FROM parted WHERE lower(b) = 'sub' AND a = 5",
    "SELECT * FROM parted WHERE a = 5",
    "SELECT * FROM keyed JOIN refs USING (a, b)",
    "SELECT * FROM keyed WHERE b = 3",
    "INSERT INTO keyed VALUES (1, 2) ON CONFLICT (a, b) DO UPDATE SET b = 3",
    "SELECT a, b, count(*) FROM keyed GROUP BY a, b",
    "SELECT * FROM computed WHERE b = 10",
    "SELECT * FROM exclusive WHERE r && int4range(5, 50)",
    "SELECT * FROM secret WHERE id = 5",
    "SELECT * FROM unlogged, nothing",
    "SELECT * FROM far WHERE a = 5",
    "SELECT * FROM x.many()",
    "SELECT * FROM x.rows() WHERE id = 2",
    "SELECT x.largest(k) FROM rows_in_rows",
    "SELECT x.fixed('s')",
    "SELECT x.in_c(k) FROM rows_in_rows",
]


@pytest.fixture(scope="module", params=[13, 18], ids=lambda version: f"pg{version}")
def odd(
    request: pytest.FixtureRequest, pg: Callable[[int], Postgres]
) -> Iterator[tuple[Postgres, str, LabPlanner]]:
    """A database with odd things, and its lab; 13 has no skip scans, no statistics of ranges."""
    server = pg(request.param)
    with fresh_database(server) as name:
        server.psql(SCHEMA, name)
        server.psql("VACUUM ANALYZE", name)
        with open_postgres(profile_from_url(server.dsn(name), "test")) as session:
            lab = open_lab(session)
        with lab:
            yield server, name, lab


def cost_on(pg: Postgres, database: str, statement: str) -> float:
    rows: Any = pg.psql(f"EXPLAIN (FORMAT JSON) {statement}", database)
    return float(sum(one["Plan"]["Total Cost"] for one in rows[0][0]))


@pytest.mark.parametrize("statement", SAME)
def test_costs_are_those_of_the_target(
    odd: tuple[Postgres, str, LabPlanner], statement: str
) -> None:
    server, name, lab = odd
    expected = cost_on(server, name, statement)
    assert lab.plan(statement).cost == pytest.approx(expected, rel=0.01)


def test_what_is_not_in_the_lab_is_told_and_the_rest_is_there(
    odd: tuple[Postgres, str, LabPlanner],
) -> None:
    _, _, lab = odd
    told = "\n".join(lab.notes)
    for missing in ("x.area", "areas", "places.shape (x.shape)", "shapes", "by_area"):
        assert missing in told
    assert "named" not in told
    assert "rows_in_rows" not in told
    assert "restored" not in told
    for statement in ("SELECT shape FROM places", "SELECT * FROM areas", "SELECT x.in_c(5)"):
        with pytest.raises(NotPlannable):
            lab.plan(statement)


def test_hypothetical_indexes_on_what_is_odd(odd: tuple[Postgres, str, LabPlanner]) -> None:
    _, _, lab = odd
    quoted = Definition("select", "table", (column_key("{x}"), column_key("%s")))
    sub = Definition("public", "parted", (column_key("c"), Key('(lower("b"))')), include=("a",))
    statement = 'SELECT * FROM "select"."table" WHERE "{x}" = 1 AND "%s" = 3'
    assert lab.plan(statement, [quoted]).used == {quoted}
    plan = lab.plan("SELECT * FROM parted WHERE lower(b) = 'sub' AND c = 3", [sub, quoted])
    assert plan.used == {sub}
    assert lab.plan("SELECT * FROM parted WHERE c = 3 AND a = -1").used == frozenset()
    assert lab.refuses(Definition("public", "places", (column_key("shape"),), method="gist"))


def test_skip_scans_are_planned_where_the_target_has_them(
    odd: tuple[Postgres, str, LabPlanner],
) -> None:
    server, _, lab = odd
    index = Definition("public", "parted", (column_key("c"), column_key("a")))
    statement = "SELECT * FROM parted WHERE a = 5"
    own = [oid for (_, name), oid in lab.existing.by_name.items() if name.endswith("_a_idx")]
    skips = lab.plan(statement, [index], without=own).used
    assert skips == ({index} if server.version >= 18 else frozenset())
