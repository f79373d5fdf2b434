"""Write-ahead log and checkpoints."""

from __future__ import annotations

from dbtune.postgres.config.guc import GB, MB, MINUTE, Value
from dbtune.postgres.config.inputs import Workload
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.rule import Advice, anything_but, at_least, rule, within
from dbtune.text import bytes_text, count_text, ratio_text

_PAGE = "runtime-config-wal"
_DISK_SHARE = 0.4
_PEAK, _PEAK_FORCED = 2, 4
"""The busiest time over the mean; more where checkpoints were forced all the same."""
_MUCH_FORCED = 0.1
_MOST_WAL = 64 * GB
_OFTEN_FULL = 1.0
_MAX_WAL = {
    Workload.web: 4 * GB,
    Workload.oltp: 8 * GB,
    Workload.mixed: 8 * GB,
    Workload.dw: 16 * GB,
    Workload.desktop: 2 * GB,
}


@rule(_PAGE, keep=within(0.6, 2.0))
def checkpoint_timeout(plan: Plan) -> Advice | None:
    """After each checkpoint the first change of a page writes the whole page to the log: fewer
    checkpoints, less log. The price is a longer recovery after a crash.
    """
    minutes = {Workload.dw: 30, Workload.desktop: 5}.get(plan.inputs.workload, 15)
    return Advice(minutes * MINUTE, f"{minutes} minutes for {plan.inputs.workload}")


@rule(_PAGE, keep=within(0.85, 1.07))
def checkpoint_completion_target(_plan: Plan) -> Advice | None:
    """Spread a checkpoint's writes over most of the time until the next (default since 14)."""
    return Advice(0.9, "0.9 always")


@rule(_PAGE, keep=at_least)
def max_wal_size(plan: Plan) -> Advice | None:
    """How much log may come together before a checkpoint is forced early. It is a soft limit of the
    disk that pg_wal takes; replication slots and archiving can add to it.
    """
    workload, ram, disk = plan.inputs.workload, plan.inputs.ram_bytes, plan.inputs.wal_disk_bytes
    # A small machine has a small disk, and takes longer to replay.
    value: float = min(_MAX_WAL[workload], max(GB, 2 * ram))
    formula = f"{bytes_text(_MAX_WAL[workload])} for {workload}, at most RAM × 2"
    why = ""
    rate, forced = plan.measured.wal_bytes_per_second, plan.measured.requested_ratio
    if rate is not None and forced is not None:
        # The server forces a checkpoint when the log since the last one reaches
        # max_wal_size / (1 + checkpoint_completion_target).
        seconds = plan.number("checkpoint_timeout") / 1000
        spread = 1 + plan.number("checkpoint_completion_target")
        peak = _PEAK_FORCED if forced > _MUCH_FORCED else _PEAK
        value = min(max(GB, rate * seconds * spread * peak), _MOST_WAL)
        formula = (
            f"{bytes_text(rate)}/s of log measured × {seconds:.0f} s between checkpoints ×"
            f" {spread:g} × {peak} for peaks, from 1 GiB to {bytes_text(_MOST_WAL)}"
        )
        why = (
            f"{ratio_text(forced)} of {plan.measured.checkpoints or 0:,.0f} checkpoints were forced"
            " before their time, by the log or by a command. As much log may come together as is"
            " written from one timed checkpoint to the next."
        )
    if disk is not None and disk * _DISK_SHARE < value:
        value = disk * _DISK_SHARE
        formula = f"40 % of the {bytes_text(disk)} that pg_wal has"
    return Advice(max(value // MB * MB, 10 * _segment(plan)), formula, why)


@rule(_PAGE, keep=within(0.5, 2.0))
def min_wal_size(plan: Plan) -> Advice | None:
    """Log files kept for use again instead of being removed and created anew."""
    most = plan.number("max_wal_size")
    least = 5 * _segment(plan)
    return Advice(max(least, most // 4 // MB * MB), f"max_wal_size / 4 = {bytes_text(most)} / 4")


@rule(_PAGE, keep=anything_but("off", False))
def wal_compression(plan: Plan) -> Advice | None:
    """Compress whole pages in the log. Measured in the half minute after a checkpoint (TPC-B, 15):
    a fifth of the log, throughput unchanged within the noise.
    """
    if plan.guc("wal_compression").kind == "bool":
        return Advice(True, "on; until 14 there is one method")
    if "lz4" in plan.enums("wal_compression"):
        return Advice("lz4", "lz4 is in this server's build: cheaper than pglz")
    return Advice("pglz", "pglz, which every build has")


def _enough_buffers(current: Value, advised: Value) -> bool:
    # A measured need is a number; without one the server's own choice and all above it will do.
    return at_least(current, advised) if advised != -1 else current == -1 or _large(current)


def _large(current: Value) -> bool:
    return at_least(current, 16 * MB)


@rule(_PAGE, keep=_enough_buffers)
def wal_buffers(plan: Plan) -> Advice | None:
    """Log that waits to be written; the server's own choice grows with shared_buffers to 16 MB."""
    current, full = plan.current("wal_buffers"), plan.measured.wal_buffers_full_per_second
    if full is not None and full >= _OFTEN_FULL:
        return Advice(
            64 * MB,
            f"64 MB: buffers were full {count_text(full)} times a second",
            "Sessions had to write the log themselves for want of buffers, again and again.",
        )
    if current and not current.chosen:
        return None  # a running server shows what it made of -1
    return Advice(-1, "-1: shared_buffers / 32, at most one segment")


@rule(_PAGE)
def fsync(_plan: Plan) -> Advice | None:
    """Without it a crash of the machine destroys the database."""
    return Advice(True, "on always")


@rule(_PAGE)
def full_page_writes(_plan: Plan) -> Advice | None:
    """Without it a crash in the middle of writing a page destroys that page."""
    return Advice(True, "on always")


def _segment(plan: Plan) -> int:
    """Size of a log file; initdb may have been told another. Two must fit into min_wal_size."""
    current = plan.current("wal_segment_size")
    return int(current.value) if current else 16 * MB
