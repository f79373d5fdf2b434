"""When autovacuum comes to a table, and when it should, by what happens to the table."""

from __future__ import annotations

from typing import NamedTuple

from dbtune.postgres.bloat.facts import Relation, Sizes
from dbtune.postgres.bloat.remedy import name_of

_OFF = ("off", "false", "no", "0")
WANTED_RATIO = 0.05
"""Dead rows beside live ones that are no harm: every scan reads a twentieth in vain."""
SHORTEST_SECONDS = 600.0
"""More often than this a VACUUM of a large table would hardly end."""
_LEAST_ROWS = 1000


class Threshold(NamedTuple):
    """When autovacuum comes.

    Attributes:
        rows: dead rows that make it come.
        factor: the scale factor in force.
        base: the threshold in force.
    """

    rows: float
    factor: float
    base: float


class Advice(NamedTuple):
    """Settings of a table.

    Attributes:
        sql: the statement.
        rows: dead rows that would make autovacuum come.
        factor, base: the new settings.
        every_seconds: how often that would be; ``None`` if not known.
    """

    sql: str
    rows: float
    factor: float
    base: int
    every_seconds: float | None


def is_off(relation: Relation, sizes: Sizes) -> str:
    """Why autovacuum never comes (but to prevent wraparound), or ""."""
    return "autovacuum_enabled is off for it" if is_off_for(relation) else is_off_everywhere(sizes)


def is_off_for(relation: Relation) -> bool:
    """Whether it was turned off for this table."""
    return relation.options.get("autovacuum_enabled", "on").lower() in _OFF


def is_off_everywhere(sizes: Sizes) -> str:
    """Why autovacuum comes to no table, or ""."""
    if sizes.settings.get("autovacuum", "on") in _OFF:
        return "autovacuum is off"
    if sizes.settings.get("track_counts", "on") in _OFF:
        return "track_counts is off, without which autovacuum does not come"
    return ""


def threshold(relation: Relation, sizes: Sizes) -> Threshold:
    """Dead rows at which autovacuum comes (autovacuum.c, relation_needs_vacanalyze)."""
    base = _number(relation, sizes, "autovacuum_vacuum_threshold", 50)
    factor = _number(relation, sizes, "autovacuum_vacuum_scale_factor", 0.2)
    rows = base + factor * (relation.rows or relation.counters.live)
    most = _number(relation, sizes, "autovacuum_vacuum_max_threshold", -1)  # PostgreSQL 18
    return Threshold(min(rows, most) if most >= 0 else rows, factor, base)


def _number(relation: Relation, sizes: Sizes, name: str, default: float) -> float:
    for value in (relation.options.get(name), sizes.settings.get(name)):
        try:
            return float(value)  # type: ignore[arg-type] # None is a TypeError
        except (TypeError, ValueError):
            continue
    return default


def dead_rate(relation: Relation, sizes: Sizes) -> float | None:
    """Rows that die in a second, on average since statistics began; ``None`` if not known."""
    if sizes.stats_since is None:
        return None
    seconds = (sizes.at - sizes.stats_since).total_seconds()
    counters = relation.counters
    return (counters.updated + counters.deleted) / seconds if seconds >= 600 else None


def advice(relation: Relation, sizes: Sizes) -> Advice | None:
    """Settings that make autovacuum come in time; ``None`` if it does already."""
    rows = relation.rows or float(relation.counters.live)
    rate = dead_rate(relation, sizes)
    wanted = max(_LEAST_ROWS, WANTED_RATIO * rows, (rate or 0.0) * SHORTEST_SECONDS)
    if threshold(relation, sizes).rows < 2 * wanted or rows <= 0:
        return None
    factor = float(f"{max(0.001, (wanted - _LEAST_ROWS) / rows):.1g}")
    sql = (
        f"ALTER TABLE {name_of(relation)} SET (autovacuum_vacuum_scale_factor = {factor:g}, "
        f"autovacuum_vacuum_threshold = {_LEAST_ROWS});"
    )
    comes_at = _LEAST_ROWS + factor * rows
    return Advice(sql, comes_at, factor, _LEAST_ROWS, comes_at / rate if rate else None)
