"""What ``explain check`` shows."""

from __future__ import annotations

from dbtune.report import Column, Table

PLANS = Table(
    "plans",
    "",
    (
        Column("verdict", "verdict", "text", "passed, failed, excepted or not judged."),
        Column("file", "plan", "text", "The file; blank for standard input."),
        Column("line", "line", "int", "The line where it starts."),
        Column("broken", "rules broken", "list", "Rules that it breaks, let through or not.", 1),
        Column("total_ms", "time", "ms", "What it took.", 1),
        Column("blocks", "blocks", "float", "Blocks touched.", 1),
        Column("cost", "cost", "float", "The planner's estimate.", 1),
        Column("most_rows", "most rows", "float", "The most rows at any node.", 2),
        Column("baseline", "baseline", "bool", "The baseline has a plan for it.", None),
    ),
    empty="no plan",
)
EXCEPTIONS = Table(
    "exceptions",
    "Exceptions",
    (
        Column("state", "state", "text", "used, unused or expired."),
        Column("rule", "rule", "text", "The rule."),
        Column("plan", "plan", "text", "Pattern of the plan's file name."),
        Column("table", "table", "text", "The table, if one is named.", 1),
        Column("until", "until", "text", "The last day on which it counts."),
        Column("reason", "reason", "text", "Why it was granted."),
        Column("line", "line", "int", "Its line in the policy file.", None),
        Column("let_through", "let through", "int", "Findings that it let through."),
    ),
    empty="no exception is granted",
)
TABLES = (PLANS, EXCEPTIONS)
