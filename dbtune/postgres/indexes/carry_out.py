"""``suggest-indexes --apply`` and ``--verify``: from advice to indexes, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dbtune.finding import Finding, Skipped
from dbtune.postgres.indexes.advice import Advice
from dbtune.postgres.indexes.apply import Builder, Built, Progress
from dbtune.postgres.indexes.ddl_script import drops, subject_of
from dbtune.postgres.indexes.verify import Measured, Verified, Verifier
from dbtune.postgres.relations.facts import Relations
from dbtune.postgres.server import Server
from dbtune.postgres.session import Session
from dbtune.postgres.writer import Writer, require_writable
from dbtune.report import Column, Report, Row, Table
from dbtune.text import bytes_text, plain, plural

BUILT = Table(
    "built",
    "Indexes built",
    (
        Column("index", "index", "text", "Its name."),
        Column("outcome", "outcome", "text", "``built``, ``dropped`` again, or ``failed``."),
        Column("seconds", "took", "seconds", "Time that the build took."),
        Column("size_bytes", "size", "bytes", "Its size as built."),
        Column("predicted_bytes", "predicted", "bytes", "The size that was predicted.", 2),
        Column("reason", "why", "text", "Why it failed or was dropped."),
        Column("sql", "statement", "sql", "CREATE INDEX.", None),
    ),
    empty="nothing was built",
)
MEASURED = Table(
    "verified",
    "Statements before and after",
    (
        Column("before_ms", "time before", "ms", "Fastest execution without the indexes."),
        Column("after_ms", "time after", "ms", "Fastest execution with them."),
        Column(
            "before_blocks", "blocks before", "int", "Blocks that it read, from cache or disk.", 2
        ),
        Column("after_blocks", "blocks after", "int", "Blocks that it read with them.", 2),
        Column("before_cost", "cost before", "float", "The planner's cost without the indexes.", 1),
        Column("predicted_cost", "predicted", "float", "The cost that was predicted.", 1),
        Column("after_cost", "cost after", "float", "The planner's cost with the real indexes.", 1),
        Column("uses", "uses", "list", "New indexes that its plan uses."),
        Column("values", "values", "object", "Values of its parameters.", None),
        Column("reason", "not executed", "text", "Why it was not executed.", 3),
        Column("statement", "statement", "sql", "The statement."),
    ),
    empty="no statement to measure",
)
TABLES = (BUILT, MEASURED)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a person allowed dbtune to change.

    Attributes:
        flag: the option that allows it, for messages.
        verify: whether statements are executed, and what does not help is dropped.
        open_writer: makes the connection that writes.
        say: tells the person what is about to happen.
    """

    flag: str
    verify: bool
    open_writer: Callable[[], Writer]
    say: Callable[[str], None]

    def require(self, server: Server) -> None:
        """Refuse before anything else is done.

        Raises:
            UsageError: the target can't be changed.
        """
        require_writable(server, self.flag)


def carry_out(
    session: Session,
    changes: Changes,
    relations: Relations,
    advice: Advice,
    progress: Progress,
    search_path: str,
) -> Callable[[Report], Report]:
    """Build what is suggested, measure, and return what adds that to a report.

    Raises:
        KeyboardInterrupt: interrupted; what was being built is gone again.
        TargetError: the connection broke.
    """
    for one in advice.suggestions:
        changes.say(f"about to run: {plain(one.index.ddl())};")
    with changes.open_writer() as writer:
        builder = Builder(session, writer, relations, progress)
        verifier = Verifier(session, search_path)
        if changes.verify:
            done = _verify(builder, verifier, advice, changes)
            built, measured = done.built, done.measured
        else:
            built = _apply(builder, advice, changes)
            measured = tuple(verifier.estimated(advice))
    return lambda report: _with(report, built, measured, advice)


def _verify(builder: Builder, verifier: Verifier, advice: Advice, changes: Changes) -> Verified:
    try:
        return verifier.run(advice, builder)
    except KeyboardInterrupt:
        changes.say(f"interrupted{plain(builder.left) or ': what was built is removed'}")
        raise


