"""Generated pool settings in the real libraries, through a real PgBouncer and without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dbtune.apps.generate import framework
from dbtune.apps.pool import AppPool
from dbtune.postgres.pgbouncer.pooler import HAS_PREPARED_STATEMENTS
from tests import servers
from tests.conftest import missing
from tests.servers import MongoDB, PgBouncer, Postgres, Redis

POOL = AppPool(largest=4, smallest=2, pooler=True, prepares=False, request_seconds=20)
DIRECT = AppPool(largest=4, smallest=2, pooler=False, prepares=True, request_seconds=20)

# Each program follows the generated file in one module. Twelve clients share four connections to
# a pooler that has two servers, and each runs the same statements often enough to have them
# prepared. The last line printed is "size of the pool, answers".
DJANGO = """
import threading
from django.conf import settings
settings.configure(DATABASES=DATABASES, USE_TZ=True)
import django
django.setup()
from django.db import connection
answers = []
def work():
    for i in range(20):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s + 1", [i])
            answers.append(cursor.fetchone()[0])
    connection.close()
threads = [threading.Thread(target=work) for _ in range(12)]
[t.start() for t in threads]; [t.join() for t in threads]
print(connection.pool.max_size, len(answers))
connection.close_pool()
"""
SQLALCHEMY = """
import threading
from sqlalchemy import text
answers = []
def work():
    for i in range(20):
        with engine.begin() as connection:
            answers.append(connection.execute(text("SELECT :i + 1"), {"i": i}).scalar())
threads = [threading.Thread(target=work) for _ in range(12)]
[t.start() for t in threads]; [t.join() for t in threads]
print(engine.pool.size() + engine.pool._max_overflow, len(answers))
engine.dispose()
"""
ASYNCPG = """
import asyncio
async def main():
    pool = await make_pool()
    answers = []
    async def work():
        for i in range(20):
            async with pool.acquire(timeout=ACQUIRE_TIMEOUT) as connection:
                answers.append(await connection.fetchval("SELECT $1::int + 1", i))
    await asyncio.gather(*(work() for _ in range(12)))
    print(pool.get_max_size(), len(answers))
    await pool.close()
asyncio.run(main())
"""
PSYCOPG_POOL = """
import threading
pool.open(wait=True)
answers = []
def work():
    for i in range(20):
        with pool.connection() as connection:
            answers.append(connection.execute("SELECT %s + 1", (i,)).fetchone()[0])
threads = [threading.Thread(target=work) for _ in range(12)]
[t.start() for t in threads]; [t.join() for t in threads]
print(pool.max_size, len(answers))
pool.close()
"""
NODE_PG = """
let answers = 0
await Promise.all(Array.from({ length: 12 }, async () => {
  for (let i = 0; i < 20; i++) {
    const { rows } = await pool.query('SELECT $1::int + 1 AS n', [i])
    answers += rows.length
  }
}))
console.log(pool.options.max, answers)
await pool.end()
"""
PRISMA = """
const made = await adapter.connect()
let answers = 0
await Promise.all(Array.from({ length: 12 }, async () => {
  for (let i = 0; i < 20; i++) {
    const ask = { sql: 'SELECT $1::int + 1 AS n', args: [i], argTypes: [{ scalarType: 'int' }] }
    const { rows } = await made.queryRaw(ask)
    answers += rows.length
  }
}))
console.log(made.client?.options?.max ?? 'unknown', answers)
await made.dispose()
"""
PYMONGO = """
import threading
answers = []
def work():
    for i in range(20):
        answers.append(client.admin.command("ping"))
threads = [threading.Thread(target=work) for _ in range(12)]
[t.start() for t in threads]; [t.join() for t in threads]
print(client.options.pool_options.max_pool_size, len(answers))
client.close()
"""
REDIS_PY = """
import threading
answers = []
def work():
    for i in range(20):
        answers.append(client.ping())
