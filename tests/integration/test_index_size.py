"""The size model of freshly built b-trees beside what servers build."""

from __future__ import annotations

import pytest

from dbtune.postgres.relations.index_size import Equal, btree_bytes, entry_bytes
from tests.servers import Postgres

ROWS = 60_000
CASES = [
    # name, column type, value of row i, rows that share a key, lengths of entries, options
    ("unique", "bigint", "i", None, [16], ""),
    ("fillfactor", "bigint", "i", None, [16], "WITH (fillfactor = 60)"),
    ("not-deduplicated", "bigint", "i % 100", None, [16], "WITH (deduplicate_items = off)"),
    ("pairs", "bigint", "i / 2", [Equal(2, ROWS / 2)], [16], ""),
    ("singles-and-pairs", "bigint", "i % 40000", [Equal(1.5, 40_000)], [16], ""),
    ("hundreds", "bigint", "i % 200", [Equal(300, 200)], [16], ""),
    ("few-keys", "bigint", "i % 5", [Equal(ROWS / 5, 5)], [16], ""),
    ("one-frequent", "bigint", "CASE WHEN i % 2 = 0 THEN 0 ELSE i END",
     [Equal(ROWS / 2, 1), Equal(1, ROWS / 2)], [16], ""),
    ("nulls", "bigint", "nullif(i % 2, 0) * i", [Equal(ROWS / 2, 1), Equal(1, ROWS / 2)], [16], ""),
    ("by-chance", "bigint", "hashint4(i) % 6000", [Equal(ROWS / 11_999, 11_999, False)], [16], ""),
    ("texts", "text", "repeat('x', 8) || md5(i::text)", None, [entry_bytes(41)], ""),
    ("texts-of-any-length", "text", "left(repeat(md5(i::text), 3), 1 + i % 80)", None,
     [entry_bytes(2 + i % 80) for i in range(80)], ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "equal", "lengths", "options"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_fresh_index_is_as_large_as_the_model_says(
    database18: tuple[Postgres, str],
    kind: str,
    value: str,
    equal: list[Equal] | None,
    lengths: list[int],
    options: str,
) -> None:
    pg, name = database18
    ((size, fillfactor),) = pg.psql(
        f"CREATE TABLE t AS SELECT ({value})::{kind} AS k FROM generate_series(1, {ROWS}) i;"
        f"CREATE INDEX ti ON t (k) {options};"
        "SELECT pg_relation_size('ti'), coalesce(substring(reloptions::text, 'fillfactor=(\\d+)'), "
        "'90')::int FROM pg_class WHERE relname = 'ti'",
        name,
    )
    modelled = btree_bytes(lengths, ROWS, equal, fillfactor=fillfactor)
    assert modelled == pytest.approx(size, rel=0.02, abs=2 * 8192)
