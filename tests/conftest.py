"""Fixtures for all tests: the real servers of tests/servers.py, each started when first used.

A test whose server is not installed is skipped, and fails when the environment has CI=true.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from tests import servers
from tests.servers import PgBouncer, Postgres

CI = os.environ.get("CI") == "true"

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if CI else "local")


def pytest_report_header() -> list[str]:
    """Say which servers the tests will find."""
    found = [f"{build.release} ({build.origin})" for build in servers.builds().values()]
    return [
        f"postgresql: {', '.join(found) or 'none'}",
        f"pgbouncer: {servers.find_pgbouncer() or 'none'}",
    ]


def missing(what: str) -> None:
    """Skip the running test for want of a server; in CI that is a failure."""
    reason = f"{what} is not installed: run scripts/test"
    if CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def pg() -> Iterator[Callable[[int], Postgres]]:
    """`pg(16)`: the shared server of a major version, with default settings.

    Tests keep to databases of their own (`fresh_database`) and do not restart it.
    """
    running: dict[int, Postgres] = {}

    def get(version: int) -> Postgres:
        if version not in servers.available_postgres():
            missing(f"PostgreSQL {version}")
        if version not in running or not running[version].running:
            running[version] = Postgres(version).start()
        return running[version]

    yield get
    for server in running.values():
        server.stop()


@pytest.fixture(params=servers.SUPPORTED, ids=lambda version: f"pg{version}")
def any_pg(request: pytest.FixtureRequest, pg: Callable[[int], Postgres]) -> Postgres:
    """The shared server, once for every supported version."""
    return pg(request.param)


@pytest.fixture
def pg15(pg: Callable[[int], Postgres]) -> Postgres:
    """The shared PostgreSQL 15; Debian's package, with TLS, lz4, JIT and hypopg."""
    return pg(15)


@pytest.fixture
def pg18(pg: Callable[[int], Postgres]) -> Postgres:
    """The shared PostgreSQL 18."""
    return pg(18)


@pytest.fixture
def new_pg() -> Iterator[Callable[[int], Postgres]]:
    """`new_pg(16).start(...)`: a server for one test, which may do with it what it likes."""
    made: list[Postgres] = []

    def make(version: int = 18) -> Postgres:
        if version not in servers.available_postgres():
            missing(f"PostgreSQL {version}")
        made.append(Postgres(version))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def pgbouncer() -> Iterator[Callable[[], PgBouncer]]:
    """`pgbouncer().start_for(pg18, default_pool_size=2)`: as many poolers as a test wants."""
    made: list[PgBouncer] = []

    def make() -> PgBouncer:
        if servers.find_pgbouncer() is None:
            missing("pgbouncer")
        made.append(PgBouncer())
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def database18(pg18: Postgres) -> Iterator[tuple[Postgres, str]]:
    """The shared PostgreSQL 18 and the name of a database of this test only."""
    with servers.fresh_database(pg18) as name:
        yield pg18, name
