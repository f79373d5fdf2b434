"""Sizes of relations, and what the statistics say of the rows in them."""

from __future__ import annotations

from dbtune.facts import derived, fact
from dbtune.postgres.bloat.collect import read_sizes
from dbtune.postgres.bloat.facts import Bloat, Sizes
from dbtune.postgres.bloat.model import model
from dbtune.postgres.session import Session

MIN_BYTES = 1024**2


@fact("relation_sizes")
def relation_sizes(session: Session) -> Sizes:
    """Of relations of a mebibyte and more. Least privilege: none; SELECT for the statistics."""
    return read_sizes(session, MIN_BYTES)


@derived("bloat")
def bloat(relation_sizes: Sizes) -> Bloat:
    """How large relations would be after a rewrite, by statistics alone."""
    estimates = model(relation_sizes)
    return Bloat(relation_sizes, (one for one in estimates.values() if one.relation.examined))