def _apply(builder: Builder, advice: Advice, changes: Changes) -> tuple[Built, ...]:
    """Build all; those that are finished stay if a person interrupts."""
    built: list[Built] = []
    try:
        for one in advice.suggestions:
            built.append(builder.build(one.index))
            if built[-1].outcome == "built" and any(not key.column for key in one.index.keys):
                builder.analyze(one.table)
    except KeyboardInterrupt:
        finished = [made.index.name for made in built if made.outcome == "built"]
        stays = f"; built and kept: {', '.join(map(plain, finished))}" if finished else ""
        gone = "" if builder.left else ": the index that was being built is removed"
        changes.say(f"interrupted{gone}{stays}{plain(builder.left)}")
        raise
    return tuple(built)


def _with(
    report: Report, built: Sequence[Built], measured: Sequence[Measured], advice: Advice
) -> Report:
    sizes = {one.index: one.size_bytes for one in advice.suggestions}
    names = {one.index.name for one in advice.suggestions}
    first, *others = report.tables
    tables = (
        first,
        replace(
            BUILT,
            rows=tuple(_built_row(one, sizes[one.index]) for one in built),
            footer=_footer(built),
        ),
        replace(MEASURED, rows=tuple(_measured_row(one, names) for one in measured)),
        *others,
    )
    skipped = [
        Skipped(f"index {plain(one.index.name)}", one.reason)
        for one in built
        if one.outcome == "failed"
    ]
    notes = [note for note in report.notes if "nothing was executed" not in note]
    kept = {one.index for one in built if one.outcome == "built"}
    gone = [index for one in advice.suggestions if one.index in kept for index in one.superfluous]
    if gone:
        count = plural(len(gone), "index", "indexes")
        notes.append(f"{count} became superfluous; none was dropped: see the remedies")
    return replace(
        report,
        tables=tables,
        findings=_left_to_do(report.findings, built, advice),
        skipped=(*report.skipped, *skipped),
        notes=tuple(notes),
        failed=any(one.outcome == "failed" for one in built),
    )


def _left_to_do(
    findings: Sequence[Finding], built: Sequence[Built], advice: Advice
) -> tuple[Finding, ...]:
    """Findings but for those whose index is built by now, or was and did not help."""
    outcomes = {one.index: one.outcome for one in built}
    left = []
    suggested = {subject_of(one): one for one in advice.suggestions}
    for finding in findings:
        one = suggested.get(finding.subject) if finding.rule == "pg.missing-index" else None
        outcome = outcomes.get(one.index, "failed") if one is not None else "failed"
        if outcome == "failed":
            left.append(finding)
        elif outcome == "built" and one is not None and one.superfluous:
            remedy = finding.remedy._replace(
                text="It is built now: drop what it makes superfluous.", sql="\n".join(drops(one))
            )
            left.append(replace(finding, remedy=remedy))
    return tuple(left)


def _built_row(one: Built, predicted: float) -> Row:
    return {
        "index": one.index.name,
        "outcome": one.outcome,
        "seconds": one.seconds,
        "size_bytes": one.size_bytes,
        "predicted_bytes": round(predicted),
        "reason": one.reason,
        "sql": one.index.ddl() + ";",
    }


def _measured_row(one: Measured, names: set[str]) -> Row:
    return {
        "before_ms": one.before_ms,
        "after_ms": one.after_ms,
        "before_blocks": one.before_blocks,
        "after_blocks": one.after_blocks,
        "before_cost": one.before_cost if one.before_cost is not None else one.effect.before,
        "predicted_cost": one.planned.after,
        "after_cost": one.after_cost,
        "uses": sorted(one.uses & names),
        "values": {f"${number}": value for number, value in one.planned.form.values.items()},
        "reason": one.reason,
        "statement": one.effect.query.text,
    }


def _footer(built: Sequence[Built]) -> str:
    kept = [one for one in built if one.outcome == "built"]
    size = sum(one.size_bytes or 0 for one in kept)
    return f"{plural(len(kept), 'index', 'indexes')} built, {bytes_text(size)}" if kept else ""
