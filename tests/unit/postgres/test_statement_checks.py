"""Each check on statements: it fires, and it is silent just beside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbtune.finding import Check, Finding, Level, load_checks
from dbtune.postgres.statements.checks.high_plan_time import high_plan_time
from dbtune.postgres.statements.checks.high_variance import high_variance
from dbtune.postgres.statements.checks.jit_overhead import jit_overhead
from dbtune.postgres.statements.checks.large_offset import large_offset
from dbtune.postgres.statements.checks.low_hit_ratio import low_hit_ratio
from dbtune.postgres.statements.checks.n_plus_one import n_plus_one
from dbtune.postgres.statements.checks.row_by_row_write import row_by_row_write
from dbtune.postgres.statements.checks.temp_spill import temp_spill
from dbtune.postgres.statements.checks.unbounded_select import unbounded_select
from dbtune.postgres.statements.checks.wal_heavy import wal_heavy
from dbtune.statements import Statement, Window

MIB = 1024 * 1024
WINDOW = Window("pg_stat_statements", seconds=100)
SETTINGS = {"work_mem": "4096", "jit_above_cost": "100000"}
FACTS = {"window": WINDOW, "settings": SETTINGS}


def statement(text: str, calls: float = 100, mean_ms: float = 10, **more: object) -> Statement:
    return Statement(text, calls, calls * mean_ms, mean_ms, **more)  # type: ignore[arg-type]


LIST = statement("SELECT id, customer_id FROM orders LIMIT $1", 400, 5, rows=20_000)
LOOKUP = statement("SELECT * FROM customers WHERE id = $1", 20_000, 0.02, rows=20_000)
INSERT = statement("INSERT INTO events(payload) VALUES ($1)", 10_000, 0.1, rows=10_000)
EXPORT = statement("SELECT * FROM orders", 10, 500, rows=2_000_000)
PAGES = statement(
    "SELECT id FROM orders ORDER BY id LIMIT $1 OFFSET $2", 100, 40, rows=5_000, blocks=400_000
)
SORT = statement("SELECT * FROM t ORDER BY a", 20, 100, rows=20, temp_bytes=20 * 10 * MIB)
COLD = statement(
    "SELECT sum(x) FROM big", 50, 100, rows=50, hit_ratio=0.4, blocks=500_000, read_bytes=300 * MIB
)
PLANNED = statement("SELECT 1 FROM v", 1000, 1, rows=1000, planning_ms=5000)
SHAKY = statement("SELECT * FROM t WHERE a = $1", 1000, 10, rows=1000, stddev_ms=60, max_ms=900)
COMPILED = statement("SELECT avg(a) FROM t", 10, 300, rows=10, jit_ms=2000, users=("app",))
LOGGED = statement(
    "UPDATE t SET a=$1", 10, 100, rows=1000, wal_bytes=512 * MIB, wal_full_page_bytes=400 * MIB
)

CASES: list[tuple[Check, list[Statement], list[list[Statement]]]] = [
    (
        n_plus_one,
        [LIST, LOOKUP],
        [
            [LOOKUP],
            [LIST, replace(LOOKUP, calls=18_000)],
            [LIST, replace(LOOKUP, text="SELECT * FROM customers WHERE id > $1")],
            [replace(LIST, calls=20_000), LOOKUP],
            [LIST, replace(LOOKUP, nested=True)],
        ],
    ),
    (
        row_by_row_write,
        [INSERT],
        [
            [replace(INSERT, calls=400, rows=400)],
            [replace(INSERT, rows=200_000)],
            [replace(INSERT, text="INSERT INTO events SELECT $1")],
        ],
    ),
    (
        unbounded_select,
        [EXPORT],
        [
            [replace(EXPORT, rows=1000)],
            [replace(EXPORT, text="SELECT * FROM orders LIMIT $1")],
            [EXPORT, statement("SELECT slow()", 1000, 10_000)],
        ],
    ),
    (
        large_offset,
        [PAGES],
        [
            [replace(PAGES, blocks=10_000)],
            [replace(PAGES, text="SELECT id FROM orders ORDER BY id LIMIT $1")],
            [replace(PAGES, mean_ms=1, total_ms=100)],
        ],
    ),
    (
        temp_spill,
        [SORT],
        [[replace(SORT, temp_bytes=MIB)], [replace(SORT, calls=100_000)]],
    ),
    (
        low_hit_ratio,
        [COLD],
        [
            [replace(COLD, hit_ratio=0.95)],
            [replace(COLD, blocks=100)],
            [replace(COLD, hit_ratio=None)],
        ],
    ),
    (
        high_plan_time,
        [PLANNED],
        [
            [replace(PLANNED, planning_ms=900)],
            [replace(PLANNED, planning_ms=None)],
            [replace(PLANNED, total_ms=9e4)],
        ],
    ),
    (
        high_variance,
        [SHAKY],
        [
            [replace(SHAKY, stddev_ms=25)],
            [replace(SHAKY, calls=10)],
            [replace(SHAKY, stddev_ms=None)],
        ],
    ),
    (
        jit_overhead,
        [COMPILED],
        [[replace(COMPILED, jit_ms=300)], [replace(COMPILED, jit_ms=None)]],
    ),
    (
        wal_heavy,
        [LOGGED],
        [
            [replace(LOGGED, wal_bytes=100 * MIB)],
            [replace(LOGGED, rows=10_000_000)],
            [LOGGED, replace(INSERT, rows=10_000_000, wal_bytes=4096 * MIB)],
        ],
    ),
]


def run(check: Check, statements: list[Statement]) -> list[Finding]:
    return check(*({"statements": statements, **FACTS}[name] for name in check.needs))


@pytest.mark.parametrize(("check", "bad", "fine"), CASES, ids=lambda v: getattr(v, "name", ""))
def test_a_check_fires_on_the_defect_and_is_silent_beside_it(
    check: Check, bad: list[Statement], fine: list[list[Statement]]
) -> None:
    (finding,) = run(check, bad)
    assert finding.rule == check.name
    assert finding.why
    assert finding.mistaken_when
    assert finding.evidence
    assert finding.remedy.text
    for statements in fine:
        assert run(check, statements) == [], statements


def test_every_check_on_statements_has_a_case() -> None:
    known = {check.name for check in load_checks("dbtune.postgres.statements.checks")}
    assert known == {check.name for check, _, _ in CASES}


def test_n_plus_one_names_the_parent_and_the_numbers() -> None:
    (finding,) = run(n_plus_one, [LIST, LOOKUP])
    assert "20,000 times" in finding.message
    assert finding.evidence["calls_per_parent_call"] == 50
    assert finding.evidence["parent_statement"] == LIST.text
    assert "customers" in finding.remedy.sql


def test_row_by_row_writes_that_take_much_time_are_a_warning() -> None:
    (finding,) = run(row_by_row_write, [INSERT, statement("SELECT 1", 1, 50_000)])
    assert finding.level is Level.info
    (finding,) = run(row_by_row_write, [INSERT])
    assert finding.level is Level.warning


def test_a_spill_too_large_for_memory_gets_no_setting_to_paste() -> None:
    (small,) = run(temp_spill, [SORT])
    assert small.remedy.sql.startswith("SET LOCAL work_mem = '30MB'")
    (huge,) = run(temp_spill, [replace(SORT, temp_bytes=20 * 900 * MIB)])
    assert huge.remedy.sql == ""


def test_a_finding_keeps_its_fingerprint_when_the_numbers_change() -> None:
    (one,) = run(temp_spill, [SORT])
    (other,) = run(temp_spill, [replace(SORT, calls=30, temp_bytes=30 * 12 * MIB)])
    assert one.fingerprint == other.fingerprint
    assert one.message != other.message


def test_hostile_names_do_not_break_out_of_remedies() -> None:
    lookup = replace(LOOKUP, text='SELECT * FROM "x\n; DROP TABLE y --" WHERE id = $1')
    (finding,) = run(n_plus_one, [LIST, lookup])
    assert "\n" not in finding.remedy.sql
    compiled = replace(COMPILED, users=('a"; DROP ROLE b; --',))
    (finding,) = run(jit_overhead, [compiled])
    assert '"a""; DROP ROLE b; --"' in finding.remedy.sql
