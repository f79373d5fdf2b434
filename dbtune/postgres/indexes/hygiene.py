"""What is wrong with the indexes that there are: checks, and one table of what may go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from dbtune.errors import Unavailable
from dbtune.finding import Finding, Skipped, load_checks, run_checks, sort_findings
from dbtune.postgres.indexes.coverage import covered_indexes
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.removal import subject
from dbtune.postgres.indexes.usage import Usage, usage
from dbtune.postgres.relations.facts import Index, Relations
from dbtune.report import Column, Report, Row, Table
from dbtune.text import bytes_text, plain, plural

CHECKS = "dbtune.postgres.indexes.checks"
_UNUSED = "pg.unused-index"
_GOES = (
    "pg.invalid-index",
    "pg.duplicate-index",
    "pg.redundant-index",
    "pg.constant-index",
    "pg.low-selectivity-index",
    _UNUSED,
)
"""Rules whose remedy is to drop the index, the surest first: one of them is said of each index."""

HYGIENE = Table(
    "existing_indexes",
    "Existing indexes with a problem",
    (
        Column("index", "index", "text", "Schema and name; of a foreign key, table and columns."),
        Column("problem", "problem", "text", "Name of the rule that found it."),
        Column("size_bytes", "size", "bytes", "Its size; of a missing one, the predicted size."),
        Column("scans", "scans", "int", "Scans, on every server that was asked.", 1),
        Column("entry_writes_per_day", "writes/day", "float", "Entries that writes made.", 2),
        Column("kept", "in favour of", "text", "The index that does the same.", 3),
        Column("reason", "why", "text", "What decided.", 1),
        Column("sql", "statement", "sql", "What mends it, and how to undo that.", None),
    ),
    empty="no existing index has a problem",
)


@dataclass(frozen=True, slots=True)
class Hygiene:
    """What came of the checks.

    Attributes:
        findings: worst first.
        skipped: checks that could not run.
        examined: names of the checks that ran.
        table: one row for each index or foreign key.
        notes: sentences on what the answer rests on.
    """

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    examined: tuple[str, ...]
    table: Table
    notes: tuple[str, ...]


def hygiene(
    relations: Relations,
    replicas: Sequence[Relations] = (),
    *,
    min_observed_seconds: float = 0.0,
    thresholds: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
    relied: Collection[int] = (),
) -> Hygiene:
    """Examine the indexes of a database.

    Args:
        relations: what there is, with statistics.
        replicas: the same of standbys, whose scans count as well.
        min_observed_seconds: how long scans have to be counted before an index is called unused.
        thresholds: of checks, as a profile overrides them.
        relied: oids of indexes that plans of the workload read, if one was examined.

    Raises:
        UsageError: a threshold is unknown or no number.
    """
    facts: dict[str, Any] = {
        "inventory": Inventory(relations, relied),
        "covered": covered_indexes(relations),
    }
    try:
        facts["usage"] = usage(relations, replicas)
    except Unavailable as missing:
        facts["usage"] = missing
    checks = [one for one in load_checks(CHECKS) if set(one.needs) <= facts.keys()]
    unused = {"min_observed_days": min_observed_seconds / 86_400}
    limits = {**thresholds, _UNUSED: {**unused, **thresholds.get(_UNUSED, {})}}
    found, skipped = run_checks(checks, facts, limits)
    kept = surest(found)
    return Hygiene(
        tuple(kept),
        (*skipped, *_unseen(relations)),
        tuple(check.name for check in checks),
        _table(kept, facts["inventory"], facts["usage"]),
        tuple(_notes(relations, facts["usage"])),
    )


def only_existing(existing: Hygiene, missing: Unavailable) -> Report:
    """The report where nothing can be suggested for want of a workload."""
    reason = f"there is no workload: {missing.reason}"
    others = "or give statements with --log, --file or --sql: nothing has to be installed for these"
    remedy = f"{missing.remedy}\n-- {others}" if missing.remedy else others
    return Report(
        "suggest-indexes",
        (existing.table,),
        existing.findings,
        (Skipped("new indexes", reason, remedy), *existing.skipped),
        existing.notes,
        examined=existing.examined,
    )


def merged(report: Report, existing: Hygiene) -> Report:
    """A report on new indexes, and what was found of the existing ones.

    A foreign key that a suggested index serves is not said to lack one.
    """
    suggested = {one.subject for one in report.findings}
    served = {
        one.subject
        for one in existing.findings
        if one.rule == "pg.unindexed-foreign-key"
        and any(_starts_alike(one.subject, other) for other in suggested)
    }
    findings = [one for one in existing.findings if one.subject not in served]
    rows = tuple(row for row in existing.table.rows if row["index"] not in served)
    first, *others = report.tables
    return replace(
        report,
        tables=(first, replace(existing.table, rows=rows), *others),
        findings=tuple(sort_findings((*report.findings, *findings))),
        skipped=(*report.skipped, *existing.skipped),
        examined=tuple(dict.fromkeys((*report.examined, *existing.examined))),
        notes=(*report.notes, *existing.notes),
    )


def _starts_alike(foreign_key: str, index: str) -> bool:
    """Whether an index, ``s.t (a, b)``, starts with the columns of a foreign key, ``s.t (a)``."""
    return index.startswith((foreign_key, f"{foreign_key[:-1]}, "))


def surest(findings: Sequence[Finding]) -> list[Finding]:
    """Without what a surer finding says of the same index, so that no byte is given back twice.

    Args:
        findings: of indexes, and others, which stay as they are.
    """
    best: dict[str, int] = {}
    for one in findings:
        if one.rule in _GOES:
            rank = _GOES.index(one.rule)
            best[one.subject] = min(best.get(one.subject, rank), rank)
    return [
        one
        for one in findings
        if one.rule not in _GOES or _GOES.index(one.rule) == best[one.subject]
    ]


def _table(findings: Sequence[Finding], inventory: Inventory, used: Usage | Unavailable) -> Table:
    by_name = {subject(index): index for index, _ in inventory}
    rows = tuple(_row(one, by_name.get(one.subject), inventory, used) for one in findings)
    going = [one for one in findings if one.rule in _GOES and not one.evidence.get("may_pay")]
    footer = ""
    if going:
        size = sum(int(one.evidence.get("size_bytes") or 0) for one in going)
        footer = f"{plural(len(going), 'index', 'indexes')} may go: {bytes_text(size)}"
    return replace(HYGIENE, rows=rows, footer=footer)


def _row(one: Finding, index: Index | None, inventory: Inventory, used: Usage | Unavailable) -> Row:
    evidence = one.evidence
    scans: object = None
    if index is not None:
        own = inventory.scans(index)[0]
        scans = used.scans.get(index.oid, own) if isinstance(used, Usage) else own
    return {
        "index": one.subject,
        "problem": one.rule,
        "size_bytes": evidence.get("size_bytes") or evidence.get("index_size_bytes"),
        "scans": scans,
        "entry_writes_per_day": evidence.get("entry_writes_per_day"),
        "kept": plain(str(evidence["kept"])) if "kept" in evidence else None,
        "reason": one.message,
        "sql": one.remedy.sql,
    }


def _unseen(relations: Relations) -> list[Skipped]:
    """What of the database was not read."""
    found = [Skipped("indexes", plain(one)) for one in relations.left_out]
    if relations.hidden_statistics:
        count = plural(len(relations.hidden_statistics), "table")
        found.append(
            Skipped(
                "statistics of columns",
                f"hidden of {count}: sizes are rough, low-selectivity and constant indexes unseen",
                "GRANT pg_read_all_data TO the role (PostgreSQL 14 and later), or SELECT on tables",
            )
        )
    return found


def _notes(relations: Relations, used: Usage | Unavailable) -> list[str]:
    notes = []
    if isinstance(used, Usage):
        since = used.since.strftime("%Y-%m-%d %H:%M %Z").strip()
        unsure = "" if used.certain else " (or since the database was created, if that was later)"
        servers = plural(used.servers, "server")
        notes.append(f"scans of indexes are counted since {since}{unsure}, on {servers}")
        if used.unseen_standbys:
            standbys = plural(used.unseen_standbys, "standby is", "standbys are")
            notes.append(
                f"{standbys} connected whose scans are not counted here: name them with --replica"
            )
    if relations.standby:
        notes.append("this is a standby: what the primary's statements use is not counted here")
    return notes
