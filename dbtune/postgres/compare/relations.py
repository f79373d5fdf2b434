"""Tables and indexes: what came, went, changed, grew, and what is searched now or no longer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dbtune.compare.model import ObjectChange, ObjectState, use_state
from dbtune.postgres.relations.facts import Index, Relations, Table

GROWN_BYTES = 8 * 1024**2
GROWN_RATIO = 0.1
"""From so many bytes and such a share of its size on a relation is said to have grown or shrunk."""


class Uses(NamedTuple):
    """How often indexes were searched in a period.

    Attributes:
        scans: by schema and name.
        seconds: its length; ``None`` if unknown.
    """

    scans: Mapping[str, int]
    seconds: float | None


def uses(early: Relations | None, late: Relations) -> Uses:
    """Searches of each index between two readings; without a first, since statistics began."""
    seconds = None
    since = late.stats_since or late.started_at
    if early is not None:
        seconds = max((late.at - early.at).total_seconds(), 1e-3)
    elif since is not None:
        seconds = max((late.at - since).total_seconds(), 1e-3)
    before = {} if early is None else {one.oid: one for one in early.indexes}
    reset = early is not None and early.stats_since != late.stats_since
    found = {}
    for one in late.indexes:
        if one.scans is None:
            continue
        old = before.get(one.oid)
        base = 0 if reset or old is None or old.scans is None else old.scans
        found[_name(one)] = one.scans - base if one.scans >= base else one.scans
    return Uses(found, seconds)


def index_changes(
    first: Relations, last: Relations, before: Uses, after: Uses
) -> tuple[ObjectChange, ...]:
    """What happened to indexes, and which are searched now or no longer."""
    tables = {oid: _name(one) for oid, one in last.tables.items()}
    tables_before = {oid: _name(one) for oid, one in first.tables.items()}
    old = {_name(one): one for one in first.indexes}
    new = {_name(one): one for one in last.indexes}
    changes: list[ObjectChange] = []

    def said(state: ObjectState, one: Index, remark: str = "") -> ObjectChange:
        name = _name(one)
        here, there = old.get(name), new.get(name)
        return ObjectChange(
            "index",
            name,
            state,
            tables.get(one.table) or tables_before.get(one.table, ""),
            here.size_bytes if here else None,
            there.size_bytes if there else None,
            before.scans.get(name),
            after.scans.get(name),
            definition=one.definition or _described(one),
            remark=remark,
        )

    gone = {name: one for name, one in old.items() if name not in new}
    for name, one in new.items():
        if name not in old:
            twin = next((n for n, o in gone.items() if _form(o) == _form(one)), None)
            why = f"was {twin} before" if twin and _table(gone[twin], first) == _table(one, last) \
                else _state(one)  # fmt: skip
            changes.append(said("new", one, why))
            continue
        changes += (said(*change) for change in _alterations(old[name], one))
        use = use_state(
            before.scans.get(name), after.scans.get(name), before.seconds, after.seconds
        )
        if use:
            changes.append(said(use, one))
    changes += (said("gone", one) for one in gone.values())
    return tuple(sorted(changes, key=lambda one: (one.state, one.name)))


def _alterations(old: Index, new: Index) -> Iterator[tuple[ObjectState, Index, str]]:
    if _form(old) != _form(new):
        yield "changed", new, f"was {old.definition or _described(old)}"
    elif old.oid != new.oid and old.valid and new.valid:
        yield "changed", new, "was made anew"
    if old.valid and not new.valid:
        yield "now invalid", new, _state(new)
    if not old.valid and new.valid:
        yield "now valid", new, ""


def _state(one: Index) -> str:
    if one.building:
        return "is being built"
    return "" if one.valid else "is invalid: no statement uses it"


def _form(one: Index) -> tuple[object, ...]:
    """What makes it the index that it is, whatever its name."""
    keys = tuple(
        (k.column, k.expression, k.operator_class, k.collation, k.descending, k.nulls_first)
        for k in one.keys
    )
    return (
        one.method,
        keys,
        one.include,
        one.predicate,
        one.unique,
        one.nulls_not_distinct,
        tuple(sorted(one.options.items())),
    )


def _described(one: Index) -> str:
    keys = ", ".join(
        (key.column or f"({key.expression})") + (" DESC" if key.descending else "")
        for key in one.keys
    )
    return (
        f"{'UNIQUE ' if one.unique else ''}{one.method} ({keys})"
        + (f" INCLUDE ({', '.join(one.include)})" if one.include else "")
        + (f" WHERE {one.predicate}" if one.predicate else "")
    )


def _table(one: Index, relations: Relations) -> str:
    table = relations.tables.get(one.table)
    return _name(table) if table else ""


def _name(one: Index | Table) -> str:
    return f"{one.schema}.{one.name}"


# --------------------------------------------------------------------------------------- sizes


def size_changes(first: Relations, last: Relations) -> tuple[ObjectChange, ...]:
    """Tables that came and went, and relations that grew or shrank; most bytes first."""
    changes = list(_of_tables(first, last))
    changes += _of_index_sizes(first, last)
    return tuple(sorted(changes, key=lambda one: (-abs(one.growth_bytes), one.kind, one.name)))


def _of_tables(first: Relations, last: Relations) -> Iterator[ObjectChange]:
    old = {_name(one): one for one in first.tables.values()}
    new = {_name(one): one for one in last.tables.values()}
    for name in sorted(old.keys() | new.keys()):
        here, there = old.get(name), new.get(name)
        sizes = _size(here, first), _size(there, last)
        state: ObjectState | None
        if here is None or there is None:
            state = "new" if here is None else "gone"
        else:
            state = _growth(*sizes)
        if state:
            yield ObjectChange(
                "table",
                name,
                state,
                before_bytes=sizes[0],
                after_bytes=sizes[1],
                before_rows=here.rows if here else None,
                after_rows=there.rows if there else None,
            )


def _of_index_sizes(first: Relations, last: Relations) -> Iterator[ObjectChange]:
    old = {_name(one): one for one in first.indexes}
    for one in last.indexes:
        here = old.get(_name(one))
        state = _growth(here.size_bytes, one.size_bytes) if here else None
        if here and state:
            yield ObjectChange(
                "index",
                _name(one),
                state,
                _table(one, last),
                here.size_bytes,
                one.size_bytes,
                remark="" if here.oid == one.oid else "was made anew",
            )


def _size(one: Table | None, relations: Relations) -> float | None:
    """A table with its TOAST table; what was not measured is as large as the catalog says."""
    if one is None:
        return None
    main = one.pages * relations.block_bytes if one.size_bytes is None else one.size_bytes
    return main + (one.toast_bytes or 0)


def _growth(before: float | None, after: float | None) -> ObjectState | None:
    if before is None or after is None:
        return None
    change = abs(after - before)
    if change < GROWN_BYTES or change < GROWN_RATIO * min(before, after):
        return None
    return "grew" if after > before else "shrank"


def total_bytes(relations: Relations) -> float:
    """Tables, their TOAST tables and their indexes."""
    tables = sum(_size(one, relations) or 0 for one in relations.tables.values())
    indexes = sum(
        one.pages * relations.block_bytes if one.size_bytes is None else one.size_bytes
        for one in relations.indexes
    )
    return tables + indexes


def dead_rows(relations: Relations) -> float:
    """Row versions that VACUUM would remove, as the statistics collector guesses."""
    return sum(one.activity.dead_rows for one in relations.tables.values() if one.activity)
