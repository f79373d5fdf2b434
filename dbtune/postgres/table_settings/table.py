"""The table of ``gen-config tables``."""

from __future__ import annotations

from dbtune.report import Column, Table

SETTINGS = Table(
    "table_settings",
    "Settings of tables",
    (
        Column("table", "table", "text", "Schema and name."),
        Column("column", "column", "text", "The column, of a column's setting.", 1),
        Column("setting", "setting", "text", "Name of the storage parameter."),
        Column("old_value", "before", "text", "What the table has set itself."),
        Column("value", "after", "float", "What is advised."),
        Column("reason", "because", "text", "Why, with the numbers that decided."),
        Column("confidence", "confidence", "text", "How sure it is.", 2),
        Column("effect", "takes effect", "text", "What else is needed.", 3),
        Column("check", "check first", "text", "What proves or refutes it.", None),
        Column("sql", "statement", "sql", "What sets it.", None),
        Column("undo", "undo", "sql", "What takes it back.", None),
        Column("size_bytes", "size", "bytes", "Of the table, without indexes.", 3),
        Column("evidence", "evidence", "object", "The numbers.", None),
    ),
    empty="no table needs settings of its own",
)
