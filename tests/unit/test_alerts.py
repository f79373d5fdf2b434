"""Generated alert rules: a file that Prometheus reads, with thresholds from the plan."""

from __future__ import annotations

import re
from typing import Any

import promql_parser
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbtune.alerts import Exporter, generate
from dbtune.alerts.model import Limits
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive
from tests.command import dbtune

PLANNED = PoolInputs(
    requests_per_second=300, hold_time_ms=20, cpus=8, max_connections=200, instances=4, threads=8
)
DURATION = re.compile(r"\d+(s|m|h)")


def rules(report_text: str) -> dict[str, Any]:
    """The rules of a file by their names; fails where Prometheus would."""
    found: dict[str, Any] = {}
    for group in yaml.safe_load(report_text)["groups"]:
        for rule in group["rules"]:
            assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
            promql_parser.parse(rule["expr"])
            assert DURATION.fullmatch(rule["for"])
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert rule["alert"] not in found
            for text in rule["annotations"].values():
                assert text.count("{{") == text.count("}}")
                assert re.sub(r"\{\{ [^{}]* \}\}", "", text).count("{") == 0
            found[rule["alert"]] = rule
    return found


@given(
    st.builds(
        PoolInputs,
        max_connections=st.none() | st.integers(1, 5000),
        cpus=st.none() | st.floats(0.1, 512),
        instances=st.none() | st.integers(1, 500),
        threads=st.none() | st.integers(1, 500),
        requests_per_second=st.none() | st.floats(0.1, 1e5),
        hold_time_ms=st.none() | st.floats(0.01, 1e4),
    ),
    st.floats(1, 86_400),
    st.floats(0.1, 86_400),
)
def test_every_file_is_one_that_prometheus_reads(
    inputs: PoolInputs, request: float, lag: float
) -> None:
    report = generate(list(Exporter), Limits(derive(inputs), request, lag))
    found = rules(report.artifacts[0].text)
    assert {row["alert"] for row in report.tables[0].rows} == found.keys()


def test_thresholds_come_from_the_plan() -> None:
    plan = derive(PLANNED)
    assert plan.pool_size is not None
    made = rules(generate(list(Exporter), Limits(plan)).artifacts[0].text)
    saturated = made["PgbouncerPoolSaturated"]["expr"]
    assert saturated.endswith(f"> {int(0.85 * plan.pool_size)}")
    assert made["PostgresConnectionsNearLimit"]["expr"].endswith("> 157")  # 0.8 * (200 - 3)
    assert made["PostgresManyActive"]["expr"].endswith("> 32")
    assert made["PgbouncerClientsAboutToFail"]["expr"].endswith("> 7.5")


def test_without_a_plan_thresholds_are_shares_of_what_servers_tell() -> None:
    report = generate(list(Exporter), Limits(derive(PoolInputs())))
    made = rules(report.artifacts[0].text)
    assert "pg_settings_max_connections" in made["PostgresConnectionsNearLimit"]["expr"]
    assert "PgbouncerPoolSaturated" not in made
    assert any("how full they are" in note for note in report.notes)


@pytest.mark.parametrize("exporter", Exporter)
def test_only_what_is_asked_for(exporter: Exporter) -> None:
    out = dbtune("gen-config", "alerts", "--for", exporter, "-q").ok().out
    groups = yaml.safe_load(out)["groups"]
    assert [group["name"] for group in groups] == [f"dbtune-{exporter}"]
    prefix = {"postgres": "pg"}.get(exporter, exporter)
    for rule in groups[0]["rules"]:
        # Nothing of another exporter's: it would never fire.
        names = re.findall(r"\b(?:pg|pgbouncer|redis|mongodb)_\w+", rule["expr"])
        assert names
        assert all(name.startswith(f"{prefix}_") for name in names)


def test_mistakes_get_a_sentence() -> None:
    result = dbtune("gen-config", "alerts", "--for", "mysql")
    assert result.code == 2
    assert "mysql" in result.err
