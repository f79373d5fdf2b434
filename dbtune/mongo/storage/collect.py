"""Reading what collections take, and a bounded sample of the documents of the large ones."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import bson

from dbtune.bloat import Effort, Selection
from dbtune.errors import Unavailable, UsageError
from dbtune.finding import Skipped
from dbtune.mongo.indexes.collect import collection_names
from dbtune.mongo.session import INTERNAL, Document, Session
from dbtune.mongo.storage.facts import CollectionStorage, IndexStorage
from dbtune.mongo.storage.fresh_size import fresh_ratio
from dbtune.text import count_text, plain

SAMPLE_DOCS = 1_500
SAMPLE_BYTES = 4 << 20
"""Most that is sampled of a collection: larger documents are fewer."""
MOST_COLLECTIONS = 2_000
_RANDOM_SHARE = 0.049
_CHEAP_BYTES = 64 << 20
_DROPPED = "not found"
"""In what the server says of a collection that was dropped since it was listed."""
_REUSE = "file bytes available for reuse"


def read_all(
    session: Session, selection: Selection
) -> tuple[list[CollectionStorage], list[Skipped]]:
    """The collections of the databases that are asked for, and what could not be read.

    Raises:
        UsageError: there is no database of that name.
        Unavailable: they can't be listed.
        TargetError: the connection broke.
    """
    visible = session.database_names() if selection.schemas else []
    for one in selection.schemas:
        if one not in visible:  # of a mistyped one there is no bloat, as if all were well
            raise UsageError(f"--schema: the server has no database {plain(one)}, or hides it")
    databases = selection.schemas or ("",)
    names = [n for one in databases for n in collection_names(session, one, MOST_COLLECTIONS + 1)]
    names += [n for one in databases for n in _time_series(session, one)]
    members, skipped = _members(session)
    found, lost = [], dict[tuple[str, str], list[str]]()
    for name in names[:MOST_COLLECTIONS]:
        try:
            found.append(_read(session, name, members))
        except Unavailable as missing:
            if _DROPPED not in missing.reason:
                lost.setdefault((missing.reason, missing.remedy), []).append(plain(name))
    skipped += [Skipped(f"sizes of {listed(of)}", *why) for why, of in lost.items()]
    if len(names) > MOST_COLLECTIONS:
        reason = f"only the first {count_text(MOST_COLLECTIONS)} collections were looked at"
        skipped.append(Skipped("further collections", reason, "dbtune bloat --schema DATABASE"))
    return found, skipped


def _time_series(session: Session, database: str) -> list[str]:
    """Time series, whose collections of buckets are no ordinary ones."""
    given = database or session.database
    databases = [given] if given else [n for n in session.database_names() if n not in INTERNAL]
    command = {
        "listCollections": 1,
        "filter": {"type": "timeseries"},
        "nameOnly": True,
        "authorizedCollections": True,
    }
    return [
        f"{one}.{told['name']}" for one in databases for told in session.documents(one, command)
    ]


def listed(names: Sequence[str]) -> str:
    """Some names for people."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")


def _members(session: Session) -> tuple[dict[str, tuple[str, ...]], list[Skipped]]:
    """Members of each shard: ``{host: "rs0/db1:27018,db2:27018"}``; none but through a mongos."""
    if session.role != "mongos":
        return {}, []
    try:
        shards = session.command("admin", {"listShards": 1}).get("shards") or []
    except Unavailable as missing:
        return {}, [Skipped("members of the shards", missing.reason, missing.remedy)]
    return {
        str(one.get("_id")): tuple(str(one.get("host", "")).rpartition("/")[2].split(","))
        for one in shards
    }, []


def _read(
    session: Session, namespace: str, members: Mapping[str, tuple[str, ...]]
) -> CollectionStorage:
    database, _, name = namespace.partition(".")
    stages: list[Document] = [{"$collStats": {"storageStats": {}}}]
    command = {"aggregate": name, "pipeline": stages, "cursor": {}}
    parts = []
    for one in session.documents(database, command):
        part = _storage(namespace, one["storageStats"])
        if shard := str(one.get("shard") or ""):
            host = str(one.get("host") or "")
            part = replace(part, shard=shard, host=host, members=members.get(shard, ()))
        parts.append(part)
    if not parts:
        raise Unavailable(f"{namespace} has no storage")
    return _added(parts)


def _storage(namespace: str, stats: Mapping[str, Any]) -> CollectionStorage:
    details = stats.get("indexDetails") or {}
    sizes = stats.get("indexSizes") or {}
    engine = stats.get("wiredTiger") or {}
    creation = str(engine.get("creationString") or "")
    compressor = re.search(r"block_compressor=(\w*)", creation)
    free = stats.get("freeStorageSize")
    series = stats.get("timeseries") or {}
    return CollectionStorage(
        namespace,
        int(stats.get("count") or series.get("bucketCount") or 0),
        int(stats.get("size") or 0),
        int(stats.get("storageSize") or 0),
        int(free) if free is not None else _reusable(engine),
        (compressor[1] or "none") if compressor else "",
        tuple(
            IndexStorage(str(name), int(size), _reusable(details.get(name) or {}))
            for name, size in sizes.items()
        ),
        capped=bool(stats.get("capped")),
        time_series=bool(series),
        orphans=int(stats.get("numOrphanDocs") or 0),
    )


def _reusable(details: Mapping[str, Any]) -> int | None:
    block_manager = details.get("block-manager")
    told = block_manager.get(_REUSE) if isinstance(block_manager, Mapping) else None
    return None if told is None else int(told)


def _added(parts: list[CollectionStorage]) -> CollectionStorage:
    """The parts that the shards of a cluster have, as one."""
    if not parts[0].shard:
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
        shard="",
        host="",
        members=(),
        parts=tuple(parts),
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
        if selection.effort is Effort.statistics or one.time_series:
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
    # A mongos samples from all shards: documents of one are taken to be like those of another.
    parts = tuple(replace(part, fresh_ratio=ratio, sampled=len(documents)) for part in one.parts)
    return replace(one, fresh_ratio=ratio, sampled=len(documents), parts=parts)
