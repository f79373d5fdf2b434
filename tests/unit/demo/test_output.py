"""The demo's output in every format: reports one after another, or one document."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from dbtune.cli.command import Format, Output
from dbtune.cli.demo import TABLES, _emit
from dbtune.demo.kept import Kept
from dbtune.demo.report import ENOUGH_SECONDS, next_steps, state, summary
from dbtune.finding import Confidence, Finding, Level, Remedy
from dbtune.render.document import schema
from dbtune.report import Column, Report, Table

FINDING = Finding(
    subject="SELECT name, country FROM customers WHERE id = $1",
    message="called often",
    remedy=Remedy("fetch them at once"),
    level=Level.warning,
    confidence=Confidence.estimated,
    rule="pg.n-plus-one",
)
ROWS = Table("rows", "Rows", (Column("a", "a", "int", "A number."),), ({"a": 1},))
SHOWN = [
    ("dbtune slow-queries demo", Report("slow-queries", (ROWS,), findings=(FINDING,))),
    ("dbtune pool-size demo", Report("pool-size", (ROWS,), notes=("observed",))),
]
KEPT = Kept("/nonexistent/dbtune-x", "postgresql:///shop", "", "2026-01-01T00:00:00Z")


def emitted(format_name: Format, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed in a format."""
    _emit(SHOWN, summary(SHOWN, {"slow-queries"}), Output(format_name))
    return capsys.readouterr().out


@pytest.mark.parametrize("format_name", [Format.table, Format.markdown])
def test_people_read_one_report_after_another(
    format_name: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    text = emitted(format_name, capsys)
    first, second, planted = (
        text.index(word) for word in ("fetch them at once", "observed", "Planted problems")
    )
    assert first < second < planted
    assert text.count("fetch them at once") == 1


def test_a_page_has_all_reports(capsys: pytest.CaptureFixture[str]) -> None:
    text = emitted(Format.html, capsys)
    assert text.count("<!doctype html>") == 1
    for words in (">$ dbtune slow-queries demo: Rows", ">Planted problems", "fetch them at once"):
        assert text.count(words) == 1


def test_the_table_shows_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    lines = emitted(Format.table, capsys).splitlines()
    assert [line for line in lines if line.startswith("$")] == [f"$ {one}" for one, _ in SHOWN]


def test_json_is_one_document_that_its_schema_describes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = json.loads(emitted(Format.json, capsys))
    jsonschema.validate(document, schema("demo", TABLES))
    assert [one["command"] for one in document["reports"]] == [one for one, _ in SHOWN]
    assert document["reports"][0]["report"]["findings"][0]["rule"] == "pg.n-plus-one"
    assert [one["rule"] for one in document["findings"]] == ["pg.n-plus-one"]
    assert document["planted"][0]["found"] is True


def test_other_formats_hold_the_findings_of_all_reports(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [json.loads(line) for line in emitted(Format.ndjson, capsys).splitlines()]
    assert [one["rule"] for one in lines if one["type"] == "finding"] == ["pg.n-plus-one"]
    sarif = json.loads(emitted(Format.sarif, capsys))
    assert len(sarif["runs"][0]["results"]) == 1
    assert list(ElementTree.fromstring(emitted(Format.junit, capsys)).iter("failure"))
    assert "pg.n-plus-one" in emitted(Format.github, capsys)


def test_csv_is_the_table_of_planted_problems(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(emitted(Format.csv, capsys))))
    assert rows[0]["name"] == "n-plus-one"


def test_it_can_be_written_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "demo.txt"
    _emit(SHOWN, summary(SHOWN, ()), Output(path=path, quiet=True))
    assert path.read_text().startswith("$ dbtune slow-queries demo\n")


def test_next_steps_depend_on_whether_it_runs_on() -> None:
    assert "removed" in " ".join(next_steps(None))
    assert "too short" in next_steps(None, ENOUGH_SECONDS - 1)[0]
    assert next_steps(KEPT)[-1] == "end it with: dbtune demo stop"


def test_a_kept_demo_whose_server_is_gone_is_not_running() -> None:
    assert state(KEPT).rows[0]["state"] == "not running"
    assert state(None).rows[0] == {"state": "not running"}
