"""An advised index as a statement: its name, its options, about how large it will be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from dbtune.mongo.indexes.bson_order import NUMBER, OBJECT_ID, STRING, Key, terminals
from dbtune.mongo.indexes.facts import Collection, Index, Proposal, default_name
from dbtune.mongo.indexes.sample import Sample
from dbtune.mongo.shellprint import collection_text, shell_text

_LONGEST_NAME = 100
_ENTRY_BYTES = 9
"""Of an entry beside its values: what tells values apart, and the document's record id."""
_LEAF_BYTES = 24
"""Of an entry of a wildcard index, which has the path, too."""
_PAGES = 1.15
"""Pages of a freshly built index are not full."""


def keys_text(index: Index | Proposal) -> str:
    """Its fields and directions, as mongosh prints them, which documents are in it, and how texts
    are compared."""
    text = shell_text(dict(index.keys))
    text += f" where {shell_text(index.partial)}" if index.partial else ""
    return text + (f" collation {shell_text(dict(index.collation))}" if index.collation else "")


def name_of(index: Proposal, collection: Collection | None = None) -> str:
    """The server's own name for such an index, with what makes it differ from one that has it.

    Cut and told apart by a hash if it is long.
    """
    name = default_name(index.keys) + ("_partial" if index.exists else "")
    taken = {one.name for one in collection.indexes} if collection is not None else ()
    if index.collation and name in taken:
        name += f"_{dict(index.collation).get('locale', 'collation')}"
    while name in taken:
        name += "_new"
    if len(name) <= _LONGEST_NAME:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9]}_{mark}"


def hidden_one(index: Proposal, collection: Collection) -> str:
    """The name of the same index, which is there and hidden: no second one can be made beside it.

    "" if there is none.
    """
    for one in collection.indexes:
        same = (one.keys, one.partial, one.collation) == (
            index.keys,
            index.partial,
            dict(index.collation),
        )
        if one.hidden and not one.sparse and same:
            return one.name
    return ""


def create_text(index: Proposal, collection: Collection) -> str:
    """The statement that makes it, or that shows the one that is hidden."""
    where = collection_text(collection.namespace)
    if hidden := hidden_one(index, collection):
        return f"{where}.unhideIndex({shell_text(hidden)})"
    options = {"name": name_of(index, collection), **index.options}
    return f"{where}.createIndex({shell_text(dict(index.keys))}, {shell_text(options)})"


def estimated_size(sample: Sample, index: Proposal) -> float:
    """About how many bytes an index will have, from the sample's values.

    Within a factor of two: prefixes that neighbours share are compressed.
    """
    if not sample.size:
        return 0.0
    if index.keys[0][0].endswith(".$**"):
        return float(sample.total) * _leaves(sample, index.keys[0][0][:-4]) * _LEAF_BYTES * _PAGES
    entries = 1.0
    per_entry = float(_ENTRY_BYTES)
    for path, _ in index.keys:
        keys = sample.field(path).keys
        found = sum(map(len, keys)) / sample.size
        entries = max(entries, found)
        per_entry += sum(_bytes(one[0]) for one in keys) / sample.size
    inside = 1.0
    if index.exists:
        there = sample.matching(index.partial) or 0
        inside = there.bit_count() / sample.size
    return float(sample.total) * entries * inside * per_entry * _PAGES


def _leaves(sample: Sample, path: str) -> float:
    """Values below a path, of a document on average."""
    steps = tuple(path.split("."))
    found = 0
    for document in sample.documents:
        for one in terminals(document, steps):
            found += len(one) if isinstance(one, Mapping | list) else 1
    return found / sample.size


def _bytes(key: Key) -> float:
    rank, value = key
    if rank == STRING:
        return len(str(value).encode("utf-8", "replace")) + 2
    if rank == NUMBER:
        return 3 if isinstance(value, int) and abs(value) < 1 << 16 else 9
    return 13 if rank == OBJECT_ID else 4
