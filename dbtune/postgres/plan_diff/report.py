"""The report on two plans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.postgres.explain.report import CHECKS, Given, Thresholds
from dbtune.postgres.plan_diff.access import scan_of
from dbtune.postgres.plan_diff.compare import Comparison, TableChange, compare, unlike
from dbtune.postgres.plan_diff.measures import NOISE_MS, NOISE_RATIO, Measure
from dbtune.postgres.plan_diff.table import CHANGES, RULES, SETTINGS, STEPS, VERDICT, MeasureData
from dbtune.postgres.plans.checks import about
from dbtune.postgres.plans.model import Node
from dbtune.report import Report, Row, Table, record
from dbtune.text import ms_text, plain, ratio_text

DIFF_CHECKS = "dbtune.postgres.plan_diff.checks"


def compared(before: Given, after: Given, thresholds: Thresholds | None = None) -> Comparison:
    """Two plans side by side, with the findings on each."""
    checks = load_checks(CHECKS)
    found = [run_checks(checks, {"plan": one.plan}, thresholds or {})[0] for one in (before, after)]
    return compare(before.plan, after.plan, *found)


def report(before: Given, after: Given, thresholds: Thresholds | None = None) -> Report:
    """What differs between two plans; findings are what is worse than before."""
    comparison = compared(before, after, thresholds)
    checks = load_checks(DIFF_CHECKS)
    findings, skipped = run_checks(checks, {"comparison": comparison}, thresholds or {})
    line = after.plan.source.line
    return Report(
        "explain diff",
        (
            record("verdict", "", VERDICT, _verdict(before, after, comparison)),
            replace(CHANGES, rows=tuple(_change(one) for one in comparison.tables)),
            *_shown(STEPS, _steps(comparison)),
            *_shown(RULES, _rules(comparison)),
            *_shown(SETTINGS, _settings(comparison)),
        ),
        findings=tuple(
            replace(one, file=after.file, line=line if after.file else 0) for one in findings
        ),
        skipped=(*skipped, *_untold(comparison)),
        notes=tuple(_notes(comparison)),
        examined=tuple(one.name for one in checks),
    )


def _verdict(before: Given, after: Given, comparison: Comparison) -> Row:
    old, new = comparison.joins
    values: dict[str, object] = {
        "before": where(before),
        "after": where(after),
        "shape": "same" if comparison.same_shape else "changed",
        "joins": (f"same: {new}" if old == new else f"{old or 'none'} → {new or 'none'}")
        if old.startswith("(") or new.startswith("(")
        else None,
        "measures": tuple(_measure(one) for one in comparison.measures.values()),
    }
    for name, one in comparison.measures.items():
        told = one.before is not None or one.after is not None or name in ("time", "blocks")
        values[name] = one.text if told else None
    return values


def where(given: Given) -> str:
    """File and line of a plan."""
    name = plain(given.file) if given.file else "standard input"
    return f"{name}, line {given.plan.source.line}"


def _measure(one: Measure) -> MeasureData:
    return MeasureData(
        one.name,
        one.unit,
        one.word,
        one.before,
        one.after,
        one.error,
        one.noise,
        one.ratio,
        one.reason,
    )


def _change(one: TableChange) -> Row:
    old, new = one.before, one.after
    return {
        "alias": one.alias,
        "table": one.table,
        "change": one.text or None,
        "before_ms": old and old.self_ms,
        "after_ms": new and new.self_ms,
        "time": None if one.time.verdict == "unknown" else one.time.word,
        "before_rows": old and old.rows,
        "after_rows": new and new.rows,
        "before_blocks": old and old.blocks,
        "after_blocks": new and new.blocks,
        "before_scan": old and old.text,
        "after_scan": new and new.text,
        "indexes_lost": list(one.lost),
        "indexes_gained": list(one.gained),
    }


def _steps(comparison: Comparison) -> Iterator[Row]:
    """Joins, sorts and the like whose method changed, and those that came or went."""
    for old, new in comparison.pairs:
        if old is not None and new is not None and old.label == new.label:
            continue
        if (old and scan_of(comparison.before, old)) or (new and scan_of(comparison.after, new)):
            continue
        yield {
            "before": _label(old),
            "after": _label(new),
            "before_ms": old and old.self_ms,
            "after_ms": new and new.self_ms,
            "before_node": old and old.id,
            "after_node": new and new.id,
        }


def _label(node: Node | None) -> str | None:
    return None if node is None else about(node)


def _rules(comparison: Comparison) -> Iterator[Row]:
    for state, findings in (("new", comparison.new), ("fixed", comparison.fixed)):
        for one in findings:
            yield {
                "state": state,
                "rule": one.rule,
                "subject": one.subject,
                "message": one.message,
            }


def _settings(comparison: Comparison) -> Iterator[Row]:
    for name, (old, new) in comparison.settings.items():
        yield {"setting": name, "before": old or "default", "after": new or "default"}


def _shown(table: Table, rows: Iterator[Row]) -> tuple[Table, ...]:
    return (replace(table, rows=tuple(rows)),)


def _untold(comparison: Comparison) -> Iterator[Skipped]:
    if why := unlike(comparison.before, comparison.after):
        yield Skipped("findings fixed and new", why, "Make both plans with the same options")
    for name, remedy in (
        ("time", "EXPLAIN (ANALYZE, BUFFERS, SETTINGS) <the statement>;"),
        ("blocks", "EXPLAIN (ANALYZE, BUFFERS, SETTINGS) <the statement>;"),
        ("cost", "SET the same settings for both, and leave COSTS on"),
    ):
        one = comparison.measures[name]
        if one.verdict == "unknown":
            why = one.reason or "not both plans have it"
            yield Skipped(f"comparing {name}", why, remedy)


def _notes(comparison: Comparison) -> Iterator[str]:
    if comparison.measures["time"].verdict == "same":
        yield (
            f"times within {ratio_text(NOISE_RATIO)} or {ms_text(NOISE_MS)} of each other are "
            "called the same: one execution of each shows no more"
        )
    both = (comparison.before, comparison.after)
    if any(plan.settings for plan in both) != all(plan.settings for plan in both):
        yield "one plan shows no settings: they are defaults, or it was made without SETTINGS"
    if {one.query for one in both} - {None} and len({one.query for one in both} - {None}) > 1:
        yield "the statements differ"
