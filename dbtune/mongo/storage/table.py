"""The tables of ``bloat`` on MongoDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dbtune.mongo.storage.facts import CollectionStorage
from dbtune.report import Column, Row, Table, record

COLLECTIONS = Table(
    "collections",
    "Collections",
    (
        Column("namespace", "collection", "text", "database.collection."),
        Column("size_bytes", "size", "bytes", "Its file."),
        Column("bloat_bytes", "bloat", "bytes", "What writing it anew gives back."),
        Column("bloat_ratio", "share", "ratio", "That, of the size."),
        Column("bloat_low_bytes", "at least", "bytes", "Lower bound.", 1),
        Column("bloat_high_bytes", "at most", "bytes", "Upper bound; null without a sample.", 1),
        Column("method", "by", "text", "sample, or statistics: then only free blocks are counted."),
        Column("free_bytes", "free", "bytes", "Blocks that are free to be written again.", 1),
        Column("documents", "documents", "int", "How many it has.", 2),
        Column("data_bytes", "data", "bytes", "Their size, not compressed.", 2),
        Column("compressor", "compressor", "text", "Of its file.", 3),
        Column("index_bytes", "indexes", "bytes", "Its indexes' files."),
        Column("index_free_bytes", "free in them", "bytes", "Free blocks in these.", 1),
        Column("sampled_docs", "sampled", "int", "Documents that were looked at.", None),
        Column("note", "note", "text", "Why there is no estimate by sample.", 3),
    ),
    empty="no collection of that size",
)
INDEXES = Table(
    "indexes",
    "Indexes with free blocks",
    (
        Column("namespace", "collection", "text", "database.collection."),
        Column("index", "index", "text", "Its name."),
        Column("size_bytes", "size", "bytes", "Its file."),
        Column("free_bytes", "free", "bytes", "Blocks that are free to be written again."),
        Column("free_ratio", "share", "ratio", "That, of the size."),
    ),
    empty="no index has free blocks worth a line",
)
SUMMARY = (
    Column("examined", "examined", "int", "Collections that were examined."),
    Column("size_bytes", "size", "bytes", "Size of their files."),
    Column("bloat_bytes", "bloat", "bytes", "What writing them anew would give back."),
    Column("bloat_ratio", "share", "ratio", "That, of the size."),
    Column("bloat_low_bytes", "at least", "bytes", "Sum of the lower bounds."),
    Column(
        "bloat_high_bytes", "at most", "bytes", "Sum of the upper ones; null if one is missing."
    ),
    Column("by_method", "methods", "object", "Collections by method.", None),
    Column("index_bytes", "indexes", "bytes", "Their indexes' files."),
    Column("index_free_bytes", "free in them", "bytes", "Free blocks in these."),
    Column("small", "not examined", "int", "Collections smaller than --min-size."),
    Column("small_bytes", "size of these", "bytes", "Size of their files."),
)
SHARDS = Table(
    "shards",
    "Shards",
    (
        Column("shard", "shard", "text", "Its name."),
        Column("host", "read from", "text", "The member whose files these are."),
        Column("members", "members", "list", "Of the shard; null if they can't be listed.", 1),
        Column("collections", "collections", "int", "Examined ones that have a part here."),
        Column("size_bytes", "size", "bytes", "Of their files."),
        Column("bloat_bytes", "bloat", "bytes", "What writing them anew gives back."),
        Column("free_bytes", "free", "bytes", "Blocks that are free to be written again."),
        Column("index_bytes", "indexes", "bytes", "Their indexes' files."),
        Column("index_free_bytes", "free in them", "bytes", "Free blocks in these."),
        Column("orphans", "orphans", "int", "Documents that belong to another shard.", 2),
    ),
    empty="no collection of that size",
)
COLLECTIONS_BY_SHARD = Table(
    "collections_by_shard",
    "Collections by shard",
    (
        Column("shard", "shard", "text", "The shard that has this part."),
        *(one for one in COLLECTIONS.columns if one.name not in ("sampled_docs", "note")),
    ),
    empty="no collection of that size",
)
_TOTAL = Table("summary", "Total", SUMMARY, record=True)
TABLES = (COLLECTIONS, INDEXES, SHARDS, COLLECTIONS_BY_SHARD, _TOTAL)
_LEAST_INDEX_RATIO = 0.1


def tables(
    found: Sequence[CollectionStorage],
    small: Sequence[CollectionStorage],
    limit: int,
    min_bytes: int,
) -> tuple[Table, ...]:
    """All tables of the report, the most wasteful first."""
    ordered = sorted(found, key=lambda one: (-one.bloat_bytes, one.namespace))
    indexes = sorted(_index_rows(found, min_bytes), key=lambda row: -row["free_bytes"])  # type: ignore[operator]
    rest = len(ordered) - limit
    size = sum(one.size_bytes for one in found)
    bloat = sum(one.bloat_bytes for one in found)
    highs = [one.bounds[1] for one in found]
    values: Row = {
        "examined": len(found),
        "size_bytes": size,
        "bloat_bytes": bloat,
        "bloat_ratio": bloat / size if size else None,
        "bloat_low_bytes": sum(one.bounds[0] for one in found),
        "bloat_high_bytes": None if None in highs else sum(filter(None, highs)),
        "by_method": dict(Counter(one.method for one in found)),
        "index_bytes": sum(one.index_bytes for one in found),
        "index_free_bytes": sum(one.index_free_bytes or 0 for one in found),
        "small": len(small),
        "small_bytes": sum(one.size_bytes for one in small),
    }
    return (
        replace(
            COLLECTIONS,
            rows=tuple(map(_row, ordered[:limit])),
            footer=f"{rest} more with less waste (--limit)" if rest > 0 else "",
        ),
        replace(INDEXES, rows=tuple(indexes[:limit])),
        *_of_shards(found, limit),
        record("summary", "Total", SUMMARY, values),
    )


def _of_shards(found: Sequence[CollectionStorage], limit: int) -> Iterator[Table]:
    parts = [part for one in found for part in one.parts]
    if not parts:
        return
    shards: dict[str, list[CollectionStorage]] = {}
    for part in parts:
        shards.setdefault(part.shard, []).append(part)
    rows: list[Row] = [
        {
            "shard": name,
            "host": ", ".join(dict.fromkeys(one.host for one in ones)),
            "members": list(ones[0].members) or None,
            "collections": len(ones),
            "size_bytes": sum(one.size_bytes for one in ones),
            "bloat_bytes": sum(one.bloat_bytes for one in ones),
            "free_bytes": sum(one.free_bytes or 0 for one in ones),
            "index_bytes": sum(one.index_bytes for one in ones),
            "index_free_bytes": sum(one.index_free_bytes or 0 for one in ones),
            "orphans": sum(one.orphans for one in ones),
        }
        for name, ones in sorted(shards.items())
    ]
    yield replace(SHARDS, rows=tuple(rows))
    parts.sort(key=lambda one: (-one.bloat_bytes, one.namespace, one.shard))
    shown: list[Row] = [{"shard": one.shard, **_row(one)} for one in parts[:limit]]
    rest = len(parts) - limit
    yield replace(
        COLLECTIONS_BY_SHARD,
        rows=tuple(
            {column.name: row[column.name] for column in COLLECTIONS_BY_SHARD.columns}
            for row in shown
        ),
        footer=f"{rest} more with less waste (--limit)" if rest > 0 else "",
    )


def _row(one: CollectionStorage) -> Row:
    low, high = one.bounds
    return {
        "namespace": one.namespace,
        "size_bytes": one.size_bytes,
        "bloat_bytes": one.bloat_bytes,
        "bloat_ratio": one.bloat_bytes / one.size_bytes if one.size_bytes else None,
        "bloat_low_bytes": low,
        "bloat_high_bytes": high,
        "method": one.method,
        "free_bytes": one.free_bytes,
        "documents": one.count,
        "data_bytes": one.data_bytes,
        "compressor": one.compressor or None,
        "index_bytes": one.index_bytes,
        "index_free_bytes": one.index_free_bytes,
        "sampled_docs": one.sampled,
        "note": one.unsampled or _note(one),
    }


def _note(one: CollectionStorage) -> str | None:
    if one.time_series:
        return "time series: free blocks only"
    return "capped: a fixed size by wish" if one.capped else None


def _index_rows(found: Sequence[CollectionStorage], min_bytes: int) -> Iterator[Row]:
    for one in found:
        for index in one.indexes:
            free = index.free_bytes or 0
            if index.size_bytes >= min_bytes and free >= _LEAST_INDEX_RATIO * index.size_bytes:
                yield {
                    "namespace": one.namespace,
                    "index": index.name,
                    "size_bytes": index.size_bytes,
                    "free_bytes": free,
                    "free_ratio": free / index.size_bytes,
                }
