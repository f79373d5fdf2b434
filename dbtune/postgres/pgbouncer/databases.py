"""The lines of ``[databases]`` and ``[users]``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from dbtune.postgres.pgbouncer.entries import Entry, Layout, Purpose
from dbtune.postgres.pgbouncer.pooler import (
    AUTH_ENTRY,
    HAS_USER_TIMEOUT,
    Pooler,
    connection,
    key,
)
from dbtune.postgres.pgbouncer.setting import DOCUMENTATION, Setting
from dbtune.text import plain

_FOR = {
    Purpose.application: "",
    Purpose.reads: " Reads, on replicas: what a transaction just wrote may not be there yet. All"
    " hosts of a list must be there: take one out of it before it goes.",
    Purpose.reports: " Reports, apart from the application: a report keeps its connection until it"
    " leaves, and one too many waits for query_wait_timeout.",
    Purpose.admin: " Migrations, dumps and people, apart from the application: a connection is its"
    " client's until it leaves, so that SET, LISTEN, advisory locks and pg_dump work.",
}


def databases(made: Layout, pooler: Pooler) -> Iterator[Setting]:
    """Each entry, with what it has otherwise than the section ``pgbouncer`` says."""
    setting = partial(Setting, "databases", "", document=f"{DOCUMENTATION}#section-databases")
    for one in made.entries:
        string = connection(one.hosts, one.port, one.dbname)
        if one.purpose is Purpose.lookup:
            yield setting(
                AUTH_ENTRY,
                f"{string} pool_size={one.size}",
                "Passwords are looked up here, apart from the application's pools: logins don't"
                " queue behind its transactions.",
                one.formula,
            )
            continue
        own = " ".join(f"{name}={value}" for name, value in _own(one, made))
        hosts = ", ".join(map(plain, one.hosts))
        yield setting(
            key(one.name, pooler.version),
            f"{string} {own}".rstrip(),
            f"Clients that ask for {one.name} get {one.dbname} on {hosts}.{_FOR[one.purpose]}",
            f"{one.formula}; at most {one.cap} server connections, whoever asks"
            if own
            else "as given; its pools have the sizes of the section below",
        )


def _own(entry: Entry, made: Layout) -> Iterator[tuple[str, object]]:
    """What an entry has otherwise than the section below says."""
    default = made.default
    if entry.session:
        yield "pool_mode", "session"
    if entry.size != default.size:
        yield "pool_size", entry.size
    smallest = made.plan.min_pool_size or 0
    if entry.session:
        yield "min_pool_size", 0
    elif entry.size < smallest:
        yield "min_pool_size", entry.size
    if entry.reserve != default.reserve:
        # Renamed in 1.24, which knows the old name, too.
        yield "reserve_pool", entry.reserve
    if entry.cap != default.cap:
        yield "max_db_connections", entry.cap


def users(pooler: Pooler) -> Iterator[Setting]:
    """What holds for a user, whichever entry it comes by."""
    if pooler.version is None or pooler.version < HAS_USER_TIMEOUT:
        return
    for role in pooler.report_users:
        yield Setting(
            "users",
            "",
            key(role, pooler.version),
            f"query_timeout={pooler.report_seconds:g}",
            "A report that takes longer is ended, even where it has changed statement_timeout.",
            "as given; pgbouncer-auth.sql sets the role's statement_timeout to the same",
            f"{DOCUMENTATION}#section-users",
        )
