"""Parts of statements: what a rewriting asks of names, terms and aggregates."""

from __future__ import annotations

import re
from typing import Any

from psycopg import sql

from dbtune.postgres.sqltext import names

CHANGING = frozenset(
    "now current_date current_time current_timestamp localtime localtimestamp clock_timestamp "
    "statement_timestamp transaction_timestamp timeofday random gen_random_uuid uuidv4 uuidv7 "
    "uuid_generate_v4 current_user session_user current_role current_setting nextval currval "
    "lastval txid_current pg_backend_pid inet_client_addr tablesample".split()
)
"""Words whose value depends on when, or by whom, the statement is run."""
_RELATIVE = re.compile(r"\s*(now|today|tomorrow|yesterday)\b", re.IGNORECASE)
"""How a text begins that the input of dates and times takes for a time of today."""
_OF_SESSION = frozenset("user session_user system_user current_schema current_catalog".split())
_BY_ZONE = frozenset("date_trunc date_part extract to_char date_bin".split())
_NULL_WHEN_EMPTY = (
    "Sum Avg Min Max Stddev StddevPop StddevSamp Variance VariancePop LogicalAnd LogicalOr".split()
)
PLACES = {
    "Having": "stands in HAVING",
    "Where": "is compared in another way than column = value, which can't become a group",
    "Join": "stands in the condition of a join",
    "Subquery": "stands in a subquery",
    "CTE": "stands in WITH",
}
"""What a parameter stands in, by the name of the node: why it can't be taken out."""


def changing(tree: Any) -> str | None:
    """What in a statement hangs on when or by whom it is run, and is no word of `CHANGING`.

    Those are texts that dates are read from (``'today'``), ``age(time)``, which counts from today,
    and names that are no columns because they stand unquoted (``user``).
    """
    from sqlglot import exp

    for one in tree.find_all(exp.Literal):
        if one.is_string and (word := _RELATIVE.match(str(one.this))):
            return repr(word[1].lower())
    for one in tree.find_all(exp.Column):
        if not one.table and not one.this.args.get("quoted") and one.name.lower() in _OF_SESSION:
            return str(one.name)
    for one in tree.find_all(exp.Func):
        name = str(one.name if isinstance(one, exp.Anonymous) else one.sql_name()).lower()
        if name in _OF_SESSION:
            return name
        if name == "age" and len(one.expressions) == 1:
            return "age() of one time"
    return None


def by_zone(tree: Any) -> bool:
    """Whether what a statement gives may hang on the session's TimeZone: it cuts days or hours."""
    from sqlglot import exp

    if any(one.to.this in exp.DataType.TEMPORAL_TYPES for one in tree.find_all(exp.Cast)):
        return True
    return bool(_BY_ZONE & names(tree.sql(dialect="postgres", normalize_functions=False)))


def terms(where: Any) -> list[Any]:
    """Conditions that AND joins at the top."""
    from sqlglot import exp

    return list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


def equality(term: Any) -> tuple[Any, Any] | None:
    """The column and the parameter of ``column = $1``."""
    from sqlglot import exp

    term = term.unnest()
    if not isinstance(term, exp.EQ):
        return None
    for one, other in ((term.left, term.right), (term.right, term.left)):
        value = other.this if isinstance(other, exp.Cast) else other
        if isinstance(one, exp.Column) and isinstance(value, exp.Parameter):
            return None if value is not other else (one, other)
    return None


def when_empty(one: Any) -> str | None:
    """What an aggregate gives of no rows: ``0``, ``NULL``; ``None`` if that is not known."""
    from sqlglot import exp

    inner = one.this if isinstance(one, exp.Filter) else one
    if isinstance(inner, exp.Count):
        return "0"
    return "NULL" if type(inner).__name__ in _NULL_WHEN_EMPTY else None


def told_name(one: Any) -> str:
    """The name that a column has by itself."""
    from sqlglot import exp

    if isinstance(one, exp.Alias):
        name, quoted = one.alias, one.args["alias"].args.get("quoted")
    elif isinstance(one, exp.Column):
        name, quoted = one.name, one.this.args.get("quoted")
    else:
        return ""
    return str(name) if quoted else str(name).lower()


def function_name(one: Any) -> str:
    """What the server would call it: ``count``, ``sum``."""
    from sqlglot import exp

    inner = one.this if isinstance(one, exp.Filter) else one
    return str(inner.sql_name()).lower() if isinstance(inner, exp.AggFunc) else ""
