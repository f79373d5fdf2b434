"""Logs in ``dbtune check``: the checks on logs, and the errors that were logged."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import load_checks
from dbtune.health.run import Beyond
from dbtune.logs.tables import LOG, for_people
from dbtune.postgres.logs.events.errors import ERRORS
from dbtune.postgres.logs.fact import ServerLog
from dbtune.postgres.logs.report import CHECKS, skipped_parts
from dbtune.postgres.logs.tables import tables_of
from dbtune.report import Table

TABLES = (ERRORS, LOG)
"""What ``check`` shows of a log beside findings."""
_MOST = 20


def beyond(log: ServerLog) -> Beyond:
    """What a log adds to the examination of a server."""
    facts = {"digest": log.digest, "seconds": log.seconds}
    tables = tuple(for_people(_tables(log)))
    skipped = tuple(skipped_parts(log.digest))
    return Beyond(tuple(load_checks(CHECKS)), facts, tables, skipped)


def _tables(log: ServerLog) -> Iterator[Table]:
    shown = {one.name for one in TABLES}
    for table in tables_of(log.digest, _MOST, log.seconds, len(log.files)):
        if table.name in shown and table.rows:
            yield table
