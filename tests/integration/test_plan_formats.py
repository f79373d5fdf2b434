"""One execution printed in four formats is one plan, on every server, with every option.

A session can load auto_explain only once, but copies of its library under other names with the
prefix of its settings changed are other modules: four of them print one execution four times.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from tests.servers import Build, Postgres, builds, fresh_database

FORMATS = ("text", "json", "yaml", "xml")

HERE = Path(__file__).parent.parent / "unit/postgres/plans"


def library(build: Build) -> Path:
    """The shared library of a build's auto_explain."""
    lib = build.bin.parent / "lib"
    places = (lib, lib / "postgresql", Path(f"/usr/lib/postgresql/{build.version}/lib"))
    return next(path for place in places for path in place.glob("auto_explain.so"))


class Printer:
    """A session that prints every execution in four formats."""

    def __init__(self, server: Postgres, dbname: str, options: Sequence[str] = ()) -> None:
        self.connection = psycopg.connect(server.dsn(dbname), autocommit=True)
        self._messages: list[str] = []
        self.connection.add_notice_handler(
            lambda one: self._messages.append(str(one.message_primary))
        )
        original = library(builds()[server.version]).read_bytes()
        for form, letter in zip(FORMATS, "abcd", strict=True):
            name = f"auto_explai{letter}"
            copy = server.folder / f"{name}.so"
            if not copy.exists():
                copy.write_bytes(original.replace(b"auto_explain", name.encode()))
                copy.chmod(0o644)
            server.folder.chmod(0o711)
            self.run(f"LOAD '{copy}'")
            for option in ("level = notice", "analyze = on", f"format = {form}", *options):
                self.run(f"SET {name}.log_{option}")
        for letter in "abcd":
            self.run(f"SET auto_explai{letter}.log_min_duration = 0")

    def run(self, sql: str) -> None:
        """Run statements, forgetting what they print."""
        self.connection.execute(sql.encode(), prepare=False)

    def printed(self, settings: str, statement: str) -> list[str]:
        """What auto_explain prints of a statement, in four formats; its effects are undone."""
        with contextlib.suppress(_Undo), self.connection.transaction():
            self.run(settings.replace("SET ", "SET LOCAL ") or "SELECT")
            self._messages.clear()
            self.run(statement)
            raise _Undo
        # Nested executions (foreign keys, remote servers) are finished and printed first.
        return [one.partition("\n")[2] for one in self._messages[-4:]][::-1]


class _Undo(Exception):
    pass


@contextlib.contextmanager
def prepared_database(server: Postgres) -> Iterator[str]:
    """A database with the tables of the statements."""
    with fresh_database(server) as name:
        schema = (HERE / "schema.sql").read_text()
        for word, value in (
            ("host", server.host),
            ("port", str(server.port)),
            ("dbname", name),
            ("user", server.superuser),
            ("password", server.password),
        ):
            schema = schema.replace("{" + word + "}", value)
        with psycopg.connect(server.dsn(name), autocommit=True) as connection:
            connection.execute(schema.encode())
        yield name


def statements(version: int, *, jit: bool) -> Iterator[tuple[str, str]]:
    """Settings and statements that a version knows."""
    for block in (HERE / "statements.sql").read_text().split("\n\n")[1:]:
        *before, statement = block.strip().splitlines()
        marks = [line.removeprefix("-- ") for line in before if line.startswith("--")]
        if all(jit if mark == "jit" else version >= int(mark) for mark in marks):
            settings = "\n".join(line for line in before if not line.startswith("--"))
            yield settings, statement.rstrip(";").replace("\\n", "\n")
