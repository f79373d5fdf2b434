"""Plans of every kind from real servers, each in all four formats.

A session can load auto_explain only once, but copies of its library under other names with the
prefix of its settings changed are other modules: four of them print one execution four times, so
that every number of it can be compared. What only EXPLAIN's own options show is asked for four
times; then what differs from one execution to the next is left out of the comparison.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from dbtune.postgres.plans.model import Buffers, IoTimes, Plan, Wal
from dbtune.postgres.plans.read import read_plans
from tests.servers import Build, Postgres, fresh_database

FORMATS = ("text", "json", "yaml", "xml")
ONE_EXECUTION: Mapping[str, tuple[str, ...]] = {
    "everything": ("verbose", "buffers", "wal", "settings", "timing", "triggers"),
    "times": ("timing", "triggers"),
    "rows": ("verbose",),
}
"""auto_explain's options, by a word for them."""
ESTIMATES: Mapping[str, int] = {
    "": 12,
    "VERBOSE": 12,
    "COSTS OFF": 12,
    "VERBOSE, COSTS OFF, SETTINGS": 12,
    "SUMMARY, SETTINGS": 12,
    "BUFFERS, SUMMARY": 13,
    "GENERIC_PLAN, VERBOSE": 16,
    "MEMORY, SUMMARY": 17,
}
"""EXPLAIN's options without ANALYZE, and the first version that has them."""
EXECUTIONS: Mapping[str, int] = {
    "ANALYZE": 12,
    "ANALYZE, BUFFERS, VERBOSE, SETTINGS": 12,
    "ANALYZE, TIMING OFF, SUMMARY OFF": 12,
    "ANALYZE, COSTS OFF": 12,
    "ANALYZE, COSTS OFF, TIMING OFF, VERBOSE": 12,
    "ANALYZE, BUFFERS, WAL": 13,
    "ANALYZE, SERIALIZE TEXT, MEMORY, BUFFERS": 17,
    "ANALYZE, SERIALIZE BINARY, TIMING OFF, VERBOSE": 17,
}

_HERE = Path(__file__).parent / "unit/postgres/plans"
_LETTERS = "abcd"
_PARALLEL = """\
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
"""
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE)\b")


def options_of(options: Mapping[str, int], version: int) -> list[str]:
    """The options that a version knows."""
    return [names for names, since in options.items() if version >= since]


class Printer:
    """A session in a database with the tables of the statements."""

    def __init__(self, server: Postgres, dbname: str) -> None:
        self.version = server.version
        self.dbname = dbname
        self.connection = psycopg.connect(server.dsn(dbname), autocommit=True)
        # As the server prints it: not decoded, where keys are lost that are there twice.
        self.connection.adapters.register_loader("json", TextLoader)
        self._messages: list[str] = []
        self.connection.add_notice_handler(
            lambda one: self._messages.append(str(one.message_primary))
        )
        self._load(server)
        self.run("CREATE TEMP TABLE tmp AS SELECT generate_series(1, 2000) i")
        self.abilities = {"parallel", *self._abilities()}

    def __enter__(self) -> Printer:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def run(self, sql: str) -> None:
        """Run statements, forgetting what they return."""
        self.connection.execute(sql.encode(), prepare=False)

    def _load(self, server: Postgres) -> None:
        original = _library(server.build).read_bytes()
        server.folder.chmod(0o711)
        for form, letter in zip(FORMATS, _LETTERS, strict=True):
            copy = server.folder / f"auto_explai{letter}.so"
            if not copy.exists():
                copy.write_bytes(original.replace(b"auto_explain", copy.stem.encode()))
                copy.chmod(0o644)
            self.run(f"LOAD '{copy}'")
            for option in ("level = notice", "analyze = on", f"format = {form}"):
                self.run(f"SET {copy.stem}.log_{option}")

    def _abilities(self) -> Iterator[str]:
        row = self.connection.execute("SELECT pg_jit_available()").fetchone()
        if row and row[0]:
            yield "jit"
        with contextlib.suppress(psycopg.errors.FeatureNotSupported):
            self.run("SELECT '<a/>'::xml")
            yield "xml"

    def statements(self) -> Iterator[tuple[str, str]]:
        """Settings and statements that this server knows."""
        for block in (_HERE / "statements.sql").read_text().split("\n\n")[1:]:
            *before, statement = block.strip().splitlines()
            marks = [line.removeprefix("-- ") for line in before if line.startswith("--")]
            if all(
                self.version >= int(mark) if mark.isdigit() else mark in self.abilities
                for mark in marks
            ):
                settings = "\n".join(line for line in before if not line.startswith("--"))
                if "parallel" in marks:
                    settings = f"{_PARALLEL}\n{settings}"
                yield settings, statement.rstrip(";").replace("\\n", "\n")

    def one_execution(
        self, options: Sequence[str], settings: str, statement: str
    ) -> dict[str, str]:
        """What auto_explain prints of one execution in each format; its effects are undone."""
        with contextlib.suppress(_Undo), self.connection.transaction():
            self._prepare(settings)
            wanted = {name: name in options for every in ONE_EXECUTION.values() for name in every}
            if self.version < 13:
                del wanted["wal"]
            self.run(
                ";".join(
                    f"SET LOCAL auto_explai{letter}.log_{name} = {value}"
                    for name, value in {**wanted, "min_duration": 0}.items()
                    for letter in _LETTERS
                )
            )
            self._messages.clear()
            self.run(statement)
            raise _Undo
        # Nested executions (foreign keys, remote servers) are finished and printed first.
        bodies = [one.partition("\n")[2] for one in self._messages[-len(FORMATS) :]]
        return dict(zip(FORMATS, reversed(bodies), strict=True))

    def _prepare(self, settings: str) -> None:
        self.run("DEALLOCATE ALL")
        self.run(settings.replace("SET ", "SET LOCAL ") or "SELECT")

    def explained(
        self, options: str, settings: str, statement: str, formats: Sequence[str] = FORMATS
    ) -> dict[str, str]:
        """What EXPLAIN prints in each format, asked once for each; its effects are undone.

        The first time does not count, since it fills the session's caches, unless one format only
        is wanted.
        """
        printed = {}
        for form in formats if len(formats) == 1 else (formats[0], *formats):
            with contextlib.suppress(_Undo), self.connection.transaction():
                self._prepare(settings)
                # Whatever workers get done is another thing each time.
                self.run("SET LOCAL max_parallel_workers = 0")
                wanted = ", ".join(filter(None, (options, f"FORMAT {form}")))
                sql = f"EXPLAIN ({wanted}) {statement}"
                rows = self.connection.execute(sql.encode(), prepare=False).fetchall()
                printed[form] = "\n".join(row[0] for row in rows)
                raise _Undo
            if "ANALYZE" in options and _WRITES.search(statement):
                self.run("VACUUM changed, child, p1, p2, p3, u")
        return printed


