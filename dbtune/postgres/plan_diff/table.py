"""What ``explain diff`` shows."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.report import Column, Table


@dataclass(frozen=True, slots=True)
class MeasureData:
    """A number of both plans, as JSON has it; ``error`` is how far rounding may have bent it."""

    name: str
    unit: str
    verdict: str
    before: float | None
    after: float | None
    error: float
    noise: float
    ratio: float | None
    reason: str


VERDICT = (
    Column("before", "before", "text", "The first plan: file and line."),
    Column("after", "after", "text", "The second plan."),
    Column("time", "time", "text", "Faster, slower or same, with the numbers."),
    Column("planning", "planning", "text", "The same for planning."),
    Column("blocks", "blocks", "text", "Blocks touched, wherever they were found."),
    Column("blocks_read", "of them read", "text", "Blocks that were not in shared buffers."),
    Column("temp_blocks", "temp blocks", "text", "Blocks of temporary files."),
    Column("rows", "rows", "text", "Rows returned."),
    Column("cost", "cost", "text", "The estimate, where both are on one scale."),
    Column("shape", "shape", "text", "Whether both are the same plan but for numbers."),
    Column("joins", "joins", "text", "Order and methods of joins, outer side first."),
    Column("measures", "measures", "object", "The numbers.", None, tuple[MeasureData, ...]),
)
CHANGES = Table(
    "changes",
    "Tables",
    (
        Column("alias", "alias", "text", "The name that the statement has for the table."),
        Column("table", "table", "text", "The table.", None),
        Column("change", "what changed", "text", "Scan and indexes; blank if they are the same."),
        Column("before_ms", "time before", "ms", "Its own time before."),
        Column("after_ms", "time after", "ms", "Its own time after."),
        Column("time", "time", "text", "Faster, slower or same.", 1),
        Column(
            "before_rows",
            "rows before",
            "float",
            "Rows that came out of it; planned if not executed.",
            2,
        ),
        Column("after_rows", "rows after", "float", "The same after.", 2),
        Column("before_blocks", "blocks before", "float", "Blocks touched before.", 1),
        Column("after_blocks", "blocks after", "float", "Blocks touched after.", 1),
        Column("before_scan", "scan before", "text", "How it was read.", None),
        Column("after_scan", "scan after", "text", "How it is read.", None),
        Column("indexes_lost", "indexes lost", "list", "Not searched any more.", None),
        Column("indexes_gained", "indexes gained", "list", "Not searched before.", None),
    ),
    empty="neither plan reads a table",
)
STEPS = Table(
    "steps",
    "Other steps that changed",
    (
        Column("before", "before", "text", "The node before; blank if there was none."),
        Column("after", "after", "text", "The node after; blank if there is none."),
        Column("before_ms", "time before", "ms", "Its own time before."),
        Column("after_ms", "time after", "ms", "Its own time after."),
        Column("before_node", "node before", "int", "Its number.", None),
        Column("after_node", "node after", "int", "Its number.", None),
    ),
    empty="no other step changed",
)
RULES = Table(
    "rules",
    "Findings fixed and new",
    (
        Column("state", "", "text", "fixed or new."),
        Column("rule", "rule", "text", "Name of the rule; dbtune rules NAME explains it."),
        Column("subject", "about", "text", "What it is about."),
        Column("message", "finding", "text", "What was found.", 1),
    ),
    empty="no finding was fixed or is new",
)
SETTINGS = Table(
    "settings",
    "Settings that differ",
    (
        Column("setting", "setting", "text", "Name of the setting."),
        Column("before", "before", "text", "Its value; default if the plan does not name it."),
        Column("after", "after", "text", "Its value; default if the plan does not name it."),
    ),
    empty="no setting differs, as far as the plans show",
)
TABLES = (Table("verdict", "", VERDICT, record=True), CHANGES, STEPS, RULES, SETTINGS)
