"""``pg.config-would-not-start``."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.config.guc import MB
from dbtune.postgres.config.plan import Plan
from dbtune.text import bytes_text


@check("pg.config-would-not-start", level=Level.critical, confidence=Confidence.measured)
def would_not_start(plan: Plan) -> Iterator[Finding]:
    """Settings that contradict each other, so that the server refuses to start or ignores one.

    Why: `postgres -C` and pg_file_settings look at each setting alone and accept all of these; the
    server finds out when it is down already.

    Mistaken when: never seen; each was tried on real servers of 13 to 18.

    Remedy: change one of the two before the next restart.
    """
    for subject, message in _contradictions(plan):
        yield Finding(subject, message, Remedy("Change one of them before the next restart."))


def _contradictions(plan: Plan) -> Iterator[tuple[str, str]]:
    value, count = plan.value, plan.count
    reserved = count("superuser_reserved_connections")
    if plan.has("reserved_connections"):
        reserved += count("reserved_connections")
    if reserved >= count("max_connections"):
        yield (
            "max_connections",
            f"{reserved} reserved connections leave none of max_connections = "
            f"{count('max_connections')}: the server refuses to start.",
        )
    if value("wal_level") == "minimal" and count("max_wal_senders") > 0:
        yield (
            "wal_level",
            f"wal_level = minimal with max_wal_senders = {count('max_wal_senders')}: "
            "the server refuses to start.",
        )
    if value("wal_level") == "minimal" and value("archive_mode") != "off":
        yield "wal_level", "wal_level = minimal with archive_mode: the server refuses to start."
    low, high = plan.number("min_wal_size"), plan.number("max_wal_size")
    segment = plan.current("wal_segment_size")
    least = 2 * (float(segment.value) if segment else 16 * MB)
    for name, size in (("min_wal_size", low), ("max_wal_size", high)):
        if size < least:
            yield (
                name,
                f"{name} = {bytes_text(size)} is less than two log files "
                f"({bytes_text(least)}): the server refuses to start.",
            )
    if low > high:
        yield (
            "min_wal_size",
            f"min_wal_size = {bytes_text(low)} is above max_wal_size = {bytes_text(high)}: "
            "the server starts, but max_wal_size means nothing.",
        )
    if plan.has("autovacuum_worker_slots"):
        workers, slots = count("autovacuum_max_workers"), count("autovacuum_worker_slots")
        if workers > slots:
            yield (
                "autovacuum_max_workers",
                f"autovacuum_max_workers = {workers} with autovacuum_worker_slots = {slots}: "
                f"only {slots} run, and the log warns.",
            )
    if count("max_parallel_workers") > count("max_worker_processes"):
        yield (
            "max_parallel_workers",
            f"max_parallel_workers = {count('max_parallel_workers')} with max_worker_processes = "
            f"{count('max_worker_processes')}: the rest never run.",
        )
    ram = plan.inputs.ram_bytes
    if plan.number("shared_buffers") > ram:
        yield (
            "shared_buffers",
            f"shared_buffers = {bytes_text(plan.number('shared_buffers'))} is more than the "
            f"{bytes_text(ram)} of RAM: the server refuses to start.",
        )
