"""What a command returns: rows, findings, what was skipped, notes. Renderers make it text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from dbtune.errors import Exit

if TYPE_CHECKING:  # columns are all that help and schemas need
    from dbtune.finding import Finding, Level, Skipped
    from dbtune.guide.model import Document
    from dbtune.plan_tree import PlanTree

SCHEMA_VERSION = "1.0"
"""Version of the JSON output. Within a major version fields are only added."""

Kind = Literal[
    "text",  # any words
    "sql",  # statement text: long, hostile, cut to the space that is left
    "int",
    "id",  # a number that is a name: without separators
    "float",
    "ms",
    "seconds",
    "bytes",
    "ratio",  # a share of one, shown as per cent
    "share",  # a ratio that is also drawn as a bar
    "bool",
    "time",  # datetime with time zone
    "list",  # strings
    "object",  # nested mapping: in JSON only
]


class Column(NamedTuple):
    """One column of a table, or one field of a record.

    Attributes:
        name: key in JSON and CSV; carries the unit (``total_exec_ms``).
        title: heading for people.
        kind: how it is shown and its JSON type.
        help: one line on what it means; becomes the description in the JSON Schema.
        rank: 0 is always shown to people; higher ranks appear as the terminal gets wider;
            ``None`` is for JSON and CSV only.
        holds: of kind ``object``: the dataclass that the value is, or a tuple of it, whose fields
            the JSON Schema then has; ``Finding`` for a list of findings.
    """

    name: str
    title: str
    kind: Kind
    help: str
    rank: int | None = 0
    holds: object = None


Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with columns. A record (``record=True``) has one row and is shown as a list of fields.

    Attributes:
        name: key in JSON.
        title: heading for people.
        columns: every column; each row has a value (or ``None``) for each name.
        rows: the rows.
        footer: a line below the table for people, or "".
        empty: what to say to people when there is no row.
        trees: what people see in place of the rows.
        shown: how many of the rows people see; ``None`` for all. The footer says what the rest is.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    record: bool = False
    footer: str = ""
    empty: str = "nothing to show"
    trees: tuple[PlanTree, ...] = ()
    shown: int | None = None


def of_those_seen(table: Table, hidden: int) -> Table:
    """The table; where it has no rows, what a role may not see is not said to be nothing."""
    return (
        replace(table, empty=f"{table.empty}, of those that this role may see") if hidden else table
    )


class Artifact(NamedTuple):
    """A file that a command generates.

    Attributes:
        filename: what the file is called where it belongs.
        text: its content.
        language: ``ini``, ``sql``, ``json`` ...: for markdown fences.
    """

    filename: str
    text: str
    language: str = "ini"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a command.

    Attributes:
        command: the subcommand's name.
        tables: tables and records, the main one first.
        findings: worst first.
        skipped: what could not be examined.
        examined: names of the checks that ran, with findings or without.
        unreachable: one of several targets could not be reached.
        failed: something that was to be changed was not.
        document: what people read in place of the tables.
        notes: sentences about completeness and age of the data.
        target: what was examined, without secrets; ``None`` when there was no target.
        collected_at: when facts were read.
        artifacts: generated files.
    """

    command: str
    tables: tuple[Table, ...] = ()
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    target: Mapping[str, object] | None = None
    collected_at: datetime | None = None
    artifacts: tuple[Artifact, ...] = field(default=())
    examined: tuple[str, ...] = ()
    unreachable: bool = False
    failed: bool = False
    document: Document | None = None

    def exit_code(self, fail_on: Level | None, *, strict: bool = False) -> Exit:
        """The exit code: findings at or above ``fail_on`` win over incompleteness."""
        from dbtune.finding import Level

        if fail_on is not None and any((f.level or Level.info) >= fail_on for f in self.findings):
            return Exit.FINDINGS
        if self.unreachable:
            return Exit.UNREACHABLE
        return Exit.INCOMPLETE if self.failed or (strict and self.skipped) else Exit.OK


def record(
    name: str, title: str, columns: Sequence[Column], values: Row, *, footer: str = ""
) -> Table:
    """A table of one row that is shown as a list of fields."""
    return Table(name, title, tuple(columns), (values,), record=True, footer=footer)
