"""Fixtures for all tests: the real servers of tests/servers.py, each started when first used.

A test whose server is not installed is skipped, and fails when the environment has CI=true.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest

from tests import browser, servers
from tests.servers import MongoDB, PgBouncer, Postgres, Redis

CI = os.environ.get("CI") == "true"

# A shell has what it starts in the background ignore these: so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# No test fails because the machine is slow.
PATIENT: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("local", **PATIENT)
hypothesis.settings.register_profile("ci", **PATIENT, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if CI else "local")


def _version(program: str | None) -> str:
    """What a program says about its version, or that there is none."""
    if program is None:
        return "none"
    out = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+(\.\d+)?", out.stdout)
    return found.group() if found else "broken"


def pytest_report_header() -> list[str]:
    """Say which servers the tests will find."""
    found = [f"{build.release} ({build.origin})" for build in servers.builds().values()]
    return [
        f"postgresql: {', '.join(found) or 'none'}",
        f"pgbouncer: {_version(servers.find_pgbouncer())}, "
        f"redis: {_version(servers.find_redis())}, mongodb: {_version(servers.find_mongod())}, "
        f"browser: {_version(browser.program())}",
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
        if version not in servers.builds():
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


def _redis() -> Redis:
    if servers.find_redis() is None:
        missing("redis-server")
    return Redis()


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[Redis]:
    with _redis() as server:
        yield server.start()


@pytest.fixture
def redis_server(_shared_redis: Redis) -> Redis:
    """The shared Redis, emptied. Tests that change its configuration use `new_redis`."""
    with _shared_redis.client() as client:
        client.flushall()
    return _shared_redis


@pytest.fixture
def new_redis() -> Iterator[Callable[[], Redis]]:
    """`new_redis().start({"maxmemory": "50mb"})`: as many servers as a test wants."""
    made: list[Redis] = []

    def make() -> Redis:
        made.append(_redis())
        return made[-1]

    yield make
    for server in made:
        server.stop()


def own_mongodb() -> MongoDB:
    """A server for one test or module alone, to be started by it."""
    if servers.find_mongod() is None:
        missing("mongod")
    return MongoDB()


def _emptied(server: MongoDB) -> MongoDB:
    with server.client() as client:
        for name in set(client.list_database_names()) - {"admin", "config", "local"}:
            client.drop_database(name)
    return server


@pytest.fixture(scope="session")
def _shared_mongodb() -> Iterator[MongoDB]:
    with own_mongodb() as server:
        yield server.start()


@pytest.fixture(scope="session")
def _shared_mongodb_rs() -> Iterator[MongoDB]:
    with own_mongodb() as server:
        yield server.start(rs=True)


@pytest.fixture
def mongodb(_shared_mongodb: MongoDB) -> MongoDB:
    """The shared standalone mongod, without databases. Other settings: `new_mongodb`."""
    return _emptied(_shared_mongodb)


@pytest.fixture
def mongodb_rs(_shared_mongodb_rs: MongoDB) -> MongoDB:
    """The shared replica set of one member, without databases."""
    return _emptied(_shared_mongodb_rs)


@pytest.fixture
def new_mongodb() -> Iterator[Callable[[], MongoDB]]:
    """`new_mongodb().start(rs=True, auth=True)`: as many servers as a test wants."""
    made: list[MongoDB] = []

    def make() -> MongoDB:
        made.append(own_mongodb())
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def any_database(any_pg: Postgres) -> Iterator[tuple[Postgres, str]]:
    """As database18, once for every supported version."""
    with servers.fresh_database(any_pg) as name:
        yield any_pg, name


@pytest.fixture
def database18(pg18: Postgres) -> Iterator[tuple[Postgres, str]]:
    """The shared PostgreSQL 18 and the name of a database of this test only."""
    with servers.fresh_database(pg18) as name:
        yield pg18, name
