"""One file per check on queries; the file is the registration."""

from __future__ import annotations

from collections.abc import Sequence

from dbtune.mongo.operations import Query
from dbtune.text import count_text, plain, shorten


def subject(query: Query) -> str:
    """A query as the subject of a finding: its text on one line, no number in it."""
    return shorten(plain(query.shape.text), 300)


def time_share(query: Query, queries: Sequence[Query]) -> float:
    """Share of the time of all recorded queries."""
    total = sum(one.statement.total_ms for one in queries)
    return query.statement.total_ms / total if total else 0.0


def result_text(query: Query) -> str:
    """What a call came to: ``to return 5``, ``to change 0``."""
    one = query.statement
    verb = "change" if query.shape.writes else "return"
    return f"to {verb} {count_text(round((one.rows or 0) / one.calls, 1))}"


def index_advice(query: Query) -> str:
    """Which fields an index for this query would have, and in which order.

    Equality before sort before range is the documented rule of thumb; where nothing is compared
    for equality it fails badly (measured: up to 30,000 times the work), so then no order is told.
    """
    shape = query.shape
    equality, ranges = ", ".join(shape.equality), ", ".join(shape.ranges)
    if shape.equality:
        parts = [f"lead with {equality} (compared for equality)"]
        parts += [f"then the sort key {shape.sort}"] if shape.sort else []
        parts += [f"then {ranges} (ranges)"] if ranges else []
        return f"An index for it would {', '.join(parts)}."
    if shape.branches:
        end = f", with the sort key {shape.sort} at its end" if shape.sort else ""
        return f"Each branch of its $or needs an index of its own{end}."
    if shape.sort and ranges:
        return f"An index on the sort key {shape.sort} or on {ranges} could serve it: try both."
    if shape.sort or ranges:
        return f"An index for it would lead with {shape.sort or ranges}."
    return (
        "No index narrows its conditions much (not equal, expressions, regular expressions "
        "without ^ or with the option i): ask for something else, or store what is asked for."
    )
