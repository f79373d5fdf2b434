"""explain flame: what makes frames wide, and what is said where that is not known."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.command import dbtune

SAMPLES = Path(__file__).parents[1] / "plans" / "samples"
SORT = str(SAMPLES / "pg18-parallel-sort.text")
PLANNED = "Seq Scan on t  (cost=0.00..12.34 rows=1 width=4)\n"


def total(folded: str) -> int:
    return sum(int(line.rpartition(" ")[2]) for line in folded.splitlines())


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.json")), ids=lambda file: file.stem)
def test_folded_stacks_are_the_whole_time(file: Path) -> None:
    plans = dbtune("explain", str(file), "-f", "json").ok().json["plans"]
    if all(plan["timing"] for plan in plans):
        folded = dbtune("explain", "flame", str(file), "-f", "folded").ok().out
        whole = sum(plan["total_ms"] for plan in plans)
        assert total(folded) == pytest.approx(whole * 1000, abs=1 + 10 * len(plans))


def test_by_blocks_and_by_cost() -> None:
    plan = dbtune("explain", SORT, "-f", "json").ok().json["plans"][0]
    root = plan["nodes"][0]
    kinds = ("shared_hit", "shared_read", "local_hit", "local_read", "temp_read", "temp_written")
    blocks = dbtune("explain", "flame", SORT, "-f", "folded", "--by", "buffers").ok().out
    assert total(blocks) == sum(root["buffers"][kind] for kind in kinds)
    cost = dbtune("explain", "flame", SORT, "-f", "folded", "--by", "cost").ok().out
    assert total(cost) == pytest.approx(root["total_cost"] * 100, abs=1)
    assert blocks != cost


def test_without_times_it_is_cost_or_an_error(tmp_path: Path) -> None:
    plan = tmp_path / "plan.txt"
    plan.write_text(PLANNED)
    assert dbtune("explain", "flame", str(plan), "-f", "folded").ok().out == (
        "plan;Seq Scan on t 1234\n"
    )
    for by, wanted in (("time", "ANALYZE"), ("buffers", "BUFFERS")):
        result = dbtune("explain", "flame", str(plan), "--by", by)
        assert result.code == 2
        assert wanted in result.err
        assert "line 1" in result.err


def test_plans_that_lack_it_are_left_out_and_named(tmp_path: Path) -> None:
    plan = tmp_path / "plan.txt"
    plan.write_text(PLANNED + "\n" + Path(SORT).read_text())
    result = dbtune("explain", "flame", str(plan), "--by", "time", "-f", "folded").ok()
    assert "Sort" in result.out
    assert "plan.txt, line 1 has no times" in result.err


def test_the_files_name_says_the_format(tmp_path: Path) -> None:
    for name in ("a.svg", "a.folded", "a.json", "a.txt"):
        dbtune("explain", "flame", SORT, "-o", str(tmp_path / name)).ok()
    for name in ("a.svg", "a.txt"):
        ElementTree.fromstring((tmp_path / name).read_text())
    assert json.loads((tmp_path / "a.json").read_text())["profiles"]
    assert (tmp_path / "a.folded").read_text().startswith("statement;Gather Merge ")
    chosen = tmp_path / "b.svg"
    dbtune("explain", "flame", SORT, "-o", str(chosen), "-f", "folded").ok()
    assert chosen.read_text().startswith("statement;")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nix.txt"], "there is no such file"),
        ([SORT, "-f", "table"], "speedscope"),
        ([SORT, "--by", "rows"], "buffers"),
    ],
)
def test_usage_errors(arguments: list[str], expected: str) -> None:
    result = dbtune("explain", "flame", *arguments)
    assert result.code == 2
    assert expected in result.err


def test_a_file_called_flame_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flame").write_text(PLANNED)
    monkeypatch.chdir(tmp_path)
    assert "Seq Scan" in dbtune("explain", "flame").ok().out


MONGO = """{"explainVersion": "1", "queryPlanner": {"namespace": "shop.orders", "winningPlan":
{"stage": "COLLSCAN"}}, "executionStats": {"executionSuccess": true, "nReturned": 1,
"executionTimeMillis": 80, "totalKeysExamined": 0, "totalDocsExamined": 9, "executionStages":
{"stage": "COLLSCAN", "nReturned": 1, "executionTimeMillisEstimate": 70, "docsExamined": 9}}}"""


def test_plans_of_mongodb_are_drawn_by_time(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(MONGO)
    folded = dbtune("explain", "flame", str(plan), "-f", "folded").ok().out
    assert folded.splitlines()[0] == "statement;COLLSCAN on shop.orders 70000"
    assert total(folded) == 80_000
    assert dbtune("explain", "flame", str(plan), "--by", "cost").code == 2
    assert dbtune("explain", "flame", str(plan), SORT).code == 2
