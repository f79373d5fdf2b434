"""Reading collections, their indexes and a bounded sample of their documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from dbtune.errors import Unavailable
from dbtune.mongo.indexes.collation import normal
from dbtune.mongo.indexes.facts import Collection, Index
from dbtune.mongo.session import Document, Session

SAMPLE_DOCS = 12_000
"""Documents that are sampled of a collection."""
SAMPLE_BYTES = 64 << 20
"""Most that the server reads for it, unless a random cursor can be used."""
_RANDOM_SHARE = 0.049
"""Below 5 % of the documents ``$sample`` uses a random cursor and reads only what it returns."""
_BATCH = 1000


def read_collection(session: Session, namespace: str) -> Collection:
    """A collection's size and indexes.

    Raises:
        Unavailable: this user may not read it, or it does not exist, or it is a view.
        TargetError: the connection broke.
    """
    database, _, name = namespace.partition(".")
    stats = _stats(session, database, name)
    listed = session.documents(database, {"listIndexes": name})
    sizes = stats.get("indexSizes") or {}
    indexes = tuple(_index(namespace, one, sizes) for one in listed)
    if shard_key := _shard_key(session, namespace):
        indexes = tuple(
            replace(one, shard_key=one.paths[: len(shard_key)] == shard_key) for one in indexes
        )
    return Collection(
        namespace,
        int(stats.get("count") or 0),
        int(stats.get("size") or 0),
        indexes,
    )


def _shard_key(session: Session, namespace: str) -> tuple[str, ...]:
    """The fields of a collection's shard key; empty if it has none, or that can't be read."""
    command = {"find": "collections", "filter": {"_id": namespace}, "limit": 1}
    if session.role != "mongos":  # what a shard knows of the cluster
        command["find"] = "cache.collections"
    try:
        for told in session.documents("config", command):
            if isinstance(key := told.get("key"), Mapping) and not told.get("dropped"):
                return tuple(map(str, key))
    except Unavailable:
        pass
    return ()


def _stats(session: Session, database: str, name: str) -> Document:
    """What ``$collStats`` tells; with fewer privileges only the count."""
    pipeline: list[Document] = [{"$collStats": {"storageStats": {}}}]
    command = {"aggregate": name, "pipeline": pipeline, "cursor": {}}
    try:
        shards = [dict(one["storageStats"]) for one in session.documents(database, command)]
    except Unavailable:
        counted = session.command(database, {"count": name})["n"]
        return {"count": counted, "size": counted * 500}
    if not shards:
        raise Unavailable(f"{database}.{name} does not exist")
    found = shards[0]
    for one in shards[1:]:  # of a cluster, each shard has a part
        found["count"] = found.get("count", 0) + one.get("count", 0)
        found["size"] = found.get("size", 0) + one.get("size", 0)
        sizes = found.setdefault("indexSizes", {})
        for index, size in (one.get("indexSizes") or {}).items():
            sizes[index] = sizes.get(index, 0) + size
    return found


def _index(namespace: str, told: Mapping[str, Any], sizes: Mapping[str, Any]) -> Index:
    name = str(told.get("name", ""))
    expires = told.get("expireAfterSeconds")
    keys = tuple((str(path), way) for path, way in told["key"].items())
    return Index(
        namespace,
        name,
        _text_keys(told) if "textIndexVersion" in told else keys,
        unique=bool(told.get("unique")),
        sparse=bool(told.get("sparse")),
        partial=dict(told.get("partialFilterExpression") or {}),
        expire_seconds=None if expires is None else float(expires),
        collation=normal(told.get("collation")),
        projection=dict(told.get("wildcardProjection") or {}),
        hidden=bool(told.get("hidden")),
        size_bytes=int(sizes[name]) if name in sizes else None,
    )


def _text_keys(told: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A text index lists the fields that it searches as weights."""
    before = [
        (str(path), way) for path, way in told["key"].items() if path not in ("_fts", "_ftsx")
    ]
    return (*before, *((str(path), "text") for path in told.get("weights") or {}))


def read_sample(
    session: Session, collection: Collection, paths: Iterable[str], docs: int = SAMPLE_DOCS
) -> list[Document]:
    """Some documents of a collection, only with the fields that queries have to do with.

    All of a small collection are read; of a larger one no more than 5 %, by a random cursor, unless
    reading it whole is cheap.

    Raises:
        Unavailable: this user may not, or the time limit passed.
        TargetError: the connection broke.
    """
    database, _, name = collection.namespace.partition(".")
    project = {"$project": _roots(paths)}
    cheap = collection.data_bytes <= SAMPLE_BYTES
    if collection.count <= 2 * docs and cheap:
        stages: list[Document] = [{"$limit": 2 * docs + 1000}]
    elif cheap:
        stages = [{"$sample": {"size": docs}}]
    else:
        stages = [{"$sample": {"size": max(100, min(docs, int(collection.count * _RANDOM_SHARE)))}}]
    command = {
        "aggregate": name,
        "pipeline": [*stages, project],
        "cursor": {"batchSize": _BATCH},
    }
    return list(session.documents(database, command))


def _roots(paths: Iterable[str]) -> dict[str, int]:
    """A projection of some paths without those inside others, which the server refuses."""
    kept: list[str] = []
    for path in sorted(_plain(paths)):
        if not any(path == one or path.startswith(one + ".") for one in kept):
            kept.append(path)
    return dict.fromkeys(kept, 1) or {"_id": 1}


def _plain(paths: Iterable[str]) -> set[str]:
    """Paths without positions in arrays: the array is read."""
    found = set()
    for path in paths:
        steps: list[str] = []
        for step in path.split("."):
            if step.isdigit() or step.startswith("$") or not step:
                break
            steps.append(step)
        if steps:
            found.add(".".join(steps))
    return found


def collection_names(session: Session, database: str, most: int) -> list[str]:
    """``database.collection`` of the ordinary collections, of one database or of all.

    Raises:
        Unavailable: this user may not list them.
        TargetError: the connection broke.
    """
    internal = ("admin", "config", "local")
    names = [database] if database else [session.database] if session.database else []
    visible = session.database_names()
    names = [one for one in names if one in visible and one not in internal]
    found: list[str] = []
    for one in names or [name for name in visible if name not in internal]:
        command = {
            "listCollections": 1,
            "filter": {"type": "collection", "name": {"$not": {"$regex": r"^system\."}}},
            "nameOnly": True,
            "authorizedCollections": True,
        }
        found += [f"{one}.{told['name']}" for told in session.documents(one, command)]
        if len(found) >= most:
            break
    return sorted(found)[:most]
