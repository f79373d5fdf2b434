"""Estimates laid out: relations, their tables with partitions rolled up, and totals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dbtune.bloat import Selection
from dbtune.postgres.bloat.facts import Bloat, Estimate, Kind, Method, Relation, Sizes
from dbtune.postgres.bloat.remedy import Way
from dbtune.report import Column, Row, Table, record
from dbtune.text import bytes_text, plural, ratio_text

RELATIONS = Table(
    "relations",
    "Relations",
    (
        Column("relation", "relation", "text", "Schema and name; of TOAST that of its table."),
        Column("kind", "kind", "text", "table, toast, materialized view or an index's method."),
        Column("size_bytes", "size", "bytes", "Size of the main file."),
        Column("bloat_bytes", "bloat", "bytes", "What a rewrite gives back; null if unknown."),
        Column("bloat_ratio", "share", "ratio", "That, of the size."),
        Column("bloat_low_ratio", "from", "ratio", "Lower bound of the share.", 1),
        Column("bloat_high_ratio", "to", "ratio", "Upper bound of the share.", 1),
        Column("bloat_low_bytes", "bloat at least", "bytes", "Lower bound.", None),
        Column("bloat_high_bytes", "bloat at most", "bytes", "Upper bound.", None),
        Column("method", "by", "text", "How it was found: statistics, sample, exact; or unknown."),
        Column("rows", "rows", "int", "Live rows; of an index the rows that it is for.", 3),
        Column("dead_rows", "dead rows", "int", "Rows that VACUUM would remove.", 2),
        Column("rewritten_bytes", "rewritten", "bytes", "Its size after a rewrite.", 5),
        Column("fillfactor", "fillfactor", "int", "Per cent; the rest is wanted, not bloat.", 6),
        Column("reserve_bytes", "reserve", "bytes", "What fillfactor keeps free by wish.", 6),
        Column("table", "table", "text", "The table that it belongs to.", None),
        Column("partition_of", "partition of", "text", "The topmost partitioned table.", None),
        Column("pages_read", "pages read", "int", "Pages that were read to find it.", None),
        Column("note", "note", "text", "Why there is no number, or why it may be off.", 4),
    ),
)
BY_TABLE = Table(
    "tables",
    "By table, with TOAST and indexes; partitions together",
    (
        Column("table", "table", "text", "Schema and name."),
        Column("partitions", "partitions", "int", "How many of them were examined.", 2),
        Column("size_bytes", "size", "bytes", "Size of what was examined."),
        Column("bloat_bytes", "bloat", "bytes", "What rewrites give back, as far as known."),
        Column("bloat_ratio", "share", "share", "That, of the size."),
        Column("table_bloat_bytes", "in rows", "bytes", "Part of it in the table itself.", 1),
        Column("toast_bloat_bytes", "in TOAST", "bytes", "Part of it in TOAST.", 1),
        Column("index_bloat_bytes", "in indexes", "bytes", "Part of it in indexes.", 1),
        Column("unknown_bytes", "unknown", "bytes", "Size of what could not be estimated.", 1),
    ),
)
REMEDIES = Table(
    "remedies",
    "Ways back, the most bytes for the least risk first",
    (
        Column("relation", "relation", "text", "What it is for."),
        Column("kind", "kind", "text", "table, toast, or the method of an index.", 2),
        Column("action", "action", "text", "What to do."),
        Column("gain_bytes", "gives back", "bytes", "Most likely, to the operating system."),
        Column("gain_low_bytes", "at least", "bytes", "Lower bound.", 3),
        Column("gain_high_bytes", "at most", "bytes", "Upper bound.", 3),
        Column("reuse_bytes", "frees", "bytes", "Becomes free for new rows, in the file.", 1),
        Column("risk", "risk", "text", "none, space, moments or outage: what it may do.", 1),
        Column(
            "duration_class",
            "runs for",
            "text",
            "At 50 MB/s: seconds, minutes, up to an hour, hours.",
            1,
        ),
        Column("extra_bytes", "disk needed", "bytes", "While it runs.", 2),
        Column("wal_bytes", "WAL", "bytes", "Write-ahead log that it writes.", 3),
        Column("lock", "lock", "text", "What it locks.", 5),
        Column("needs", "needs", "text", "What has to be there first.", 6),
        Column("sql", "statement", "sql", "SQL, or a command line.", 4),
    ),
    empty="nothing is worth doing",
)
SUMMARY = (
    Column("examined", "examined", "int", "Relations that were examined."),
    Column("size_bytes", "size", "bytes", "Size of these."),
    Column("bloat_bytes", "bloat", "bytes", "What rewrites would give back; null if unknown."),
    Column("bloat_ratio", "share", "ratio", "That, of the size."),
    Column("bloat_low_bytes", "at least", "bytes", "Sum of the lower bounds."),
    Column("bloat_high_bytes", "at most", "bytes", "Sum of the upper bounds."),
    Column("unknown", "unknown", "int", "Relations whose bloat is not known."),
    Column("unknown_bytes", "unknown size", "bytes", "Size of these."),
    Column("by_method", "methods", "object", "Relations by method.", None),
    Column("small", "not examined", "int", "Relations smaller than --min-size."),
    Column("small_bytes", "size of these", "bytes", "Size of these."),
)
TABLES = (RELATIONS, BY_TABLE, REMEDIES, Table("summary", "Total", SUMMARY, record=True))


def tables(bloat: Bloat, ways: Sequence[Way], selection: Selection) -> tuple[Table, ...]:
    """All tables of the report.

    Args:
        bloat: estimates, and what they were made from.
        ways: remedies in their order.
        selection: how many rows are wanted.
    """
    sizes, limit = bloat.sizes, selection.limit
    ordered = sorted(bloat.estimates, key=rank)
    rest = len(ordered) - limit
    relations = replace(
        RELATIONS,
        rows=tuple(_row(one, sizes) for one in ordered[:limit]),
        footer=f"{plural(rest, 'relation')} more (--limit)" if rest > 0 else "",
        empty=_nothing(sizes),
    )
    total = record("summary", "Total", SUMMARY, summary(ordered, sizes))
    if not ordered:
        return (relations, total)
    together = replace(
        BY_TABLE,
        rows=tuple(row for row in _by_table(ordered) if _worth_a_row(row))[:limit],
        empty="no table has several of these relations",
    )
    rest = len(ways) - limit
    lacking = any(one.rewritten_bytes is None for one in ordered)
    unknown = ", as far as the bloat is known" if lacking else ""
    remedies = replace(
        REMEDIES,
        rows=tuple(_way_row(way, sizes) for way in ways[:limit]),
        empty=f"{REMEDIES.empty}{unknown}",
        footer=_ways_footer(rest),
    )
    return (relations, together, remedies, total)


def _ways_footer(rest: int) -> str:
    more = f"; {plural(rest, 'way')} more (--limit)" if rest > 0 else ""
    return f"what rewrites a table rewrites its indexes, too; --format sql writes them out{more}"


def _way_row(way: Way, sizes: Sizes) -> Row:
    return {
        "relation": label(way.estimate.relation, sizes),
        "kind": kind(way.estimate.relation, sizes),
        "action": way.action,
        "gain_bytes": _whole(way.gain_bytes),
        "gain_low_bytes": _whole(way.gain_low_bytes),
        "gain_high_bytes": _whole(way.gain_high_bytes),
        "reuse_bytes": _whole(way.reuse_bytes) or None,
        "risk": way.risk.name,
        "duration_class": way.duration.text,
        "extra_bytes": _whole(way.extra_bytes),
        "wal_bytes": _whole(way.wal_bytes),
        "lock": way.lock,
        "needs": way.needs or None,
        "sql": way.statement,
    }


def rank(estimate: Estimate) -> tuple[bool, float, float, str]:
    """Most bloat first; what is unknown after all that is known, the largest first."""
    bloat = estimate.bloat_bytes
    size = estimate.relation.size_bytes
    return bloat is None, -(bloat or 0.0), -size, estimate.relation.name


def label(relation: Relation, sizes: Sizes) -> str:
    """``public.orders``; a TOAST table is called by its table's name."""
    table = sizes.relations.get(relation.table)
    if relation.schema != "pg_toast" or table is None:
        return f"{relation.schema}.{relation.name}"
    return f"{table.schema}.{table.name}"


