"""``dbtune compare`` on Redis: INFO, commands and settings of two periods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from dbtune.compare.held import Held, Span
from dbtune.compare.model import (
    Comparison,
    Frame,
    Measure,
    Related,
    StatementChange,
    Workload,
    setting_changes,
    short,
)
from dbtune.compare.statements import align, workload_of
from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.redis.commandstats import Total, statements_between, totals_in
from dbtune.redis.facts.config import config
from dbtune.redis.facts.info import Info, info
from dbtune.statements import Statement

SPREAD = 3.0
"""Redis keeps no standard deviation of commands: three times the mean is taken for it."""
_LEAST_LOOKUPS = 1000


def related(first: Held, second: Held) -> Related:
    """By the id that each process of a server has: a restart begins all counters anew."""
    one, other = first.maybe(info), second.maybe(info)
    if one is None or other is None:
        return Related(None, False, why="INFO was not read")
    if one.text("run_id") and one.text("run_id") == other.text("run_id"):
        return Related(True, True)
    name = [held.snapshot.target.get("name") for held in (first, second)]
    same = name[0] == name[1]
    why = "the server was restarted" if same else "they are of different servers"
    return Related(None if same else False, False, restarted=same, why=why)


def compared(frame: Frame, before: Span, after: Span, relation: Related) -> Comparison:
    """Two periods side by side."""
    statements, workload, skipped = _statements(before, after)
    return Comparison(
        before.period(_began(before.end)),
        after.period(_began(after.end)),
        relation.cluster,
        tuple(_measures(before, after)),
        statements,
        workload,
        setting_changes(_values(before.start or before.end), _values(after.end)),
        frozenset(_values(after.end) or ()),
        skipped=tuple(skipped),
        notes=tuple(_notes(before.end, after.end, relation)),
        seconds=(frame.after_end.collected_at - frame.first.collected_at).total_seconds(),
    )


def _began(held: Held) -> datetime | None:
    found = held.maybe(info)
    uptime = timedelta(seconds=found.number("uptime_in_seconds")) if found else None
    return held.snapshot.collected_at - uptime if uptime else None


def _notes(first: Held, last: Held, relation: Related) -> Iterator[str]:
    one, other = first.maybe(info), last.maybe(info)
    if one is None or other is None:
        return
    if relation.cluster is False:
        yield "the snapshots are of different servers: machine, data and load may differ"
    if one.text("redis_version") != other.text("redis_version"):
        yield (
            f"the version changed: {one.text('redis_version')} before, "
            f"{other.text('redis_version')} after"
        )
    if other.text("cluster_enabled") == "1":
        yield (
            "only the node that the snapshots name is compared: each node of a cluster counts for "
            "itself, so take a snapshot of each"
        )
    if relation.restarted:
        yield "the server was restarted in between: its counters began anew"


def _statements(
    before: Span, after: Span
) -> tuple[tuple[StatementChange, ...] | None, Workload, list[Skipped]]:
    try:
        old, new = _commands(before), _commands(after)
    except Unavailable as lacking:
        return None, Workload(), [Skipped("commands", lacking.reason, lacking.remedy)]
    changes = align(old, new, spread=SPREAD)
    return changes, workload_of(changes), []


def _commands(span: Span) -> dict[str, Statement]:
    early: dict[str, Total] = totals_in(span.start.of(info).fields) if span.start else {}
    late = totals_in(span.end.of(info).fields)
    if not late:
        raise Unavailable("INFO told nothing of commands (INFO commandstats)")
    return {one.text: one for one in statements_between(early, late)}


def _values(held: Held) -> Mapping[str, str] | None:
    found = held.maybe(config)
    return found.values if found else None


def _measures(before: Span, after: Span) -> Iterator[Measure]:
    old, new = before.maybe(info), after.maybe(info)
    if old is None or new is None:
        return

    def rate(name: str) -> tuple[float, float]:
        return old.grown(name) / old.seconds, new.grown(name) / new.seconds

    yield Measure("commands_per_second", "commands/s", "float", *rate("total_commands_processed"))
    brief = short(old.seconds, new.seconds)
    few = min(map(_lookups, (old, new))) < _LEAST_LOOKUPS
    yield Measure(
        "hit_ratio", "keys found", "ratio", _hits(old), _hits(new),
        "more", 1.0, 0.02, "fewer than 1,000 look-ups" if few else "",
    )  # fmt: skip
    yield Measure(
        "evicted_keys_per_second", "keys evicted/s", "float", *rate("evicted_keys"),
        "less", 1.5, 1.0, brief,
    )  # fmt: skip
    yield Measure("expired_keys_per_second", "keys expired/s", "float", *rate("expired_keys"))
    yield Measure(
        "connections_per_second", "connections made/s", "float",
        *rate("total_connections_received"), "less", 2.0, 10.0, brief,
    )  # fmt: skip
    yield Measure(
        "rejected_connections_per_second", "connections refused/s", "float",
        *rate("rejected_connections"), "less", 1.5, 0.01, brief,
    )  # fmt: skip
    yield Measure("input_bytes_per_second", "received/s", "bytes", *rate("total_net_input_bytes"))
    yield Measure("output_bytes_per_second", "sent/s", "bytes", *rate("total_net_output_bytes"))
    yield Measure("used_memory_bytes", "memory used", "bytes", *_both(old, new, "used_memory"))
    yield Measure(
        "fragmentation_ratio", "memory of the process to memory used", "float",
        *_both(old, new, "mem_fragmentation_ratio"), "less", 1.25, 0.3,
        "less than 100 MB used" if min(_both(old, new, "used_memory")) < 100e6 else "",
    )  # fmt: skip
    yield Measure("keys", "keys", "int", old.keys[0], new.keys[0])
    yield Measure("clients", "connections", "int", *_both(old, new, "connected_clients"))


def _both(old: Info, new: Info, name: str) -> tuple[float, float]:
    return old.number(name), new.number(name)


def _lookups(one: Info) -> float:
    return one.grown("keyspace_hits") + one.grown("keyspace_misses")


def _hits(one: Info) -> float | None:
    whole = _lookups(one)
    return one.grown("keyspace_hits") / whole if whole else None
