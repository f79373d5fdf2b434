"""A query against a hit in a cache, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from dbtune.bench.cache import Parts, break_even, mean_ms
from dbtune.bench.estimate import Estimate, estimate, quantile
from dbtune.report import Column, Report, Row, Table, record
from dbtune.text import ms_text, ratio_text

HIT_RATIOS = (0.5, 0.8, 0.9, 0.95, 0.99)
NAMES = {
    "query": "the query, rows fetched",
    "hit": "hit: GET and decode",
    "miss": "GET of a key that is not there",
    "encode": "encode the rows (JSON)",
    "decode": "decode them",
    "store": "SET",
}
"""What is measured, in the order of the report."""

RESULT = (
    Column("verdict", "verdict", "text", "Whether a cache pays, and from which hit ratio on."),
    Column("break_even_hit_ratio", "break-even hit ratio", "ratio", "From it on it is faster."),
    Column("hit_factor", "a hit is faster", "float", "Times: the query by a hit, means."),
    Column("query_p50_ms", "query p50", "ms", "Half of the executions took no longer."),
    Column("query_p95_ms", "query p95", "ms", "95 % took no longer."),
    Column("hit_p50_ms", "hit p50", "ms", "Half of the hits took no longer."),
    Column("hit_p95_ms", "hit p95", "ms", "95 % took no longer."),
    Column("result_rows", "result", "int", "Rows of the query's result."),
    Column("value_bytes", "stored value", "bytes", "The result as JSON."),
    Column("rounds", "rounds", "int", "Each measured everything once, interleaved.", 1),
    Column("calls", "calls each", "int", "Calls of a measurement.", 1),
    Column("redis", "cache", "text", "The Redis server.", 1),
    Column("statement", "statement", "sql", "The query.", 1),
)
PARTS = Table(
    "parts",
    "Times of the parts",
    (
        Column("part", "part", "text", "What was measured."),
        Column("mean_ms", "mean", "ms", "Mean of the rounds' means."),
        Column("error_ratio", "±", "ratio", "Half of its 95 % confidence interval (t)."),
        Column("p50_ms", "p50", "ms", "Half took no longer."),
        Column("p95_ms", "p95", "ms", "95 % took no longer."),
        Column("mean_low_ms", "low", "ms", "Lower end of the mean's interval.", None),
        Column("mean_high_ms", "high", "ms", "Upper end of the mean's interval.", None),
    ),
)
RATIOS = Table(
    "hit_ratios",
    "Mean time of a request by hit ratio",
    (
        Column("hit_ratio", "hit ratio", "ratio", "Share of the requests that the cache answers."),
        Column("mean_ms", "mean", "ms", "Through the cache: misses query and store."),
        Column("factor", "× the query", "float", "How many times faster than always querying."),
        Column("query_ratio", "queries left", "share", "Share that still reaches the database."),
    ),
)
TABLES = (Table("result", "Result", RESULT, record=True), PARTS, RATIOS)


class Timed(NamedTuple):
    """Times of one part in one round, ms."""

    mean: float
    p50: float
    p95: float


def timed(ordered: Sequence[float]) -> Timed:
    """Of sorted times."""
    return Timed(sum(ordered) / len(ordered), quantile(ordered, 0.5), quantile(ordered, 0.95))


def report(
    rounds: Mapping[str, Sequence[Timed]],
    facts: Row,
    *,
    target: Mapping[str, object] | None = None,
    collected_at: datetime | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """The report.

    Args:
        rounds: by name of :data:`NAMES`, what each round measured.
        facts: values of further columns of :data:`RESULT`.
        target: about the database, without secrets.
        collected_at: when it was measured.
        notes: sentences for the reader.
    """
    means = {name: estimate([one.mean for one in several]) for name, several in rounds.items()}
    p50 = {name: estimate([one.p50 for one in several]).mean for name, several in rounds.items()}
    p95 = {name: estimate([one.p95 for one in several]).mean for name, several in rounds.items()}
    parts = Parts(*(means[name].mean for name in Parts._fields))
    even = break_even(parts)
    result = {
        **facts,
        "verdict": _verdict(means, even),
        "break_even_hit_ratio": even,
        "hit_factor": parts.query / parts.hit if parts.hit else None,
        "query_p50_ms": p50["query"],
        "query_p95_ms": p95["query"],
        "hit_p50_ms": p50["hit"],
        "hit_p95_ms": p95["hit"],
    }
    rows = tuple(
        {
            "part": NAMES[name],
            "mean_ms": means[name].mean,
            "error_ratio": means[name].error_ratio,
            "p50_ms": p50[name],
            "p95_ms": p95[name],
            "mean_low_ms": means[name].low,
            "mean_high_ms": means[name].high,
        }
        for name in NAMES
    )
    ratios = tuple(
        {
            "hit_ratio": share,
            "mean_ms": mean_ms(parts, share),
            "factor": parts.query / mean_ms(parts, share),
            "query_ratio": 1 - share,
        }
        for share in HIT_RATIOS
    )
    return Report(
        "bench cache",
        (
            record("result", "Result", RESULT, result),
            replace(PARTS, rows=rows),
            replace(RATIOS, rows=ratios),
        ),
        notes=(
            *notes,
            "one client measured: under load a cache also takes work from the database, and a "
            "result that many wait for is computed once for each unless one of them computes it",
        ),
        target=target,
        collected_at=collected_at,
    )


def _verdict(means: Mapping[str, Estimate], even: float | None) -> str:
    query, hit = means["query"], means["hit"]
    apart = query.low is not None and hit.high is not None and hit.high < query.low
    if even is None:
        return f"it does not pay: a hit takes {ms_text(hit.mean)}, the query {ms_text(query.mean)}"
    if not apart:
        return (
            f"not to be told: a hit takes {ms_text(hit.mean)}, the query {ms_text(query.mean)}, "
            "and their intervals overlap"
        )
    return f"it pays from {ratio_text(even)} hits on"
