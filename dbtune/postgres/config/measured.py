"""What a server's counters say about its configuration: evidence in place of a rule of thumb."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dbtune.text import bytes_text, count_text, ms_text, ratio_text


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates and shares since statistics began; ``None`` where that is not known or too short.

    Attributes:
        wal_bytes_per_second: log written, on average.
        wal_seconds: for how long that was counted.
        checkpoints: how many there were.
        requested_ratio: share of them that was forced, by the log or by a command.
        wal_buffers_full_per_second: how often the log had to be written for want of buffers.
        temp_files: temporary files written, of all databases.
        temp_file_bytes: their mean size.
        temp_seconds: for how long they were counted.
        hit_ratio: share of blocks found in shared_buffers.
        connections_used: connections now.
        tables_late: tables with more than twice the dead rows that make autovacuum come.
        tables: how many were looked at.
        jit_ratio: share of execution time that went into JIT compilation.
        largest_vacuum_rows: the most dead rows that autovacuum finds in a table when it comes.
        waits: what active sessions wait for just now, most first; ``CPU`` is no wait.
    """

    wal_bytes_per_second: float | None = None
    wal_seconds: float | None = None
    checkpoints: float | None = None
    requested_ratio: float | None = None
    wal_buffers_full_per_second: float | None = None
    temp_files: float | None = None
    temp_file_bytes: float | None = None
    temp_seconds: float | None = None
    hit_ratio: float | None = None
    connections_used: int | None = None
    tables_late: int | None = None
    tables: int | None = None
    jit_ratio: float | None = None
    largest_vacuum_rows: float | None = None
    waits: tuple[tuple[str, int], ...] = ()


class Line(NamedTuple):
    """A measurement for people.

    Attributes:
        what: what was measured.
        value: with its unit.
        decides: settings that hang on it.
    """

    what: str
    value: str
    decides: str


def lines(measured: Measured) -> Iterator[Line]:
    """What is known."""
    one = measured
    if one.wal_bytes_per_second is not None and one.wal_seconds is not None:
        yield Line(
            "log written",
            f"{bytes_text(one.wal_bytes_per_second * 60)} a minute in {time_text(one.wal_seconds)}",
            "max_wal_size",
        )
    if one.requested_ratio is not None and one.checkpoints is not None:
        yield Line(
            "checkpoints forced",
            f"{ratio_text(one.requested_ratio)} of {one.checkpoints:,.0f}",
            "max_wal_size",
        )
    if one.wal_buffers_full_per_second is not None:
        yield Line(
            "log buffers full", f"{count_text(one.wal_buffers_full_per_second)}/s", "wal_buffers"
        )
    if one.temp_files is not None and one.temp_seconds is not None:
        mean = f" of {bytes_text(one.temp_file_bytes)} on average" if one.temp_file_bytes else ""
        yield Line(
            "temporary files",
            f"{one.temp_files:,.0f}{mean} in {time_text(one.temp_seconds)}",
            "work_mem",
        )
    if one.hit_ratio is not None:
        yield Line("found in shared_buffers", f"{one.hit_ratio:.2%} of blocks", "shared_buffers")
    if one.connections_used is not None:
        yield Line("connections now", f"{one.connections_used}", "max_connections")
    if one.tables_late is not None:
        yield Line(
            "tables vacuumed too late",
            f"{one.tables_late} of {one.tables}",
            "autovacuum_vacuum_cost_limit",
        )
    if one.largest_vacuum_rows:
        yield Line(
            "dead rows of the largest vacuum",
            f"{one.largest_vacuum_rows:,.0f}",
            "autovacuum_work_mem",
        )
    if one.jit_ratio is not None:
        yield Line("time in JIT compilation", ratio_text(one.jit_ratio), "jit")
    if one.waits:
        seen = ", ".join(f"{count} {name}" for name, count in one.waits)
        yield Line("active sessions now", seen, "wal_buffers")


def time_text(seconds: float) -> str:
    """A time in words."""
    return ms_text(seconds * 1000)
