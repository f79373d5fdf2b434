"""Indexes whose real size is compared with the predicted one: TPC-H's tables and one of our own."""

from __future__ import annotations

import re

from dbtune.postgres.indexes.definition import Definition, Key, column_key

TPCH_SCHEMA = """
CREATE TABLE part (p_partkey int, p_name varchar(55), p_mfgr char(25), p_brand char(10),
    p_type varchar(25), p_size int, p_container char(10), p_retailprice numeric(15,2),
    p_comment varchar(23));
CREATE TABLE supplier (s_suppkey int, s_name char(25), s_address varchar(40), s_nationkey int,
    s_phone char(15), s_acctbal numeric(15,2), s_comment varchar(101));
CREATE TABLE partsupp (ps_partkey int, ps_suppkey int, ps_availqty int,
    ps_supplycost numeric(15,2), ps_comment varchar(199));
CREATE TABLE customer (c_custkey int, c_name varchar(25), c_address varchar(40), c_nationkey int,
    c_phone char(15), c_acctbal numeric(15,2), c_mktsegment char(10), c_comment varchar(117));
CREATE TABLE orders (o_orderkey int, o_custkey int, o_orderstatus char(1),
    o_totalprice numeric(15,2), o_orderdate date, o_orderpriority char(15), o_clerk char(15),
    o_shippriority int, o_comment varchar(79));
CREATE TABLE lineitem (l_orderkey int, l_partkey int, l_suppkey int, l_linenumber int,
    l_quantity numeric(15,2), l_extendedprice numeric(15,2), l_discount numeric(15,2),
    l_tax numeric(15,2), l_returnflag char(1), l_linestatus char(1), l_shipdate date,
    l_commitdate date, l_receiptdate date, l_shipinstruct char(25), l_shipmode char(10),
    l_comment varchar(44));
"""

TPCH = (
    "lineitem (l_orderkey)",
    "lineitem (l_partkey)",
    "lineitem (l_suppkey)",
    "lineitem (l_partkey, l_suppkey)",
    "lineitem (l_suppkey, l_partkey)",
    "lineitem (l_shipdate)",
    "lineitem (l_shipdate, l_discount, l_quantity)",
    "lineitem (l_receiptdate, l_commitdate)",
    "lineitem (l_returnflag, l_linestatus)",
    "lineitem (l_shipmode, l_receiptdate)",
    "lineitem (l_suppkey, l_shipdate)",
    "lineitem (l_orderkey, l_suppkey)",
    "lineitem (l_orderkey, l_linenumber) UNIQUE",
    "lineitem (l_partkey) INCLUDE (l_quantity, l_extendedprice)",
    "lineitem (l_shipinstruct, l_shipmode)",
    "lineitem (l_extendedprice)",
    "lineitem (l_comment)",
    "lineitem (l_orderkey) WHERE l_returnflag = 'R'",
    "lineitem (l_shipdate) WHERE l_shipdate > '1998-01-01'",
    "orders (o_custkey)",
    "orders (o_custkey, o_orderdate)",
    "orders (o_orderdate)",
    "orders (o_orderdate, o_custkey)",
    "orders (o_orderpriority)",
    "orders (o_clerk)",
    "orders (o_orderstatus, o_orderdate)",
    "orders (o_totalprice)",
    "partsupp (ps_suppkey)",
    "partsupp (ps_suppkey, ps_partkey) UNIQUE",
    "part (p_size, p_type)",
    "part (p_brand, p_container)",
    "part (p_name)",
    "customer (c_nationkey, c_mktsegment)",
    "customer (c_phone)",
)

