"""The report on a plan: its tables, notes, scenarios and formulas, for people and for JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from dbtune.pooling.formulas import formulas
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive
from dbtune.pooling.report import TABLES, report
from dbtune.pooling.scenarios import scenarios
from dbtune.render import Style, render
from dbtune.render.document import schema

FULL = PoolInputs(
    requests_per_second=1000,
    hold_time_ms=20,
    max_connections=100,
    cpus=8,
    wait_share=0.7,
    instances=5,
    workers=4,
    origins={"cpus": "--cpus"},
)
EXAMPLES = {
    "full": FULL,
    "direct": replace(FULL, pooler=False),
    "ceiling": PoolInputs(max_connections=100, instances=5),
    "impossible": replace(FULL, cpus=1),
    "nothing": PoolInputs(),
}


def document(inputs: PoolInputs) -> Any:
    return json.loads(render(report(derive(inputs)), "json", Style(width=None, color=False)))


@pytest.mark.parametrize("inputs", EXAMPLES.values(), ids=EXAMPLES)
def test_json_is_valid_against_its_schema(inputs: PoolInputs) -> None:
    jsonschema.validate(document(inputs), schema("pool-size", TABLES))


@pytest.mark.parametrize("inputs", EXAMPLES.values(), ids=EXAMPLES)
@pytest.mark.parametrize("width", [80, 200])
def test_fits_the_terminal(inputs: PoolInputs, width: int) -> None:
    text = render(report(derive(inputs)), "table", Style(width=width, color=False))
    assert max(map(len, text.splitlines())) <= width


def test_every_number_has_its_unit_in_its_name() -> None:
    unit = re.compile(
        r"_(ms|connections|statements|ratio|second|size)$|^(value|low|high|step|instances|connections|holds)$"
        r"|^max_client_conn$|_needed$"
    )
    numeric = {"int", "float", "ms", "seconds", "bytes", "ratio", "share"}
    for table in TABLES:
        for column in table.columns:
            if column.kind in numeric:
                assert unit.search(column.name), column.name


def test_recommendation() -> None:
    said = document(FULL)["recommendation"]
    assert said["default_pool_size"] == 40
    assert said["instance_ceiling_connections"] == 16
    assert said["busy_connections"] == 20
    assert said["wait_p95_ms"] == 0
    assert said["constraint"] == "CPU cap"


def test_inputs_say_where_they_come_from_and_what_is_missing() -> None:
    rows = {row["name"]: row for row in document(replace(FULL, wait_share=None))["inputs"]}
    assert rows["cpus"]["source"] == "--cpus"
    assert rows["margin"]["source"] == "default"
    assert rows["wait_share"]["shown"] == "not known"
    assert "threads" not in rows


def test_derivation_is_numbered_and_its_last_size_is_the_recommended() -> None:
    steps = document(FULL)["derivation"]
    assert [step["step"] for step in steps] == list(range(1, len(steps) + 1))
    assert next(step["value"] for step in steps if step["symbol"] == "n") == 40
    assert all(step["formula"] and step["numbers"] and step["source"] for step in steps)


def test_scenarios() -> None:
    as_given, one_more, twice = scenarios(derive(FULL))
    assert as_given.holds
    assert one_more.holds
    assert twice.verdict == "more than the CPUs can do"
    assert twice.wait is None


def test_one_more_instance_without_a_pooler_takes_connections() -> None:
    one_more = scenarios(derive(EXAMPLES["direct"]))[1]
    assert one_more.server_connections == 96
    assert one_more.verdict == "4 connections more than the server has"


def test_twice_the_load_where_the_pool_is_too_small_tells_the_size() -> None:
    twice = scenarios(derive(replace(FULL, wait_share=None, cpus=None)))[-1]
    assert twice.verdict == "the queue grows without bound; needs 47"


def test_formulas_show_the_waits_that_they_would_bring() -> None:
    rows = {one.name: one for one in formulas(derive(FULL))}
    assert rows["PostgreSQL wiki, HikariCP"].connections == 17
    assert rows["PostgreSQL wiki, HikariCP"].wait is None
    assert rows["Little's law"].connections == 20
    assert rows["folklore"].connections == 16
    assert rows["SQLAlchemy's default"].total == 300
    assert "92" in rows["SQLAlchemy's default"].remark


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"wait_share": None}, "at least 60.0 % of the hold time is off the CPU"),
        ({"poolers": 2}, "spread evenly over 2 pools"),
        ({"requests_per_second": 40_000, "hold_time_ms": 0.3}, "one PgBouncer"),
        ({"instances": None}, "--instances (application pools and clients)"),
    ],
)
def test_notes(change: dict[str, Any], words: str) -> None:
    assert any(words in note for note in report(derive(replace(FULL, **change))).notes)


def test_thresholds_reach_the_checks() -> None:
    strict = {"pool.utilisation-too-high": {"most_pool_ratio": 0.4}}
    (finding,) = report(derive(FULL), thresholds=strict).findings
    assert finding.rule == "pool.utilisation-too-high"
