"""A snapshot of a real server gives what the server gives, and no secret."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

from tests.command import dbtune
from tests.servers import Postgres, fresh_database


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
