"""Entries that are one statement to a person become one :class:`~dbtune.statements.Statement`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from dbtune.postgres.sqltext import fingerprint, masked
from dbtune.postgres.statements.facts import Entry
from dbtune.statements import Statement

_IO_TIMES = (
    "shared_blk_read_time",
    "shared_blk_write_time",
    "local_blk_read_time",
    "local_blk_write_time",
    "temp_blk_read_time",
    "temp_blk_write_time",
)
_JIT_TIMES = (
    "jit_generation_time",
    "jit_inlining_time",
    "jit_optimization_time",
    "jit_emission_time",
)
# What the server keeps without constants; others (CREATE ROLE ... PASSWORD 'x') it keeps as sent.
_NORMALISED = ("select", "insert", "update", "delete", "merge", "with", "values", "(")
UNKNOWN_TEXT = "(text not kept by the server)"


def group(entries: Iterable[Entry], block_bytes: int, *, io_timed: bool) -> list[Statement]:
    """Fold entries into statements by fingerprint; dbtune's own are left out.

    Statements inside functions are kept apart from top-level ones: their time is counted in both.
    """
    groups: defaultdict[tuple[str, bool], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.calls <= 0 or entry.is_own:
            continue
        name = fingerprint(entry.text) if entry.text else f"queryid {entry.key.queryid}"
        groups[name, entry.key.toplevel].append(entry)
    return [_statement(members, block_bytes, io_timed) for members in groups.values()]


def _statement(entries: Sequence[Entry], block_bytes: int, io_timed: bool) -> Statement:
    def total(*names: str) -> float | None:
        values = [entry.counters[n] for entry in entries for n in names if n in entry.counters]
        return sum(values) if values else None

    def blocks(*names: str) -> int | None:
        count = total(*names)
        return None if count is None else round(count)

    calls = sum(entry.calls for entry in entries)
    total_ms = sum(entry.total_ms for entry in entries)
    hit = blocks("shared_blks_hit", "local_blks_hit") or 0
    read = blocks("shared_blks_read", "local_blks_read") or 0
    leading = max(entries, key=lambda entry: (entry.total_ms, entry.text or ""))
    wal = blocks("wal_bytes")
    full_pages = blocks("wal_fpi")
    return Statement(
        text=_shown(leading.text) if leading.text else f"{UNKNOWN_TEXT} {leading.key.queryid}",
        calls=calls,
        total_ms=total_ms,
        mean_ms=total_ms / calls,
        stddev_ms=_stddev(entries, total_ms / calls),
        min_ms=min((e.min_ms for e in entries if e.min_ms is not None), default=None),
        max_ms=max((e.max_ms for e in entries if e.max_ms is not None), default=None),
        rows=blocks("rows"),
        planning_ms=total("total_plan_time"),
        io_ms=total(*_IO_TIMES) if io_timed else None,
        hit_ratio=hit / (hit + read) if hit + read else None,
        read_bytes=read * block_bytes,
        blocks=hit + read,
        temp_bytes=(blocks("temp_blks_written") or 0) * block_bytes,
        wal_bytes=wal,
        wal_full_page_bytes=None if full_pages is None else full_pages * block_bytes,
        jit_ms=total(*_JIT_TIMES),
        databases=tuple(sorted({entry.database for entry in entries})),
        users=tuple(sorted({entry.user for entry in entries})),
        nested=not leading.key.toplevel,
        variants=len(entries),
        ids=tuple(sorted({str(entry.key.queryid) for entry in entries})),
    )


def _shown(text: str) -> str:
    return text if text.lstrip().lower().startswith(_NORMALISED) else masked(text)


def _stddev(entries: Sequence[Entry], mean: float) -> float:
    """Population standard deviation of merged samples (Chan, Golub, LeVeque 1979)."""
    squares = sum(
        entry.calls * (entry.stddev_ms**2 + (entry.total_ms / entry.calls - mean) ** 2)
        for entry in entries
    )
    calls = sum(entry.calls for entry in entries)
    return math.sqrt(max(squares, 0.0) / calls)
