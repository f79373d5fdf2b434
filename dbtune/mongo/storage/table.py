"""The tables of ``bloat`` on MongoDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

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
TABLES = (COLLECTIONS, INDEXES, Table("summary", "Total", SUMMARY, record=True))
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
        "index_bytes": sum(_index_bytes(one) for one in found),
        "index_free_bytes": sum(_index_free(one) or 0 for one in found),
        "small": len(small),
        "small_bytes": sum(one.size_bytes for one in small),
    }
    return (
        Table(
            COLLECTIONS.name,
            COLLECTIONS.title,
            COLLECTIONS.columns,
            tuple(map(_row, ordered[:limit])),
            footer=f"{rest} more with less waste (--limit)" if rest > 0 else "",
            empty=COLLECTIONS.empty,
        ),
        Table(
            INDEXES.name,
            INDEXES.title,
            INDEXES.columns,
            tuple(indexes[:limit]),
            empty=INDEXES.empty,
        ),
        record("summary", "Total", SUMMARY, values),
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
        "index_bytes": _index_bytes(one),
        "index_free_bytes": _index_free(one),
        "sampled_docs": one.sampled,
        "note": one.unsampled or ("capped: a fixed size by wish" if one.capped else None),
    }


def _index_bytes(one: CollectionStorage) -> int:
    return sum(index.size_bytes for index in one.indexes)


def _index_free(one: CollectionStorage) -> int | None:
    told = [index.free_bytes for index in one.indexes if index.free_bytes is not None]
    return sum(told) if told else None


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
