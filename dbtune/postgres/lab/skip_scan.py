"""Keep PostgreSQL 18 from planning skip scans where the target is older and has none.

From 18 on, an index on (a, b) is also searched for b alone, once for each value of a, and costs
accordingly. No setting turns that off; but the planner does it only for columns of which it knows
the number of distinct values (btcostestimate in selfuncs.c). So the key columns of an index get the
form of expressions of an index: it still recognises them in conditions, but looks for statistics of
the index's own, where it finds the leading column's order and nothing else. For index-only scans
the columns stand in the index once more, as included ones.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import psycopg

SINCE = 180000
_TREE = re.compile(r"\{VAR [^{}]*\}")


class _Forms(NamedTuple):
    """Key columns (``indkey``) and expressions (``indexprs``) of an index in both forms."""

    keys: str
    expressions: str | None
    hidden_keys: str
    hidden_expressions: str


class SkipScans:
    """Takes skip scans of b-trees out of a lab's planner."""

    def __init__(self, admin: psycopg.Connection[dict[str, Any]]) -> None:
        """
        Args:
            admin: the superuser's connection.
        """
        self._admin = admin
        self._unique: dict[int, _Forms] = {}
        self._shown = False
        self._admin.execute("CREATE CAST (text AS pg_node_tree) WITHOUT FUNCTION")
        self._admin.execute("CREATE TEMP TABLE dbtune_sample (a int)")
        self._admin.execute("CREATE INDEX ON dbtune_sample ((a + 1))")
        found = self._admin.execute(
            "SELECT indexprs::text AS tree FROM pg_index "
            "WHERE indrelid = 'pg_temp.dbtune_sample'::regclass"
        ).fetchall()
        sample = _TREE.search(found[0]["tree"])
        assert sample is not None
        self._sample = sample[0]

    def prevent(self, oids: Collection[int]) -> None:
        """Take them out for those of these indexes that could be searched so."""
        rows = self._admin.execute(_INDEXES, (list(oids),)).fetchall()
        forms = {row["oid"]: self._forms(row) for row in rows}
        if not forms:
            return
        self._unique |= {row["oid"]: forms[row["oid"]] for row in rows if row["is_unique"]}
        changed = list(forms)
        self._admin.execute(_ADD_ATTRIBUTES, (changed,))
        self._admin.execute(_COUNT_ATTRIBUTES, (changed,))
        self._admin.execute(_ADD_STATISTICS, (changed,))
        self._write({oid: (one.hidden_keys, one.hidden_expressions) for oid, one in forms.items()})
        self._shown = False

    def show_unique(self, shown: bool) -> None:
        """Give unique indexes their own form, in which INSERT ... ON CONFLICT recognises them."""
        if shown != self._shown and self._unique:
            self._write(
                {
                    oid: (one.keys, one.expressions)
                    if shown
                    else (one.hidden_keys, one.hidden_expressions)
                    for oid, one in self._unique.items()
                }
            )
            self._shown = shown

    def _forms(self, row: Mapping[str, Any]) -> _Forms:
        numbers = row["keys"][: row["key_columns"]]
        included = row["keys"][row["key_columns"] :]
        expressions = iter(_elements(row["expressions"] or "()"))
        trees = [
            self._column(number, attribute) if number else next(expressions)
            for number, attribute in zip(numbers, row["attributes"], strict=True)
        ]
        again = [number for number in numbers if number]
        hidden = [0] * len(numbers) + included + again
        return _Forms(
            _words([*row["keys"], *again]),
            row["expressions"],
            _words(hidden),
            f"({' '.join(trees)})",
        )

    def _column(self, number: int, attribute: Mapping[str, int]) -> str:
        values = {
            "varattno": number,
            "vartype": attribute["type"],
            "vartypmod": attribute["modifier"],
            "varcollid": attribute["collation"],
            "varattnosyn": number,
        }
        tree = self._sample
        for name, value in values.items():
            tree = re.sub(rf":{name} \S+", f":{name} {value}", tree)
        return tree

    def _write(self, forms: Mapping[int, tuple[str, str | None]]) -> None:
        self._admin.execute(
            "UPDATE pg_index i SET indkey = n.keys::int2vector, "
            "indnatts = pg_catalog.cardinality(n.keys::int2vector::int2[]), "
            "indexprs = n.expressions::pg_node_tree "
            "FROM unnest(%s::oid[], %s::text[], %s::text[]) AS n(oid, keys, expressions) "
            "WHERE i.indexrelid = n.oid",
            (
                list(forms),
                [keys for keys, _ in forms.values()],
                [expressions for _, expressions in forms.values()],
            ),
        )


