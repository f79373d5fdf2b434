"""What a node of a cluster says of the whole: CLUSTER INFO, which INFO leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.redis.session import Session, parse_info


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as one of its nodes sees it.

    Attributes:
        enabled: whether the server is a node of one; if not, the rest says nothing.
        state: ``ok`` or ``fail``.
        assigned: of the 16,384 slots, those that some node has.
        failing: of these, those whose node does not answer.
        nodes: how many there are, replicas among them.
    """

    enabled: bool
    state: str = ""
    assigned: int = 0
    failing: int = 0
    nodes: int = 0


@fact("cluster")
def cluster(session: Session) -> Cluster:
    """Least privilege: +info +cluster|info."""
    if not session.info:
        session.command("INFO")  # refused before: so it is again, and says what is missing
        raise Unavailable("INFO does not tell whether the server is in a cluster")
    if session.role != "cluster":
        return Cluster(False)
    told = parse_info(str(session.command("CLUSTER", "INFO")))

    def number(name: str) -> int:
        return int(told.get(name) or 0)

    return Cluster(
        True,
        told.get("cluster_state", ""),
        number("cluster_slots_assigned"),
        number("cluster_slots_fail") + number("cluster_slots_pfail"),
        number("cluster_known_nodes"),
    )
