"""What clients do: pgbench scripts, and the scratch tables that the built-in ones need."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

ACCOUNTS = 100_000
"""Accounts per unit of scale, as pgbench makes them (15 MB)."""


class Workload(StrEnum):
    """Workloads of ``bench pool``."""

    statements = "statements"
    select = "select"
    tpcb = "tpcb"
    mixed = "mixed"
    hotrow = "hotrow"


class Script(NamedTuple):
    """A pgbench script.

    Attributes:
        text: SQL and pgbench's commands.
        weight: how often it is chosen, relative to the others.
    """

    text: str
    weight: int = 1


class Loadable(NamedTuple):
    """Scripts, and what they are.

    Attributes:
        name: for people.
        scripts: at least one.
        writes: they need a transaction that may write.
        notes: sentences for the report.
    """

    name: str
    scripts: tuple[Script, ...]
    writes: bool = False
    notes: tuple[str, ...] = ()


_ACCOUNT = f"\\set aid random(1, {ACCOUNTS} * :scale)\n"
_TPCB = (
    _ACCOUNT
    + r"""\set bid random(1, :scale)
\set tid random(1, 10 * :scale)
\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)
    VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;
"""
)
BUILTIN = {
    Workload.select: Loadable(
        "select: sum over 1,000 accounts, from memory",
        (
            Script(
                f"\\set aid random(1, {ACCOUNTS} * :scale - 1000)\n"
                "SELECT sum(abalance) FROM pgbench_accounts "
                "WHERE aid BETWEEN :aid AND :aid + 999;\n"
            ),
        ),
    ),
    Workload.tpcb: Loadable("tpcb: pgbench's TPC-B-like transaction", (Script(_TPCB),), True),
    Workload.mixed: Loadable(
        "mixed: reads, a wait of 20 ms as for I/O or another service, a write",
        (
            Script(
                _ACCOUNT
                + "BEGIN;\n"
                + "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"
                + "SELECT pg_sleep(0.02);\n"
                + "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;\n"
                + "END;\n"
            ),
        ),
        True,
    ),
    Workload.hotrow: Loadable(
        "hotrow: TPC-B in which everybody updates one branch",
        (Script(_TPCB.replace("random(1, :scale)", "1")),),
        True,
    ),
}

TABLES = """
CREATE TABLE pgbench_branches (bid int NOT NULL, bbalance int, filler char(88))
    WITH (fillfactor = 100);
CREATE TABLE pgbench_tellers (tid int NOT NULL, bid int, tbalance int, filler char(84))
    WITH (fillfactor = 100);
CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84))
    WITH (fillfactor = 100);
CREATE TABLE pgbench_history
    (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
INSERT INTO pgbench_branches (bid, bbalance) SELECT n, 0 FROM generate_series(1, {scale}) n;
INSERT INTO pgbench_tellers (tid, bid, tbalance)
    SELECT n, (n - 1) / 10 + 1, 0 FROM generate_series(1, {scale} * 10) n;
INSERT INTO pgbench_accounts (aid, bid, abalance, filler)
    SELECT n, (n - 1) / {accounts} + 1, 0, '' FROM generate_series(1, {scale} * {accounts}) n;
ALTER TABLE pgbench_branches ADD PRIMARY KEY (bid);
ALTER TABLE pgbench_tellers ADD PRIMARY KEY (tid);
ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);
VACUUM ANALYZE pgbench_branches;
VACUUM ANALYZE pgbench_tellers;
VACUUM ANALYZE pgbench_accounts;
VACUUM ANALYZE pgbench_history;
"""
"""pgbench's tables (``pgbench -i``), made by the server itself."""


def table_statements(scale: int) -> list[str]:
    """The statements that make pgbench's tables, one by one."""
    text = TABLES.format(scale=scale, accounts=ACCOUNTS)
    return [one.strip() for one in text.split(";") if one.strip()]
