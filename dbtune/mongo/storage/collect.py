"""Reading what collections take, and a bounded sample of the documents of the large ones."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import bson

from dbtune.bloat import Effort, Selection
from dbtune.errors import Unavailable
from dbtune.mongo.indexes.collect import collection_names
from dbtune.mongo.session import Document, Session
from dbtune.mongo.storage.facts import CollectionStorage, IndexStorage
from dbtune.mongo.storage.fresh_size import fresh_ratio

SAMPLE_DOCS = 1_500
SAMPLE_BYTES = 4 << 20
"""Most that is sampled of a collection: larger documents are fewer."""
MOST_COLLECTIONS = 2_000
_RANDOM_SHARE = 0.049
_CHEAP_BYTES = 64 << 20
_REUSE = "file bytes available for reuse"


def read_all(session: Session, selection: Selection) -> tuple[list[CollectionStorage], int]:
    """The collections of the databases that are asked for, and how many were left out.

    Raises:
        Unavailable: they can't be listed.
        TargetError: the connection broke.
    """
    databases = selection.schemas or ("",)
    names = [n for one in databases for n in collection_names(session, one, MOST_COLLECTIONS + 1)]
    found = []
    for name in names[:MOST_COLLECTIONS]:
        try:
            found.append(_read(session, name))
        except Unavailable:
            continue  # dropped meanwhile, or of another user
    return found, max(0, len(names) - MOST_COLLECTIONS)


def _read(session: Session, namespace: str) -> CollectionStorage:
    database, _, name = namespace.partition(".")
    stages: list[Document] = [{"$collStats": {"storageStats": {}}}]
    command = {"aggregate": name, "pipeline": stages, "cursor": {}}
    parts = [one["storageStats"] for one in session.documents(database, command)]
    if not parts:
        raise Unavailable(f"{namespace} has no storage")
    return _added(namespace, [_storage(namespace, one) for one in parts])


def _storage(namespace: str, stats: Mapping[str, Any]) -> CollectionStorage:
    details = stats.get("indexDetails") or {}
    sizes = stats.get("indexSizes") or {}
    engine = stats.get("wiredTiger") or {}
    creation = str(engine.get("creationString") or "")
    compressor = re.search(r"block_compressor=(\w*)", creation)
    free = stats.get("freeStorageSize")
    return CollectionStorage(
        namespace,
        int(stats.get("count") or 0),
        int(stats.get("size") or 0),
        int(stats.get("storageSize") or 0),
        int(free) if free is not None else _reusable(engine),
        (compressor[1] or "none") if compressor else "",
        tuple(
            IndexStorage(str(name), int(size), _reusable(details.get(name) or {}))
            for name, size in sizes.items()
        ),
        capped=bool(stats.get("capped")),
        orphans=int(stats.get("numOrphanDocs") or 0),
    )


def _reusable(details: Mapping[str, Any]) -> int | None:
    block_manager = details.get("block-manager")
    told = block_manager.get(_REUSE) if isinstance(block_manager, Mapping) else None
    return None if told is None else int(told)


def _added(namespace: str, parts: list[CollectionStorage]) -> CollectionStorage:
    """The parts that the shards of a cluster have, as one."""
    if len(parts) == 1:
        return parts[0]
    indexes: dict[str, IndexStorage] = {}
    for part in parts:
        for one in part.indexes:
            before = indexes.get(one.name, IndexStorage(one.name, 0, 0))
            free = (
                None
                if None in (before.free_bytes, one.free_bytes)
                else ((before.free_bytes or 0) + (one.free_bytes or 0))
            )
            size = before.size_bytes + one.size_bytes
            indexes[one.name] = IndexStorage(one.name, size, free)
    return replace(
        parts[0],
        namespace=namespace,
        count=sum(one.count for one in parts),
        data_bytes=sum(one.data_bytes for one in parts),
        size_bytes=sum(one.size_bytes for one in parts),
        free_bytes=sum(one.free_bytes or 0 for one in parts),
        orphans=sum(one.orphans for one in parts),
        indexes=tuple(indexes.values()),
    )


def sampled(
    session: Session, collections: list[CollectionStorage], selection: Selection
) -> Iterator[CollectionStorage]:
    """Collections of some size with the size that a fresh file would have, while time is left."""
    deadline = time.monotonic() + selection.budget_seconds
    for one in collections:
        if selection.effort is Effort.statistics:
            yield one
        elif not one.count or one.capped:
            yield replace(one, fresh_ratio=0.0 if not one.count else None)
        elif time.monotonic() > deadline:
            yield replace(one, unsampled="the time for samples was over")
        else:
            try:
                yield _sampled(session, one)
            except Unavailable as missing:
                yield replace(one, unsampled=missing.reason, unsampled_remedy=missing.remedy)


def _sampled(session: Session, one: CollectionStorage) -> CollectionStorage:
    database, _, name = one.namespace.partition(".")
    average = max(1, one.data_bytes // max(1, one.count))
    docs = max(20, min(SAMPLE_DOCS, SAMPLE_BYTES // average))
    if one.data_bytes > _CHEAP_BYTES:
        docs = max(20, min(docs, int(one.count * _RANDOM_SHARE)))
    stages: list[Document] = [{"$sample": {"size": docs}}] if one.count > docs else []
    command = {"aggregate": name, "pipeline": [*stages, {"$limit": docs}], "cursor": {}}
    documents = [bson.encode(document) for document in session.documents(database, command)]
    ratio = fresh_ratio(documents, one.compressor or "snappy")
    return replace(one, fresh_ratio=ratio, sampled=len(documents))
