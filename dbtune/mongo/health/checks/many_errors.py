"""Many operations end in an error of the user."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.status import Status


@check("mongo.many-errors", level=Level.info, tags=("errors",))
def many_errors(
    status: Status, *, min_errors: float = 100, min_per_second: float = 10
) -> Iterator[Finding]:
    """Many operations end in an error of the user.

    Why: Duplicate keys, bad queries, missing rights: somebody sees them.

    Mistaken when: An application uses duplicate keys as an answer.

    Remedy: The log has each with its code.
    """
    errors = status.grown("asserts.user")
    if errors < min_errors or errors / status.seconds < min_per_second:
        return
    yield Finding(
        "asserts.user",
        f"{errors / status.seconds:,.1f} a second",
        Remedy("See the log."),
        {"errors": errors, "seconds": status.seconds},
    )
