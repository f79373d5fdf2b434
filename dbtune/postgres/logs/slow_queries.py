"""``slow-queries --log``: from files to a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbtune.errors import UsageError
from dbtune.text import plain

if TYPE_CHECKING:
    from datetime import datetime

    from dbtune.logs.parts import Progress
    from dbtune.postgres.logs.digest import Digest
    from dbtune.postgres.logs.follow import Interval
    from dbtune.postgres.logs.report import Thresholds
    from dbtune.postgres.logs.state import Progressed
    from dbtune.postgres.logs.stream import Wanted
    from dbtune.report import Report
    from dbtune.statements import Selection


def slow_queries(
    names: Sequence[str],
    selection: Selection,
    wanted: Wanted,
    *,
    baseline: Sequence[str] = (),
    progress: Progress | None = None,
    thresholds: Thresholds | None = None,
) -> Report:
    """The report on logs.

    Args:
        names: files, folders, patterns; ``-`` is standard input.
        selection: order, limit and filters of statements.
        wanted: how to read them, and what of them.
        baseline: what to compare them with: other files, or a time of theirs (``SINCE..UNTIL``).
        progress: shows how far they are read.
        thresholds: overrides by check name and threshold name.

    Raises:
        UsageError: one of them can't be read or is no log, or nothing in them is of that time.
    """
    from dbtune.logs.files import expand
    from dbtune.postgres.logs.read import read
    from dbtune.postgres.logs.report import report

    files = expand(names)
    wanted, before = _periods(names, wanted, baseline)
    digest = read(files, wanted, progress, names)
    if not digest.seen.records and (wanted.since or wanted.until):
        raise UsageError(
            "no record of the logs is of that time (--since, --until: by the log's own clock)"
        )
    refuse_untold(digest, wanted)
    made = report(digest, selection, names=files, thresholds=thresholds)
    if before is None:
        return made
    from dbtune.postgres.logs.compare import with_baseline

    other_names, other_wanted = before
    other = read(expand(other_names), other_wanted, progress, other_names)
    if not other.seen.records:
        raise UsageError(f"--baseline {', '.join(map(plain, baseline))}: nothing was logged then")
    return with_baseline(made, other, digest, selection, thresholds or {})


def _periods(
    names: Sequence[str], wanted: Wanted, baseline: Sequence[str]
) -> tuple[Wanted, tuple[Sequence[str], Wanted] | None]:
    """What is read, and what it is compared with: files, and what of them.

    Raises:
        UsageError: a time is none, or several are named.
    """
    from dbtune.logs.period import check_time

    if not baseline:
        return wanted, None
    if ".." not in baseline[0] or Path(baseline[0]).exists():
        return wanted, (baseline, replace(wanted, since="", until=""))
    if len(baseline) > 1:
        raise UsageError("--baseline: one time, or several files")
    if "-" in names:
        raise UsageError("--baseline: standard input can't be read twice; name a file")
    since, _, until = baseline[0].partition("..")
    before = replace(wanted, since=check_time(since), until=check_time(until))
    if not before.until:
        raise UsageError(f"--baseline {plain(baseline[0])}: name its end, too (SINCE..UNTIL)")
    # Without --since, what is compared is what came after the baseline.
    return replace(wanted, since=wanted.since or before.until), (names, before)


def of_state(
    new: Progressed,
    before: datetime | None,
    selection: Selection,
    *,
    thresholds: Thresholds | None = None,
) -> Report:
    """The report on all that is remembered.

    Args:
        new: what was read now, and what is known since.
        before: when something was read before; ``None`` if this is the first time.
        selection, thresholds: as :func:`slow_queries` takes them.
    """
    from dbtune.postgres.logs.report import report
    from dbtune.text import bytes_text, plural

    since = f"since {before:%Y-%m-%d %H:%M:%S UTC}" if before else "for the first time"
    added = f"{bytes_text(new.new_bytes)} in {plural(len(new.files), 'file')}"
    notes = [
        f"read {since}: {added if new.new_bytes else 'nothing new'}; the report is on all that "
        "is remembered"
    ]
    if new.waiting:
        notes.append(
            f"the last record of {plural(len(new.waiting), 'file')} waits for the next time: "
            f"{'it is' if len(new.waiting) == 1 else 'they are'} being written to"
        )
    places = new.state.places
    digest = new.state.digest
    return report(
        digest, selection, names=[one.name for one in places], thresholds=thresholds, notes=notes
    )


def of_interval(
    interval: Interval, selection: Selection, *, thresholds: Thresholds | None = None
) -> Report:
    """The report on what was logged in a time."""
    from dbtune.postgres.logs.report import report

    return report(interval.digest, selection, names=interval.files, thresholds=thresholds)


def refuse_untold(digest: Digest, wanted: Wanted) -> None:
    """Refuse a choice by what no line of the logs tells.

    Raises:
        UsageError: the prefix has no database, or no user.
    """
    prefixes = [name.partition(" ")[2] for name in digest.seen.formats if name.startswith("stderr")]
    if len(prefixes) < len(digest.seen.formats):
        return
    for option, value, escape in (("database", wanted.database, "%d"), ("user", wanted.user, "%u")):
        if value and prefixes and not any(escape in one for one in prefixes):
            raise UsageError(
                f"--{option} {plain(value)}: the log does not tell it (log_line_prefix "
                f"{plain(prefixes[0])!r} has no {escape})"
            )
