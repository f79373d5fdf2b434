"""The problems that the demo plants: the one list, printed at its end and checked by its tests.

Not planted, because the embedded server cannot have it: JIT overhead (its build has no LLVM).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dbtune.finding import Finding
from dbtune.report import Column, Table


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted problem.

    Attributes:
        name: what it is called in the comments of the SQL files.
        what: what is wrong, in a few words.
        where: the object, the setting, or how the statement begins in pg_stat_statements.
        command: the dbtune command that finds it.
        rule: the rule that finds it, where that exists; "" otherwise.
    """

    name: str
    what: str
    where: str
    command: str
    rule: str = ""

    def found_in(self, findings: Iterable[Finding]) -> bool:
        """Whether one of the findings is about this problem."""
        where = " ".join(self.where.split())
        return any(one.rule == self.rule and where in one.subject for one in findings)


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
        "SELECT id, customer_id, status, total FROM orders ORDER BY created_at DESC LIMIT $1 OFFSET",
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
        "184 partitions are planned for, because the statement does not tell the day",
        "SELECT kind, count(*) AS events FROM events",
        "slow-queries",
        "pg.high-plan-time",
    ),
    Planted(
        "settings-left-at-defaults",
        "memory, WAL and planner settings are those of initdb",
        "postgresql.conf",
        "gen-config",
    ),
    Planted(
        "missing-index-on-foreign-key",
        "the payments of an order are found by reading all payments",
        "payments (order_id)",
        "suggest-indexes",
    ),
    Planted(
        "missing-index-on-foreign-key",
        "who bought a product is found by reading all items",
        "order_items (product_id)",
        "suggest-indexes",
    ),
    Planted(
        "missing-index-on-expression",
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
    Planted(
        "dangerous-settings",
        "a crash would destroy data",
        "fsync, full_page_writes",
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


def planted_table(findings: Sequence[Finding]) -> Table:
    """The table of planted problems, and which of them these findings are about."""
    rows = tuple(
        {
            "name": one.name,
            "where": one.where,
            "what": one.what,
            "command": one.command,
            "rule": one.rule,
            "found": one.found_in(findings) if one.rule else None,
        }
        for one in PLANTED
    )
    return Table(TABLE.name, TABLE.title, TABLE.columns, rows)
