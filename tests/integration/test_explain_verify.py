"""``explain`` on a server puts the indexes it suggests to the planner, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import Result, dbtune
from tests.servers import Postgres, fresh_database

ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, customer int, note text);
INSERT INTO orders SELECT n, n % 5000, md5(n::text) FROM generate_series(1, 60000) n;
ANALYZE orders;
"""
STATEMENT = "SELECT * FROM orders WHERE customer = 17"


CONFIG = """
profiles:
  here:
    url: ${TARGET_URL}
    thresholds: {plan.seq-scan-discards-rows: {min_ms: 0.01, min_share: 0}}
"""


def explain(dsn: str, folder: Path, *arguments: str, sql: str = STATEMENT) -> Result:
    """A fast machine stays below the floors: they are lower here."""
    config = folder / "dbtune.yaml"
    config.write_text(CONFIG)
    env = {"TARGET_URL": dsn, "DBTUNE_CONFIG": str(config)}
    return dbtune("explain", "--sql", sql, "--analyze", *arguments, "-f", "json", "here", env=env)


def explained(
    dsn: str, folder: Path, *arguments: str, sql: str = STATEMENT
) -> tuple[dict[str, Any], list[str]]:
    """The finding that suggests an index, and the notes."""
    made = explain(dsn, folder, *arguments, sql=sql).ok().json
    [found] = [one for one in made["findings"] if one["rule"] == "plan.seq-scan-discards-rows"]
    return found, made["notes"]


@pytest.mark.parametrize("version", [13, 15, 18])
def test_a_suggested_index_is_verified_in_the_lab(
    pg: Callable[[int], Postgres], version: int, tmp_path: Path
) -> None:
    server = pg(version)
    with fresh_database(server) as name:
        server.psql(ORDERS, name)
        found, _ = explained(server.dsn(name), tmp_path)
        assert "The planner would use it (planner lab)" in found["remedy"]["text"]
        evidence = found["evidence"]
        assert evidence["after_cost"] < evidence["before_cost"] / 5
        # The real index does what was promised.
        server.psql(found["remedy"]["sql"], name)
        server.psql("ANALYZE orders", name)
        [(plan,)] = server.psql(f"EXPLAIN (FORMAT JSON) {STATEMENT}", name)
        assert plan[0]["Plan"]["Total Cost"] == pytest.approx(evidence["after_cost"], rel=0.05)


def test_with_hypopg_on_the_target(pg15: Postgres, tmp_path: Path) -> None:
    with fresh_database(pg15) as name:
        pg15.psql(ORDERS + "CREATE EXTENSION hypopg", name)
        found, notes = explained(pg15.dsn(name), tmp_path)
        assert "would use it (HypoPG)" in found["remedy"]["text"]
        assert any("HypoPG on the target" in note for note in notes)


def test_what_hypopg_cannot_judge_is_put_to_the_lab(pg15: Postgres, tmp_path: Path) -> None:
    """It knows an expression's columns on a statement's first table only."""
    statement = (
        "SELECT * FROM (VALUES (1)) v(n) JOIN orders ON lower(note) = md5('77') AND customer > n"
    )
    with fresh_database(pg15) as name:
        pg15.psql(ORDERS + "CREATE EXTENSION hypopg", name)
        found, _ = explained(pg15.dsn(name), tmp_path, sql=statement)
        assert "lower(" in found["remedy"]["sql"]
        assert "The planner would use it (planner lab)" in found["remedy"]["text"]
        evidence = found["evidence"]
        assert evidence["after_cost"] < evidence["before_cost"] / 2


def test_unverified_where_it_is_not_wanted_or_not_possible(pg18: Postgres, tmp_path: Path) -> None:
    with fresh_database(pg18) as name:
        pg18.psql(ORDERS, name)
        found, _ = explained(pg18.dsn(name), tmp_path, "--planner", "none")
        assert "Unverified" in found["remedy"]["text"]
        refused = explain(pg18.dsn(name), tmp_path, "--planner", "hypopg")
        assert refused.code == 2
        assert "HypoPG is not installed" in refused.err
