"""Collections and their indexes as they were read from a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

Keys = tuple[tuple[str, Any], ...]
"""Fields and directions (or ``text``, ``2dsphere``, ``hashed``) of an index, in order."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index that exists, or one that could.

    Attributes:
        namespace: ``database.collection``.
        name: its name.
        keys: fields and directions.
        unique: it forbids equal values.
        sparse: documents without the field are left out.
        partial: only documents that meet this filter are in it.
        expire_seconds: of a TTL index; ``None`` if it is none.
        collation: its collation, if it is not the simple one.
        projection: the fields that a wildcard index has, or has not; empty for all.
        hidden: the planner does not use it.
        size_bytes: on disk.
        ops: operations that used it, on all members that were asked; ``None`` if not told.
        since: since when all of them have counted.
        shard_key: it begins with the shard key.
        multikey: a field of it holds arrays; ``None`` if not told.
    """

    namespace: str
    name: str
    keys: Keys
    unique: bool = False
    sparse: bool = False
    partial: Mapping[str, Any] = field(default_factory=dict)
    expire_seconds: float | None = None
    collation: Mapping[str, Any] = field(default_factory=dict)
    projection: Mapping[str, Any] = field(default_factory=dict)
    hidden: bool = False
    size_bytes: int | None = None
    ops: int | None = None
    since: datetime | None = None
    shard_key: bool = False
    multikey: bool | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Its fields, in order."""
        return tuple(name for name, _ in self.keys)

    @property
    def is_btree(self) -> bool:
        """Its fields all ascend or descend, and none stands for many (``$**``)."""
        plain = all(isinstance(way, int | float) for _, way in self.keys)
        return plain and not any("$**" in name for name, _ in self.keys)


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection.

    Attributes:
        namespace: ``database.collection``.
        count: documents.
        data_bytes: their size, not compressed.
        indexes: its indexes.
        unread_members: members whose use of the indexes could not be read.
        unread_remedy: what would let them be read; "" if nothing is known.
    """

    namespace: str
    count: int
    data_bytes: int
    indexes: tuple[Index, ...] = ()
    unread_members: tuple[str, ...] = ()
    unread_remedy: str = ""


class Proposal(NamedTuple):
    """An index that could be made.

    Attributes:
        keys: fields and directions.
        exists: only documents that have this field are in it; "" for all.
        collation: how it compares texts, as pairs; empty for the simple way.
    """

    keys: Keys
    exists: str = ""
    collation: tuple[tuple[str, Any], ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Its fields, in order."""
        return tuple(name for name, _ in self.keys)

    @property
    def options(self) -> dict[str, Any]:
        """Its options besides the name, as ``createIndex`` takes them."""
        found: dict[str, Any] = {}
        if self.partial:
            found["partialFilterExpression"] = self.partial
        if self.collation:
            found["collation"] = dict(self.collation)
        return found

    @property
    def partial(self) -> dict[str, Any]:
        """Its partialFilterExpression; empty for all documents."""
        return {self.exists: {"$exists": True}} if self.exists else {}


def default_name(keys: Keys) -> str:
    """The name that the server gives an index: ``status_1_created_-1``."""
    return "_".join(f"{name}_{_direction(way)}" for name, way in keys)


def _direction(way: Any) -> str:
    return str(int(way)) if isinstance(way, float) and way.is_integer() else str(way)
