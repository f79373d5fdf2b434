"""What is known of tables, and what is advised for one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from dbtune.finding import Confidence
from dbtune.postgres.bloat.facts import Kind, Relation, Sizes
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations, Table

LEAST_SECONDS = 3600.0
"""Counters of a shorter time say nothing about a table."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a database's tables.

    Attributes:
        sizes: relations with their counters, and autovacuum's settings.
        relations: tables with columns, indexes and foreign keys.
        moved: updates that went to another page, by oid; ``None`` before PostgreSQL 16.
        min_bytes: smaller tables are left alone.
    """

    sizes: Sizes
    relations: Relations
    moved: Mapping[int, int] | None = None
    min_bytes: int = 0

    @property
    def seconds(self) -> float | None:
        """For how long was counted; ``None`` if it is not known."""
        # Since 15 a database whose statistics were never reset does not tell since when it counts.
        since = self.sizes.stats_since or self.relations.stats_since
        return None if since is None else (self.sizes.at - since).total_seconds()

    @property
    def tables(self) -> Iterator[tuple[Relation, Table | None]]:
        """Users' tables that are large enough, largest first."""
        found = [
            one
            for one in self.sizes.relations.values()
            if one.kind is Kind.TABLE and not one.catalog and one.size_bytes >= self.min_bytes
        ]
        for one in sorted(found, key=lambda one: (-one.size_bytes, one.schema, one.name)):
            yield one, self.relations.tables.get(one.oid)

    def setting(self, relation: Relation, name: str, default: float) -> float:
        """A number that is in force for a table."""
        for text in (relation.options.get(name), self.sizes.settings.get(name)):
            try:
                return float(text)  # type: ignore[arg-type] # None is a TypeError
            except (TypeError, ValueError):
                continue
        return default

    def rate(self, rows: float) -> float | None:
        """Rows in a second, on average; ``None`` if the time is not known or too short."""
        seconds = self.seconds
        return rows / seconds if seconds is not None and seconds >= LEAST_SECONDS else None


@dataclass(frozen=True, slots=True)
class Advice:
    """A setting for a table or a column.

    Attributes:
        relation: the table.
        option: the setting's name: ``fillfactor``, ``n_distinct``, ``statistics`` ...
        value: the new one.
        reason: why, with the numbers that decided.
        confidence: how sure that is.
        column: of a column's setting; else "".
        effect: what else is needed before it shows.
        check: a query that proves or refutes it; such advice is commented out in the script.
        evidence: the numbers, units in their names.
    """

    relation: Relation
    option: str
    value: float
    reason: str
    confidence: Confidence
    column: str = ""
    effect: str = ""
    check: str = ""
    evidence: Mapping[str, float | int | str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The table's name as SQL."""
        return f"{quote(self.relation.schema)}.{quote(self.relation.name)}"

    @property
    def old(self) -> str | None:
        """What the table has set itself; ``None`` if nothing, or if that is not known."""
        return None if self.column else self.relation.options.get(self.option)

    @property
    def text(self) -> str:
        """The value as SQL."""
        return f"{self.value:.10g}"

    @property
    def sql(self) -> str:
        """The statement."""
        return self._statement(self.text)

    @property
    def undo(self) -> str:
        """What takes it back."""
        return self._statement(self.old)

    def _statement(self, value: str | None) -> str:
        head = f"ALTER TABLE {self.name}"
        if self.option == "statistics":
            # -1 is the default target; PostgreSQL 17 and later say DEFAULT, and know -1, too.
            return f"{head} ALTER COLUMN {quote(self.column)} SET STATISTICS {value or -1};"
        if self.column:
            head += f" ALTER COLUMN {quote(self.column)}"
        if value is None:
            return f"{head} RESET ({self.option});"
        return f"{head} SET ({self.option} = {value});"


Rule = Callable[[Known], Iterator[Advice]]


def rules() -> list[Rule]:
    """The function ``advise`` of every module of ``rules``."""
    package = importlib.import_module("dbtune.postgres.table_settings.rules")
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return [module.advise for module in modules]


def advise(known: Known) -> list[Advice]:
    """What all rules advise, the largest table first."""
    found = [advice for rule in rules() for advice in rule(known)]
    order = {relation.oid: place for place, (relation, _) in enumerate(known.tables)}
    return sorted(found, key=lambda one: order[one.relation.oid])
