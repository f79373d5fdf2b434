"""Health of a PostgreSQL server: its checks are in ``checks``, what they judge in ``..facts``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtune.postgres.session import Session


def describe(session: Session) -> tuple[Mapping[str, object], datetime]:
    """The target without secrets, and the server's clock."""
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    return target(session, server), server.now
