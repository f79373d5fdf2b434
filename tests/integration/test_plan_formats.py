"""The same plan is the same in all four formats, on every server, with every option of EXPLAIN.

scripts/bench/explain-formats tries all statements with all options; here each is tried with some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dbtune.postgres.plans.read import read_plans
from tests.plan_printer import (
    ESTIMATES,
    EXECUTIONS,
    FORMATS,
    ONE_EXECUTION,
    Printer,
    differences,
    options_of,
    printer,
)
from tests.servers import INSTALLED, Postgres


@pytest.fixture(scope="module", params=INSTALLED, ids=lambda version: f"pg{version}")
def prints(request: pytest.FixtureRequest, pg: Callable[[int], Postgres]) -> Iterator[Printer]:
    with printer(pg(request.param)) as made:
        yield made


def test_one_execution_in_four_formats_is_one_plan(prints: Printer) -> None:
    different = {}
    for settings, statement in prints.statements():
        printed = prints.one_execution(ONE_EXECUTION["everything"], settings, statement)
        if found := differences(printed, prints.version):
            different[statement] = found
    assert different == {}


def test_every_option_of_explain_shows_the_same_in_all_formats(prints: Printer) -> None:
    estimates = options_of(ESTIMATES, prints.version)
    executions = options_of(EXECUTIONS, prints.version)
    different = {}
    for number, (settings, statement) in enumerate(prints.statements(), prints.version):
        tried = [(estimates[number // 3 % len(estimates)], number % 3 == 0)]
        tried += [(executions[number // 4 % len(executions)], number % 4 == 0)]
        for options in [options for options, due in tried if due]:
            volatile = "ANALYZE" in options or "SUMMARY" in options
            printed = prints.explained(options, settings, statement)
            if found := differences(printed, prints.version, volatile=volatile):
                different[options, statement] = found
    assert different == {}


def test_planning_that_reads_the_catalog_shows_its_blocks_in_all_formats(
    pg: Callable[[int], Postgres],
) -> None:
    """A new session has to read the catalog: the same blocks each time."""
    statement = "SELECT * FROM t JOIN u USING (id)"
    blocks = set()
    with printer(pg(17)) as first:
        for form in FORMATS:
            with Printer(pg(17), first.dbname) as fresh:
                [plan] = read_plans(fresh.explained("BUFFERS", "", statement, (form,))[form])
            assert plan.planning is not None
            assert plan.planning.buffers is not None
            blocks.add(plan.planning.buffers.shared_hit + plan.planning.buffers.shared_read)
    assert len(blocks) == 1
    assert blocks != {0}
