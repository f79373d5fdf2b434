"""``bench pool``: predict a pool size from a load, then measure that size and others."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from dbtune.bench.pool import Load, Size, rules, sizes_to_try, summarise
from dbtune.bench.pool_report import PREDICTED, report
from dbtune.bench.rounds import interleaved
from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import PoolPlan
from dbtune.postgres.bench.permission import Permission, require_permission
from dbtune.postgres.bench.pgbench import Pgbench, find_pgbench
from dbtune.postgres.bench.pooler import PrivatePgBouncer, find_pgbouncer
from dbtune.postgres.bench.scratch import Scratch, leftovers
from dbtune.postgres.bench.workloads import Loadable, table_statements
from dbtune.postgres.load import read_room
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.pool_size import plan_for
from dbtune.postgres.server import Server, read_server, target
from dbtune.postgres.session import Session
from dbtune.postgres.writer import Writer, require_writable
from dbtune.report import Report
from dbtune.session import Limits
from dbtune.statements import Wait
from dbtune.text import ms_text, plural

OBSERVED_SIZE = 20
"""The pool that the prediction is made from: PgBouncer's default, which most have."""
_SETTLE_SECONDS = 2.0
"""Sessions report to pg_stat_database at most once a second."""
_LEFT_FREE = 3
"""Connections of the server that are left for others."""
_DRAIN_SECONDS = 20.0
_OVERHEAD_SECONDS = 0.5
"""Starting and ending the clients of one run."""

Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure.

    Attributes:
        load: what the clients do; asked for when the server may be loaded, because statements are
            tried out.
        tables: it needs pgbench's tables, in a scratch schema.
        scale: of those.
        clients: that send one transaction after the other.
        seconds: of a measurement.
        warm_up: seconds before each measurement that do not count.
        rounds: how often each size is measured.
        observe: seconds that the load is observed for the prediction; 0 for none.
        sizes: to try; empty for those around the prediction.
    """

    load: Callable[[], Loadable]
    tables: bool = False
    scale: int = 10
    clients: int = 64
    seconds: int = 3
    warm_up: int = 1
    rounds: int = 5
    observe: float = 5.0
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the command line gives a measurement.

    Attributes:
        limits: for connections and statements.
        permission: what the person allowed.
        open_writer: makes a connection that writes.
        wait: lets time pass.
        progress: makes a progress bar.
        say: a line for the person.
    """

    limits: Limits
    permission: Permission
    open_writer: Callable[[], Writer]
    wait: Wait
    progress: Progress
    say: Callable[[str], None]


def bench_pool(session: Session, request: Request, around: Surroundings) -> Report:
    """Sweep pool sizes on a server.

    Raises:
        UsageError: the server may not be loaded, or a program is missing.
        TargetError: it can't be reached, or a statement failed.
        KeyboardInterrupt: interrupted; everything that was made is gone again.
    """
    server = read_server(session)
    _require(server, request)
    most = _most(session, request)
    for program in (find_pgbench, find_pgbouncer):
        program()  # what is missing is said before anybody is asked
    what = f"{request.clients} clients at once for {_duration_text(request, most)}"
    require_permission(session, server, around.permission, what, around.wait)
    load = request.load()
    notes = [*load.notes, *leftovers(session)]
    with _scratch(request, around) as schema:
        if schema is not None:
            with around.progress(f"making {request.scale * 15} MB of tables", 1.0):
                schema.run(*table_statements(request.scale))
        settings = _settings(load, around.limits, schema)
        sizes, profile = range(1, most + 1), session.profile
        with (
            Pgbench(load.scripts, request.clients, request.scale) as pgbench,
            PrivatePgBouncer(profile, around.limits, sizes, request.clients, settings) as pooler,
        ):
            pooler.check(min(OBSERVED_SIZE, most))
            found, facts, about = _swept(session, request, around, pgbench, pooler, most)
    return report(
        *found,
        {"workload": load.name, **facts},
        target=target(session, server),
        collected_at=server.now,
        notes=[*notes, *about],
    )


