"""Statements with known best indexes of each kind, and statements that want none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from dbtune.postgres.indexes.planner import PlannerChoice
from dbtune.profile import profile_from_url
from dbtune.session import open_postgres
from tests.labelled_statements import cases, fill, judge
from tests.servers import Postgres, fresh_database

WAYS = [
    ("", 18, PlannerChoice.lab, False),
    ("", 18, PlannerChoice.lab, True),
    ("", 15, PlannerChoice.auto, False),
    ("shop_", 18, PlannerChoice.lab, False),
    ("freight_", 18, PlannerChoice.lab, False),
    ("meter_", 18, PlannerChoice.lab, False),
]
MISSED = {"the first that is known"}
"""A third of the rows is taken for what meets a range of an expression without statistics."""


@pytest.fixture(scope="module")
def labelled(pg: Callable[[int], Postgres]) -> Iterator[Callable[[str, int], str]]:
    """URLs of the labelled tables, by their name and the server's version."""
    urls: dict[tuple[str, int], str] = {}
    with ExitStack() as stack:

        def url(name: str, version: int) -> str:
            if (name, version) not in urls:
                database = stack.enter_context(fresh_database(pg(version)))
                fill(pg(version), database, f"{name}schema")
                urls[name, version] = pg(version).dsn(database)
            return urls[name, version]

        yield url


@pytest.mark.parametrize(("name", "version", "planner", "together"), WAYS)
def test_hits_and_false_alarms(
    labelled: Callable[[str, int], str],
    name: str,
    version: int,
    planner: PlannerChoice,
    together: bool,
) -> None:
    wanted, unwanted = cases(f"{name}wanted"), cases(f"{name}unwanted")
    assert len(wanted) >= 40
    assert len(unwanted) >= 20
    with open_postgres(profile_from_url(labelled(name, version), "labelled")) as session:
        outcomes = judge(session, planner, wanted + unwanted, together=together)
    assert {one.case.name: one.told for one in outcomes if not one.right}.keys() == (
        MISSED & {one.name for one in wanted}
    )
