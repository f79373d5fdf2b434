"""``dbtune compare`` on real servers: what was done in between is named, and chance is not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbtune.facts import SCHEMA
from tests.command import Result, dbtune
from tests.health import eventually
from tests.servers import MongoDB, Postgres, Redis

CONF = {"shared_preload_libraries": "pg_stat_statements", "autovacuum": "off"}
BY_CUSTOMER = "SELECT count(*) FROM orders WHERE customer = $1"


class Shop:
    """A server with a table and the statements that its application sends."""

    def __init__(self, pg: Postgres, folder: Path) -> None:
        self.pg, self.folder = pg, folder
        pg.psql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        pg.psql(
            "CREATE TABLE orders AS SELECT g AS id, g % 1000 AS customer, repeat('x', 80) AS pad "
            "FROM generate_series(1, 40000) g"
        )
        pg.psql("CREATE INDEX orders_customer ON orders (customer)")
        pg.psql("CREATE INDEX orders_id ON orders (id)")
        pg.psql("VACUUM ANALYZE orders")

    def _searches(self) -> int:
        told = self.pg.psql("SELECT sum(idx_scan) FROM pg_stat_user_indexes")
        return int(told[0][0] or 0)

    def work(self, times: int = 60) -> None:
        before = self._searches()
        with self.pg.connect() as connection:
            for n in range(times):
                connection.execute("SELECT count(*) FROM orders WHERE customer = %s", (n,))
                connection.execute("SELECT pad FROM orders WHERE id = %s", (n,))
                connection.execute("SELECT id FROM orders ORDER BY id LIMIT %s", (3 + n % 3,))
                connection.execute("SELECT %s::int + 1", (n,))
        # Before 15 a collector counts, somewhat later.
        enough = before + 2 * times
        assert eventually(lambda: [{}] if self._searches() >= enough else [], there=True)

    def snapshot(self, name: str, *arguments: str) -> str:
        path = self.folder / f"{name}.json.gz"
        dbtune("snapshot", self.pg.dsn(), "-q", "-o", str(path), *arguments).ok()
        return str(path)


@pytest.fixture
def shop(new_pg: Callable[[int], Postgres], tmp_path: Path) -> Callable[[int], Shop]:
    return lambda version: Shop(new_pg(version).start(CONF), tmp_path)


def compared(*arguments: str) -> Any:
    return dbtune("compare", *arguments, "-f", "json").ok().json


def rules(found: Any) -> set[str]:
    return {one["rule"] for one in found["findings"]}


@pytest.mark.parametrize("version", [13, 18])
def test_a_dropped_index_is_named_and_its_return_is_an_improvement(
    shop: Callable[[int], Shop], version: int
) -> None:
    here = shop(version)
    here.work()
    start = here.snapshot("a")
    here.work()
    change = here.snapshot("b", "--no-query-text")
    here.pg.psql("DROP INDEX orders_customer")
    here.pg.psql("ALTER SYSTEM SET work_mem = '8MB'")
    here.pg.psql("SELECT pg_reload_conf()")
    here.work()
    end = here.snapshot("c")

    note = ("--note", "dropped orders_customer", "--note", "raised shared_buffers")
    found = compared(start, change, end, *note)
    assert (found["verdict"]["verdict"], found["verdict"]["sure"]) == ("worse", "high")
    worst = found["findings"][0]
    assert (worst["rule"], worst["subject"]) == ("compare.statement-reads-more", BY_CUSTOMER)
    assert "index public.orders_customer is gone" in worst["message"]
    assert "CREATE INDEX CONCURRENTLY orders_customer" in worst["remedy"]["sql"]
    assert "compare.index-gone" in rules(found)
    assert [(row["state"], row["index"]) for row in found["indexes"]] == [
        ("gone", "public.orders_customer")
    ]
    assert [(s["setting"], s["before"], s["after"]) for s in found["settings"]] == [
        ("work_mem", "4MB", "8MB")
    ]
    dropped, raised = found["hypotheses"]
    assert (dropped["verdict"], dropped["about"]) == ("worse", "3 statements on public.orders")
    assert any("work_mem" in remark for remark in dropped["remarks"])
    assert "shared_buffers is the same in both snapshots" in raised["remarks"]
    assert dbtune("compare", start, change, end, "--fail-on", "regression").code == 1

    here.pg.psql("CREATE INDEX orders_customer ON orders (customer)")
    again = here.snapshot("d")
    here.work()
    mended = compared(change, end, again, here.snapshot("e"))
    assert mended["verdict"]["verdict"] == "better"
    (row,) = [row for row in mended["statements"] if row["statement"] == BY_CUSTOMER]
    assert (row["state"], row["cause"]) == ("better", "fewer blocks")
    assert row["p"] < 0.001
    assert not {rule for rule in rules(mended) if rule.startswith("compare.statement")}


def test_no_change_is_no_regression_and_the_periods_are_told(shop: Callable[[int], Shop]) -> None:
    here = shop(18)
    here.work(200)
    start = here.snapshot("a")
    here.work(300)
    middle = here.snapshot("b")
    here.work(300)
    found = compared(start, middle, here.pg.dsn(), "--fail-on", "regression")
    assert not {one["level"] for one in found["findings"]} & {"warning", "critical"}
    assert found["settings"] == found["indexes"] == found["relations"] == []
    assert not [row for row in found["statements"] if row["cause"] in ("more blocks",)]
    assert {row["state"] for row in found["health"]} <= {"remaining", "new", "fixed"}

    two = compared(start, middle)
    assert two["verdict"]["before"].startswith("since statistics began: ")
    assert any("what came between the two" in note for note in two["notes"])


def test_resets_restarts_and_crashes_are_told(shop: Callable[[int], Shop]) -> None:
    here = shop(17)
    here.work()
    start = here.snapshot("a")
    here.pg.psql("SELECT pg_stat_statements_reset()")
    here.work()
    reset = here.snapshot("b")
    found = compared(start, reset)
    assert any("after: pg_stat_statements was reset at" in note for note in found["notes"])
    (row,) = [row for row in found["statements"] if row["statement"] == BY_CUSTOMER]
    assert (row["before_calls"], row["after_calls"]) == (60, 60)

    here.pg.restart()
    here.work()
    restarted = here.snapshot("c")
    found = compared(reset, restarted)
    assert any("the server was restarted at" in note for note in found["notes"])
    (row,) = [row for row in found["statements"] if row["statement"] == BY_CUSTOMER]
    assert row["after_calls"] == 60  # statistics outlive a restart, and are told apart
    assert found["verdict"]["same_server"] is True

    swapped = dbtune("compare", restarted, start)
    assert swapped.code == 2
    assert "name the earlier one first" in swapped.err


def test_another_server_is_another_server(
    shop: Callable[[int], Shop], new_pg: Callable[[int], Postgres], tmp_path: Path
) -> None:
    here, there = shop(14), Shop(new_pg(18).start(CONF), tmp_path)
    there.pg.psql("DROP INDEX orders_customer")
    here.work()
    there.work()
    found = compared(here.snapshot("old"), there.snapshot("new"))
    assert found["verdict"]["same_server"] is False
    notes = " ".join(found["notes"])
    assert "of different servers" in notes
    assert "the version changed: PostgreSQL 14" in notes
    assert "each period is what its server counted" in notes
    # Statements are matched by their text: ids of another version mean nothing.
    (row,) = [row for row in found["statements"] if row["statement"] == BY_CUSTOMER]
    assert (row["state"], row["cause"]) == ("worse", "more blocks")


def test_redis(new_redis: Callable[[], Redis], tmp_path: Path) -> None:
    server = new_redis().start()
    names = [str(tmp_path / f"{letter}.json.gz") for letter in "abc"]

    def snapshot(name: str) -> None:
        dbtune("snapshot", server.url(), "-q", "-o", name).ok()

    with server.client() as client:
        client.mset({f"k{n}": "v" for n in range(2000)})
        snapshot(names[0])
        for _ in range(1200):
            client.get("k1")
        snapshot(names[1])
        client.config_set("maxmemory", "64mb")
        missing = client.pipeline(transaction=False)
        for n in range(20_000):  # a snapshot looks at keys itself, and these are found
            missing.get(f"missing{n}")
        missing.execute()
        snapshot(names[2])
    found = compared(*names, "--note", "set maxmemory")
    assert ("maxmemory", "0", "67108864") in {
        (row["setting"], row["before"], row["after"]) for row in found["settings"]
    }
    hits = {row["measure"]: row for row in found["measures"]}["hit_ratio"]
    assert (hits["before"], hits["verdict"]) == (1.0, "worse")
    assert hits["after"] < 0.5
    (get,) = [row for row in found["statements"] if row["statement"] == "GET"]
    assert (get["before_calls"], get["after_calls"]) == (1200, 20_000)
    assert found["verdict"]["same_server"] is True


def test_mongodb(mongodb: MongoDB, tmp_path: Path) -> None:
    names = [str(tmp_path / f"{letter}.json.gz") for letter in "abc"]

    def snapshot(name: str) -> None:
        dbtune("snapshot", mongodb.url(), "-q", "-o", name).ok()

    with mongodb.client() as client:
        things = client["compared"]["things"]
        things.insert_many({"n": n, "pad": "x" * 50} for n in range(3000))
        things.create_index("n")
        snapshot(names[0])
        for n in range(1100):
            things.find_one({"n": n})
        snapshot(names[1])
        things.drop_indexes()
        for n in range(1100):
            things.find_one({"n": 2000 + n % 3})
        snapshot(names[2])
        client.drop_database("compared")
    found = compared(*names)
    measures = {row["measure"]: row for row in found["measures"]}
    looked = measures["documents_examined_per_returned"]
    assert looked["before"] == pytest.approx(1, abs=0.3)
    assert looked["after"] > 1000
    assert looked["verdict"] == "worse"
    assert "compare.measure-worse" in rules(found)
    (row,) = [row for row in found["relations"] if row["relation"] == "compared"]
    assert "2 indexes before" in row["remark"]
    (index,) = [row for row in found["indexes"] if row["table"] == "compared.things"]
    assert (index["state"], index["index"]) == ("gone", "compared.things.n_1")
    assert index["before_scans"] == 1100
    assert "compare.index-gone" in rules(found)


# ------------------------------------------------------------------------------------- mistakes


def fake(path: Path, **changes: object) -> str:
    document = {
        "schema": SCHEMA, "dbtune": "0.1.0", "engine": "postgresql", "target": {"name": "x"},
        "collected_at": "2026-11-01T00:00:00+00:00", "facts": {},
    } | changes  # fmt: skip
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return str(path)


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    one = fake(tmp_path / "one.gz")
    copy = fake(tmp_path / "copy.gz")
    later = fake(tmp_path / "later.gz", collected_at="2026-11-02T00:00:00+00:00")
    redis = fake(tmp_path / "redis.gz", engine="redis")
    old = fake(tmp_path / "old.gz", schema="dbtune.snapshot/0")
    broken = tmp_path / "broken.gz"
    broken.write_bytes(Path(one).read_bytes()[:40])
    text = tmp_path / "notes.txt"
    text.write_text("hello")

    def refused(*arguments: str) -> str:
        made: Result = dbtune("compare", *arguments)
        assert made.code == 2, made.out
        assert made.out == ""
        assert "Traceback" not in made.err
        return made.err

    assert "name two snapshots" in refused()
    assert "alone: name a second snapshot" in refused(one)
    assert "twice" in refused(one, one)
    assert "--since chooses snapshots of a --store" in refused(one, later, "--since", "2h")
    assert "are the same snapshot" in refused(one, copy)
    assert "of PostgreSQL and" in refused(one, redis)
    assert "reads dbtune.snapshot/1" in refused(old, later)
    assert "damaged" in refused(str(broken), later)
    assert "is no snapshot" in refused(str(text), later)
    assert "can't be read" in refused("nothing.gz", later)
    assert "two to four snapshots, not 5" in refused(one, copy, copy, copy, later)
    assert "nothing.gz is no file, and no profile" in refused(one, "nothing.gz")


def test_snapshots_that_hold_nothing_are_not_judged(tmp_path: Path) -> None:
    one = fake(tmp_path / "one.gz")
    later = fake(tmp_path / "later.gz", collected_at="2026-11-02T00:00:00+00:00")
    found = compared(one, later)
    assert found["verdict"]["verdict"] == "can't tell"
    assert {"pg_stat_statements", "tables and indexes"} <= {one["what"] for one in found["skipped"]}
    assert dbtune("compare", one, later, "--strict").code == 4
