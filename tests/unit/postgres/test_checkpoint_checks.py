"""Checks on checkpoints, of literals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from dbtune.postgres.facts.checkpoints import Checkpoints
from dbtune.postgres.facts.settings import Setting, Settings
from dbtune.postgres.health.checks.checkpoints_too_frequent import checkpoints_too_frequent
from dbtune.postgres.health.checks.wal_buffers_run_full import wal_buffers_run_full

GIB = 1024**3
FORCED = Checkpoints(
    at=datetime(2026, 11, 29, tzinfo=UTC), timed=2, requested=9, write_ms=0, sync_ms=0,
    buffers_checkpointer=0, buffers_cleaner=0, cleaner_stopped=0, max_wal_bytes=GIB // 4,
    timeout_seconds=300, wal_bytes=1.2 * GIB, seconds=3000,
)  # fmt: skip


def test_what_was_forced_before_max_wal_size_was_raised_does_not_raise_it_again() -> None:
    (finding,) = checkpoints_too_frequent(FORCED)
    assert "max_wal_size = '1024MB'" in finding.remedy.sql
    assert checkpoints_too_frequent(replace(FORCED, max_wal_bytes=GIB)) == []
    # A session that is still busy has not reported its WAL yet.
    watched = replace(FORCED, max_wal_bytes=GIB, watched=True, wal_bytes=0, seconds=3)
    assert len(checkpoints_too_frequent(watched)) == 1


def test_buffers_of_the_log_that_are_large_already_are_not_made_larger() -> None:
    full = replace(FORCED, wal_buffers_full=10_000)

    def settings(blocks: int) -> Settings:
        return Settings({"wal_buffers": Setting(str(blocks), "8kB")})

    assert len(wal_buffers_run_full(full, settings(256))) == 1
    assert wal_buffers_run_full(full, settings(8192)) == []
