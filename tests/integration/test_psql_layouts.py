"""Plans as real psql prints them: whatever the layout, it is the same plan.

scripts/bench/explain-frames does it with every layout and many more plans.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.psql_layouts import Psql, layouts, psqls
from tests.servers import Postgres, fresh_database
from tests.unit.postgres.plans.test_frames import FORMATS, sample

PLANS = ("pg18-literal", "pg18-parallel-sort")
OTHERS = re.compile(r"(?:titled|no footer) border [01]|wrapped (?:40|80|100|132)|border 2$")
LAYOUTS = {name: commands for name, commands in layouts() if not OTHERS.search(name)}


@pytest.fixture(scope="module")
def psql(pg: Callable[[int], Postgres]) -> Iterator[Psql]:
    server = pg(18)
    with fresh_database(server) as dbname:
        made = Psql(server, dbname)
        for name in PLANS:
            made.add(name, {form: sample(name, form) for form in FORMATS})
        yield made


@pytest.mark.parametrize("layout", LAYOUTS)
def test_psql(psql: Psql, layout: str) -> None:
    version, program = max(psqls().items())
    printed = psql.printed(program, LAYOUTS[layout], psql.names)
    assert len(printed) == len(psql.names), f"psql {version} printed nothing"
    verdicts = {name: psql.verdict(name, text) for name, text in printed.items()}
    # A wrapped table of old-ascii does not say where it broke lines.
    right = {"equal", "warned"} if "wrapped" in layout and "old-ascii" in layout else {"equal"}
    assert {name for name, verdict in verdicts.items() if verdict not in right} == set()
