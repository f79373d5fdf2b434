"""The newest partition ends soon, and there is none behind it."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.partitions import Partitioned
from dbtune.postgres.facts.sequences import Sequence
from dbtune.text import ms_text, plain, plural, ratio_text

_DAY = 86_400.0


@check("pg.partition-gap-ahead", tags=("schema", "partitions"))
def partition_gap_ahead(
    partitions: tuple[Partitioned, ...],
    sequences: tuple[Sequence, ...],
    *,
    min_ahead_partitions: float = 1.0,
    most_ahead_days: float = 14.0,
    number_ratio: float = 0.8,
    closed_days: float = 90.0,
) -> Iterator[Finding]:
    """The newest partition ends soon, and there is none behind it.

    Why: The first row beyond the last bound is refused, or goes into the default partition, from
        which it is hard to get out again.

    Mistaken when: The table is an archive that gets no new rows, or partitions are made at the
        last moment on purpose.

    Remedy: Make partitions ahead of time, by a job (pg_partman, cron) whose failure is noticed.
    """
    for one in partitions:
        if one.upper_number is None:
            continue  # open at its end
        if one.by_time:
            needed = min(min_ahead_partitions * (one.width or _DAY), most_ahead_days * _DAY)
            yield from _of_time(one, needed, closed_days * _DAY)
        else:
            yield from _of_numbers(one, _largest(one, sequences), number_ratio)


def _of_time(one: Partitioned, needed: float, closed: float) -> Iterator[Finding]:
    assert one.upper_number is not None
    ahead = one.upper_number - one.now_number
    if ahead >= needed:
        return
    over = ahead <= 0
    long_over = -ahead > max(closed, 3 * (one.width or 0))
    when = f"ended {ms_text(-ahead * 1000)} ago" if over else f"ends in {ms_text(ahead * 1000)}"
    yield Finding(
        f"table {one.schema}.{one.name}",
        f"its newest partition, {plain(one.newest)}, {when}, at {one.upper}; "
        f"{_beyond(one, over=over)}",
        _remedy(one),
        {
            "partitions": one.partitions,
            "upper_bound": one.upper,
            "ahead_seconds": ahead,
            "needed_ahead_seconds": needed,
            "default_partition_rows": one.default_rows,
        },
        level=_level(one, over=over, closed=long_over),
    )


def _of_numbers(one: Partitioned, largest: float | None, ratio: float) -> Iterator[Finding]:
    if largest is None or one.upper_number is None:
        return
    lower = 0.0 if one.lower_number is None else one.lower_number
    used = (largest - lower) / max(one.upper_number - lower, 1)
    if used < ratio:
        return
    over = largest >= one.upper_number - 1
    share = "is used up" if over else f"is used to {ratio_text(used)}"
    yield Finding(
        f"table {one.schema}.{one.name}",
        f"its newest partition, {plain(one.newest)}, {share}: {largest:,.0f} of "
        f"{one.upper_number:,.0f}; {_beyond(one, over=over)}",
        _remedy(one),
        {
            "partitions": one.partitions,
            "upper_bound": one.upper,
            "largest": largest,
            "used_ratio": used,
            "default_partition_rows": one.default_rows,
        },
        level=_level(one, over=over, closed=False),
    )


def _largest(one: Partitioned, sequences: tuple[Sequence, ...]) -> float | None:
    """The largest key so far: of the sequence that feeds it, else what ANALYZE saw."""
    table = f"{one.schema}.{one.name}"
    found = [s.last_value for s in sequences if s.table == table and s.column == one.column]
    known = [float(value) for value in found if value is not None]
    if one.largest is not None:
        known.append(one.largest)
    return max(known, default=None)


def _beyond(one: Partitioned, *, over: bool) -> str:
    if one.default_rows is None:
        return "rows beyond it are refused" if over else "rows beyond it will be refused"
    if one.default_rows:
        return f"the default partition has {plural(round(one.default_rows), 'row')} already"
    return "rows beyond it go into the default partition"


def _level(one: Partitioned, *, over: bool, closed: bool) -> Level:
    if closed and not one.default_rows:
        return Level.info  # nobody seems to write to it
    return Level.critical if over and one.default_rows is None else Level.warning


def _remedy(one: Partitioned) -> Remedy:
    out = " Move the rows out of the default partition first." if one.default_rows else ""
    return Remedy(
        f"Make the partitions that follow {one.upper}, now and regularly.{out}",
        effect="CREATE TABLE ... PARTITION OF locks the table for a moment; a default partition "
        "is searched for rows of the new one meanwhile",
    )
