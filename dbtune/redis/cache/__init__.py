"""``cache`` on Redis: how well it serves, what drives keys out, and what more memory would buy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from dbtune.bloat import Selection
from dbtune.errors import Unavailable, UsageError
from dbtune.facts import Live, gather
from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.report import Report, Table
from dbtune.statements import Wait
from dbtune.text import count_text, ms_text, ratio_text

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.redis.cache.facts import Family, HotKey, Uses
    from dbtune.redis.cache.growth import Growth
    from dbtune.redis.facts.info import Info
    from dbtune.redis.memory.facts import Keyspace
    from dbtune.redis.session import Session

CHECKS = "dbtune.redis.cache.checks"
ORDER = {"families": "size_bytes", "hot_keys": "reads_per_second"}
"""Of several nodes' rows: by which column, largest first."""
_OF_HEALTH = ("redis.low-hit-ratio", "redis.policy-evicts-nothing", "redis.maxmemory-unset")


def cache(session: Session, selection: Selection, interval_seconds: float, wait: Wait) -> Report:
    """How well a Redis server does as a cache.

    Args:
        session: an open session.
        selection: how many keys to look at, and rows to show.
        interval_seconds: for how long to watch counters; 0 takes them since the start.
        wait: called to let time pass.

    Raises:
        TargetError: the connection broke.
        Unavailable: this user may not read INFO.
    """
    from dbtune.redis.facts.config import config
    from dbtune.redis.facts.info import info as fact

    def pause() -> None:
        wait(interval_seconds, "watching counters")

    info = fact.read(session)
    if interval_seconds > 0:
        pause()
        assert fact.between is not None
        info = fact.between(info, fact.read(session))
    # Only then keys: the server counts looking at them as hits.
    found = _keys(session, selection, info, wait, looks=interval_seconds > 0)
    settings = gather(Live(session), [config])["config"]
    target = session.target()
    report = _report(target, info, settings, found, selection.limit, session.profile.thresholds)
    return replace(report, target=target, collected_at=datetime.now(UTC))


def from_snapshot(
    snapshot: Snapshot, limit: int, thresholds: Mapping[str, Mapping[str, object]]
) -> Report:
    """As :func:`cache`, of the counters since the server's start and the keys of a snapshot.

    Args:
        snapshot: of a Redis server.
        limit: most rows of each table.
        thresholds: overrides by rule and threshold.

    Raises:
        UsageError: it has no counters.
    """
    from dbtune.redis.facts.nodes import lost_nodes, of_nodes
    from dbtune.redis.nodes import joined

    nodes = of_nodes(snapshot)
    if not nodes:
        return snapshot.described(_of_one(snapshot, limit, thresholds))
    masters = [one for one in nodes if not _is_replica(one[1])] or nodes
    reports = [(name, _of_one(one, limit, thresholds)) for name, one in masters]
    lost = lost_nodes(snapshot)
    made = snapshot.described(joined(snapshot.target, reports, lost, ORDER, limit))
    return replace(made, target={**snapshot.target, "nodes": [name for name, _ in masters]})


def _is_replica(snapshot: Snapshot) -> bool:
    """Whether a node has the same keys as another one."""
    from dbtune.redis.facts.info import info

    try:
        return snapshot.of(info).text("role") == "slave"
    except Unavailable:
        return False


def _of_one(
    snapshot: Snapshot, limit: int, thresholds: Mapping[str, Mapping[str, object]]
) -> Report:
    from dbtune.redis.facts.config import config
    from dbtune.redis.facts.info import info as info_fact
    from dbtune.redis.facts.key_sample import key_sample

    try:
        info = snapshot.of(info_fact)
    except Unavailable as missing:
        raise UsageError(f"{snapshot.name} has no counters: {missing.reason}") from None
    try:
        sample = snapshot.of(key_sample)
        found = _judged(sample.keyspace, sample.uses, info, _saved_hot(limit))
    except Unavailable as missing:
        found = _without(missing)
    settings = gather(snapshot, [config])["config"]
    report = _report(snapshot.target, info, settings, found, limit, thresholds)
    note = "counters are those since the server started: dbtune cache TARGET watches them"
    return replace(report, notes=(note, *report.notes))


def _saved_hot(limit: int) -> Callable[[Uses, list[float]], Sequence[HotKey]]:
    from dbtune.redis.cache.table import hot_by_counter

    def hot(uses: Uses, rates: list[float]) -> Sequence[HotKey]:
        if not rates:
            raise Unavailable(
                "without an LFU policy keys are looked at again and again for that",
                "dbtune cache TARGET",
            )
        return hot_by_counter(uses, rates, limit)

    return hot


def _report(
    target: Mapping[str, object],
    info: Info,
    settings: object,
    found: _Found,
    limit: int,
    thresholds: Mapping[str, Mapping[str, object]],
) -> Report:
    facts: dict[str, object] = {
        "info": info,
        "keys": found.keys,
        "families": found.families,
        "hot_keys": found.hot,
        "growth": found.growth,
        "config": settings,
    }
    of_health = load_checks("dbtune.redis.health.checks")
    checks = [*load_checks(CHECKS), *(one for one in of_health if one.name in _OF_HEALTH)]
    findings, not_run = run_checks(checks, facts, thresholds)
    said, quiet = list(found.skipped), set(found.quiet)
    if isinstance(settings, Unavailable):
        said.append(Skipped("settings", settings.reason, settings.remedy))
        quiet |= {one.name for one in checks if "config" in one.needs}
    return Report(
        "cache",
        _tables(info, found, limit),
        tuple(findings),
        (*said, *(one for one in not_run if one.what not in quiet)),
        tuple(_notes(target, info, found)),
        examined=tuple(one.name for one in checks),
    )


