"""How large a b-tree would be if it were built anew, from some of its pages (pageinspect).

The pages tell how long its entries are, how many rows share a key and how many entries there are;
the table tells how many of these are for live rows. With that the new index is built on paper.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from dbtune.postgres.bloat.facts import Estimate, IndexShape, Method, Relation
from dbtune.postgres.bloat.heap_model import Rows
from dbtune.postgres.bloat.heap_sample import choose
from dbtune.postgres.bloat.layout import BLOCK_BYTES
from dbtune.postgres.relations.index_size import Entry, Equal, btree_bytes, postings
from dbtune.postgres.session import Row, Transaction

BLOCKS = 150
_QUANTILE = 2.3
_MODEL_ERROR = 0.01
_LEAF, _DELETED, _HALF_DEAD = 1, 4, 16  # BTP_LEAF, BTP_DELETED, BTP_HALF_DEAD


@dataclass
class Leaf:
    """A leaf page: its keys, and how many entries each has.

    Attributes:
        keys: how many keys there are of each length with each number of entries.
        entries: all together.
        inside: whether the page is one key's, which goes on behind it.
    """

    keys: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    entries: int = 0
    inside: bool = False


@dataclass(frozen=True)
class Sample:
    """Pages of an index that were read.

    Attributes:
        pages: how many it has, but for the first, which holds no entries.
        read: how many were read.
        leaves: those that are leaves.
    """

    pages: int
    read: int
    leaves: tuple[Leaf, ...]

    @property
    def entries(self) -> float:
        """Entries of the whole index."""
        return sum(leaf.entries for leaf in self.leaves) * self.pages / max(1, self.read)


def read_sample(
    transaction: Transaction, relation: Relation, schema: str, count: int = BLOCKS
) -> Sample:
    """Read pages of an index.

    Args:
        transaction: a superuser's.
        relation: the index.
        schema: where pageinspect is.
        count: how many.

    Raises:
        psycopg.Error: it can't be read.
    """
    name = sql.Identifier(relation.schema, relation.name).as_string(None)
    sizes = transaction.rows(
        "SELECT pg_catalog.pg_relation_size(%s::oid)"
        " / pg_catalog.current_setting('block_size')::bigint AS blocks",
        [relation.oid],
    )
    pages = int(sizes[0]["blocks"]) - 1
    chosen = [block + 1 for block in choose(pages, count, relation.oid)]
    rows = transaction.rows(_query(schema), {"index": name, "blocks": chosen})
    by_block: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_block[row["block"]].append(row)
    leaves = (_leaf(group) for group in by_block.values() if _is_leaf(group[0]["flags"]))
    return Sample(pages, len(chosen), tuple(leaves))


def _query(schema: str) -> sql.Composed:
    """Keys of each leaf page, those at its ends by themselves: they may go on beyond it."""
    return sql.SQL(
        "SELECT b.number AS block, p.btpo_flags AS flags, i.*"
        " FROM unnest(%(blocks)s::int[]) b(number)"
        " CROSS JOIN LATERAL {stats}(%(index)s, b.number) p"
        " LEFT JOIN LATERAL ("
        "  WITH item AS MATERIALIZED ("
        "   SELECT t.itemoffset, t.htid IS NOT NULL AS has_tid, t.data,"
        "    (length(t.data) + 1) / 3 + CASE WHEN t.nulls THEN 16 ELSE 8 END AS length,"
        "    coalesce(cardinality(t.tids), 1) AS entries"
        "   FROM {items}(%(index)s, b.number) t"
        "   WHERE p.btpo_flags & 21 = 1"
        "  ), own AS ("
        "   SELECT k.length, k.data, sum(k.entries) AS entries,"
        "    min(k.itemoffset) AS first, max(k.itemoffset) AS last"
        "   FROM item k WHERE k.itemoffset > CASE WHEN p.btpo_next = 0 THEN 0 ELSE 1 END"
        "   GROUP BY k.length, k.data"
        "  )"
        "  SELECT o.length, o.entries::int AS entries, count(*)::int AS keys,"
        "   o.first = (SELECT min(x.first) FROM own x) AS first,"
        "   o.last = (SELECT max(x.last) FROM own x) AS last,"
        "   p.btpo_next <> 0 AND (SELECT h.has_tid FROM item h WHERE h.itemoffset = 1) AS goes_on"
        "  FROM own o GROUP BY o.length, o.entries, 4, 5"
        " ) i ON true"
    ).format(
        stats=sql.Identifier(schema, "bt_page_stats"), items=sql.Identifier(schema, "bt_page_items")
    )


def _is_leaf(flags: int) -> bool:
    return flags & (_LEAF | _DELETED | _HALF_DEAD) == _LEAF


def _leaf(rows: Sequence[Row]) -> Leaf:
    leaf = Leaf()
    ends: dict[str, Row] = {}
    for row in rows:
        if row["length"] is None:  # no entry at all
            continue
        leaf.entries += row["entries"] * row["keys"]
        if row["goes_on"] and (row["first"] or row["last"]):
            if row["first"] and row["last"]:
                leaf.inside = True
            ends["first" if row["first"] else "last"] = row
        else:
            leaf.keys[row["length"], row["entries"]] += row["keys"]
    if ends:
        # A key that goes on behind the page is as long there, on average, as the part of the one
        # that came from before it: together they are one key.
        entries = sum(row["entries"] for row in ends.values())
        leaf.keys[next(iter(ends.values()))["length"], entries] += 1
    return leaf


# ------------------------------------------------------------------------------- on paper


def estimate(
    sample: Sample, relation: Relation, shape: IndexShape, rows: Rows, updates: float
) -> Estimate:
    """The index built anew.

    Args:
        sample: pages of it.
        relation: the index.
        shape: its columns.
        rows: rows that it has entries for.
        updates: the part of the dead rows that are old versions of live ones, not deleted.
    """
    fillfactor = relation.fillfactor(90)
    lengths = _lengths(sample.leaves)
    merges = shape.deduplicates and not shape.unique

    def built(part: float, fill: int = fillfactor) -> float:
        if not lengths or rows.number < 1:
            return float(BLOCK_BYTES)
        equal = _equal(sample, rows.number, part) if merges else None
        return btree_bytes(lengths, rows.number, equal, fillfactor=fill)

    size = float(relation.size_bytes)
    likely = built(updates)
    sides = [likely]
    if merges and rows.number < 0.98 * sample.entries:
        sides += [built(0.0), built(1.0)]
    error = math.hypot(rows.error, _error(sample, merges)) + _MODEL_ERROR
    return Estimate(
        relation,
        Method.sample,
        min(likely, size),
        low_bytes=max(0.0, min(*sides, size) * (1 - error) - 2 * BLOCK_BYTES),
        high_bytes=min(size, max(sides) * (1 + error) + 2 * BLOCK_BYTES),
        reserve_bytes=max(0.0, likely - built(updates, 100)),
        rows=rows.number,
        dead_rows=max(0.0, sample.entries - rows.number),
        note=rows.note,
        pages_read=sample.read,
    )


def _lengths(leaves: Iterable[Leaf], count: int = 400) -> list[int]:
    """Lengths of entries, evenly spaced points of their distribution."""
    weights: dict[int, float] = defaultdict(float)
    for leaf in leaves:
        for (length, entries), keys in leaf.keys.items():
            weights[length] += entries * keys
    total = sum(weights.values())
    found: list[int] = []
    reached = 0.0
    for length, weight in sorted(weights.items()):
        reached += weight
        found += [length] * (round(reached / total * count) - len(found))
    return found


def _equal(sample: Sample, rows: float, updates: float) -> list[Equal]:
    """How many live rows share keys.

    Of the entries for dead rows, those of deleted rows are spread over all keys; the old version
    of an updated row stands beside its new one, and its key remains.
    """
    scale = sample.pages / max(1, sample.read)
    keys: dict[tuple[int, int], float] = defaultdict(float)
    for leaf in sample.leaves:
        for group, times in leaf.keys.items():
            keys[group] += times * scale
    dead = max(0.0, sample.entries - rows)
    left = 1 - dead * (1 - updates) / max(1.0, sample.entries)
    groups = []
    for (length, entries), number in keys.items():
        each = max(1.0, entries * left)
        groups.append((length, each, number * entries * left / each))
    total = sum(each * number for _, each, number in groups)
    distinct = sum(number for _, _, number in groups)
    beyond = max(1e-9, total - distinct)  # entries that are not the first of their key
    kept = min(1.0, max(0.0, (rows - distinct) / beyond))
    made = [Equal(1 + (each - 1) * kept, number, True, length) for length, each, number in groups]
    fit = rows / max(1.0, sum(group.rows * group.keys for group in made))
    return [group._replace(keys=group.keys * fit) for group in made]


def _error(sample: Sample, deduplicates: bool) -> float:
    """Relative error of the bytes that an entry takes, with 95 % confidence."""
    read, left = sample.read, math.sqrt(max(0.0, 1 - sample.read / max(1, sample.pages)))
    pairs = [(leaf.entries, _bytes(leaf, deduplicates)) for leaf in sample.leaves if leaf.entries]
    entries = sum(count for count, _ in pairs)
    if not entries or len(pairs) < 2:
        return 0.0 if read >= sample.pages else 1.0
    ratio = sum(size for _, size in pairs) / entries
    residual = sum((size - ratio * count) ** 2 for count, size in pairs) / (len(pairs) - 1)
    mean = entries / len(pairs)
    return _QUANTILE * math.sqrt(residual / len(pairs)) / (mean * ratio) * left


def _bytes(leaf: Leaf, deduplicates: bool) -> float:
    """What the entries of a page take in a new index."""
    total = 0.0
    for (length, entries), keys in leaf.keys.items():
        made = postings(length, entries) if deduplicates else [(Entry(length), entries)]
        total += keys * sum((entry.size + 4) * count for entry, count in made)
    return total
