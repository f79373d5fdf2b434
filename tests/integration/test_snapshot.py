"""A snapshot of a real server gives what the server gives, and no secret."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.command import dbtune
from tests.servers import MongoDB, Postgres, fresh_database


def test_slow_queries_from_a_snapshot_are_the_servers(
    new_pg: Callable[[int], Postgres], tmp_path: Path
) -> None:
    server = new_pg(18).start({"shared_preload_libraries": "pg_stat_statements"})
    server.psql("CREATE EXTENSION pg_stat_statements")
    server.psql("CREATE ROLE bob PASSWORD 'geheim'")
    server.psql("SELECT 1.5::numeric(10, 2), 'x'")
    target = {"DATABASE_URL": server.dsn()}
    file = tmp_path / "snapshot.json.gz"
    taken = dbtune("snapshot", "-o", str(file), "-f", "json", env=target).ok().json
    held = {row["fact"] for row in taken["facts"]}
    assert {"server", "statements", "statements_setup"} <= held

    live = dbtune("slow-queries", "-f", "json", "-n", "1000", env=target).ok().json
    saved = dbtune("slow-queries", "--from", str(file), "-f", "json", "-n", "1000").ok().json
    texts = {row["statement"] for row in saved["statements"]}
    assert "SELECT $1::numeric(10, 2), $2" in texts
    assert "CREATE ROLE bob PASSWORD ?" in texts
    assert {row["ids"][0] for row in saved["statements"]} <= {
        one for row in live["statements"] for one in row["ids"]
    }
    assert saved["target"] == live["target"]
    assert any("snapshot.json.gz, taken" in note for note in saved["notes"])
    content = gzip.decompress(file.read_bytes()).decode()
    assert "geheim" not in content
    assert json.loads(content)["schema"] == "dbtune.snapshot/1"

    without = tmp_path / "without.json.gz"
    dbtune("snapshot", "--no-query-text", "-o", str(without), env=target).ok()
    assert "numeric(10" not in gzip.decompress(without.read_bytes()).decode()


def test_mistakes_are_told_before_anything_is_read(pg18: Postgres, tmp_path: Path) -> None:
    target = {"DATABASE_URL": pg18.dsn()}
    missing = dbtune("snapshot", env=target)
    assert (missing.code, missing.err) == (
        2,
        "dbtune: name the file for the snapshot: --output FILE\n",
    )
    file = tmp_path / "s.json.gz"
    file.write_text("precious")
    assert dbtune("snapshot", "-o", str(file), env=target).code == 2
    assert file.read_text() == "precious"
    both = dbtune("slow-queries", "x", "--from", str(file))
    assert (both.code, both.err) == (2, "dbtune: give a TARGET or --from FILE, not both\n")
    assert dbtune("slow-queries", "--from", str(file)).code == 2


def test_what_the_server_did_not_give_is_missing_with_its_reason(
    pg18: Postgres, tmp_path: Path
) -> None:
    file = tmp_path / "s.json.gz"
    with fresh_database(pg18) as name:
        taken = dbtune(
            "snapshot", "-o", str(file), "-f", "json", env={"DATABASE_URL": pg18.dsn(name)}
        )
    skipped = {one["what"]: one["reason"] for one in taken.ok().json["skipped"]}
    assert "pg_stat_statements" in skipped["statements"]
    refused = dbtune("slow-queries", "--from", str(file))
    assert refused.code == 2
    assert "has no statements: pg_stat_statements" in refused.err


def test_a_snapshot_of_mongodb_holds_operations_and_settings(
    new_mongodb: Callable[[], MongoDB], tmp_path: Path
) -> None:
    server = new_mongodb().start(auth=True)
    names = [str(tmp_path / f"{letter}.json.gz") for letter in "abcd"]

    def snapshot(name: str, *more: str) -> Any:
        return dbtune("snapshot", server.url(), "-q", "-o", name, *more, "-f", "json").ok().json

    off = snapshot(names[0])
    assert {one["what"] for one in off["skipped"]} >= {"operations"}
    with server.client() as client:
        client.shop.command("profile", 2)
        orders = client.shop.orders
        orders.insert_many({"n": n, "secret": f"hunter{n}"} for n in range(2000))
        orders.create_index("n")
        for n in range(60):
            orders.find_one({"n": n, "secret": "hunter7"})
        snapshot(names[1])
        orders.drop_indexes()
        client.admin.command({"setParameter": 1, "cursorTimeoutMillis": 123_456})
        for n in range(60):
            list(orders.find({"n": {"$gt": n}, "secret": "hunter7"}))
            orders.find_one({"n": n, "secret": "hunter7"})
        live = dbtune("slow-queries", server.url(), "-f", "json", "-n", "100").ok().json
        snapshot(names[2])
        client.shop.command("profile", 0)
    for name in names[:3]:
        content = gzip.decompress(Path(name).read_bytes())
        assert b"hunter" not in content
        assert server.password.encode() not in content
    saved = dbtune("slow-queries", "--from", names[2], "-f", "json", "-n", "100").ok().json
    by_text = {row["statement"]: row for row in live["statements"]}
    assert {row["statement"]: row["calls"] for row in saved["statements"]} == {
        text: row["calls"] for text, row in by_text.items()
    }
    assert saved["findings"] == live["findings"]
    lacking = dbtune("slow-queries", "--from", names[0])
    assert lacking.code == 2
    assert "has no statements: the profiler is off" in lacking.err
    without = snapshot(names[3], "--no-query-text")
    assert "left out by --no-query-text" in {one["reason"] for one in without["skipped"]}

    found = dbtune("compare", names[1], names[2], "-f", "json").json
    calls = {(row["before_calls"], row["after_calls"]) for row in found["statements"]}
    assert {(60, 60), (None, 60), (1, None)} <= calls
    changed = {row["setting"]: (row["before"], row["after"]) for row in found["settings"]}
    assert changed == {"setParameter.cursorTimeoutMillis": ("600000", "123456")}
    same = dbtune("compare", names[0], names[1], "-f", "json").json
    assert [one["reason"] for one in same["skipped"] if one["what"] == "statements"]
