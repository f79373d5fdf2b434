"""What the reports of writes and of an index conclude from measurements."""

from __future__ import annotations

import pytest

from dbtune.bench.index_report import Compared, Execution
from dbtune.bench.index_report import report as index_report
from dbtune.bench.writes_report import Way
from dbtune.bench.writes_report import report as writes_report
from dbtune.errors import UsageError
from dbtune.postgres.bench.index import read_ddl


def executions(*ms: float, uses: bool = False) -> list[Execution]:
    return [Execution(one, 100, uses) for one in ms]


def test_faster_slower_and_not_to_be_told() -> None:
    slow, fast = executions(10, 11, 10), executions(1, 1.1, 1, uses=True)
    assert Compared("s", slow, fast).verdict == "faster"
    assert Compared("s", fast, slow).verdict == "slower"
    assert Compared("s", executions(10, 20, 5), executions(9, 18, 4)).verdict == "not to be told"
    assert Compared("s", slow[:1], fast[:1]).verdict == "unknown"


def test_what_changed_besides_the_index_is_told() -> None:
    calm = Compared("SELECT 1", executions(10, 10), executions(1, 1, uses=True), executions(11, 11))
    assert index_report([calm], [], {}).notes == ()
    assert index_report([calm], [], {}).tables[1].rows[0]["factor"] == pytest.approx(10.5)
    drifted = Compared("SELECT 1", calm.before, calm.during, executions(15, 15))
    (note,) = index_report([drifted], [], {}).notes
    assert "10.0 ms before and 15.0 ms afterwards" in note


def test_the_cost_of_writes_is_taken_round_by_round() -> None:
    found = index_report([], [(100, 80), (50, 40), (10, 8)], {}).tables[0].rows[0]
    assert found["insert_cost_ratio"] == pytest.approx(0.2)
    assert found["insert_cost_low_ratio"] == pytest.approx(0.2)


def test_ways_of_writing_by_one_row_a_commit() -> None:
    rates = {
        Way("INSERT, autocommit", 1, True): [100.0, 100.0],
        Way("COPY", 1000, True): [5000.0, 5200.0],
        Way("INSERT, autocommit", 1, False): [400.0, 400.0],
        Way("COPY", 1000, False): [9000.0, 9000.0],
    }
    result = writes_report(rates, {"round_trip_ms": 2.0, "rounds": 2}).tables[0].rows[0]
    assert result["best_method"] == "COPY, 1,000 rows a transaction"
    assert result["factor"] == pytest.approx(51)
    assert result["commit_ms"] == pytest.approx(8)
    assert result["commit_off_factor"] == pytest.approx(4)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("create index on t (a)", 'CREATE INDEX "i" ON x (a)'),
        ("CREATE INDEX CONCURRENTLY n ON s.t USING gin (a gin_trgm_ops);",
         'CREATE INDEX "i" ON x USING gin (a gin_trgm_ops)'),
        ('CREATE UNIQUE INDEX IF NOT EXISTS "on" ON "T t" (lower(a)) INCLUDE (b) WHERE c > 1 ;',
         'CREATE UNIQUE INDEX "i" ON x (lower(a)) INCLUDE (b) WHERE c > 1'),
        ("-- why\nCREATE INDEX online ON t(a)", 'CREATE INDEX "i" ON x (a)'),
    ],
)  # fmt: skip
def test_ddl(text: str, made: str) -> None:
    assert read_ddl(text).on("x", "i") == made


@pytest.mark.parametrize(
    "text",
    ["", "DROP TABLE t", "CREATE INDEX ON t (a); DROP TABLE t", "CREATE TABLE index ON t (a)",
     "CREATE INDEX a", "EXPLAIN CREATE INDEX ON t (a)", "CREATE INDEX ON ONLY t (a)"],
)  # fmt: skip
def test_what_is_no_create_index(text: str) -> None:
    with pytest.raises(UsageError, match="not one CREATE INDEX"):
        read_ddl(text)
