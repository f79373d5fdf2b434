"""pg.temp-spill"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.statements.checks import subject, time_share
from dbtune.statements import Statement
from dbtune.text import bytes_text, count_text, ratio_text

_MIB = 1024 * 1024


@check("pg.temp-spill")
def temp_spill(
    statements: Sequence[Statement],
    settings: Mapping[str, str],
    *,
    min_temp_bytes_per_call: int = _MIB,
    min_temp_bytes: int = 100 * _MIB,
    min_time_share: float = 0.005,
) -> Iterator[Finding]:
    """Sorts or hashes do not fit into work_mem and spill to temporary files.

    Why: Each spilled byte is written and read again, and the temporary files of all sessions
    compete for the disk.

    Mistaken when: The statement runs seldom and nobody waits for it, or the temporary files come
    from a cursor or CREATE INDEX (maintenance_work_mem counts there).

    Remedy: An index that delivers the order makes the sort unnecessary; else raise work_mem for
    this statement only (SET LOCAL in its transaction, or ALTER ROLE), not for the server: work_mem
    counts for each sort and hash of each session.
    """
    current = int(settings.get("work_mem", "0")) * 1024  # 0: not known, as from a log
    set_to = f" (work_mem is {bytes_text(current)})" if current else ""
    for one in statements:
        per_call = (one.temp_bytes or 0) / one.calls if one.calls else 0
        share = time_share(one, statements)
        if (
            per_call < min_temp_bytes_per_call
            or (one.temp_bytes or 0) < min_temp_bytes
            or share < min_time_share
        ):
            continue
        # In memory a sort takes 1.2 to 3.6 times its temporary file, the more the narrower the
        # rows (measured on PostgreSQL 14 and 18: rows of 12, 41 and 204 bytes).
        needed = max(current, per_call) * 3
        megabytes = max(1, -(-round(needed) // _MIB))
        if megabytes > 1024:
            advice = (
                f"It would need about {bytes_text(needed)} of work_mem, too much for a session: "
                "make it sort fewer rows, or let an index deliver the order."
            )
            sql = ""
        else:
            advice = (
                "First see whether an index can deliver the order; else raise work_mem for this "
                f"statement. In memory it takes about {bytes_text(1.2 * per_call)} to "
                f"{bytes_text(3.6 * per_call)} (rule of thumb, 1.2 to 3.6 times the file)."
            )
            sql = f"SET LOCAL work_mem = '{megabytes}MB';  -- in the statement's transaction"
        yield Finding(
            subject=subject(one),
            message=(
                f"writes {bytes_text(per_call)} of temporary files on each of "
                f"{count_text(one.calls)} calls{set_to}; "
                f"{ratio_text(share)} of the server's time"
            ),
            confidence=Confidence.measured,
            evidence={
                "temp_bytes_per_call": round(per_call),
                "temp_bytes": one.temp_bytes,
                "calls": round(one.calls),
                "mean_ms": one.mean_ms,
                "work_mem_bytes": current or None,
                "work_mem_needed_bytes": megabytes * _MIB,
                "time_share_ratio": share,
            },
            remedy=Remedy(advice, sql=sql, effect="SET LOCAL lasts until the transaction's end"),
        )
