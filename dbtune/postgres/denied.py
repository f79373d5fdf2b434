"""What a role was denied, and the GRANT that lets it.

A server says the object's name, and its kind by a word of its own language only. So the catalog is
asked for what the role lacks of the objects whose name stands in both message and statement. What
lies below a view or in a function stands in the message alone: often its owner is who lacks it.
"""

from __future__ import annotations

import re

import psycopg
from psycopg import sql

from dbtune.postgres.session import Session, load_sql
from dbtune.postgres.sqltext import called_functions, names


def grant(
    session: Session,
    error: psycopg.errors.InsufficientPrivilege,
    statement: str | sql.Composable,
) -> str:
    """The statement that gives the session's role what it lacks; "" where that isn't known.

    Args:
        session: it is in no transaction.
        error: what the server said.
        statement: what it was asked; schemas to look in may stand before it.
    """
    message = error.diag.message_primary or ""
    text = statement if isinstance(statement, str) else statement.as_string()
    named = names(text)
    said = [one for one in named if re.search(rf"(?a)(?<!\w){re.escape(one)}(?!\w)", message)]
    wanted = ["SELECT", *(one.upper() for one in ("insert", "update", "delete") if one in named)]
    try:
        with session.transaction(own_search_path=True, commit=True) as transaction:
            found = transaction.rows(
                load_sql("denied", session.major),
                {
                    "said": said,
                    "named": list(named),
                    "called": list(called_functions(text)),
                    "wanted": wanted,
                },
            )
    except psycopg.Error:
        return ""  # what was denied is told; the next statement tells if the connection is lost
    role = sql.Identifier(session.user).as_string()
    for lacks, kind, objects, monitored in (one.values() for one in found):
        if monitored:
            return f"GRANT pg_monitor TO {role};"
        reads = session.major >= 14 and lacks == "SELECT"
        more = "  -- or the role pg_read_all_data" if reads else ""
        return f"GRANT {lacks} ON {kind}{objects} TO {role};{more}"
    return ""