def kind(relation: Relation, sizes: Sizes) -> str:
    """``table``, ``toast``, or the method of an index."""
    if relation.kind is not Kind.INDEX:
        return relation.kind.value
    shape = sizes.indexes.get(relation.oid)
    method = shape.method if shape else "index"
    return f"toast {method}" if relation.schema == "pg_toast" else method


def _row(one: Estimate, sizes: Sizes) -> Row:
    relation = one.relation
    size = max(1, relation.size_bytes)
    known = one.rewritten_bytes is not None
    table = sizes.relations.get(relation.table, relation)
    default = 90 if relation.kind is Kind.INDEX else 100
    return {
        "relation": label(relation, sizes),
        "kind": kind(relation, sizes),
        "size_bytes": relation.size_bytes,
        "bloat_bytes": _whole(one.bloat_bytes),
        "bloat_ratio": one.bloat_ratio,
        "bloat_low_ratio": one.bloat_low_bytes / size if known else None,
        "bloat_high_ratio": one.bloat_high_bytes / size if known else None,
        "bloat_low_bytes": _whole(one.bloat_low_bytes) if known else None,
        "bloat_high_bytes": _whole(one.bloat_high_bytes) if known else None,
        "method": one.method.value,
        "rows": _whole(one.rows),
        "dead_rows": _whole(one.dead_rows),
        "rewritten_bytes": _whole(one.rewritten_bytes),
        "fillfactor": relation.fillfactor(default),
        "reserve_bytes": _whole(one.reserve_bytes) if known else None,
        "table": f"{table.schema}.{table.name}",
        "partition_of": _root(relation) if relation.root != relation.table else None,
        "pages_read": one.pages_read,
        "note": one.note or None,
    }


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _root(relation: Relation) -> str:
    return f"{relation.root_schema}.{relation.root_name}"


