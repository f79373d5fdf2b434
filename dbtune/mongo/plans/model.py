"""An explained MongoDB operation and its stages, whatever form the explain output came in.

``None`` means that the output does not tell, 0 that it says zero. Fields that mean the same as in
a plan of PostgreSQL have the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a plan.

    Attributes:
        id: number in tree order, from 0; the index in ``Plan.nodes``.
        parent: id of the stage that takes its documents, ``None`` for the root.
        depth: of the root: 0.
        type: the stage's name: ``IXSCAN``, ``$group``.
        label: the name with what it works on.
        children: ids of the stages that it takes documents from.
        relation: ``database.collection`` that it reads, of scans, fetches and lookups.
        index: the index that it scans.
        key_pattern: that index's fields and directions.
        bounds: ranges of each field of the index, as the server prints them.
        multikey: the index has several keys of a document, of fields that hold arrays.
        shard: the shard that it runs on, or "".
        total_rows: documents or keys that it passed on (nReturned).
        keys_examined: keys of an index that it read itself.
        docs_examined: documents that it read itself.
        works: units of work that it took, of the classic engine.
        inclusive_ms: what it and the stages below it took.
        self_ms: its own part of it.
        self_ratio: that part as a share of the whole.
        conditions: its filter, sort and projection, as mongosh prints them.
        memory_bytes: what it held in memory, of sorts and groups.
        memory_limit_bytes: how much it may hold before it spills or fails.
        spilled: it wrote temporary files.
        spills: how often, where that is told.
        props: everything else, under the server's own names.
    """

    id: int
    parent: int | None
    depth: int
    type: str
    label: str
    children: tuple[int, ...] = ()
    relation: str = ""
    index: str = ""
    key_pattern: Mapping[str, Any] = field(default_factory=dict)
    bounds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    multikey: bool = False
    shard: str = ""
    total_rows: int | None = None
    keys_examined: int | None = None
    docs_examined: int | None = None
    works: int | None = None
    inclusive_ms: float | None = None
    self_ms: float | None = None
    self_ratio: float | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    spilled: bool = False
    spills: int | None = None
    props: Mapping[str, Any] = field(default_factory=dict)

    def number(self, key: str) -> float | None:
        """A property that is a number, or ``None``."""
        value = self.props.get(key)
        return None if isinstance(value, bool) or not isinstance(value, int | float) else value

    @property
    def filter(self) -> Mapping[str, Any]:
        """The conditions that it checks on each document or key; empty if none."""
        found = self.props.get("filter")
        return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A plan that lost against the winner.

    Attributes:
        summary: its scans: ``IXSCAN {a: 1}``.
        works: units of work in the trial, if it was run.
        rows: documents that it returned in the trial.
        score: the planner's score of the trial.
    """

    summary: str
    works: int | None = None
    rows: int | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One explained operation.

    Attributes:
        nodes: all stages in tree order, parents before children; the first is the root.
        line: line of the input where it starts, from 1.
        truncated: the input ended in the middle, or the shell printed ``[Object]``.
        engine: ``classic`` or ``sbe`` (slot-based).
        version: the server's version, or "".
        namespace: ``database.collection``.
        operation: ``find``, ``aggregate``, ``update``, ...; "" where the input does not tell.
        query: the explained command, as mongosh prints it, or "".
        filter: the conditions as the planner read them.
        sort: the sort key of the documents, with directions.
        projection: the projection.
        analyzed: it was executed.
        timing: it has times that are more than zero.
        error: why its execution failed, or "".
        execution_ms: what the server says that the execution took.
        total_ms: what the stages' shares are of.
        unaccounted_ms: time of the execution that no stage has: planning, trial runs, yields.
        total_rows: documents that it returned, or matched by a write.
        keys_examined: of all stages and shards.
        docs_examined: of all stages and shards.
        shards: names of the shards that took part.
        covered: the index alone answered: no document was fetched and no collection scanned.
        rejected: plans that were considered, too.
        winner_score: the planner's score of the winner's trial.
        cached: the plan came from the plan cache.
    """

    nodes: tuple[Stage, ...]
    line: int = 1
    truncated: bool = False
    engine: str = "classic"
    version: str = ""
    namespace: str = ""
    operation: str = ""
    query: str = ""
    filter: Mapping[str, Any] = field(default_factory=dict)
    sort: Mapping[str, Any] = field(default_factory=dict)
    projection: Mapping[str, Any] = field(default_factory=dict)
    analyzed: bool = False
    timing: bool = False
    error: str = ""
    execution_ms: float | None = None
    total_ms: float | None = None
    unaccounted_ms: float | None = None
    total_rows: int | None = None
    keys_examined: int | None = None
    docs_examined: int | None = None
    shards: tuple[str, ...] = ()
    covered: bool = False
    rejected: tuple[Rejected, ...] = ()
    winner_score: float | None = None
    cached: bool = False

    @property
    def root(self) -> Stage:
        """The outermost stage."""
        return self.nodes[0]

    def children(self, stage: Stage) -> tuple[Stage, ...]:
        """The stages right below one."""
        return tuple(self.nodes[one] for one in stage.children)

    def descendants(self, stage: Stage) -> tuple[Stage, ...]:
        """All stages below one, in tree order."""
        end = stage.id + 1
        while end < len(self.nodes) and self.nodes[end].depth > stage.depth:
            end += 1
        return self.nodes[stage.id + 1 : end]

    def ancestors(self, stage: Stage) -> tuple[Stage, ...]:
        """The stages above one, nearest first."""
        found: list[Stage] = []
        while stage.parent is not None:
            stage = self.nodes[stage.parent]
            found.append(stage)
        return tuple(found)
