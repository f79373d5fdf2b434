"""Databases as they are configured, and how many connections each has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dbtune.facts import fact
from dbtune.pgbouncer.session import Session
from dbtune.pooling.pooler import CONSOLE, Entry


@fact("entries")
def entries(session: Session) -> tuple[Entry, ...]:
    """``SHOW DATABASES``."""
    return entries_of(session.show("DATABASES"))


def entries_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """From the rows of ``SHOW DATABASES``, whichever columns this version has."""
    return tuple(
        Entry(
            row["name"],
            row["host"] or "",
            int(row["port"] or 0),
            row["database"] or "",
            pool_size=row["pool_size"],
            min_pool_size=row.get("min_pool_size") or 0,
            # Named reserve_pool before 1.24.
            reserve_pool_size=row.get("reserve_pool_size", row.get("reserve_pool")) or 0,
            mode=row.get("pool_mode") or "",
            max_connections=row.get("max_connections") or 0,
            connections=row.get("current_connections") or 0,
            paused=bool(row.get("paused")),
            disabled=bool(row.get("disabled")),
        )
        for row in rows
        if row["name"] != CONSOLE
    )
