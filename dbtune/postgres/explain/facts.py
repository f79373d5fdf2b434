"""Everything that a plan says of a node or of the statement, in groups, for who wants it all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbtune.plan_tree import Fact
from dbtune.postgres.plans.keys import Value
from dbtune.postgres.plans.model import BLOCK_BYTES, Buffers, IoTimes, Node, Plan, Wal, Worker
from dbtune.text import bytes_text, count_text, ms_text, shorten

_LONGEST = 2000
_MOST_WORKERS = 64
Facts = Iterator[tuple[str, str, str]]
"""Group, label and text of each."""


def facts_of(plan: Plan) -> tuple[Fact, ...]:
    """What is said of the whole statement."""
    return tuple(_statement_facts(plan))


def node_facts(node: Node) -> tuple[Fact, ...]:
    """What is said of a node."""
    return tuple(
        Fact(group, label, shorten(text, _LONGEST))
        for group, label, text in (
            *_times(node),
            *_rows(node),
            *_cost(node),
            *(("Conditions", key, text) for key, text in node.conditions.items()),
            *_counters("Blocks", node.self_buffers, node.buffers),
            *_counters("I/O time", node.self_io, node.io),
            *_counters("WAL", node.self_wal, node.wal),
            *(
                ("Workers", f"worker {one.number}", _worker(one))
                for one in node.workers[:_MOST_WORKERS]
            ),
            *_place(node),
            *(("More", key, _value(value)) for key, value in node.props.items()),
        )
        if text
    )


def _times(node: Node) -> Facts:
    if node.self_ms is not None:
        error = node.self_error_ms or 0.0
        sure = f" ± {ms_text(error)}" if error > 0.01 * node.self_ms and error >= 0.01 else ""
        yield "Time", "own", ms_text(node.self_ms) + sure
    if node.inclusive_ms is not None:
        yield "Time", "with what is below", ms_text(node.inclusive_ms)
    if node.actual_startup_ms is not None and node.loops:
        each = " a loop" if node.loops > 1 else ""
        yield "Time", "first row after", ms_text(node.actual_startup_ms) + each
    if node.loops and node.loops > 1 and node.actual_total_ms is not None:
        yield "Time", "a loop", ms_text(node.actual_total_ms)
    if node.processes != 1 and node.cpu_ms is not None:
        yield "Time", "own, of all processes", ms_text(node.cpu_ms)
    if node.jit_ms:
        yield "Time", "of it JIT", ms_text(node.jit_ms)


def _rows(node: Node) -> Facts:
    each = " a loop" if (node.loops or 0) > 1 else ""
    if node.plan_rows is not None:
        yield "Rows", "planned", count_text(node.plan_rows) + each
    if node.loops == 0:
        yield "Rows", "loops", "never executed"
        return
    if node.actual_rows is not None and each:
        yield "Rows", "actual", count_text(node.actual_rows) + each
    if node.total_rows is not None:
        low, high = node.total_rows_min, node.total_rows_max
        about = ""
        if low is not None and high is not None and round(high) - round(low) > 1:
            about = f" (between {count_text(round(low))} and {count_text(round(high))})"
        yield "Rows", "in all", count_text(round(node.total_rows)) + about
    if node.row_factor is not None and node.row_factor >= 1.05:
        more = "more" if node.row_direction == "under" else "fewer"
        yield "Rows", "estimate", f"{count_text(node.row_factor)} times {more} came than planned"
    removed = node.removed
    for label, count in (
        ("removed by filter", removed.filter),
        ("removed by join filter", removed.join_filter),
        ("removed by recheck", removed.recheck),
        ("conflicts", removed.conflict),
    ):
        if count:
            yield "Rows", label, count_text(round(count))
    if node.loops is not None:
        yield "Rows", "loops", count_text(node.loops)
    if node.processes != 1:
        yield "Rows", "processes", count_text(node.processes)
    if node.plan_width is not None:
        yield "Rows", "width", bytes_text(node.plan_width)


def _cost(node: Node) -> Facts:
    if node.total_cost is not None:
        yield "Cost", "own", count_text(node.self_cost or 0)
        first, whole = count_text(node.startup_cost or 0), count_text(node.total_cost)
        yield "Cost", "first row, all rows", f"{first}, {whole}"


def _counters(
    group: str, own: Buffers | IoTimes | Wal | None, whole: Buffers | IoTimes | Wal | None
) -> Facts:
    if whole is None:
        return
    for name in whole.names():
        total = getattr(whole, name)
        if not total:
            continue
        mine = getattr(own, name) if own is not None else None
        text = _amount(group, name, total)
        if mine is not None and mine != total:
            text = f"own {_amount(group, name, mine)} · with what is below {text}"
        yield group, name.removesuffix("_ms").replace("_", " "), text


def _amount(group: str, name: str, amount: float) -> str:
    if group == "I/O time":
        return ms_text(amount)
    if group == "Blocks":
        size = f" ({bytes_text(amount * BLOCK_BYTES)})" if amount else ""
        return count_text(round(amount)) + size
    return bytes_text(amount) if name == "bytes" else count_text(round(amount))


def _worker(worker: Worker) -> str:
    words = []
    if worker.total_ms is not None:
        words.append(ms_text(worker.total_ms * (worker.loops or 1)))
    if worker.rows is not None:
        words.append(f"{count_text(round(worker.rows * (worker.loops or 1)))} rows")
    if worker.loops is not None and worker.loops != 1:
        words.append(f"{count_text(worker.loops)} loops")
    if worker.buffers:
        for name, blocks in zip(Buffers.names(), worker.buffers.values(), strict=True):
            words += [f"{name.replace('_', ' ')} {count_text(round(blocks))}"] if blocks else []
    words += [f"{key} {_value(value)}" for key, value in worker.props.items()]
    return " · ".join(words)


def _place(node: Node) -> Facts:
    for label, text in (
        ("schema", node.schema),
        ("table", node.relation),
        ("alias", node.alias),
        ("index", node.index),
        ("function", node.function),
        ("CTE", node.cte),
        ("sub-plan", node.subplan),
        ("join", node.join_type),
        ("feeds its parent as", node.relationship),
    ):
        if text:
            yield "What", label, text


def _statement_facts(plan: Plan) -> Iterator[Fact]:
    yield from _whole(plan)
    if plan.planning:
        blocks, memory = plan.planning.buffers, plan.planning.memory_used_kb
        if blocks and (found := blocks.shared_hit + blocks.shared_read):
            yield Fact("Planning", "blocks", _amount("Blocks", "", found))
        if memory is not None:
            yield Fact("Planning", "memory", bytes_text(memory * 1024))
    if plan.jit:
        yield from _jit(plan)
    if plan.serialization:
        output = plan.serialization
        if output.time_ms is not None:
            yield Fact("Serialization", "time", ms_text(output.time_ms))
        if output.output_kb is not None:
            yield Fact("Serialization", "output", bytes_text(output.output_kb * 1024))
    for trigger in plan.triggers:
        name = trigger.name or trigger.constraint or "trigger"
        took = f"{ms_text(trigger.time_ms)}, " if trigger.time_ms is not None else ""
        where = f" on {trigger.relation}" if trigger.relation else ""
        yield Fact("Triggers", name, f"{took}{count_text(trigger.calls)} calls{where}")
    for name, setting in plan.settings.items():
        yield Fact("Settings", name, shorten(setting, _LONGEST))
    for key, value in plan.extra.items():
        yield Fact("More", key, shorten(_value(value), _LONGEST))
    yield from _source(plan)


def _whole(plan: Plan) -> Iterator[Fact]:
    for label, ms in (
        ("execution", plan.execution_ms),
        ("duration in the log", plan.duration_ms),
        ("planning", plan.planning_ms),
        ("outside the nodes", plan.unaccounted_ms),
    ):
        if ms is not None:
            yield Fact("Time", label, ms_text(ms))
    if plan.query_id is not None:
        yield Fact("Statement", "query identifier", str(plan.query_id))
    if plan.parameters:
        yield Fact("Statement", "parameters", shorten(plan.parameters, _LONGEST))


def _jit(plan: Plan) -> Iterator[Fact]:
    jit = plan.jit
    assert jit is not None
    yield Fact("JIT", "functions", count_text(jit.functions))
    for label, ms in (
        ("generation", jit.generation_ms),
        ("inlining", jit.inlining_ms),
        ("optimization", jit.optimization_ms),
        ("emission", jit.emission_ms),
        ("in all, of all processes", jit.total_ms),
    ):
        if ms is not None:
            yield Fact("JIT", label, ms_text(ms))


def _source(plan: Plan) -> Iterator[Fact]:
    source = plan.source
    yield Fact("Source", "format", source.format)
    if source.version_guess is not None:
        yield Fact("Source", "PostgreSQL", f"{source.version_guess} or later, by what it prints")
    if source.context:
        yield Fact("Source", "log", shorten(source.context, 200))
    for warning in source.warnings:
        yield Fact("Source", "note", warning)


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return count_text(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_value(one)}" for key, one in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(_value, value))
    return "" if value is None else value
