"""``check`` asks the rules of indexes and of bloat, too, by statistics alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.command import dbtune
from tests.health import eventually, findings
from tests.servers import Postgres, fresh_database

SCHEMA = """
CREATE TABLE parent (id int PRIMARY KEY, name text);
CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE,
    kind text, x int, pad text);
INSERT INTO parent SELECT i, 'p' || i FROM generate_series(1, 30000) i;
INSERT INTO child SELECT i, i % 30000 + 1, CASE WHEN i % 50 = 0 THEN 'a' ELSE 'b' END, i % 1000, 'x'
    FROM generate_series(1, 60000) i;
CREATE INDEX child_x ON child (x);
CREATE INDEX child_x_again ON child (x);
CREATE INDEX child_kind ON child (kind);
CREATE INDEX child_pad ON child (pad);
CREATE INDEX child_name ON parent (name, id);
CREATE INDEX child_name_1 ON parent (name);
DELETE FROM parent WHERE id > 29990;
"""
DROP = "DROP INDEX child_once"
THRESHOLDS = """
profiles:
  here:
    url: ${TARGET_URL}
    thresholds:
      pg.unused-index: {min_observed_days: 0}
      pg.table-bloated: {warning_ratio: 0.3, warning_bytes: 1000000}
      pg.index-bloated: {warning_ratio: 0.3, warning_bytes: 100000}
"""


def found(server: Postgres, name: str, file: Path, *only: str) -> dict[str, dict[str, Any]]:
    file.write_text(THRESHOLDS)
    env = {"TARGET_URL": server.dsn(name), "DBTUNE_CONFIG": str(file)}
    words = [word for one in only for word in ("--only", one)]
    made = dbtune("check", "here", *words, "--interval", "0s", "-f", "json", env=env)
    assert made.code in (0, 1), made.err
    return {f"{one['rule']} {one['subject']}": one for one in made.json["findings"]}


@pytest.mark.parametrize("version", [13, 18])
def test_indexes_and_bloat(pg: Callable[[int], Postgres], version: int, tmp_path: Path) -> None:
    server, file = pg(version), tmp_path / "dbtune.yaml"
    with fresh_database(server) as name:
        server.psql(SCHEMA, name)
        with pytest.raises(psycopg.errors.UniqueViolation):
            server.psql("CREATE UNIQUE INDEX CONCURRENTLY child_once ON child (x)", name)
        server.psql("VACUUM ANALYZE", name)
        indexes = found(server, name, file, "indexes")
        assert set(indexes) == {
            "pg.duplicate-index public.child_x_again",
            "pg.redundant-index public.child_name_1",
            "pg.low-selectivity-index public.child_kind",
            "pg.constant-index public.child_pad",
            "pg.invalid-index public.child_once",
            "pg.unindexed-foreign-key public.child (parent_id)",
            "pg.unused-index public.child_x",
            "pg.unused-index public.child_name",
        }
        assert found(server, name, file, "bloat") == {}
        for one in indexes.values():
            statements = re.sub(r"(?m)^--.*\n?", "", one["remedy"]["sql"])
            server.psql(statements if "invalid" not in one["rule"] else DROP, name)
        left = found(server, name, file, "indexes")
        assert {one.partition(" ")[0] for one in left} <= {"pg.unused-index"}  # what was just made
        server.psql("DELETE FROM child WHERE id % 10 > 0", name)
        server.psql("VACUUM ANALYZE child", name)
        wanted = {"pg.table-bloated table public.child", "pg.index-bloated index public.child_pkey"}

        def wasted() -> dict[str, dict[str, Any]]:
            return found(server, name, file, "pg.table-bloated", "pg.index-bloated")

        # Before 15 a collector counts what was deleted and analysed, somewhat later.
        assert eventually(lambda: [{}] if wanted <= wasted().keys() else [], there=True)
        server.psql("VACUUM FULL ANALYZE child", name)
        assert eventually(lambda: list(wasted().values()), there=False) == []


def test_scans_that_are_counted_for_a_short_time_only_are_said_to_be_unknown(
    database18: tuple[Postgres, str],
) -> None:
    server, name = database18
    made = dbtune(
        *("check", server.dsn(name), "--only", "pg.unused-index", "--interval", "0s"),
        *("-f", "json", "--strict"),
    )
    assert made.code == 4
    [skipped] = made.json["skipped"]
    assert "scans are counted for" in skipped["reason"]
    assert "min_observed_days" in skipped["remedy"]


def test_indexes_that_cost_more_than_they_give(pg18: Postgres) -> None:
    many, included = "pg.too-many-indexes", "pg.unused-included-columns"
    few = {"min_scans": 5, "min_bytes": 100_000}
    with fresh_database(pg18) as name:

        def crowded() -> list[dict[str, Any]]:
            return findings(pg18, many, name, min_writes=5000)

        def wasteful() -> list[dict[str, Any]]:
            return findings(pg18, included, name, limits=few)

        columns = [f"c{n}" for n in range(12)]
        pg18.psql(
            f"CREATE TABLE busy (id int, note text, {', '.join(f'{c} int' for c in columns)});"
            "CREATE INDEX busy_id ON busy (id) INCLUDE (note);"
            "INSERT INTO busy SELECT i, md5(i::text) FROM generate_series(1, 6000) i;", name
        )  # fmt: skip
        pg18.psql("VACUUM ANALYZE busy", name)
        assert crowded() == wasteful() == []
        for column in columns:
            pg18.psql(f"CREATE INDEX ON busy ({column})", name)
        pg18.psql(
            "SET enable_seqscan = off; SET enable_bitmapscan = off;"
            + "".join(f"SELECT c1 FROM busy WHERE id = {n};" for n in range(1, 9)), name
        )  # fmt: skip
        [found] = eventually(crowded, there=True)
        assert found["subject"] == "public.busy"
        assert found["evidence"]["indexes"] == 13
        [found] = eventually(wasteful, there=True)
        assert "INCLUDE (note) saved no visit" in found["message"]
        pg18.psql("DROP INDEX busy_id", name)
        for column in columns:
            pg18.psql(f"DROP INDEX busy_{column}_idx", name)
        assert crowded() == wasteful() == []
