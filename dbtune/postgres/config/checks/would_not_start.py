"""``pg.config-would-not-start``."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.config.plan import Plan


@check("pg.config-would-not-start", level=Level.critical, confidence=Confidence.measured)
def would_not_start(plan: Plan) -> Iterator[Finding]:
    """Settings that contradict each other, so that the server refuses to start or ignores one.

    Why: `postgres -C` and pg_file_settings look at each setting alone and accept all of these; the
    server finds out when it is down already.

    Mistaken when: Never seen; the tests try each on real servers.

    Remedy: Change one of the two before the next restart.
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
    if plan.has("autovacuum_worker_slots"):
        workers, slots = count("autovacuum_max_workers"), count("autovacuum_worker_slots")
        if workers > slots:
            yield (
                "autovacuum_max_workers",
                f"autovacuum_max_workers = {workers} with autovacuum_worker_slots = {slots}: "
                f"only {slots} run, and the log warns.",
            )
