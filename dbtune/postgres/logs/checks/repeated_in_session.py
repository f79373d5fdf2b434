"""pg.repeated-in-session"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.logs.checks import subject
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.sqltext import shape
from dbtune.text import count_text, ms_text, plain, plural, shorten


@check("pg.repeated-in-session", tags=("log",))
def repeated_in_session(
    digest: Digest,
    *,
    min_bursts: int = 20,
    min_burst_share: float = 0.5,
    max_mean_ms: float = 50,
    max_calls_per_burst: float = 5000,
) -> Iterator[Finding]:
    """A session runs the same short SELECT again and again, right after another statement (N+1).

    Why: Each call costs a network round trip and the work around a statement, which for a lookup
    by key is far more than the lookup. One statement for all rows takes one round trip.

    Mistaken when: Sessions are shared by a pooler, and the calls are of different clients; or the
    other statements of the session are too fast to be logged (log_min_duration_statement).

    Remedy: Fetch the rows of all keys at once: a join, or WHERE key = ANY($1); in an ORM, eager
    loading (select_related/prefetch_related, joinedload/selectinload, includes, JOIN FETCH).
    """
    for one in digest.statements.values():
        if one.bursts < min_bursts or one.burst_calls < min_burst_share * one.calls:
            continue
        per_burst = one.burst_calls / one.bursts
        mean = one.total_ms / one.calls
        form = shape(one.text) if mean <= max_mean_ms and per_burst <= max_calls_per_burst else None
        if form is None or form.kind != "select":
            continue
        key, times = max(one.parents.items(), key=lambda item: (item[1], item[0]), default=("", 0))
        parent = digest.statements.get(key)
        after = shorten(plain(parent.text), 80) if parent is not None else ""
        yield Finding(
            subject=subject(one.text),
            message=(
                f"ran {count_text(round(per_burst, 1))} times in a row on average, "
                f"{plural(one.bursts, 'time')}"
                + (f", {count_text(times)} of them right after: {after}" if after else "")
            ),
            evidence={
                "bursts": one.bursts,
                "calls_per_burst": per_burst,
                "burst_calls": one.burst_calls,
                "calls": one.calls,
                "mean_ms": mean,
                "parent_statement": after or None,
                "after_parent": times,
            },
            remedy=Remedy(
                f"Fetch the rows for all keys in one statement: {count_text(one.bursts)} calls in "
                f"place of {count_text(one.burst_calls)}. Their time in the server is "
                f"{ms_text(one.total_ms * one.burst_calls / one.calls)}; what is saved beyond are "
                "the round trips.",
                sql="-- SELECT ... WHERE key = ANY($1)",
                effect="a change in the application",
            ),
        )
