"""Read pages, most promising relations first, for as long as the budget lasts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import psycopg

from dbtune.errors import Unavailable
from dbtune.postgres.bloat import btree_sample, heap_sample, inspection, page_sample
from dbtune.postgres.bloat.btree_model import as_its_siblings, entries
from dbtune.postgres.bloat.facts import (
    HEAPS,
    Counters,
    Estimate,
    IndexShape,
    Kind,
    Relation,
    Sizes,
    TableShape,
)
from dbtune.postgres.bloat.heap_model import Rows, rows_now
from dbtune.postgres.bloat.model import estimate_index
from dbtune.postgres.session import Session, Transaction

T = TypeVar("T")
_SURE = 0.025
"""An index is not read if its size after a rewrite is known within this share of its size."""


class Measuring:
    """Estimates that get better as pages are read.

    Attributes:
        estimates: by oid, the model's at first.
        left: relations that there was no time for.
        refused: relations that could not be read, with the reason.
    """

    def __init__(
        self,
        session: Session,
        sizes: Sizes,
        modelled: Mapping[int, Estimate],
        budget_seconds: float,
        progress: Callable[[float], None],
        *,
        whole: bool = False,
    ) -> None:
        self._session = session
        self._sizes = sizes
        self._budget = max(budget_seconds, 1e-9)
        self._ends = time.monotonic() + budget_seconds
        self._progress = progress
        self._whole = whole
        self._rows: dict[int, Rows] = {}
        self.estimates = dict(modelled)
        self.left: list[Relation] = []
        self.refused: dict[int, str] = {}

    def run(self) -> None:
        """Read of each table, then of its indexes, until the time is up."""
        indexes: dict[int, list[Relation]] = defaultdict(list)
        for relation in self._sizes.relations.values():
            if relation.kind is Kind.INDEX:
                indexes[relation.table].append(relation)
        for table in self._tables():
            self._measure_table(table)
            for index in indexes[table.oid]:
                self._measure_index(index)

    @property
    def _seconds_left(self) -> float:
        left = self._ends - time.monotonic()
        self._progress(min(1.0, 1 - left / self._budget))
        return left

    def _tables(self) -> list[Relation]:
        """Those first that may have the most bloat, TOAST and indexes included."""
        may_gain: dict[int, float] = defaultdict(float)
        for oid, estimate in self.estimates.items():
            relation = self._sizes.relations[oid]
            known = estimate.rewritten_bytes is not None
            may_gain[relation.table] += estimate.bloat_high_bytes if known else relation.size_bytes
        tables = [one for one in self._sizes.relations.values() if one.kind in HEAPS]
        return sorted(tables, key=lambda one: -may_gain[one.oid])

    def _read(self, relation: Relation, read: Callable[[Transaction], T]) -> T | None:
        """What ``read`` gives; ``None`` if the relation can't be read now."""
        if relation.locked:
            self.refused[relation.oid] = "somebody holds or awaits an exclusive lock on it"
            return None
        seconds = self._seconds_left
        if seconds <= 0:
            self.left.append(relation)
            return None
        try:
            with reading(self._session, seconds) as transaction:
                return read(transaction)
        except psycopg.errors.QueryCanceled:
            if self._seconds_left <= 0:
                self.left.append(relation)
            else:
                self.refused[relation.oid] = "its pages took longer to read than --timeout allows"
        except psycopg.Error as error:
            reason = self._session.translated(error)
            if not isinstance(reason, Unavailable):
                raise reason from None
            self.refused[relation.oid] = reason.reason
        return None

    def _measure_table(self, table: Relation) -> None:
        shape = self._sizes.tables.get(table.oid)
        if shape is None or not table.size_bytes or shape.access_method != "heap":
            return
        if shape.samplable:
            self._sample_table(table, shape)
        else:
            toast = self._sizes.relations.get(shape.toast) if shape.toast else None
            for relation in (table, toast):
                if relation is not None:
                    self._inspect_table(relation, shape)

    def _sample_table(self, table: Relation, shape: TableShape) -> None:
        blocks = self._read(table, lambda reader: heap_sample.count_blocks(reader, table))
        if not blocks:
            return
        tally, version = heap_sample.Tally(table, blocks), self._session.version
        for chosen in heap_sample.batches(blocks, whole=self._whole):
            sample = self._read(
                table,
                lambda reader, chosen=chosen: heap_sample.read_blocks(  # type: ignore[misc]
                    reader, table, shape, chosen, version
                ),
            )
            if sample is None:
                break
            tally.add(sample)
        if not tally.read:
            return
        toast = self._sizes.relations.get(shape.toast) if shape.toast else None
        counted = rows_now(table, standby=self._sizes.standby)
        done = tally.found(toast, counted, self.estimates[table.oid].dead_rows)
        self.estimates[table.oid] = done.table
        self._rows[table.oid] = done.rows
        if toast is not None and done.toast is not None:
            dead = self.estimates[toast.oid].dead_rows
            self.estimates[toast.oid] = replace(done.toast, dead_rows=dead)
            self._rows[toast.oid] = Rows(done.toast.rows or 0.0, _relative(done.toast))

    def _inspect_table(self, relation: Relation, shape: TableShape) -> None:
        """By pgstattuple, where this role may not read the rows."""
        schema = self._sizes.inspectors.get("pgstattuple")
        whole, old = self._whole, self._session.version < 140000
        if not schema or self.estimates[relation.oid].rewritten_bytes is not None:
            return
        if relation.kind is Kind.TOAST and old and not whole:  # which the function refuses
            return
        unseen = shape.unseen_blocks if relation.kind in HEAPS else relation.pages
        if not inspection.may_read(relation, unseen, whole=whole):
            return
        found = self._read(
            relation, lambda reader: inspection.table(reader, relation, schema, whole=whole)
        )
        if found is not None:
            self.estimates[relation.oid] = found
            self._rows[relation.oid] = Rows(found.rows or 0.0, 0.01)

    def _measure_index(self, index: Relation) -> None:
        owner = self._sizes.relations.get(index.owner)
        shape = self._sizes.indexes.get(index.oid)
        if owner is None or shape is None:
            return
        rows = self._rows.get(owner.oid)
        if rows is not None:
            modelled = estimate_index(index, self._sizes, rows)
            self.estimates[index.oid] = as_its_siblings(modelled, self.estimates, self._sizes)
        else:
            rows = rows_now(owner, standby=self._sizes.standby)
        sure = _doubt(self.estimates[index.oid]) <= _SURE * index.size_bytes
        if sure and not self._whole:
            return
        schema = self._sizes.inspectors.get("pageinspect")
        if shape.method in page_sample.FRESH and schema and rows:
            self._sample_pages(index, owner, shape, schema, rows)
        elif shape.method == "btree" and schema:
            self._sample_btree(index, owner, shape, schema, rows)
        elif shape.method == "btree":
            self._inspect_btree(index, owner, shape, rows)

    def _sample_btree(
        self, index: Relation, owner: Relation, shape: IndexShape, schema: str, rows: Rows | None
    ) -> None:
        blocks = self._read(index, lambda reader: heap_sample.count_blocks(reader, index))
        if not blocks:
            return
        tally = btree_sample.Tally(index, shape, blocks - 1)
        for chosen in btree_sample.batches(blocks - 1, whole=self._whole):
            leaves = self._read(
                index,
                lambda reader, chosen=chosen: btree_sample.read_leaves(  # type: ignore[misc]
                    reader, index, schema, chosen
                ),
            )
            if leaves is None:
                break
            tally.add(leaves, len(chosen))
        if tally.read:
            known = live_entries(tally.entries, index, shape, self._sizes, rows)
            self.estimates[index.oid] = tally.found(known, updates(owner.counters))

    def _sample_pages(
        self, index: Relation, owner: Relation, shape: IndexShape, schema: str, rows: Rows
    ) -> None:
        version = self._session.version
        sample = self._read(
            index,
            lambda reader: page_sample.read_sample(reader, index, shape.method, schema, version),
        )
        if sample is not None and sample.used:
            dead = float(owner.counters.dead)
            found = page_sample.estimate(sample, index, shape.method, rows, dead)
            self.estimates[index.oid] = found

    def _inspect_btree(
        self, index: Relation, owner: Relation, shape: IndexShape, rows: Rows | None
    ) -> None:
        """By pgstattuple's density of its leaves, where no better is known."""
        schema = self._sizes.inspectors.get("pgstattuple")
        known = self.estimates[index.oid].rewritten_bytes is not None
        if not schema or known or not inspection.may_read(index, 0, whole=self._whole):
            return
        dead = float(owner.counters.dead)
        found = self._read(
            index, lambda reader: inspection.btree(reader, index, shape, schema, rows, dead)
        )
        if found is not None:
            self.estimates[index.oid] = found


