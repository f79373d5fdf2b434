"""What real psql prints of a plan in any of its layouts, for tests of whatever undoes that.

The plans are stored in a table, since two executions are never the same, and selected under the
name that EXPLAIN gives its column. Like EXPLAIN, one in text format has a row for each line.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psycopg

from dbtune.errors import UsageError
from dbtune.postgres.plans.read import read_plans
from tests.plan_printer import as_json
from tests.servers import Postgres, builds

_MARK = "@@@ "
_STYLES = ("ascii", "old-ascii", "unicode")
_PLAIN = ("csv", "html", "asciidoc", "latex", "latex-longtable", "troff-ms", "unaligned")

Forms = Mapping[str, Sequence[str]]
"""The rows of a plan by the form in which it is printed: text, cell, json, yaml, xml."""


def forms_of(printed: Mapping[str, str]) -> dict[str, list[str]]:
    """The rows of a plan in each format, and all of its text in one, as programs store it."""
    rows = {form: [text] for form, text in printed.items()}
    if "text" in printed:
        rows |= {"cell": [printed["text"]], "text": printed["text"].split("\n")}
    return rows


def layouts() -> Iterator[tuple[str, list[str]]]:
    """Names of layouts and psql's commands that choose them."""
    for style in _STYLES:
        for border in (0, 1, 2):
            base = [f"\\pset border {border}", f"\\pset linestyle {style}"]
            for kind, more in _aligned():
                yield f"{kind} border {border} {style}", [*base, *more]
    for part in ("border", "column", "header"):
        double = ["\\pset border 2", "\\pset linestyle unicode"]
        double += [f"\\pset unicode_{part}_linestyle double"]
        yield f"aligned double {part}", double
        yield f"expanded double {part}", [*double, "\\x on"]
    for form in _PLAIN:
        base = [f"\\pset format {form}"]
        yield form, base
        yield f"{form} tuples", [*base, "\\t on"]
        yield f"{form} expanded", [*base, "\\x on"]
        yield f"{form} expanded tuples", [*base, "\\x on", "\\t on"]
        yield f"{form} border 2", [*base, "\\pset border 2"]
        yield f"{form} border 0 title", [*base, "\\pset border 0", "\\pset title 'My plan'"]
    yield "csv semicolon", ["\\pset format csv", "\\pset csv_fieldsep ;"]
    yield "csv tabs expanded", ["\\pset format csv", "\\pset csv_fieldsep '\\t'", "\\x on"]
    yield "unaligned fieldsep", ["\\pset format unaligned", "\\pset fieldsep ,", "\\x on"]
    yield "timing", ["\\timing on"]


def _aligned() -> Iterator[tuple[str, list[str]]]:
    for expanded, on in (("", []), ("expanded ", ["\\x on"])):
        yield f"{expanded}aligned", on
        yield f"{expanded}tuples", [*on, "\\t on"]
        yield f"{expanded}titled", [*on, "\\pset title 'My plan (1 of 2)'"]
        yield f"{expanded}no footer", [*on, "\\pset footer off"]
        for columns in (40, 60, 80, 100, 132):
            wrapped = [*on, "\\pset format wrapped", f"\\pset columns {columns}"]
            yield f"{expanded}wrapped {columns}", wrapped
            if columns in (60, 100):
                yield f"{expanded}wrapped {columns} tuples", [*wrapped, "\\t on"]


def psqls() -> dict[int, Path]:
    """The psql of each version that has one."""
    return {
        version: build.program("psql") for version, build in builds().items() if build.has("psql")
    }


class Psql:
    """A table of plans, and psql that prints them."""

    def __init__(self, server: Postgres, dbname: str) -> None:
        self.server = server
        self.dbname = dbname
        self.names: list[str] = []
        self.plain: dict[str, str] = {}
        self.expected: dict[str, str] = {}
        with psycopg.connect(server.dsn(dbname), autocommit=True) as connection:
            connection.execute("CREATE TABLE plans (name text, n int, line text)")

    def add(self, name: str, printed: Mapping[str, str]) -> None:
        """Store a plan that is given by its format."""
        with (
            psycopg.connect(self.server.dsn(self.dbname)) as connection,
            connection.cursor() as cursor,
        ):
            for form, rows in forms_of(printed).items():
                if any("\t" in row for row in rows):
                    continue  # psql prints spaces instead
                key = f"{name}.{form}"
                self.names.append(key)
                self.plain[key] = "\n".join(rows)
                [plan] = read_plans(self.plain[key])
                self.expected[key] = as_json(plan)
                values = [(key, n, row) for n, row in enumerate(rows)]
                cursor.executemany("INSERT INTO plans VALUES (%s, %s, %s)", values)

    def printed(self, psql: Path, commands: Sequence[str], names: Sequence[str]) -> dict[str, str]:
        """What psql prints in a layout, by the name of the plan."""
        script = ["\\set QUIET on", *commands]
        for name in names:
            quoted = name.replace("'", "''")
            script += [f"\\echo '{_MARK}{quoted}'"]
            script += [
                f"""SELECT line AS "QUERY PLAN" FROM plans WHERE name = '{quoted}' ORDER BY n;"""
            ]
        server = self.server
        done = subprocess.run(
            [
                *(psql, "-X", "-h", server.folder, "-p", str(server.port)),
                *("-U", server.superuser, self.dbname),
            ],
            input="\n".join(script),
            capture_output=True,
            text=True,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "PGCLIENTENCODING": "UTF8"},
            check=True,
        )
        if done.stderr:
            raise RuntimeError(done.stderr)
        parts = (part.partition("\n") for part in done.stdout.split(_MARK)[1:])
        return {name: text for name, _, text in parts}

    def verdict(self, name: str, text: str) -> str:
        """What comes of a plan that psql printed: equal, warned, refused, or wrong."""
        try:
            plans = read_plans(text)
        except UsageError:
            return "refused"
        if [as_json(plan) for plan in plans] == [self.expected[name]]:
            return "equal"
        return "warned" if any(plan.source.warnings for plan in plans) else "wrong"
