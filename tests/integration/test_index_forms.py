"""Forms of statements and of the indexes for them, each once found wrong on an application."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.command import dbtune
from tests.servers import Postgres, fresh_database

SCHEMA = """
CREATE TABLE sites (id int PRIMARY KEY, name text);
CREATE TABLE owners (id int PRIMARY KEY, name text);
CREATE TABLE devices (
    id int PRIMARY KEY, owner_id int, site_id int, state text, gone_at timestamptz,
    lost_at timestamptz, born date, starts date, ends date, label text, price numeric,
    details jsonb);
CREATE DOMAIN serial AS integer;
CREATE TABLE parts (serial serial, code text COLLATE "C.utf8" NOT NULL, weight int);
INSERT INTO parts SELECT i, 'P' || i * 7919 % 60000, i % 99 FROM generate_series(1, 60000) i;
INSERT INTO sites SELECT i, 's' || i FROM generate_series(1, 50) i;
INSERT INTO owners SELECT i, 'o' || i FROM generate_series(1, 20000) i;
INSERT INTO devices SELECT i, 1 + i * 7919 % 20000, 1 + i % 50,
    CASE WHEN i % 300 = 0 THEN 'broken' WHEN i % 500 = 1 THEN 'new' ELSE 'fine' END,
    CASE WHEN i % 200 > 0 THEN timestamptz '2024-01-01' + i * interval '1 min' END,
    CASE WHEN i % 30 = 0 THEN timestamptz '2024-01-01' + i * interval '1 min' END,
    date '1990-01-01' + i % 12000, date '2024-01-01' + i / 200,
    date '2024-01-01' + i / 200 + i % 9, 'Label ' || i, i % 977,
    jsonb_build_object('serial', i) FROM generate_series(1, 60000) i;
CREATE INDEX devices_owner ON devices (owner_id);
CREATE VIEW present AS SELECT d.id, d.site_id, d.label, o.name AS owner, s.name AS site
    FROM devices d JOIN owners o ON o.id = d.owner_id JOIN sites s ON s.id = d.site_id
    WHERE d.gone_at IS NULL
"""


@pytest.fixture(scope="module")
def made(pg: Callable[[int], Postgres]) -> Iterator[Callable[[int], str]]:
    """URLs of the tables by the server's version; HypoPG is on 15."""
    with fresh_database(pg(15)) as old, fresh_database(pg(18)) as new:
        for version, name in ((15, old), (18, new)):
            pg(version).psql(SCHEMA, name)
            if version == 15:
                pg(version).psql("CREATE EXTENSION hypopg", name)
            pg(version).psql("VACUUM ANALYZE", name)
        yield lambda version: pg(version).dsn(old if version == 15 else new)


def suggested(url: str, sql: str, planner: str = "auto") -> list[str]:
    result = dbtune("suggest-indexes", url, "--planner", planner, "-f", "json", "--sql", sql).ok()
    return [row["index"].removeprefix("public.") for row in result.json["suggestions"]]


PRESENT = "SELECT * FROM present WHERE site_id = 7"


@pytest.mark.parametrize("version", [15, 18])
def test_the_rare_rows_of_a_view_of_three_tables(made: Callable[[int], str], version: int) -> None:
    """HypoPG finds the predicate of a partial index only of a statement's first table."""
    [index, *_] = suggested(made(version), PRESENT)
    assert index.startswith("devices (site_id")
    assert index.endswith("WHERE gone_at IS NULL")


def test_hypopg_alone_tells_that_it_does_not_see_all(made: Callable[[int], str]) -> None:
    result = dbtune(
        "suggest-indexes", made(15), "--planner", "hypopg", "-f", "json", "--sql", PRESENT
    ).ok()
    assert any("only of the table that a statement names first" in n for n in result.json["notes"])


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (
            "SELECT id, state FROM devices WHERE state <> 'fine'",
            "devices (id) WHERE state <> 'fine'",
        ),
        (
            "SELECT * FROM devices WHERE state NOT IN ('fine', 'new') ORDER BY born",
            "devices (born) WHERE state NOT IN ('fine', 'new')",
        ),
        (
            "SELECT * FROM devices WHERE extract(month FROM born) = 5 AND "
            "extract(day FROM born) = 7",
            "devices ((EXTRACT(day FROM born)), (EXTRACT(month FROM born)))",
        ),
        # What most rows meet is nothing to look up; how many rows an expression finds is a guess.
        (
            "SELECT id, label FROM devices WHERE lost_at IS NULL AND lower(label) = 'label 77'",
            "devices ((lower(label)))",
        ),
        (
            "SELECT id FROM devices WHERE daterange(starts, ends, '[]') @> date '2024-02-02'",
            "devices USING gist ((daterange(starts, ends, '[]'::text)))",
        ),
    ],
)
def test_the_index_for_a_form(made: Callable[[int], str], sql: str, index: str) -> None:
    assert suggested(made(18), sql) == [index]


def test_one_index_for_equality_and_for_beginnings(made: Callable[[int], str]) -> None:
    """The operator class for patterns is searched by = as well; without a use for the order of the
    default one, a second index would only cost writes."""
    equality = "SELECT * FROM parts WHERE code = 'P77'"
    beginning = "SELECT * FROM parts WHERE code LIKE 'P777%'"
    order = "SELECT * FROM parts ORDER BY code LIMIT 5"
    patterns = "parts (code text_pattern_ops)"
    assert suggested(made(18), f"{equality}; {beginning}") == [patterns]
    assert {*suggested(made(18), f"{order}; {beginning}")} == {"parts (code)", patterns}


@pytest.mark.parametrize("value", ["77", "$1", "77::bigint"])
def test_the_column_of_a_domain(made: Callable[[int], str], value: str) -> None:
    """Plans cast it to the type that it stands for: an index on that is one on the column."""
    assert suggested(made(18), f"SELECT weight FROM parts WHERE serial = {value}") == [
        "parts (serial)"
    ]


def test_nothing_is_stored_where_few_rows_are_found_already(made: Callable[[int], str]) -> None:
    assert suggested(made(18), "SELECT id, state FROM devices WHERE owner_id = 77") == []


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("label || $1 = $2", "(label || ?)"),
        ("details ->> $1 = $2", "(details ->> ?)"),
        ("details #>> $1::text[] = $2", "(details #>> ?)"),
        ("extract($1 FROM born) = $2 AND extract($3 FROM starts) = $4", "(EXTRACT(? FROM born))"),
        ("to_tsvector($1::regconfig, label) @@ to_tsquery($2)", "to_tsvector(?, label)"),
        ("coalesce(gone_at, $1::timestamptz) = $2", "COALESCE(gone_at, ?)"),
    ],
)
def test_no_index_has_a_constant_that_nobody_has_written(
    made: Callable[[int], str], condition: str, told: str
) -> None:
    """pg_stat_statements keeps no constants, and an index on another expression serves nothing."""
    sql = f"SELECT * FROM devices WHERE {condition}"
    result = dbtune(
        "suggest-indexes", made(18), "--planner", "lab", "-f", "json", "--sql", sql
    ).ok()
    assert result.json["suggestions"] == []
    messages = {one["subject"]: one["message"] for one in result.json["findings"]}
    [subject] = [one for one in messages if told in one]
    assert "a constant that the statement was kept without" in messages[subject]
