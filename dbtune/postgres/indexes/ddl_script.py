"""The SQL of suggestions: what to drop, what to build, how long that may take."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.postgres.indexes.advice import Suggestion
from dbtune.postgres.indexes.removal import removal
from dbtune.postgres.plans.ddl import quote
from dbtune.text import plain, shorten

_CLASSES = ((64e6, "seconds"), (4e9, "minutes"), (200e9, "up to an hour"))


def subject_of(suggestion: Suggestion) -> str:
    """What the finding that suggests an index is about."""
    return shorten(plain(suggestion.label), 200)


def builds(suggestion: Suggestion) -> list[str]:
    """Statements that build an index without blocking writes.

    Made on a partitioned table at last, it takes the indexes of its partitions and builds none.
    """
    index = suggestion.index
    parts = [index._replace(schema=one.schema, table=one.name) for one in suggestion.leaves]
    return [
        *(f"{part.ddl()};" for part in parts),
        f"{index.ddl(concurrently=suggestion.table.kind != 'p')};",
    ]


def drops(suggestion: Suggestion) -> Iterator[str]:
    """Statements that drop what a suggestion makes superfluous."""
    for index in suggestion.superfluous:
        yield removal(index, suggestion.table).sql


def analyze(suggestion: Suggestion) -> Iterator[str]:
    """What lets the planner know the values of an index's expressions."""
    if any(not key.column for key in suggestion.index.keys):
        table = suggestion.table
        yield f"ANALYZE {quote(table.schema)}.{quote(table.name)};"


def build_class(table_bytes: float) -> str:
    """How long a build may take: it reads the table twice (CONCURRENTLY) and sorts it."""
    return next((text for limit, text in _CLASSES if table_bytes < limit), "hours")
