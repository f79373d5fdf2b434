"""The planner with HypoPG on a real server: what is planned, refused, and that nothing remains."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from dbtune.errors import Unavailable
from dbtune.postgres.indexes.definition import Definition, Key, column_key
from dbtune.postgres.indexes.hypopg import HypopgPlanner, open_hypopg
from dbtune.postgres.indexes.planner import NotPlannable, Planner
from dbtune.profile import profile_from_url
from dbtune.session import open_postgres
from tests.command import dbtune
from tests.servers import PgBouncer, Postgres, fresh_database

SCHEMA = """
CREATE SCHEMA "what if";
CREATE EXTENSION hypopg SCHEMA "what if";
CREATE TABLE orders(id int PRIMARY KEY, customer int, status text, total numeric, note text);
INSERT INTO orders SELECT i, i % 2000, CASE WHEN i % 500 = 0 THEN 'open' ELSE 'done' END, i, 'x'
FROM generate_series(1, 40000) i;
CREATE INDEX "by Total" ON orders(total);
CREATE TABLE events(at date, n int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
INSERT INTO events SELECT date '2020-01-01' + i % 700, i FROM generate_series(1, 40000) i;
CREATE SCHEMA other;
CREATE TABLE other.orders(id int, customer int);
CREATE INDEX "by Total" ON other.orders(customer);
INSERT INTO other.orders SELECT i, i FROM generate_series(1, 20000) i;
ANALYZE;
CREATE ROLE reader LOGIN PASSWORD 'reader';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
"""
JOINED = """
CREATE EXTENSION hypopg;
CREATE TABLE first(id int PRIMARY KEY, name text);
CREATE TABLE second(id int PRIMARY KEY, first int, status text, note text);
INSERT INTO first SELECT i, 'n' || i FROM generate_series(1, 5000) i;
INSERT INTO second SELECT i, i % 5000 + 1, CASE WHEN i % 500 = 0 THEN 'open' ELSE 'done' END,
    'X ' || i % 9000 FROM generate_series(1, 60000) i;
ANALYZE;
"""
CUSTOMER = Definition("public", "orders", (column_key("customer"),))
STATUS = Definition("public", "orders", (column_key("status"),), include=("id",))
OPEN = Definition(
    "public", "orders", (column_key("id", descending=True),), predicate="status = 'open'"
)
LOWER = Definition("public", "orders", (Key("(lower(note))"),))
EVENTS = Definition("public", "events", (column_key("n"),))
GIN = Definition("public", "orders", (column_key("note"),), method="gin")


@pytest.fixture(scope="module")
def database(pg: Callable[[int], Postgres]) -> Iterator[str]:
    server = pg(15)
    with fresh_database(server) as name:
        server.psql(SCHEMA, name)
        try:
            yield name
        finally:
            server.psql("DROP OWNED BY reader; DROP ROLE reader", name)


@contextlib.contextmanager
def planning(url: str) -> Iterator[HypopgPlanner]:
    """A planner on a session of its own, in which no hypothetical index remains."""
    with open_postgres(profile_from_url(url, "test")) as session:
        with open_hypopg(session) as planner:
            yield planner
        assert session.rows('SELECT count(*) FROM "what if".hypopg()') == [{"count": 0}]


@pytest.fixture
def planner(pg15: Postgres, database: str) -> Iterator[Planner]:
    with planning(pg15.dsn(database)) as made:
        yield made


def test_an_index_that_helps_is_used_under_its_own_name(planner: Planner) -> None:
    statement = "SELECT * FROM orders WHERE customer = 7"
    before, after = planner.plan(statement), planner.plan(statement, [CUSTOMER, STATUS])
    assert after.cost < before.cost / 5
    assert (before.used, after.used) == (frozenset(), frozenset([CUSTOMER]))
    assert "'orders_customer_idx'" in str(after.plan["Plan"])
    assert planner.calls == 2


def test_there_are_the_indexes_that_were_asked_for_and_no_others(planner: Planner) -> None:
    statement = "SELECT * FROM orders WHERE customer = 7"
    costs = [
        planner.plan(statement, indexes).cost
        for indexes in ([CUSTOMER], [], [STATUS], [STATUS, CUSTOMER], [CUSTOMER])
    ]
    assert costs[0] == costs[3] == costs[4] < costs[1] == costs[2]


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT * FROM orders WHERE lower(note) = $1", LOWER),
        ("SELECT id FROM orders WHERE status = 'open'", STATUS),
        ("UPDATE orders SET total = 1 WHERE customer = $1 AND note = $2", CUSTOMER),
        ("DELETE FROM orders WHERE customer IN ($1, $2)", CUSTOMER),
        ("SELECT * FROM orders WHERE customer = 1 AND status = 'open'", CUSTOMER),
        ("SELECT * FROM events WHERE n = $1 AND at = $2", EVENTS),
        ("SELECT count(*) FROM orders WHERE note LIKE 'a%' AND customer < 3 -- 100%", CUSTOMER),
    ],
)
def test_each_kind_of_index_and_statement(
    planner: Planner, statement: str, index: Definition
) -> None:
    before, after = planner.plan(statement), planner.plan(statement, [index])
    assert after.used == {index}
    assert after.cost < before.cost


def test_existing_indexes_are_told_by_their_numbers_even_when_names_are_equal(
    planner: Planner, pg15: Postgres, database: str
) -> None:
    found = pg15.psql(
        "SELECT indexrelid FROM pg_index WHERE indrelid = 'orders'::regclass AND NOT indisunique",
        database,
    )[0][0]
    other = pg15.psql(
        "SELECT indexrelid FROM pg_index WHERE indrelid = 'other.orders'::regclass", database
    )[0][0]
    assert planner.plan("SELECT * FROM orders WHERE total = 5").existing == {found}
    in_bitmap = planner.plan("SELECT * FROM other.orders WHERE customer < 50 OR customer = 99")
    assert in_bitmap.existing == {other}
    by_path = planner.plan("SELECT * FROM orders WHERE customer = 5", search_path="other, public")
    assert by_path.existing == {other}


def test_an_index_by_which_conflicts_are_found_is_one_that_is_read(
    planner: Planner, pg15: Postgres, database: str
) -> None:
    key = pg15.psql("SELECT 'orders_pkey'::regclass::oid", database)[0][0]
    statement = "INSERT INTO orders VALUES ($1) ON CONFLICT (id) DO NOTHING"
    assert planner.plan(statement).existing == {key}


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("SELECT * FROM no_such", 'relation "no_such" does not exist'),
        ("SELECT 1; DROP TABLE orders", "multiple commands"),
        ("SELECT $1; DROP TABLE orders", "multiple commands"),
        ("VACUUM", "syntax error"),
        ("EXPLAIN SELECT 1", "syntax error"),
        ("", "there is no statement"),
        (" ;", "syntax error"),
        ("SELECT '\0'", "characters"),
        ("REFRESH MATERIALIZED VIEW v", "has no plan"),
        ("SELECT $1 + $2", "not unique"),
    ],
)
def test_what_cannot_be_planned_is_told_and_harms_nothing(
    planner: Planner, statement: str, reason: str
) -> None:
    with pytest.raises(NotPlannable, match=reason):
        planner.plan(statement, [CUSTOMER])
    assert planner.plan("SELECT * FROM orders WHERE customer = 7", [CUSTOMER]).used == {CUSTOMER}


def test_an_index_that_hypopg_cannot_make_is_refused(planner: Planner) -> None:
    missing = CUSTOMER._replace(table="no_such")
    assert "gin" in planner.refuses(GIN)
    assert "does not exist" in planner.refuses(missing)
    assert planner.refuses(STATUS) == ""
    with pytest.raises(NotPlannable, match="index orders_note_"):
        planner.plan("SELECT * FROM orders WHERE customer = 7", [CUSTOMER, GIN])
    assert planner.plan("SELECT * FROM orders WHERE customer = 7", [CUSTOMER]).used == {CUSTOMER}
    with pytest.raises(NotPlannable):
        planner.size_bytes(GIN)


def test_a_partial_index_is_kept_from_hypopg_which_may_crash_the_server(planner: Planner) -> None:
    assert not planner.notes
    assert "partial indexes" in planner.refuses(OPEN)
    with pytest.raises(NotPlannable, match="may crash the server"):
        planner.plan("SELECT * FROM orders WHERE status = 'open'", [CUSTOMER, OPEN])
    assert (planner.calls, len(planner.notes)) == (0, 1)
    assert "planner lab" in planner.notes[0]


@pytest.mark.parametrize(
    ("condition", "best"),
    [
        ("lower(second.note) = 'x 77'", "(lower(note))"),
        ("second.status = 'open' ORDER BY second.id DESC LIMIT 3", 'WHERE "status" = '),
    ],
)
def test_what_hypopg_sees_on_the_first_table_only_is_planned_in_the_lab(
    pg15: Postgres, condition: str, best: str
) -> None:
    """In a join it takes an expression's and a predicate's columns for another table's."""
    with fresh_database(pg15) as name:
        pg15.psql(JOINED, name)
        statement = f"SELECT * FROM first JOIN second ON second.first = first.id WHERE {condition}"
        made = dbtune("suggest-indexes", pg15.dsn(name), "--sql", statement, "-f", "json").ok().json
        assert any(best in one["sql"] for one in made["suggestions"])
        assert any("since HypoPG can't judge these" in note for note in made["notes"])


def test_sizes_follow_the_rows_also_of_partitions(planner: Planner) -> None:
    assert 0.8e6 < planner.size_bytes(CUSTOMER) < 1.6e6
    assert planner.size_bytes(EVENTS) == pytest.approx(planner.size_bytes(CUSTOMER), rel=0.05)


def test_existing_indexes_cannot_be_hidden_before_hypopg_1_4(planner: Planner) -> None:
    if planner.can_hide:
        pytest.skip("this HypoPG hides indexes")
    with pytest.raises(NotPlannable, match="cannot leave out"):
        planner.plan("SELECT 1", without=[1])


def test_it_works_through_a_pooler_whose_transactions_change_backends(
    pg15: Postgres, database: str, pgbouncer: Callable[[], PgBouncer]
) -> None:
    pooler = pgbouncer().start_for(pg15, default_pool_size=2)
    statement = "SELECT * FROM orders WHERE customer = $1"
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(planning(pooler.dsn(database))) for _ in range(2))
        assert first.plan(statement, [CUSTOMER]).used == {CUSTOMER}
        assert second.plan(statement).used == frozenset()
        with pytest.raises(NotPlannable):
            second.plan("SELECT nonsense", [CUSTOMER])
        assert first.plan(statement).used == frozenset()
        assert second.size_bytes(CUSTOMER) == first.size_bytes(CUSTOMER)
        assert second.plan(statement, [CUSTOMER, STATUS]).used == {CUSTOMER}


def test_who_may_not_use_hypopg_is_told_what_would_let_him(
    pg15: Postgres, database: str, pg18: Postgres
) -> None:
    with (
        open_postgres(profile_from_url(pg15.dsn(database, "reader", "reader"), "test")) as session,
        pytest.raises(Unavailable) as refused,
    ):
        open_hypopg(session)
    assert refused.value.remedy == 'GRANT USAGE ON SCHEMA "what if" TO "reader";'
    with (
        open_postgres(profile_from_url(pg18.dsn(), "test")) as session,
        pytest.raises(Unavailable, match="not installed"),
    ):
        open_hypopg(session)
