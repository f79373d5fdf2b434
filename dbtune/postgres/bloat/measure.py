"""Read pages, most promising relations first, for as long as the budget lasts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import psycopg

from dbtune.errors import Unavailable
from dbtune.postgres.bloat import btree_sample, heap_sample
from dbtune.postgres.bloat.btree_model import entries
from dbtune.postgres.bloat.facts import (
    HEAPS,
    Counters,
    Estimate,
    IndexShape,
    Kind,
    Relation,
    Sizes,
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
        left: tables that there was no time for.
        refused: relations that could not be read, with the reason.
    """

    def __init__(
        self,
        session: Session,
        sizes: Sizes,
        modelled: dict[int, Estimate],
        budget_seconds: float,
        progress: Callable[[float], None],
    ) -> None:
        self._session = session
        self._sizes = sizes
        self._budget = max(budget_seconds, 1e-9)
        self._ends = time.monotonic() + budget_seconds
        self._progress = progress
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
            if self._seconds_left() <= 0:
                self.left.append(table)
            else:
                self._measure_table(table)
            for index in indexes[table.oid]:
                self._measure_index(index)
            self._progress(min(1.0, 1 - self._seconds_left() / self._budget))

    def _seconds_left(self) -> float:
        return self._ends - time.monotonic()

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
        seconds = self._seconds_left()
        try:
            with reading(self._session, seconds) as transaction:
                return read(transaction)
        except psycopg.errors.QueryCanceled:
            if self._seconds_left() <= 0:
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
        if shape is None or table.locked or not shape.samplable or not table.size_bytes:
            return
        count, version = heap_sample.BLOCKS, self._session.version
        sample = self._read(
            table, lambda reader: heap_sample.read_sample(reader, table, shape, version, count)
        )
        if sample is None:
            return
        toast = self._sizes.relations.get(shape.toast) if shape.toast else None
        done = heap_sample.estimates(sample, table, toast, self.estimates[table.oid].dead_rows)
        self.estimates[table.oid] = done.table
        counted = rows_now(table, standby=self._sizes.standby)
        self._rows[table.oid] = _surer(done.rows, counted)
        if toast is not None and done.toast is not None:
            dead = self.estimates[toast.oid].dead_rows
            self.estimates[toast.oid] = replace(done.toast, dead_rows=dead)
            self._rows[toast.oid] = Rows(done.toast.rows or 0.0, _relative(done.toast))

    def _measure_index(self, index: Relation) -> None:
        owner = self._sizes.relations.get(index.owner)
        shape = self._sizes.indexes.get(index.oid)
        if owner is None or shape is None:
            return
        rows = self._rows.get(owner.oid)
        if rows is not None:
            self.estimates[index.oid] = estimate_index(index, self._sizes, rows)
        else:
            rows = rows_now(owner, standby=self._sizes.standby)
        schema = self._sizes.inspectors.get("pageinspect")
        in_time = self._seconds_left() > 0
        if not schema or shape.method != "btree" or index.locked or not in_time:
            return
        if _doubt(self.estimates[index.oid]) <= _SURE * index.size_bytes:
            return
        sample = self._read(index, lambda reader: btree_sample.read_sample(reader, index, schema))
        if sample is not None:
            known = live_entries(sample, index, shape, self._sizes, rows)
            part = updates(owner.counters)
            self.estimates[index.oid] = btree_sample.estimate(sample, index, shape, known, part)


def _doubt(estimate: Estimate) -> float:
    if estimate.rewritten_bytes is None:
        return float(estimate.relation.size_bytes)
    return estimate.high_bytes - estimate.low_bytes


def _relative(estimate: Estimate) -> float:
    live = estimate.rewritten_bytes or 0.0
    return (estimate.high_bytes - estimate.low_bytes) / 2 / live if live else 0.0


def _surer(sampled: Rows, counted: Rows | None) -> Rows:
    """The server's count where the sample agrees with it and is less sure."""
    if counted is None or sampled.error <= counted.error:
        return sampled
    apart = abs(sampled.number - counted.number)
    agree = apart <= sampled.error * sampled.number + counted.error * counted.number
    return counted if agree else sampled


def live_entries(
    sample: btree_sample.Sample,
    index: Relation,
    shape: IndexShape,
    sizes: Sizes,
    table: Rows | None,
) -> Rows:
    """Rows that an index has entries for: of a partial one not more than there are entries."""
    counted = Rows(sample.entries, 0.02)
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
    with session.transaction() as transaction:
        transaction.rows(
            "SELECT pg_catalog.set_config('enable_seqscan', 'off', true), "
            "pg_catalog.set_config('row_security', 'off', true), "
            "pg_catalog.set_config('statement_timeout', least(%s, s.setting::int)::text, true) "
            "FROM pg_catalog.pg_settings s WHERE s.name = 'statement_timeout'",
            [max(50, round(seconds * 1000))],
        )
        yield transaction
