"""Open a planner lab: read the target, start the server, build, restore."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack

import psycopg

from dbtune.errors import TargetError
from dbtune.postgres.embedded.server import EmbeddedPostgres
from dbtune.postgres.lab import skip_scan
from dbtune.postgres.lab.build import Connections, build_schema, connect, some
from dbtune.postgres.lab.collation import collation_of
from dbtune.postgres.lab.extended import restore_extended
from dbtune.postgres.lab.hypothetical import AS_HYPOPG, Maker, SizeModel
from dbtune.postgres.lab.planner import Existing, LabPlanner
from dbtune.postgres.lab.read import read_source
from dbtune.postgres.lab.restore import restore_sizes, restore_statistics
from dbtune.postgres.lab.skip_scan import SkipScans
from dbtune.postgres.lab.source import Source, SourceDatabase
from dbtune.postgres.lab.storage import Storage
from dbtune.postgres.session import Session
from dbtune.text import plain

_MAJOR = 18
_SERVER = {
    "autovacuum": "off",
    "track_counts": "off",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    # 0: or what is made in small files would be read into the cache, before it is grown on paper.
    "wal_skip_threshold": 0,
    "max_wal_senders": 0,
    "max_connections": 8,
    "shared_buffers": "32MB",
    "io_method": "sync",
    "jit": "off",
    "log_checkpoints": "off",
}
_DISK_BYTES = 200 * 1024**2
_LOCKS_PER_RELATION = 8


def open_lab(
    session: Session,
    statements: Iterable[str] = (),
    *,
    max_tables: int = 2000,
    model: SizeModel = AS_HYPOPG,
    advance: Callable[[float], None] = lambda _: None,
) -> LabPlanner:
    """A planner that needs nothing installed on the target and reads its catalog only.

    Args:
        session: of the target; is not needed any more when this returns.
        statements: the workload: the lab has the tables that these may mean. None: all tables.
        max_tables: leave out tables beyond so many.
        model: of hypothetical indexes' sizes.
        advance: told the share that is done.

    Raises:
        Unavailable: the target can't be rebuilt.
        UsageError: the embedded server is not installed, or can't run here.
        TargetError: the target or the lab's server failed.
    """
    return build_lab(
        read_source(session, statements, max_tables=max_tables), model=model, advance=advance
    )


def build_lab(
    source: Source,
    *,
    model: SizeModel = AS_HYPOPG,
    advance: Callable[[float], None] = lambda _: None,
) -> LabPlanner:
    """As :func:`open_lab`, from what was read before."""
    collation = collation_of(source.database.provider, source.database.collate)
    relations = len(source.relations) + len(source.indexes)
    settings = {**_SERVER, "max_locks_per_transaction": 64 + relations * _LOCKS_PER_RELATION // 8}
    with ExitStack() as stack:
        server = EmbeddedPostgres(
            settings,
            port=None,
            disk_bytes=_DISK_BYTES,
            initdb=[*collation.initdb, "--no-data-checksums"],
        )
        stack.enter_context(server)
        try:
            connections = connect(server)
            for connection in connections:
                stack.callback(connection.close)
            notes = [*source.notes]
            if source.left_out:
                notes.append(
                    f"not in the planner lab: tables beyond the limit {some(source.left_out)}"
                )
            if not collation.exact:
                theirs = source.database.collate
                notes.append(f"texts sort by code points in the planner lab, not by {theirs}")
            notes += build_schema(connections, source, advance)
            notes += restore_statistics(connections, source, same_order=collation.exact)
            notes += restore_extended(connections, source)
            storage = Storage(server)
            restore_sizes(connections, source, storage)
            notes += _set_planner(connections, source.database)
            existing = _existing(connections, source)
            skip_scans = None
            if source.database.version < skip_scan.SINCE:
                skip_scans = SkipScans(connections.admin)
                skip_scans.prevent([oid for ours in existing.ours.values() for oid in ours])
            planner = LabPlanner(
                server,
                connections,
                Maker(connections, storage, model, skip_scans),
                existing,
                skip_scans=skip_scans,
                search_path=source.database.search_path,
                user=source.database.user,
                notes=notes,
            )
        except psycopg.Error as error:
            raise TargetError(f"the planner lab failed: {plain(str(error))}") from None
        stack.pop_all()
        return planner


def _set_planner(connections: Connections, database: SourceDatabase) -> list[str]:
    """Copy the target's settings of the planner; what it has not yet is switched off."""
    owner = connections.owner
    rows = owner.execute(
        "SELECT name, setting, vartype FROM pg_catalog.pg_settings "
        "WHERE category LIKE 'Query Tuning%%' AND name NOT LIKE 'jit%%'"
    ).fetchall()
    missing = [
        row["name"]
        for row in rows
        if row["vartype"] == "bool"
        and row["name"].startswith("enable_")
        and row["name"] not in database.settings
    ]
    wanted: dict[str, str] = {**database.settings, **dict.fromkeys(missing, "off")}
    wanted |= {"timezone": database.time_zone}
    failed = []
    for name, value in wanted.items():
        if name.startswith("jit"):
            continue
        try:
            owner.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
        except psycopg.Error:
            if owner.closed:
                raise
            if name in database.changed:
                failed.append(name)
    return [f"settings that PostgreSQL {_MAJOR} does not have: {some(failed)}"] if failed else []


def _existing(connections: Connections, source: Source) -> Existing:
    rows = connections.admin.execute(
        "SELECT n.nspname::text AS schema, c.relname::text AS name, c.oid::bigint AS oid "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('i', 'I')"
    )
    ours = {(row["schema"], row["name"]): row["oid"] for row in rows}
    by_name = {
        (one.schema, one.name): one.oid for one in source.indexes if (one.schema, one.name) in ours
    }
    parts: dict[int, list[int]] = {oid: [ours[place]] for place, oid in by_name.items()}
    parents: Mapping[int, int | None] = {one.oid: one.parent for one in source.indexes}
    for place, oid in by_name.items():
        parent = parents[oid]
        while parent is not None:
            parts.setdefault(parent, []).append(ours[place])
            parent = parents.get(parent)
    return Existing(by_name, parts)