threads = [threading.Thread(target=work) for _ in range(12)]
[t.start() for t in threads]; [t.join() for t in threads]
print(client.connection_pool.max_connections, len(answers))
"""
PYTHON = {
    "django": DJANGO,
    "sqlalchemy": SQLALCHEMY,
    "asyncpg": ASYNCPG,
    "psycopg-pool": PSYCOPG_POOL,
}
NODE = {"node-pg": NODE_PG, "prisma": PRISMA}


def run(arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"} | env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def run_python(text: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = folder / "program.py"
    program.write_text(text)
    return run([sys.executable, str(program)], env)


def run_node(name: str, text: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    packages = servers.SERVERS / "node"
    node = shutil.which("node")
    if node is None or not (packages / "installed").exists():
        missing("drivers of Node.js")
    assert node is not None
    # Modules are looked for beside the program, and only there.
    program = packages / f"{name}-{os.getpid()}.mjs"
    # The client itself is generated from a schema; the adapter has the pool.
    lines = [line for line in text.splitlines() if "generated/prisma" not in line]
    lines = [line for line in lines if "new PrismaClient" not in line]
    program.write_text("\n".join(lines))
    try:
        return run([node, str(program)], env)
    finally:
        program.unlink()


def environment(server: Postgres | PgBouncer, scheme: str = "postgresql") -> dict[str, str]:
    return {
        "DATABASE_URL": f"{scheme}://{server.superuser}@{server.host}:{server.port}/postgres",
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGDATABASE": "postgres",
        "PGUSER": server.superuser,
        "PGPASSWORD": server.password,
    }


def scheme(name: str) -> str:
    return "postgresql+psycopg" if name == "sqlalchemy" else "postgresql"


def in_library(
    name: str, pool: AppPool, server: Postgres | PgBouncer, folder: Path
) -> subprocess.CompletedProcess[str]:
    text = framework(name)(pool).text
    env = environment(server, scheme(name))
    if name in NODE:
        return run_node(name, text + NODE[name], env)
    return run_python(text + PYTHON[name], folder, env)


@pytest.mark.parametrize("name", [*PYTHON, *NODE])
def test_the_library_takes_the_settings_behind_a_pooler(
    name: str, pg18: Postgres, pgbouncer: Callable[[], PgBouncer], tmp_path: Path
) -> None:
    pooler = pgbouncer().start_for(pg18, default_pool_size=2)
    done = in_library(name, POOL, pooler, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    size, answers = done.stdout.split()
    assert answers == "240"
    assert size in ("4", "unknown")


@pytest.mark.parametrize("name", [*PYTHON, *NODE])
def test_the_library_takes_the_settings_without_one(
    name: str, pg18: Postgres, tmp_path: Path
) -> None:
    done = in_library(name, DIRECT, pg18, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[1] == "240"


@pytest.mark.parametrize("name", ["asyncpg", "psycopg-pool"])
def test_the_switch_for_prepared_statements_is_needed(
    name: str, pg18: Postgres, pgbouncer: Callable[[], PgBouncer], tmp_path: Path
) -> None:
    pooler = pgbouncer()
    if servers.pgbouncer_version() < HAS_PREPARED_STATEMENTS:
        pooler.start_for(pg18, default_pool_size=2)
    else:  # it follows prepared statements, unless told not to
        pooler.start_for(pg18, default_pool_size=2, max_prepared_statements=0)
    as_without = AppPool(largest=4, smallest=2, pooler=True, prepares=True, request_seconds=20)
    done = in_library(name, as_without, pooler, tmp_path)
    assert "240" not in done.stdout
    assert "prepared statement" in done.stderr


def test_pymongo_takes_the_settings(mongodb: MongoDB, tmp_path: Path) -> None:
    text = framework("pymongo")(DIRECT).text + PYMONGO
    done = run_python(text, tmp_path, {"MONGODB_URI": mongodb.url()})
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "4 240\n")


def test_pymongo_takes_the_uri(mongodb: MongoDB, tmp_path: Path) -> None:
    made = framework("mongodb-uri")(DIRECT).text
    uri = made.partition("MONGODB_URI='")[2].rstrip("'\n")
    _, _, options = uri.partition("?")
    joined = mongodb.url() + ("&" if "?" in mongodb.url() else "?") + options
    text = "import os, pymongo\nclient = pymongo.MongoClient(os.environ['MONGODB_URI'])" + PYMONGO
    done = run_python(text, tmp_path, {"MONGODB_URI": joined})
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "4 240\n")


def test_redis_py_takes_the_settings(redis_server: Redis, tmp_path: Path) -> None:
    text = framework("redis-py")(DIRECT).text + REDIS_PY
    done = run_python(text, tmp_path, {"REDIS_URL": redis_server.url()})
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "4 240\n")
