"""Which plan of the baseline belongs to which plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dbtune.errors import Unavailable, UsageError
from dbtune.postgres.explain.report import Given
from dbtune.postgres.plan_policy.baseline import baselines, copies
from dbtune.postgres.plans.read import read_plans

PLAN = "Seq Scan on {}  (cost=0.00..{}.00 rows=10 width=4)\n"
KNOWN = PLAN + "Query Identifier: {}\n"


def read(name: str) -> list[Given]:
    return [Given(plan, name) for plan in read_plans(Path(name).read_text())]


def tables(given: Sequence[Given], folder: Path) -> list[object]:
    found = baselines(given, folder, read)
    return [
        one.reason if isinstance(one, Unavailable) else (one.root.relation, one.root.total_cost)
        for one in found
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    return tmp_path / "base"


def given(folder: Path, before: Sequence[str], after: Sequence[str]) -> list[Given]:
    (folder / "q.txt").write_text("\n".join(before))
    (folder.parent / "q.txt").write_text("\n".join(after))
    return read(str(folder.parent / "q.txt"))


def test_by_query_id_whatever_the_order(folder: Path) -> None:
    before = [KNOWN.format("a", 1, 11), KNOWN.format("b", 2, 22)]
    after = [KNOWN.format("b", 3, 22), KNOWN.format("a", 4, 11), KNOWN.format("c", 5, 33)]
    plans = given(folder, before, after)
    assert tables(plans[:2], folder) == [("b", 2.0), ("a", 1.0)]
    assert "has 2 plans of this file, not 3" in str(tables(plans, folder)[2])


def test_by_order_if_both_have_as_many(folder: Path) -> None:
    same = PLAN.format("a", 9)
    plans = given(folder, [PLAN.format("a", 1), PLAN.format("a", 2)], [same, same])
    assert tables(plans, folder) == [("a", 1.0), ("a", 2.0)]


def test_no_file_of_the_name(folder: Path) -> None:
    plan = read_plans(PLAN.format("a", 1))[0]
    assert "has no plan for other.txt" in str(tables([Given(plan, "x/other.txt")], folder)[0])
    assert "has no plan for standard input" in str(tables([Given(plan)], folder)[0])


def test_what_is_copied(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("one")
    assert copies([str(tmp_path / "q.txt")]) == {"q.txt": b"one"}


def test_standard_input_has_no_name() -> None:
    with pytest.raises(UsageError, match="needs plans in files"):
        copies(["-"])
