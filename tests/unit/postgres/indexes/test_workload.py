"""What counts as a statement of a workload."""

from __future__ import annotations

import pytest

from dbtune.postgres.indexes.workload import from_log, from_script, from_statements, inner
from dbtune.postgres.logs.workload import Execution, Logged
from dbtune.postgres.statements.group import UNKNOWN_TEXT
from dbtune.statements import Statement


@pytest.mark.parametrize(
    ("around", "found"),
    [
        ("EXPLAIN SELECT 1", "SELECT 1"),
        ("explain (analyze, buffers) select 1", "select 1"),
        ("EXPLAIN ANALYZE VERBOSE (SELECT 1)", "(SELECT 1)"),
        ("DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT a FROM t", "SELECT a FROM t"),
        ('DECLARE "my c" CURSOR FOR SELECT 1', "SELECT 1"),
        ("CREATE TEMP TABLE x AS WITH a AS (SELECT 1) TABLE a", "WITH a AS (SELECT 1) TABLE a"),
        ("CREATE TABLE IF NOT EXISTS s.x (a, b) AS SELECT 1", "SELECT 1"),
        ("PREPARE p (int) AS SELECT $1", "SELECT $1"),
        ("COPY (SELECT f(a) FROM t) TO STDOUT (FORMAT csv)", "SELECT f(a) FROM t"),
        ("COPY t TO STDOUT", None),
        ("CREATE TABLE x (y int)", None),
        ("SELECT 1", None),
    ],
)
def test_a_query_in_something_else(around: str, found: str | None) -> None:
    assert inner(around) == (around if found is None else found)


def test_a_script_counts_what_occurs_twice() -> None:
    found = from_script("SELECT 1; VACUUM; SELECT  1;\nSELECT ?;", "x.sql")
    assert [(q.text, q.calls) for q in found.queries] == [("SELECT 1", 2), ("SELECT $1", 1)]
    assert [one.text for one in found.passed] == ["VACUUM"]


def statement(text: str, total_ms: float = 1.0) -> Statement:
    return Statement(text, calls=1, total_ms=total_ms, mean_ms=total_ms)


def test_what_psql_would_do_with_a_script_is_understood() -> None:
    script = r"""
\set name it's
SELECT a FROM t WHERE b = 1 \gx
SELECT b
  \echo 'what; is left out'
  FROM t \g /tmp/out
SELECT c FROM t\; SELECT d FROM t;
SELECT $1 \bind 5 \g
SELECT E'\\
\x' AS "\" FROM t;
COPY t (a, b) FROM stdin;
1\tit's; SELECT 1
\.

SELECT e FROM t \watch 1
"""
    found = [" ".join(one.text.split()) for one in from_script(script, "x.sql").queries]
    assert found[0] == "SELECT a FROM t WHERE b = 1"
    assert found[1] == "SELECT b FROM t"
    assert found[2:5] == ["SELECT c FROM t", "SELECT d FROM t", "SELECT $1"]
    assert found[5] == r"""SELECT E'\\ \x' AS "\" FROM t"""
    assert found[6:] == ["SELECT e FROM t"]


def test_statements_of_a_server() -> None:
    found = from_statements(
        [
            statement("BEGIN"), statement("COMMIT"), statement("COPY t FROM STDIN"),
            statement("SELECT $1 FROM t"), statement(f"{UNKNOWN_TEXT} 77"),
            statement("SELECT " + "x" * 100), statement("DECLARE c CURSOR FOR SELECT 2 FROM t"),
        ],
        "pg_stat_statements", 60.0, text_limit=90,
    )  # fmt: skip
    assert {q.text for q in found.queries} == {"SELECT $1 FROM t", "SELECT 2 FROM t"}
    assert {p.reason for p in found.passed} == {
        "the server did not keep its text",
        "longer than 90 characters",
    }
    assert found.notes == ("3 statements without a plan were left out: BEGIN, COMMIT, COPY",)


def test_statements_of_a_log() -> None:
    logged = Logged(
        (
            Execution("SELECT $1 FROM a", 3, 9.0, ("SELECT 5 FROM a",), ("shop",), id="x"),
            Execution("SELECT $1 FROM b", 3, 8.0, (), ("other",)),
            Execution("SELECT $1 FROM c", 3, 7.0),
            Execution("VACUUM", 1, 6.0, ("VACUUM",)),
        ),
        60.0,
        ("a note",),
    )
    found = from_log(logged, "a.log", "shop")
    assert [(q.text, q.samples) for q in found.queries] == [
        ("SELECT $1 FROM a", ("SELECT 5 FROM a",)),
        ("SELECT $1 FROM c", ()),
    ]
    assert "SELECT 5" not in repr(found.queries[0]), "constants are somebody's data"
    assert found.notes == (
        "a note",
        "1 statement without a plan was left out: VACUUM",
        "1 statement of other databases in the log was left out",
    )
    assert found.passed == ()
