"""Logs of two periods side by side."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.command import dbtune


def day(path: Path, date: str, *, slower: float = 1.0, errors: int = 0, tables: int = 4) -> str:
    """A log of some minutes in which one statement takes so many times as long."""
    chance = random.Random(len(date) + int(slower * 10))
    at = datetime.fromisoformat(f"{date} 08:00:00")
    text = []
    for number in range(800):
        at += timedelta(seconds=1)
        head = f"{at:%Y-%m-%d %H:%M:%S}.000 UTC [{number % 3}] app@shop "
        table = number % tables
        ms = chance.lognormvariate(1, 0.5) * (slower if table == 1 else 1)
        text.append(
            f"{head}LOG:  duration: {ms:.3f} ms  statement: SELECT * FROM t{table} WHERE a = 5\n"
        )
        if number < errors:
            text.append(f"{head}ERROR:  division by zero\n")
    with path.open("a") as file:
        file.write("".join(text))
    return str(path)


def compared(*options: str) -> Any:
    found = dbtune("slow-queries", *options, "-f", "json").ok().json
    jsonschema.validate(found, dbtune("schema", "slow-queries").ok().json)
    return found


def state(found: Any) -> dict[str, str]:
    return {one["statement"].split()[3]: one["state"] for one in found["changes"]}


def test_a_slower_statement_a_new_one_and_more_errors(tmp_path: Path) -> None:
    old = day(tmp_path / "old.log", "2026-11-27")
    new = day(tmp_path / "new.log", "2026-11-28", slower=4, errors=200, tables=5)
    found = compared("--log", new, "--baseline", old)
    assert state(found) == {
        "t0": "no difference",
        "t1": "worse",
        "t2": "no difference",
        "t3": "no difference",
        "t4": "new",
    }
    slower = next(one for one in found["changes"] if one["state"] == "worse")
    assert slower["mean_ratio"] == pytest.approx(4, rel=0.2)
    assert (slower["before_calls"], slower["after_calls"]) == (200, 160)
    rules = {one["rule"]: one["message"] for one in found["findings"]}
    assert "compare.statement-slower" in rules
    assert "same work" not in rules["compare.statement-slower"], "a log does not tell the work"
    measures = {one["measure"]: one for one in found["measures"]}
    assert measures["errors_per_hour"]["verdict"] == "worse"
    assert measures["errors_per_hour"]["before"] == 0
    assert measures["deadlocks_per_hour"]["verdict"] == "no difference"
    assert found["compared"]["verdict"] in ("worse", "can't tell")

    mirrored = compared("--log", old, "--baseline", new)
    assert state(mirrored)["t1"] == "better"
    assert state(mirrored)["t4"] == "gone"
    assert not {one["rule"] for one in mirrored["findings"]} & set(rules)


def test_the_same_again_is_no_difference(tmp_path: Path) -> None:
    old = day(tmp_path / "old.log", "2026-11-27")
    found = compared("--log", old, "--baseline", old)
    assert set(state(found).values()) == {"no difference"}
    assert found["compared"]["verdict"] == "no difference"
    assert not [one for one in found["findings"] if one["rule"].startswith("compare.")]


def test_another_time_of_the_same_log(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    day(path, "2026-11-27")
    both = day(path, "2026-11-28", slower=4)
    found = compared("--log", both, "--baseline", "2026-11-27..2026-11-28")
    assert state(found)["t1"] == "worse"
    assert found["summary"]["calls"] == 800, "what is compared is what came after the baseline"
    found = compared(
        *(
            "--log",
            both,
            "--since",
            "2026-11-28 08:10",
            "--baseline",
            "2026-11-27..2026-11-27 08:10",
        )
    )
    assert found["summary"]["calls"] == 201
    assert sum(one["before_calls"] for one in found["changes"]) == 599


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--baseline", "/nonexistent.log"), "there is no such file"),
        (("--baseline", "2026-11-20..2026-11-21"), "nothing was logged then"),
        (("--baseline", "2026-11-20.."), "name its end, too"),
        (("--baseline", "yesterday..today"), "is no time"),
        (("--baseline", "2026-11-20..2026-11-21", "--baseline", "x"), "one time, or several files"),
        (("--baseline", "x", "--follow"), "does not go with --follow"),
        (("--baseline", "x", "--state", "s"), "does not go with --state"),
    ],
)
def test_mistakes(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    path = day(tmp_path / "server.log", "2026-11-27")
    result = dbtune("slow-queries", "--log", path, *options)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert words in result.err
