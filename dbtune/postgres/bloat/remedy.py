"""Ways to get space back, each with what it locks, needs, writes, and about how long it takes.

Sources: PostgreSQL's documentation of VACUUM, REINDEX, REFRESH and ALTER TABLE for locks;
pg_repack's, pg_squeeze's and pgcompacttable's documentation for theirs. Times are a rule of thumb:
bytes read and written at 50 MB/s.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from dbtune.postgres.bloat.facts import HEAPS, Bloat, Estimate, Kind, Relation
from dbtune.postgres.plans.ddl import quote

BYTES_A_SECOND = 50 * 1024**2
REWRITE_FROM_RATIO = 0.2
"""From this share on a rewrite is worth its writes."""
RANDOM_FROM_RATIO = 0.35
"""Of indexes whose keys come in random order, which settle at two thirds full anyway."""
WORTH_BYTES = 100 * 1024
_EXTENDED = 64 * 8192
"""PostgreSQL 16 and later extend a file that is being filled by as much, and may leave it so."""


class Risk(IntEnum):
    """What a way may do to others, the least first."""

    none = 1
    """Takes no lock that stops reading or writing, and little space."""
    space = 2
    """Needs as much space again for a while, and write-ahead log."""
    moments = 3
    """Stops reading and writing for moments, at its beginning and end."""
    outage = 4
    """Stops reading and writing while it runs."""


_WEIGHTS = {Risk.none: 1.0, Risk.space: 2.0, Risk.moments: 8.0, Risk.outage: 64.0}


class Duration(IntEnum):
    """About how long it runs."""

    seconds = 1
    minutes = 2
    an_hour = 3
    hours = 4

    @property
    def text(self) -> str:
        """For people."""
        return {1: "seconds", 2: "minutes", 3: "up to an hour", 4: "hours"}[self.value]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to get space back.

    Attributes:
        estimate: of what.
        action: its name: ``VACUUM``, ``REINDEX CONCURRENTLY``, ``pg_repack`` ...
        statement: SQL, or a command line.
        is_sql: which of the two.
        lock: what it locks.
        risk: what that may do to others.
        gain_bytes: what comes back to the operating system, most likely.
        gain_low_bytes, gain_high_bytes: at least and at most.
        reuse_bytes: what becomes free for new rows, but stays in the file.
        extra_bytes: disk space that it needs meanwhile.
        wal_bytes: write-ahead log that it writes.
        duration: about how long it runs.
        needs: what has to be there first, or "".
    """

    estimate: Estimate
    action: str
    statement: str
    is_sql: bool
    lock: str
    risk: Risk
    gain_bytes: float = 0.0
    gain_low_bytes: float = 0.0
    gain_high_bytes: float = 0.0
    reuse_bytes: float = 0.0
    extra_bytes: float = 0.0
    wal_bytes: float = 0.0
    duration: Duration = Duration.seconds
    needs: str = ""

    @property
    def value(self) -> float:
        """Bytes per risk: what ways are ordered by. Space to reuse counts half."""
        return (self.gain_bytes + self.reuse_bytes / 2) / _WEIGHTS[self.risk]

    @property
    def effect(self) -> str:
        """Lock, space and time in one line."""
        from dbtune.text import bytes_text

        parts = [self.lock]
        if self.extra_bytes:
            parts.append(f"needs {bytes_text(self.extra_bytes)} of disk meanwhile")
        if self.wal_bytes:
            parts.append(f"writes {bytes_text(self.wal_bytes)} of WAL")
        return "; ".join([*parts, f"runs for {self.duration.text}"])


def duration(work_bytes: float) -> Duration:
    """How long that many bytes take to read or write, about."""
    seconds = work_bytes / BYTES_A_SECOND
    for limit, found in ((20, Duration.seconds), (600, Duration.minutes), (3600, Duration.an_hour)):
        if seconds <= limit:
            return found
    return Duration.hours


