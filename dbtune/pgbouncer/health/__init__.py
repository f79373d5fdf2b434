"""Health of a PgBouncer: its checks are in ``checks``, what they judge in ``..facts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtune.finding import Finding
    from dbtune.pgbouncer.session import Session

CHECKS = ("dbtune.pgbouncer.health.checks",)


def describe(session: Session) -> tuple[Mapping[str, object], datetime]:
    """The target without secrets, and the time."""
    return session.target(), datetime.now(UTC)


def settled(findings: Sequence[Finding]) -> list[Finding]:
    """All findings: no two say the same."""
    return list(findings)
