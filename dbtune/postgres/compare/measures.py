"""Numbers of the whole server in both periods."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.compare.held import Span
from dbtune.compare.model import Measure, short
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.bloat.model import model
from dbtune.postgres.compare.relations import dead_rows, total_bytes
from dbtune.postgres.facts.bloat import relation_sizes
from dbtune.postgres.facts.checkpoints import Checkpoints, checkpoints
from dbtune.postgres.facts.connections import connections
from dbtune.postgres.facts.databases import Database, databases
from dbtune.postgres.facts.relations import relations

_LEAST_BLOCKS = 10_000
_LEAST_SECONDS = 600
_LEAST_TRANSACTIONS = 10_000


def measures(before: Span, after: Span) -> tuple[Measure, ...]:
    """Every number that the snapshots give."""
    return (
        *_of_databases(before.maybe(databases), after.maybe(databases)),
        *_of_checkpoints(before, after),
        *_of_states(before, after),
    )


class _Sum:
    """Counters of all databases together, and for how long they were counted."""

    def __init__(self, found: tuple[Database, ...]) -> None:
        self._found = [one for one in found if one.name]
        known = [one.seconds for one in self._found if one.seconds]
        self.seconds = max(known, default=None)
        self.own = any(one.watched for one in self._found)

    def of(self, name: str) -> float:
        return float(sum(getattr(one, name) or 0 for one in self._found))

    def knows(self, name: str) -> bool:
        return any(getattr(one, name) is not None for one in self._found)

    def rate(self, name: str, per: float = 1.0) -> float | None:
        """A counter by second; of databases counted for different times, each by its own."""
        rates = [
            (getattr(one, name) or 0) / seconds
            for one in self._found
            if (seconds := one.seconds or self.seconds)
        ]
        return sum(rates) * per if rates and self.knows(name) else None

    @property
    def throughput(self) -> float | None:
        ended = self.rate("commits"), self.rate("rollbacks")
        return None if ended[0] is None or ended[1] is None else ended[0] + ended[1]

    @property
    def transactions(self) -> float:
        return self.of("commits") + self.of("rollbacks")

    def share(self, part: str, rest: str) -> float | None:
        whole = self.of(part) + self.of(rest)
        return self.of(part) / whole if whole else None

    @property
    def blocks(self) -> float:
        return self.of("blocks_hit") + self.of("blocks_read")


def _of_databases(
    before: tuple[Database, ...] | None, after: tuple[Database, ...] | None
) -> Iterator[Measure]:
    if before is None or after is None:
        return
    old, new = _Sum(before), _Sum(after)

    def each(name: str, per: float = 1.0) -> tuple[float | None, float | None]:
        return old.rate(name, per), new.rate(name, per)

    yield Measure(
        "transactions_per_second", "transactions/s", "float", old.throughput, new.throughput
    )
    few = min(old.transactions, new.transactions) < _LEAST_TRANSACTIONS
    yield Measure(
        "rollback_ratio", "rolled back", "ratio",
        old.share("rollbacks", "commits"), new.share("rollbacks", "commits"),
        "less", 1.5, 0.02, "fewer than 10,000 transactions" if few else "",
    )  # fmt: skip
    few = min(old.blocks, new.blocks) < _LEAST_BLOCKS
    yield Measure(
        "cache_hit_ratio", "found in shared buffers", "ratio",
        old.share("blocks_hit", "blocks_read"), new.share("blocks_hit", "blocks_read"),
        "more", 1.0, 0.01, "fewer than 10,000 blocks" if few else "",
    )  # fmt: skip
    yield Measure(
        "blocks_read_per_second", "blocks read/s", "float", *each("blocks_read"),
    )  # fmt: skip
    yield Measure(
        "temp_bytes_per_second", "temporary files/s", "bytes", *each("temp_bytes"),
        "less", 1.5, 100_000, short(old.seconds, new.seconds),
    )  # fmt: skip
    yield Measure(
        "deadlocks_per_hour", "deadlocks/h", "float", *each("deadlocks", 3600),
        "less", 1.5, 1.0, _short(old, new),
    )  # fmt: skip
    if old.knows("active_ms") and new.knows("active_ms"):
        yield Measure(
            "mean_active_sessions", "active sessions, mean", "float", *each("active_ms", 1e-3)
        )


def _short(old: _Sum, new: _Sum) -> str:
    least = min(old.seconds or 0, new.seconds or 0)
    return "" if least >= _LEAST_SECONDS else "a period of less than 10 minutes"


def _of_checkpoints(before: Span, after: Span) -> Iterator[Measure]:
    old, new = before.maybe(checkpoints), after.maybe(checkpoints)
    if old is None or new is None:
        return
    short = min(old.seconds or 0, new.seconds or 0) < _LEAST_SECONDS
    unjudged = "a period of less than 10 minutes" if short else ""

    def each(name: str, per: float = 1.0) -> tuple[float | None, float | None]:
        return _rate(old, name, per), _rate(new, name, per)

    yield Measure(
        "checkpoints_timed_per_hour", "checkpoints by time/h", "float", *each("timed", 3600)
    )
    yield Measure(
        "checkpoints_requested_per_hour", "checkpoints requested/h", "float",
        *each("requested", 3600), "less", 1.5, 1.0, unjudged,
    )  # fmt: skip
    # On 13 WAL is counted since initdb and the rest since a reset: no rate of a whole life.
    if old.watched == new.watched or (old.wal_full_pages is not None):
        yield Measure("wal_bytes_per_second", "WAL/s", "bytes", *each("wal_bytes"))
    if new.buffers_backend is not None and old.buffers_backend is not None:
        yield Measure(
            "buffers_written_by_backends_per_second", "buffers written by backends/s", "float",
            *each("buffers_backend"), "less", 2.0, 10.0, unjudged,
        )  # fmt: skip


def _rate(one: Checkpoints, name: str, per: float) -> float | None:
    value = getattr(one, name)
    return None if value is None or not one.seconds else value / one.seconds * per


def _of_states(before: Span, after: Span) -> Iterator[Measure]:
    """Of the moments at the ends of the periods."""
    links = before.end.maybe(connections), after.end.maybe(connections)
    if links[0] and links[1]:
        yield Measure("connections", "connections", "int", links[0].used, links[1].used)
    catalogs = before.end.maybe(relations), after.end.maybe(relations)
    if catalogs[0] and catalogs[1]:
        yield Measure(
            "relations_bytes", "tables and indexes", "bytes",
            total_bytes(catalogs[0]), total_bytes(catalogs[1]),
        )  # fmt: skip
        yield Measure(
            "dead_rows", "dead rows", "int",
            dead_rows(catalogs[0]), dead_rows(catalogs[1]), "less", 2.0, 100_000,
        )  # fmt: skip
    sizes = before.end.maybe(relation_sizes), after.end.maybe(relation_sizes)
    if sizes[0] and sizes[1]:
        wasted = [
            sum(one.bloat_bytes or 0 for one in Bloat(found, model(found).values()).estimates)
            for found in sizes
            if found
        ]
        yield Measure(
            "bloat_bytes", "wasted space, estimated", "bytes",
            wasted[0], wasted[1], "less", 1.25, 64 * 1024**2,
        )  # fmt: skip
