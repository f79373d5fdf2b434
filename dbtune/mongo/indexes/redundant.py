"""Which indexes another one can stand in for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.mongo.indexes.facts import Index, Keys


def pairs(indexes: Sequence[Index]) -> Iterator[tuple[Index, Index]]:
    """Indexes that are no more than the beginning of another, with that other one.

    The other must serve everything that the first does: the same fields in the same directions (or
    all of them reversed; the direction of a single field does not matter), the same collation and
    documents. What forbids duplicates, deletes documents, or is not a b-tree, is more than a
    beginning.
    """
    left = {one.name for one in indexes}
    for one in sorted(indexes, key=lambda index: (len(index.keys), index.name)):
        for other in sorted(indexes, key=lambda index: (-len(index.keys), index.name)):
            if other.name in left and one is not other and is_beginning(one, other):
                left.discard(one.name)
                yield one, other
                break


def is_beginning(one: Index, other: Index) -> bool:
    """Whether an index can be dropped because of another; of hidden ones another rule tells."""
    if not (one.is_btree and other.is_btree) or one.hidden or other.hidden:
        return False
    if one.name == "_id_" or one.unique or one.expire_seconds is not None or one.shard_key:
        return False
    if other.expire_seconds is not None or one.namespace != other.namespace:
        return False
    same = (one.sparse, dict(one.partial), dict(one.collation)) == (
        other.sparse,
        dict(other.partial),
        dict(other.collation),
    )
    # A longer sparse index has documents that a shorter one has not: those with any of its fields.
    if not same or (one.sparse and len(one.keys) != len(other.keys)):
        return False
    return _begins(one.keys, other.keys)


def _begins(short: Keys, long: Keys) -> bool:
    if (
        len(short) > len(long)
        or [name for name, _ in short] != [name for name, _ in long][: len(short)]
    ):
        return False
    turned = {(a > 0) != (b > 0) for (_, a), (_, b) in zip(short, long, strict=False)}
    return len(short) == 1 or len(turned) == 1
