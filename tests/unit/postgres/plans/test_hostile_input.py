"""Whatever is cut off or garbled: a plan, or one sentence with a place; never a traceback."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans

SAMPLES = sorted((Path(__file__).parent / "samples").iterdir())
CORPUS = [path.read_bytes() for path in SAMPLES]
HEAD = "2026-11-28 21:00:00.123 UTC [77] user=u,db=d LOG:  "
RECORD = f"{HEAD}statement: SELECT 1"


def stderr(body: str) -> str:
    """A server's log with an entry of auto_explain."""
    entry = "\n\t".join(["duration: 12.345 ms  plan:", *body.split("\n")])
    return f"{RECORD}\n{HEAD}{entry}\n{RECORD}\n"


def csvlog(body: str) -> str:
    out = io.StringIO()
    row = ["2026-11-28 21:00:00.123 UTC", "u", "d", "77", "LOG", "00000"]
    csv.writer(out, lineterminator="\n").writerow([*row, f"duration: 12.345 ms  plan:\n{body}", ""])
    return f"{','.join(row)},x\n{out.getvalue()}{','.join(row)},x\n"


def jsonlog(body: str) -> str:
    message = f"duration: 12.345 ms  plan:\n{body}"
    record = {"timestamp": "2026-11-28 21:00:00.123 UTC", "pid": 77, "message": message}
    return json.dumps({"timestamp": "x"}) + "\n" + json.dumps(record) + "\n"


LOGS: tuple[Callable[[str], str], ...] = (stderr, csvlog, jsonlog)


def read(text: bytes) -> list[Plan]:
    """The plans, or none if the input is refused with a place."""
    problem = ""
    try:
        return read_plans(text)
    except UsageError as refused:
        problem = str(refused)
    assert "line " in problem or "could not be read to its end" in problem
    assert "\n" not in problem
    return []


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_an_entry_of_a_log_is_the_plan_itself(path: Path, log: Callable[[str], str]) -> None:
    body = path.read_text().rstrip("\n")
    [alone] = read_plans(body)
    [found] = read_plans(log(body))
    # The duration of the log is another whole, of which nodes have another share.
    assert [replace(one, self_ratio=None) for one in found.nodes] == [
        replace(one, self_ratio=None) for one in alone.nodes
    ]
    assert found.source.origin == "log"
    assert found.duration_ms == 12.345
    assert not found.truncated


@given(st.data())
def test_cut_off_anywhere(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(CORPUS))
    read(text[: data.draw(st.integers(0, len(text)))])


@given(st.data())
def test_cut_off_anywhere_in_a_log(data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(CORPUS)).decode()
    text = data.draw(st.sampled_from(LOGS))(body).encode()
    read(text[: data.draw(st.integers(0, len(text)))])


@given(st.data())
def test_bytes_that_were_changed(data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from(CORPUS)))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text) - 1))
        match data.draw(st.sampled_from(("set", "insert", "delete", "repeat"))):
            case "set":
                text[at] = data.draw(st.integers(0, 255))
            case "insert":
                text[at:at] = data.draw(st.binary(max_size=3))
            case "delete":
                del text[at : at + data.draw(st.integers(1, 40))]
            case _:
                text[at:at] = text[at : at + data.draw(st.integers(1, 200))]
        if not text:
            return
    read(bytes(text))


@pytest.mark.parametrize("name", ["pg18-subplans", "pg15-parallel-sort"])
@pytest.mark.parametrize("form", ["text", "json", "yaml", "xml"])
def test_half_a_plan_is_read_and_marked(name: str, form: str) -> None:
    path = next((one for one in SAMPLES if one.name == f"{name}.{form}"), None)
    if path is None:
        path = next(
            one for one in SAMPLES if one.suffix == f".{form}" and one.stat().st_size > 2000
        )
    text = path.read_text()
    [whole] = read_plans(text)
    [half] = read_plans(text[: int(len(text) * 0.6)])
    assert half.truncated
    assert 0 < len(half.nodes) <= len(whole.nodes)


@pytest.mark.parametrize("start", [b"BZh9", b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh"])
def test_what_only_begins_like_an_archive(start: bytes) -> None:
    with pytest.raises(UsageError, match="could not be read to its end"):
        read_plans(start + b" Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n" * 3)


NODE_STARTS = {".text": "->  ", ".yaml": "- Node Type:"}
LATE_SUBPLAN = "pg13-subplans"
"""Its SubPlan comes last and nothing before mentions it: without it all seems whole."""


@pytest.mark.parametrize(
    "path", [one for one in SAMPLES if one.suffix in NODE_STARTS], ids=attrgetter("name")
)
def test_cut_between_nodes(path: Path) -> None:
    lines = path.read_text().rstrip("\n").split("\n")
    starts = [at for at, line in enumerate(lines) if NODE_STARTS[path.suffix] in line]
    for at in starts[:-2] if path.stem == LATE_SUBPLAN else starts:
        for plan in read("\n".join(lines[:at]).encode()):
            assert plan.truncated, lines[at]


def test_the_last_plan_without_its_execution_time() -> None:
    scan = "Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..1.0 rows=9 loops=1)\n"
    end = "Planning Time: 0.1 ms\nExecution Time: 1.2 ms\n\n"
    assert [plan.truncated for plan in read_plans(scan + end + scan)] == [False, True]
    assert [plan.truncated for plan in read_plans(scan + "\n" + scan)] == [False, False]
    assert [plan.truncated for plan in read_plans(scan + "\n" + scan + end)] == [False, False]
    with_summary_off = scan + end + scan + "\n" + scan
    assert [plan.truncated for plan in read_plans(with_summary_off)] == [False, False, False]


WRITES = """\
Insert on public.u  (cost=1.62..1.67 rows=0 width=0)
  CTE d
    ->  Delete on public.changed  (cost=0.00..1.62 rows=2 width=6)
          ->  Seq Scan on public.changed  (cost=0.00..1.62 rows=2 width=6)
                Filter: (changed.id > 48)
  ->  CTE Scan on d  (cost=0.00..0.04 rows=2 width=40)
"""


def test_a_statement_that_writes_is_charged_for_its_ctes() -> None:
    (plan,) = read_plans(WRITES)
    assert not plan.truncated
    (half,) = read_plans("".join(WRITES.splitlines(keepends=True)[:4]))
    assert half.truncated
