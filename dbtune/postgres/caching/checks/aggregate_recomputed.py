"""pg.aggregate-recomputed"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.caching.facts import ToMaterialise
from dbtune.postgres.caching.script import create, nice_seconds, read_query, refresh
from dbtune.text import ms_text, plain, shorten


@check("pg.aggregate-recomputed", confidence=Confidence.estimated, tags=("cache",))
def aggregate_recomputed(
    to_materialise: Sequence[ToMaterialise],
    *,
    min_saved_ms_per_second: float = 5.0,
    min_saved_times: float = 2.0,
) -> Iterator[Finding]:
    """An expensive aggregate is computed again and again from tables that change seldom.

    Why: Each time it reads and adds up the same rows; a materialised view keeps the answer, and an
    index finds it.

    Mistaken when: Readers need what was written a moment ago; or the calls of the window were a
    test, or a batch job that runs once.

    Remedy: A materialised view with a unique index, refreshed concurrently as often as its tables
    ask for; the application reads the view.

    Verify: Run the statement and the query on the view beside each other, and compare the answers.
    """
    for one in to_materialise:
        refresh_ms = (
            one.refresh_ms / one.refresh_every_seconds if one.refresh_every_seconds else 0.0
        )
        if one.saved_ms_per_second < min_saved_ms_per_second:
            continue
        if one.saved_ms_per_second < (min_saved_times - 1) * refresh_ms:
            continue
        read = one.read
        yield Finding(
            subject=shorten(plain(read.text), 300),
            message=(
                f"ran {read.calls:,.0f} times, {ms_text(read.mean_ms)} each, while "
                f"{read.writes_per_second or 0:,.2f} rows a second were written to its tables: "
                f"about {ms_text(one.saved_ms_per_second)} of each second could be saved"
            ),
            evidence={
                "calls": round(read.calls),
                "mean_ms": read.mean_ms,
                "writes_per_second": read.writes_per_second,
                "refresh_ms": one.refresh_ms,
                "refresh_every_seconds": nice_seconds(one.refresh_every_seconds),
                "saved_ms_per_second": one.saved_ms_per_second,
            },
            remedy=Remedy(
                "Make a materialised view, read it in place of the statement "
                f"({plain(shorten(read_query(one), 500))}), and refresh it each "
                f"{ms_text(nice_seconds(one.refresh_every_seconds) * 1000)}: {refresh(one)}",
                sql=create(one),
                effect="CREATE reads the tables once and locks out nobody; answers are as old as "
                "the last refresh.",
            ),
        )
