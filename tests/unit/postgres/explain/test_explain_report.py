"""The report on plans: JSON as its schema says, findings with their place, what is untold."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import jsonschema
import pytest

from dbtune.cli.formats import Format
from dbtune.errors import UsageError
from dbtune.postgres.explain.live import estimating, measuring, parameter
from dbtune.postgres.explain.report import Given, report
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans
from dbtune.render import render
from tests.command import Result, dbtune

SCAN = (
    "Seq Scan on public.orders  (cost=0.00..5000.00 rows=10 width=4) "
    "(actual time=0.100..900.000 rows=10 loops=1)\n"
    "  Filter: (status = 'open'::text)\n"
    "  Rows Removed by Filter: 990000\n"
    "Execution Time: 900.000 ms\n"
)
HOSTILE = "t\\x1b[31m"


def plan_of(text: str = SCAN) -> Plan:
    (plan,) = read_plans(text)
    return plan


def run(tmp_path: Path, text: str, *options: str) -> Result:
    file = tmp_path / "plan.txt"
    file.write_text(text)
    return dbtune("explain", str(file), *options)


@pytest.fixture
def schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(dbtune("schema", "explain").ok().json)


def test_json_is_as_its_schema_says(
    tmp_path: Path, schema: jsonschema.Draft202012Validator
) -> None:
    data = run(tmp_path, SCAN, "-f", "json").ok().json
    schema.validate(data)
    (plan,) = data["plans"]
    (node,) = plan["nodes"]
    assert (node["id"], node["parent"], node["type"]) == (0, None, "Seq Scan")
    assert (node["self_ms"], node["total_rows"]) == (900, 10)
    assert node["removed"]["filter"] == 990000
    assert plan["source"]["format"] == "text"
    assert plan["summary"]["by_relation"] == [
        {"name": "orders", "nodes": 1, "self_ms": 900, "self_ratio": 1, "self_cost": 5000}
    ]


def test_the_schema_is_not_empty_words(schema: jsonschema.Draft202012Validator) -> None:
    plans = schema.schema["properties"]["plans"]["items"]["anyOf"]
    nodes = plans[0]["properties"]["nodes"]["anyOf"][0]
    assert nodes["items"]["properties"]["self_ms"]["type"] == ["number", "null"]
    assert "description" in nodes["items"]["properties"]["row_factor"]
    with pytest.raises(jsonschema.ValidationError):
        schema.validate({"plans": [{}]})


def test_findings_stand_in_their_plan_and_in_the_list(tmp_path: Path) -> None:
    data = run(tmp_path, f"{SCAN}\n\n{SCAN}", "-f", "json").ok().json
    assert len(data["plans"]) == 2
    first, second = (plan["findings"] for plan in data["plans"])
    assert first
    assert {one["evidence"]["plan"] for one in first} == {1}
    assert {one["evidence"]["plan"] for one in second} == {2}
    assert sorted(json.dumps(one) for one in data["findings"]) == sorted(
        json.dumps(one) for one in first + second
    )
    assert data["findings"][0]["file"].endswith("plan.txt")
    assert {one["line"] for one in data["findings"]} == {1, 7}


def test_people_see_where_a_finding_is(tmp_path: Path) -> None:
    assert "#0 Seq Scan on public.orders" in run(tmp_path, SCAN).ok().out
    assert "plan 2 #0 Seq Scan on public.orders" in run(tmp_path, f"{SCAN}\n\n{SCAN}").ok().out


def test_fail_on(tmp_path: Path) -> None:
    assert run(tmp_path, SCAN, "--fail-on", "info").code == 1
    assert run(tmp_path, "Result  (cost=0.00..0.01 rows=1 width=4)", "--fail-on", "info").code == 0


def test_what_a_plan_can_not_tell_is_skipped(tmp_path: Path) -> None:
    result = run(tmp_path, "Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)", "--strict")
    assert result.code == 4
    assert "ANALYZE" in result.out
    skipped = report([Given(plan_of())]).skipped
    assert [one.what for one in skipped if one.what == "blocks read"]


def test_every_format_renders_hostile_names() -> None:
    plans = read_plans(f'Seq Scan on "{HOSTILE}"  (cost=0.00..1.00 rows=1 width=4)\n')
    for name in Format:
        assert "\x1b" not in render(report([Given(one) for one in plans]), name)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe(io.TextIOWrapper):
        def isatty(self) -> bool:
            return False

    for arguments in ((), ("-",)):
        monkeypatch.setattr(sys, "stdin", Pipe(io.BytesIO(SCAN.encode())))
        data = dbtune("explain", *arguments, "-f", "json").ok().json
        assert data["plans"][0]["source"]["file"] is None


def test_on_a_terminal_nothing_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    result = dbtune("explain")
    assert result.code == 2
    assert "--sql" in result.err


def test_of_many_plans_the_slowest_come_first(tmp_path: Path) -> None:
    one = "Seq Scan on t{0}  (cost=0..1 rows=1 width=4) (actual time=0.1..{0}.0 rows=1 loops=1)\n"
    text = "\n\n".join(one.format(n) for n in (3, 9, 1, 7))
    assert [plan["number"] for plan in run(tmp_path, text, "-f", "json").json["plans"]] == [
        1,
        2,
        3,
        4,
    ]
    few = run(tmp_path, text, "-f", "json", "--limit", "2").ok().json
    assert [plan["nodes"][0]["relation"] for plan in few["plans"]] == ["t9", "t7"]
    assert "4 plans found" in few["notes"][0]


def test_several_files_and_a_large_one_under_a_progress_bar(tmp_path: Path) -> None:
    large = tmp_path / "large.log"
    line = "2026-01-01 00:00:00 UTC [1] LOG:  connection received: host=1.2.3.4\n"
    large.write_text(line * 90_000)
    packed = tmp_path / "plan.gz"
    packed.write_bytes(gzip.compress(SCAN.encode()))
    data = dbtune("explain", str(large), str(packed), "-f", "json").ok().json
    assert [Path(plan["source"]["file"]).name for plan in data["plans"]] == ["plan.gz"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nix.txt"], "nix.txt: there is no such file"),
        (["."], "can't be read"),
        (["x", "--analyze"], "--analyze needs a statement"),
        (["x", "--param", "1=2"], "--param needs a statement"),
        (["--sql", "SELECT 1", "--queryid", "1", "postgresql://h/x"], "give one of"),
        (["--sql", "SELECT 1", "a", "b"], "one TARGET, not 2"),
        (["--sql", "SELECT 1", "--allow-write", "postgresql://h/x"], "needs --analyze"),
        (["--file", "nix.sql", "postgresql://h/x"], "--file nix.sql"),
        (["--sql", "SELECT 1", "--param", "x=1", "postgresql://h/x"], "is not NUMBER=VALUE"),
    ],
)
def test_usage_errors(arguments: list[str], expected: str) -> None:
    result = dbtune("explain", *arguments)
    assert result.code == 2
    assert expected in result.err


def test_what_is_no_plan_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, "hello\nworld\n")
    assert result.code == 2
    assert "expected a plan" in result.err


def test_of_several_plans_one_may_be_broken(tmp_path: Path) -> None:
    good = json.dumps([{"Plan": {"Node Type": "Result", "Plan Rows": 1}}])
    result = run(tmp_path, f'{good}\n\n[{{"Plan": {{"Node Type": "Result", oops}}]\n', "-f", "json")
    assert result.code == 0
    assert len(result.json["plans"]) >= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1=42", (1, "42")), ("$2=a=b", (2, "a=b")), ("3=", (3, "")), (r"1=\N", (1, None))],
)
def test_parameters(text: str, expected: tuple[int, str | None]) -> None:
    assert parameter(text) == expected


@pytest.mark.parametrize("text", ["", "x=1", "0=1", "1", "-1=2", "1.5=2"])
def test_no_parameters(text: str) -> None:
    with pytest.raises(UsageError):
        parameter(text)


def test_options_are_those_that_a_version_has() -> None:
    assert "MEMORY" not in estimating(16)
    assert "ANALYZE" not in estimating(18)
    assert {"ANALYZE", "BUFFERS", "WAL", "SETTINGS", "VERBOSE"} <= set(measuring(13))
    assert "SERIALIZE TEXT" not in measuring(16)
    assert {"SERIALIZE TEXT", "MEMORY"} <= set(measuring(17))


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.json", '{\n  "schema_version"'),
        ("a.MD", "## dbtune explain"),
        ("a.csv", "number,source"),
        ("a.txt", "\nexecution 900 ms"),
        ("a", "\nexecution 900 ms"),
    ],
)
def test_the_name_of_the_output_says_its_format(tmp_path: Path, name: str, start: str) -> None:
    run(tmp_path, SCAN, "-o", str(tmp_path / name)).ok()
    assert (tmp_path / name).read_text().startswith(start)
    run(tmp_path, SCAN, "-o", str(tmp_path / name), "--force", "-f", "ndjson").ok()
    assert (tmp_path / name).read_text().startswith('{"type": "header"')


def test_each_of_several_logged_plans_has_its_own_statement(tmp_path: Path) -> None:
    bodies = [f"Query Text: SELECT {n}\n{SCAN}" for n in range(3)]
    for between in ("", "\n"):
        data = run(tmp_path, between.join(bodies), "-f", "json").ok().json
        assert [plan["statement"] for plan in data["plans"]] == ["SELECT 0", "SELECT 1", "SELECT 2"]
        without = [body.replace("Execution Time: 900.000 ms\n", "") for body in bodies]
        data = run(tmp_path, between.join(without), "-f", "json").ok().json
        assert [plan["statement"] for plan in data["plans"]] == ["SELECT 0", "SELECT 1", "SELECT 2"]
