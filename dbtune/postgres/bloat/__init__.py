"""``bloat`` on PostgreSQL: how large relations would be after a rewrite, and why they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.bloat import Selection
    from dbtune.postgres.bloat.facts import Estimate, Sizes
    from dbtune.postgres.session import Session


def bloat(session: Session, selection: Selection) -> Report:
    """How much space the relations of a session's database waste.

    Args:
        session: an open session.
        selection: what to look at, and how closely.

    Raises:
        Unavailable: the catalog can't be read in time.
        TargetError: the connection broke.
    """
    from dbtune.postgres.bloat.collect import read_sizes
    from dbtune.postgres.bloat.model import model
    from dbtune.postgres.bloat.table import tables
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    sizes = read_sizes(session, selection.min_bytes, selection.schemas)
    estimates = examined(model(sizes), sizes)
    return Report(
        "bloat",
        tables(estimates, sizes, selection),
        notes=tuple(_notes(sizes)),
        target=target(session, server),
        collected_at=server.now,
    )


def examined(estimates: dict[int, Estimate], sizes: Sizes) -> list[Estimate]:
    """Estimates of relations that were asked for."""
    return [one for oid, one in estimates.items() if sizes.relations[oid].examined]


def _notes(sizes: Sizes) -> list[str]:
    notes = []
    if sizes.standby:
        notes.append("a standby counts no dead rows and no changes: ask the primary for those")
    return notes
