"""Read pg_stat_statements: the columns that this version has, and texts apart from counters.

Reading texts is what costs (a server with 9,800 entries: 10 ms of CPU without, 60 ms with them), so
the first of two readings is made without, and nothing is sorted on the server: a sort with texts
spills to temporary files.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import sql

from dbtune.errors import OutOfTime, Unavailable
from dbtune.postgres.session import Row, Session
from dbtune.postgres.statements.facts import (
    COUNTERS,
    RENAMED,
    TEXT_LIMIT,
    Entry,
    Key,
    Reading,
    Setup,
)
from dbtune.text import plain

MAX_TEXTS = 20_000
"""Most texts that are read; the entries with the most time win."""


def read_setup(session: Session) -> Setup:
    """How pg_stat_statements is installed and set here.

    Raises:
        Unavailable: the catalog can't be read.
    """
    row = session.fact("statements_setup")[0]
    libraries = row["preload_libraries"]
    return Setup(
        schema=row["schema"] or "",
        columns=tuple(row["columns"] or ()),
        preloaded=None if libraries is None else "pg_stat_statements" in libraries,
        preload_libraries=libraries or "",
        settings=row["settings"] or {},
    )


def read_statements(session: Session, setup: Setup, *, texts: bool) -> Reading:
    """Read all entries, with their texts or without.

    Raises:
        Unavailable: the extension is not there, not loaded, or this role may not read it.
    """
    if not setup.schema:
        raise Unavailable("pg_stat_statements is not created in this database")
    rows = session.rows(_entries_query(setup))
    visible = [row for row in rows if row["queryid"] is not None]
    found: dict[Key, str] = {}
    missing, remedy = "", ""
    if texts:
        try:
            found = _read_texts(session, setup, visible)
        except OutOfTime:
            raise
        except Unavailable as error:
            missing, remedy = _in_other_encodings(session, setup, error)
    info = _read_info(session, setup)
    return Reading(
        at=rows[0]["at"] if rows else session.rows("SELECT now() AS at")[0]["at"],
        entries=tuple(_entry(row, found) for row in visible),
        hidden_entries=len(rows) - len(visible),
        stats_reset=info.get("stats_reset"),
        dealloc=info.get("dealloc"),
        texts_missing=missing,
        texts_remedy=remedy,
    )


def _function(setup: Setup, texts: bool) -> sql.Composed:
    name = sql.Identifier(setup.schema, "pg_stat_statements")
    return sql.SQL("{}({})").format(name, sql.Literal(texts))


def _toplevel(setup: Setup) -> sql.Composable:
    return sql.SQL("s.toplevel" if "toplevel" in setup.columns else "true")


def _entries_query(setup: Setup) -> sql.Composed:
    """Counters under today's names; a column that this version lacks is left out."""
    columns: list[sql.Composable] = []
    for column in setup.columns:
        name = RENAMED.get(column, column)
        if name in (*COUNTERS, "min_exec_time", "max_exec_time", "stddev_exec_time", "stats_since"):
            columns.append(
                sql.SQL("s.{} AS {}").format(sql.Identifier(column), sql.Identifier(name))
            )
    return sql.SQL(
        "SELECT s.userid, s.dbid, s.queryid, {toplevel} AS toplevel, now() AS at, "
        "pg_catalog.pg_get_userbyid(s.userid)::text AS username, d.datname::text AS database, "
        "{columns} FROM {function} s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid"
    ).format(
        toplevel=_toplevel(setup),
        columns=sql.SQL(", ").join(columns),
        function=_function(setup, texts=False),
    )


def _read_texts(session: Session, setup: Setup, rows: list[Row]) -> dict[Key, str]:
    least = 0.0
    if len(rows) > MAX_TEXTS:
        least = sorted((row["total_exec_time"] for row in rows), reverse=True)[MAX_TEXTS - 1]
    query = sql.SQL(
        "SELECT s.userid, s.dbid, s.queryid, {toplevel} AS toplevel, "
        "pg_catalog.left(s.query, {limit}) AS query FROM {function} s "
        "WHERE s.queryid IS NOT NULL AND s.total_exec_time >= {least}"
    ).format(
        toplevel=_toplevel(setup),
        limit=sql.Literal(TEXT_LIMIT),
        function=_function(setup, texts=True),
        least=sql.Literal(least),
    )
    texts = session.rows(query)
    return {_key(row): row["query"] for row in texts if row["query"] is not None}


def _in_other_encodings(session: Session, setup: Setup, error: Unavailable) -> tuple[str, str]:
    """Why no text is to be had though counters are, and what gives them back.

    The function converts the texts of all databases to the encoding of the one that asks: one
    character that has no equivalent, or bytes from a SQL_ASCII database, fail it for all.

    Raises:
        Unavailable: encodings are not the reason.
    """
    others = session.rows(
        sql.SQL(
            "SELECT d.datname::text AS name, d.oid::bigint AS oid, "
            "pg_catalog.pg_encoding_to_char(d.encoding) AS encoding FROM pg_catalog.pg_database d "
            "JOIN pg_catalog.pg_database h ON h.datname = pg_catalog.current_database() "
            "WHERE d.encoding <> h.encoding AND d.oid IN (SELECT s.dbid FROM {} s) "
            # To UTF8 all can be converted but what may be anything.
            "AND (pg_catalog.pg_encoding_to_char(h.encoding) <> 'UTF8' "
            "OR pg_catalog.pg_encoding_to_char(d.encoding) = 'SQL_ASCII') ORDER BY 1"
        ).format(_function(setup, texts=False))
    )
    if not others:
        raise error
    culprits = ", ".join(f"{plain(one['name'])} ({one['encoding']})" for one in others[:5])
    reason = (
        "texts of statements can't be converted to this database's encoding, because of those of "
        f"{culprits}{' and others' if len(others) > 5 else ''} ({error.reason})"
    )
    if any(one["encoding"] == "UTF8" for one in others):  # which has all characters
        return reason, "-- name a database with the encoding UTF8: it can read all texts"
    function = sql.Identifier(setup.schema, "pg_stat_statements_reset").as_string()
    return reason, "\n".join(
        f"SELECT {function}(0, {one['oid']}, 0);  -- forgets those of {plain(one['name'])}"
        for one in others
    )


def _read_info(session: Session, setup: Setup) -> dict[str, Any]:
    if session.major < 14:
        return {}
    view = sql.Identifier(setup.schema, "pg_stat_statements_info")
    try:
        return session.rows(sql.SQL("SELECT dealloc, stats_reset FROM {}").format(view))[0]
    except Unavailable:  # an old version of the extension on a newer server
        return {}


def _key(row: Row) -> Key:
    return Key(row["userid"], row["dbid"], row["queryid"], row["toplevel"])


def _entry(row: Row, texts: dict[Key, str]) -> Entry:
    since = row.get("stats_since")
    return Entry(
        key=_key(row),
        user=row["username"],
        database=row["database"] or "(dropped)",
        counters={name: float(row[name]) for name in COUNTERS if row.get(name) is not None},
        min_ms=row["min_exec_time"],
        max_ms=row["max_exec_time"],
        stddev_ms=row["stddev_exec_time"],
        stats_since=since if isinstance(since, datetime) else None,
        text=texts.get(_key(row)),
    )
