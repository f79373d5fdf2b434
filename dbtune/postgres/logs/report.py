"""The report on logs: the same as from pg_stat_statements, and what only a log has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.errors import UsageError
from dbtune.finding import Skipped, load_checks, run_checks, sort_findings
from dbtune.logs.clock import knows_zone, moment
from dbtune.logs.tables import for_people
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.stream import Wanted
from dbtune.postgres.logs.tables import statements_of, tables_of
from dbtune.report import Report
from dbtune.statements import Selection, Window, narrow, tables
from dbtune.text import plain, plural, ratio_text, shorten

if TYPE_CHECKING:
    from dbtune.logs.slow_queries import Thresholds

CHECKS = "dbtune.postgres.logs.checks"
STATEMENT_CHECKS = "dbtune.postgres.statements.checks"
_NOT_IN_A_LOG = {
    "rows": ("pg.n-plus-one", "pg.row-by-row-write", "pg.unbounded-select"),
    "blocks, WAL and JIT": (
        "pg.low-hit-ratio",
        "pg.large-offset",
        "pg.wal-heavy",
        "pg.jit-overhead",
    ),
}
"""Checks that need what a log does not tell."""
_MANY_SKIPPED = 0.05


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
    seconds = _seconds(digest)
    window = Window(_source(digest), seconds or None, first)
    statements = statements_of(digest)
    shown = narrow(statements, replace(selection, database="", user=""))
    main, summary = tables(shown, window, selection)
    absent = {name for names_ in _NOT_IN_A_LOG.values() for name in names_}
    checks = [one for one in load_checks(STATEMENT_CHECKS) if one.name not in absent]
    facts = {"statements": shown, "window": window, "settings": {}}
    found, skipped = run_checks(checks, facts, thresholds or {})
    own = load_checks(CHECKS)
    more, not_run = run_checks(own, {"digest": digest, "seconds": seconds}, thresholds or {})
    beyond = tables_of(digest, selection.limit, seconds, len(names))
    return Report(
        "slow-queries",
        (main, summary, *for_people(one for one in beyond if one.rows)),
        tuple(sort_findings([*found, *more])),
        (*skipped, *not_run, *_skipped(digest, selection)),
        (*notes, *_notes(digest)),
        collected_at=last,
        examined=tuple(one.name for one in (*checks, *own)),
    )


def beside(
    report: Report,
    digest: Digest,
    selection: Selection,
    names: Sequence[str],
    thresholds: Thresholds | None = None,
) -> Report:
    """A report on a server's statements, with what only its log has.

    Args:
        report: of pg_stat_statements.
        digest, names, selection, thresholds: as :func:`report` takes them.
    """
    seconds = _seconds(digest)
    own = load_checks(CHECKS)
    found, not_run = run_checks(own, {"digest": digest, "seconds": seconds}, thresholds or {})
    tables_ = for_people(
        one for one in tables_of(digest, selection.limit, seconds, len(names)) if one.rows
    )
    return replace(
        report,
        tables=(*report.tables, *tables_),
        findings=tuple(sort_findings([*report.findings, *found])),
        skipped=(*report.skipped, *not_run, *skipped_parts(digest)),
        examined=(*report.examined, *(one.name for one in own)),
    )


def _seconds(digest: Digest) -> float:
    first, last = moment(digest.seen.first), moment(digest.seen.last)
    return (last - first).total_seconds() if first and last else 0.0


def _source(digest: Digest) -> str:
    formats = sorted({name.split()[0] for name in digest.seen.formats})
    return f"server log ({', '.join(formats)})"


def _skipped(digest: Digest, selection: Selection) -> list[Skipped]:
    found = [
        Skipped(
            ", ".join(names),
            f"a log has no {what}",
            "dbtune slow-queries TARGET  -- pg_stat_statements has them",
        )
        for what, names in _NOT_IN_A_LOG.items()
    ]
    found += skipped_parts(digest)
    if not digest.has_durations and not digest.plans and not _is_foreign(digest):
        chosen = [f"database {plain(selection.database)}"] * bool(selection.database)
        chosen += [f"user {plain(selection.user)}"] * bool(selection.user)
        found.append(
            Skipped(
                "statements",
                f"the log has no durations of statements{' of ' * bool(chosen)}"
                + ", ".join(chosen),
                ""
                if chosen
                else "ALTER SYSTEM SET log_min_duration_statement = '100ms';  "
                "-- superuser; then SELECT pg_reload_conf();",
            )
        )
    return found


def skipped_parts(digest: Digest) -> list[Skipped]:
    """What of the logs was passed over: lines that are no record, the rest of damaged files."""
    found = []
    seen = digest.seen
    if _is_foreign(digest):
        found.append(
            Skipped(
                "statements",
                "the log's messages are not in English: durations and all else that they tell are "
                "not read, only errors, by severity and SQLSTATE",
                "ALTER SYSTEM SET lc_messages = 'C';  -- superuser; then SELECT pg_reload_conf();",
            )
        )
    if seen.skipped_lines:
        share = seen.skipped_lines / (seen.records + seen.skipped_lines)
        example = f", such as: {shorten(plain(seen.examples[0]), 80)}" if seen.examples else ""
        remedy = "--log-line-prefix  -- the server's own, if it was guessed wrong"
        found.append(
            Skipped(
                "lines of the log",
                f"{plural(seen.skipped_lines, 'line')} ({ratio_text(share)}) "
                f"{'is' if seen.skipped_lines == 1 else 'are'} no part of a record{example}",
                remedy if share > _MANY_SKIPPED else "",
            )
        )
    found += [Skipped("parts of the logs", reason) for reason in seen.damaged]
    return found


def _is_foreign(digest: Digest) -> bool:
    return digest.seen.foreign > 0 and not digest.has_durations


def _notes(digest: Digest) -> list[str]:
    notes = []
    if not digest.has_durations and digest.plans:
        notes.append("the log has no durations but those of auto_explain's plans: they are counted")
    if digest.left_out.count:
        notes.append(
            f"{plural(digest.left_out.count, 'execution')} of rare statements are not told apart: "
            "there are more different ones than are kept"
        )
    kinds = sorted({name.split()[0] for name in digest.seen.formats})
    if len(kinds) > 1:
        notes.append(
            f"the logs are in several formats ({', '.join(kinds)}): if one server wrote them side "
            "by side (log_destination), everything is counted more than once; name one format's"
        )
    if not knows_zone(digest.seen.last):
        notes.append("the log's time zone is not known: its times are taken for UTC")
    return notes


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
