"""``explain diff`` and ``explain check`` as they are run: on a real server's plans, and in CI."""

from __future__ import annotations

import io
import json
import resource
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import pytest

from tests.command import Result, dbtune
from tests.servers import Connection, Postgres

EXAMPLES = Path(__file__).parents[2] / "examples" / "plans"
GOOD, BAD = (
    str(EXAMPLES / "baseline/orders_of_customer.txt"),
    str(EXAMPLES / "orders_of_customer.txt"),
)
QUERY = "SELECT * FROM orders WHERE customer_id = 4711"
POLICY = """
plans:
  sequential-scan: {tables: [orders], above-rows: 1000}
  index-lost: forbid
"""


def write_plan(connection: Connection, path: Path, query: str, options: str) -> str:
    rows = connection.execute(f"EXPLAIN ({options}) {query}".encode()).fetchall()
    text = [row[0] if isinstance(row[0], str) else json.dumps(row[0]) for row in rows]
    path.write_text("\n".join(text) + "\n")
    return str(path)


def test_an_index_makes_the_plan_faster_and_check_notices_its_loss(
    database18: tuple[Postgres, str], tmp_path: Path
) -> None:
    pg, name = database18
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    analyze = "ANALYZE, BUFFERS, SETTINGS"
    with pg.connect(name) as connection:
        for statement in (
            "CREATE TABLE orders (id int, customer_id int, note text)",
            "INSERT INTO orders SELECT i, i % 20000, repeat('x', 50) "
            "FROM generate_series(1, 200000) i",
            "VACUUM ANALYZE orders",
            "SET max_parallel_workers_per_gather = 0",
        ):
            connection.execute(statement.encode())
        without = write_plan(connection, tmp_path / "without" / "q.txt", QUERY, analyze)
        connection.execute(b"CREATE INDEX orders_customer_id ON orders (customer_id)")
        # In another format: the two need not be alike.
        options = f"{analyze}, FORMAT JSON"
        found = write_plan(connection, tmp_path / "with" / "q.txt", QUERY, options)

    made = dbtune("explain", "diff", without, found, "-f", "json", "--fail-on", "info").ok().json
    measures = {one["name"]: one for one in made["verdict"]["measures"]}
    assert measures["time"]["verdict"] == "faster"
    assert measures["blocks"]["verdict"] == "less"
    assert measures["rows"]["verdict"] == "same"
    assert measures["cost"]["verdict"] == "cheaper"
    assert made["changes"][0]["indexes_gained"] == ["orders_customer_id"]
    assert [one["state"] for one in made["rules"]] == ["fixed"]
    assert made["findings"] == []

    back = dbtune("explain", "diff", found, without, "-f", "json", "--fail-on", "warning")
    assert back.code == 1
    assert {one["rule"] for one in back.json["findings"]} >= {
        "plan.slower-than-before",
        "plan.index-lost",
        "plan.more-blocks-than-before",
    }

    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    base = tmp_path / "base"
    by = ("--policy", str(policy), "--baseline", str(base), "-f", "json")
    assert dbtune("explain", "check", found, *by).code == 2  # there is no baseline yet
    dbtune("explain", "check", found, "--write-baseline", str(base)).ok()
    again = dbtune("explain", "check", found, *by, "--strict").ok().json
    assert [row["verdict"] for row in again["plans"]] == ["passed"]
    failed = dbtune("explain", "check", without, *by)
    assert failed.code == 1
    assert [one["rule"] for one in failed.json["findings"]] == [
        "plan.forbidden-seq-scan",
        "plan.index-lost-since-baseline",
    ]


def test_a_baseline_that_can_t_be_written_stays_as_it_was(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    kept = base / Path(GOOD).name
    kept.write_text("the old one")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))  # as a disk that is full
    try:
        made = dbtune("explain", "check", GOOD, "--write-baseline", str(base))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert made.code == 2
    assert f"{kept} can't be written" in made.err
    assert list(base.iterdir()) == [kept]
    assert kept.read_text() == "the old one"


