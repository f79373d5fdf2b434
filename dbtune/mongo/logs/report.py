"""``slow-queries --log`` on MongoDB's logs: from files to a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.logs.clock import moment
from dbtune.logs.tables import (
    CONNECTIONS,
    CONNECTIONS_BY,
    HOURS,
    LOG,
    SLOWEST,
    SPENT_BY,
    by_hour,
    for_people,
    log_table,
    spent_by,
)
from dbtune.logs.tally import Sum, merge
from dbtune.mongo.logs.digest import Digest
from dbtune.mongo.logs.happened import HAPPENED
from dbtune.mongo.logs.messages import MESSAGES
from dbtune.report import Report, Row, Table
from dbtune.statements import Selection, Window, narrow, tables
from dbtune.text import plain, plural, ratio_text, shorten

if TYPE_CHECKING:
    from dbtune.logs.slow_queries import Thresholds

CHECKS = "dbtune.mongo.checks"
TABLES = (SLOWEST, SPENT_BY, HOURS, CONNECTIONS, CONNECTIONS_BY, HAPPENED, MESSAGES, LOG)


def report(
    digest: Digest,
    selection: Selection,
    *,
    names: Sequence[str],
    thresholds: Thresholds | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """What logs say: a :class:`~dbtune.logs.slow_queries.MakeReport`."""
    first, last = moment(digest.seen.first), moment(digest.seen.last)
    seconds = (last - first).total_seconds() if first and last else 0.0
    window = Window("server log (MongoDB)", seconds or None, first)
    queries = {one.shape.text: one for one in (each.query() for each in digest.shapes.values())}
    shown = narrow([one.statement for one in queries.values()], replace(selection, user=""))
    main, summary = tables(shown, window, selection)
    checks = load_checks(CHECKS)
    facts = {"queries": [queries[one.text] for one in shown]}
    findings, skipped = run_checks(checks, facts, thresholds or {})
    beyond = (one for one in _tables(digest, selection.limit, seconds, len(names)) if one.rows)
    return Report(
        "slow-queries",
        (main, summary, *for_people(beyond)),
        tuple(findings),
        (*skipped, *_skipped(digest)),
        (*notes, *_notes(digest)),
        collected_at=last,
        examined=tuple(one.name for one in checks),
    )


def _tables(digest: Digest, limit: int, seconds: float, files: int) -> Iterator[Table]:
    yield replace(SLOWEST, rows=tuple(_slowest(digest, limit)))
    yield replace(SPENT_BY, rows=tuple(_spent_by(digest, limit)))
    yield replace(HOURS, rows=tuple(by_hour(digest.hours, digest.seen)))
    yield from digest.connections.tables(limit, seconds)
    yield from digest.happened.tables(limit)
    yield from digest.messages.tables(limit)
    yield log_table(digest.seen, files)


def _slowest(digest: Digest, limit: int) -> Iterator[Row]:
    for one in digest.slowest.ranked()[:limit]:
        yield dict.fromkeys(column.name for column in SLOWEST.columns) | {
            "duration_ms": one.value,
            "at": moment(one.what["at"]),
            "database": one.what["text"].partition(".")[0],
            "application": one.what["application"] or None,
            "host": one.what["host"] or None,
            "statement": one.what["text"],
        }


def _spent_by(digest: Digest, limit: int) -> Iterator[Row]:
    databases: dict[str, Sum] = {}
    for logged in digest.shapes.values():
        name = logged.shape.namespace.partition(".")[0]
        spent = Sum(logged.calls, logged.total_ms, logged.max_ms)
        merge(databases.setdefault(name, Sum()), spent)
    yield from spent_by("database", databases, limit)
    for by in ("applications", "hosts"):
        names: dict[str, Sum] = {}
        for logged in digest.shapes.values():
            for name, spent in getattr(logged, by).items():
                merge(names.setdefault(name, Sum()), spent)
        yield from spent_by(by.removesuffix("s"), names, limit)


def _skipped(digest: Digest) -> list[Skipped]:
    found = []
    seen = digest.seen
    if seen.skipped_lines:
        share = seen.skipped_lines / (seen.records + seen.skipped_lines)
        example = f", such as: {shorten(plain(seen.examples[0]), 40)}" if seen.examples else ""
        found.append(
            Skipped(
                "lines of the log",
                f"{plural(seen.skipped_lines, 'line')} ({ratio_text(share)}) "
                f"{'is' if seen.skipped_lines == 1 else 'are'} no entry of a structured log"
                + example,
            )
        )
    if digest.unreadable:
        count = plural(digest.unreadable, "slow operation")
        found.append(Skipped("slow operations", f"{count} without a command can't be read"))
    found += [Skipped("parts of the logs", reason) for reason in seen.damaged]
    if not digest.operations:
        found.append(
            Skipped(
                "operations",
                "the log has no slow operation; the server logs those over slowms (100 ms), or a "
                "sample of them (sampleRate)",
                "db.setProfilingLevel(0, {slowms: 100, sampleRate: 1})",
            )
        )
    return found


def _notes(digest: Digest) -> Iterator[str]:
    if digest.operations:
        yield (
            "a log has operations over slowms (100 ms by default) only: calls and totals are of "
            "those; times are whole milliseconds"
        )
    cut = sum(one.cut for one in digest.shapes.values())
    if cut:
        yield (
            f"{plural(cut, 'command')} over maxLogSizeKB (10 kB): the server logs only their "
            "beginning, and their shape is of that"
        )
    failures = sum(one.failures for one in digest.shapes.values())
    if failures:
        yield f"{plural(failures, 'call')} ended with an error, and are counted"
    if digest.left_out.count:
        yield (
            f"{plural(digest.left_out.count, 'operation')} of rare shapes are not told apart: "
            "there are more different ones than are kept"
        )
