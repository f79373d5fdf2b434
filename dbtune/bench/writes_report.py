"""Ways of writing rows, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from dbtune.bench.estimate import estimate
from dbtune.report import Column, Report, Row, Table, record

RESULT = (
    Column(
        "best_method",
        "fastest, at safe commits",
        "text",
        "The fastest way of writing, at safe commits.",
    ),
    Column("rows_per_second", "its rows/s", "float", "Rows per second that it wrote."),
    Column("single_rows_per_second", "one row a commit", "float", "Rows per second one by one."),
    Column("factor", "times faster", "float", "The fastest by one row a commit."),
    Column(
        "round_trip_ms", "round trip", "ms", "Median time of SELECT 1: each statement costs it."
    ),
    Column("commit_ms", "commit", "ms", "Time of one row a commit, less a round trip."),
    Column(
        "commit_off_factor", "synchronous_commit off", "float", "Speeds up one row a commit by."
    ),
    Column("rounds", "rounds", "int", "Each measured every way once, in an order of its own.", 1),
    Column("seconds", "seconds each", "seconds", "Length of a measurement.", 1),
    Column("table", "table", "text", "What was written to."),
)
WAYS = Table(
    "ways",
    "Rows per second by way of writing",
    (
        Column("method", "method", "text", "How rows were sent."),
        Column("batch_rows", "rows", "int", "Rows of a transaction."),
        Column("synchronous_commit", "commit", "text", "synchronous_commit of the session."),
        Column("rows_per_second", "rows/s", "float", "Mean of the rounds."),
        Column("error_ratio", "±", "ratio", "Half of its 95 % confidence interval (t).", 1),
        Column("share_ratio", "of the fastest", "share", "Rows per second by the fastest way's."),
        Column("factor", "×", "float", "By one row a commit, with synchronous_commit on.", 2),
        Column("rows_low_per_second", "low", "float", "Lower end of the interval.", None),
        Column("rows_high_per_second", "high", "float", "Upper end of the interval.", None),
    ),
)
TABLES = (Table("result", "Result", RESULT, record=True), WAYS)


class Way(NamedTuple):
    """A way of writing.

    Attributes:
        method: how rows are sent.
        batch: rows of a transaction.
        synchronous: whether a commit waits until it is on disk.
    """

    method: str
    batch: int
    synchronous: bool


def report(
    rates: Mapping[Way, Sequence[float]],
    facts: Row,
    *,
    target: Mapping[str, object] | None = None,
    collected_at: datetime | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """The report.

    Args:
        rates: rows per second of each round; among them one row a commit, both ways.
        facts: values of further columns of :data:`RESULT`; ``round_trip_ms`` among them.
        target: about the server, without secrets.
        collected_at: when it was measured.
        notes: sentences for the reader.
    """
    means = {way: estimate(several) for way, several in rates.items()}
    single = next(means[way].mean for way in means if way.batch == 1 and way.synchronous)
    loose = next((means[way].mean for way in means if way.batch == 1 and not way.synchronous), None)
    safe = max((way for way in means if way.synchronous), key=lambda way: means[way].mean)
    fastest = max(one.mean for one in means.values())
    rows = tuple(
        {
            "method": way.method,
            "batch_rows": way.batch,
            "synchronous_commit": "on" if way.synchronous else "off",
            "rows_per_second": found.mean,
            "error_ratio": found.error_ratio,
            "share_ratio": found.mean / fastest,
            "factor": found.mean / single,
            "rows_low_per_second": found.low,
            "rows_high_per_second": found.high,
        }
        for way, found in means.items()
    )
    round_trip = facts["round_trip_ms"]
    assert isinstance(round_trip, float)
    result = {
        **facts,
        "best_method": f"{safe.method}, {safe.batch:,} rows a transaction",
        "rows_per_second": means[safe].mean,
        "single_rows_per_second": single,
        "factor": means[safe].mean / single,
        "commit_ms": max(0.0, 1000 / single - round_trip),
        "commit_off_factor": None if loose is None else loose / single,
    }
    return Report(
        "bench writes",
        (record("result", "Result", RESULT, result), replace(WAYS, rows=rows)),
        notes=(*notes, *_doubts(facts)),
        target=target,
        collected_at=collected_at,
    )


def _doubts(facts: Row) -> list[str]:
    few = isinstance(rounds := facts.get("rounds"), int) and rounds < 3
    return ["fewer than 3 rounds: the intervals say nothing; give --rounds 5"] if few else []
