"""pg.answer-not-cached"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.caching.facts import ToCache
from dbtune.text import count_text, ms_text, plain, ratio_text, shorten


@check("pg.answer-not-cached", level=Level.info, confidence=Confidence.estimated, tags=("cache",))
def answer_not_cached(
    to_cache: Sequence[ToCache],
    *,
    min_saved_ms_per_second: float = 10.0,
    max_rows_per_call: float = 1000.0,
) -> Iterator[Finding]:
    """A statement is asked again and again for answers that hardly change.

    Why: The database computes each time what a cache would give in a fraction of a millisecond.

    Mistaken when: Readers need what was written a moment ago; or a faster plan, an index for one,
    would do: look at suggest-indexes first.

    Remedy: Keep its answers in the application or in Redis, for the time that is named, or until
    its tables are written to.
    """
    for one in to_cache:
        read = one.read
        if one.saved_ms_per_second < min_saved_ms_per_second:
            continue
        if read.rows_per_call > max_rows_per_call:
            continue
        yield Finding(
            subject=shorten(plain(read.text), 300),
            message=(
                f"ran {read.calls:,.0f} times, {ms_text(read.mean_ms)} each, for about "
                f"{count_text(round(read.variants or 1))} different answers: kept for "
                f"{ms_text(one.ttl_seconds * 1000)}, {ratio_text(one.hit_ratio)} of the calls "
                f"would not reach the database"
            ),
            evidence={
                "calls": round(read.calls),
                "mean_ms": read.mean_ms,
                "rows_per_call": read.rows_per_call,
                "variants": round(read.variants or 1),
                "writes_per_second": read.writes_per_second,
                "hit_ratio": one.hit_ratio,
                "saved_ms_per_second": one.saved_ms_per_second,
            },
            remedy=Remedy(
                f"Cache its answers by parameters with a TTL of {ms_text(one.ttl_seconds * 1000)}, "
                "and let only one caller at a time compute what is missing.",
                effect="a change in the application",
            ),
        )
