"""Fingerprints, masking and shapes of statement texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.sqltext import Shape, fingerprint, masked, parameterised, shape

SAME = [
    ("SELECT * FROM t WHERE id IN ($1,$2,$3)", "select *\n from t where id in ($1 /*, ... */)"),
    ("INSERT INTO t VALUES ($1,$2),($3,$4)", "insert into t values ($1, $2)"),
    ("INSERT INTO t VALUES (now(), $1),(now(), $2)", "insert into t values (now(),$1)"),
    ("SELECT ARRAY[1,2,3]", "SELECT array[$1]"),
    ("SELECT 1 -- one\n", "SELECT /* two /* nested */ */ -2"),
    ("SELECT 'it''s', E'a\\'b', $$x$$, $a$ $$ $a$, X'1F'", "select '1','2','3','4','5'"),
    ("SELECT 1.5e10, 0xFF, .5", "SELECT $1, $2, $3"),
    ("SAVEPOINT a1", "savepoint b2"),
    ("ROLLBACK TO SAVEPOINT a1", "ROLLBACK TO SAVEPOINT sp_17"),
    ("SET search_path = a", "SET search_path TO b, c"),
    ("SET LOCAL work_mem = '1MB'", "SET LOCAL work_mem = '64MB'"),
    ("FETCH 100 FROM c", "FETCH FORWARD 5 FROM d"),
    ("DEALLOCATE pdo_stmt_00000001", "DEALLOCATE pdo_stmt_00000002"),
    ("DECLARE c1 CURSOR FOR SELECT 1", "DECLARE c2 CURSOR FOR SELECT 2"),
    ("SELECT a FROM t WHERE b = $1::int", "SELECT a FROM t WHERE b = $1"),
    ("COMMIT", "commit;"),
]
DIFFERENT = [
    ("SELECT a FROM t", 'SELECT "A" FROM t'),
    ("SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE c = $1"),
    ("INSERT INTO t VALUES ($1,$2)", "INSERT INTO t VALUES ($1,$2,$3)"),
    ("SELECT f($1,$2)", "SELECT f($1)"),
    ("SET work_mem = '1MB'", "SET search_path = a"),
    ("SELECT x - y FROM t", "SELECT x + y FROM t"),
    ("SELECT a - 1 FROM t", "SELECT a + 1 FROM t"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_a_person_takes_for_one_statement_has_one_fingerprint(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_statements_have_different_fingerprints(one: str, other: str) -> None:
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "SELECT * FROM t WHERE name = 'O''Brien' AND n = 42",
            "SELECT * FROM t WHERE name = ? AND n = ?",
        ),
        ("SELECT $tag$ secret $tag$ || E'x\\'y'", "SELECT ? || ?"),
        ('UPDATE "T 1" SET a2 = -1.5e3 /* secret */', 'UPDATE "T 1" SET a2 = -?'),
        ("SELECT $1, 'unfinished", "SELECT $1, ?"),
        ("SELECT U&'\\0441' , b'101'", "SELECT ? , ?"),
    ],
)
def test_constants_are_masked_and_the_rest_stays(text: str, expected: str) -> None:
    assert masked(text).split() == expected.split()


@given(st.text(alphabet="sel '\"$x1(),;-/*E\\\n[]:?", max_size=60))
def test_any_text_is_folded_masked_and_shaped_without_an_error(text: str) -> None:
    fingerprint(text)
    masked(text)
    shape(text)


@given(st.text(min_size=4, max_size=30).filter(lambda s: "\x00" not in s))
def test_a_constant_never_shows_through_the_mask(value: str) -> None:
    hidden = "zq" + value.replace("'", "''") + "qz"
    assert "qz" not in masked(f"SELECT '{hidden}' FROM t").replace("FROM t", "")


def test_a_fingerprint_is_made_in_linear_time() -> None:
    # Nested quantifiers in the folding of VALUES lists would take for ever here.
    fingerprint("INSERT INTO t VALUES " + ", ".join(["($1, now(), $2)"] * 5000))
    fingerprint("SELECT * FROM t WHERE a IN (" + ",".join(["(1)"] * 5000))
    fingerprint("values (" * 2000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "SELECT * FROM customers WHERE id = $1",
            Shape("select", ("customers",), has_where=True, key_columns=("id",)),
        ),
        (
            "select a, b from S.T x where x.a = $1 and $2 = x.b order by a limit $3 offset $4",
            Shape(
                "select",
                ("s.t",),
                has_where=True,
                has_limit=True,
                has_offset=True,
                key_columns=("a", "b"),
                orders=True,
            ),
        ),
        ("SELECT count(*) FROM t", Shape("select", ("t",), aggregates=True)),
        ("SELECT DISTINCT a FROM t", Shape("select", ("t",), aggregates=True)),
        ("SELECT sum(a) OVER () FROM t", Shape("select", ("t",))),
        (
            "SELECT * FROM t WHERE a = $1 AND b > $2",
            Shape("select", ("t",), has_where=True),
        ),
        (
            "SELECT * FROM t WHERE d > interval $1",
            Shape("select", ("t",), has_where=True),
        ),
        ("SELECT * FROM a JOIN b ON a.id=b.id", Shape("select", ("a", "b"))),
        ("INSERT INTO t(a,b) VALUES ($1,$2)", Shape("insert", ("t",), single_row_values=True)),
        ("INSERT INTO t(a,b) VALUES ($1,$2),($3,$4)", Shape("insert", ("t",))),
        ("INSERT INTO t SELECT * FROM s", Shape("insert", ("t", "s"))),
        (
            "UPDATE t SET a=$1 WHERE id=$2",
            Shape("update", ("t",), has_where=True, key_columns=("id",)),
        ),
        (
            "DELETE FROM t WHERE id=$1",
            Shape("delete", ("t",), has_where=True, key_columns=("id",)),
        ),
        ("SELECT a FROM t LIMIT 10 OFFSET 0", Shape("select", ("t",), has_limit=True)),
    ],
)
def test_the_shape_of_a_statement(text: str, expected: Shape) -> None:
    assert shape(text) == expected


@pytest.mark.parametrize("text", ["SELECT * FROM", "SELEC 1", "", "SELECT a FROM t WHERE x = 'cut"])
def test_what_cannot_be_parsed_has_no_shape(text: str) -> None:
    assert shape(text) is None


def test_true_false_and_null_are_constants_where_the_server_takes_them_for_such() -> None:
    text = "SELECT a IS NOT NULL, b IS TRUE, NULL::int FROM t WHERE c = true AND d = False"
    other = "SELECT a IS NOT NULL, b IS TRUE, $1::int FROM t WHERE c = $2 AND d = $3"
    assert parameterised(text) == other
    assert fingerprint(text) == fingerprint(other)
    assert fingerprint("SELECT 1 FROM t WHERE a IS NULL") != fingerprint(
        "SELECT 1 FROM t WHERE a IS TRUE"
    )


def test_the_number_of_a_column_is_no_constant() -> None:
    """As pg_stat_statements has it: without it, an order is lost, and a group is invalid."""
    text = (
        "SELECT a, f(5) FROM (SELECT 7 FROM t WHERE k IN (1, 2) GROUP BY 1) x WHERE b = 3 "
        "GROUP BY a, 2 HAVING g(4, 1) ORDER BY 2 DESC, 1 + 1, 1 LIMIT 5, 6"
    )
    assert masked(text) == (
        "SELECT a, f(?) FROM (SELECT ? FROM t WHERE k IN (?, ?) GROUP BY 1) x WHERE b = ? "
        "GROUP BY a, 2 HAVING g(?, ?) ORDER BY 2 DESC, ? + ?, 1 LIMIT ?, ?"
    )
    assert parameterised("SELECT a FROM t WHERE b = 3 ORDER BY 1, 2") == (
        "SELECT a FROM t WHERE b = $1 ORDER BY 1, 2"
    )
