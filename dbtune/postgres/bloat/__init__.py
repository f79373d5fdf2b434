"""``bloat`` on PostgreSQL: how large relations would be after a rewrite, and why they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.bloat import Effort
from dbtune.report import Artifact, Report

if TYPE_CHECKING:
    from dbtune.bloat import Selection
    from dbtune.facts import Snapshot, Source
    from dbtune.finding import Skipped
    from dbtune.postgres.bloat.facts import Estimate, Sizes
    from dbtune.postgres.bloat.measure import Measuring
    from dbtune.postgres.session import Session

Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]
CHECKS = "dbtune.postgres.bloat.checks"


def bloat(session: Session, selection: Selection, progress: Progress) -> Report:
    """How much space the relations of a session's database waste.

    Args:
        session: an open session.
        selection: what to look at, and how closely.
        progress: shows a person how far the work is.

    Raises:
        TargetError: the connection broke, or not even the sizes can be read.
        UsageError: a schema is not there.
    """
    from dbtune.errors import TargetError, Unavailable
    from dbtune.facts import Live
    from dbtune.postgres.bloat.collect import read_sizes
    from dbtune.postgres.bloat.measure import Measuring
    from dbtune.postgres.bloat.model import model
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    _check_schemas(session, selection.schemas)
    try:
        sizes = read_sizes(session, selection.min_bytes, selection.schemas)
    except Unavailable as missing:
        raise TargetError(f"the sizes of relations can't be read: {missing.reason}") from None
    estimates = model(sizes)
    skipped: list[Skipped] = []
    if selection.effort is not Effort.statistics:
        with progress("reading pages", 1.0) as advance:
            measuring = Measuring(
                session,
                sizes,
                estimates,
                selection.budget_seconds,
                advance,
                whole=selection.effort is Effort.exact,
            )
            measuring.run()
        estimates, skipped = measuring.estimates, _skipped(measuring, sizes)
    made = _report(sizes, estimates, Live(session), selection, session.profile.thresholds)
    return replace(
        made,
        skipped=(*skipped, *made.skipped),
        target=target(session, server),
        collected_at=server.now,
    )


def _check_schemas(session: Session, names: Sequence[str]) -> None:
    """A name that was mistyped has no bloat, which would look as if all were well."""
    from dbtune.errors import UsageError
    from dbtune.text import plain

    if not names:
        return
    rows = session.rows(
        "SELECT nspname AS name FROM pg_catalog.pg_namespace WHERE nspname = ANY (%s::name[])",
        [list(names)],
    )
    missing = [name for name in names if name not in {row["name"] for row in rows}]
    if missing:
        raise UsageError(
            f"--schema: the database {plain(session.database)} has no schema {plain(missing[0])}"
        )


def from_snapshot(
    snapshot: Snapshot, selection: Selection, thresholds: Mapping[str, Mapping[str, object]]
) -> Report:
    """As :func:`bloat`, from the statistics that a snapshot holds.

    Raises:
        Unavailable: it holds none.
    """
    from dbtune.postgres.bloat.model import model
    from dbtune.postgres.facts.bloat import relation_sizes

    sizes = narrowed(snapshot.of(relation_sizes), selection)
    return snapshot.described(_report(sizes, model(sizes), snapshot, selection, thresholds))


def narrowed(sizes: Sizes, selection: Selection) -> Sizes:
    """Sizes with only those relations marked as examined that a person wants to see."""
    relations = {
        oid: replace(
            one,
            examined=one.examined
            and one.size_bytes >= selection.min_bytes
            and (not selection.schemas or sizes.relations[one.table].schema in selection.schemas),
        )
        for oid, one in sizes.relations.items()
    }
    return replace(sizes, relations=relations)


def _report(
    sizes: Sizes,
    estimates: Mapping[int, Estimate],
    source: Source,
    selection: Selection,
    thresholds: Mapping[str, Mapping[str, object]],
) -> Report:
    from dbtune.facts import gather, load_facts
    from dbtune.finding import load_checks, run_checks
    from dbtune.postgres.bloat.facts import Bloat
    from dbtune.postgres.bloat.remedy import ways
    from dbtune.postgres.bloat.script import script, settings_of
    from dbtune.postgres.bloat.table import tables

    found = Bloat(sizes, (one for one in estimates.values() if one.relation.examined))
    checks = load_checks(CHECKS)
    wanted = {name for check in checks for name in check.needs}
    facts = [one for one in load_facts("dbtune.postgres.facts").values() if one.name in wanted]
    findings, skipped = run_checks(checks, {"bloat": found, **gather(source, facts)}, thresholds)
    possible = ways(found)
    artifacts: tuple[Artifact, ...] = ()
    if selection.script:
        artifacts = (script(possible, settings_of(findings), found, sizes.at),)
    return Report(
        "bloat",
        tables(found, possible, selection),
        tuple(findings),
        (*_unknown(found.estimates, sizes), *skipped),
        tuple(_notes(sizes)),
        artifacts=artifacts,
        examined=tuple(check.name for check in checks),
    )


def _unknown(estimates: Iterable[Estimate], sizes: Sizes) -> Iterator[Skipped]:
    """What has no number, by the reason."""
    from dbtune.finding import Skipped
    from dbtune.postgres.bloat.heap_model import HIDDEN
    from dbtune.postgres.bloat.table import label
    from dbtune.text import plural

    lacking: dict[str, list[Estimate]] = {}
    for one in estimates:
        if one.rewritten_bytes is None:
            lacking.setdefault(one.note, []).append(one)
    for reason, group in lacking.items():
        group.sort(key=lambda one: -one.relation.size_bytes)
        names = ", ".join(label(one.relation, sizes) for one in group[:3])
        more = ", ..." if len(group) > 3 else ""
        remedy = "GRANT pg_read_all_data TO the role (PostgreSQL 14 and later), or SELECT on tables"
        yield Skipped(
            f"bloat of {plural(len(group), 'relation')}: {names}{more}",
            reason,
            remedy if reason == HIDDEN else "",
        )


def _skipped(measuring: Measuring, sizes: Sizes) -> list[Skipped]:
    from dbtune.finding import Skipped
    from dbtune.postgres.bloat.table import label
    from dbtune.text import plural

    found = []
    for oid, reason in measuring.refused.items():
        name = label(sizes.relations[oid], sizes)
        found.append(Skipped(f"pages of {name}", reason))
    if measuring.left:
        names = ", ".join(label(one, sizes) for one in measuring.left[:3])
        more = ", ..." if len(measuring.left) > 3 else ""
        found.append(
            Skipped(
                f"pages of {plural(len(measuring.left), 'relation')}",
                f"no time was left for {names}{more}: by statistics instead (--deadline)",
            )
        )
    return found


def _notes(sizes: Sizes) -> list[str]:
    notes = []
    if sizes.standby:
        notes.append("a standby counts no dead rows and no changes: ask the primary for those")
    return notes