def _swept(
    session: Session,
    request: Request,
    around: Surroundings,
    pgbench: Pgbench,
    pooler: PrivatePgBouncer,
    most: int,
) -> tuple[tuple[list[Size], dict[str, int]], dict[str, object], list[str]]:
    """Sizes and rules, how it was measured, and notes."""
    plan = _predict(session, request, around, pgbench, pooler, most)
    predicted = None if plan is None else predicted_size(plan)
    tried = rules(None if plan is None else plan.inputs.cpus)
    if predicted is not None:
        tried = {PREDICTED: predicted} | tried
    tried = {rule: min(size, most) for rule, size in tried.items()}
    sizes = sorted({min(one, most) for one in request.sizes}) or sizes_to_try(
        predicted, tried.values(), most
    )
    tried = {rule: size for rule, size in tried.items() if size in sizes}
    left = len(sizes) * request.rounds * (request.seconds + request.warm_up + _OVERHEAD_SECONDS)
    around.say(
        f"measuring {plural(len(sizes), 'size')} ({', '.join(map(str, sizes))}) in "
        f"{plural(request.rounds, 'round')}: about {ms_text(left * 1000)}"
    )
    meter = _Meter(session, request, pgbench, pooler)
    with around.progress("measuring", len(sizes) * request.rounds) as advance:
        runs = interleaved(sizes, request.rounds, meter.measure, advance)
    loads = [load for several in runs.values() for load in several]
    facts: dict[str, object] = {
        "predicted_size": predicted,
        "clients": request.clients,
        "rounds": request.rounds,
        "seconds": float(request.seconds),
        "driver": pgbench.name,
        "client_cpus": _largest(load.client_cpus for load in loads),
        "pooler_cpus": _largest(load.pooler_cpus for load in loads),
    }
    notes = list(_about(session, plan, most, request, loads))
    return (summarise(runs), tried), facts, notes


def predicted_size(plan: PoolPlan) -> int | None:
    """What ``pool-size`` says of a load that clients make without a pause: its cap.

    They come as fast as they are served, so the demand that is seen is whatever pool was there, and
    says nothing. What remains is the most connections that the server serves well.
    """
    return plan.pool_size if plan.parallelism is None else plan.parallelism.cap


class _Meter:
    """Measures one size after the other."""

    def __init__(
        self, session: Session, request: Request, pgbench: Pgbench, pooler: PrivatePgBouncer
    ) -> None:
        self._session = session
        self._request = request
        self._pgbench = pgbench
        self._pooler = pooler
        self._rates: dict[int, float] = {}

    def measure(self, size: int) -> Load:
        """Warm up and measure once."""
        keywords = self._pooler.keywords(size)
        self._wait_for_room(size)
        if self._request.warm_up:
            warm = self._pgbench.run(keywords, self._request.warm_up, self._rates.get(size, 0))
            self._rates[size] = warm.per_second
        before, started = self._pooler.cpu_seconds(), time.monotonic()
        load = self._pgbench.run(keywords, self._request.seconds, self._rates.get(size, 0))
        after, elapsed = self._pooler.cpu_seconds(), time.monotonic() - started
        self._rates[size] = load.per_second
        self._pooler.empty(size)
        if before is None or after is None:
            return load
        return load._replace(pooler_cpus=(after - before) / elapsed)

    def _wait_for_room(self, size: int) -> None:
        """Wait until the processes of the size before have ended: each takes a connection."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        while _left(self._session)[0] < size and time.monotonic() < deadline:
            time.sleep(0.02)


def _predict(
    session: Session,
    request: Request,
    around: Surroundings,
    pgbench: Pgbench,
    pooler: PrivatePgBouncer,
    most: int,
) -> PoolPlan | None:
    """What ``pool-size`` says while the load runs through PgBouncer's default size."""
    if not request.observe:
        return None
    size = min(OBSERVED_SIZE, most)
    seconds = round(request.observe + 2 * _SETTLE_SECONDS + 30)  # it is ended before
    with pgbench.running(pooler.keywords(size), seconds):
        around.wait(_SETTLE_SECONDS, "letting the load settle")
        plan, _ = plan_for(session, PoolInputs(), request.observe, around.wait)
    pooler.empty(size)
    return plan


