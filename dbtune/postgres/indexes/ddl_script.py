"""The SQL of suggestions: what to drop, what to build, how long that may take."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.postgres.indexes.advice import Suggestion
from dbtune.postgres.plans.ddl import quote

_CLASSES = ((64e6, "seconds"), (4e9, "minutes"), (200e9, "an hour or so"))


def drops(suggestion: Suggestion) -> Iterator[str]:
    """Statements that drop what a suggestion makes superfluous."""
    for index in suggestion.superfluous:
        yield f"DROP INDEX CONCURRENTLY {quote(index.schema)}.{quote(index.name)};"


def build_class(table_bytes: float) -> str:
    """How long a build may take: it reads the table twice (CONCURRENTLY) and sorts it."""
    return next((text for limit, text in _CLASSES if table_bytes < limit), "hours")
