"""The commands that the demo shows: each one call, as the command line makes it."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.demo.kept import PROFILE
from dbtune.pooling.inputs import PoolInputs
from dbtune.postgres.config.generate import from_session
from dbtune.postgres.config.inputs import Options
from dbtune.postgres.pool_size import pool_size
from dbtune.postgres.session import Session
from dbtune.postgres.statements import slow_queries
from dbtune.report import Report
from dbtune.statements import Selection, Wait

Shown = tuple[str, Report]
"""A command as one would type it, and its report."""
_STATEMENTS = 12
_PEAK = 1.2


def while_driven(session: Session, seconds: float, wait: Wait) -> Iterator[Shown]:
    """What has to be observed while the applications work; takes so long."""
    # What is observed is the shop's rush hour: hardly more than that has to be planned for.
    given = PoolInputs(peak_factor=_PEAK, origins={"peak_factor": "--peak-factor"})
    report = pool_size(session, given, seconds, wait)
    yield f"dbtune pool-size {PROFILE} --interval {seconds:g}s --peak-factor {_PEAK}", report


def afterwards(session: Session, wait: Wait) -> Iterator[Shown]:
    """What the server remembers."""
    report = slow_queries(session, Selection(limit=_STATEMENTS), wait)
    yield f"dbtune slow-queries {PROFILE} --limit {_STATEMENTS}", report
    yield f"dbtune gen-config postgresql {PROFILE}", from_session(session, Options())
