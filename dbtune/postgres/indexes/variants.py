"""Narrower and merged variants of indexes: one that serves the statements of two, in less space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations

from dbtune.postgres.indexes.btree import MAX_COVERED, MAX_KEYS
from dbtune.postgres.indexes.definition import Definition


def variants(chosen: Mapping[int, Definition]) -> Iterator[tuple[Definition, tuple[int, ...]]]:
    """Variants of chosen b-trees, each with the numbers of the indexes it could stand for."""
    trees = {number: one for number, one in chosen.items() if one.method == "btree"}
    seen = set(chosen.values())
    for number, one in trees.items():
        for variant in narrower(one):
            if variant not in seen:
                seen.add(variant)
                yield variant, (number,)
    for (number, one), (other_number, other) in permutations(trees.items(), 2):
        merged = merge(one, other)
        if merged is not None and merged not in seen:
            seen.add(merged)
            yield merged, (number, other_number)


def narrower(index: Definition) -> Iterator[Definition]:
    """The index with less: without what it only stores, without its last key."""
    if index.include:
        yield index._replace(include=())
    if len(index.keys) > 1:
        yield index._replace(keys=index.keys[:-1])
        yield index._replace(keys=index.keys[:-1], include=())
    if index.include and len(index.keys) > 1:
        last = index.keys[-1]
        if last.column and not last.operator_class:
            include = tuple(sorted({*index.include, last.column}))
            yield index._replace(keys=index.keys[:-1], include=include)


def merge(one: Definition, other: Definition) -> Definition | None:
    """An index that is searched as the first is and has all that the second stores.

    ``None`` if they are of different tables or predicates, begin with different columns, or the
    outcome would be too wide.
    """
    if one[:2] != other[:2] or one.predicate != other.predicate or one.keys[0] != other.keys[0]:
        return None
    keys = list(one.keys)
    if other.keys[: len(keys)] == one.keys:
        keys = list(other.keys)
    have = {key.sql for key in keys}
    plain = {key.column for key in keys if key.column and not key.operator_class}
    rest = [key for key in other.keys if key.sql not in have]
    if any(not key.column or key.operator_class for key in rest):
        return None
    include = {*one.include, *other.include, *(key.column for key in rest)} - plain
    if len(keys) > MAX_KEYS or len(keys) + len(include) > MAX_COVERED:
        return None
    merged = one._replace(keys=tuple(keys), include=tuple(sorted(include)))
    return None if merged in (one, other) else merged
