"""Checks on bloat: where it is, and what makes it. What they share stands here."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from dbtune.postgres.bloat.facts import Bloat, Estimate, Kind, Relation
from dbtune.postgres.bloat.table import label
from dbtune.text import plural


class Dead(NamedTuple):
    """Dead rows that are still there.

    Attributes:
        tables: the tables that have them, most first.
        rows: how many, all together.
    """

    tables: tuple[Estimate, ...]
    rows: float


def dead_rows(bloat: Bloat, *, catalog: bool = False) -> Dead:
    """Dead rows of users' tables, or of the catalog."""
    having = [
        one
        for one in bloat.estimates
        if one.relation.kind is not Kind.INDEX
        and one.relation.catalog == catalog
        and (one.dead_rows or 0) > 0
    ]
    having.sort(key=lambda one: -(one.dead_rows or 0))
    return Dead(tuple(having), sum(one.dead_rows or 0 for one in having))


def in_tables(dead: Dead, bloat: Bloat) -> str:
    """``in public.orders and 3 other tables``."""
    names = [label(one.relation, bloat.sizes) for one in dead.tables]
    if len(names) <= 2:
        return "in " + " and ".join(names)
    return f"in {names[0]} and {plural(len(names) - 1, 'other table')}"


def vacuumed(relation: Relation) -> datetime | None:
    """When VACUUM last went through it, by hand or by itself."""
    counters = relation.counters
    times = [at for at in (counters.last_vacuum, counters.last_autovacuum) if at]
    return max(times, default=None)


def subject(estimate: Estimate, bloat: Bloat) -> str:
    """``table public.orders``, ``TOAST of public.orders``, ``index public.orders_pkey``."""
    relation = estimate.relation
    words = {
        Kind.TABLE: "table",
        Kind.TOAST: "TOAST of",
        Kind.MATERIALIZED_VIEW: "materialized view",
        Kind.INDEX: "index of TOAST of" if relation.schema == "pg_toast" else "index",
    }
    return f"{words[relation.kind]} {label(relation, bloat.sizes)}"