class _Undo(Exception):
    pass


def _library(build: Build) -> Path:
    """The shared library of a build's auto_explain."""
    lib = build.bin.parent / "lib"
    places = (lib, lib / "postgresql", Path(f"/usr/lib/postgresql/{build.version}/lib"))
    return next(path for place in places for path in place.glob("auto_explain.so"))


@contextlib.contextmanager
def printer(server: Postgres) -> Iterator[Printer]:
    """A printer in a database of its own."""
    with fresh_database(server) as name:
        schema = (_HERE / "schema.sql").read_text()
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
        with Printer(server, name) as made:
            yield made


def differences(printed: Mapping[str, str], version: int, *, volatile: bool = False) -> list[str]:
    """Where the plans of several formats differ in any number or word.

    Args:
        printed: a plan by its format.
        version: the server's, which no plan may be taken to be newer than.
        volatile: they are of several executions: times, blocks and the log are not compared.
    """
    read: dict[str, Any] = {}
    for form, text in printed.items():
        [plan] = read_plans(text)
        assert plan.source.format == form
        assert not plan.truncated, f"{form} is taken for cut off"
        assert (plan.source.version_guess or 0) <= version, f"{form} is taken for a later version's"
        read[form] = without_volatile(plan) if volatile else plan
    first = as_json(read["text"])
    return [
        f"{form}: {_first_difference(first, other)}"
        for form, plan in read.items()
        if (other := as_json(plan)) != first
    ]


def as_json(plan: Plan) -> str:
    """All of a plan but where it came from, as text, in which 1 and 1.0 are not the same."""
    data = asdict(plan)
    del data["source"]
    return json.dumps(data, sort_keys=True, indent=1)


def _first_difference(one: str, other: str) -> str:
    pairs = zip(one.splitlines(), other.splitlines(), strict=False)
    return next((f"{a.strip()} is {b.strip()}" for a, b in pairs if a != b), "more lines")


def without_volatile(value: Any) -> Any:
    """A part of a plan in which all times are 1 and all counters of blocks are gone."""
    if isinstance(value, Buffers | IoTimes | Wal):
        return None
    if isinstance(value, tuple):
        return tuple(map(without_volatile, value))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed: dict[str, Any] = {}
    for one in fields(value):
        inner = getattr(value, one.name)
        # Who pays, and where triggers and JIT took their time, follows from times.
        if one.name in ("buffers", "io_timing", "phase", "pays_for", "jit_ms"):
            changed[one.name] = None
        elif one.name == "self_ratio" or one.name.endswith(
            ("_ms", "memory_used_kb", "memory_allocated_kb")
        ):
            changed[one.name] = None if inner is None else 1.0
        else:
            changed[one.name] = without_volatile(inner)
    if isinstance(value, Plan) and value.planning is not None:
        # It is there if there were blocks to read.
        memory = value.planning.memory_used_kb is not None
        changed["planning"] = changed["planning"] if memory else None
    return replace(value, **changed)
