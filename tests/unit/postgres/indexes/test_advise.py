"""From statements to suggestions, where no server is needed to see it."""

from __future__ import annotations

from typing import Any

from dbtune.postgres.indexes.advice import Options
from dbtune.postgres.indexes.advise import advise
from dbtune.postgres.indexes.workload import from_script
from tests.unit.postgres.indexes.relations import relations, table


class Silent:
    """A planner that must not be asked."""

    calls = 0
    notes: tuple[str, ...] = ()

    def size_bytes(self, _: object) -> int:
        return 1

    def refuses(self, _: object) -> str:
        return ""


def test_statements_that_the_deadline_leaves_no_time_for_are_named() -> None:
    planner: Any = Silent()
    workload = from_script("SELECT * FROM t WHERE a = 1; SELECT * FROM t WHERE a = 2", "x.sql")
    found = advise(planner, relations(table("t", "a int 9000")), workload, Options(seconds=1e-6))
    assert found.suggestions == ()
    assert [one.text for one in found.passed] == [one.text for one in workload.queries]
    assert {one.reason for one in found.passed} == {
        "the deadline was near: give --deadline more time"
    }
