"""A sweep of pool sizes as a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from dbtune.bench.pool import Size, alike, best_throughput, choose, lowest_p95, rules
from dbtune.report import Column, Report, Row, Table, record

RESULT = (
    Column("pool_size", "best size", "int", "Reaches 95 % of the best throughput, lowest p95."),
    Column(
        "transactions_per_second",
        "its throughput",
        "float",
        "Transactions per second at that size.",
    ),
    Column("p95_ms", "its p95", "ms", "95 % of the clients' transactions took no longer."),
    Column("predicted_size", "pool-size said", "int", "The size that dbtune pool-size predicted."),
    Column(
        "predicted_throughput_ratio",
        "its throughput, of the best",
        "ratio",
        "Throughput at the predicted size, by the best of all sizes.",
    ),
    Column(
        "predicted_p95_factor",
        "its p95, times the lowest",
        "float",
        "p95 at the predicted size, by the lowest of all sizes.",
    ),
    Column("workload", "workload", "text", "What the clients did."),
    Column("clients", "clients", "int", "Clients that sent one transaction after the other."),
    Column("rounds", "rounds", "int", "Each measured every size once, in an order of its own.", 1),
    Column("seconds", "seconds each", "seconds", "Length of a measurement.", 1),
    Column("driver", "driver", "text", "What made the load.", 1),
    Column("client_cpus", "CPUs of clients", "float", "CPUs that the load generator used.", 1),
    Column("pooler_cpus", "CPUs of PgBouncer", "float", "CPUs that PgBouncer used, of one.", 1),
)
SIZES = Table(
    "sizes",
    "Throughput and times by pool size",
    (
        Column("pool_size", "size", "int", "PgBouncer's pool_size."),
        Column(
            "transactions_per_second",
            "tx/s",
            "float",
            "Transactions per second, mean of the rounds.",
        ),
        Column(
            "transactions_error_ratio", "±", "ratio", "Half of its 95 % confidence interval (t).", 1
        ),
        Column("throughput_ratio", "of the best", "share", "Throughput by the best size's."),
        Column("p50_ms", "p50", "ms", "Half of the transactions took no longer."),
        Column("p95_ms", "p95", "ms", "95 % took no longer."),
        Column("p95_error_ratio", "± ", "ratio", "Half of its 95 % confidence interval (t).", 3),
        Column("p99_ms", "p99", "ms", "99 % took no longer.", 2),
        Column(
            "transactions_low_per_second", "tx/s, low", "float", "Lower end of the interval.", None
        ),
        Column(
            "transactions_high_per_second",
            "tx/s, high",
            "float",
            "Upper end of the interval.",
            None,
        ),
        Column("p95_low_ms", "p95, low", "ms", "Lower end of the interval.", None),
        Column("p95_high_ms", "p95, high", "ms", "Upper end of the interval.", None),
        Column("p99_low_ms", "p99, low", "ms", "Lower end of the interval.", None),
        Column("p99_high_ms", "p99, high", "ms", "Upper end of the interval.", None),
        Column("mark", "what it is", "text", "Whether it is the best, and whose rule gives it."),
    ),
)
RULES = Table(
    "rules",
    "What the rules reach",
    (
        Column("rule", "rule", "text", "A formula, a default, or dbtune's own prediction."),
        Column("pool_size", "size", "int", "The size that it gives; at most the largest tried."),
        Column("throughput_ratio", "throughput", "share", "Of the best of all sizes."),
        Column("p95_factor", "p95, times the lowest", "float", "p95 by the lowest of all sizes."),
    ),
    empty="none of the sizes tried is a rule's",
)
TABLES = (Table("result", "Result", RESULT, record=True), SIZES, RULES)

PREDICTED = "dbtune pool-size"
_SHORT = {PREDICTED: "pool-size"} | {rule: rule.partition(":")[0] for rule in rules(1)}


def report(
    sizes: Sequence[Size],
    tried: Mapping[str, int],
    facts: Row,
    *,
    target: Mapping[str, object] | None = None,
    collected_at: datetime | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """The report.

    Args:
        sizes: what was measured, smallest size first.
        tried: sizes by rule, each of them measured; dbtune's own under :data:`PREDICTED`.
        facts: values of the columns of :data:`RESULT` about how it was measured.
        target: about the server, without secrets.
        collected_at: when it was measured.
        notes: sentences for the reader.
    """
    best, chosen = best_throughput(sizes), choose(sizes)
    rule_rows = [_rule_row(name, size, sizes) for name, size in tried.items()]
    predicted = next((row for row in rule_rows if row["rule"] == PREDICTED), None)
    result = {
        **facts,
        "pool_size": chosen.size,
        "transactions_per_second": chosen.per_second.mean,
        "p95_ms": chosen.p95_ms.mean,
        "predicted_throughput_ratio": predicted and predicted["throughput_ratio"],
        "predicted_p95_factor": predicted and predicted["p95_factor"],
    }
    rows = tuple(_size_row(one, best, chosen, tried) for one in sizes)
    return Report(
        "bench pool",
        (
            record("result", "Result", RESULT, result),
            replace(SIZES, rows=rows),
            replace(RULES, rows=tuple(rule_rows)),
        ),
        notes=(*notes, *_doubts(sizes, chosen)),
        target=target,
        collected_at=collected_at,
    )


def _size_row(one: Size, best: float, chosen: Size, tried: Mapping[str, int]) -> Row:
    marks = ["best"] if one is chosen else []
    marks += [_SHORT.get(rule, rule) for rule, size in tried.items() if size == one.size]
    return {
        "pool_size": one.size,
        "transactions_per_second": one.per_second.mean,
        "transactions_error_ratio": one.per_second.error_ratio,
        "throughput_ratio": one.per_second.mean / best if best else None,
        "p50_ms": one.p50_ms.mean,
        "p95_ms": one.p95_ms.mean,
        "p95_error_ratio": one.p95_ms.error_ratio,
        "p99_ms": one.p99_ms.mean,
        "transactions_low_per_second": one.per_second.low,
        "transactions_high_per_second": one.per_second.high,
        "p95_low_ms": one.p95_ms.low,
        "p95_high_ms": one.p95_ms.high,
        "p99_low_ms": one.p99_ms.low,
        "p99_high_ms": one.p99_ms.high,
        "mark": ", ".join(marks),
    }


def _rule_row(rule: str, size: int, sizes: Sequence[Size]) -> dict[str, object]:
    one = next(found for found in sizes if found.size == size)
    best, lowest = best_throughput(sizes), lowest_p95(sizes)
    return {
        "rule": rule,
        "pool_size": size,
        "throughput_ratio": one.per_second.mean / best if best else None,
        "p95_factor": one.p95_ms.mean / lowest if lowest else None,
    }


def _doubts(sizes: Sequence[Size], chosen: Size) -> Iterator[str]:
    """What keeps the result from being certain."""
    if chosen.per_second.rounds < 3:
        yield "fewer than 3 rounds: the intervals say nothing; give --rounds 5"
    rivals = [one.size for one in sizes if one is not chosen and alike(one, chosen)]
    if rivals and chosen.per_second.rounds > 1:
        yield (
            f"by throughput, {chosen.size} is not to be told from {', '.join(map(str, rivals))} "
            "(round by round, 95 % confidence); more --rounds or --duration would tell"
        )
    if chosen is sizes[-1] and len(sizes) > 1:
        yield f"{chosen.size} is the largest size tried: a larger one may be better still"
