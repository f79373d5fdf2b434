"""--apply and --verify on real servers: builds, locks that nobody gives, Ctrl-C, what helps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbtune.errors import Exit
from dbtune.postgres.indexes.advice import Advice, Effect, Suggestion
from dbtune.postgres.indexes.apply import Builder
from dbtune.postgres.indexes.definition import Definition, Key, column_key
from dbtune.postgres.indexes.verify import Verifier
from dbtune.postgres.indexes.workload import Query
from dbtune.postgres.indexes.writes import Upkeep
from dbtune.postgres.relations.collect import read_relations
from dbtune.postgres.writer import Writer
from dbtune.profile import profile_from_url
from dbtune.session import Limits, open_postgres
from tests.command import Result, dbtune
from tests.health import eventually
from tests.servers import PgBouncer, Postgres, fresh_database

SCHEMA = """
CREATE EXTENSION hypopg;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status text, placed date, total int);
INSERT INTO orders SELECT i, i * 7919 % 20000 + 1, CASE i % 100 WHEN 0 THEN 'open' ELSE 'done' END,
    date '2020-01-01' + i % 1500, i % 977 FROM generate_series(1, 100000) i;
"""
BY_CUSTOMER = "SELECT * FROM orders WHERE customer_id = 42"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~"


@pytest.fixture
def shop(pg15: Postgres) -> Iterator[tuple[Postgres, str]]:
    with fresh_database(pg15) as name:
        pg15.psql(SCHEMA, name)
        pg15.psql("VACUUM ANALYZE", name)
        yield pg15, name


def suggest(url: str, *more: str) -> Result:
    return dbtune("suggest-indexes", url, "--planner", "hypopg", "-f", "json", *more)


def indexes(pg: Postgres, name: str) -> dict[str, bool]:
    """Indexes of orders, and whether they are valid."""
    query = (
        "SELECT indexrelid::regclass::text, indisvalid FROM pg_index "
        "WHERE indrelid::regclass::text LIKE 'orders%'"
    )
    return dict(pg.psql(query, name))


def test_indexes_are_built_and_costs_taken_again(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    dry = suggest(pg.dsn(name), "--sql", BY_CUSTOMER).ok()
    assert indexes(pg, name) == {"orders_pkey": True}
    assert "built" not in dry.json
    result = suggest(pg.dsn(name), "--sql", BY_CUSTOMER, "--apply").ok()
    assert indexes(pg, name) == {"orders_pkey": True, "orders_customer_id_idx": True}
    [built] = result.json["built"]
    assert built["outcome"] == "built"
    assert (
        built["size_bytes"]
        == (pg.psql("SELECT pg_relation_size('orders_customer_id_idx')", name)[0][0])
    )
    assert built["predicted_bytes"] > 1e6
    [row] = result.json["verified"]
    assert row["after_cost"] == pytest.approx(row["predicted_cost"], rel=0.05)
    assert row["after_cost"] < row["before_cost"] / 10
    assert row["uses"] == ["orders_customer_id_idx"]
    assert row["after_ms"] is None
    assert 'about to run: CREATE INDEX CONCURRENTLY "orders_customer_id_idx"' in result.err
    assert not any("nothing was executed" in note for note in result.json["notes"])
    assert result.json["findings"] == [], "what is built is not to be created"
    again = suggest(pg.dsn(name), "--sql", BY_CUSTOMER, "--apply").ok()
    assert again.json["built"] == []


def test_what_a_built_index_replaces_is_left_to_be_dropped(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    pg.psql("CREATE INDEX narrow ON orders (customer_id)", name)
    statement = "SELECT customer_id, total FROM orders WHERE customer_id < 3000"
    result = suggest(pg.dsn(name), "--sql", statement, "--apply").ok()
    [built] = result.json["built"]
    assert built["outcome"] == "built"
    [finding] = result.json["findings"]
    assert finding["remedy"]["sql"] == 'DROP INDEX CONCURRENTLY "public"."narrow";'
    assert finding["remedy"]["text"].startswith("It is built now")


def test_an_invalid_leftover_is_told_apart_from_an_index(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    pg.psql("CREATE INDEX orders_customer_id_idx ON orders (customer_id)", name)
    pg.psql(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text ~ '_idx'", name
    )
    result = suggest(pg.dsn(name), "--sql", BY_CUSTOMER, "--apply")
    assert result.code == Exit.INCOMPLETE, "what was asked for was not done"
    reason = result.json["built"][0]["reason"]
    assert "exists already, but is invalid" in reason
    drop = 'DROP INDEX CONCURRENTLY "public"."orders_customer_id_idx";'
    assert reason.endswith(f"drop it first: {drop}")
    assert [one["rule"] for one in result.json["findings"]] == ["pg.missing-index"]
    pg.psql(drop, name)
    assert suggest(pg.dsn(name), "--sql", BY_CUSTOMER, "--apply").json["built"][0]["reason"] == ""


def test_verify_measures_and_keeps_what_helps(shop: tuple[Postgres, str], tmp_path: Path) -> None:
    pg, name = shop
    script = tmp_path / "workload.sql"
    script.write_text(
        f"{BY_CUSTOMER}; SELECT total FROM orders WHERE placed = '2021-03-04';"
        "DELETE FROM orders WHERE total = 5;"
    )
    result = suggest(pg.dsn(name), "--file", str(script), "--verify").ok()
    assert {row["outcome"] for row in result.json["built"]} <= {"built", "dropped"}
    rows = {row["statement"]: row for row in result.json["verified"]}
    row = rows[BY_CUSTOMER]
    assert row["after_ms"] < row["before_ms"]
    assert row["after_blocks"] < row["before_blocks"] / 10
    assert row["uses"] == ["orders_customer_id_idx"]
    assert indexes(pg, name)["orders_customer_id_idx"]
    deleted = next((row for text, row in rows.items() if text.startswith("DELETE")), None)
    assert deleted is None or (deleted["reason"], deleted["before_ms"]) == ("it writes", None)
    assert pg.psql("SELECT count(*) FROM orders", name) == [(100_000,)]


def test_statements_of_pg_stat_statements_get_values(shop: tuple[Postgres, str]) -> None:
    pg, name = shop
    pg.psql("CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset()", name)
    for number in range(30):
        pg.psql(f"SELECT * FROM orders WHERE customer_id = {number} ORDER BY placed LIMIT 3", name)
    result = suggest(pg.dsn(name), "--verify").ok()
    row = next(one for one in result.json["verified"] if "customer_id = $1" in one["statement"])
    assert int(row["values"]["$1"]) in range(1, 20_001)
    assert row["values"]["$2"] == "3", "as many rows as it returned"
    assert row["after_ms"] < row["before_ms"]


def test_a_lock_that_is_not_to_be_had(shop: tuple[Postgres, str]) -> None:
    """The build gives up; the drop of what is left waits for longer, since it blocks nobody."""
    pg, name = shop
    with pg.connect(name) as other:
        other.execute("BEGIN; UPDATE orders SET total = 1 WHERE id = 1")

        def once_it_drops() -> None:
            wait_for(pg, name, f"{WAITING} '^DROP '")
            other.execute("COMMIT")

        release = threading.Thread(target=once_it_drops)
        release.start()
        result = suggest(pg.dsn(name), "--sql", BY_CUSTOMER, "--apply", "--lock-wait", "1500ms")
        release.join()
    assert result.code == Exit.INCOMPLETE
    [built] = result.json["built"]
    assert built["outcome"] == "failed"
    assert built["reason"].startswith("it waited too long for process ")
    assert "idle in transaction" in built["reason"]
    assert {one["what"] for one in result.json["skipped"]} == {"index orders_customer_id_idx"}
    assert indexes(pg, name) == {"orders_pkey": True}, "nothing invalid is left behind"


def test_what_cannot_be_removed_is_named(
    shop: tuple[Postgres, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pg, name = shop
    monkeypatch.setattr("dbtune.postgres.indexes.apply.CLEANUP_SECONDS", 0.5)
    with pg.connect(name) as other, other.transaction():
        other.execute("UPDATE orders SET total = 1 WHERE id = 1")
        ask = ("--sql", BY_CUSTOMER, "--apply", "--lock-wait", "1s")
        [built] = suggest(pg.dsn(name), *ask).json["built"]
    drop = 'DROP INDEX CONCURRENTLY "public"."orders_customer_id_idx";'
    assert built["reason"].endswith(
        f"still to be dropped (canceling statement due to lock timeout): {drop}"
    )
    pg.psql(drop, name)
    assert indexes(pg, name) == {"orders_pkey": True}


def started(url: str, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dbtune", "suggest-indexes", url, "--planner", "hypopg",
         "--sql", BY_CUSTOMER, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DBTUNE_CONFIG": "/nonexistent"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("--apply", "the index that was being built is removed"),
        ("--verify", "what was built is removed"),
    ],
)
def test_ctrl_c_cancels_and_removes_what_was_being_built(
    shop: tuple[Postgres, str], how: str, told: str
) -> None:
    pg, name = shop
    with pg.connect(name) as other, other.transaction():
        other.execute("UPDATE orders SET total = 1 WHERE id = 1")
        running = started(pg.dsn(name), how)
        wait_for(pg, name, "SELECT count(*) FROM pg_stat_progress_create_index")
        assert indexes(pg, name) == {"orders_pkey": True, "orders_customer_id_idx": False}
        running.send_signal(signal.SIGINT)
        # The drop waits for the other transaction, too.
        time.sleep(0.3)
    out, err = running.communicate(timeout=120)
    assert running.returncode == Exit.INTERRUPTED
    assert out == ""
    assert f"interrupted: {told}" in err
    assert "Traceback" not in err
    assert indexes(pg, name) == {"orders_pkey": True}


def test_a_second_ctrl_c_leaves_what_it_names(shop: tuple[Postgres, str]) -> None:
    """The drop waits for a transaction that stays open; whoever does not want to wait is told."""
    pg, name = shop
    drop = 'DROP INDEX CONCURRENTLY "public"."orders_customer_id_idx";'
    with pg.connect(name) as other, other.transaction():
        other.execute("UPDATE orders SET total = 1 WHERE id = 1")
        running = started(pg.dsn(name), "--apply")
        wait_for(pg, name, f"{WAITING} '^CREATE '")
        running.send_signal(signal.SIGINT)
        wait_for(pg, name, f"{WAITING} '^DROP '")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=120)
    assert running.returncode == Exit.INTERRUPTED
    assert f"interrupted; still to be dropped: {drop}" in err
    assert "removed" not in err
    pg.psql(drop, name)
    assert indexes(pg, name) == {"orders_pkey": True}


def wait_for(pg: Postgres, name: str, query: str) -> None:
    deadline = time.monotonic() + 120
    while not pg.psql(query, name)[0][0]:
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_where_it_is_refused(
    shop: tuple[Postgres, str], pgbouncer: Callable[[], PgBouncer]
) -> None:
    pg, name = shop
    pooler = pgbouncer().start_for(pg)
    result = suggest(pooler.dsn(name), "--sql", BY_CUSTOMER, "--apply")
    assert result.code == Exit.USAGE
    assert "through a pooler" in result.err
    pg.psql("DROP ROLE IF EXISTS apply_reader; CREATE ROLE apply_reader LOGIN PASSWORD 'r'")
    pg.psql("GRANT SELECT ON orders TO apply_reader", name)
    result = suggest(pg.dsn(name, "apply_reader", "r"), "--sql", BY_CUSTOMER, "--apply")
    assert result.code == Exit.INCOMPLETE
    assert result.json["built"][0]["reason"] == "must be owner of table orders"
    pg.psql("DROP OWNED BY apply_reader; DROP ROLE apply_reader", name)
    pg.psql("CREATE INDEX orders_customer_id_idx ON orders (total)", name)
    result = suggest(pg.dsn(name), "--sql", BY_CUSTOMER, "--apply")
    assert result.code == Exit.INCOMPLETE
    assert result.json["built"][0]["reason"] == "orders_customer_id_idx exists already"
    assert indexes(pg, name)["orders_customer_id_idx"], "what was there before stays"


def test_a_standby_is_refused(new_pg: Callable[[int], Postgres]) -> None:
    primary = new_pg(18).start()
    with primary.standby() as standby:
        result = dbtune("suggest-indexes", standby.dsn(), "--sql", "SELECT 1", "--verify")
        assert result.code == Exit.USAGE
        assert "--verify needs the primary" in result.err


# ---------------------------------------------------------------------------------------- directly


def suggestion(one: Definition, tables: dict[str, object]) -> Suggestion:
    return Suggestion(one, tables[one.table], 1e6, 0.1, Upkeep(), 0.0, ())  # type: ignore[arg-type]


@pytest.mark.parametrize("version", [13, 18])
def test_what_does_not_help_is_dropped_again(version: int, pg: Callable[[int], Postgres]) -> None:
    server = pg(version)
    with fresh_database(server) as name:
        server.psql(SCHEMA.replace("CREATE EXTENSION hypopg;", ""), name)
        server.psql("VACUUM ANALYZE", name)
        useful = Definition("public", "orders", (column_key("customer_id"),))
        lowered = Definition("public", "orders", (Key("(lower(status))"), column_key("total")))
        useless = Definition("public", "orders", (column_key("total"), column_key("placed")))
        queries = (
            (BY_CUSTOMER, useful),
            ("SELECT id FROM orders WHERE lower(status) = 'open' AND total = 7", lowered),
            ("SELECT count(*) FROM orders WHERE total + 0 > 5", useless),
        )
        profile = profile_from_url(server.dsn(name), "test")
        with open_postgres(profile) as session:
            relations = read_relations(session)
            tables = {one.name: one for one in relations.tables.values()}
            advice = Advice(
                tuple(suggestion(one, dict(tables)) for _, one in queries),
                tuple(Effect(Query(text), 9, 1, (one,), 0.3) for text, one in queries),
            )
            with Writer(profile, Limits(), 5) as writer:
                builder = Builder(session, writer, relations, lambda *_: NoBar())
                done = Verifier(session, "").run(advice, builder)
        outcomes = {one.index: (one.outcome, one.reason) for one in done.built}
        assert outcomes[useful] == ("built", "")
        assert outcomes[lowered] == ("built", "")
        assert outcomes[useless] == ("dropped", "no statement that was executed uses it")
        assert set(indexes(server, name)) == {"orders_pkey", useful.name, f"{lowered.name}"}


class NoBar:
    """A progress bar that nobody looks at."""

    def __enter__(self) -> Callable[[float], None]:
        return lambda share: None

    def __exit__(self, *_: object) -> None:
        return None


def test_a_partitioned_table_is_built_part_by_part(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql(
        "CREATE TABLE orders (id int, at date) PARTITION BY RANGE (at);"
        "CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2025-07-01')"
        " PARTITION BY RANGE (at);"
        "CREATE TABLE orders_1a PARTITION OF orders_1 FOR VALUES FROM ('2025-01-01') TO "
        "('2025-07-01');"
        "CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM ('2025-07-01') TO "
        "('2026-01-01');"
        "INSERT INTO orders SELECT i, '2025-01-01'::date + i % 300 FROM generate_series(1, 9000) i",
        name,
    )
    index = Definition("public", "orders", (column_key("id"),))
    profile = profile_from_url(pg.dsn(name), "test")
    with open_postgres(profile) as session, Writer(profile, Limits(), 5) as writer:
        builder = Builder(session, writer, read_relations(session), lambda *_: NoBar())
        built = builder.build(index)
        assert (built.outcome, built.reason) == ("built", "")
        assert indexes(pg, name) == {
            "orders_id_idx": True, "orders_1_id_idx": True, "orders_1a_id_idx": True,
            "orders_2_id_idx": True,
        }  # fmt: skip
        assert builder.drop(built, "").reason == ""
        assert indexes(pg, name) == {}


def test_an_index_on_partitions_is_told_by_its_own_name(
    database18: tuple[Postgres, str],
) -> None:
    pg, name = database18
    pg.psql(
        "CREATE TABLE orders (id int, at date) PARTITION BY RANGE (at);"
        "CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2025-01-01') "
        "TO ('2025-07-01');"
        "CREATE TABLE orders_2 PARTITION OF orders DEFAULT;"
        "INSERT INTO orders SELECT i, '2025-01-01'::date + i % 300 "
        "FROM generate_series(1, 60000) i; ANALYZE",
        name,
    )
    sql = "SELECT * FROM orders WHERE id = 7"
    for way in ("--verify", "--apply"):
        result = dbtune("suggest-indexes", pg.dsn(name), "-f", "json", "--sql", sql, way).ok()
        [row] = result.json["verified"]
        assert row["uses"] == ["orders_id_idx"]
        pg.psql("DROP INDEX orders_id_idx", name)


def test_progress_is_told(database18: tuple[Postgres, str]) -> None:
    pg, name = database18
    pg.psql("CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 300000) i", name)
    profile = profile_from_url(pg.dsn(name), "test")
    told: list[float] = []

    class Bar(NoBar):
        def __enter__(self) -> Callable[[float], None]:
            return told.append

    holder = pg.connect(name)
    holder.execute("BEGIN; UPDATE orders SET id = 1 WHERE id = 1")

    def once_told() -> None:
        assert eventually(lambda: [{}] * len(told), there=True)
        holder.close()

    release = threading.Thread(target=once_told)
    release.start()
    with open_postgres(profile) as session, Writer(profile, Limits(), 30) as writer:
        builder = Builder(session, writer, read_relations(session), lambda *_: Bar())
        assert builder.build(Definition("public", "orders", (column_key("id"),))).outcome == "built"
    release.join()
    assert told
    assert all(0 <= one <= 1 for one in told)
