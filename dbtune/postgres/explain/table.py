"""What JSON has of each plan."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.finding import Finding
from dbtune.postgres.explain.summary import Share
from dbtune.postgres.plans.model import Jit, Node, Planning, Serialization, Trigger
from dbtune.report import Column, Table


@dataclass(frozen=True, slots=True)
class SourceData:
    """Where a plan came from, as JSON has it."""

    file: str | None
    format: str
    origin: str
    line: int
    context: str
    version_guess: int | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What nodes took, added up."""

    by_type: tuple[Share, ...]
    by_relation: tuple[Share, ...]
    by_index: tuple[Share, ...]


PLANS = Table(
    "plans",
    "",
    (
        Column("number", "#", "int", "Which plan of this report, from 1."),
        Column("source", "source", "object", "Where it came from.", None, SourceData),
        Column("statement", "statement", "sql", "The statement, where the input has it."),
        Column("query_id", "query id", "text", "Its Query Identifier, a 64-bit integer.", None),
        Column("parameters", "parameters", "text", "Query Parameters that a log has.", None),
        Column("truncated", "cut off", "bool", "The input ended in the middle of it.", None),
        Column("analyzed", "executed", "bool", "It was executed, not only estimated.", None),
        Column("timing", "timing", "bool", "It has times per node.", None),
        Column("buffers", "buffers", "bool", "It has counters of blocks.", None),
        Column("io_timing", "I/O timing", "bool", "It has the time that I/O took.", None),
        Column("verbose", "verbose", "bool", "It was made with VERBOSE.", None),
        Column("duration_ms", "duration", "ms", "Duration that a log tells.", None),
        Column("planning_ms", "planning", "ms", "Planning time."),
        Column("execution_ms", "execution", "ms", "Execution time.", None),
        Column("total_ms", "total", "ms", "What the nodes' shares are of."),
        Column("unaccounted_ms", "outside", "ms", "Time that no node and no trigger has.", None),
        Column("total_cost", "cost", "float", "The planner's estimate for the whole."),
        Column("settings", "settings", "object", "Planner settings that are no defaults.", None),
        Column("planning", "planning", "object", "What planning took.", None, Planning),
        Column("jit", "JIT", "object", "Just-in-time compilation.", None, Jit),
        Column("serialization", "output", "object", "Serialization.", None, Serialization),
        Column("triggers", "triggers", "object", "Triggers that fired.", None, tuple[Trigger, ...]),
        Column("extra", "extra", "object", "What else stands beside the nodes.", None),
        Column("nodes", "nodes", "object", "Nodes in tree order.", None, tuple[Node, ...]),
        Column("summary", "summary", "object", "What nodes took, added up.", None, Summary),
        Column("findings", "findings", "object", "Its findings.", None, Finding),
    ),
    empty="no plan",
)
TABLES = (PLANS,)
