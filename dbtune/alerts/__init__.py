"""``gen-config alerts``: rules for Prometheus, with thresholds from the planned sizes.

Names of metrics are those of prometheus-community's postgres_exporter and pgbouncer_exporter, of
oliver006's redis_exporter, and of Percona's mongodb_exporter.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module

from dbtune import __version__
from dbtune.alerts.model import Alert, Limits
from dbtune.report import Artifact, Column, Report, Table
from dbtune.text import parse_seconds

_WIDTH = 94

RULES = Table(
    "alerts",
    "Alerts",
    (
        Column("alert", "alert", "text", "Name of the alert."),
        Column("severity", "severity", "text", "warning or critical."),
        Column("for_seconds", "for", "seconds", "How long it must be so.", 1),
        Column("threshold", "threshold", "text", "How the threshold came about."),
        Column("expression", "expression", "text", "In PromQL.", None),
    ),
)


class Exporter(StrEnum):
    """What is watched."""

    postgresql = "postgresql"
    pgbouncer = "pgbouncer"
    redis = "redis"
    mongodb = "mongodb"


NAMES = {
    Exporter.postgresql: "prometheus-community/postgres_exporter",
    Exporter.pgbouncer: "prometheus-community/pgbouncer_exporter",
    Exporter.redis: "oliver006/redis_exporter",
    Exporter.mongodb: "percona/mongodb_exporter",
}


def alerts(exporter: Exporter, limits: Limits) -> list[Alert]:
    """The rules of an exporter: each has a module of its own."""
    module = import_module(f"dbtune.alerts.{exporter}")
    return list(module.alerts(limits))


def generate(exporters: Sequence[Exporter], limits: Limits) -> Report:
    """A file of rules, and the table of them."""
    groups = {one: alerts(one, limits) for one in dict.fromkeys(exporters)}
    lines = [f"# Rules for Prometheus, by dbtune {__version__}. Check: promtool check rules FILE"]
    lines.append("groups:")
    for exporter, rules in groups.items():
        lines += [f"  - name: dbtune-{exporter}", f"    # metrics of {NAMES[exporter]}"]
        lines.append("    rules:")
        for rule in rules:
            lines += _written(rule)
    rows = tuple(
        {
            "alert": one.name,
            "severity": one.severity,
            "for_seconds": parse_seconds(one.lasting),
            "threshold": one.threshold,
            "expression": one.expression,
        }
        for rules in groups.values()
        for one in rules
    )
    notes = []
    if Exporter.pgbouncer in groups and limits.plan.pool_size is None:
        notes.append(
            "the size of the pools is not known, so nothing watches how full they are: give the"
            " options of dbtune pool-size"
        )
    if Exporter.postgresql in groups:
        notes.append("PostgresWraparound needs postgres_exporter --collector.database_wraparound")
    if Exporter.mongodb in groups:
        notes.append("most MongoDB rules need mongodb_exporter --collector.diagnosticdata")
    return Report(
        "gen-config alerts",
        (Table(RULES.name, RULES.title, RULES.columns, rows),),
        notes=tuple(notes),
        artifacts=(Artifact("dbtune-alerts.yml", "\n".join(lines) + "\n", "yaml"),),
    )


def _written(rule: Alert) -> list[str]:
    comment = textwrap.wrap(f"Threshold: {rule.threshold}.", _WIDTH, break_on_hyphens=False)
    return [
        *(f"      # {line}" for line in comment),
        f"      - alert: {rule.name}",
        f"        expr: {json.dumps(rule.expression, ensure_ascii=False)}",
        f"        for: {rule.lasting}",
        f"        labels: {{severity: {rule.severity}}}",
        "        annotations:",
        f"          summary: {json.dumps(rule.summary, ensure_ascii=False)}",
        f"          description: {json.dumps(rule.action, ensure_ascii=False)}",
    ]
