"""The tables of ``suggest-indexes`` on MongoDB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dbtune.mongo.indexes.advise import Advice, Case
from dbtune.mongo.indexes.facts import Collection
from dbtune.mongo.indexes.propose import create_text, keys_text
from dbtune.mongo.indexes.redundant import pairs
from dbtune.mongo.indexes.work import Work
from dbtune.report import Column, Row, Table

SUGGESTIONS = Table(
    "suggestions",
    "Indexes to make",
    (
        Column("number", "#", "int", "Which suggestion, the most useful first."),
        Column("namespace", "collection", "text", "database.collection."),
        Column("keys", "index", "text", "Its fields and directions, and which documents."),
        Column("queries", "queries", "int", "Query shapes that it serves."),
        Column("calls", "calls", "int", "Their recorded calls.", 1),
        Column("total_ms", "their time", "ms", "Their recorded time.", 1),
        Column("before_docs", "docs before", "float", "Documents examined a call, estimated."),
        Column("after_docs", "docs after", "float", "The same with the index."),
        Column(
            "after_keys", "keys after", "float", "Index keys examined a call, with the index.", 2
        ),
        Column("work_ratio", "work left", "ratio", "Work with it, of the work now, all calls."),
        Column("size_bytes", "size", "bytes", "About how large it will be."),
        Column("replaces", "replaces", "list", "Existing indexes that it can stand in for.", 2),
        Column("sql", "statement", "sql", "The statement that makes it.", None),
        Column("confidence", "confidence", "text", "estimated, or measured by --verify.", None),
    ),
    empty="no index is worth making for these queries",
)
QUERIES = Table(
    "queries",
    "Queries",
    (
        Column("namespace", "collection", "text", "The collection that is read.", None),
        Column("statement", "statement", "sql", "The query's shape."),
        Column("calls", "calls", "int", "Recorded calls."),
        Column("total_ms", "time", "ms", "Recorded time of all calls."),
        Column("uses", "uses now", "text", "The index that it can use now; none: a scan."),
        Column(
            "before_keys", "keys before", "float", "Index keys examined a call now, estimated.", 2
        ),
        Column("before_docs", "docs before", "float", "Documents examined a call now, estimated."),
        Column(
            "before_sorted_docs", "sorted", "float", "Documents sorted in memory a call now.", 1
        ),
        Column("recorded_docs", "recorded", "float", "Documents examined a call, recorded.", 2),
        Column("returned", "returned", "float", "Documents returned a call, estimated.", 2),
        Column("suggestion", "suggestion", "int", "Number of the suggestion that serves it."),
        Column("after_keys", "keys after", "float", "Index keys examined a call with it.", 2),
        Column("after_docs", "docs after", "float", "Documents examined a call with it.", 1),
        Column("work_ratio", "work left", "ratio", "Work with it, of the work now.", 1),
    ),
    empty="no query was recorded",
)
INDEXES = Table(
    "indexes",
    "Existing indexes",
    (
        Column("namespace", "collection", "text", "database.collection."),
        Column("name", "index", "text", "Its name."),
        Column("keys", "keys", "text", "Its fields and directions.", 1),
        Column("size_bytes", "size", "bytes", "On disk."),
        Column("ops", "uses", "int", "Operations that used it, on all members."),
        Column("since", "since", "time", "Since when all members have counted.", 1),
        Column("kind", "kind", "text", "What it is beside an index: unique, TTL, hidden, ...", 1),
        Column("stands_in", "stands in", "text", "A longer index that serves the same.", 1),
    ),
    empty="no index",
)
VERIFIED = Table(
    "verified",
    "Executed on a copy of a sample",
    (
        Column("namespace", "collection", "text", "The collection that was sampled.", None),
        Column("statement", "statement", "sql", "The query's shape."),
        Column("copied", "documents", "int", "Documents of the copy.", 1),
        Column(
            "before_keys",
            "keys before",
            "int",
            "Index keys examined without the advised indexes.",
            1,
        ),
        Column("before_docs", "docs before", "int", "Documents examined without them."),
        Column("before_ms", "time before", "ms", "Execution time without them."),
        Column("after_keys", "keys after", "int", "Index keys examined with them."),
        Column("after_docs", "docs after", "int", "Documents examined with them."),
        Column("after_ms", "time after", "ms", "Execution time with them."),
        Column("uses", "uses", "text", "The index that the planner chose with them.", 1),
    ),
    empty="nothing to verify",
)
TABLES = (SUGGESTIONS, QUERIES, INDEXES, VERIFIED)


def suggestion_rows(advised: Sequence[Advice]) -> Iterator[Row]:
    """A row for each advised index."""
    number = 0
    for one in advised:
        for index in one.indexes:
            number += 1
            cases = [case for case in one.cases if index in case.by]
            before = sum(case.now.cost * case.weight for case in cases)
            yield {
                "number": number,
                "namespace": one.collection.namespace,
                "keys": keys_text(index),
                "queries": len(cases),
                "calls": round(sum(case.usage.calls for case in cases)),
                "total_ms": sum(case.usage.total_ms for case in cases),
                "before_docs": _mean((case.now, case) for case in cases),
                "after_docs": _mean((case.then, case) for case in cases),
                "after_keys": _mean_keys(cases),
                "work_ratio": sum(c.then.cost * c.weight for c in cases) / max(before, 1e-9),
                "size_bytes": round(one.sizes[index]),
                "replaces": [old.name for old in one.replaced.get(index, ())],
                "sql": create_text(index, one.collection),
                "confidence": "estimated",
            }


def _mean(works: Iterable[tuple[Work, Case]]) -> float | None:
    found = [((work.docs + work.scanned) * case.weight, case.weight) for work, case in works]
    total = sum(weight for _, weight in found)
    return sum(docs for docs, _ in found) / total if total else None


def _mean_keys(cases: Sequence[Case]) -> float | None:
    total = sum(case.weight for case in cases)
    return sum(case.then.keys * case.weight for case in cases) / total if total else None


def query_rows(advised: Sequence[Advice]) -> Iterator[Row]:
    """A row for each query that was judged, those that took most time first."""
    numbers: dict[tuple[str, object], int] = {}
    for one in advised:
        for index in one.indexes:
            numbers[one.collection.namespace, index] = len(numbers) + 1
    cases = [(one, case) for one in advised for case in one.cases]
    cases.sort(key=lambda pair: (-pair[1].usage.total_ms, pair[1].usage.text))
    for one, case in cases:
        served = [numbers.get((one.collection.namespace, index)) for index in case.by]
        number = next((found for found in served if found), None)
        usage, now, then = case.usage, case.now, case.then
        yield {
            "namespace": usage.namespace,
            "statement": usage.text,
            "calls": round(usage.calls),
            "total_ms": usage.total_ms,
            "uses": case.uses or "none",
            "before_keys": now.keys,
            "before_docs": now.docs + now.scanned,
            "before_sorted_docs": now.sorted,
            "recorded_docs": None if usage.docs is None else usage.docs / max(1.0, usage.calls),
            "returned": now.returned,
            "suggestion": number,
            "after_keys": then.keys if number else None,
            "after_docs": then.docs + then.scanned if number else None,
            "work_ratio": then.cost / max(now.cost, 1e-9) if number else None,
        }


def index_rows(collections: Sequence[Collection]) -> Iterator[Row]:
    """A row for each existing index."""
    for collection in collections:
        stands_in = {one.name: other.name for one, other in pairs(collection.indexes)}
        for one in collection.indexes:
            words = [
                *(["unique"] if one.unique else []),
                *([f"TTL {one.expire_seconds:g} s"] if one.expire_seconds is not None else []),
                *(["sparse"] if one.sparse else []),
                *(["partial"] if one.partial else []),
                *(["collation"] if one.collation else []),
                *(["hidden"] if one.hidden else []),
                *(["arrays"] if one.multikey else []),
            ]
            yield {
                "namespace": one.namespace,
                "name": one.name,
                "keys": keys_text(one),
                "size_bytes": one.size_bytes,
                "ops": one.ops,
                "since": one.since,
                "kind": ", ".join(words) or None,
                "stands_in": stands_in.get(one.name),
            }
