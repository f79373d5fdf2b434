"""``dbtune bench``: says what there is; each measurement is a command of two words."""

from __future__ import annotations

from dbtune.cli.command import new_app
from dbtune.errors import UsageError

app = new_app()


@app.command(epilog="Example: dbtune bench pool demo")
def bench() -> None:
    """Measure on a real server what a tuning guide claims, with confidence intervals.

    bench pool: throughput and times by pool size, through a real PgBouncer. bench writes: single
    rows, batches, pipelines and COPY. bench index: statements with and without an index. bench
    cache: a query against Redis.

    They load the server: for staging and test servers, or the demo.
    """
    raise UsageError("bench what? dbtune bench pool, writes, index or cache; --help tells more")
