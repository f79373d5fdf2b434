"""What JSON has of each explained operation; of the same family as PostgreSQL's plans."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.finding import Finding
from dbtune.mongo.plans.model import Rejected, Stage
from dbtune.report import Column, Table


@dataclass(frozen=True, slots=True)
class SourceData:
    """Where explain output came from.

    Attributes:
        file: the file; ``None`` for standard input or a server.
        line: line where it starts.
        engine: ``mongodb``.
        version: the server's version, or "".
    """

    file: str | None
    line: int
    engine: str
    version: str


PLANS = Table(
    "plans",
    "",
    (
        Column("number", "#", "int", "Which plan of this report, from 1."),
        Column("source", "source", "object", "Where it came from.", None, SourceData),
        Column("statement", "operation", "sql", "The operation, where the input has it."),
        Column("namespace", "collection", "text", "database.collection."),
        Column("operation", "command", "text", "find, aggregate, update, ...", None),
        Column("query_engine", "engine", "text", "classic, or sbe (slot-based).", None),
        Column("truncated", "cut off", "bool", "The input ended in the middle of it.", None),
        Column("analyzed", "executed", "bool", "It was executed, not only planned.", None),
        Column("timing", "timing", "bool", "It has times that are more than zero.", None),
        Column("error", "error", "text", "Why its execution failed.", None),
        Column("execution_ms", "execution", "ms", "What the server says it took.", None),
        Column("total_ms", "total", "ms", "What the stages' shares are of."),
        Column("unaccounted_ms", "outside", "ms", "Time that no stage has.", None),
        Column("total_rows", "returned", "int", "Documents returned, counted or matched."),
        Column("keys_examined", "keys", "int", "Index keys examined."),
        Column("docs_examined", "docs", "int", "Documents examined."),
        Column(
            "keys_per_row", "keys/row", "float", "Index keys examined for each one returned.", None
        ),
        Column(
            "docs_per_row", "docs/row", "float", "Documents examined for each one returned.", None
        ),
        Column("covered", "covered", "bool", "The index alone answered."),
        Column("cached", "cached", "bool", "The plan came from the plan cache.", None),
        Column("shards", "shards", "list", "Shards that took part.", None),
        Column("rejected", "rejected", "object", "Plans that lost.", None, tuple[Rejected, ...]),
        Column("nodes", "stages", "object", "Stages in tree order.", None, tuple[Stage, ...]),
        Column("findings", "findings", "object", "Its findings.", None, Finding),
    ),
    empty="no plan",
)
TABLES = (PLANS,)
