"""Ask a server for a statement's plan, or run the statement and measure it, leaving no trace.

Whatever the text is, the server first takes it as ``PREPARE name AS text`` through the extended
protocol. That is the guard: PostgreSQL's own parser then accepts one SELECT, INSERT, UPDATE,
DELETE, MERGE or VALUES and nothing else, neither a second statement nor a utility command.

Everything happens in one transaction with time limits that is rolled back, so that it works
through PgBouncer in transaction mode. It is READ ONLY unless the user allows to write, and a
statement whose plan writes is refused before it runs. SELECT INTO is looked for in the text: since
PostgreSQL 14, PREPARE takes it, its plan does not show it, and EXPLAIN ANALYZE creates its table
even in a READ ONLY transaction.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import psycopg
from psycopg import errors, sql

from dbtune.errors import TargetError, UsageError
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.read import read_plans
from dbtune.postgres.session import Session, Transaction
from dbtune.postgres.sqltext import masked
from dbtune.text import plain, shorten

_NOT_UNDONE = (
    "The statement was executed and rolled back: its rows are as before. A rollback undoes neither "
    "numbers taken from sequences, nor what triggers and functions did outside the database, nor "
    "the dead rows (VACUUM removes them) and the WAL that were written; its locks were held until "
    "the rollback."
)
_PRUNED_BY_NULL = (
    "Parameters had no values, and this server has no GENERIC_PLAN: partitions that a NULL "
    "excludes are missing from the plan. Give --param to see the others."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What to explain, and how.

    Attributes:
        sql: one statement.
        parameters: values of ``$1``, ... as text; ``None`` is NULL.
        analyze: execute it and measure.
        generic: plan for any values, as a prepared statement gets after five executions.
        allow_write: execute it even if it writes; it is rolled back all the same.
        search_path: where its names are looked up; "" for the role's own.
        origin: what to call the statement in errors: ``--sql``, a file's name.
        normalized: the text is pg_stat_statements' and has parameters where constants were.
    """

    sql: str
    parameters: Mapping[int, str | None] = field(default_factory=dict)
    analyze: bool = False
    generic: bool = False
    allow_write: bool = False
    search_path: str = ""
    origin: str = "--sql"
    normalized: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Plans that a server gave (several if a rule makes several statements of one), and notes."""

    plans: tuple[Plan, ...]
    notes: tuple[str, ...] = ()


def explain(session: Session, request: Request) -> Answer:
    """The plan of a statement on a server.

    Raises:
        UsageError: it is not one statement that can be planned here, it lacks parameters, or it
            writes and is not allowed to.
        TargetError: a time limit passed, or the connection broke.
    """
    if not request.sql.strip():
        raise UsageError(f"{request.origin}: there is no statement")
    if re.search("[\0\ud800-\udfff]", request.sql):
        raise UsageError(f"{request.origin} holds characters that no statement can hold")
    may_write = request.analyze and request.allow_write
    try:
        with session.transaction(read_only=not may_write, own_search_path=True) as transaction:
            return _explain(session, transaction, request)
    except psycopg.Error as error:
        raise _told(error, session, request) from None


def _explain(session: Session, transaction: Transaction, request: Request) -> Answer:
    name = f"dbtune_{secrets.token_hex(8)}"
    _set(transaction, "search_path", request.search_path)
    # What is a string in the text must not depend on the server's settings: see _creates_table.
    _set(transaction, "standard_conforming_strings", "on")
    transaction.rows(sql.SQL(_prefix(name) + request.sql), alone=True)
    transaction.afterwards.append(f"DEALLOCATE {name}")
    wanted = transaction.rows(
        "SELECT pg_catalog.cardinality(parameter_types) AS parameters "
        "FROM pg_catalog.pg_prepared_statements WHERE name = %s",
        (name,),
    )[0]["parameters"]
    unknown = _unknown_values(request, wanted)
    options = estimating(session.major)
    # PREPARE has shown that the text is one statement, so nothing can hide behind EXPLAIN.
    body: sql.Composable = sql.SQL(request.sql)
    if unknown and session.major >= 16:
        options.append("GENERIC_PLAN")
    elif wanted:
        generic = unknown or request.generic
        mode = "force_generic_plan" if generic else "force_custom_plan"
        _set(transaction, "plan_cache_mode", mode)
        values = [sql.Literal(request.parameters.get(n + 1)) for n in range(wanted)]
        body = sql.SQL("EXECUTE {}({})").format(sql.Identifier(name), sql.SQL(", ").join(values))
    plans = _ask(transaction, session.major, options, body)
    notes = [_PRUNED_BY_NULL] if unknown and _prunes(plans) else []
    if request.analyze:
        if not request.allow_write:
            _refuse_writing(plans, request)
        # Only a superuser may; without it the plan says nothing of the time that I/O took.
        transaction.rows(
            "SELECT pg_catalog.set_config('track_io_timing', 'on', true) FROM pg_catalog.pg_roles "
            "WHERE rolname = current_user AND rolsuper"
        )
        plans = _ask(transaction, session.major, measuring(session.major), body)
        wrote = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL AS wrote"
        if request.allow_write or transaction.rows(wrote)[0]["wrote"]:
            notes.append(_NOT_UNDONE)
    return Answer(_of(plans, request), tuple(notes))


def estimating(major: int) -> list[str]:
    """EXPLAIN's options for a plan that is not executed, on a major version."""
    options = ["FORMAT JSON", "VERBOSE", "SETTINGS", "BUFFERS", "SUMMARY"]
    return options + ["MEMORY"] * (major >= 17)


