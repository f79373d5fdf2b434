"""The report on an observed load and the plan that follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from dbtune.errors import Unavailable
from dbtune.pooling.measured import HIDDEN
from dbtune.pooling.measured_pooler import applications_table, pooler_pools_table
from dbtune.pooling.measured_report import measured_table, pools_table, use_table
from dbtune.pooling.observed import Observed
from dbtune.pooling.report import report
from dbtune.report import Report, Table
from dbtune.text import count_text, ms_text


def report_on(
    found: Observed,
    *,
    target: Mapping[str, object] | None = None,
    collected_at: datetime | None = None,
    thresholds: Mapping[str, Mapping[str, object]] | None = None,
    notes: tuple[str, ...] = (),
) -> Report:
    """The report on an observation and its plan; arguments as of a plan's report."""
    return report(
        found.plan,
        target=target,
        collected_at=collected_at,
        thresholds=thresholds,
        skipped=found.skipped,
        notes=(*_notes(found), *notes),
        size_range=found.size_range,
        more=tuple(_tables(found)),
        facts=_facts(found),
    )


def _tables(found: Observed) -> Iterator[Table]:
    if found.quantities:
        yield measured_table(found.quantities)
    if not found.measured:
        return
    if found.pooler is not None:
        yield pooler_pools_table(found.pooler, found.plan)
        if not found.pooler.skipped:
            yield applications_table(found.pooler)
    if found.load is not None and found.load.seen:
        yield use_table(found.load)
        yield pools_table(found.load, found.plan)


def _facts(found: Observed) -> dict[str, object]:
    """What checks may need; those of PgBouncer's health need its parts."""
    facts: dict[str, object] = {}
    load, pooler = found.load, found.pooler
    if not found.measured:
        return facts
    if load is not None:
        facts["load"] = replace(load, pooled=load.pooled or pooler is not None)
        if load.count and not load.seen:
            reason = next((one for one in found.skipped if one.what == HIDDEN), None)
            facts["load"] = Unavailable(*reason[1:]) if reason else Unavailable("hidden")
    if pooler is not None:
        facts |= {
            "pooler": pooler,
            "pools": pooler.pools,
            "traffic": pooler.traffic,
            "entries": pooler.databases,
            "bouncer": pooler.bouncer,
        }
    return facts


def _notes(found: Observed) -> Iterator[str]:
    load, pooler = found.load, found.pooler
    if not found.measured:
        return
    seconds = max(one.seconds for one in (load, pooler) if one is not None)
    if seconds:
        lasted = ms_text(seconds * 1000)
        yield f"the load was observed for {lasted}: do it at the busiest time"
    else:
        yield (
            "the load is one look, and the mean since the server began to count: no peak is known;"
            " observe it with dbtune snapshot --interval 60s"
        )
    if load is None:
        yield (
            "only PgBouncer was asked: what the server allows, and what connections are at there,"
            " dbtune pool-size SERVER --pgbouncer CONSOLE tells"
        )
    elif load.pooled and pooler is None:
        yield "a pooler is in between: --pgbouncer and its console's URL tells what waits there"
    if load is not None and load.seen and not load.pooled and pooler is None:
        yield from _no_pooler_needed(found)


def _no_pooler_needed(found: Observed) -> Iterator[str]:
    """Said where the check pool.pooler-missing is silent: a pooler is more to run."""
    from dbtune.pooling.checks.pooler_missing import pooler_missing

    load = found.load
    if load is None or not load.sampled or pooler_missing(found.plan, load):
        return
    kept = sum(load.looks.connections) / load.count
    held = sum(load.looks.held) / load.count
    opened = load.sessions_per_second
    rate = "" if opened is None else f", {count_text(opened)} opened a second"
    yield (
        f"a pooler would save little now: on average {count_text(held)} of {count_text(kept)} open"
        f" connections were held{rate}"
    )
