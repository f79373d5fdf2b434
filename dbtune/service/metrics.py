"""Kept reports as Prometheus metrics.

Findings become gauges by rule, records become a gauge for each number in them, whose name has the
unit, as the column has. Nothing is asked of a target for it but what the keeper makes anyhow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dbtune.finding import Level
from dbtune.report import Report, Table
from dbtune.service.kept import Keeper, Kept

MOST_FINDINGS = 200
"""Findings of one target that become metrics of their own: each is a time series."""
_NUMBERS = ("int", "float", "ms", "seconds", "bytes", "ratio", "share")


class _Reports(Collector):
    def __init__(self, keeper: Keeper, each: Iterable[tuple[str, str]]) -> None:
        self._keeper, self._each = keeper, list(each)

    def collect(self) -> Iterator[Metric]:
        found = [(t, n, kept) for t, n in self._each if (kept := self._keeper.last(t, n))]
        yield from self._service(found)
        yield from _findings(found)
        yield from _records(found)

    def _service(self, found: list[tuple[str, str, Kept]]) -> Iterator[Metric]:
        labels = ("target", "report")
        up = GaugeMetricFamily("dbtune_report_up", "1 if the report could be made.", labels=labels)
        age = GaugeMetricFamily("dbtune_report_age_seconds", "Age of the report.", labels=labels)
        took = GaugeMetricFamily(
            "dbtune_report_duration_seconds", "How long making it took.", labels=labels
        )
        made = CounterMetricFamily("dbtune_report_refreshes", "Times it was made.", labels=labels)
        failed = CounterMetricFamily(
            "dbtune_report_failures", "Times it could not be made.", labels=labels
        )
        for target, name, kept in found:
            up.add_metric((target, name), kept.report is not None)
            age.add_metric((target, name), round(self._keeper.age(kept), 3))
            took.add_metric((target, name), round(kept.took_seconds, 3))
            refreshes, failures = self._keeper.counts(target, name)
            made.add_metric((target, name), refreshes)
            failed.add_metric((target, name), failures)
        yield from (up, age, took, made, failed)


def _findings(found: list[tuple[str, str, Kept]]) -> Iterator[Metric]:
    labels = ("target", "report", "rule", "level", "subject")
    one = GaugeMetricFamily("dbtune_finding", "1 for each finding.", labels=labels)
    counts = GaugeMetricFamily(
        "dbtune_findings", "Findings by level.", labels=("target", "report", "level")
    )
    skipped = GaugeMetricFamily(
        "dbtune_skipped", "What could not be examined.", labels=("target", "report")
    )
    for target, name, kept in found:
        if kept.report is None:
            continue
        levels = [(finding.level or Level.info).name for finding in kept.report.findings]
        for level in Level:
            counts.add_metric((target, name, level.name), levels.count(level.name))
        skipped.add_metric((target, name), len(kept.report.skipped))
        seen = set()
        for finding, level_name in zip(kept.report.findings[:MOST_FINDINGS], levels, strict=False):
            key = (target, name, finding.rule, level_name, finding.subject[:200])
            if key not in seen:
                one.add_metric(key, 1)
            seen.add(key)
    yield from (one, counts, skipped)


def _records(found: list[tuple[str, str, Kept]]) -> Iterator[Metric]:
    gauges: dict[str, GaugeMetricFamily] = {}
    for target, _, kept in found:
        for table in kept.report.tables if kept.report else ():
            if table.record and table.rows:
                _numbers(kept.report, table, target, gauges)
    yield from gauges.values()


def _numbers(
    report: Report | None, table: Table, target: str, gauges: dict[str, GaugeMetricFamily]
) -> None:
    assert report is not None
    for column in table.columns:
        number = table.rows[0].get(column.name)
        if column.kind not in _NUMBERS or isinstance(number, bool) or number is None:
            continue
        name = re.sub(r"\W", "_", f"dbtune_{report.command}_{table.name}_{column.name}")
        gauge = gauges.setdefault(name, GaugeMetricFamily(name, column.help, labels=("target",)))
        gauge.add_metric((target,), float(str(number)))


def exposition(keeper: Keeper, each: Iterable[tuple[str, str]]) -> bytes:
    """The text that Prometheus scrapes (format 0.0.4), of targets and their reports."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Reports(keeper, each))
    return generate_latest(registry)
