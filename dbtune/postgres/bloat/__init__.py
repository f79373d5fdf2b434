"""``bloat`` on PostgreSQL: how large relations would be after a rewrite, and why they are not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from dbtune.bloat import Effort
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.bloat import Selection
    from dbtune.finding import Skipped
    from dbtune.postgres.bloat.facts import Estimate, Sizes
    from dbtune.postgres.bloat.measure import Measuring
    from dbtune.postgres.session import Session

Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]


def bloat(session: Session, selection: Selection, progress: Progress) -> Report:
    """How much space the relations of a session's database waste.

    Args:
        session: an open session.
        selection: what to look at, and how closely.
        progress: shows a person how far the work is.

    Raises:
        Unavailable: the catalog can't be read in time.
        TargetError: the connection broke.
    """
    from dbtune.postgres.bloat.collect import read_sizes
    from dbtune.postgres.bloat.measure import Measuring
    from dbtune.postgres.bloat.model import model
    from dbtune.postgres.bloat.table import tables
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    sizes = read_sizes(session, selection.min_bytes, selection.schemas)
    estimates = model(sizes)
    skipped: list[Skipped] = []
    if selection.effort is not Effort.statistics:
        with progress("reading pages", 1.0) as advance:
            measuring = Measuring(session, sizes, estimates, selection.budget_seconds, advance)
            measuring.run()
        estimates, skipped = measuring.estimates, _skipped(measuring, sizes)
    return Report(
        "bloat",
        tables(examined(estimates, sizes), sizes, selection),
        skipped=tuple(skipped),
        notes=tuple(_notes(sizes)),
        target=target(session, server),
        collected_at=server.now,
    )


def examined(estimates: dict[int, Estimate], sizes: Sizes) -> list[Estimate]:
    """Estimates of relations that were asked for."""
    return [one for oid, one in estimates.items() if sizes.relations[oid].examined]


def _skipped(measured: Measuring, sizes: Sizes) -> list[Skipped]:
    from dbtune.finding import Skipped
    from dbtune.postgres.bloat.table import label
    from dbtune.text import plural

    found = []
    for oid, reason in measured.refused.items():
        name = label(sizes.relations[oid], sizes)
        found.append(Skipped(f"pages of {name}", reason))
    if measured.left:
        names = ", ".join(label(one, sizes) for one in measured.left[:3])
        more = ", ..." if len(measured.left) > 3 else ""
        found.append(
            Skipped(
                f"pages of {plural(len(measured.left), 'relation')}",
                f"no time was left for {names}{more}: by statistics instead (--budget)",
            )
        )
    return found


def _notes(sizes: Sizes) -> list[str]:
    notes = []
    if sizes.standby:
        notes.append("a standby counts no dead rows and no changes: ask the primary for those")
    return notes
