"""Checks on storage.

The facts are ``storage`` (:class:`~dbtune.mongo.storage.facts.CollectionStorage`), the server's
``version`` and ``role``.
"""

from __future__ import annotations

from dbtune.finding import Remedy
from dbtune.mongo.shellprint import database_text, shell_text
from dbtune.mongo.storage.facts import CollectionStorage
from dbtune.text import plain


def major_of(version: str) -> tuple[int, int]:
    """Major and minor number of a version; (0, 0) if it is not told."""
    parts = [int(one) for one in version.split(".")[:2] if one.isdigit()]
    return (parts[0], parts[1]) if len(parts) == 2 else (0, 0)


def compact_remedy(storage: CollectionStorage, version: str, role: str) -> Remedy:
    """How to give space back to the file system, as this version can."""
    if storage.time_series:  # "can't compact a view", nor "a system namespace" (6.0)
        return Remedy(
            "A time series can't be compacted. Space that is free is used again by later writes; "
            "to give it back, make an initial sync of one member after the other."
        )
    database, _, name = storage.namespace.partition(".")
    known = major_of(version)
    force = ", force: true" if role == "primary" and known >= (4, 4) else ""
    where = database_text(database)
    sql = f"{where}.runCommand({{compact: {shell_text(name)}{force}}})"
    if known >= (8, 0):
        sql = f"{where}.runCommand({{compact: {shell_text(name)}, dryRun: true}})\n{sql}"
    if known < (4, 4):
        effect = "blocks all operations on the database while it runs"
    else:
        effect = (
            "lets reads and writes go on, blocks only changes of the collection itself "
            "(drop, createIndex), and reads and writes the file for minutes to hours"
        )
    order = ""
    if role in ("primary", "secondary"):
        order = (
            "Run it on one secondary after the other, the primary last after a step-down: compact "
            "is not replicated. "
        )
    elif role == "mongos":
        members = plain(", ".join(storage.members)) or f"the members of {plain(storage.shard)}"
        order = (
            f"A mongos has no compact: connect to {members} directly, one secondary after the "
            "other, the primary last after a step-down: compact is not replicated. "
        )
    return Remedy(
        f"{order}compact gives back what is free at the end of the file after moving blocks there; "
        "if it gives back nothing, an initial sync of a member writes all files anew. "
        "Space that is free is used again by later writes.",
        sql=sql,
        effect=effect,
    )
