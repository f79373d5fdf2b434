"""Conditions that no index serves as they are written: named, with what would help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import dbtune
from tests.servers import Postgres, fresh_database

SCHEMA = """
CREATE TABLE notes (id int PRIMARY KEY, tags text[], body text, at timestamptz, state text);
INSERT INTO notes SELECT i, ARRAY['t' || i % 900, 'all'], 'body ' || md5(i::text),
    timestamptz '2024-01-01' + i * interval '1 min', CASE i % 3 WHEN 0 THEN 'new' ELSE 'old' END
    FROM generate_series(1, 20000) i;
"""


@pytest.fixture(scope="module")
def notes(pg: Callable[[int], Postgres]) -> Iterator[str]:
    """The URL of a table of notes, without any extension."""
    server = pg(18)
    with fresh_database(server) as name:
        server.psql(SCHEMA, name)
        server.psql("VACUUM ANALYZE", name)
        yield server.dsn(name)


@pytest.mark.parametrize(
    ("sql", "reason", "remedy"),
    [
        ("SELECT * FROM notes WHERE 't7' = ANY (tags)", "no index serves", "USING gin"),
        ("SELECT * FROM notes WHERE body LIKE '%abcdef%'", "pg_trgm", 'CREATE EXTENSION "pg_trgm"'),
        ("SELECT * FROM notes WHERE at::date = '2024-01-02'", "settings of the session", "UTC"),
        (
            "SELECT * FROM notes WHERE to_tsvector(body) @@ to_tsquery('abc')",
            "settings of the session",
            "to_tsvector('english'",
        ),
        (
            "SELECT * FROM notes WHERE coalesce(state, body) > 'zz'",
            "a third of the rows",
            "ANALYZE, once it is there",
        ),
    ],
)
def test_what_would_help(notes: str, sql: str, reason: str, remedy: str) -> None:
    found = dbtune("suggest-indexes", notes, "--planner", "lab", "-f", "json", "--sql", sql).ok()
    assert found.json["suggestions"] == []
    [finding] = found.json["findings"]
    assert finding["rule"] == "pg.unservable-condition"
    assert finding["confidence"] == "rule of thumb"
    assert reason in finding["message"]
    assert remedy in finding["remedy"]["sql"] + finding["remedy"]["text"]


def test_an_array_of_integers_with_intarray(pg: Callable[[int], Postgres]) -> None:
    """Its operators go before PostgreSQL's own, and have an operator class of their own."""
    server = pg(18)
    with fresh_database(server) as name:
        server.psql("CREATE EXTENSION intarray", name)
        server.psql(SCHEMA.replace("text[]", "int[]").replace("'t' || i % 900, 'all'", "i"), name)
        server.psql("VACUUM ANALYZE", name)
        sql = "SELECT * FROM notes WHERE 7 = ANY (tags)"
        found = dbtune("suggest-indexes", server.dsn(name), "-f", "json", "--sql", sql).ok()
    [finding] = found.json["findings"]
    assert 'USING gin ("tags" "public".gin__int_ops)' in finding["remedy"]["sql"]


def test_an_expression_without_statistics_is_a_guess(notes: str) -> None:
    sql = "SELECT * FROM notes WHERE md5(body) = 'x'"
    found = dbtune("suggest-indexes", notes, "--planner", "lab", "-f", "json", "--sql", sql).ok()
    [row] = found.json["suggestions"]
    assert row["confidence"] == "rule of thumb"
    assert "no statistics of md5(body)" in row["doubt"]
    [finding] = found.json["findings"]
    assert finding["confidence"] == "rule of thumb"
    assert 'ANALYZE "public"."notes";' in finding["remedy"]["sql"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM notes WHERE lower(state) = 'new'",
        "SELECT * FROM notes WHERE extract(month FROM at AT TIME ZONE 'UTC') = 7",
    ],
)
def test_an_expression_with_few_values_is_no_candidate(notes: str, sql: str) -> None:
    found = dbtune("suggest-indexes", notes, "--planner", "lab", "-f", "json", "--sql", sql).ok()
    assert found.json["suggestions"] == []


def test_statements_that_have_to_maintain_an_index_are_named(notes: str, tmp_path: Path) -> None:
    script = tmp_path / "work.sql"
    script.write_text(
        "SELECT * FROM notes WHERE body = 'x';\n"
        "INSERT INTO notes VALUES (0, NULL, 'x');\n"
        "UPDATE notes SET body = 'y' WHERE id = 7;\n"
        "UPDATE notes SET tags = NULL WHERE id = 8;\n"
    )
    found = dbtune(
        "suggest-indexes", notes, "--planner", "lab", "-f", "json", "--file", str(script)
    ).ok()
    [row] = found.json["suggestions"]
    assert row["index"] == "public.notes (body)"
    assert [text.split()[:2] for text in row["writers"]] == [
        ["INSERT", "INTO"],
        ["UPDATE", "notes"],
    ]
    assert row["harmed"] == 2
