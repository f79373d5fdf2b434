"""The text of a statement that pg_stat_statements knows by its number."""

from __future__ import annotations

from psycopg import sql

from dbtune.errors import Unavailable, UsageError
from dbtune.postgres.session import Session
from dbtune.postgres.sqltext import parseable
from dbtune.postgres.statements.collect import read_setup
from dbtune.text import plain, plural


def text_of(session: Session, queryid: int) -> str:
    """The statement's text, its constants replaced by ``$1``, ...

    Raises:
        UsageError: there is none, this role may not see it, or it is another database's.
    """
    schema = read_setup(session).schema
    if not schema:
        raise UsageError(
            f"--queryid: pg_stat_statements is not created in database {session.database}: "
            "CREATE EXTENSION pg_stat_statements, or give the statement with --sql"
        )
    query = sql.SQL(
        "SELECT s.query, d.datname::text AS database, d.datname = current_database() AS here "
        "FROM {}(true) s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid "
        "WHERE s.queryid = {} ORDER BY here DESC NULLS LAST, s.calls DESC"
    ).format(sql.Identifier(schema, "pg_stat_statements"), sql.Literal(queryid))
    try:
        rows = session.rows(query)
    except Unavailable as missing:
        raise UsageError(f"--queryid: {missing.reason}") from None
    if not rows:
        hidden = session.rows(
            sql.SQL("SELECT count(*) AS n FROM {}(false) WHERE queryid IS NULL").format(
                sql.Identifier(schema, "pg_stat_statements")
            )
        )[0]["n"]
        may_not = f" ({plural(hidden, 'statement')} of others can't be seen by {session.user})"
        raise UsageError(
            f"pg_stat_statements has no statement {queryid}{may_not if hidden else ''}; "
            "dbtune slow-queries lists them"
        )
    row = rows[0]
    if not row["here"]:
        raise UsageError(
            f"statement {queryid} was run in database {plain(row['database'] or '?')}: give that "
            "one as the TARGET"
        )
    # "interval $1" was a constant with its type in front; as a parameter it has to be cast.
    return parseable(row["query"])
