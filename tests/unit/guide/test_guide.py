"""The document's parts without a server: order, cost of remedies, scripts, curves, limits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dbtune.bench.cache_report import NAMES, Timed
from dbtune.bench.cache_report import report as cache_report
from dbtune.bench.index_report import Compared, Execution
from dbtune.bench.index_report import report as index_report
from dbtune.bench.writes_report import Way
from dbtune.bench.writes_report import report as writes_report
from dbtune.compare.model import Measure
from dbtune.errors import UsageError
from dbtune.finding import Confidence, Finding, Level, Remedy, Skipped
from dbtune.guide import bench, checklist
from dbtune.guide.build import build
from dbtune.guide.limits import limit_of
from dbtune.guide.material import Material
from dbtune.guide.model import Curves
from dbtune.guide.ranking import applies, problems
from dbtune.guide.scripts import script
from dbtune.health.report import CHECKS
from dbtune.profile import Engine
from dbtune.render.document import document
from dbtune.report import Report, Table

WHEN = datetime(2026, 11, 29, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("remedy", "expected"),
    [
        (Remedy("x", sql="CREATE INDEX CONCURRENTLY i ON t (a);"), "online"),
        (Remedy("x", sql="CREATE INDEX i ON t (a);"), "takes a lock"),
        (Remedy("x", sql="DROP INDEX CONCURRENTLY i;\n-- CREATE INDEX i ON t (a);"), "online"),
        (Remedy("x", sql="REINDEX INDEX i;"), "takes a lock"),
        (Remedy("x", sql="REINDEX INDEX CONCURRENTLY i;"), "online"),
        (Remedy("x", sql="VACUUM (FULL) t;"), "takes a lock"),
        (Remedy("x", sql="VACUUM (ANALYZE, VERBOSE) t;"), "online"),
        (Remedy("x", sql="ALTER TABLE t ADD PRIMARY KEY (a);"), "takes a lock"),
        (Remedy("x", sql="ALTER TABLE t RESET (autovacuum_enabled);"), "online"),
        (Remedy("x", sql="ALTER TABLE t VALIDATE CONSTRAINT c;"), "online"),
        (Remedy("x", sql="ALTER SYSTEM SET fsync = on;\nSELECT pg_reload_conf();"), "reload"),
        (Remedy("x", sql="ALTER SYSTEM SET a = 1;", effect="needs a restart"), "restart"),
        (Remedy("x", config="a 1", effect="CONFIG SET applies it without a restart"), "reload"),
        (Remedy("x", sql="SET LOCAL work_mem = '26MB';"), "application"),
        (Remedy("x", sql="-- ALTER TABLE t ADD PRIMARY KEY (...);"), "by hand"),
        (Remedy("x", config="# as root: echo never", effect="to be restarted"), "by hand"),
        (Remedy("x", effect="a change in the application"), "application"),
        (Remedy("x", sql="SELECT pid FROM pg_stat_activity;"), "look first"),
        (Remedy("x"), "by hand"),
    ],
)
def test_what_a_remedy_costs(remedy: Remedy, expected: str) -> None:
    assert applies(remedy) == expected


def found(
    rule: str, level: Level, sql: str = "", share: float = 0, sure: str = "measured"
) -> Finding:
    remedy = Remedy("do", sql=sql)
    evidence = {"time_share_ratio": share} if share else {}
    return Finding(f"s {rule}", f"m {rule}", remedy, evidence, level, Confidence(sure), rule)


def material(*findings: Finding, **tags: tuple[str, ...]) -> Material:
    rows = tuple({"check": one.rule, "tags": tags.get(one.rule, ())} for one in findings)
    table = Table(CHECKS.name, "", CHECKS.columns, rows)
    checked = Report("check", (table,), findings, examined=tuple(one.rule for one in findings))
    return Material("prod", Engine.postgresql, {"name": "prod"}, WHEN, {"check": checked})


def test_level_then_harm_then_sureness_then_share_decide() -> None:
    one = material(
        found("slow", Level.warning, share=0.1),
        found("slower", Level.warning, share=0.5),
        found("guessed", Level.warning, share=0.9, sure="rule of thumb"),
        found("lost", Level.warning),
        found("known", Level.info),
        found("worst", Level.critical),
        slow=("statements",), slower=("statements",), guessed=("statements",),
        lost=("settings", "damage"), known=("damage",),
    )  # fmt: skip
    order = [problem.finding.rule for problem in problems([one], several=False)]
    assert order == ["worst", "lost", "slower", "slow", "guessed", "known"]


def test_the_command_whose_rule_it_is_has_the_word() -> None:
    checked = Report("check", findings=(found("pg.x", Level.info),), examined=("pg.x", "pg.y"))
    own = Report("suggest-indexes", examined=("pg.x",))
    one = Material("a", Engine.postgresql, {}, WHEN, {"check": checked, "suggest-indexes": own})
    assert one.findings == []


def test_a_script_has_each_statement_once_and_nothing_that_has_to_be_filled_in() -> None:
    drop = "DROP INDEX CONCURRENTLY i;"
    one = material(
        found("a", Level.warning, drop),
        found("b", Level.info, f"CREATE INDEX CONCURRENTLY j ON t (a);\n{drop}"),
        found("c", Level.info, "ALTER TABLE t ADD PRIMARY KEY (...);"),
        found("d\n; DROP TABLE t;", Level.info, "ANALYZE t;"),
    )
    made = script(one, problems([one], several=False))
    assert made is not None
    lines = [line for line in made.text.splitlines() if line and not line.startswith("--")]
    assert lines.count(drop) == 1
    assert "ALTER TABLE t ADD PRIMARY KEY (...);" not in lines
    assert "; DROP TABLE t;" not in lines


def test_a_script_ends_no_session_that_may_be_another_by_now() -> None:
    one = material(found("a", Level.warning, "SELECT pg_terminate_backend(17);\nANALYZE t;"))
    made = script(one, problems([one], several=False))
    assert made is not None
    assert "\n-- if it is still that session: SELECT pg_terminate_backend(17);\nA" in made.text
    assert "==== 1. " in made.text


def test_a_script_for_redis_is_one_of_commands() -> None:
    configs = ("save 3600 1 300 100\n# or: none", "requirepass ...\nbind 127.0.0.1")
    findings = tuple(
        replace(found(f"r{n}", Level.warning), remedy=Remedy("do", config=config))
        for n, config in enumerate(configs)
    )
    one = replace(material(*findings), engine=Engine.redis)
    made = script(one, problems([one], several=False))
    assert made is not None
    lines = [line for line in made.text.splitlines() if line]
    # As the script's own head says: redis-cli knows no comments.
    assert [line for line in lines if not line.startswith("#")] == [
        'CONFIG SET save "3600 1 300 100"'
    ]
    assert "#   requirepass ..." in lines


@pytest.mark.parametrize(
    ("measure", "limit"),
    [
        (Measure("a", "a", "float", 10.0, 0.0, "less", 1.5, 1.0), "above 15.0"),
        (Measure("a", "a", "float", 0.0, 9.0, "less", 1.5, 1.0), "above 1.00"),
        (Measure("a", "a", "ratio", 0.99, 0.5, "more", 1.0, 0.01), "below 98.00 %"),
        (Measure("a", "a", "ratio", 0.9, 0.5, "less", 1.5, 0.02), ""),
        (Measure("a", "a", "float", 10.0, 0.0), ""),
        (Measure("a", "a", "float", None, 3.0, "less"), ""),
    ],
)
def test_limits_are_those_of_compare(measure: Measure, limit: str) -> None:
    assert limit_of(measure) == limit


def test_the_summary_names_what_is_wrong_in_words() -> None:
    from dataclasses import replace

    title = "The server asks nobody who they are"
    bad = replace(found("open", Level.warning), title=title, message="answered without a login")
    one = replace(material(bad, open=("security",)), name="postgresql://x@db/shop")
    other = replace(material(), name="redis://cache", engine=Engine.redis)
    made = build([one, other], [])
    assert made.document is not None
    _, state, worst, _, _ = made.document.summary
    assert state == ("Nothing is so urgent that it cannot wait; 1 should be planned for.")
    told = f"{title} (s open: answered without a login)"
    assert worst == f"The worst on PostgreSQL, strangers may get in: {told}."


def test_a_report_of_nothing_says_so() -> None:
    made = build([], [Skipped("target a", "refused")])
    assert made.unreachable
    assert made.document is not None
    assert len(made.document.summary) == 5
    assert "No problem was found." in made.document.summary
    assert list(checklist.table([], []).rows) == []


# -------------------------------------------------------------------------------------- bench

RESULT = {
    "schema_version": "1.0", "command": "bench pool", "target": {"name": "demo"},
    "result": {"pool_size": 4, "p95_ms": 3.0, "note": None},
    "sizes": [
        {"pool_size": n, "per_second": 100.0 * n, "per_second_low": 90.0 * n,
         "per_second_high": 110.0 * n, "p95_ms": 10 / n, "mark": ""}
        for n in (1, 2, 4, 8)
    ],
    "writes": [{"way": "single rows", "rows_per_second": 1e3}],
    "findings": [], "skipped": [], "notes": ["a note"],
}  # fmt: skip


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_sweep_is_drawn_and_other_tables_are_shown(tmp_path: Path) -> None:
    section = bench.section(bench.read(written(tmp_path / "pool.json", RESULT)))
    (curves,) = [block for block in section.blocks if isinstance(block, Curves)]
    assert [curve.title for curve in curves.curves] == ["per second", "p95, ms"]
    assert curves.curves[0].low == (90, 180, 360, 720)
    assert curves.chosen == 4
    assert curves.axis == "pool size"


WRITES = writes_report(
    {Way("INSERT", 1, True): [1.0, 2.0], Way("COPY", 10, True): [5.0, 6.0]}, {"round_trip_ms": 2.0}
)
INDEX = index_report(
    [Compared("SELECT 1", [Execution(9.0, 4)] * 2, [Execution(1.0, 2, True)] * 2)], [(9, 8)], {}
)
CACHE = cache_report(
    {name: [Timed(2.0, 1.0, 3.0)] * 2 for name in NAMES}, {"redis": "r", "statement": "SELECT 1"}
)


@pytest.mark.parametrize("report", [WRITES, INDEX, CACHE], ids=lambda report: report.command)
def test_what_a_benchmark_measured_stands_under_its_own_words(
    tmp_path: Path, report: Report
) -> None:
    made = bench.section(bench.read(written(tmp_path / "x.json", document(report))))
    found = {
        table.name: table
        for block in made.blocks
        if (table := getattr(block, "table", None)) is not None
    }
    for table in report.tables:
        assert found[table.name].title == table.title
        assert found[table.name].rows
        own = {column.name: column for column in table.columns}
        told = [one for one in found[table.name].columns if table.rows[0].get(one.name) is not None]
        assert told
        assert all(column == own[column.name] for column in told)


@pytest.mark.parametrize("content", ["", "no json", "[]", "{}", {"command": "check"}, "[" * 5000])
def test_what_is_no_result_of_a_benchmark_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(UsageError, match="--bench"):
        bench.read(written(tmp_path / "x.json", content))


@pytest.mark.parametrize(
    "odd",
    [
        {"sizes": [1, "a"]}, {"sizes": []}, {"sizes": [{}]}, {"sizes": [{"a": [1]}, {"a": None}]},
        {"sizes": [{"n": n, "p95_ms": "slow"} for n in range(4)]}, {"notes": [1]}, {"target": 1},
        {"sizes": [{"n": n, "p95_ms": 0} for n in range(4)]}, {"x": {"y": {"z": 1}}},
        {"sizes": [{"n": -n, "p95_ms": 1e308} for n in range(4)]},
        {"sizes": [{"n": n, "p95_ms": float("inf")} for n in range(4)]},
        {"sizes": [{"n": 10**400 + n, "p95_ms": float("nan")} for n in range(4)]},
    ],
)  # fmt: skip
def test_odd_results_are_shown_as_far_as_they_go(tmp_path: Path, odd: dict[str, object]) -> None:
    from dbtune.render import render

    read = bench.read(written(tmp_path / "x.json", {"command": "bench x"} | odd))
    for name in ("html", "markdown", "json"):
        assert render(build([], benches=[read]), name)
