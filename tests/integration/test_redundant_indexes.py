"""A labelled set of indexes with the traps of redundancy: each says whether it may be dropped.

The verdict is right by construction: an index may go if another one of the set serves every
look-up, order, return of columns and constraint that it serves, and nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dbtune.postgres.indexes.coverage import covered_indexes
from dbtune.postgres.relations.collect import read_relations
from dbtune.profile import profile_from_url
from dbtune.session import open_postgres
from tests.servers import Postgres

KEEP = ""
# table, index, its statement, the index that makes it superfluous or KEEP
CASES = [
    # the plain ones
    ("p1", "p1_a", "INDEX p1_a ON p1 (a)", "p1_a_b"),
    ("p1", "p1_a_b", "INDEX p1_a_b ON p1 (a, b)", KEEP),
    ("p1", "p1_b", "INDEX p1_b ON p1 (b)", "p1_b_a"),
    ("p1", "p1_b_a", "INDEX p1_b_a ON p1 (b, a, c)", KEEP),
    ("p2", "p2_one", "INDEX p2_one ON p2 (a, b)", KEEP),
    ("p2", "p2_two", "INDEX p2_two ON p2 (a, b)", "p2_one"),
    ("p2", "p2_three", "INDEX p2_three ON p2 (a, b)", "p2_one"),
    ("p3", "p3_a", "INDEX p3_a ON p3 (a)", "p3_a_c"),
    ("p3", "p3_a_b", "INDEX p3_a_b ON p3 (a, b)", "p3_a_b_c"),
    ("p3", "p3_a_b_c", "INDEX p3_a_b_c ON p3 (a, b, c)", KEEP),
    ("p3", "p3_a_c", "INDEX p3_a_c ON p3 (a, c)", KEEP),
    # directions: an index is read backwards as well
    ("d1", "d1_up", "INDEX d1_up ON d1 (a, b)", KEEP),
    ("d1", "d1_down", "INDEX d1_down ON d1 (a DESC, b DESC)", "d1_up"),
    ("d1", "d1_mixed", "INDEX d1_mixed ON d1 (a, b DESC)", KEEP),
    ("d1", "d1_mixed_back", "INDEX d1_mixed_back ON d1 (a DESC, b)", "d1_mixed"),
    ("d2", "d2_down", "INDEX d2_down ON d2 (a DESC)", "d2_more"),
    ("d2", "d2_more", "INDEX d2_more ON d2 (a, b)", KEEP),
    ("d3", "d3_last", "INDEX d3_last ON d3 (a)", KEEP),
    ("d3", "d3_first", "INDEX d3_first ON d3 (a NULLS FIRST)", KEEP),
    ("d3", "d3_down_last", "INDEX d3_down_last ON d3 (a DESC NULLS LAST)", "d3_first"),
    ("d3", "d3_b_a", "INDEX d3_b_a ON d3 (b, a NULLS FIRST)", KEEP),
    ("d3", "d3_b_a_last", "INDEX d3_b_a_last ON d3 (b, a)", KEEP),
    # collations and operator classes
    ("c1", "c1_default", "INDEX c1_default ON c1 (t)", "c1_more"),
    ("c1", "c1_posix", 'INDEX c1_posix ON c1 (t COLLATE "POSIX")', KEEP),
    ("c1", "c1_pattern", "INDEX c1_pattern ON c1 (t text_pattern_ops)", "c1_pattern_more"),
    ("c1", "c1_pattern_more", "INDEX c1_pattern_more ON c1 (t text_pattern_ops, a)", KEEP),
    ("c1", "c1_more", "INDEX c1_more ON c1 (t, a)", KEEP),
    ("c2", "c2_varchar", "INDEX c2_varchar ON c2 (v varchar_ops)", KEEP),
    ("c2", "c2_text", "INDEX c2_text ON c2 (v text_ops)", "c2_varchar"),
    ("c2", "c2_varchar_pattern", "INDEX c2_varchar_pattern ON c2 (v varchar_pattern_ops)",
     KEEP),
    ("c2", "c2_text_pattern", "INDEX c2_text_pattern ON c2 (v text_pattern_ops)",
     "c2_varchar_pattern"),
    # partial indexes
    ("w1", "w1_all", "INDEX w1_all ON w1 (a)", KEEP),
    ("w1", "w1_some", "INDEX w1_some ON w1 (a) WHERE b > 5", "w1_some_more"),
    ("w1", "w1_same", "INDEX w1_same ON w1 (a) WHERE b > 5", "w1_some_more"),
    ("w1", "w1_some_more", "INDEX w1_some_more ON w1 (a, c) WHERE b > 5", KEEP),
    ("w1", "w1_others", "INDEX w1_others ON w1 (a) WHERE b > 6", KEEP),
    ("w1", "w1_filled", "INDEX w1_filled ON w1 (a) WHERE a IS NOT NULL", KEEP),
    ("w1", "w1_two", "INDEX w1_two ON w1 (d) WHERE b > 5 AND c IS NULL", KEEP),
    ("w1", "w1_two_turned", "INDEX w1_two_turned ON w1 (d) WHERE c IS NULL AND b > 5", "w1_two"),
    ("w1", "w1_either", "INDEX w1_either ON w1 (d) WHERE b > 5 OR c IS NULL", KEEP),
    # stored columns
    ("i1", "i1_a", "INDEX i1_a ON i1 (a)", "i1_a_b"),
    ("i1", "i1_a_c", "INDEX i1_a_c ON i1 (a) INCLUDE (c)", "i1_a_d_c"),
    ("i1", "i1_a_d", "INDEX i1_a_d ON i1 (a) INCLUDE (d)", "i1_a_d_c"),
    ("i1", "i1_a_d_c", "INDEX i1_a_d_c ON i1 (a) INCLUDE (d, c)", KEEP),
    ("i1", "i1_a_b", "INDEX i1_a_b ON i1 (a, b)", KEEP),
    ("i2", "i2_a_b", "INDEX i2_a_b ON i2 (a, b)", KEEP),
    ("i2", "i2_a_stores_b", "INDEX i2_a_stores_b ON i2 (a) INCLUDE (b)", "i2_a_b"),
    ("i2", "i2_a_stores_c", "INDEX i2_a_stores_c ON i2 (a) INCLUDE (c)", KEEP),
    # uniqueness
    ("u1", "u1_unique", "UNIQUE INDEX u1_unique ON u1 (a)", KEEP),
    ("u1", "u1_plain", "INDEX u1_plain ON u1 (a)", "u1_unique"),
    ("u1", "u1_longer", "INDEX u1_longer ON u1 (a, b)", KEEP),
    ("u1", "u1_unique_longer", "UNIQUE INDEX u1_unique_longer ON u1 (a, c)", KEEP),
    ("u2", "u2_one", "UNIQUE INDEX u2_one ON u2 (a, b)", KEEP),
    ("u2", "u2_two", "UNIQUE INDEX u2_two ON u2 (a, b)", "u2_one"),
    ("u2", "u2_other_way", "UNIQUE INDEX u2_other_way ON u2 (b, a)", KEEP),
    ("u2", "u2_partial", "UNIQUE INDEX u2_partial ON u2 (a, b) WHERE c > 0", KEEP),
    ("u2", "u2_a", "INDEX u2_a ON u2 (a)", "u2_one"),
    ("u3", "u3_unique", "UNIQUE INDEX u3_unique ON u3 (a)", KEEP),
    ("u3", "u3_wide", "INDEX u3_wide ON u3 (a, b)", KEEP),
    ("u3", "u3_down", "UNIQUE INDEX u3_down ON u3 (b DESC)", KEEP),
    ("u3", "u3_up", "UNIQUE INDEX u3_up ON u3 (b)", "u3_down"),
    ("u4", "u4_distinct", "UNIQUE INDEX u4_distinct ON u4 (a)", "u4_nulls"),
    ("u4", "u4_nulls", "UNIQUE INDEX u4_nulls ON u4 (a) NULLS NOT DISTINCT", KEEP),
    ("u4", "u4_stores", "UNIQUE INDEX u4_stores ON u4 (a) INCLUDE (b)", KEEP),
    # constraints
    ("k1", "k1_pkey", "CONSTRAINT k1_pkey PRIMARY KEY (a)", KEEP),
    ("k1", "k1_again", "UNIQUE INDEX k1_again ON k1 (a)", "k1_pkey"),
    ("k1", "k1_named", "CONSTRAINT k1_named UNIQUE (a)", "k1_pkey"),
    ("k1", "k1_nulls", "UNIQUE INDEX k1_nulls ON k1 (a) NULLS NOT DISTINCT", "k1_pkey"),
    ("k1", "k1_a_b", "INDEX k1_a_b ON k1 (a, b)", KEEP),
    ("k2", "k2_key", "CONSTRAINT k2_key UNIQUE (a)", KEEP),
    ("k2", "k2_index", "UNIQUE INDEX k2_index ON k2 (a)", "k2_key"),
    ("k2", "k2_later", "CONSTRAINT k2_later UNIQUE (b) DEFERRABLE", "k2_now"),
    ("k2", "k2_now", "UNIQUE INDEX k2_now ON k2 (b)", KEEP),
    ("k2", "k2_plain", "INDEX k2_plain ON k2 (b)", "k2_now"),
    ("k3", "k3_later", "CONSTRAINT k3_later UNIQUE (a) DEFERRABLE INITIALLY DEFERRED", KEEP),
    ("k3", "k3_plain", "INDEX k3_plain ON k3 (a)", "k3_later"),
    ("k4", "k4_referenced", "CONSTRAINT k4_referenced UNIQUE (a)", KEEP),
    ("k4", "k4_pkey", "CONSTRAINT k4_pkey PRIMARY KEY (a)", KEEP),
    ("k5", "k5_excluded", "CONSTRAINT k5_excluded EXCLUDE USING gist (r WITH &&)", KEEP),
    ("k5", "k5_gist", "INDEX k5_gist ON k5 USING gist (r)", "k5_excluded"),
    # what else depends on an index
    ("x1", "x1_identity", "UNIQUE INDEX x1_identity ON x1 (n)", KEEP),
    ("x1", "x1_same", "UNIQUE INDEX x1_same ON x1 (n)", "x1_identity"),
    ("x2", "x2_clustered", "INDEX x2_clustered ON x2 (a)", KEEP),
    ("x2", "x2_wide", "INDEX x2_wide ON x2 (a, b)", KEEP),
    # expressions
    ("e1", "e1_lower", "INDEX e1_lower ON e1 (lower(t))", "e1_lower_a"),
    ("e1", "e1_lower_a", "INDEX e1_lower_a ON e1 (lower(t), a)", KEEP),
    ("e1", "e1_upper", "INDEX e1_upper ON e1 (upper(t))", KEEP),
    ("e1", "e1_t", "INDEX e1_t ON e1 (t)", KEEP),
    ("e1", "e1_sum", "INDEX e1_sum ON e1 ((a + b))", KEEP),
    ("e1", "e1_sum_back", "INDEX e1_sum_back ON e1 ((b + a))", KEEP),
    # access methods
    ("m1", "m1_btree", "INDEX m1_btree ON m1 (a)", KEEP),
    ("m1", "m1_hash", "INDEX m1_hash ON m1 USING hash (a)", KEEP),
    ("m1", "m1_hash_again", "INDEX m1_hash_again ON m1 USING hash (a)", "m1_hash"),
    ("m1", "m1_brin", "INDEX m1_brin ON m1 USING brin (a)", "m1_brin_wide"),
    ("m1", "m1_brin_wide", "INDEX m1_brin_wide ON m1 USING brin (b, a)", KEEP),
    ("m1", "m1_brin_fine", "INDEX m1_brin_fine ON m1 USING brin (a) WITH (pages_per_range = 8)",
     KEEP),
    ("m1", "m1_brin_bloom", "INDEX m1_brin_bloom ON m1 USING brin (a int4_bloom_ops)", KEEP),
    ("m2", "m2_gin", "INDEX m2_gin ON m2 USING gin (j)", KEEP),
    ("m2", "m2_gin_again", "INDEX m2_gin_again ON m2 USING gin (j) WITH (fastupdate = off)",
     "m2_gin"),
    ("m2", "m2_gin_path", "INDEX m2_gin_path ON m2 USING gin (j jsonb_path_ops)", KEEP),
    ("m2", "m2_trigrams", "INDEX m2_trigrams ON m2 USING gin (t gin_trgm_ops)", KEEP),
    ("m2", "m2_gist", "INDEX m2_gist ON m2 USING gist (t gist_trgm_ops)", KEEP),
    ("m2", "m2_gist_long", "INDEX m2_gist_long ON m2 USING gist (t gist_trgm_ops(siglen = 64))",
     KEEP),
    ("m2", "m2_gist_again", "INDEX m2_gist_again ON m2 USING gist (t gist_trgm_ops)", "m2_gist"),
    # storage parameters change the size only
    ("s1", "s1_full", "INDEX s1_full ON s1 (a) WITH (fillfactor = 100)", "s1_loose"),
    ("s1", "s1_loose", "INDEX s1_loose ON s1 (a, b) WITH (fillfactor = 60)", KEEP),
    ("s1", "s1_plain", "INDEX s1_plain ON s1 (b)", KEEP),
    ("s1", "s1_lists", "INDEX s1_lists ON s1 (b) WITH (deduplicate_items = off)", "s1_plain"),
    # partitions: their indexes go with the partitioned one
    ("part", "part_a", "INDEX part_a ON part (a)", "part_a_b"),
    ("part", "part_a_b", "INDEX part_a_b ON part (a, b)", KEEP),
    ("part_1", "part_1_a_idx", "", KEEP),
    ("part_1", "part_1_a_b_idx", "", KEEP),
    ("part_1", "part_1_own", "INDEX part_1_own ON part_1 (a)", "part_1_a_idx"),
    # invalid ones serve nothing, and are no duplicates either
    ("v1", "v1_broken", "UNIQUE INDEX CONCURRENTLY v1_broken ON v1 (a)", KEEP),
    ("v1", "v1_a", "INDEX v1_a ON v1 (a)", KEEP),
]  # fmt: skip
TABLES = """
CREATE EXTENSION pg_trgm;
CREATE TABLE k1 (a int, b int); CREATE TABLE k5 (r int4range); CREATE TABLE c1 (t text, a int);
CREATE TABLE c2 (v varchar(20)); CREATE TABLE x1 (n int NOT NULL); CREATE TABLE m1 (a int, b int);
CREATE TABLE e1 (t text, a int, b int); CREATE TABLE m2 (j jsonb, t text);
CREATE TABLE part (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100);
"""
AFTER = """
CREATE TABLE k4_child (a int CONSTRAINT k4_fkey REFERENCES k4 (a));
ALTER TABLE x1 REPLICA IDENTITY USING INDEX x1_identity;
ALTER TABLE x2 CLUSTER ON x2_clustered;
"""


def make(pg: Postgres, name: str) -> None:
    pg.psql(TABLES, name)
    for table in ("p1", "p2", "p3", "d1", "d2", "d3", "w1", "i1", "i2", "u1", "u2", "u3", "u4",
                  "k2", "k3", "k4", "x2", "s1", "v1"):  # fmt: skip
        pg.psql(f"CREATE TABLE {table} (a int, b int, c int, d int)", name)
    pg.psql("INSERT INTO v1 VALUES (1), (1)", name)
    for table, index, statement, _ in CASES:
        if statement.startswith("CONSTRAINT"):
            pg.psql(f"ALTER TABLE {table} ADD {statement}", name)
        elif "CONCURRENTLY" in statement:
            with pytest.raises(Exception, match="could not create unique index"):
                pg.psql(f"CREATE {statement}", name)
        elif statement:
            pg.psql(f"CREATE {statement}", name)
        assert index
    pg.psql(AFTER, name)


def test_every_superfluous_index_is_found_and_no_other(
    database18: tuple[Postgres, str],
) -> None:
    pg, name = database18
    make(pg, name)
    with open_postgres(profile_from_url(pg.dsn(name), "test")) as session:
        relations = read_relations(session)
    found = {one.index.name: one for one in covered_indexes(relations)}
    expected = {index: by for _, index, _, by in CASES if by}
    assert len(CASES) >= 80
    assert {index.name for index in relations.indexes} >= {index for _, index, _, _ in CASES}
    assert {index: one.by.name for index, one in found.items()} == expected


def test_what_is_found_may_be_dropped_all_together(database18: tuple[Postgres, str]) -> None:
    """After the drops nothing else is superfluous, and what is left covers what went."""
    pg, name = database18
    make(pg, name)
    with open_postgres(profile_from_url(pg.dsn(name), "test")) as session:
        found = covered_indexes(read_relations(session))
        for one in found:
            if one.index.constraint:
                table = next(t for t, index, _, _ in CASES if index == one.index.name)
                pg.psql(f"ALTER TABLE {table} DROP CONSTRAINT {one.index.constraint}", name)
            else:
                pg.psql(f"DROP INDEX {one.index.name}", name)
        assert covered_indexes(read_relations(session)) == []


@pytest.mark.parametrize("version", [13, 16])
def test_older_versions(version: int, pg: Callable[[int], Postgres]) -> None:
    server = pg(version)
    name = server.create_database(f"redundant_{version}")
    server.psql("CREATE TABLE t (a int, b int); CREATE INDEX t_a ON t (a)", name)
    server.psql("CREATE INDEX t_a_b ON t (a, b); CREATE UNIQUE INDEX t_b ON t (b)", name)
    server.psql("CREATE INDEX t_b_plain ON t (b DESC)", name)
    with open_postgres(profile_from_url(server.dsn(name), "test")) as session:
        found = {one.index.name: one.by.name for one in covered_indexes(read_relations(session))}
    assert found == {"t_a": "t_a_b", "t_b_plain": "t_b"}
