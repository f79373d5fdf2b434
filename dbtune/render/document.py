"""The report as plain data, and the JSON Schema of that data. JSON and NDJSON print it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, SupportsFloat

from dbtune import __version__
from dbtune.finding import Confidence, Finding, Level, Skipped
from dbtune.report import SCHEMA_VERSION, Column, Kind, Report, Row, Table

_JSON_TYPES: dict[Kind, dict[str, Any]] = {
    "text": {"type": ["string", "null"]},
    "sql": {"type": ["string", "null"]},
    "int": {"type": ["integer", "null"]},
    "id": {"type": ["integer", "null"]},
    "float": {"type": ["number", "null"]},
    "ms": {"type": ["number", "null"]},
    "seconds": {"type": ["number", "null"]},
    "bytes": {"type": ["integer", "null"]},
    "ratio": {"type": ["number", "null"]},
    "share": {"type": ["number", "null"]},
    "bool": {"type": ["boolean", "null"]},
    "time": {"type": ["string", "null"], "format": "date-time"},
    "list": {"type": ["array", "null"], "items": {"type": "string"}},
    "object": {"type": ["object", "array", "null"]},
}


def document(report: Report) -> dict[str, Any]:
    """The whole report: header, each table under its name, findings, skipped, notes, artifacts."""
    return {
        **header(report),
        **{
            table.name: row_data(table, table.rows[0]) if table.record else rows_data(table)
            for table in report.tables
            if table.rows or not table.record
        },
        "findings": [finding_data(finding) for finding in report.findings],
        "skipped": [skipped_data(skipped) for skipped in report.skipped],
        "examined": list(report.examined),
        "notes": list(report.notes),
        "artifacts": [
            {"filename": one.filename, "language": one.language, "text": one.text}
            for one in report.artifacts
        ],
    }


def header(report: Report) -> dict[str, Any]:
    """Schema version, tool version, command, target and time."""
    return {
        "schema_version": SCHEMA_VERSION,
        "dbtune_version": __version__,
        "command": report.command,
        "target": value(report.target),
        "collected_at": value(report.collected_at),
    }


def rows_data(table: Table) -> list[dict[str, Any]]:
    """A table's rows with every column present."""
    return [row_data(table, row) for row in table.rows]


def row_data(table: Table, row: Row) -> dict[str, Any]:
    """One row with every column present, in column order."""
    return {column.name: _typed(column, row.get(column.name)) for column in table.columns}


def _typed(column: Column, item: Any) -> Any:
    found = value(item)
    if isinstance(found, float) and column.kind in ("int", "id", "bytes"):
        return round(item)  # not of what was found: a Decimal has more digits than a float
    return found


def finding_data(finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    return {
        "rule": finding.rule,
        "level": (finding.level or Level.info).name,
        "confidence": (finding.confidence or Confidence.measured).value,
        "subject": finding.subject,
        "message": finding.message,
        "evidence": value(finding.evidence),
        "why": finding.why,
        "remedy": {
            "text": finding.remedy.text,
            "sql": finding.remedy.sql,
            "config": finding.remedy.config,
            "effect": finding.remedy.effect,
        },
        "mistaken_when": finding.mistaken_when,
        "verify": finding.verify,
        "fingerprint": finding.fingerprint,
        "file": finding.file or None,
        "line": finding.line or None,
    }


def skipped_data(skipped: Skipped) -> dict[str, Any]:
    """Something skipped, as plain data."""
    return {"what": skipped.what, "reason": skipped.reason, "remedy": skipped.remedy}


def value(item: object) -> Any:
    """A value as JSON knows it: times in RFC 3339 UTC, durations in seconds, no NaN.

    A dataclass becomes an object of its fields.
    """
    if isinstance(item, bool) or item is None or isinstance(item, str | int):
        return item
    if isinstance(item, SupportsFloat):  # a Decimal, too
        number = float(item)
        return round(number, 6) if math.isfinite(number) else None
    if isinstance(item, datetime):
        return item.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(item, timedelta):
        return item.total_seconds()
    if isinstance(item, Mapping):
        return {str(key): value(one) for key, one in item.items()}
    if isinstance(item, Finding):
        return finding_data(item)
    if dataclasses.is_dataclass(item):
        return {one.name: value(getattr(item, one.name)) for one in dataclasses.fields(item)}
    if isinstance(item, Iterable):
        return [value(one) for one in item]
    return str(item)


def schema(command: str, tables: Iterable[Table]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a command's ``--format json`` output."""
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "schema_version": {"type": "string", "pattern": rf"^{SCHEMA_VERSION.split('.')[0]}\."},
        "dbtune_version": text,
        # "profile" stands for "profile list", "profile test", ..., too.
        "command": {"type": "string", "pattern": f"^{command}( |$)"},
        "target": {"type": ["object", "null"]},
        "collected_at": {"type": ["string", "null"], "format": "date-time"},
    }
    kinds: dict[str, list[dict[str, Any]]] = {}  # of a command whose engines' rows differ
    for table in tables:
        row = _object({column.name: _column_schema(column) for column in table.columns})
        kinds.setdefault(table.name, []).append(row)
        rows = kinds[table.name]
        row = row if len(rows) == 1 else {"anyOf": rows}
        described = {"description": table.title}
        properties[table.name] = described | (
            row if table.record else {"type": "array", "items": row}
        )
    properties["findings"] = {"type": "array", "items": _finding_schema()}
    properties["skipped"] = {
        "type": "array",
        "items": _object(dict.fromkeys(("what", "reason", "remedy"), text)),
    }
    properties["examined"] = {"type": "array", "items": text}
    properties["notes"] = {"type": "array", "items": text}
    properties["artifacts"] = {
        "type": "array",
        "items": _object(dict.fromkeys(("filename", "language", "text"), text)),
    }
    # A command with several forms (one rule or all of them) gives the tables of one of them.
    tables_given = {table.name for table in tables}
    whole = _object(properties)
    whole["required"] = [name for name in properties if name not in tables_given]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"dbtune {command}",
        **whole,
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    # Additional properties stay allowed: fields are added within a major version.
    return {"type": "object", "properties": properties, "required": list(properties)}


def _finding_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return _object(
        {
            "rule": text,
            "level": {"enum": [level.name for level in Level]},
            "confidence": {"enum": [one.value for one in Confidence]},
            "subject": text,
            "message": text,
            "evidence": {"type": "object"},
            "why": text,
            "remedy": _object(dict.fromkeys(("text", "sql", "config", "effect"), text)),
            "mistaken_when": text,
            "verify": text,
            "fingerprint": text,
            "file": {"type": ["string", "null"]},
            "line": {"type": ["integer", "null"]},
        }
    )


def _column_schema(column: Column) -> dict[str, Any]:
    if column.holds is None:
        return {"description": column.help, **_JSON_TYPES[column.kind]}
    if column.holds is Finding:
        return {"description": column.help, "type": "array", "items": _finding_schema()}
    from dbtune.render.type_schema import type_schema

    return {"description": column.help, "anyOf": [type_schema(column.holds), {"type": "null"}]}
