"""Which index does all that another one does.

An index covers another if every look-up, every order and every constraint that the other serves is
served by it as well. In doubt it does not: a duplicate that stays costs less than an index that is
missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.plan_text import conjuncts
from dbtune.postgres.indexes.predicate_share import parsed
from dbtune.postgres.relations.facts import Index, IndexKey, Relations

_ALIASES = {"varchar_ops": "", "varchar_pattern_ops": "text_pattern_ops"}
"""Operator classes of varchar are those of text by another name."""
_ANY_ORDER = ("gin", "brin")
"""Methods that search any of their columns as well as the first."""
_KNOWN = ("btree", "hash", "gin", "gist", "spgist")
_BRIN_PAGES = "128"
_OPTION = re.compile(r"(\w+)\s*=\s*'?([\w.]+)")


class _Part(NamedTuple):
    """A key: what it is, and how it is compared."""

    what: str
    family: str
    sorts_by: str


class Form(NamedTuple):
    """An index as far as it matters to what it serves.

    Attributes:
        method: access method.
        parts: its keys.
        order: of each key: DESC, NULLS FIRST.
        stored: columns that it can return without a visit to the table.
        predicate: of a partial index, in one spelling.
        unique, nulls_not_distinct, deferrable, exclusion: what it enforces.
        options: those that change what it serves.
    """

    method: str
    parts: tuple[_Part, ...]
    order: tuple[tuple[bool, bool], ...]
    stored: frozenset[str]
    predicate: str
    unique: bool
    nulls_not_distinct: bool
    deferrable: bool
    exclusion: bool
    options: tuple[str, ...]


def form_of_index(index: Index, *, beside_new: bool = False, filled: Collection[str] = ()) -> Form:
    """The form of an index that exists.

    Args:
        index: the index.
        beside_new: to compare it with a definition, whose expressions are spelled by a person.
        filled: columns that are never NULL: of these it doesn't matter whether NULLs are distinct.
    """
    return Form(
        index.method,
        tuple(_existing_part(key, beside_new) for key in index.keys),
        tuple((key.descending, key.nulls_first) for key in index.keys),
        frozenset((*index.include, *(key.column for key in index.keys if key.column))),
        _predicate(index.predicate, _spelled if beside_new else str),
        index.unique,
        index.nulls_not_distinct and not all(key.column in filled for key in index.keys),
        index.deferrable,
        index.exclusion,
        _options(index.method, index.options),
    )


def form_of_definition(definition: Definition) -> Form:
    """The form of an index that does not exist yet."""
    options = dict(_OPTION.findall(definition.options.lower()))
    return Form(
        definition.method,
        tuple(
            _Part(
                f"column {key.column}" if key.column else f"expression {_spelled(key.sql)}",
                _class_name(key.operator_class),
                key.collation,
            )
            for key in definition.keys
        ),
        tuple(
            (key.descending, key.descending if key.nulls_first is None else key.nulls_first)
            for key in definition.keys
        ),
        frozenset((*definition.include, *(key.column for key in definition.keys if key.column))),
        _predicate(definition.predicate, _spelled),
        definition.unique,
        nulls_not_distinct=False,
        deferrable=False,
        exclusion=False,
        options=_options(definition.method, options),
    )


def covers(wide: Form, narrow: Form) -> bool:
    """Whether one index does all that another one of the same table does."""
    if (wide.method, wide.predicate) != (narrow.method, narrow.predicate):
        return False
    if narrow.exclusion or wide.options != narrow.options:
        return False
    if narrow.unique and not _enforces(wide, narrow):
        return False
    if wide.method in _ANY_ORDER:
        return set(narrow.parts) <= set(wide.parts)
    if wide.method != "btree":
        return wide.parts == narrow.parts and wide.stored >= narrow.stored
    count = len(narrow.parts)
    return (
        wide.parts[:count] == narrow.parts
        and _same_order(wide.order[:count], narrow.order)
        and wide.stored >= narrow.stored
    )


def for_equality(form: Form) -> Form:
    """An index as what is looked up by equality sees it: operator classes for patterns compare
    with the same ``=`` as the default ones, and order otherwise."""
    parts = (
        one._replace(family="") if one.family.endswith("_pattern_ops") else one
        for one in form.parts
    )
    return form._replace(parts=tuple(parts))


def _enforces(wide: Form, narrow: Form) -> bool:
    """Whether rows that one index refuses are refused by the other, and not later."""
    return (
        wide.unique
        and set(wide.parts) == set(narrow.parts)
        and (wide.nulls_not_distinct or not narrow.nulls_not_distinct)
        and (narrow.deferrable or not wide.deferrable)
    )


def _same_order(one: Sequence[tuple[bool, bool]], other: Sequence[tuple[bool, bool]]) -> bool:
    """Whether two orders are the same, or the same read backwards."""
    backwards = tuple((not descending, not first) for descending, first in other)
    return tuple(one) in (tuple(other), backwards)


# ------------------------------------------------------------------------------------- what may go


def why_kept(index: Index) -> str:
    """Why an index must not be dropped whatever else there is; "" if it may."""
    if index.primary:
        return "it is the primary key"
    if index.exclusion:
        return "it enforces an exclusion constraint"
    if index.referenced_by:
        return "a foreign key refers to it"
    if index.replica_identity:
        return "it is the table's replica identity"
    if index.clustered:
        return "the table is clustered by it"
    if index.parent is not None:
        return "it is part of a partitioned index"
    if index.extension:
        return f"it belongs to the extension {index.extension}"
    return ""


@dataclass(frozen=True, slots=True)
class Covered:
    """An index that another one makes superfluous.

    Attributes:
        index: the one.
        by: the other, which is not superfluous itself.
        equal: whether each does what the other does.
    """

    index: Index
    by: Index
    equal: bool


def covered_indexes(relations: Relations) -> list[Covered]:
    """The indexes that others make superfluous, so chosen that all of them may go together."""
    found = []
    for table, indexes in by_table(relations).items():
        filled = {one.name for one in relations.tables[table].columns if one.not_null}
        forms = {index.oid: form_of_index(index, filled=filled) for index in indexes}
        left = {index.oid: index for index in indexes if index.valid and index.ready}
        gone: list[tuple[Index, Form]] = []
        for index in sorted(left.values(), key=_worth):
            form = forms[index.oid]
            if why_kept(index):
                continue
            others = (one for one in left.values() if one.oid != index.oid)
            if any(covers(forms[one.oid], form) for one in others):
                del left[index.oid]
                gone.append((index, form))
        for index, form in gone:
            keepers = [one for one in left.values() if covers(forms[one.oid], form)]
            # The one most like it.
            by = min(keepers, key=lambda one: (len(one.keys) + len(one.include), one.oid))
            found.append(Covered(index, by, covers(form, forms[by.oid])))
    return sorted(found, key=lambda one: (one.index.table, one.index.oid))


def by_table(relations: Relations) -> dict[int, list[Index]]:
    """Indexes by the oid of their table."""
    found: dict[int, list[Index]] = {}
    for index in relations.indexes:
        if index.table in relations.tables:
            found.setdefault(index.table, []).append(index)
    return found


def _worth(index: Index) -> tuple[object, ...]:
    """What speaks for keeping an index; the least is dropped first."""
    return (
        bool(index.constraint),
        index.unique,
        not index.deferrable,
        len(index.keys) + len(index.include),
        index.scans or 0,
        -(index.size_bytes or 0),
        -index.oid,
    )


# ------------------------------------------------------------------------------------ one spelling


def _class_name(operator_class: str) -> str:
    """An operator class without its schema, by its usual name."""
    name = operator_class.rpartition(".")[2]
    return _ALIASES.get(name, name)


def _existing_part(key: IndexKey, beside_new: bool) -> _Part:
    if beside_new:
        what = f"column {key.column}" if key.column else f"expression {_spelled(key.expression)}"
        name = _class_name(key.operator_class)
        return _Part(what, name, key.collation)
    what = f"column {key.column}" if key.column else f"expression {key.expression}"
    _, parameters, values = key.operator_class.partition(" (")
    return _Part(what, key.family + parameters + values, key.sorts_by)


def _options(method: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """Storage parameters that change what an index serves, and not only its size."""
    if method == "brin":
        return (options.get("pages_per_range", _BRIN_PAGES),)
    return () if method in _KNOWN else tuple(f"{k}={v}" for k, v in sorted(options.items()))


def _predicate(sql: str, spelled: Callable[[str], str]) -> str:
    """A predicate in one spelling, whatever the order of its conditions."""
    return " AND ".join(sorted(map(spelled, conjuncts(sql)))) if sql else ""


@lru_cache(maxsize=10_000)
def _spelled(sql: str) -> str:
    """An expression in one spelling: as a tree without parentheses and casts of constants."""
    if not sql:
        return ""
    tree = parsed(sql)
    if tree is None:
        return " ".join(sql.split())
    # What a node is replaced by is not gone into.
    while (plainer := tree.transform(_bare)) != tree:
        tree = plainer
    return repr(tree)


def _bare(tree: Any) -> Any:
    from sqlglot import exp

    while isinstance(tree, exp.Paren):
        tree = tree.this
    if isinstance(tree, exp.Cast) and isinstance(tree.this, exp.Literal | exp.Null):
        return tree.this
    if isinstance(tree, exp.Identifier):
        return exp.Identifier(this=tree.this if tree.quoted else tree.this.lower(), quoted=True)
    return tree
