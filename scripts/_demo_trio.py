"""PostgreSQL, MongoDB and Redis of one small shop, with some work done, and a report on all three.

    scripts/demo-trio [-o shop.html] [--keep]

Starts the servers in folders of their own, fills them, lets an application use them, and runs
`dbtune report --tag shop`. With --keep they stay until Ctrl-C, and the profile file that leads to
them is named.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.servers import MongoDB, Postgres, Redis

ORDERS = 20_000
PROFILES = """\
profiles:
  shop-pg: {{url: "{pg}", tags: [shop], instances: 3, workers: 2}}
  shop-mongo: {{url: "{mongo}", tags: [shop]}}
  shop-redis: {{url: "{redis}", tags: [shop]}}
"""


def fill(pg: Postgres, mongo: MongoDB, redis: Redis) -> None:
    """Orders in PostgreSQL, a catalogue in MongoDB, sessions in Redis."""
    pg.psql("CREATE EXTENSION pg_stat_statements")
    pg.psql(
        "CREATE TABLE orders AS SELECT g AS id, g % 500 AS customer, g % 7 AS status, "
        f"repeat('x', 80) AS note FROM generate_series(1, {ORDERS}) g"
    )
    pg.psql("CREATE INDEX orders_status ON orders (status)")
    pg.psql("CREATE INDEX orders_status_too ON orders (status)")
    with mongo.client() as client:
        items = client.shop.items
        items.insert_many([{"sku": n, "kind": n % 20, "name": "y" * 60} for n in range(ORDERS)])
        items.create_index("kind")
        client.shop.command("profile", 2)
    with redis.client() as client:
        pipeline = client.pipeline()
        for number in range(5_000):
            pipeline.set(f"session:{number}", "z" * 200, ex=3600 if number % 3 else None)
        pipeline.execute()


def work(pg: Postgres, mongo: MongoDB, redis: Redis) -> None:
    """What the shop's application does for a while."""
    chance = random.Random(1)
    with pg.connect() as connection, mongo.client() as client, redis.client() as cache:
        for _ in range(300):
            customer = chance.randrange(500)
            connection.execute("SELECT id, note FROM orders WHERE customer = %s", (customer,))
            connection.execute("UPDATE orders SET status = 3 WHERE id = %s", (customer,))
            list(client.shop.items.find({"sku": customer}).limit(5))
            cache.get(f"session:{chance.randrange(10_000)}")
        cache.keys("session:*")


def main() -> int:
    """Start, fill, work, report; returns dbtune's exit code."""
    parser = argparse.ArgumentParser(
        "scripts/demo-trio", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-o", "--output", default="shop.html")
    parser.add_argument("--keep", action="store_true", help="leave the servers running")
    given = parser.parse_args()
    conf = {"shared_preload_libraries": "pg_stat_statements"}
    with (
        tempfile.TemporaryDirectory() as folder,
        Postgres(18).start(conf) as pg,
        MongoDB().start() as mongo,
        Redis().start() as redis,
    ):
        fill(pg, mongo, redis)
        work(pg, mongo, redis)
        profiles = Path(folder, "dbtune.yaml")
        urls = {"pg": pg.dsn(), "mongo": mongo.url(), "redis": redis.url()}
        profiles.write_text(PROFILES.format(**urls))
        profiles.chmod(0o600)
        environment = os.environ | {"DBTUNE_CONFIG": str(profiles)}
        command = [sys.executable, "-m", "dbtune", "report", "--tag", "shop", "--interval", "5s"]
        command += ["--title", "The shop's databases", "-o", given.output, "--force"]
        code = subprocess.run(command, env=environment, check=False).returncode
        if given.keep:
            print(f"DBTUNE_CONFIG={profiles} dbtune report --tag shop; Ctrl-C ends the servers")
            with contextlib.suppress(KeyboardInterrupt, EOFError):
                input()
        return code


if __name__ == "__main__":
    sys.exit(main())
