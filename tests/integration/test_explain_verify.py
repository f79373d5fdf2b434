"""``explain`` on a server puts the indexes it suggests to the planner, and says what came of it."""

from __future__ import annotations

import pytest

from tests.command import dbtune
from tests.servers import Postgres, fresh_database

ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, customer int, note text);
INSERT INTO orders SELECT n, n % 5000, md5(n::text) FROM generate_series(1, 60000) n;
ANALYZE orders;
"""
STATEMENT = "SELECT * FROM orders WHERE customer = 17"


def explained(dsn: str, *arguments: str, statement: str = STATEMENT) -> dict[str, object]:
    made = dbtune(
        "explain", "--sql", statement, "--analyze", *arguments, "-f", "json",
        env={"DATABASE_URL": dsn},
    )  # fmt: skip
    assert made.code == 0, made.err
    [finding] = [
        one for one in made.json["findings"] if one["rule"] == "plan.seq-scan-discards-rows"
    ]
    return {**finding, "notes": made.json["notes"]}


@pytest.mark.parametrize("version", [13, 15, 18])
def test_a_suggested_index_is_verified_in_the_lab(pg: object, version: int) -> None:
    server: Postgres = pg(version)  # type: ignore[operator]
    with fresh_database(server) as name:
        server.psql(ORDERS, name)
        found = explained(server.dsn(name))
        remedy = found["remedy"]
        assert isinstance(remedy, dict)
        assert "The planner would use it (planner lab)" in remedy["text"]
        evidence = found["evidence"]
        assert isinstance(evidence, dict)
        assert evidence["cost_after"] < evidence["cost_before"] / 5
        # The real index does what was promised.
        server.psql(remedy["sql"], name)
        server.psql("ANALYZE orders", name)
        [(plan,)] = server.psql(f"EXPLAIN (FORMAT JSON) {STATEMENT}", name)
        assert plan[0]["Plan"]["Total Cost"] == pytest.approx(evidence["cost_after"], rel=0.05)


def test_with_hypopg_on_the_target(pg15: Postgres) -> None:
    with fresh_database(pg15) as name:
        pg15.psql(ORDERS + "CREATE EXTENSION hypopg", name)
        found = explained(pg15.dsn(name))
        assert "would use it (HypoPG)" in str(found["remedy"])
        assert any("HypoPG on the target" in str(note) for note in found["notes"])  # type: ignore[attr-defined]


def test_unverified_where_it_is_not_wanted_or_not_possible(pg18: Postgres) -> None:
    with fresh_database(pg18) as name:
        pg18.psql(ORDERS, name)
        found = explained(pg18.dsn(name), "--planner", "none")
        assert "Unverified" in str(found["remedy"])
        refused = dbtune(
            "explain", "--sql", STATEMENT, "--analyze", "--planner", "hypopg",
            env={"DATABASE_URL": pg18.dsn(name)},
        )  # fmt: skip
        assert refused.code == 2
        assert "HypoPG is not installed" in refused.err
