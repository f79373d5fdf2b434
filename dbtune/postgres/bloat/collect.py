"""Read sizes, counters and column statistics: a few statements for all relations."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dbtune.errors import Unavailable
from dbtune.postgres.bloat.facts import (
    HEAPS,
    Counters,
    IndexShape,
    Kind,
    Relation,
    Sizes,
    Stored,
    TableShape,
)
from dbtune.postgres.session import Row, Session

_KINDS = {
    "r": Kind.TABLE,
    "t": Kind.TOAST,
    "m": Kind.MATERIALIZED_VIEW,
    "i": Kind.INDEX,
}
_ALIGNMENTS = {"c": 1, "s": 2, "i": 4, "d": 8}
MOST_ASKED = 10_000
"""Relations whose size is asked for; of the others it is what the catalog says."""
_BATCH = 500
"""Relations whose columns are read by one statement: bounds its time and the memory it takes."""


def read_sizes(session: Session, min_bytes: int, schemas: Sequence[str] = ()) -> Sizes:
    """Everything that the catalog and the statistics say of a database's relations.

    Args:
        session: an open session.
        min_bytes: smaller relations are only counted.
        schemas: only tables in these; all if empty.

    Raises:
        Unavailable: the catalog can't be read in time.
        TargetError: the connection broke.
    """
    rows = _relation_rows(session, min_bytes, list(schemas) or None)
    relations = {row["oid"]: _relation(row) for row in rows if row["oid"] is not None}
    setup = session.fact("bloat_settings")[0]
    tables, indexes = _shapes(session, relations)
    return Sizes(
        at=setup["at"],
        database=setup["database"],
        version=session.version,
        standby=setup["standby"],
        relations=relations,
        tables=tables,
        indexes=indexes,
        min_bytes=min_bytes,
        small_count=rows[0]["small_count"],
        small_bytes=rows[0]["small_bytes"],
        stats_since=setup["stats_since"],
        settings=setup["settings"] or {},
        inspectors=setup["inspectors"] or {},
        tools=setup["tools"] or {},
    )


def _relation_rows(session: Session, min_bytes: int, schemas: list[str] | None) -> list[Row]:
    parameters = {"min_bytes": min_bytes, "schemas": schemas, "most": MOST_ASKED}
    try:
        return session.fact("bloat_relations", parameters)
    except Unavailable as missing:
        if "lock" not in missing.reason:
            raise
        # Somebody locked a relation between our look at pg_locks and at its size.
        return session.fact("bloat_relations", parameters)


def _relation(row: Row) -> Relation:
    return Relation(
        oid=row["oid"],
        schema=row["schema"],
        name=row["name"],
        kind=_KINDS[row["kind"]],
        size_bytes=row["size_bytes"],
        owner=row["owner"],
        table=row["table_oid"],
        root=row["root"],
        root_schema=row["root_schema"] or row["schema"],
        root_name=row["root_name"] or row["name"],
        rows=row["rows"],
        pages=row["pages"],
        options=_options(row["options"]),
        examined=row["examined"],
        locked=row["locked"],
        catalog=bool(row["catalog"]),
        frozen_age=row["frozen_age"],
        multixact_age=row["multixact_age"],
        counters=Counters(
            **{name: row[name] for name in Counters.__dataclass_fields__ if row[name] is not None}
        ),
    )


def _options(given: list[str] | None) -> dict[str, str]:
    pairs = (one.partition("=") for one in given or ())
    return {name: value for name, _, value in pairs}


def _shapes(
    session: Session, relations: Mapping[int, Relation]
) -> tuple[dict[int, TableShape], dict[int, IndexShape]]:
    """How tables and indexes store their rows, a batch of tables with their indexes at a time."""
    columns = _Columns(session)
    tables: dict[int, TableShape] = {}
    indexes: dict[int, IndexShape] = {}
    for batch in _batches([one for one in relations.values() if one.kind in HEAPS]):
        columns.read(batch)
        for row in session.fact("bloat_tables", {"oids": [one.oid for one in batch]}):
            tables[row["oid"]] = _table_shape(row, columns)
    for batch in _batches([one for one in relations.values() if one.kind is Kind.INDEX]):
        columns.read(batch)
        for row in session.fact("bloat_indexes", {"oids": [one.oid for one in batch]}):
            indexes[row["oid"]] = _index_shape(row, relations[row["oid"]], columns)
    return tables, indexes


def _batches(relations: Sequence[Relation]) -> Iterator[Sequence[Relation]]:
    for start in range(0, len(relations), _BATCH):
        yield relations[start : start + _BATCH]


class _Columns:
    """Columns of relations, by relation and number; ``None`` for dropped ones."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.of: dict[int, dict[int, Stored | None]] = defaultdict(dict)

    def read(self, relations: Sequence[Relation]) -> None:
        asked = {
            "oids": [one.oid for one in relations],
            "schemas": sorted({one.schema for one in relations}),
            "names": sorted({one.name for one in relations}),
        }
        for row in self._session.fact("bloat_columns", asked):
            self.of[row["oid"]][row["number"]] = None if row["dropped"] else _stored(row)


