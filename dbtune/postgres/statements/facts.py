"""What pg_stat_statements holds at one moment: typed, immutable, serialisable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dbtune.errors import Unavailable
from dbtune.postgres import is_own

COUNTERS = (
    "calls",
    "rows",
    "total_exec_time",
    "plans",
    "total_plan_time",
    "shared_blks_hit",
    "shared_blks_read",
    "local_blks_hit",
    "local_blks_read",
    "temp_blks_read",
    "temp_blks_written",
    "shared_blk_read_time",
    "shared_blk_write_time",
    "local_blk_read_time",
    "local_blk_write_time",
    "temp_blk_read_time",
    "temp_blk_write_time",
    "wal_records",
    "wal_fpi",
    "wal_bytes",
    "jit_generation_time",
    "jit_inlining_time",
    "jit_optimization_time",
    "jit_emission_time",
)
"""Columns that only grow; times in milliseconds, blocks in blocks (usually of 8 KiB)."""

RENAMED = {"blk_read_time": "shared_blk_read_time", "blk_write_time": "shared_blk_write_time"}
"""Names before PostgreSQL 17 and since."""


@dataclass(frozen=True, slots=True)
class Key:
    """Identity of an entry."""

    userid: int
    dbid: int
    queryid: int | None
    toplevel: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of pg_stat_statements.

    Attributes:
        key: its identity.
        user: role name.
        database: database name.
        counters: the columns of :data:`COUNTERS` that this server has.
        min_ms: fastest execution; ``None`` if not known for the time that the entry stands for.
        max_ms: slowest execution, likewise.
        stddev_ms: population standard deviation of the execution time.
        stats_since: since when the entry counts (PostgreSQL 17 and later).
        text: the statement, at most :data:`TEXT_LIMIT` characters; ``None`` if it was not read.
    """

    key: Key
    user: str
    database: str
    counters: Mapping[str, float]
    min_ms: float | None
    max_ms: float | None
    stddev_ms: float
    stats_since: datetime | None = None
    text: str | None = None

    @property
    def calls(self) -> float:
        """Executions."""
        return self.counters["calls"]

    @property
    def total_ms(self) -> float:
        """Execution time of all calls."""
        return self.counters["total_exec_time"]

    @property
    def is_own(self) -> bool:
        """Whether the statement is dbtune's."""
        return is_own(self.text or "")


TEXT_LIMIT = 8192
"""Characters of a statement that are read; longer ones are cut by the server."""


@dataclass(frozen=True, slots=True)
class Reading:
    """pg_stat_statements at one moment.

    Attributes:
        at: the server's clock.
        entries: rows whose statement this role may see.
        hidden_entries: rows that belong to other roles and are hidden from this one.
        stats_reset: when all entries were last reset (PostgreSQL 14 and later).
        dealloc: how often entries were evicted because pg_stat_statements.max was reached.
        texts_missing: why no entry has its text, or "".
        texts_remedy: what gives them back, or "".
    """

    at: datetime
    entries: tuple[Entry, ...]
    hidden_entries: int = 0
    stats_reset: datetime | None = None
    dealloc: int | None = None
    texts_missing: str = ""
    texts_remedy: str = ""

    def require_texts(self) -> None:
        """Make sure that statements can be told apart by what they do.

        Raises:
            Unavailable: no text could be read.
        """
        if self.texts_missing:
            raise Unavailable(self.texts_missing, self.texts_remedy)


@dataclass(frozen=True, slots=True)
class Setup:
    """How pg_stat_statements is installed and set on a server.

    Attributes:
        schema: the schema it was created in; "" when it was not created in this database.
        columns: columns of its view.
        preloaded: whether it is in shared_preload_libraries; ``None`` if this role can't see.
        preload_libraries: that setting, "" if not visible.
        settings: pg_stat_statements.* and what else changes the meaning of its numbers.
    """

    schema: str
    columns: tuple[str, ...]
    preloaded: bool | None
    preload_libraries: str
    settings: Mapping[str, str]

    @property
    def block_bytes(self) -> int:
        """Size of a block."""
        return int(self.settings.get("block_size", "8192"))
