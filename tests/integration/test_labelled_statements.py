"""Statements with known best indexes of each kind, and statements that want none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dbtune.postgres.indexes.planner import PlannerChoice
from dbtune.profile import profile_from_url
from dbtune.session import open_postgres
from tests.labelled_statements import cases, fill, judge
from tests.servers import Postgres, fresh_database

WAYS = [(18, PlannerChoice.lab), (15, PlannerChoice.auto)]


@pytest.fixture(scope="module")
def labelled(pg: Callable[[int], Postgres]) -> Iterator[Callable[[int], str]]:
    """URLs of the labelled tables, by the server's version."""
    urls: dict[int, str] = {}
    with fresh_database(pg(18)) as on_18, fresh_database(pg(15)) as on_15:

        def url(version: int) -> str:
            if version not in urls:
                name = on_18 if version == 18 else on_15
                fill(pg(version), name)
                urls[version] = pg(version).dsn(name)
            return urls[version]

        yield url


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"])
@pytest.mark.parametrize(("version", "planner"), WAYS, ids=["lab", "hypopg"])
def test_hits_and_false_alarms(
    labelled: Callable[[int], str], version: int, planner: PlannerChoice, together: bool
) -> None:
    wanted, unwanted = cases("wanted"), cases("unwanted")
    assert len(wanted) >= 50
    assert len(unwanted) >= 40
    with open_postgres(profile_from_url(labelled(version), "labelled")) as session:
        outcomes = judge(session, planner, wanted + unwanted, together=together)
    assert {one.case.name: one.told for one in outcomes if not one.right} == {}
