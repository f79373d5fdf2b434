"""What keeping answers would save: in a cache before the database, or as materialised views.

Everything here is estimated from measured times and rates; the formulas stand with each function.
"""

from __future__ import annotations

from collections.abc import Sequence

from dbtune.postgres.caching.facts import Read, ToCache, ToMaterialise
from dbtune.postgres.caching.reader import Reader
from dbtune.postgres.caching.rewrite import Refused
from dbtune.postgres.indexes.planner import NotPlannable

MIN_MEAN_MS = 1.0
"""Quicker statements are not looked at: a cache in the network takes as long."""
MIN_HIT_RATIO = 0.5
MIN_AGGREGATE_MS = 20.0
MIN_TTL_SECONDS, MAX_TTL_SECONDS = 10.0, 3600.0
MIN_REFRESH_SECONDS, MAX_REFRESH_SECONDS = 60.0, 86_400.0
CHANGED_RATIO = 0.01
"""Of the tables' rows: a view is refreshed when so many have been written ..."""
REFRESHING_RATIO = 0.05
"""... but is refreshed for at most so much of the time."""
CONCURRENTLY = 2.0
"""REFRESH CONCURRENTLY makes the new content, and compares it with the old one."""
_MS_PER_ROW = 0.002
_MS_PER_CALL = 0.05


def to_cache(reads: Sequence[Read], seconds: float | None) -> list[ToCache]:
    """Statements worth caching in front of the database, what saves most first.

    An answer is kept for the time T in which one row of its tables is written on average (from 10
    seconds to an hour, and no longer than was watched: ``seconds``). Each of V variants is asked
    for r = calls per second / V times a second, so that the hit ratio is rT / (1 + rT); it is more
    where some variants are asked for more.
    """
    found = []
    for one in reads:
        writes = one.writes_per_second
        if one.refused or writes is None or one.variants is None or one.mean_ms < MIN_MEAN_MS:
            continue
        ttl = 1 / writes if writes else MAX_TTL_SECONDS
        ttl = min(MAX_TTL_SECONDS, seconds or ttl, max(MIN_TTL_SECONDS, ttl))
        asked = one.calls_per_second / one.variants * ttl
        hit_ratio = asked / (1 + asked)
        if hit_ratio >= MIN_HIT_RATIO:
            saved = one.calls_per_second * one.mean_ms * hit_ratio
            found.append(ToCache(one, ttl, hit_ratio, saved))
    return sorted(found, key=lambda one: (-one.saved_ms_per_second, one.read.text))


def to_materialise(reads: Sequence[Read], reader: Reader) -> list[ToMaterialise]:
    """Aggregates that are worth a materialised view, what saves most first, then what can't be one.

    Raises:
        TargetError: the connection broke.
    """
    found = []
    for one in reads:
        if one.mean_ms < MIN_AGGREGATE_MS or one.calls < 2:
            continue
        try:
            if one.refused:
                raise Refused(one.refused)
            found.append(_materialised(one, reader, reader.workload.seconds))
        except Refused as reason:
            if str(reason) != "it aggregates nothing":
                found.append(ToMaterialise(one, refused=str(reason)))
    return sorted(
        found,
        key=lambda one: (bool(one.refused), -one.saved_ms_per_second, -one.read.total_ms),
    )


def _materialised(read: Read, reader: Reader, watched: float | None) -> ToMaterialise:
    """A refresh takes the statement's mean time, times the ratio of both plans' costs, times two.

    It is due when one per cent of the tables' rows were written, but for at most a twentieth of the
    time, from once a minute to once a day, and no more seldom than was watched. What is saved is
    the statement's time, less that of reading the view (guessed: 0.05 ms, and 2 µs a row) and of
    refreshing it.
    """
    view = reader.rewritten(read)
    try:
        planned = reader.catalog.plan(view.query)
    except NotPlannable as missing:  # it was planned a moment ago
        raise Refused(str(missing)) from None
    refresh_ms = CONCURRENTLY * read.mean_ms * max(1.0, planned.cost / max(read.cost, 0.01))
    rows = sum(one.rows for one in read.sources)
    writes = read.writes_per_second or 0.0
    due = CHANGED_RATIO * max(rows, 1.0) / writes if writes else MAX_REFRESH_SECONDS
    due = min(due, watched or due)
    seconds = max(due, refresh_ms / 1000 / REFRESHING_RATIO, MIN_REFRESH_SECONDS)
    seconds = min(seconds, MAX_REFRESH_SECONDS)
    view_rows = float(planned.largest["Plan"]["Plan Rows"])
    read_ms = min(read.mean_ms, _MS_PER_CALL + _MS_PER_ROW * read.rows_per_call)
    if not view.lifted:  # no condition by which the index finds few rows
        read_ms = min(read.mean_ms, _MS_PER_CALL + _MS_PER_ROW * view_rows)
    saved = read.calls_per_second * (read.mean_ms - read_ms) - refresh_ms / seconds
    refused = "" if saved > 0 else "refreshing it would take more time than it saves"
    return ToMaterialise(
        read, view, read.sources[0].schema, refused, view_rows, refresh_ms, seconds, read_ms, saved
    )
