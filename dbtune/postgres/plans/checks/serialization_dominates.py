"""plan.serialization-dominates"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.impact import of_time, statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, ms_text


@check("plan.serialization-dominates")
def serialization_dominates(
    plan: Plan,
    *,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """Turning the result into what is sent takes a large part of the time.

    Why: Large values are fetched from TOAST and decompressed, and every value is converted to
    text, for each row that is sent.

    Mistaken when: The client needs all of it. Sending it over the network is not even counted.

    Remedy: Select only the columns that are used; lz4 compression (default_toast_compression,
    since 14) decompresses faster; the binary format spares the conversion of numbers and times.

    Verify: EXPLAIN (ANALYZE, SERIALIZE) of the statement with fewer columns: Serialization takes
    less time.
    """
    found = plan.serialization
    if found is None or not found.time_ms or not worth(plan, found.time_ms, min_ms, min_share):
        return
    volume = (found.output_kb or 0) * 1024
    blocks = found.buffers.shared_hit + found.buffers.shared_read if found.buffers else 0
    toast = " Blocks were read for it, so large values come from TOAST." if blocks else ""
    yield statement_finding(
        plan,
        f"serializing {bytes_text(volume)} took {ms_text(found.time_ms)}"
        + of_time(plan, found.time_ms),
        Remedy(f"Select only the columns that are used, and fewer rows.{toast}"),
        what="serialization",
        saving_ms=found.time_ms,
        evidence={
            "serialization_ms": found.time_ms,
            "output_bytes": round(volume),
            "blocks": round(blocks),
        },
    )
