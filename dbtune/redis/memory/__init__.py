"""``bloat`` on Redis: what takes the memory, and what of it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbtune.bloat import Selection
from dbtune.errors import Unavailable
from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.report import Report
from dbtune.text import bytes_text, count_text, ms_text, plural, ratio_text

if TYPE_CHECKING:
    from dbtune.redis.memory.encodings import Encoded
    from dbtune.redis.memory.facts import Keyspace
    from dbtune.redis.session import Session

CHECKS = "dbtune.redis.memory.checks"
_UNEXPLAINED_RATIO = 0.2


def bloat(session: Session, selection: Selection) -> Report:
    """What takes a Redis server's memory: patterns, types, large keys, and what lies between.

    Raises:
        TargetError: the connection broke.
    """
    from dbtune.redis.memory.collect import read_keys
    from dbtune.redis.memory.encodings import Encodings, read_limits
    from dbtune.redis.memory.probe import Probe
    from dbtune.redis.memory.table import (
        LARGEST,
        PATTERNS,
        TYPES,
        largest_rows,
        memory_table,
        pattern_rows,
        type_rows,
    )

    skipped: list[Skipped] = []
    if session.no_info is not None:
        skipped.append(Skipped("memory", session.no_info.reason, session.no_info.remedy))
    keys: Keyspace | Unavailable
    found: list[Encoded] | Unavailable
    try:
        with Probe(session) as probe:
            encodings = Encodings(session, probe)
            keys = read_keys(session, selection, encodings.look)
    except Unavailable as missing:
        keys = found = missing
        skipped.append(Skipped("keys", missing.reason, missing.remedy))
    else:
        found = encodings.done(read_limits(session))
        if encodings.missing is not None:
            why = encodings.missing
            skipped.append(Skipped("encodings of collections", why.reason, why.remedy))
    known = None if isinstance(keys, Unavailable) else keys
    checks = load_checks(CHECKS)
    findings, not_run = run_checks(
        checks,
        {"keys": keys, "info": session.info, "encodings": found},
        session.profile.thresholds,
    )
    rows = (
        (
            replace(PATTERNS, rows=tuple(pattern_rows(known, selection.limit))),
            replace(TYPES, rows=tuple(type_rows(known))),
            replace(LARGEST, rows=tuple(largest_rows(known, selection.limit))),
        )
        if known
        else ()
    )
    # Why there are no keys, or no encodings, is said once, and not of each check again.
    quiet = {one.name for one in checks if not {"keys", "encodings"}.isdisjoint(one.needs)}
    memory = (memory_table(session.info, known),) if session.info else ()
    return Report(
        "bloat",
        (*memory, *rows),
        tuple(findings),
        (*skipped, *(one for one in not_run if known or one.what not in quiet)),
        tuple(_notes(session, known)),
        target=session.target(),
        collected_at=datetime.now(UTC),
        examined=tuple(one.name for one in checks),
    )


def _notes(session: Session, keys: Keyspace | None) -> Iterator[str]:
    if keys is not None and not keys.whole:
        yield (
            f"{count_text(keys.seen)} of {count_text(keys.total)} keys were looked at in "
            f"{ms_text(keys.seconds * 1000)}: shares are estimates, and a rare large key may be "
            "missing"
        )
        missing = keys.unexplained_bytes or 0.0
        share = missing / keys.dataset_bytes if keys.dataset_bytes else 0.0
        if share > _UNEXPLAINED_RATIO:
            yield (
                f"{bytes_text(missing)} of data ({ratio_text(share)}) are not "
                "explained by the sample: large keys are outside it"
            )
    if keys is not None and keys.seen:
        yield "looking at keys touches no last access, but the server counts it in keyspace_hits"
    if session.role == "cluster" and not session.node:
        yield "only this node was read: the others have keys of their own"
    if session.database or (keys is not None and keys.elsewhere):
        others = f": {plural(keys.elsewhere, 'key')} more in others" if keys else ""
        yield f"only database {session.database} was read{others}"
