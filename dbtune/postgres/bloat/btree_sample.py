"""How large a b-tree would be if it were built anew, from some of its pages (pageinspect).

The pages tell how long its entries are, how many rows share a key and how many entries there are;
the table tells how many of these are for live rows. With that the new index is built on paper.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from dbtune.postgres.bloat.facts import Estimate, IndexShape, Method, Relation
from dbtune.postgres.bloat.heap_model import Rows
from dbtune.postgres.bloat.heap_sample import choose
from dbtune.postgres.bloat.layout import BLOCK_BYTES
from dbtune.postgres.relations.index_size import Entry, Equal, btree_bytes, postings
from dbtune.postgres.session import Row, Transaction

BLOCKS = 150
_BATCH = 500
_QUANTILE = 2.3
_MODEL_ERROR = 0.01
_LEAF, _DELETED, _HALF_DEAD = 1, 4, 16  # BTP_LEAF, BTP_DELETED, BTP_HALF_DEAD


@dataclass
class Leaf:
    """A leaf page: its keys, and how many entries each has.

    Attributes:
        keys: how many keys there are of each length with each number of entries.
        entries: all together.
        alone: length of the only key of the page, which is none of ``keys``; 0 if there are more.
        ends: whether that key ends here.
    """

    keys: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    entries: int = 0
    alone: int = 0
    ends: bool = False


def read_leaves(
    transaction: Transaction, relation: Relation, schema: str, chosen: Sequence[int]
) -> list[Leaf]:
    """Those of some pages of an index that are leaves.

    Args:
        transaction: a superuser's.
        relation: the index.
        schema: where pageinspect is.
        chosen: numbers of the pages; not 0, which holds no entries.

    Raises:
        psycopg.Error: they can't be read.
    """
    name = sql.Identifier(relation.schema, relation.name).as_string(None)
    rows = transaction.rows(_query(schema), {"index": name, "blocks": list(chosen)})
    by_block: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_block[row["block"]].append(row)
    return [_leaf(group) for group in by_block.values() if _is_leaf(group[0]["flags"])]


def batches(pages: int, *, whole: bool) -> Iterator[list[int]]:
    """Numbers of pages to read together: some, or all of them in parts that are each a sample."""
    if not whole:
        yield [number + 1 for number in choose(pages, BLOCKS, pages)]
        return
    parts = math.ceil(pages / _BATCH)
    for part in range(parts):
        yield list(range(part + 1, pages + 1, parts))


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
        if row["first"] and row["last"]:
            leaf.alone, leaf.ends = row["length"], not row["goes_on"]
        elif row["goes_on"] and (row["first"] or row["last"]):
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


class Tally:
    """Pages of an index, as many as were read so far.

    Args:
        relation: the index.
        shape: its columns.
        pages: how many it has, but for the first, which holds no entries.
    """

    def __init__(self, relation: Relation, shape: IndexShape, pages: int) -> None:
        self._relation = relation
        self._merges = shape.deduplicates and not shape.unique
        self._pages = pages
        self._keys: dict[tuple[int, int], int] = defaultdict(int)
        self._runs: dict[int, list[int]] = defaultdict(lambda: [0, 0])  # entries, ends
        self._leaves = 0
        self._sums = [0.0] * 5  # of entries, bytes, entries², entries x bytes, bytes²
        self.read = 0

    def add(self, leaves: Iterable[Leaf], read: int) -> None:
        """Count in some more pages, of which these are leaves."""
        self.read += read
        for leaf in leaves:
            if not leaf.entries:
                continue
            self._leaves += 1
            if leaf.alone:
                run = self._runs[leaf.alone]
                self._runs[leaf.alone] = [run[0] + leaf.entries, run[1] + leaf.ends]
            for group, number in leaf.keys.items():
                self._keys[group] += number
            count, size = float(leaf.entries), _bytes(leaf, self._merges)
            more = (count, size, count * count, count * size, size * size)
            self._sums = [old + new for old, new in zip(self._sums, more, strict=True)]

    @property
    def entries(self) -> float:
        """Entries of the whole index."""
        return self._sums[0] * self._pages / max(1, self.read)

    def found(self, rows: Rows, updates: float) -> Estimate:
        """The index built anew.

        Args:
            rows: rows that it has entries for.
            updates: the part of the dead rows that are old versions of live ones, not deleted.
        """
        fillfactor = self._relation.fillfactor(90)
        lengths = self._lengths()

        def built(part: float, fill: int = fillfactor) -> float:
            if not lengths or rows.number < 1:
                return float(BLOCK_BYTES)
            equal = self._equal(rows.number, part) if self._merges else None
            return btree_bytes(lengths, rows.number, equal, fillfactor=fill)

        size = float(self._relation.size_bytes)
        likely = built(updates)
        sides = [likely]
        if self._merges and rows.number < 0.98 * self.entries:
            sides += [built(0.0), built(1.0)]
        error = math.hypot(rows.error, self._error()) + _MODEL_ERROR
        return Estimate(
            self._relation,
            Method.exact if self.read >= self._pages else Method.sample,
            min(likely, size),
            low_bytes=max(0.0, min(*sides, size) * (1 - error) - 2 * BLOCK_BYTES),
            high_bytes=min(size, max(sides) * (1 + error) + 2 * BLOCK_BYTES),
            reserve_bytes=max(0.0, likely - built(updates, 100)),
            rows=rows.number,
            dead_rows=max(0.0, self.entries - rows.number),
            note=rows.note,
            pages_read=self.read,
        )

    def _lengths(self, count: int = 400) -> list[int]:
        """Lengths of entries, evenly spaced points of their distribution."""
        weights: dict[int, float] = defaultdict(float)
        for (length, entries), keys in self._keys.items():
            weights[length] += entries * keys
        for length, (entries, _) in self._runs.items():
            weights[length] += entries
        total = sum(weights.values())
        found: list[int] = []
        reached = 0.0
        for length, weight in sorted(weights.items()):
            reached += weight
            found += [length] * (round(reached / total * count) - len(found))
        return found

    def _equal(self, rows: float, updates: float) -> list[Equal]:
        """How many live rows share keys.

        Of the entries for dead rows, those of deleted rows are spread over all keys; the old
        version of an updated row stands beside its new one, and its key remains.
        """
        scale = self._pages / max(1, self.read)
        dead = max(0.0, self.entries - rows)
        left = 1 - dead * (1 - updates) / max(1.0, self.entries)
        groups = []
        for length, entries, number in self._groups(scale):
            each = max(1.0, entries * left)
            groups.append((length, each, number * entries * left / each))
        total = sum(each * number for _, each, number in groups)
        distinct = sum(number for _, _, number in groups)
        beyond = max(1e-9, total - distinct)  # entries that are not the first of their key
        kept = min(1.0, max(0.0, (rows - distinct) / beyond))
        made = [
            Equal(1 + (each - 1) * kept, number, True, length) for length, each, number in groups
        ]
        fit = rows / max(1.0, sum(group.rows * group.keys for group in made))
        return [group._replace(keys=group.keys * fit) for group in made]

    def _groups(self, scale: float) -> Iterator[tuple[int, float, float]]:
        """Length, entries and number of alike keys. Some fill pages, and go on to the next."""
        for (length, entries), number in self._keys.items():
            yield length, float(entries), number * scale
        for length, (total, ends) in self._runs.items():
            several = max(1.0, ends * scale)
            yield length, total * scale / several, several

    def _error(self) -> float:
        """Relative error of the bytes that an entry takes, with 95 % confidence."""
        count, size, counts, product, sizes = self._sums
        if not count or self._leaves < 2:
            return 0.0 if self.read >= self._pages else 1.0
        ratio = size / count
        residual = max(0.0, sizes - 2 * ratio * product + ratio * ratio * counts)
        deviation = math.sqrt(residual / (self._leaves - 1) / self._leaves)
        left = math.sqrt(max(0.0, 1 - self.read / max(1, self._pages)))
        return _QUANTILE * deviation / (size / self._leaves) * left


def _bytes(leaf: Leaf, deduplicates: bool) -> float:
    """What the entries of a page take in a new index."""
    total = 0.0
    groups = [*leaf.keys.items(), *([((leaf.alone, leaf.entries), 1)] if leaf.alone else [])]
    for (length, entries), keys in groups:
        made = postings(length, entries) if deduplicates else ((Entry(length), entries),)
        total += keys * sum((entry.size + 4) * count for entry, count in made)
    return total
