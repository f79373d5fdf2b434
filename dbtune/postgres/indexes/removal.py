"""What it takes to drop an index, and how to undo it."""

from __future__ import annotations

import re
from typing import NamedTuple

from dbtune.finding import Remedy
from dbtune.postgres.plans.ddl import quote, rewritten
from dbtune.postgres.relations.facts import Index, Table
from dbtune.text import plain


class Removal(NamedTuple):
    """Statements that drop an index and that bring it back.

    Attributes:
        sql: drops it.
        undo: makes it again.
        effect: what dropping costs.
    """

    sql: str
    undo: str
    effect: str


def subject(index: Index) -> str:
    """The index as a finding's subject: schema and name."""
    return plain(f"{index.schema}.{index.name}")


def removal(index: Index, table: Table) -> Removal:
    """How to drop an index without blocking anybody for long."""
    name = f"{quote(index.schema)}.{quote(index.name)}"
    owner = f"{quote(table.schema)}.{quote(table.name)}"
    definition = rewritten(index.definition)
    if index.constraint:
        constraint = quote(index.constraint)
        kind = "PRIMARY KEY" if index.primary else "UNIQUE"
        later = " DEFERRABLE" if index.deferrable else ""
        return Removal(
            f"ALTER TABLE {owner} DROP CONSTRAINT {constraint};",
            f"{_concurrently(definition)};\nALTER TABLE {owner} ADD CONSTRAINT {constraint} {kind} "
            f"USING INDEX {quote(index.name)}{later};",
            "locks the table exclusively for a moment",
        )
    if table.kind == "p":
        return Removal(
            f"DROP INDEX {name};",
            f"{definition};",
            "locks the table and its partitions exclusively for a moment; a partitioned index "
            "can't be dropped concurrently",
        )
    return Removal(
        f"DROP INDEX CONCURRENTLY {name};",
        f"{_concurrently(definition)};",
        "waits for running transactions, blocks nobody",
    )


def _concurrently(definition: str) -> str:
    for start in ("CREATE UNIQUE INDEX ", "CREATE INDEX "):
        if definition.startswith(start):
            return f"{start}CONCURRENTLY {definition.removeprefix(start)}"
    return definition


def drop_remedy(index: Index, table: Table, text: str) -> Remedy:
    """The remedy of a finding whose remedy is to drop the index."""
    how = removal(index, table)
    return Remedy(text, sql=f"{how.sql}\n{undo_text(how)}", effect=how.effect)


def undo_text(how: Removal) -> str:
    """What brings the index back, as a comment of a script."""
    return f"-- to undo:\n{commented(how.undo)}"


def commented(sql: str) -> str:
    """SQL as a comment: each line of it, for names may have line breaks in them."""
    return "\n".join(f"-- {line}" for line in re.split(r"[\r\n]+", sql))
