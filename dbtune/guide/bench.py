"""Trade-offs that ``dbtune bench`` measured: its result files as tables and curves.

They are reports like any other: what is drawn is told by the columns, not by the benchmark.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbtune.bench import cache_report, index_report, pool_report, writes_report
from dbtune.errors import UsageError
from dbtune.guide.model import Block, Curve, Curves, Grid, Lines, Section, Text
from dbtune.report import Column, Kind, Row, Table
from dbtune.text import plain

MAX_BYTES = 20 * 1024**2
_SHARED = frozenset(
    "schema_version dbtune_version command target collected_at findings skipped examined notes "
    "artifacts".split()
)
_UNITS: tuple[tuple[str, Kind, str], ...] = (
    ("_per_second", "float", "/s"),
    ("per_second", "float", "per second"),
    ("_bytes", "bytes", ""),
    ("_ms", "ms", ""),
    ("_seconds", "seconds", ""),
    ("_ratio", "ratio", ""),
)
_NO_NUMBERS = ("text", "sql", "object", "bool")
_LEAST_POINTS = 3


@dataclass(frozen=True, slots=True)
class Bench:
    """A result file.

    Attributes:
        name: the file.
        command: which benchmark.
        target: what it was made on, or "".
        at: when, RFC 3339, or "".
        tables: what it measured.
        notes: what it says of itself.
    """

    name: str
    command: str
    target: str
    at: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def read(path: Path) -> Bench:
    """Read a result of ``dbtune bench ... --format json``.

    Raises:
        UsageError: it can't be read, or is none.
    """
    name = plain(str(path))
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise UsageError(f"--bench {name} is larger than {MAX_BYTES // 1024**2} MiB")
        found = json.loads(text)
    except OSError as error:
        raise UsageError(f"--bench {name} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"--bench {name} is not JSON: dbtune bench ... -f json -o FILE") from None
    command = found.get("command") if isinstance(found, dict) else None
    if not isinstance(command, str) or not command.startswith("bench"):
        raise UsageError(f"--bench {name} is no result of dbtune bench (bench ... -f json -o FILE)")
    target = found.get("target")
    return Bench(
        path.name,
        plain(command),
        str(target.get("name") or "") if isinstance(target, dict) else "",
        str(found.get("collected_at") or ""),
        tuple(_tables(found)),
        tuple(str(note) for note in found.get("notes") or () if isinstance(note, str)),
    )


def section(bench: Bench) -> Section:
    """What was measured: curves where something was varied, and every table."""
    about = " · ".join(one for one in (bench.target, bench.at, bench.name) if one)
    blocks: list[Block] = [Text(about, "note")]
    for table in bench.tables:
        curves = None if table.record else _curves(table, bench.tables)
        blocks.append(curves or Grid(table))
    if bench.notes:
        blocks.append(Lines(bench.notes))
    return Section(f"dbtune {bench.command}", tuple(blocks))


# ------------------------------------------------------------------------------------ from JSON


_OWN = {
    "bench pool": pool_report.TABLES,
    "bench writes": writes_report.TABLES,
    "bench index": index_report.TABLES,
    "bench cache": cache_report.TABLES,
}
"""Tables of each benchmark: what a file has beside them is shown as well."""


def _tables(found: Mapping[str, Any]) -> Iterator[Table]:
    own = {table.name: table for table in _OWN.get(found["command"], ())}
    for name, value in found.items():
        if name in _SHARED:
            continue
        rows = [value] if isinstance(value, dict) else value
        if not isinstance(rows, list) or not rows or not all(isinstance(r, dict) for r in rows):
            continue
        names = list(dict.fromkeys(key for row in rows for key in row))
        table = own.get(name)
        known = {} if table is None else {column.name: column for column in table.columns}
        columns = tuple(_column(key, rows, known.get(key)) for key in names)
        title = plain(name.replace("_", " ")).capitalize() if table is None else table.title
        yield Table(name, title, columns, tuple(rows), record=isinstance(value, dict))


def _column(name: str, rows: Sequence[Mapping[str, Any]], known: Column | None) -> Column:
    values = [row.get(name) for row in rows if row.get(name) is not None]
    kind, title = _kind(name, values)
    # A file can be anybody's: values that are not of the column's kind are shown as what they are.
    if known is not None and _same(kind, known.kind):
        return known
    bounds = name.endswith(("_low", "_high")) or "_low_" in name or "_high_" in name
    nested = kind == "object"
    return Column(name, title, kind, "", None if bounds or nested else 0)


def _same(kind: Kind, known: Kind) -> bool:
    if kind in ("text", "sql"):
        return known in ("text", "sql")
    return kind == known or not (kind in _NO_NUMBERS or known in _NO_NUMBERS)


def _kind(name: str, values: Sequence[object]) -> tuple[Kind, str]:
    title = plain(name.replace("_", " ")).strip()
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    if any(isinstance(one, dict | list) for one in values):
        return "object", title
    if values and all(isinstance(one, bool) for one in values):
        return "bool", title
    if not numbers or not values:
        return ("sql" if name in ("statement", "query") else "text"), title
    for suffix, kind, unit in _UNITS:
        if name.endswith(suffix):
            return kind, f"{title.removesuffix(suffix.replace('_', ' ')).strip()}{unit}" or unit
    return ("int" if all(isinstance(one, int) for one in values) else "float"), title


# -------------------------------------------------------------------------------------- as curves


def _curves(table: Table, tables: Sequence[Table]) -> Curves | None:
    """A table whose first column is a number that was varied, and others that were measured."""
    if not table.columns:
        return None
    axis = table.columns[0]
    xs = [row.get(axis.name) for row in table.rows]
    if len(xs) < _LEAST_POINTS or not all(_is_number(x) for x in xs) or len(set(xs)) < len(xs):
        return None
    measured = [one for one in table.columns[1:] if _is_measured(one)]
    curves = [curve for one in measured if (curve := _curve(table.rows, axis.name, one.name))]
    if not curves:
        return None
    records = [other.rows[0].get(axis.name) for other in tables if other.record]
    chosen = next((float(str(one)) for one in records if _is_number(one) and one in xs), None)
    title = plain(axis.name.replace("_", " "))
    return Curves(table.title, title, tuple(curves), chosen, table)


def _is_measured(column: Column) -> bool:
    """Rates and times: what one trades for the other."""
    if column.rank is None or "error" in column.name:
        return False
    return column.name.endswith("per_second") or column.name in ("p95_ms", "mean_ms", "wait_p95_ms")


def _curve(rows: Sequence[Row], axis: str, name: str) -> Curve | None:
    stem, unit = (name.removesuffix("_ms"), "_ms") if name.endswith("_ms") else (name, "")
    points, low, high = [], [], []
    for row in sorted(rows, key=lambda row: float(str(row[axis]))):
        if not _is_number(value := row.get(name)):
            return None
        points.append((float(str(row[axis])), float(str(value))))
        bounds = row.get(f"{stem}_low{unit}"), row.get(f"{stem}_high{unit}")
        if all(map(_is_number, bounds)):
            low.append(float(str(bounds[0])))
            high.append(float(str(bounds[1])))
    complete = len(low) == len(points)
    title = name.replace("_", " ").replace(" ms", ", ms")
    return Curve(title, tuple(points), tuple(low * complete), tuple(high * complete))


def _is_number(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(float(str(value)))
