"""Relations read from real servers: every version, every privilege, poolers, standbys, locks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from dbtune.postgres.relations.collect import read_relations
from dbtune.postgres.relations.facts import Index, Relations, Table
from dbtune.profile import profile_from_url
from dbtune.session import Limits, open_postgres
from tests.servers import PgBouncer, Postgres

SCHEMA = """
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION hstore;
CREATE SCHEMA "Odd ""Schema";
CREATE DOMAIN short_text AS varchar(40);
CREATE DOMAIN shorter AS short_text CHECK (length(value) < 20);
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE customers(
    id bigint PRIMARY KEY, email shorter, gone int, balance numeric(12,2), tags text[],
    notes text, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
ALTER TABLE customers DROP COLUMN gone, ALTER notes SET STORAGE external;
CREATE TABLE orders(
    id bigint, customer_id bigint REFERENCES customers ON DELETE CASCADE, at timestamptz NOT NULL,
    a int, b int, note text COLLATE "C", folded text COLLATE ci,
    CONSTRAINT orders_key UNIQUE (id) DEFERRABLE)
    WITH (fillfactor = 80, autovacuum_enabled = off);
CREATE INDEX orders_a_b ON orders (a DESC, b NULLS FIRST) INCLUDE (at) WITH (fillfactor = 70);
CREATE INDEX orders_lower ON orders (lower(note) text_pattern_ops, (a + b))
    WHERE a > 5 AND note IS NOT NULL;
CREATE INDEX orders_folded ON orders (folded);
CREATE INDEX orders_note_default ON orders (note COLLATE "default");
CREATE INDEX orders_brin ON orders USING brin (at) WITH (pages_per_range = 16);
CREATE INDEX customers_tags ON customers USING gin (tags);
CREATE UNIQUE INDEX customers_identity ON customers (id, twice);
ALTER TABLE customers ALTER id SET NOT NULL, ALTER twice SET NOT NULL;
ALTER TABLE customers REPLICA IDENTITY USING INDEX customers_identity;
CREATE STATISTICS orders_ab (ndistinct) ON a, b FROM orders;
CREATE TABLE "Odd ""Schema"."Ta""ble"("Co""l" int);
CREATE INDEX "I""x" ON "Odd ""Schema"."Ta""ble"("Co""l");
CREATE TABLE events(at date NOT NULL, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE INDEX events_at ON events (at);
CREATE TEMP TABLE temporary(id int);
INSERT INTO customers(id, email, balance, tags, notes)
    SELECT i, 'c' || i % 50, i, ARRAY['t' || i % 3], repeat(md5(i::text), 100)
    FROM generate_series(1, 2000) i;
INSERT INTO orders SELECT i, i % 2000 + 1, now(), i % 7, i % 7, 'n' || i, 'f' || i % 9
    FROM generate_series(1, 5000) i;
INSERT INTO events SELECT '2025-01-01'::date + i % 300, 'k' FROM generate_series(1, 900) i;
UPDATE orders SET b = b WHERE id <= 10;
DELETE FROM orders WHERE id <= 3;
ANALYZE;
SET enable_seqscan = off;
SELECT count(*) FROM orders WHERE a = 3;
CREATE MATERIALIZED VIEW per_customer AS SELECT customer_id, count(*) FROM orders GROUP BY 1;
"""


@pytest.fixture(scope="module")
def made() -> dict[int, str]:
    """Databases with the schema, by version: each is made once."""
    return {}


@pytest.fixture
def shop(any_pg: Postgres, made: dict[int, str]) -> tuple[Postgres, str]:
    """A server of each version and its database with the schema."""
    if any_pg.version not in made:
        name = any_pg.create_database(f"relations_{any_pg.version}")
        text = SCHEMA
        if any_pg.build.origin == "wheel":  # built without ICU
            text = text.replace(
                "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', "
                "deterministic = false)",
                'CREATE COLLATION ci FROM "C"',
            )
        any_pg.psql(text, name)
        if any_pg.version >= 15:
            any_pg.psql("CREATE UNIQUE INDEX orders_nnd ON orders (id, a) NULLS NOT DISTINCT", name)
        counted = "SELECT pg_stat_get_numscans('orders_a_b'::regclass) = 1"
        deadline = time.monotonic() + 120
        while not any_pg.psql(counted, name)[0][0]:  # before 15 they arrive a little later
            assert time.monotonic() < deadline, "the scan was not counted"
            time.sleep(0.05)
        made[any_pg.version] = name
    return any_pg, made[any_pg.version]


def read(url: str, limits: Limits | None = None, **options: Any) -> Relations:
    with open_postgres(profile_from_url(url, "test"), limits or Limits()) as session:
        return read_relations(session, **options)


def table(relations: Relations, name: str) -> Table:
    return next(one for one in relations.tables.values() if one.name == name)


def index(relations: Relations, name: str) -> Index:
    return next(one for one in relations.indexes if one.name == name)


def test_tables_and_columns(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    relations = read(pg.dsn(name))
    found = {(one.schema, one.name) for one in relations.tables.values()}
    assert found == {
        ("public", "customers"), ("public", "orders"), ("public", "events"),
        ("public", "events_1"), ("public", "per_customer"), ('Odd "Schema', 'Ta"ble'),
    }  # fmt: skip
    customers, orders = table(relations, "customers"), table(relations, "orders")
    assert customers.rows == 2000
    assert customers.replica_identity == "i"
    assert orders.options == {"fillfactor": "80", "autovacuum_enabled": "off"}
    assert orders.size_bytes == pg.psql("SELECT pg_relation_size('orders')", name)[0][0]
    toast = pg.psql(
        "SELECT pg_relation_size(x.indrelid) + pg_relation_size(x.indexrelid) FROM pg_index x, "
        "pg_class c WHERE c.oid = 'customers'::regclass AND x.indrelid = c.reltoastrelid",
        name,
    )
    assert customers.toast_bytes == toast[0][0] > 100_000
    assert table(relations, "events_1").parent == table(relations, "events").oid
    assert table(relations, "events").partition_key == "RANGE (at)"
    assert table(relations, "per_customer").kind == "m"
    email = customers.column["email"]
    assert (email.type, email.base_type, email.type_category) == (
        "public.shorter", "varchar", "S"
    )  # fmt: skip
    assert customers.column["notes"].storage == "e"
    assert orders.column["note"].collation == 'pg_catalog."C"'
    assert orders.column["at"].not_null
    assert orders.column["at"].alignment_bytes == 8


def test_statistics(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    relations = read(pg.dsn(name))
    email = table(relations, "customers").column["email"].statistics
    assert email
    assert email.n_distinct == 50
    assert len(email.common_values) == len(email.common_ratios) == 50
    assert set(email.common_values) == {f"c{i}" for i in range(50)}
    tags = table(relations, "customers").column["tags"].statistics
    assert tags
    assert set(tags.element_values) == {"t0", "t1", "t2"}
    assert len(tags.element_ratios) == 3
    at = table(relations, "events").column["at"].statistics
    assert at, "of a partitioned table, those over its partitions"
    assert at.n_distinct == pytest.approx(-1 / 3, abs=0.01) or at.n_distinct == 300
    assert [(set(one.columns), one.n_distinct) for one in table(relations, "orders").joint_distinct]
    assert table(relations, "orders").joint_distinct[0].n_distinct == 7
    expression = index(relations, "orders_lower").keys[1]
    assert expression.statistics
    assert expression.statistics.n_distinct == 1  # a > 5 leaves 6 + 6
    without = read(pg.dsn(name), statistics=False)
    assert table(without, "customers").column["email"].statistics is None


def test_indexes(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    relations = read(pg.dsn(name))
    both = index(relations, "orders_a_b")
    assert [(key.column, key.descending, key.nulls_first) for key in both.keys] == [
        ("a", True, True), ("b", False, True)
    ]  # fmt: skip
    assert both.include == ("at",)
    assert both.options == {"fillfactor": "70"}
    assert both.size_bytes == pg.psql("SELECT pg_relation_size('orders_a_b')", name)[0][0]
    assert both.scans == 1
    lower = index(relations, "orders_lower")
    assert [key.expression for key in lower.keys] == ["lower(note)", "((a + b))"]
    assert [key.operator_class for key in lower.keys] == ["text_pattern_ops", ""]
    assert lower.keys[0].collation == 'pg_catalog."C"'
    assert [key.type for key in lower.keys] == ["text", "integer"]
    assert lower.keys[1].length_bytes == 4
    assert lower.predicate == "((a > 5) AND (note IS NOT NULL))"
    default = index(relations, "orders_note_default").keys[0]
    assert default.collation == 'pg_catalog."default"'
    key = index(relations, "orders_key")
    assert (key.unique, key.constraint, key.deferrable) == (True, "orders_key", True)
    primary = index(relations, "customers_pkey")
    assert (primary.primary, primary.constraint, primary.referenced_by) == (
        True, "customers_pkey", 1
    )  # fmt: skip
    assert index(relations, "customers_identity").replica_identity
    assert index(relations, "orders_brin").options == {"pages_per_range": "16"}
    assert index(relations, "customers_tags").method == "gin"
    part = next(one for one in relations.indexes if one.table == table(relations, "events_1").oid)
    assert part.parent == index(relations, "events_at").oid
    assert index(relations, 'I"x').definition == (
        'CREATE INDEX "I""x" ON "Odd ""Schema"."Ta""ble" USING btree ("Co""l")'
    )
    folds = pg.build.origin != "wheel"
    assert index(relations, "orders_folded").keys[0].deduplicable is not folds
    assert both.keys[0].deduplicable
    assert both.age_transactions is not None
    if pg.version >= 15:
        assert index(relations, "orders_nnd").nulls_not_distinct
        assert not index(relations, "customers_identity").nulls_not_distinct
    if pg.version >= 16:
        assert both.last_scan is not None
        assert lower.last_scan is None


def test_foreign_keys_activity_and_age(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    relations = read(pg.dsn(name))
    (key,) = relations.foreign_keys
    assert (key.columns, key.on_delete) == (("customer_id",), "c")
    assert key.target == table(relations, "customers").oid
    activity = table(relations, "orders").activity
    assert activity
    assert (activity.inserted, activity.updated, activity.deleted) == (5000, 10, 3)
    assert activity.index_scans >= 1
    assert activity.last_analyze is not None
    assert relations.stats_since is not None
    assert relations.stats_since <= relations.at
    assert relations.stats_since_is_certain, "a superuser sees when the database was created"


def test_a_reset_is_when_statistics_begin(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    before = read(pg.dsn(name)).stats_since
    pg.psql("SELECT pg_stat_reset()", name)
    again = read(pg.dsn(name))
    assert before
    assert again.stats_since
    assert before < again.stats_since <= again.at
    assert again.stats_since_is_certain


def test_some_schemas_and_tables(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    odd = read(pg.dsn(name), schemas=['Odd "Schema'])
    assert [one.name for one in odd.tables.values()] == ['Ta"ble']
    some = read(pg.dsn(name), tables=["events", "public.orders", "none.customers"])
    assert {one.name for one in some.tables.values()} == {"events", "events_1", "orders"}
    assert {one.table for one in some.indexes} <= set(some.tables)
    few = read(pg.dsn(name), limit=2)
    assert len(few.tables) == 2
    assert few.left_out == ("tables but the 2 largest",)


def test_pg_monitor_sees_all_but_statistics(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    pg.psql("DROP ROLE IF EXISTS relation_watcher; CREATE ROLE relation_watcher LOGIN PASSWORD 'w'")
    plain = read(pg.dsn(name, "relation_watcher", "w"))
    pg.psql("GRANT pg_monitor TO relation_watcher")
    monitor = read(pg.dsn(name, "relation_watcher", "w"))
    superuser = read(pg.dsn(name))
    for relations in (plain, monitor):
        assert relations.left_out == ()
        assert {one.oid for one in relations.indexes} == {one.oid for one in superuser.indexes}
        assert index(relations, "orders_a_b").definition
        assert table(relations, "orders").size_bytes == table(superuser, "orders").size_bytes
        assert "public.orders" in relations.hidden_statistics
        assert table(relations, "orders").column["a"].statistics is None
    pg.psql("GRANT SELECT ON orders TO relation_watcher", name)
    allowed = read(pg.dsn(name, "relation_watcher", "w"))
    assert "public.orders" not in allowed.hidden_statistics
    assert table(allowed, "orders").column["a"].statistics
    pg.psql("DROP OWNED BY relation_watcher", name)


def test_a_locked_table_is_left_out_and_not_waited_for(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql(
        "CREATE TABLE held(id int PRIMARY KEY); CREATE TABLE free(id int PRIMARY KEY); "
        "INSERT INTO free SELECT generate_series(1, 9000); CREATE INDEX later ON free (id)",
        name,
    )
    with pg.connect(name) as other, other.transaction():
        other.execute("LOCK TABLE held")
        relations = read(pg.dsn(name))
        assert [one.name for one in relations.tables.values()] == ["free"]
        assert relations.left_out == ("public.held: held under an exclusive lock at the moment",)


def test_a_time_limit_leaves_out_only_what_does_not_fit(
    database18: tuple[Postgres, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that comes after the list of locks was read makes its page fail: it is halved."""
    pg, name = database18
    pg.psql("".join(f"CREATE TABLE t{i}(id int PRIMARY KEY);" for i in range(9)), name)
    monkeypatch.setattr("dbtune.postgres.relations.pages.Pages._read_locked", lambda _: frozenset())
    with pg.connect(name) as other, other.transaction():
        other.execute("LOCK TABLE t4")
        relations = read(pg.dsn(name), Limits(lock_seconds=0.02))
    assert {one.name for one in relations.tables.values()} == {f"t{i}" for i in range(9)} - {"t4"}
    assert relations.left_out == ("public.t4: waited for a lock too long; try again",)


def test_through_pgbouncer(
    database18: tuple[Postgres, str], pgbouncer: Callable[[], PgBouncer]
) -> None:
    pg, name = database18
    pg.psql("CREATE TABLE one(id int PRIMARY KEY)", name)
    pooler = pgbouncer().start_for(pg, default_pool_size=1)
    assert [one.name for one in read(pooler.dsn(name)).tables.values()] == ["one"]


def test_on_a_hot_standby_and_who_has_standbys(new_pg: Callable[[], Postgres]) -> None:
    primary = new_pg().start()
    primary.psql("CREATE TABLE one(id int PRIMARY KEY); INSERT INTO one VALUES (1)")
    with contextlib.ExitStack() as stack:
        standby = stack.enter_context(primary.standby())
        primary.wait_for_standby(standby)
        standby.psql("SET enable_seqscan = off; SELECT * FROM one WHERE id = 1")
        there, here = read(standby.dsn()), read(primary.dsn())
    assert there.standby
    assert not here.standby
    assert here.standbys == 1
    assert there.indexes[0].scans == 1
    assert here.indexes[0].scans == 0


def test_nothing_is_written_and_only_readers_locks_are_taken(
    database18: tuple[Postgres, str],
) -> None:
    pg, name = database18
    pg.psql("CREATE TABLE one(id int PRIMARY KEY, a int); CREATE INDEX ON one ((a + 1))", name)
    next_one = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    before = pg.psql(next_one)[0][0]
    with pg.connect(name) as other, other.transaction():
        # This lock conflicts with all but a reader's.
        other.execute("LOCK TABLE one IN EXCLUSIVE MODE")
        assert read(pg.dsn(name)).left_out == ()
    assert pg.psql(next_one)[0][0] - before <= 1, "at most the lock's own transaction"