def _words(numbers: Iterable[int]) -> str:
    return " ".join(map(str, numbers))


def _elements(tree: str) -> list[str]:
    """The nodes of a list, which is written ``({A ...} {B ...})``; a backslash escapes a brace."""
    found, depth, start = [], 0, 0
    for place in re.finditer(r"\\.|[{}]", tree):
        if place[0] == "{":
            start = place.start() if depth == 0 else start
            depth += 1
        elif place[0] == "}":
            depth -= 1
            if depth == 0:
                found.append(tree[start : place.end()])
    return found


_INDEXES = """
SELECT i.indexrelid::bigint AS oid, i.indisunique AS is_unique, i.indkey::int2[] AS keys,
    i.indnkeyatts::int AS key_columns, i.indexprs::text AS expressions,
    (SELECT jsonb_agg(jsonb_build_object(
        'type', COALESCE(t.atttypid, a.atttypid)::int8, 'modifier', COALESCE(t.atttypmod, -1),
        'collation', COALESCE(t.attcollation, 0)::int8) ORDER BY a.attnum)
     FROM pg_attribute a
     LEFT JOIN pg_attribute t
       ON t.attrelid = i.indrelid AND t.attnum = i.indkey[a.attnum - 1] AND t.attnum > 0
     WHERE a.attrelid = i.indexrelid AND a.attnum <= i.indnkeyatts) AS attributes
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am m ON m.oid = c.relam
WHERE i.indexrelid = ANY(%s::oid[]) AND m.amname = 'btree' AND c.relkind = 'i'
  AND i.indnkeyatts > 1
"""
# The columns of pg_attribute as far as they are not NULL in an index's.
_ADD_ATTRIBUTES = """
INSERT INTO pg_attribute (attrelid, attname, atttypid, attlen, attnum, atttypmod, attndims,
    attbyval, attalign, attstorage, attcompression, attnotnull, atthasdef, atthasmissing,
    attidentity, attgenerated, attisdropped, attislocal, attinhcount, attcollation)
SELECT a.attrelid, 'dbtune_' || a.attnum, a.atttypid, a.attlen,
    i.indnatts + row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.atttypmod,
    a.attndims, a.attbyval, a.attalign, a.attstorage, a.attcompression, a.attnotnull, a.atthasdef,
    a.atthasmissing, a.attidentity, a.attgenerated, a.attisdropped, a.attislocal, a.attinhcount,
    a.attcollation
FROM pg_attribute a
JOIN pg_index i ON i.indexrelid = a.attrelid
WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum BETWEEN 1 AND i.indnkeyatts
  AND i.indkey[a.attnum - 1] <> 0
"""
_COUNT_ATTRIBUTES = """
UPDATE pg_class c SET relnatts = a.number
FROM (SELECT attrelid, max(attnum) AS number FROM pg_attribute
      WHERE attrelid = ANY(%s::oid[]) GROUP BY attrelid) a
WHERE c.oid = a.attrelid
"""
# All of the column's but how many values it has: 0 is "not known".
_ADD_STATISTICS = """
INSERT INTO pg_statistic
SELECT i.indexrelid, 1, false, s.stanullfrac, s.stawidth, 0,
    s.stakind1, s.stakind2, s.stakind3, s.stakind4, s.stakind5,
    s.staop1, s.staop2, s.staop3, s.staop4, s.staop5,
    s.stacoll1, s.stacoll2, s.stacoll3, s.stacoll4, s.stacoll5,
    s.stanumbers1, s.stanumbers2, s.stanumbers3, s.stanumbers4, s.stanumbers5,
    s.stavalues1, s.stavalues2, s.stavalues3, s.stavalues4, s.stavalues5
FROM pg_index i
JOIN pg_statistic s ON s.starelid = i.indrelid AND s.staattnum = i.indkey[0] AND NOT s.stainherit
WHERE i.indexrelid = ANY(%s::oid[])
"""
