"""Health of a MongoDB server: its checks are in ``checks``, what they judge in ``..facts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtune.finding import Finding
    from dbtune.mongo.session import Session

CHECKS = ("dbtune.mongo.health.checks", "dbtune.mongo.indexes.checks")
_AN_INDEX_MENDS = frozenset(
    {
        "mongo.collection-scan",
        "mongo.examined-far-more-than-returned",
        "mongo.search-without-index",
        "mongo.sort-in-memory",
    }
)
"""Rules on a statement that lacks an index, which mongo.missing-index names."""


def describe(session: Session) -> tuple[Mapping[str, object], datetime]:
    """The target without secrets, and the time."""
    return session.target(), datetime.now(UTC)


def settled(findings: Sequence[Finding]) -> list[Finding]:
    """Findings without those on statements for which another has the index."""
    from dbtune.finding import without_served

    return without_served(findings, _AN_INDEX_MENDS)
