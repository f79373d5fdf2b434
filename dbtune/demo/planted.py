"""The problems that the demo plants: the one list, printed at its end and checked by its tests.

Not planted, because the embedded server cannot have it: JIT overhead (its build has no LLVM).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from dbtune.report import Column, Report, Table
from dbtune.text import plural


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted problem.

    Attributes:
        name: what it is called in the comments of the SQL files.
        what: what is wrong, in a few words.
        where: the object, the settings, or how the statement begins in pg_stat_statements.
        command: the dbtune command that finds it.
        rule: the rule that finds it, where that exists; "" otherwise.
    """

    name: str
    what: str
    where: str
    command: str
    rule: str = ""

    def found_in(self, reports: Iterable[Report]) -> bool | None:
        """Whether a report found it; ``None`` if none of the reports looks for it."""
        if self.command == "gen-config":
            tables = [table for report in reports for table in report.tables]
            changed = {row["setting"] for table in tables for row in table.rows if "setting" in row}
            return changed.issuperset(self.where.split(", ")) if changed else None
        findings = [finding for report in reports for finding in report.findings]
        if not self.rule:
            return None
        return any(one.rule == self.rule and self.where in one.subject for one in findings)


PLANTED = (
    Planted(
        "n-plus-one",
        "the customer of each listed order is fetched by a statement of its own",
        "SELECT name, country FROM customers",
        "slow-queries",
        "pg.n-plus-one",
    ),
    Planted(
        "row-by-row-write",
        "a price list is imported one INSERT at a time",
        "INSERT INTO price_feed",
        "slow-queries",
        "pg.row-by-row-write",
    ),
    Planted(
        "sort-spill",
        "a sort does not fit into work_mem and goes to disk",
        "SELECT stars, product_id, body FROM",
        "slow-queries",
        "pg.temp-spill",
    ),
    Planted(
        "large-offset",
        "old pages are reached by reading all pages before them",
        "SELECT id, created_at, total FROM orders",
        "slow-queries",
        "pg.large-offset",
    ),
    Planted(
        "unbounded-select",
        "the whole catalogue is read each time",
        "SELECT * FROM products",
        "slow-queries",
        "pg.unbounded-select",
    ),
    Planted(
        "high-variance",
        "every second order belongs to one customer, the guest account",
        "SELECT p.category_id, count(DISTINCT o.id)",
        "slow-queries",
        "pg.high-variance",
    ),
    Planted(
        "slow-planning",
        "184 partitions are planned for, though one or two are read",
        "SELECT kind, count(*) AS events FROM events",
        "slow-queries",
        "pg.high-plan-time",
    ),
    Planted(
        "settings-at-defaults",
        "nobody ever told the server what machine it is on",
        "shared_buffers, effective_cache_size, random_page_cost",
        "gen-config",
    ),
    Planted(
        "dangerous-settings",
        "turned off for speed: a crash may destroy data",
        "fsync, full_page_writes",
        "gen-config",
    ),
    Planted(
        "unindexed-foreign-key",
        "the payments of an order are found by reading all payments",
        "payments (order_id)",
        "suggest-indexes",
    ),
    Planted(
        "unindexed-foreign-key",
        "who bought a product is found by reading all items",
        "order_items (product_id)",
        "suggest-indexes",
    ),
    Planted(
        "unindexed-expression",
        "the login compares lower(email), which has no index",
        "customers (lower(email))",
        "suggest-indexes",
    ),
    Planted(
        "unused-index",
        "no statement uses it, every INSERT maintains it",
        "orders_note_idx",
        "suggest-indexes",
    ),
    Planted(
        "low-selectivity-index",
        "nearly all rows have the same value",
        "products_active_idx",
        "suggest-indexes",
    ),
    Planted(
        "duplicate-index",
        "the same as orders_created_at_idx",
        "orders_by_date",
        "suggest-indexes",
    ),
    Planted(
        "redundant-index",
        "a prefix of orders_customer_id_created_at_idx",
        "orders_customer_id_idx",
        "suggest-indexes",
    ),
    Planted(
        "invalid-index",
        "CREATE INDEX CONCURRENTLY failed and left it behind",
        "products_ean_key",
        "suggest-indexes",
    ),
    Planted(
        "dead-rows",
        "updated and deleted en masse, and autovacuum is off for it",
        "sessions",
        "bloat",
    ),
    Planted(
        "empty-pages",
        "a queue that was flooded once: vacuumed, but as large as ever",
        "jobs",
        "bloat",
    ),
    Planted(
        "stale-statistics",
        "analyzed at 2,000 rows, has 62,000: nested loops where a hash join is due",
        "stock_movements",
        "explain",
    ),
    Planted(
        "never-vacuumed",
        "rows are only added, and vacuum on inserts is off for it",
        "audit_log",
        "check",
    ),
    Planted("no-primary-key", "it has no key at all", "audit_log", "check"),
    Planted(
        "key-near-its-end",
        "an integer key that started at 2,147,400,000",
        "invoices.id",
        "check",
    ),
    Planted(
        "unvalidated-constraint",
        "a foreign key that was never validated",
        "reviews_product_id_fkey",
        "check",
    ),
    Planted(
        "idle-in-transaction",
        "a session that began a transaction and went away",
        "application shop-console",
        "check",
    ),
    Planted(
        "abandoned-slot",
        "a replication slot that keeps WAL for a standby that is gone",
        "old_standby",
        "check",
    ),
    Planted("superuser-role", "a login of an application", "legacy_report", "check"),
    Planted("writable-public-schema", "anyone may create objects in it", "public", "check"),
)
"""Every planted problem, in the order in which dbtune's commands find them."""


TABLE = Table(
    "planted",
    "Planted problems",
    (
        Column("name", "problem", "text", "Name of the planted problem."),
        Column("where", "where", "text", "Object, setting, or beginning of the statement."),
        Column("what", "what", "text", "What is wrong.", 1),
        Column("command", "found by", "text", "The dbtune command that finds it."),
        Column("rule", "rule", "text", "The rule that finds it, where that exists.", None),
        Column(
            "found",
            "found",
            "bool",
            "Whether the reports of this run found it; empty if none of them looks for it.",
        ),
    ),
)


def planted_table(reports: Sequence[Report], known_commands: Collection[str]) -> Table:
    """The table of planted problems, and which of them these reports found.

    Args:
        reports: what the commands said.
        known_commands: the commands that this dbtune has; the others are still to come.
    """
    rows = tuple(
        {
            "name": one.name,
            "where": one.where,
            "what": one.what,
            "command": one.command,
            "rule": one.rule,
            "found": one.found_in(reports),
        }
        for one in PLANTED
    )
    checked = [bool(row["found"]) for row in rows if row["found"] is not None]
    footer = f"{plural(len(PLANTED), 'problem')} planted"
    if checked:
        footer += f"; the reports above found {sum(checked)} of the {len(checked)} they look for"
    missing = [one.command for one in PLANTED if one.command not in known_commands]
    if missing:
        footer += f". Commands still to come: {', '.join(dict.fromkeys(missing))}"
    return Table(TABLE.name, TABLE.title, TABLE.columns, rows, footer=footer)
