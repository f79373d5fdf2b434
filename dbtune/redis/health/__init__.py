"""Health of a Redis server: its checks are in ``checks``, what they judge in ``..facts``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtune.redis.session import Session


def describe(session: Session) -> tuple[Mapping[str, object], datetime]:
    """The target without secrets, and the time."""
    return session.target(), datetime.now(UTC)
