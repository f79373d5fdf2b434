"""PostgreSQL's settings as its versions know them: unit, range, context and default.

The package speaks one language for values: memory in bytes, time in milliseconds, everything else
as it is (``int``, ``float``, ``bool``, ``str``). :class:`Guc` translates between that, the numbers
of ``pg_settings`` and the text of a configuration file.

The table was dumped from running servers 13.23, 14.23, 15.18, 16.14, 17.10 and 18.6; an integration
test compares it with every server at hand. ``enums`` lists only what every build has: lz4, zstd and
io_uring depend on how the server was compiled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from dbtune.errors import UsageError

Value = int | float | bool | str
Kind = Literal["int", "real", "bool", "enum", "string"]
Apply = Literal["restart", "reload"]

OLDEST, NEWEST = 13, 18
"""Major versions that the table covers."""

KB, MB, GB = 1024, 1024**2, 1024**3
SECOND, MINUTE = 1000, 60_000

_MEMORY_UNITS = {"B": 1, "kB": KB, "8kB": 8 * KB, "MB": MB}
_TIME_UNITS = {"ms": 1, "s": SECOND, "min": MINUTE}
_UNIT = re.compile(r"([0-9]*)(B|kB|MB|ms|s|min)")
_MEMORY_WORDS = {"TB": 1024 * GB, "GB": GB, "MB": MB, "kB": KB}
_TIME_WORDS = {"d": 1440 * MINUTE, "h": 60 * MINUTE, "min": MINUTE, "s": SECOND, "ms": 1}


@dataclass(frozen=True, slots=True)
class Guc:
    """One setting in a range of versions.

    Attributes:
        name: as in postgresql.conf.
        kind: its type.
        unit: of ``low``, ``high``, ``initial`` and ``pg_settings.setting``; "" for none.
        context: from ``postmaster`` (restart) to ``user``, as in ``pg_settings``.
        low: smallest number allowed, in ``unit``.
        high: largest number allowed, in ``unit``.
        initial: what a fresh cluster has, in ``unit``. (For shared_buffers and max_connections that
            is what initdb writes, not the server's own boot value.)
        enums: words allowed in every build.
        since: first major version of this row.
        until: last major version of this row.
    """

    name: str
    kind: Kind
    unit: str
    context: str
    low: float
    high: float
    initial: Value
    enums: tuple[str, ...] = ()
    since: int = OLDEST
    until: int = NEWEST

    @property
    def apply(self) -> Apply:
        """What makes a new value in the configuration file count."""
        return "restart" if self.context == "postmaster" else "reload"

    @property
    def default(self) -> Value:
        """What a fresh cluster has, in bytes or milliseconds."""
        return self.natural(self.initial)

    @property
    def is_memory(self) -> bool:
        """Whether values are bytes."""
        return self.unit in _MEMORY_UNITS

    @property
    def is_time(self) -> bool:
        """Whether values are milliseconds."""
        return self.unit in _TIME_UNITS

    @property
    def _scale(self) -> int:
        return _MEMORY_UNITS.get(self.unit) or _TIME_UNITS.get(self.unit) or 1

    def natural(self, setting: Value) -> Value:
        """A number in ``unit`` as bytes or milliseconds; special values (-1, 0) stay."""
        if isinstance(setting, bool | str) or setting <= 0:
            return setting
        return setting * self._scale

    def fit(self, value: Value) -> Value:
        """A value rounded down to a multiple of the unit and held within the range."""
        if isinstance(value, bool | str) or value <= 0:
            return value
        number = value / self._scale
        held = min(max(number, self.low), self.high)
        return self.natural(int(held) if self.kind == "int" else held)

    def allows(self, value: Value) -> bool:
        """Whether every build of these versions takes the value."""
        if self.kind == "bool":
            return isinstance(value, bool)
        if self.kind == "enum":
            return value in self.enums
        if self.kind == "string":
            return isinstance(value, str)
        if isinstance(value, bool | str):
            return False
        number = value if value <= 0 else value / self._scale
        return self.low <= number <= self.high and (self.kind == "real" or number == int(number))

    def text(self, value: Value) -> str:
        """A value as people and configuration files write it, without quotes: ``2GB``, ``15min``.

        Only units without a remainder are used, so that the server reads the very same value.
        """
        if isinstance(value, bool):
            return "on" if value else "off"
        if isinstance(value, str):
            return value
        words = _MEMORY_WORDS if self.is_memory else _TIME_WORDS if self.is_time else {}
        if value > 0 and self.unit != "B":
            for word, size in words.items():
                if value % size == 0:
                    return f"{value // size:.0f}{word}"
        return f"{value:.10g}" if isinstance(value, float) else str(value)


def read_setting(vartype: str, setting: str, unit: str | None) -> Value:
    """A row of ``pg_settings`` as a value in bytes, milliseconds, or as it is.

    The row's own unit counts: servers compiled with another block size have ``4kB`` or ``16kB``.
    """
    if vartype == "bool":
        return setting == "on"
    if vartype not in ("integer", "real"):
        return setting
    number = int(setting) if vartype == "integer" else float(setting)
    match = _UNIT.fullmatch(unit or "")
    if number <= 0 or match is None:
        return number
    return number * int(match[1] or 1) * (_MEMORY_UNITS.get(match[2]) or _TIME_UNITS[match[2]])


_HUGE = 1.79769e308
_INT = 2_147_483_647
_BACKENDS = 262_143
_BUFFERS = 1_073_741_823
_LEVELS = ("minimal", "replica", "logical")

# fmt: off
_TABLE = (
    # memory
    Guc("shared_buffers", "int", "8kB", "postmaster", 16, _BUFFERS, 16384),
    Guc("huge_pages", "enum", "", "postmaster", 0, 0, "try", ("off", "on", "try")),
    Guc("temp_buffers", "int", "8kB", "user", 100, _BUFFERS, 1024),
    Guc("work_mem", "int", "kB", "user", 64, _INT, 4096),
    Guc("hash_mem_multiplier", "real", "", "user", 1, 1000, 1.0, until=14),
    Guc("hash_mem_multiplier", "real", "", "user", 1, 1000, 2.0, since=15),
    Guc("maintenance_work_mem", "int", "kB", "user", 1024, _INT, 65536, until=16),
    Guc("maintenance_work_mem", "int", "kB", "user", 64, _INT, 65536, since=17),
    Guc("autovacuum_work_mem", "int", "kB", "sighup", -1, _INT, -1),
    Guc("effective_cache_size", "int", "8kB", "user", 1, _INT, 524288),
    # connections
    Guc("max_connections", "int", "", "postmaster", 1, _BACKENDS, 100),
    Guc("superuser_reserved_connections", "int", "", "postmaster", 0, _BACKENDS, 3),
    Guc("reserved_connections", "int", "", "postmaster", 0, _BACKENDS, 0, since=16),
    Guc("max_prepared_transactions", "int", "", "postmaster", 0, _BACKENDS, 0),
    Guc("max_locks_per_transaction", "int", "", "postmaster", 10, _INT, 64),
    # write-ahead log and checkpoints
    Guc("wal_level", "enum", "", "postmaster", 0, 0, "replica", _LEVELS),
    Guc("fsync", "bool", "", "sighup", 0, 0, True),
    Guc("full_page_writes", "bool", "", "sighup", 0, 0, True),
    Guc("wal_compression", "bool", "", "superuser", 0, 0, False, until=14),
    Guc("wal_compression", "enum", "", "superuser", 0, 0, "off", ("pglz", "on", "off"), since=15),
    Guc("wal_buffers", "int", "8kB", "postmaster", -1, _BACKENDS, -1),
    Guc("checkpoint_timeout", "int", "s", "sighup", 30, 86400, 300),
    Guc("checkpoint_completion_target", "real", "", "sighup", 0, 1, 0.5, until=13),
    Guc("checkpoint_completion_target", "real", "", "sighup", 0, 1, 0.9, since=14),
    Guc("max_wal_size", "int", "MB", "sighup", 2, _INT, 1024),
    Guc("min_wal_size", "int", "MB", "sighup", 2, _INT, 80),
    Guc("archive_mode", "enum", "", "postmaster", 0, 0, "off", ("always", "on", "off")),
    Guc("max_wal_senders", "int", "", "postmaster", 0, _BACKENDS, 10),
    # planner and I/O
    Guc("random_page_cost", "real", "", "user", 0, _HUGE, 4.0),
    Guc("effective_io_concurrency", "int", "", "user", 0, 1000, 1, until=17),
    Guc("effective_io_concurrency", "int", "", "user", 0, 1000, 16, since=18),
    Guc("maintenance_io_concurrency", "int", "", "user", 0, 1000, 10, until=17),
    Guc("maintenance_io_concurrency", "int", "", "user", 0, 1000, 16, since=18),
    Guc("io_method", "enum", "", "postmaster", 0, 0, "worker", ("sync", "worker"), since=18),
    Guc("io_workers", "int", "", "sighup", 1, 32, 3, since=18),
    Guc("default_statistics_target", "int", "", "user", 1, 10000, 100),
    Guc("jit", "bool", "", "user", 0, 0, True),
    # parallelism
    Guc("max_worker_processes", "int", "", "postmaster", 0, _BACKENDS, 8),
    Guc("max_parallel_workers", "int", "", "user", 0, 1024, 8),
    Guc("max_parallel_workers_per_gather", "int", "", "user", 0, 1024, 2),
    Guc("max_parallel_maintenance_workers", "int", "", "user", 0, 1024, 2),
    # autovacuum
    Guc("autovacuum", "bool", "", "sighup", 0, 0, True),
    Guc("track_counts", "bool", "", "superuser", 0, 0, True),
    Guc("autovacuum_max_workers", "int", "", "postmaster", 1, _BACKENDS, 3, until=17),
    Guc("autovacuum_max_workers", "int", "", "sighup", 1, _BACKENDS, 3, since=18),
    Guc("autovacuum_worker_slots", "int", "", "postmaster", 1, _BACKENDS, 16, since=18),
    Guc("autovacuum_naptime", "int", "s", "sighup", 1, 2147483, 60),
    Guc("autovacuum_vacuum_cost_limit", "int", "", "sighup", -1, 10000, -1),
    Guc("autovacuum_vacuum_cost_delay", "real", "ms", "sighup", -1, 100, 2.0),
    Guc("autovacuum_vacuum_scale_factor", "real", "", "sighup", 0, 100, 0.2),
    Guc("autovacuum_analyze_scale_factor", "real", "", "sighup", 0, 100, 0.1),
    Guc("vacuum_cost_limit", "int", "", "user", 1, 10000, 200),
    # logging and statistics
    Guc("log_min_duration_statement", "int", "ms", "superuser", -1, _INT, -1),
    Guc("log_lock_waits", "bool", "", "superuser", 0, 0, False),
    Guc("log_temp_files", "int", "kB", "superuser", -1, _INT, -1),
    Guc("log_checkpoints", "bool", "", "sighup", 0, 0, False, until=14),
    Guc("log_checkpoints", "bool", "", "sighup", 0, 0, True, since=15),
    Guc("log_autovacuum_min_duration", "int", "ms", "sighup", -1, _INT, -1, until=14),
    Guc("log_autovacuum_min_duration", "int", "ms", "sighup", -1, _INT, 600_000, since=15),
    Guc("log_line_prefix", "string", "", "sighup", 0, 0, "%m [%p] "),
    Guc("track_io_timing", "bool", "", "superuser", 0, 0, False),
    Guc("shared_preload_libraries", "string", "", "postmaster", 0, 0, ""),
    Guc("compute_query_id", "enum", "", "superuser", 0, 0, "auto",
        ("auto", "regress", "on", "off"), since=14),
)
# fmt: on


@cache
def gucs(version: int) -> dict[str, Guc]:
    """The settings that a major version has, by name.

    Raises:
        UsageError: the table does not cover that version.
    """
    if not OLDEST <= version <= NEWEST:
        raise UsageError(
            f"PostgreSQL {version} is not covered; dbtune generates for {OLDEST} to {NEWEST}"
        )
    return {one.name: one for one in _TABLE if one.since <= version <= one.until}
