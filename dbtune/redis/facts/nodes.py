"""What the nodes of a cluster say, each for itself: for snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dbtune.codec import dump
from dbtune.errors import Unavailable
from dbtune.facts import Live, Snapshot, fact, load_facts
from dbtune.finding import Skipped
from dbtune.redis.nodes import open_nodes
from dbtune.redis.session import Session


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node.

    Attributes:
        name: its host and port.
        target: its description.
        facts: as a snapshot has them.
        lost: why there are none.
    """

    name: str
    target: Mapping[str, Any]
    facts: Mapping[str, Any]
    lost: str = ""


@fact("nodes")
def nodes(session: Session) -> tuple[NodeFacts, ...]:
    """All facts of every node; none of a server that stands alone. Least privilege:
    +cluster|shards +cluster|slots."""
    if session.node:
        return ()
    opened, lost = open_nodes(session)
    return (
        *(NodeFacts(one.node, one.target(), dict(_facts(one))) for one in opened),
        *(NodeFacts(one.what, {}, {}, one.reason) for one in lost),
    )


def _facts(session: Session) -> Mapping[str, Any]:
    live, found = Live(session), {}
    for name, one in load_facts("dbtune.redis.facts").items():
        if one is nodes:
            continue
        try:
            found[name] = dump(live.of(one))
        except Unavailable as missing:
            found[name] = dump(missing)
    return found


def of_nodes(snapshot: Snapshot) -> list[tuple[str, Snapshot]]:
    """A snapshot of a cluster as one of each node; none of a server that stands alone.

    Raises:
        UsageError: the file is damaged there.
    """
    try:
        found = snapshot.of(nodes)
    except Unavailable:
        return []
    return [
        (one.name, replace(snapshot, target=one.target, facts=one.facts))
        for one in found
        if not one.lost
    ]


def lost_nodes(snapshot: Snapshot) -> list[Skipped]:
    """Nodes that could not be read when the snapshot was taken."""
    try:
        return [Skipped(one.name, one.lost) for one in snapshot.of(nodes) if one.lost]
    except Unavailable:
        return []