def name_of(relation: Relation) -> str:
    """Its name as SQL."""
    return f"{quote(relation.schema)}.{quote(relation.name)}"


def is_worth_it(estimate: Estimate, bloat: Bloat) -> bool:
    """Whether a rewrite gives back enough, and for long enough."""
    ratio, gain = estimate.bloat_ratio, estimate.bloat_bytes
    if ratio is None or gain is None or gain < WORTH_BYTES:
        return False
    least = RANDOM_FROM_RATIO if comes_back(estimate.relation, bloat) else REWRITE_FROM_RATIO
    return ratio >= least and estimate.bloat_low_bytes > 0


def comes_back(relation: Relation, bloat: Bloat) -> bool:
    """Whether an index's keys come in random order, so that it would soon be loose again."""
    shape = bloat.sizes.indexes.get(relation.oid)
    if shape is None or shape.method != "btree" or not shape.columns:
        return False
    correlation = shape.columns[0].correlation
    return correlation is not None and abs(correlation) < 0.3


def ways(bloat: Bloat) -> list[Way]:
    """All ways for all relations, the most bytes per risk first."""
    found = [way for one in bloat.estimates for way in ways_for(one, bloat)]
    return sorted(found, key=lambda way: (-way.value, way.risk, way.statement))


def ways_for(estimate: Estimate, bloat: Bloat) -> Iterator[Way]:
    """Ways for one relation, the safest first. None if nothing is worth doing."""
    relation = estimate.relation
    if relation.kind is Kind.INDEX:
        if is_worth_it(estimate, bloat):
            yield from _rebuild(estimate, bloat)
        return
    yield from _vacuum(estimate, bloat)
    if not is_worth_it(estimate, bloat) or _twin_comes_first(estimate, bloat):
        return
    if relation.kind is Kind.MATERIALIZED_VIEW:
        yield _refresh(estimate)
        return
    if not relation.catalog:
        yield from _rewrite_online(estimate, bloat)
    yield _rewrite(estimate, bloat)


def _twin_comes_first(estimate: Estimate, bloat: Bloat) -> bool:
    """A table and its TOAST table are rewritten together: the one with more bloat is named."""
    own = estimate.bloat_bytes or 0.0
    twins = (
        one
        for one in bloat.of_table(estimate.relation.table)
        if one is not estimate and one.relation.kind is not Kind.INDEX
    )
    return any(is_worth_it(one, bloat) and (one.bloat_bytes or 0.0) > own for one in twins)


def best(estimate: Estimate, bloat: Bloat) -> Way | None:
    """The safest way that gives space back, or ``None``."""
    giving = [way for way in ways_for(estimate, bloat) if way.gain_high_bytes > 0]
    return min(giving, key=lambda way: way.risk, default=None)


def _vacuum(estimate: Estimate, bloat: Bloat) -> Iterator[Way]:
    """Where dead rows wait for VACUUM: their space can be used again, little is given back."""
    relation, dead = estimate.relation, estimate.dead_rows or 0.0
    rows = estimate.rows or 0.0
    if bloat.sizes.standby or dead < 1000 or dead < 0.05 * (rows + dead):
        return
    table = bloat.sizes.relations.get(relation.table, relation)
    cleanup = table.options.get("vacuum_index_cleanup", "").lower() in ("off", "false", "no", "0")
    options = "VERBOSE, INDEX_CLEANUP ON" if cleanup else "VERBOSE"
    if relation.kind is not Kind.TOAST:
        options += ", ANALYZE"
    share = dead / (rows + dead)
    reuse = min(estimate.bloat_bytes or share * relation.size_bytes, share * relation.size_bytes)
    work = relation.size_bytes + sum(one.size_bytes for one in _indexes(relation.table, bloat))
    yield Way(
        estimate,
        "VACUUM (INDEX_CLEANUP)" if cleanup else "VACUUM",
        f"VACUUM ({options}) {name_of(table if relation.kind is Kind.TOAST else relation)};",
        is_sql=True,
        lock="SHARE UPDATE EXCLUSIVE: reading and writing go on",
        risk=Risk.none,
        reuse_bytes=reuse,
        wal_bytes=share * relation.size_bytes / 4,
        duration=duration(work),
    )