def measuring(major: int) -> list[str]:
    """EXPLAIN's options for an execution: everything that this version can measure."""
    return [*estimating(major), "ANALYZE", "WAL", *["SERIALIZE TEXT"] * (major >= 17)]


def _ask(
    transaction: Transaction, major: int, options: Sequence[str], body: sql.Composable
) -> list[Plan]:
    head = sql.SQL("EXPLAIN ({}) ".format(", ".join(options)))
    found = transaction.rows(head + body)[0]["QUERY PLAN"]
    plans = read_plans(json.dumps(found))
    return [replace(one, source=replace(one.source, version_guess=major)) for one in plans]


def _of(plans: Sequence[Plan], request: Request) -> tuple[Plan, ...]:
    return tuple(replace(plan, query=request.sql.strip()) for plan in plans)


def _set(transaction: Transaction, name: str, value: str) -> None:
    if value:
        transaction.rows("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))


def _prefix(name: str) -> str:
    return f"PREPARE {name} AS\n"


def _unknown_values(request: Request, wanted: int) -> bool:
    """Whether the statement has parameters and the request no values for them.

    Raises:
        UsageError: it has some, but not those; or it has to have them.
    """
    missing = [f"${n}" for n in range(1, wanted + 1) if n not in request.parameters]
    extra = [f"${n}" for n in sorted(request.parameters) if not 1 <= n <= wanted]
    if extra:
        raise UsageError(f"--param: {request.origin} has no {', '.join(extra)}")
    if missing and (request.analyze or request.parameters):
        raise UsageError(
            f"{request.origin} needs values to be executed: --param "
            + " --param ".join(f"{name[1:]}=VALUE" for name in missing)
        )
    return bool(missing)


def _prunes(plans: Sequence[Plan]) -> bool:
    return any("Subplans Removed" in node.props for plan in plans for node in plan.nodes)


def _refuse_writing(plans: Sequence[Plan], request: Request) -> None:
    found = [_write(node) for plan in plans for node in plan.nodes]
    writes = [what for what in dict.fromkeys(found) if what]
    if not writes and _creates_table(request.sql):
        writes = ["SELECT INTO creates a table"]
    if writes:
        raise UsageError(
            f"{request.origin} was not executed, because it writes: {'; '.join(writes)}. "
            "Leave out --analyze, or add --allow-write to execute it and roll it back"
        )


def _creates_table(text: str) -> bool:
    """Whether INTO stands in a text outside constants, comments and quoted names."""
    return bool(re.search(r"(?i)\binto\b", re.sub(r'"(?:[^"]|"")*"', "", masked(text))))


def _write(node: Node) -> str:
    """What a node writes: a table's rows, or the locks of SELECT ... FOR UPDATE."""
    if node.type == "ModifyTable" or node.operation not in (None, "Select"):
        table = plain(node.relation or "a table")
        return f"{node.operation or 'ModifyTable'} on {table}"
    return "it locks rows (FOR UPDATE or FOR SHARE)" if node.type == "LockRows" else ""


# ------------------------------------------------------------------------------------------ errors

_HINTS: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.UndefinedTable, "is its schema on the role's search_path? Set it with --search-path"),
    (errors.UndefinedFunction, "is its schema on the role's search_path? --search-path sets it"),
    (errors.IndeterminateDatatype, "give the parameter a type, as in $1::int"),
    (errors.AmbiguousParameter, "give the parameter a type, as in $1::int"),
    (
        errors.InsufficientPrivilege,
        "if it is below a view or in a function, their owner may be who lacks the privilege",
    ),
)


