"""Materialised views as a script for psql, each with its use and three ways to refresh it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from psycopg import sql

from dbtune.postgres.caching.facts import ToMaterialise
from dbtune.report import Artifact
from dbtune.text import ms_text, visible

FILENAME = "materialised-views.sql"
_NICE = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_HEADER = """\
-- Materialised views for the database {database}, as of {at}; savings are estimated.
-- Made by dbtune cache --format sql; run it with: psql --dbname={database} --file={filename}
-- CREATE reads the tables and locks out no reader or writer. The application then reads the view,
-- whose rows are as old as its last refresh.
\\set ON_ERROR_STOP on
SET statement_timeout = 0;
"""


def view_name(one: ToMaterialise) -> str:
    """The view's name as SQL."""
    assert one.view is not None
    return sql.Identifier(one.schema, one.view.name).as_string()


def create(one: ToMaterialise) -> str:
    """The statements that make the view and the unique index that CONCURRENTLY needs."""
    assert one.view is not None
    columns = ", ".join(sql.Identifier(name).as_string() for name in one.view.key)
    view = view_name(one)
    return (
        f"CREATE MATERIALIZED VIEW {view} AS\n{one.view.query};\n"
        f"CREATE UNIQUE INDEX ON {view} ({columns});\n"
        f"ANALYZE {view};"
    )


def refresh(one: ToMaterialise) -> str:
    """The statement that refreshes it while others read."""
    return f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view_name(one)};"


def read_query(one: ToMaterialise) -> str:
    """The query to read in place of the statement."""
    assert one.view is not None
    return one.view.reading(view_name(one))


def nice_seconds(seconds: float) -> int:
    """An interval that cron can say: not shorter, from a minute to a day."""
    return next((one for one in _NICE if one >= seconds - 1), _NICE[-1])


def cron(seconds: float) -> str:
    """Five fields of a crontab for an interval."""
    every = nice_seconds(seconds)
    if every < 3600:
        minutes = every // 60
        return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"
    if every < 86_400:
        hours = every // 3600
        return "7 * * * *" if hours == 1 else f"7 */{hours} * * *"
    return "7 3 * * *"


def schedules(one: ToMaterialise, database: str) -> dict[str, str]:
    """How to refresh it regularly: by pg_cron, by cron, by a timer of systemd."""
    assert one.view is not None
    fields, statement = cron(one.refresh_every_seconds), refresh(one)
    name, job = one.view.name, sql.Literal(f"refresh {one.view.name}").as_string()
    command = f"psql --no-psqlrc --dbname={_shell(database)} --command={_shell(statement)}"
    # In a crontab, % ends the command.
    line = f"{fields} {command}".replace("%", "\\%")
    unit = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    timer = (
        f"# {unit}.service\n[Service]\nType=oneshot\nExecStart={_unit(database, statement)}\n"
        f"# {unit}.timer (systemctl enable --now {unit}.timer)\n[Timer]\n"
        f"OnUnitInactiveSec={nice_seconds(one.refresh_every_seconds)}\nOnActiveSec=60\n"
        "[Install]\nWantedBy=timers.target"
    )
    literal = sql.Literal(statement).as_string()
    return {
        "pg_cron": f"SELECT cron.schedule({job}, '{fields}', {literal});",
        "cron": line,
        "systemd": timer,
    }


def _shell(word: str) -> str:
    import shlex

    return shlex.quote(word)


def _unit(database: str, statement: str) -> str:
    """A command line as systemd reads it: quoted, with % and $ doubled."""

    def word(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
        return '"' + escaped.replace("$", "$$").replace("\n", "\\n") + '"'

    words = [f"--dbname={database}", f"--command={statement}"]
    return f"/usr/bin/psql --no-psqlrc {' '.join(map(word, words))}"


def script(found: Sequence[ToMaterialise], database: str, at: datetime) -> Artifact:
    """The script."""
    head = _HEADER.format(
        database=visible(database).replace("\n", " "), at=f"{at:%Y-%m-%d %H:%M %Z}",
        filename=FILENAME,
    )  # fmt: skip
    parts = [head, *(_block(one, database) for one in found)]
    if not found:
        parts.append("-- Nothing is worth a materialised view.\n")
    return Artifact(FILENAME, "\n".join(parts), "sql")


def _block(one: ToMaterialise, database: str) -> str:
    read = one.read
    lines = [
        f"{read.calls:,.0f} calls of {ms_text(read.mean_ms)} each; saves about "
        f"{ms_text(one.saved_ms_per_second)} of execution time a second, refreshes included",
        f"refreshed each {ms_text(nice_seconds(one.refresh_every_seconds) * 1000)}, about "
        f"{ms_text(one.refresh_ms)} each time",
        "In place of:",
        *(f"  {line}" for line in read.text.splitlines()),
        "read:",
        f"  {read_query(one)};",
    ]
    ways = schedules(one, database)
    assert one.view is not None
    zone = (
        ["(with the TimeZone that the application has: its days and hours may hang on it)"]
        if one.view.by_zone
        else []
    )
    after = [
        "GRANT SELECT on it to the roles that read it. Refresh it by one of:",
        *zone,
        f"  {refresh(one)}",
        f"pg_cron: {ways['pg_cron']}",
        f"cron: {ways['cron']}",
        *ways["systemd"].splitlines(),
    ]
    return f"{_comment(lines)}{create(one)}\n{_comment(after)}"


def _comment(lines: Sequence[str]) -> str:
    # A name may hold a line break, which would end the comment.
    parts = [part for line in lines for part in re.split(r"[\r\n]", line)]
    return "".join(f"-- {visible(part)}\n" for part in parts)