class _Found(NamedTuple):
    """What keys tell, or why they don't."""

    keys: Keyspace | Unavailable
    families: Sequence[Family] | Unavailable
    hot: Sequence[HotKey] | Unavailable
    growth: Growth | Unavailable
    skipped: tuple[Skipped, ...] = ()
    quiet: tuple[str, ...] = ()


def _keys(session: Session, selection: Selection, info: Info, wait: Wait, *, looks: bool) -> _Found:
    from dbtune.redis.cache.collect import hot_by_idle, read_uses
    from dbtune.redis.cache.table import hot_by_counter

    def hot(uses: Uses, rates: list[float]) -> Sequence[HotKey]:
        if rates:
            return hot_by_counter(uses, rates, selection.limit)
        if not looks:
            raise Unavailable("keys are looked at again and again for that", "--interval 10s")
        return hot_by_idle(session, uses, wait, selection.limit)

    try:
        keys, uses = read_uses(session, selection)
    except Unavailable as missing:
        return _without(missing)
    return _judged(keys, uses, info, hot)


def _without(missing: Unavailable) -> _Found:
    skip = Skipped("keys", missing.reason, missing.remedy)
    return _Found(
        missing,
        missing,
        missing,
        missing,
        (skip,),
        _needing("keys", "families", "growth", "hot_keys"),
    )


def _judged(
    keys: Keyspace,
    uses: Uses,
    info: Info,
    hot_keys: Callable[[Uses, list[float]], Sequence[HotKey]],
) -> _Found:
    from dbtune.redis.cache.facts import families
    from dbtune.redis.cache.growth import growth
    from dbtune.redis.cache.growth import rates as rates_of

    skipped: list[Skipped] = []
    rates: list[float] = []
    if uses.known == "counter" and uses.keys:
        rates = rates_of(uses.keys, uses, info)
    buys: Growth | Unavailable
    try:
        buys = growth(info, uses)
    except Unavailable as missing:
        buys = missing
        skipped.append(Skipped("what more memory would buy", missing.reason, missing.remedy))
    hot: Sequence[HotKey] | Unavailable
    try:
        hot = hot_keys(uses, rates)
    except Unavailable as missing:
        hot = missing
    return _Found(
        keys, families(uses, rates), hot, buys, tuple(skipped), _needing("growth", "hot_keys")
    )


def _needing(*facts: str) -> tuple[str, ...]:
    """Checks that can't be made without these: that is said once, of the facts."""
    return tuple(one.name for one in load_checks(CHECKS) if not set(facts).isdisjoint(one.needs))


def _tables(info: Info, found: _Found, limit: int) -> tuple[Table, ...]:
    from dbtune.redis.cache import table

    keys = None if isinstance(found.keys, Unavailable) else found.keys
    tables = [table.traffic_table(info, keys)]
    if not isinstance(found.growth, Unavailable):
        rows = tuple(table.growth_rows(found.growth, info))
        tables.append(replace(table.MEMORY_BUYS, rows=rows))
    if not isinstance(found.families, Unavailable):
        rows = tuple(table.family_rows(found.families, limit))
        tables.append(replace(table.FAMILIES, rows=rows))
    if not isinstance(found.hot, Unavailable):
        lookups = info.grown("keyspace_hits") + info.grown("keyspace_misses")
        rows = tuple(table.hot_rows(found.hot, lookups / info.seconds))
        tables.append(replace(table.HOT_KEYS, rows=rows))
    return tuple(tables)


def _notes(target: Mapping[str, object], info: Info, found: _Found) -> Iterator[str]:
    buys = found.growth
    if not isinstance(buys, Unavailable):
        yield (
            f"what memory buys is estimated: {buys.method} (s = {buys.exponent:g}, "
            f"{count_text(round(buys.asked_keys))} keys asked for); the fit misses what was "
            f"measured by {ratio_text(buys.error_ratio)}; it holds while requests come as they "
            "came, and not for keys that are read in turn (scans); on Zipf traffic it was within 4 "
            "points at twice the memory"
        )
        if buys.for_want_of_memory_ratio < 0.95:
            yield (
                f"at most {ratio_text(buys.for_want_of_memory_ratio)} of the misses are for want "
                "of memory; the others were never stored, or had expired"
            )
        if buys.coarse:
            yield "keys live for a few seconds only, and idle times are whole ones: a rough guess"
    if isinstance(found.keys, Unavailable):
        return
    if not found.keys.whole:
        yield (
            f"{count_text(found.keys.seen)} of {count_text(found.keys.total)} keys were looked at "
            f"in {ms_text(found.keys.seconds * 1000)}: families are estimates, and a hot key may "
            "be missing (dbtune cache TARGET --exact looks at all)"
        )
    if "lfu" not in info.text("maxmemory_policy") and not isinstance(found.hot, Unavailable):
        yield (
            "without an LFU policy the server does not count uses: hot keys are those used at each "
            "of four looks, a second apart"
        )
    if found.keys.seen:
        yield "looking at keys touches no last access, but the server counts it in keyspace_hits"
    if info.databases > 1:
        yield (
            f"keys are of database {target.get('database')} only; look-ups are counted over all of "
            "them"
        )
    if target.get("role") == "replica":
        yield "this is a replica: look-ups are those of its own clients, and its master evicts"