def _told(error: psycopg.Error, session: Session, request: Request) -> Exception:
    """A driver's error as a sentence about the user's statement."""
    translated = session.translated(error, f"{request.search_path} {request.sql}")
    if isinstance(translated, TargetError):
        return translated
    if isinstance(error, errors.QueryCanceled | errors.LockNotAvailable):
        return TargetError(f"{request.origin}: {translated.reason}")
    message, hint = translated.reason, translated.remedy
    if error.diag.source_function == "call_bool_check_hook":  # of BEGIN READ WRITE
        hint = "this server is a standby: execute it on the primary"
    elif isinstance(error, errors.ReadOnlySqlTransaction):
        hint = "add --allow-write to execute it and roll it back"
    elif isinstance(error, errors.InvalidPreparedStatementDefinition):
        hint = "SELECT INTO creates a table; leave INTO out"
    elif error.diag.source_function == "exec_parse_message":
        message, hint = "there is more than one statement", "explain them one by one"
    elif isinstance(error, errors.SyntaxError):
        hint = _syntax_hint(request)
    else:
        hint = hint or next((text for kind, text in _HINTS if isinstance(error, kind)), "")
    if request.normalized and isinstance(error, errors.ProgrammingError) and not hint:
        hint = "pg_stat_statements keeps no constants, and this one needs them: use --sql"
    place = _place(error, request)
    return UsageError(f"{request.origin}{place}: {message}" + (f"\n{hint}" if hint else ""))


def _syntax_hint(request: Request) -> str:
    words = re.findall(r"(?a)\w+", re.sub(r"/\*.*?\*/|--[^\n]*", " ", request.sql))
    first = words[0].upper() if words else ""
    if not first:
        return "there is no statement"
    if first == "EXPLAIN":
        return "leave EXPLAIN out: dbtune adds it, and ANALYZE with --analyze"
    if first not in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE"):
        return (
            "only SELECT, INSERT, UPDATE, DELETE, MERGE and VALUES have a plan, not "
            f"{shorten(first, 30)}"
        )
    if re.search(r"\\\w|(?<!:):'?[a-z_]\w*", request.sql):
        return "psql's own commands and variables are not SQL: put the values in"
    return ""


def _place(error: psycopg.Error, request: Request) -> str:
    """Line and column in the user's text, as far as the server told where it stumbled."""
    position = error.diag.statement_position
    prefix = len(_prefix("dbtune_" + "0" * 16)) + len("/* dbtune */ ")
    at = int(position) - 1 - prefix if position else -1
    if not 0 <= at <= len(request.sql):
        return ""
    lines = request.sql[:at].split("\n")
    return f", line {len(lines)}, column {len(lines[-1]) + 1}"


def parameter(text: str) -> tuple[int, str | None]:
    r"""``1=value`` or ``$1=value``; ``1=\N`` is NULL, as in COPY.

    Raises:
        UsageError: it is neither.
    """
    name, equals, value = text.partition("=")
    number = re.fullmatch(r"\$?([1-9]\d{0,4})", name.strip())
    if not equals or number is None:
        raise UsageError(f"{plain(text)!r} is not NUMBER=VALUE, as in 1=42 for $1")
    return int(number[1]), None if value == r"\N" else value
