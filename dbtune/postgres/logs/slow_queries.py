"""``slow-queries --log``: from files to a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbtune.errors import UsageError
from dbtune.text import plain

if TYPE_CHECKING:
    from datetime import datetime

    from dbtune.postgres.logs.digest import Digest
    from dbtune.postgres.logs.follow import Interval
    from dbtune.postgres.logs.read import Progress
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
    progress: Progress | None = None,
    thresholds: Thresholds | None = None,
) -> Report:
    """The report on logs.

    Args:
        names: files, folders, patterns; ``-`` is standard input.
        selection: order, limit and filters of statements.
        wanted: how to read them, and what of them.
        progress: shows how far they are read.
        thresholds: overrides by check name and threshold name.

    Raises:
        UsageError: one of them can't be read or is no log, or nothing in them is of that time.
    """
    from dbtune.postgres.logs.files import expand
    from dbtune.postgres.logs.read import read
    from dbtune.postgres.logs.report import report

    files = expand(names)
    digest = read(files, wanted, progress)
    if not digest.seen.records and (wanted.since or wanted.until):
        raise UsageError(
            "no record of the logs is of that time (--since, --until: by the log's own clock)"
        )
    refuse_untold(digest, wanted)
    return report(digest, selection, names=files, thresholds=thresholds)


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
