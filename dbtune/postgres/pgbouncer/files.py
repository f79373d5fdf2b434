"""The files: ``pgbouncer.ini``, ``userlist.txt``, and the SQL for looking up passwords."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from dbtune import __version__
from dbtune.postgres.pgbouncer.entries import Layout
from dbtune.postgres.pgbouncer.pooler import Pooler, single_quoted, sql_identifier, version_text
from dbtune.postgres.pgbouncer.setting import Setting
from dbtune.text import plain

_WIDTH = 80
_SIGNS = str.maketrans(
    {"×": "*", "·": "*", "−": "-", "⌈": "ceil(", "⌊": "floor("} | dict.fromkeys("⌉⌋", ")")
)


def ini(settings: Sequence[Setting], made: Layout, pooler: Pooler) -> str:
    """``pgbouncer.ini``: each setting under its comment."""
    known = "1.18 and later" if pooler.version is None else version_text(pooler.version)
    lines = [
        f";; pgbouncer.ini for PgBouncer {known}, by dbtune {__version__}",
        *_comment(
            f"Sizes were decided by: {made.plan.constraint}. How they came about, and what happens"
            " with one more instance or twice the load: dbtune pool-size with the same options.",
            mark=";;",
        ),
    ]
    for room in made.rooms:
        lines += _comment(room.text, mark=";;")
    section = group = ""
    for one in settings:
        if one.section != section:
            section = one.section
            lines += ["", f"[{section}]"]
        if one.group != group:
            group = one.group
            lines += ["", f";; {f' {group} ':-^{_WIDTH - 3}}"]
        lines += ["", *_comment(one.why), *_comment(f"= {one.formula}", indent=2)]
        lines += [f";   {one.document}", f"{one.name} = {one.value}"]
    return "\n".join(lines) + "\n"


def userlist(pooler: Pooler) -> str:
    """``userlist.txt``: a template with the one role that looks up the others."""
    lines = [
        *_comment(
            f"Roles that are not looked up on the server. {pooler.auth_user} does the looking up."
            " Put its password between the last quotes, as it is: with its SCRAM verifier alone"
            " PgBouncer can't log in to the server. Then chown this file to PgBouncer's user and"
            " chmod it 600."
        ),
        *_comment(
            "Managed services don't show passwords (pg_authid). There, leave auth_user, auth_query"
            " and auth_dbname away and list the application's roles here, each with its password."
        ),
        f'"{pooler.auth_user}" ""',
    ]
    return "\n".join(lines) + "\n"


def auth_sql(pooler: Pooler) -> str:
    """The role and the function that look up passwords."""
    names = ", ".join(database.server_name for database in pooler.databases)
    where = f"in each of these databases: {names}"
    if pooler.shares_auth:
        where = f"in the database {pooler.databases[0].server_name}"
    lines = [
        *_comment(f"Lets PgBouncer look up passwords. Run as a superuser {where}.", mark="--"),
        *_comment(
            f"Then give the role a password with psql's \\password {pooler.auth_user}, and put the"
            " same into userlist.txt. pg_hba.conf must let it and the application's roles in from"
            " PgBouncer's address with scram-sha-256.",
            mark="--",
        ),
    ]
    body = _SQL.format(
        role=sql_identifier(pooler.auth_user),
        schema=sql_identifier(pooler.auth_schema),
        name=single_quoted(pooler.auth_user),
    )
    return "\n".join(lines) + "\n" + body + _report_sql(pooler)


def _report_sql(pooler: Pooler) -> str:
    """Time limits of the roles that run reports; they must be there."""
    seconds = f"{pooler.report_seconds:g}s"
    lines = [
        f"ALTER ROLE {sql_identifier(role)} SET statement_timeout = {single_quoted(seconds)};"
        for role in pooler.report_users
    ]
    if not lines:
        return ""
    why = "Reports end after so long; RESET ALL, which PgBouncer sends, leaves it as it is."
    return "\n" + "\n".join([*_comment(why, mark="--"), *lines]) + "\n"


_SQL = """
SET password_encryption = 'scram-sha-256';  -- the default since PostgreSQL 14

-- Roles belong to the whole server, so it may be there already.
DO $do$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN
    CREATE ROLE {role} LOGIN NOINHERIT;
  END IF;
END $do$;

CREATE SCHEMA IF NOT EXISTS {schema};
REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {role};

-- SECURITY DEFINER with an empty search_path: nobody can slip in another pg_authid. Expired
-- passwords don't count (CVE-2025-2291). Superusers' are never given away: they connect directly.
CREATE OR REPLACE FUNCTION {schema}.user_lookup(i_username text)
RETURNS TABLE (username text, password text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $body$
  SELECT r.rolname::text,
         CASE WHEN r.rolvaliduntil < pg_catalog.now() THEN NULL ELSE r.rolpassword END
  FROM pg_catalog.pg_authid r
  WHERE r.rolname = i_username AND r.rolcanlogin AND NOT r.rolsuper
$body$;
REVOKE ALL ON FUNCTION {schema}.user_lookup(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.user_lookup(text) TO {role};
"""


def _comment(text: str, *, mark: str = ";", indent: int = 0) -> list[str]:
    wrapped = textwrap.wrap(
        _ascii(text),
        _WIDTH - len(mark) - 1,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2 if indent else 0),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f"{mark} {line}" for line in wrapped]


def _ascii(text: str) -> str:
    """Comments in ASCII, because the file may be read in any locale; other letters escaped."""
    return plain(text).translate(_SIGNS).encode("ascii", "backslashreplace").decode()
