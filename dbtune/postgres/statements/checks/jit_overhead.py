"""pg.jit-overhead"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.statements.checks import subject, time_share
from dbtune.statements import Statement
from dbtune.text import count_text, ms_text, ratio_text


@check("pg.jit-overhead")
def jit_overhead(
    statements: Sequence[Statement],
    settings: Mapping[str, str],
    *,
    min_jit_ratio: float = 0.2,
    min_jit_ms: float = 500,
    min_time_share: float = 0.005,
) -> Iterator[Finding]:
    """Just-in-time compilation takes a large part of a statement's time.

    Why: The code is compiled anew on each execution; for statements of less than some hundred
    milliseconds it costs more than it can save.

    Mistaken when: Without the compiled code the execution would be slower by more than compiling
    takes: run it once with SET jit = off and compare.

    Remedy: Raise jit_above_cost, or turn jit off for the role that runs such statements.
    """
    for one in statements:
        jit = one.jit_ms or 0
        share = time_share(one, statements)
        if jit < min_jit_ms or jit < min_jit_ratio * one.total_ms or share < min_time_share:
            continue
        cost = settings.get("jit_above_cost", "100000")
        role = one.users[0].replace('"', '""') if one.users else "role"
        yield Finding(
            subject=subject(one),
            message=(
                f"spends {ratio_text(jit / one.total_ms)} of its time compiling: "
                f"{ms_text(jit / one.calls)} of {ms_text(one.mean_ms)} a call over "
                f"{count_text(one.calls)} calls (jit_above_cost is {cost})"
            ),
            evidence={
                "jit_ms": jit,
                "total_ms": one.total_ms,
                "calls": round(one.calls),
                "time_share_ratio": share,
            },
            remedy=Remedy(
                "Compare once with SET jit = off; then turn it off for this role, or raise the "
                "threshold for all.",
                sql=f'ALTER ROLE "{role}" SET jit = off;\n'
                "-- or: ALTER SYSTEM SET jit_above_cost = 1000000; SELECT pg_reload_conf();",
                effect="new sessions of the role",
            ),
        )
