"""What ``dbtune compare`` shows."""

from __future__ import annotations

from dbtune.report import Column, Table

_VERDICT = "better, worse, no difference or can't tell"

VERDICT = Table(
    "verdict",
    "Verdict",
    (
        Column("verdict", "verdict", "text", f"Of the time that the same calls take: {_VERDICT}."),
        Column("sure", "how sure", "text", "high, medium or low; null if it can't be told."),
        Column("because", "because", "text", "The numbers that it rests on."),
        Column("before", "before", "text", "The period before, in words."),
        Column("after", "after", "text", "The period after, in words."),
        Column("before_start", "", "time", "Start of the period before; null if unknown.", None),
        Column("before_end", "", "time", "Its end.", None),
        Column("after_start", "", "time", "Start of the period after.", None),
        Column("after_end", "", "time", "Its end.", None),
        Column("same_server", "same server", "bool", "Whether both are of one server.", None),
        Column("time_ratio", "time", "float", "Time of the same calls, after to before.", None),
        Column("blocks_ratio", "blocks", "float", "Blocks they ask for, after to before.", None),
        Column("reads_ratio", "reads", "float", "Blocks from outside the server's cache.", None),
        Column("drift_ratio", "drift", "float", "What statements of equal work share.", None),
        Column(
            "covered_ratio",
            "covered",
            "ratio",
            "Time that they have in the period where it is more.",
            None,
        ),
        Column("statements", "statements", "text", "How many are better, worse, new, gone."),
        Column("changed", "changed", "text", "Settings, indexes, tables and findings."),
    ),
    record=True,
)
HYPOTHESES = Table(
    "hypotheses",
    "What was done, and what became of it",
    (
        Column("note", "what was done", "text", "The note."),
        Column("verdict", "verdict", "text", f"What became of it: {_VERDICT}."),
        Column("sure", "how sure", "text", "high, medium or low; null if it can't be told."),
        Column("because", "because", "text", "The numbers."),
        Column("about", "judged on", "text", "What it was judged on.", 1),
        Column("but", "but", "text", "Why the note may not be the cause."),
        Column("remarks", "", "list", "The same, one by one.", None),
    ),
    empty="no --note was given",
)
MEASURES = Table(
    "measures",
    "The server as a whole",
    (
        Column("measure", "measure", "text", "Stable name; carries the unit.", None),
        Column("title", "measure", "text", "For people."),
        Column("before_text", "before", "text", "Before, with its unit."),
        Column("after_text", "after", "text", "After."),
        Column("before", "before", "float", "Before.", None),
        Column("after", "after", "float", "After.", None),
        Column("ratio", "ratio", "float", "After to before.", 2),
        Column("verdict", "verdict", "text", f"{_VERDICT}; null: neither is better."),
        Column("unjudged", "why not judged", "text", "Why it is not judged.", 3),
    ),
    empty="nothing was counted in both periods",
)
STATEMENTS = Table(
    "statements",
    "Statements",
    (
        Column("state", "what", "text", "worse, better, no difference, can't tell, new, gone."),
        Column("cause", "how", "text", "more blocks, fewer blocks, same work; null: not told.", 2),
        Column("before_mean_ms", "mean before", "ms", "Mean execution time before."),
        Column("after_mean_ms", "mean after", "ms", "Mean execution time after."),
        Column("mean_ratio", "times", "float", "Mean after to mean before.", 1),
        Column("mean_ratio_low", "", "float", "Lower bound of that, 95 %.", None),
        Column("mean_ratio_high", "", "float", "Upper bound of that, 95 %.", None),
        Column("p", "p", "float", "Chance of such a difference without cause (Welch).", None),
        Column("own_ratio", "", "float", "The ratio without what all have in common.", None),
        Column("before_calls", "calls before", "int", "Executions before.", 3),
        Column("after_calls", "calls after", "int", "Executions after.", 3),
        Column("before_calls_per_second", "", "float", "Executions in a second before.", None),
        Column("after_calls_per_second", "", "float", "Executions in a second after.", None),
        Column("before_total_ms", "total before", "ms", "Time of all calls before.", 5),
        Column("after_total_ms", "total after", "ms", "Time of all calls after.", 5),
        Column("before_blocks_per_call", "blocks before", "float", "Blocks a call asked for.", 2),
        Column("after_blocks_per_call", "blocks after", "float", "Blocks a call asks for.", 2),
        Column("before_rows_per_call", "rows before", "float", "Rows of a call before.", 4),
        Column("after_rows_per_call", "rows after", "float", "Rows of a call after.", 4),
        Column("nested", "nested", "bool", "Ran inside a function.", None),
        Column("ids", "id", "list", "The source's own identifiers, after.", None),
        Column("statement", "statement", "sql", "The normalised statement."),
    ),
    empty="no statement ran in either period",
)
SETTINGS = Table(
    "settings",
    "Settings that changed",
    (
        Column("setting", "setting", "text", "Name of the setting."),
        Column("before", "before", "text", "Its value; null where the server has none."),
        Column("after", "after", "text", "Its value after."),
        Column("remark", "", "text", "Whether it waits for a restart."),
    ),
    empty="no setting changed",
)
_SIZES = (
    Column("before_bytes", "size before", "bytes", "Size before."),
    Column("after_bytes", "size after", "bytes", "Size after."),
)
INDEXES = Table(
    "indexes",
    "Indexes that changed",
    (
        Column("state", "what", "text", "new, gone, changed, now invalid, now used ..."),
        Column("index", "index", "text", "Its name."),
        Column("table", "table", "text", "Its table.", 2),
        Column("before_scans", "searched before", "int", "How often in the period before.", 1),
        Column("after_scans", "searched after", "int", "How often in the period after.", 1),
        *(column._replace(rank=3) for column in _SIZES),
        Column("remark", "remark", "text", "What else there is to say.", 4),
        Column("definition", "definition", "sql", "Its definition.", None),
    ),
    empty="no index changed",
)
RELATIONS = Table(
    "relations",
    "Tables and indexes that grew, shrank, came or went",
    (
        Column("state", "what", "text", "new, gone, grew or shrank."),
        Column("kind", "kind", "text", "table, index, database ..."),
        Column("relation", "relation", "text", "Its name."),
        *_SIZES,
        Column("growth_bytes", "growth", "bytes", "How much larger it became."),
        Column("before_rows", "rows before", "int", "Estimated rows before.", 2),
        Column("after_rows", "rows after", "int", "Estimated rows after.", 2),
        Column("remark", "remark", "text", "What else there is to say.", 3),
    ),
    empty="no table or index changed much",
)
WAITS = Table(
    "waits",
    "What sessions waited for, at the end of each",
    (
        Column("wait", "waits for", "text", "Wait event; CPU is none."),
        Column("before", "sessions before", "float", "Active sessions at the end of the period."),
        Column("after", "sessions after", "float", "Likewise after."),
    ),
    empty="no session was active",
)
HEALTH = Table(
    "health",
    "Findings of dbtune check",
    (
        Column("state", "what", "text", "new, fixed, remaining; or not known before, after."),
        Column("level", "level", "text", "info, warning or critical."),
        Column("rule", "rule", "text", "Name of the check; dbtune rules NAME explains it."),
        Column("subject", "about", "text", "What it is about."),
        Column("message", "finding", "text", "The sentence with its number.", 2),
        Column("message_before", "before", "text", "The sentence before.", None),
    ),
    empty="no finding in either period",
)
TABLES = (
    *(VERDICT, HYPOTHESES, MEASURES, STATEMENTS, INDEXES, SETTINGS, RELATIONS, HEALTH, WAITS),
)