def _by_table(estimates: Iterable[Estimate]) -> list[Row]:
    groups: dict[int, list[Estimate]] = defaultdict(list)
    for one in estimates:
        groups[one.relation.root].append(one)
    rows = [_group_row(group) for group in groups.values()]
    return sorted(rows, key=lambda row: (row["bloat_bytes"] is None, -(row["bloat_bytes"] or 0)))  # type: ignore[operator]


def _group_row(group: Sequence[Estimate]) -> Row:
    first = group[0].relation
    size = sum(one.relation.size_bytes for one in group)
    known = [one for one in group if one.bloat_bytes is not None]
    parts = {"toast": 0.0, "index": 0.0, "table": 0.0}
    for one in known:
        part = one.relation.kind.value
        in_toast = one.relation.schema == "pg_toast"
        parts["toast" if in_toast else part if part in parts else "table"] += one.bloat_bytes or 0.0
    bloat = sum(parts.values())
    known_size = sum(one.relation.size_bytes for one in known)
    partitions = {one.relation.table for one in group} - {first.root}
    return {
        "table": _root(first),
        "partitions": len(partitions) or None,
        "size_bytes": size,
        "bloat_bytes": round(bloat) if known else None,
        "bloat_ratio": bloat / max(1, known_size) if known else None,
        "table_bloat_bytes": round(parts["table"]) if known else None,
        "toast_bloat_bytes": round(parts["toast"]) if known else None,
        "index_bloat_bytes": round(parts["index"]) if known else None,
        "unknown_bytes": size - known_size or None,
        "_several": len(group) > 1,
    }


def _worth_a_row(row: Row) -> bool:
    return bool(row["_several"])


def summary(estimates: Sequence[Estimate], sizes: Sizes) -> Mapping[str, object]:
    """Totals over all relations that were examined."""
    known = [one for one in estimates if one.rewritten_bytes is not None]
    size = sum(one.relation.size_bytes for one in estimates)
    known_size = sum(one.relation.size_bytes for one in known)
    bloat = sum(one.bloat_bytes or 0.0 for one in known)
    methods: dict[str, int] = defaultdict(int)
    for one in estimates:
        methods[one.method.value] += 1
    return {
        "examined": len(estimates),
        "size_bytes": size,
        "bloat_bytes": round(bloat) if known else None,
        "bloat_ratio": bloat / known_size if known_size else None,
        "bloat_low_bytes": round(sum(one.bloat_low_bytes for one in known)) if known else None,
        "bloat_high_bytes": round(sum(one.bloat_high_bytes for one in known)) if known else None,
        "unknown": len(estimates) - len(known) or None,
        "unknown_bytes": size - known_size or None,
        "by_method": dict(sorted(methods.items())),
        "small": sizes.small_count,
        "small_bytes": sizes.small_bytes,
    }


def _nothing(sizes: Sizes) -> str:
    least = bytes_text(sizes.min_bytes)
    if not sizes.small_count:
        return "there are no relations here"
    return (
        f"nothing is as large as {least}: {plural(sizes.small_count, 'relation')} of together "
        f"{bytes_text(sizes.small_bytes)} were not examined (--min-size)"
    )


def spread_text(one: Estimate) -> str:
    """``41.2 % (39.0 % to 43.5 %)``: the share with its bounds."""
    assert one.bloat_ratio is not None
    size = max(1, one.relation.size_bytes)
    low, high = one.bloat_low_bytes / size, one.bloat_high_bytes / size
    share = ratio_text(one.bloat_ratio)
    if one.method is Method.exact or high - low < 0.001:
        return share
    return f"{share} ({ratio_text(low)} to {ratio_text(high)})"
