"""``dbtune activity``: the tables that all engines fill."""

from __future__ import annotations

from dbtune.report import Column, Table

NOW = Table(
    "now",
    "",
    (
        Column("connections", "connections", "int", "Client connections, without dbtune's own."),
        Column("max_connections", "of", "int", "How many there may be."),
        Column("active", "active", "int", "Executing; those that wait for a lock included."),
        Column("blocked", "blocked", "int", "Waiting for a lock that somebody holds."),
        Column("idle_in_transaction", "idle in transaction", "int", "Waiting for the client."),
        Column("idle", "idle", "int", "Outside a transaction, waiting for the client.", 1),
        Column("hidden", "hidden", "int", "Whose state this role may not see.", 1),
        Column("oldest_transaction_seconds", "oldest transaction", "seconds", "Its age.", 1),
        Column("longest_statement_seconds", "longest statement", "seconds", "Its time so far.", 1),
    ),
)
BLOCKING = Table(
    "blocking",
    "Who waits for whom",
    (
        Column("process", "process", "text", "The process; below each stand those that wait."),
        Column("pid", "pid", "id", "Its number; 0 is a prepared transaction.", None),
        Column("depth", "depth", "int", "How far it is from the root, which waits for none.", None),
        Column("root_pid", "root", "id", "The root that it waits for in the end.", None),
        Column("user", "user", "text", "Role."),
        Column("application", "application", "text", "Application.", 3),
        Column("state", "state", "text", "State; of who waits, the lock."),
        Column(
            "seconds", "for", "seconds", "How long it has waited; of a root, been in its state."
        ),
        Column("blocked", "blocks", "int", "How many wait for it, directly or not.", 1),
        Column("statement", "statement", "sql", "Running or last statement, constants masked."),
        Column("frees", "frees it", "sql", "The statement that ends the root.", None),
    ),
    empty="nobody waits for anybody",
)
SESSIONS = Table(
    "sessions",
    "Sessions that are not idle",
    (
        Column("pid", "pid", "id", "Process, operation or client."),
        Column("user", "user", "text", "Role."),
        Column("database", "database", "text", "Database.", 1),
        Column("application", "application", "text", "Application.", 2),
        Column("client", "client", "text", "Address.", 3),
        Column("kind", "kind", "text", "What kind of process, if it is no client's.", 2),
        Column("state", "state", "text", "State."),
        Column("seconds", "for", "seconds", "The statement's time, or the time in that state."),
        Column("transaction_seconds", "transaction", "seconds", "Age of the transaction.", 1),
        Column("wait", "waits for", "text", "What it waits for.", 1),
        Column("xmin_age", "xmin age", "int", "Transactions that VACUUM has to spare for it.", 4),
        Column("statement", "statement", "sql", "Running or last statement, constants masked."),
        Column("began", "session began", "time", "When the session began: for --began.", None),
    ),
    empty="all sessions are idle",
)
WAITS = Table(
    "waits",
    "What active sessions wait for",
    (
        Column("wait", "waits for", "text", "CPU is no wait."),
        Column("sessions", "sessions", "float", "How many, on average over the interval."),
        Column("share_ratio", "share", "share", "Of all active sessions."),
    ),
    empty="no session is active",
)
STATEMENTS = Table(
    "statements",
    "Statements of the interval",
    (
        Column("share_ratio", "share of time", "share", "Of the execution time of all statements."),
        Column("calls_per_second", "calls/s", "float", "Executions."),
        Column("mean_ms", "mean", "ms", "Execution time of one."),
        Column("rows_per_call", "rows/call", "float", "Rows returned or changed by one.", 2),
        Column("blocks_read_per_second", "blocks read/s", "float", "From outside the cache.", 3),
        Column("user", "user", "text", "Role.", 2),
        Column("database", "database", "text", "Database.", 3),
        Column("query_id", "query id", "text", "As in pg_stat_statements.", None),
        Column("statement", "statement", "sql", "Its text, without constants."),
    ),
    empty="no statement has ended in the interval",
)
PROGRESS = Table(
    "progress",
    "Long commands",
    (
        Column("pid", "pid", "id", "Process."),
        Column("command", "command", "text", "What it does."),
        Column("object", "on", "text", "Relation."),
        Column("phase", "phase", "text", "What it is at."),
        Column("done_ratio", "done", "share", "Of that phase, where the server tells."),
        Column("done", "so far", "int", "Units done.", 2),
        Column("total", "of", "int", "Units in all.", 2),
        Column("unit", "unit", "text", "blocks, tuples, bytes ...", 2),
    ),
    empty="no long command runs",
)
LOCKS = Table(
    "locks",
    "Locks that are waited for",
    (
        Column("pid", "pid", "id", "Who waits."),
        Column("object", "on", "text", "What the lock is on."),
        Column("mode", "wants", "text", "The lock that it wants."),
        Column("seconds", "for", "seconds", "How long it has waited (PostgreSQL 14 and later)."),
        Column("held", "held by", "list", "Process and mode of the locks on the same thing.", 1),
    ),
    empty="no lock is waited for",
)
ENDED = Table(
    "session",
    "",
    (
        Column("pid", "process", "id", "The process."),
        Column("action", "action", "text", "cancel or terminate."),
        Column("user", "user", "text", "Role."),
        Column("database", "database", "text", "Database."),
        Column("application", "application", "text", "Application."),
        Column("client", "client", "text", "Address."),
        Column("state", "state", "text", "State before."),
        Column("seconds", "for", "seconds", "In that state."),
        Column("transaction_seconds", "transaction", "seconds", "Age of its transaction."),
        Column("statement", "statement", "sql", "Statement, constants masked."),
        Column("stopped", "stopped", "bool", "Whether it has."),
    ),
    record=True,
)
TABLES = (NOW, BLOCKING, SESSIONS, WAITS, STATEMENTS, PROGRESS, LOCKS)