def _rebuild(estimate: Estimate, bloat: Bloat) -> Iterator[Way]:
    relation = estimate.relation
    shape = bloat.sizes.indexes.get(relation.oid)
    rewritten = estimate.rewritten_bytes or 0.0
    table = bloat.sizes.relations.get(relation.owner)
    work = rewritten * 3 + (table.size_bytes if table else 0) * 2
    online = Way(
        estimate,
        "REINDEX CONCURRENTLY",
        f"REINDEX INDEX CONCURRENTLY {name_of(relation)};",
        is_sql=True,
        lock="SHARE UPDATE EXCLUSIVE: reading and writing go on; waits for older transactions",
        risk=Risk.space,
        gain_bytes=estimate.bloat_bytes or 0.0,
        gain_low_bytes=estimate.bloat_low_bytes,
        gain_high_bytes=estimate.bloat_high_bytes,
        extra_bytes=rewritten * 2,
        wal_bytes=rewritten,
        duration=duration(work),
    )
    # What the server refuses to do concurrently (indexcmds.c, ReindexRelationConcurrently).
    if not relation.catalog and not (shape is not None and shape.exclusion):
        yield online
        return
    yield replace(
        online,
        action="REINDEX",
        statement=f"REINDEX INDEX {name_of(relation)};",
        lock="SHARE on the table, ACCESS EXCLUSIVE on the index: no writing, hardly any reading",
        risk=Risk.outage,
        duration=duration(work / 2),
        needs="a window without users" + (", and a superuser" if relation.catalog else ""),
    )


def _refresh(estimate: Estimate) -> Way:
    rewritten = estimate.rewritten_bytes or 0.0
    return Way(
        estimate,
        "REFRESH MATERIALIZED VIEW",
        f"REFRESH MATERIALIZED VIEW {name_of(estimate.relation)};",
        is_sql=True,
        lock="ACCESS EXCLUSIVE: no reading; runs the view's query",
        risk=Risk.outage,
        gain_bytes=estimate.bloat_bytes or 0.0,
        gain_low_bytes=max(0.0, estimate.bloat_low_bytes - _EXTENDED),
        gain_high_bytes=estimate.bloat_high_bytes,
        extra_bytes=rewritten,
        wal_bytes=rewritten,
        duration=duration(rewritten * 3),
    )


