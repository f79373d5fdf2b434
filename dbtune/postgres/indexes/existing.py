"""Candidates against the indexes that there are: what exists already, what one would replace."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dbtune.postgres.indexes.beside import may_pay_beside
from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.coverage import (
    Form,
    covers,
    form_of_definition,
    form_of_index,
    why_kept,
)
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.size import IndexSizes
from dbtune.postgres.relations.facts import Index, Table


def _served_alike(candidate: Definition) -> Iterable[Definition]:
    """A candidate, and what does all that it does though with other operator classes."""
    yield candidate
    if candidate.method == "gin":
        keys = tuple(
            key._replace(operator_class="") if key.operator_class == "jsonb_path_ops" else key
            for key in candidate.keys
        )
        yield candidate._replace(keys=keys)


class Existing:
    """The indexes of a database, to compare candidates with; keeps what was compared."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._forms: dict[int, list[tuple[Index, Form]]] = {}
        self._replaced: dict[Definition, tuple[Index, ...]] = {}
        self._sizes = IndexSizes(catalog.relations)
        self._beside: dict[Definition, Index | None] = {}

    def serves(self, candidate: Definition, *, prefixes: bool = False) -> bool:
        """Whether an index has all that a candidate would have: keys, stored columns, rows.

        Args:
            candidate: the new one.
            prefixes: whether the beginning of an index with more keys counts as new.
        """
        forms = [form_of_definition(one) for one in _served_alike(candidate)]
        serving = [
            len(other.parts) == len(form.parts)
            for index, other in self._on(candidate)
            if index.valid and index.ready
            for form in forms
            if covers(other, form)
        ]
        if prefixes or (serving and not any(serving) and self.beside(candidate)):
            return any(serving)
        return bool(serving)

    def beside(self, candidate: Definition) -> Index | None:
        """The index that begins with a candidate's only column, if both may pay."""
        if len(candidate.keys) != 1 or not candidate.keys[0].column or candidate.predicate:
            return None
        if candidate not in self._beside:
            self._beside[candidate] = self._wider(candidate)
        return self._beside[candidate]

    def _wider(self, candidate: Definition) -> Index | None:
        table = self._catalog.table(candidate.schema, candidate.table)
        form = form_of_definition(candidate)
        wider = [index for index, other in self._on(candidate) if covers(other, form)]
        if table is None or not wider or candidate.method != "btree":
            return None
        size = self.size_bytes(candidate)
        least = min(wider, key=lambda one: (one.size_bytes or 0, one.oid))
        return least if may_pay_beside(table, candidate.keys[0].column, size, least) else None

    def size_bytes(self, candidate: Definition) -> int:
        """What a candidate will take, deduplicated: HypoPG knows nothing of that."""
        return self._sizes.of(candidate).likely_bytes

    def replaced(self, candidate: Definition) -> tuple[Index, ...]:
        """The indexes that a candidate makes superfluous, and that may be dropped then."""
        if candidate not in self._replaced:
            form = form_of_definition(candidate)
            self._replaced[candidate] = tuple(
                index
                for index, other in self._on(candidate)
                if not why_kept(index) and covers(form, other)
            )
        return self._replaced[candidate]

    def tables(self, indexes: Collection[int]) -> list[Table]:
        """The tables of indexes, by their oids; of a partition the whole table."""
        known = self._catalog.relations
        tables = {one.table for one in known.indexes if one.oid in indexes} & known.tables.keys()
        return [self._catalog.root(known.tables[oid]) for oid in sorted(tables)]

    def absorbing(self, candidate: Definition) -> Iterable[Definition]:
        """A candidate with what existing indexes store besides: these become superfluous."""
        form = form_of_definition(candidate)
        keys = {key.column for key in candidate.keys}
        for index, other in self._on(candidate):
            include = sorted({*candidate.include, *index.include} - keys)
            wider = candidate._replace(include=tuple(include))
            if not index.include or why_kept(index) or covers(form, other):
                continue
            if covers(form_of_definition(wider), other):
                yield wider

    def _on(self, candidate: Definition) -> Iterable[tuple[Index, Form]]:
        table = self._catalog.table(candidate.schema, candidate.table)
        if table is None:
            return ()
        if table.oid not in self._forms:
            self._forms[table.oid] = [
                (index, form_of_index(index, beside_new=True))
                for index in self._catalog.indexes(table)
            ]
        return self._forms[table.oid]