SYNTHETIC = (
    "kinds (id) UNIQUE",
    "kinds (small)",
    "kinds (pair)",
    "kinds (hundreds)",
    "kinds (skewed)",
    "kinds (mostly_null)",
    "kinds (flag)",
    "kinds (flag, small)",
    "kinds (city)",
    "kinds (city, country)",
    "kinds (country, city)",
    "kinds (mood)",
    "kinds (key)",
    "kinds (price)",
    "kinds (ratio)",
    "kinds (happened)",
    "kinds (happened, small)",
    "kinds (hash)",
    "kinds (hash) WITH (fillfactor = 70)",
    "kinds (small) WITH (fillfactor = 100)",
    "kinds (small) WITH (deduplicate_items = off)",
    "kinds (address)",
    "kinds (code)",
    "kinds (flag, code)",
    "kinds (label)",
    "kinds (folded)",
    "kinds (words)",
    "kinds (tiny, city, flag)",
    "kinds (owner, created)",
    "kinds (owner, happened)",
    "kinds (lower(label))",
    "kinds (owner) WHERE deleted IS NULL",
    "kinds (deleted) WHERE deleted IS NOT NULL",
    "kinds (small) WHERE flag",
    "kinds (city) WHERE city = 'city 3'",
    "kinds (mostly_null, flag)",
    "kinds (reference)",
    "kinds (doc)",
)


def synthetic_schema(*, icu: bool, rows: int = 300_000) -> str:
    """The table ``kinds`` with its rows: the same on each server."""
    collation = (
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        if icu
        else 'CREATE COLLATION ci FROM "C"'
    )
    return f"""
{collation};
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE kinds (
    id bigint, small int, pair int, hundreds bigint, skewed int, mostly_null int, flag bool,
    city text, country text, mood mood, key uuid, price numeric(12,2), ratio float8,
    happened timestamptz, hash text, address inet, code char(12), label text,
    folded text COLLATE ci, words text, tiny smallint, owner int, created date,
    deleted timestamptz, doc jsonb, reference text);
SELECT setseed(0.5);
INSERT INTO kinds SELECT
    i, i % 1000, i / 2, (random() * 3000)::int, (1000 * random() ^ 6)::int,
    CASE WHEN random() < 0.05 THEN i END, random() < 0.1,
    'city ' || c, 'country ' || c % 30, (ARRAY['sad', 'ok', 'happy']::mood[])[1 + i % 3],
    md5(i::text)::uuid, round((random() * 10000)::numeric, 2), random(),
    '2024-01-01'::timestamptz + i * interval '1 second', md5((i % 100000)::text),
    '10.0.0.0'::inet + (random() * 50000)::int, 'c' || i % 700, 'Label ' || (random() * 80000)::int,
    'F' || i % 5000, repeat(md5(i::text), 1 + i % 4), i % 7, o,
    '2020-01-01'::date + (random() * 1500)::int,
    CASE WHEN random() < 0.2 THEN now() - random() * interval '300 days' END,
    jsonb_build_object('a', i % 50), CASE WHEN i % 5 < 2 THEN 'ref:' || md5((i + 1)::text) END
FROM (SELECT i, (random() * 2000)::int AS c, (20000 * random() ^ 2)::int AS o
      FROM generate_series(1, {rows}) i) AS s;
ALTER TABLE kinds ADD PRIMARY KEY (id);
"""


def definition(text: str) -> Definition:
    """``table (keys) [INCLUDE (columns)] [UNIQUE] [WITH (options)] [WHERE predicate]``."""
    match = re.fullmatch(
        r"(\w+) \((.*?)\)( INCLUDE \((.*?)\))?( UNIQUE)?( WITH \((.*?)\))?( WHERE (.*))?", text
    )
    assert match, text
    keys = tuple(
        column_key(one) if re.fullmatch(r"\w+", one) else Key(f"({one})")
        for one in re.split(r", (?![^(]*\))", match[2])
    )
    include = tuple(match[4].split(", ")) if match[4] else ()
    return Definition(
        "public",
        match[1],
        keys,
        include,
        match[9] or "",
        unique=bool(match[5]),
        options=match[7] or "",
    )
