"""``slow-queries --log``: from files to a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbtune.errors import UsageError
from dbtune.text import plain

if TYPE_CHECKING:
    from dbtune.postgres.logs.digest import Digest
    from dbtune.postgres.logs.read import Progress, Wanted
    from dbtune.postgres.logs.report import Thresholds
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
    from dbtune.postgres.logs.read import expand, read
    from dbtune.postgres.logs.report import report

    files = expand(names)
    digest = read(files, wanted, progress)
    if not digest.seen.records and (wanted.since or wanted.until):
        raise UsageError(
            "no record of the logs is of that time (--since, --until: by the log's own clock)"
        )
    refuse_untold(digest, wanted)
    return report(digest, selection, names=files, thresholds=thresholds)


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
