"""JSON of explain: what stands in it under which name, and that its schema holds for all of it."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from tests.command import dbtune

SAMPLES = sorted((Path(__file__).parents[1] / "plans/samples").glob("*.json"))
PLAN = set(
    """source statement query_id duration_ms planning_ms execution_ms settings analyzed timing
    buffers verbose jit planning serialization triggers nodes findings summary truncated total_ms
    unaccounted_ms""".split()
)
NODE = set(
    """id parent depth relationship type label relation schema alias index cte subplan startup_cost
    total_cost self_cost plan_rows plan_width actual_startup_ms actual_total_ms actual_rows loops
    processes planned_total_rows total_rows total_rows_min total_rows_max removed inclusive_ms
    self_ms self_ratio cpu_ms self_error_ms pays_for row_factor row_direction buffers self_buffers
    io
    self_io wal self_wal workers conditions props""".split()
)
FINDING = {"rule", "level", "confidence", "subject", "message", "evidence", "why", "remedy"}
FINDING |= {"mistaken_when", "verify"}


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(dbtune("schema", "explain").ok().json)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_names_and_types(file: Path, schema: jsonschema.Draft202012Validator) -> None:
    data = dbtune("explain", str(file), "-f", "json").ok().json
    schema.validate(data)
    for plan in data["plans"]:
        assert set(plan) >= PLAN
        assert [node["id"] for node in plan["nodes"]] == list(range(len(plan["nodes"])))
        for node in plan["nodes"]:
            assert set(node) >= NODE
            assert node["parent"] is None or node["parent"] < node["id"]
        for finding in plan["findings"]:
            assert set(finding) >= FINDING
            assert {"plan", "saving_at_most_ms", "saving_at_most_ratio"} <= set(finding["evidence"])


def test_an_error_would_be_seen(schema: jsonschema.Draft202012Validator) -> None:
    data = dbtune("explain", str(SAMPLES[0]), "-f", "json").ok().json
    data["plans"][0]["nodes"][0]["self_ms"] = "long"
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(data)