def _require(server: Server, request: Request) -> None:
    if server.pooled:
        raise UsageError(
            "bench pool needs the server itself, because it puts a PgBouncer of its own before it; "
            "give the server's own port"
        )
    if request.tables:
        require_writable(server, "a workload that writes")


def _most(session: Session, request: Request) -> int:
    """The largest pool that clients fill and the server has connections for."""
    left, used = _left(session)
    if left < 1:
        raise UsageError(f"the server has no connection left: {used} are open")
    return min(request.clients, left)


def _left(session: Session) -> tuple[int, int]:
    """Connections that the server has left for us, and those that are open."""
    limits = read_room(session)
    used = session.rows(
        "SELECT pg_catalog.count(*)::int AS used FROM pg_catalog.pg_stat_activity "
        "WHERE datid IS NOT NULL"
    )[0]["used"]
    reserved = limits.superuser_reserved + limits.reserved_connections
    return limits.max_connections - reserved - used - _LEFT_FREE, used


def _scratch(request: Request, around: Surroundings) -> AbstractContextManager[Scratch | None]:
    if not request.tables:
        return contextlib.nullcontext()
    return Scratch(around.open_writer, around.say)


def _settings(load: Loadable, limits: Limits, schema: Scratch | None) -> list[tuple[str, str]]:
    """What each server connection sets for itself."""
    found = [
        ("statement_timeout", f"{limits.statement_seconds * 1000:.0f}ms"),
        ("idle_in_transaction_session_timeout", "60s"),
    ]
    if not load.writes:
        found.append(("default_transaction_read_only", "on"))
    if schema is not None:
        found.append(("search_path", quote(schema.name)))
    return found


def _duration_text(request: Request, most: int) -> str:
    count = len(request.sizes) or len(sizes_to_try(OBSERVED_SIZE, rules(2).values(), most))
    each = request.seconds + request.warm_up + _OVERHEAD_SECONDS
    return "about " + ms_text((request.observe + count * request.rounds * each) * 1000)


def _about(
    session: Session, plan: PoolPlan | None, most: int, request: Request, loads: list[Load]
) -> Iterator[str]:
    """What the reader should know about how it was measured."""
    if plan is not None and plan.parallelism is not None:
        yield (
            "clients without a pause ask for all that the server can do, so the prediction is the "
            "most that pool-size lets a pool have (its cap), not what a demand would need"
        )
    predicted = None if plan is None else predicted_size(plan)
    if predicted is not None and predicted > request.clients:
        yield (
            f"pool-size said {predicted}, and {request.clients} clients fill no more than "
            f"{request.clients}: that is what was measured for it"
        )
    if most < request.clients:
        yield f"no size above {most} was tried: the server has no more connections to give"
    if (busiest := _largest(load.pooler_cpus for load in loads)) is not None and busiest > 0.85:
        yield (
            f"PgBouncer used {busiest:.2f} of its one CPU: it, not the pool's size, limits the "
            "fastest sizes"
        )
    if (busiest := _largest(load.client_cpus for load in loads)) is not None and busiest > 0.85:
        yield f"the load generator used up to {busiest:.2f} CPUs, which the server did not have"
    if session.is_local:
        yield (
            "clients, PgBouncer and the server ran on the same machine: where clients run "
            "elsewhere, the server has more CPU left, and larger sizes may do better"
        )


def _largest(values: Iterator[float | None]) -> float | None:
    return max((one for one in values if one is not None), default=None)
