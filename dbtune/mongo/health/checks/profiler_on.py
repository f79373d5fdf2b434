"""The profiler records every operation."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.profiling import Profiling
from dbtune.mongo.shellprint import database_text
from dbtune.text import plain


@check("mongo.profiler-on", tags=("profiler",))
def profiler_on(profiling: tuple[Profiling, ...]) -> Iterator[Finding]:
    """The profiler records every operation.

    Why: Each operation writes a document of its own: on a busy server that is felt.

    Mistaken when: It was turned on for some minutes to look at something.

    Remedy: Level 1 with slowms, or 0.
    """
    for one in profiling:
        if one.level is not None and one.level >= 2:
            yield Finding(
                f"database {plain(one.database)}",
                f"the profiler of {plain(one.database)} is at level 2",
                Remedy(
                    "Record slow operations only.",
                    sql=f"{database_text(one.database)}.setProfilingLevel(1, {{slowms: 100}})",
                ),
                {"level": one.level},
            )
    if unread := [one for one in profiling if one.level is None]:
        raise Unavailable(unread[0].unread, unread[0].remedy)