def _stored(row: Row) -> Stored:
    return Stored(
        type_length=row["type_length"],
        alignment=_ALIGNMENTS[row["alignment"]],
        storage=row["storage"],
        may_be_null=row["may_be_null"],
        name=row["name"],
        virtual=row["virtual"],
        null_ratio=1.0 if row["virtual"] else row["null_ratio"],
        average_bytes=row["average_bytes"],
        lengths=tuple(row["lengths"] or ()),
        common_lengths=tuple(row["common_lengths"] or ()),
        n_distinct=row["n_distinct"],
        common_ratios=tuple(row["common_ratios"] or ()),
        correlation=row["correlation"],
    )


def _table_shape(row: Row, columns: _Columns) -> TableShape:
    own = columns.of[row["oid"]]
    return TableShape(
        columns=tuple(column for column in own.values() if column is not None),
        attributes=row["attributes"],
        dropped=sum(column is None for column in own.values()),
        toast=row["toast"],
        access_method=row["access_method"],
        readable=row["readable"],
        row_security=row["row_security"],
        identity=row["identity"],
        unseen_blocks=row["unseen_blocks"],
    )


def _index_shape(row: Row, relation: Relation, columns: _Columns) -> IndexShape:
    own = columns.of[row["oid"]]
    of_table = columns.of[relation.owner]
    stored = tuple(
        _key(own[place], of_table.get(number))
        for place, number in enumerate(row["columns"], start=1)
    )
    given = relation.options.get("deduplicate_items", "on").lower()
    return IndexShape(
        method=row["method"],
        columns=stored,
        keys=row["keys"],
        unique=row["is_unique"],
        deduplicates=row["method"] == "btree"
        and len(stored) == row["keys"]
        and bool(row["equal_images"])
        and given not in ("off", "false", "no", "0"),
        predicate=row["predicate"],
        valid=row["valid"],
        constraint=row["is_constraint"],
        exclusion=row["is_exclusion"],
        distinct=_joint_distinct(row["joint_distinct"], set(row["columns"][: row["keys"]])),
    )


def _key(own: Stored | None, column: Stored | None) -> Stored:
    """A key of an index: its form is the index's, its statistics are the table's column's."""
    assert own is not None, "indexes have no dropped columns"
    if column is None:
        return replace(own, name="")
    return replace(
        column, type_length=own.type_length, alignment=own.alignment, storage=own.storage
    )


def _joint_distinct(texts: list[str] | None, numbers: set[int]) -> float | None:
    """The number of distinct combinations, from extended statistics: ``{"1, 2": 100, ...}``."""
    for text in texts or ():
        try:
            counts: Mapping[str, float] = json.loads(text)
            for key, count in counts.items():
                if {int(part) for part in key.split(",")} == numbers:
                    return float(count)
        except (ValueError, AttributeError, TypeError):
            continue
    return None
