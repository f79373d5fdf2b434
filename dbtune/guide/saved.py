"""What is said of snapshots: the same as of a server, as far as a file can tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from importlib import import_module

from dbtune.compare.health import Thresholds
from dbtune.compare.held import Held
from dbtune.errors import Unavailable, UsageError
from dbtune.facts import Snapshot
from dbtune.finding import Skipped
from dbtune.guide.live import SEARCH_SECONDS, STATEMENTS, Progress, space
from dbtune.guide.log import changes
from dbtune.guide.material import Material, metrics_of, told
from dbtune.health.report import Known
from dbtune.health.run import Beyond, Examination, check_snapshot
from dbtune.profile import PACKAGES, Engine
from dbtune.report import Report
from dbtune.statements import Selection

_ONLY_LIVE = "a snapshot does not hold what it needs"


def of_snapshots(
    snapshots: Sequence[Snapshot], notes: Sequence[str], thresholds: Thresholds, progress: Progress
) -> Material:
    """Everything that the commands say of a server's last snapshot.

    Args:
        snapshots: of one server, earliest first.
        notes: what was done between them.
        thresholds: overrides by check name and threshold name.
        progress: makes a progress bar.

    Raises:
        UsageError: a file is damaged.
    """
    last = snapshots[-1]
    reports: dict[str, Report] = {}
    skipped = []
    for command, make in _commands(last, thresholds, progress):
        try:
            reports[command] = last.described(make())
        except (Unavailable, UsageError) as error:
            skipped.append(Skipped(command, *told(error)))
    before = snapshots[-2] if len(snapshots) > 1 and _continues(snapshots) else None
    return Material(
        str(last.target.get("name") or last.name),
        Engine(last.engine),
        last.target,
        last.collected_at,
        reports,
        metrics_of(before, last, thresholds),
        changes(snapshots, notes, thresholds),
        tuple(skipped),
        tuple(snapshots),
        (f"from {last.name}",),
    )


def _continues(snapshots: Sequence[Snapshot]) -> bool:
    """Whether the last counts on where the one before it stood."""
    package = import_module(f"{PACKAGES[Engine(snapshots[-1].engine)]}.compare")
    goes_on: bool = package.related(Held(snapshots[-2]), Held(snapshots[-1])).continues
    return goes_on


def _commands(
    snapshot: Snapshot, thresholds: Thresholds, progress: Progress
) -> Iterator[tuple[str, Callable[[], Report]]]:
    asked = Examination(Known(date.today()), beyond=_logged(snapshot))
    yield "check", lambda: check_snapshot(snapshot, asked, thresholds)[0]
    if snapshot.engine == Engine.postgresql:
        yield from _postgres(snapshot, thresholds, progress)
    else:
        yield "slow-queries", _only_live
        yield "bloat", _only_live
    yield "gen-config", _only_live


def _postgres(
    snapshot: Snapshot, thresholds: Thresholds, progress: Progress
) -> Iterator[tuple[str, Callable[[], Report]]]:
    from dbtune.postgres.bloat import from_snapshot as bloat
    from dbtune.postgres.indexes.advice import Options
    from dbtune.postgres.indexes.suggest import Request
    from dbtune.postgres.indexes.suggest import from_snapshot as suggest_indexes
    from dbtune.postgres.statements.saved import slow_queries

    indexes = Request(options=Options(seconds=SEARCH_SECONDS))
    yield "slow-queries", lambda: slow_queries(snapshot, Selection(limit=STATEMENTS), thresholds)
    yield "suggest-indexes", lambda: suggest_indexes(snapshot, indexes, progress, thresholds)
    yield "bloat", lambda: bloat(snapshot, space(), thresholds)
    yield "pool-size", lambda: _pool_size(snapshot)


def _pool_size(snapshot: Snapshot) -> Report:
    from dbtune.pooling.inputs import PoolInputs
    from dbtune.postgres.pool_size import pool_size_from

    if "load" not in snapshot.facts:
        return _only_live()
    return pool_size_from(snapshot, PoolInputs(), None)


def _logged(snapshot: Snapshot) -> Beyond:
    """What the server's log tells, if the snapshot holds it."""
    if snapshot.engine != Engine.postgresql:
        return Beyond()
    from dbtune.postgres.logs.fact import of_snapshot
    from dbtune.postgres.logs.health import beyond

    log = of_snapshot(snapshot)
    return Beyond() if log is None else beyond(log)


def _only_live() -> Report:
    raise Unavailable(_ONLY_LIVE, "dbtune report TARGET asks the server")