def test_a_file_where_a_folder_belongs_is_said_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "base"
    file.touch()
    made = dbtune("explain", "check", GOOD, "--write-baseline", str(file))
    assert (made.code, f"{file} is a file; name a folder" in made.err) == (2, True)


def check_examples(*options: str) -> Result:
    plans = [str(path) for path in sorted(EXAMPLES.glob("*.txt"))]
    by = ("--policy", str(EXAMPLES / "policy.yaml"), "--baseline", str(EXAMPLES / "baseline"))
    return dbtune("explain", "check", *plans, *by, *options)


def test_the_example_finds_the_lost_index_and_lets_the_report_through() -> None:
    made = check_examples("-f", "json")
    assert made.code == 1
    verdicts = {Path(row["file"]).name: row["verdict"] for row in made.json["plans"]}
    assert verdicts == {"orders_of_customer.txt": "failed", "report.txt": "excepted"}
    assert [row["state"] for row in made.json["exceptions"]] == ["used"]
    assert check_examples("--fail-on", "never").code == 0
    assert made.json["skipped"] == []


def test_findings_point_to_the_plan_file() -> None:
    github = check_examples("-f", "github").out
    assert f"file={BAD},line=1" in github
    sarif: Any = check_examples("-f", "sarif").json
    [run] = sarif["runs"]
    uris = {
        place["physicalLocation"]["artifactLocation"]["uri"]
        for result in run["results"]
        for place in result["locations"]
    }
    assert all(uri.endswith("orders_of_customer.txt") for uri in uris)
    assert "plan.index-lost-since-baseline" in check_examples("-f", "junit").out


@pytest.mark.parametrize("name", ["diff", "check"])
def test_output_follows_the_schema(name: str) -> None:
    made = dbtune("explain", "diff", GOOD, BAD, "-f", "json") if name == "diff" else None
    made = made or check_examples("-f", "json")
    schema = dbtune("schema", f"explain {name}").ok().json
    jsonschema.Draft202012Validator(schema).validate(made.json)


@pytest.mark.parametrize("name", ["table", "markdown", "csv", "ndjson", "junit", "github"])
def test_every_format_has_a_diff(name: str) -> None:
    assert "orders" in dbtune("explain", "diff", GOOD, BAD, "-f", name).ok().out


def test_two_plans_in_one_input() -> None:
    both = Path(GOOD).read_text() + "\n" + Path(BAD).read_text()
    with mock.patch("sys.stdin", io.StringIO(both)):
        made = dbtune("explain", "diff", "-", "-f", "json").ok().json
    assert made["verdict"]["time"].startswith("slower: 130 µs → 62.9 ms")


def test_a_plan_file_that_is_called_diff_is_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "dbtune explain diff" in dbtune("explain", "diff").err  # its usage error
    (tmp_path / "diff").write_text(Path(GOOD).read_text())
    assert "orders_customer_id" in dbtune("explain", "diff").ok().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("diff", "-", "-"), "only one of the two"),
        (("diff", GOOD), "has 1 plan, and number 2 is asked for"),
        (("diff", GOOD, BAD, "--plan", "2"), "has 1 plan, and number 2 is asked for"),
        (("diff", GOOD, "/nonexistent"), "there is no such file"),
        (("diff", GOOD, __file__), "expected a plan"),
        (("check", GOOD), "give --policy FILE, --baseline DIR or both"),
        (("check", GOOD, "--policy", "/nonexistent"), "--policy /nonexistent: No such file"),
        (("check", GOOD, "--policy", GOOD), "line "),
        (("check", GOOD, "--baseline", "/nonexistent"), "there is no such folder"),
        (("check", GOOD, BAD, "--write-baseline", "x"), "two files are called"),
    ],
)
def test_mistakes_are_usage_errors(arguments: tuple[str, ...], message: str) -> None:
    result = dbtune("explain", *arguments)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err