def _doubt(estimate: Estimate) -> float:
    if estimate.rewritten_bytes is None:
        return float(estimate.relation.size_bytes)
    return estimate.high_bytes - estimate.low_bytes


def _relative(estimate: Estimate) -> float:
    live = estimate.rewritten_bytes or 0.0
    return (estimate.high_bytes - estimate.low_bytes) / 2 / live if live else 0.0


def live_entries(
    found: float, index: Relation, shape: IndexShape, sizes: Sizes, table: Rows | None
) -> Rows:
    """Rows that an index has entries for: of a partial one not more than there are entries.

    Some may be for dead rows: of the entries as many as of the table, if nothing else is known.
    """
    counters = sizes.relations[index.owner].counters
    ended = counters.updated + counters.deleted
    with_entry = 1 - counters.hot_updated / ended if ended > 0 else 1.0
    dead = max(0, counters.dead) * with_entry
    live = table.number / (table.number + dead) if table and table.number > 0 else 1.0
    counted = Rows(found * live, 0.02 + (1 - live) / 2)
    known = entries(index, shape, sizes, table)
    if isinstance(known, str):
        return counted
    return counted if shape.predicate and known.number > counted.number * 1.05 else known


def updates(counters: Counters) -> float:
    """The part of rows' ends that were updates with new index entries, not deletions."""
    new = counters.updated - counters.hot_updated
    return new / (new + counters.deleted) if new + counters.deleted > 0 else 0.5


@contextmanager
def reading(session: Session, seconds: float) -> Iterator[Transaction]:
    """A transaction to read pages in: no plan that reads a whole table, no policy that hides rows.

    Args:
        session: an open session.
        seconds: the most that a statement may take, if that is less than the session's limit.
    """
    with session.transaction(commit=True) as transaction:
        transaction.rows(
            "SELECT pg_catalog.set_config('enable_seqscan', 'off', true), "
            "pg_catalog.set_config('row_security', 'off', true), "
            "pg_catalog.set_config('statement_timeout', least(%s, s.setting::int)::text, true) "
            "FROM pg_catalog.pg_settings s WHERE s.name = 'statement_timeout'",
            [max(50, round(seconds * 1000))],
        )
        yield transaction