def _rewrite_online(estimate: Estimate, bloat: Bloat) -> Iterator[Way]:
    """Tools that rewrite a table while it is in use."""
    sizes, table = bloat.sizes, bloat.sizes.relations.get(estimate.relation.table)
    if table is None or table.kind not in HEAPS:
        return
    shape = sizes.tables.get(table.oid)
    new = _after_rewrite(table, bloat)
    likely, low, high = _gains(table, bloat)
    database = shlex.quote(sizes.database)
    if shape is not None and shape.identity:
        squeeze = sizes.tools.get("pg_squeeze")
        if squeeze:
            arguments = ", ".join(_literal(one) for one in (table.schema, table.name))
            yield Way(
                estimate,
                "pg_squeeze",
                f"SELECT {quote(squeeze)}.squeeze_table({arguments}, NULL, NULL, NULL);",
                is_sql=True,
                lock="ACCESS EXCLUSIVE for a moment at the end",
                risk=Risk.moments,
                gain_bytes=likely,
                gain_low_bytes=low,
                gain_high_bytes=high,
                extra_bytes=new,
                wal_bytes=new,
                duration=duration(new * 3 + table.size_bytes),
            )
        installed = "pg_repack" in sizes.tools
        yield Way(
            estimate,
            "pg_repack",
            f"pg_repack --no-kill-backend --dbname={shlex.quote(_in_conninfo(sizes.database))} "
            f"--table={shlex.quote(_repack_name(table))}",
            is_sql=False,
            lock="ACCESS EXCLUSIVE for moments at the beginning and at the end",
            risk=Risk.moments,
            gain_bytes=likely,
            gain_low_bytes=low,
            gain_high_bytes=high,
            extra_bytes=new * 1.1,
            wal_bytes=new * 1.1,
            duration=duration(new * 3 + table.size_bytes),
            needs="" if installed else "CREATE EXTENSION pg_repack of the client's version",
        )
    yield Way(
        estimate,
        "pgcompacttable",
        f"pgcompacttable --dbname={database} --schema={shlex.quote(table.schema)} "
        f"--table={shlex.quote(table.name)}",
        is_sql=False,
        lock="locks of rows, ACCESS EXCLUSIVE for moments to cut off the end",
        risk=Risk.moments,
        gain_bytes=likely,
        gain_low_bytes=min(estimate.bloat_low_bytes, low),
        gain_high_bytes=high,
        extra_bytes=max((one.size_bytes for one in _indexes(table.oid, bloat)), default=0),
        wal_bytes=table.size_bytes * 1.0,
        duration=duration(table.size_bytes * 5),
        needs="CREATE EXTENSION pgstattuple, and a superuser; it updates row by row",
    )


def _rewrite(estimate: Estimate, bloat: Bloat) -> Way:
    sizes = bloat.sizes
    table = sizes.relations.get(estimate.relation.table, estimate.relation)
    new = _after_rewrite(table, bloat)
    likely, low, high = _gains(table, bloat)
    return Way(
        estimate,
        "VACUUM FULL",
        f"VACUUM (FULL, VERBOSE, ANALYZE) {name_of(table)};",
        is_sql=True,
        lock="ACCESS EXCLUSIVE: neither reading nor writing while it runs",
        risk=Risk.outage,
        gain_bytes=likely,
        gain_low_bytes=low,
        gain_high_bytes=high,
        extra_bytes=new,
        wal_bytes=new,
        duration=duration(new * 2 + table.size_bytes),
        needs="a window without users" + (", and a superuser" if table.catalog else ""),
    )


def _indexes(table: int, bloat: Bloat) -> list[Relation]:
    of_table = (one.relation for one in bloat.of_table(table))
    return [one for one in of_table if one.kind is Kind.INDEX]


def _parts(table: Relation, bloat: Bloat) -> Iterable[Estimate]:
    return bloat.of_table(table.oid)


def _after_rewrite(table: Relation, bloat: Bloat) -> float:
    """The table, its TOAST table and its indexes after a rewrite; unknown ones as large as now."""
    return sum(
        one.relation.size_bytes if one.rewritten_bytes is None else one.rewritten_bytes
        for one in _parts(table, bloat)
    )


def _gains(table: Relation, bloat: Bloat) -> tuple[float, float, float]:
    """What a rewrite of a table with all that is its gives back: likely, at least, at most."""
    likely = low = high = 0.0
    for one in bloat.of_table(table.oid):
        if one.bloat_bytes is None:
            high += one.relation.size_bytes
        else:
            likely += one.bloat_bytes
            low += one.bloat_low_bytes
            high += one.bloat_high_bytes
    return likely, low, high


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _repack_name(table: Relation) -> str:
    """pg_repack reads names as SQL does."""
    plain = all(part.isidentifier() and part == part.lower() for part in (table.schema, table.name))
    return f"{table.schema}.{table.name}" if plain else name_of(table)


def _in_conninfo(name: str) -> str:
    """pg_repack writes the database's name into a connection string as it stands."""
    if re.fullmatch(r"[\w.-]+", name):
        return name
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
