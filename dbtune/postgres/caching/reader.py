"""Which statements of a workload are worth caching: asked of a planner, nothing is executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from dbtune.postgres.caching.facts import Read, Source
from dbtune.postgres.caching.parts import CHANGING
from dbtune.postgres.caching.rewrite import Refused, Rewritten, rewrite
from dbtune.postgres.indexes.estimating import Estimate
from dbtune.postgres.indexes.planner import NotAllowed, NotPlannable
from dbtune.postgres.normalised import normalised
from dbtune.postgres.sqltext import called_functions, fingerprint, names, parameterised, shape
from dbtune.postgres.statements.facts import TEXT_LIMIT
from dbtune.statements import Statement
from dbtune.text import plain

MOST_STATEMENTS = 200
"""Statements that are planned, those with the most time."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What the database was asked, and what changed in it, in a window.

    Attributes:
        statements: of this database, the ones with the most time first.
        seconds: length of the window; ``None`` if it is not known.
        sources: tables by schema and name.
        hidden_entries: statements of other roles.
    """

    statements: tuple[Statement, ...]
    seconds: float | None
    sources: Mapping[tuple[str, str], Source]
    hidden_entries: int = 0


class Named(NamedTuple):
    """A table or view that a search path leads to, with its columns' names."""

    schema: str
    name: str
    columns: tuple[str, ...]


class Catalog(Protocol):
    """What is asked of a database: a server, or a snapshot of one.

    Each raises TargetError when the connection breaks.
    """

    def plan(self, text: str, /) -> Estimate:
        """A statement's plan, names looked up as the role's own search_path says.

        Raises:
            NotPlannable: the server refuses it.
        """
        ...

    def named(self, tables: Sequence[str], /) -> Sequence[Named]:
        """Those tables and views that there are, by name, with or without a schema."""
        ...

    def changing_functions(self, called: Sequence[str], /) -> frozenset[str]:
        """Functions whose result may change although their arguments do not."""
        ...

    def distinct(self, source: Source, column: str, /) -> float | None:
        """How many different values a column has, as pg_stats says it; ``None`` if not known."""
        ...


@dataclass(slots=True)
class Reader:
    """Plans statements of a workload; nothing is executed.

    Attributes:
        catalog: answers what is asked of the database.
        workload: what was asked of it.
        written: statements as the application writes them, by fingerprint: their constants are
            known.
    """

    catalog: Catalog
    workload: Workload
    written: Mapping[str, str] = field(default_factory=dict)

    def reads(self, min_mean_ms: float) -> list[Read]:
        """The SELECTs with the most time, planned.

        Raises:
            TargetError: the connection broke.
        """
        workload = self.workload
        whole = sum(one.total_ms for one in workload.statements) or 1.0
        chosen = [
            one
            for one in workload.statements
            if one.mean_ms >= min_mean_ms
            and (asked := shape(one.text)) is not None
            and asked.kind == "select"
            and asked.tables
        ][:MOST_STATEMENTS]
        called = sorted({name for one in chosen for name in called_functions(one.text)})
        changing = self.catalog.changing_functions(called)
        found = []
        for one in chosen:
            seconds = workload.seconds or 1.0
            read = Read(
                text=self.written.get(fingerprint(one.text), one.text),
                calls=one.calls,
                calls_per_second=one.calls / seconds,
                mean_ms=one.mean_ms,
                total_ms=one.total_ms,
                rows_per_call=(one.rows or 0) / one.calls,
                time_ratio=one.total_ms / whole,
            )
            found.append(self._planned(read, changing))
        return found

    def _planned(self, read: Read, changing: frozenset[str]) -> Read:
        if len(read.text) >= TEXT_LIMIT:
            return replace(read, refused="its text is cut: the server keeps so much only")
        words = sorted((CHANGING & names(read.text)) | (changing & called_functions(read.text)))
        if words:
            refused = f"{words[0]} gives another result each time, or to each user"
            return replace(read, refused=refused)
        try:
            planned = self.catalog.plan(normalised(read.text).text)
        except NotPlannable as missing:
            denied = isinstance(missing, NotAllowed)
            return replace(read, refused=str(missing), denied=denied)
        tables = {(node["Schema"], node["Relation Name"]) for node in _relations(planned)}
        sources = [self.workload.sources.get(one) for one in sorted(tables)]
        read = replace(
            read, cost=planned.cost, sources=tuple(one for one in sources if one is not None)
        )
        if twice := self._ambiguous(read.text):
            return replace(
                read, refused=f"several schemas have a {twice}: search_path decides which is meant"
            )
        if None in sources or not sources:
            return replace(read, refused="it reads no table of the database")
        for one in read.sources:
            if one.writes_per_second is None:
                return replace(read, refused=f"changes of {one.label} are not counted")
            if one.row_security:
                return replace(read, refused=f"{one.label} shows each role rows of its own")
            if one.persistence == "t":
                return replace(read, refused=f"{one.label} is temporary")
        return replace(read, variants=self._variants(read))

    def _ambiguous(self, text: str) -> str:
        """A table that stands without a schema, and is there in several; "" if there is none."""
        asked = shape(text)
        for name in asked.tables if asked else ():
            if sum(table == name for _, table in self.workload.sources) > 1:
                return plain(name)
        return ""

    def rewritten(self, read: Read) -> Rewritten:
        """The statement as a view; the rewriting is checked by the planner.

        Raises:
            Refused: it can't be one.
            TargetError: the connection broke.
        """
        asked = shape(read.text)
        tables = asked.tables if asked else ()
        found = self.catalog.named([one for one in tables if "." not in one])
        columns = {column for one in found for column in one.columns}
        columns |= {column for one in self.catalog.named(tables) for column in one.columns}
        view = rewrite(read.text, {one.name: one.schema for one in found}, columns)
        try:
            # The parser writes the statement anew: it must mean the same to the server.
            if abs(self.catalog.plan(view.plain).cost - read.cost) > 1e-6 * read.cost + 0.02:
                raise Refused("it can't be written anew with certainty")
            self.catalog.plan(view.query)
        except NotPlannable as missing:
            raise Refused(str(missing)) from None
        return view

    def _variants(self, read: Read) -> float | None:
        """How many different answers there may be: by the columns compared with parameters."""
        norm = normalised(read.text)
        if not norm.numbers:
            return 1.0
        asked = shape(read.text)
        if asked is None or not asked.key_columns or len(asked.tables) != 1 or norm.lists:
            return None
        source = read.sources[0]
        if len(norm.numbers) > len(asked.key_columns) + asked.has_limit + asked.has_offset:
            return None
        product = 1.0
        for column in dict.fromkeys(asked.key_columns):
            distinct = self.catalog.distinct(source, column)
            if distinct is None:
                return None
            product *= distinct if distinct >= 0 else -distinct * source.rows
        return max(1.0, min(product, source.rows))


def by_fingerprint(texts: Sequence[str]) -> dict[str, str]:
    """Statements as an application writes them, by the fingerprint of what the server keeps."""
    return {fingerprint(parameterised(one)): one for one in texts}


def _relations(planned: Estimate) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    left = [one["Plan"] for one in planned.documents]
    while left:
        node = left.pop()
        if "Relation Name" in node and "Schema" in node:
            found.append(node)
        left += node.get("Plans", ())
    return found
