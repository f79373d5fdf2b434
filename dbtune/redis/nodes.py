"""All nodes of a Redis Cluster, or all servers that Sentinels watch: found, read, and put together.

Each node is read by a session of its own, with the profile's user and options. Rows get a column
``node``; a record becomes one row a node (``memory`` is ``memory_by_node`` then); findings and what
was skipped name the node.

Least privilege: ``+cluster|shards +cluster|slots`` (before 7.0: ``+cluster|slots``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from dbtune.errors import TargetError, Unavailable
from dbtune.finding import Skipped, sort_findings
from dbtune.profile import Profile, Secret
from dbtune.redis.records import by_node
from dbtune.redis.session import Session
from dbtune.report import Report, Row, Table
from dbtune.text import plain

_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Node:
    """A node.

    Attributes:
        host, port: where it listens.
        role: ``master`` or ``replica``.
        failed: the cluster has marked it so.
    """

    host: str
    port: int
    role: str
    failed: bool = False

    @property
    def name(self) -> str:
        """For people: host and port."""
        return plain(f"{self.host}:{self.port}")


def nodes_of(session: Session) -> list[Node]:
    """All nodes, masters first; none of a server that stands alone.

    Raises:
        Unavailable: this user may not ask.
        TargetError: the connection broke.
    """
    if session.profile.sentinel:
        from dbtune.redis.sentinel import discover

        _, found = discover(session.profile, session.limits)
        return [Node(*one) for one in found]
    if session.role != "cluster":
        return []
    try:
        found_nodes = _of_shards(session.command("CLUSTER", "SHARDS"), session)
    except Unavailable as missing:
        try:
            found_nodes = _of_slots(session.command("CLUSTER", "SLOTS"), session)
        except Unavailable:
            raise missing from None
    return sorted(set(found_nodes), key=lambda one: (one.role, one.host, one.port))


def over_nodes(
    session: Session,
    read: Callable[[Session], Report],
    *,
    keys: bool = False,
    order: Mapping[str, str] = MappingProxyType({}),
    limit: int | None = None,
) -> Report:
    """A report on every node, put together; on the session alone if there is only that.

    Args:
        session: an open session on one of them.
        read: reads one node.
        keys: masters only: replicas have the same keys.
        order: by which column, largest first, rows of which table are put in order.
        limit: most rows of these tables.

    Raises:
        TargetError: no node could be read.
    """
    try:
        found = nodes_of(session)
    except Unavailable as missing:
        alone = read(session)
        lacking = Skipped("the other nodes", missing.reason, missing.remedy)
        return replace(alone, skipped=(*alone.skipped, lacking))
    chosen = [one for one in found if one.role == "master" or not keys]
    if not chosen:
        return read(session)
    reports, lost = read_each(session, [one for one in chosen if not one.failed], read)
    lost += [_failed(one) for one in chosen if one.failed]
    if not reports:
        raise TargetError("; ".join(one.reason for one in lost))
    return joined(session.target(), reports, lost, order, limit)


def _failed(node: Node) -> Skipped:
    return Skipped(f"node {node.name}", "the cluster has marked it as failed")


def read_each(
    session: Session, nodes: Sequence[Node], read: Callable[[Session], Report]
) -> tuple[list[tuple[str, Report]], list[Skipped]]:
    """Reports by node, and nodes that can't be reached."""
    from dbtune.at_once import at_once

    def one(node: Node) -> Report | TargetError:
        try:
            with Session(
                profile_of(session.profile, node), session.limits, session.trace, node=node.name
            ) as own:
                return read(own)
        except TargetError as error:
            return error

    outcomes = list(at_once(one, nodes, _AT_A_TIME))
    pairs = list(zip(nodes, outcomes, strict=True))
    reports = [(node.name, made) for node, made in pairs if isinstance(made, Report)]
    lost = [
        Skipped(f"node {node.name}", str(error))
        for node, error in pairs
        if isinstance(error, TargetError)
    ]
    return reports, lost


def node_profiles(session: Session) -> tuple[list[Profile], list[Skipped]]:
    """A profile for each node, by its name, and the nodes that have failed.

    None of a server that stands alone.

    Raises:
        Unavailable, TargetError: as :func:`nodes_of`.
    """
    found = nodes_of(session)
    profiles = [
        replace(profile_of(session.profile, one), name=one.name) for one in found if not one.failed
    ]
    return profiles, [_failed(one) for one in found if one.failed]


def open_nodes(session: Session) -> tuple[list[Session], list[Skipped]]:
    """A session on every node that can be reached, closed together with this one, and the others.

    Raises:
        Unavailable, TargetError: as :func:`nodes_of`.
    """
    opened, lost = [], []
    for node in nodes_of(session):
        if node.failed:
            lost.append(_failed(node))
            continue
        profile = profile_of(session.profile, node)
        try:
            opened.append(Session(profile, session.limits, session.trace, node=node.name))
        except TargetError as error:
            lost.append(Skipped(f"node {node.name}", str(error)))
    session.closed_with += opened
    return opened, lost


def profile_of(profile: Profile, node: Node) -> Profile:
    """The profile with a node in place of its target; user, password and options stay."""
    place = {"host": node.host, "port": str(node.port)}
    if not profile.sentinel:
        return replace(profile, parameters={**profile.parameters, **place})
    from dbtune.redis.sentinel import parse

    url = parse(profile.url.reveal(), profile.source).url(node.host, node.port)
    return replace(profile, url=Secret(url, alone=False))


def joined(
    target: Mapping[str, object],
    reports: Sequence[tuple[str, Report]],
    lost: Sequence[Skipped] = (),
    order: Mapping[str, str] = MappingProxyType({}),
    limit: int | None = None,
) -> Report:
    """One report of several nodes'."""
    first = reports[0][1]
    notes: dict[str, list[str]] = {}
    for name, one in reports:
        for note in one.notes:
            notes.setdefault(note, []).append(name)
    every = len(reports)
    return replace(
        first,
        tables=tuple(_tables(reports, order, limit)),
        findings=tuple(
            sort_findings(
                replace(finding, subject=f"{name}: {finding.subject}")
                for name, one in reports
                for finding in one.findings
            )
        ),
        skipped=(
            *lost,
            *(
                skipped._replace(what=f"{name}: {skipped.what}")
                for name, one in reports
                for skipped in one.skipped
            ),
        ),
        notes=tuple(
            note if len(names) == every else f"{', '.join(names)}: {note}"
            for note, names in notes.items()
        ),
        target={**target, "nodes": [name for name, _ in reports]},
    )


def _tables(
    reports: Sequence[tuple[str, Report]], order: Mapping[str, str], limit: int | None
) -> Iterable[Table]:
    names = dict.fromkeys(table.name for _, one in reports for table in one.tables)
    for name in names:
        rows: list[Row] = []
        kept: Table | None = None
        for node, one in reports:
            for table in one.tables:
                if table.name == name:
                    kept = table
                    rows += [{"node": node, **row} for row in table.rows]
        assert kept is not None
        if name in order:
            column = order[name]
            rows.sort(key=lambda row: -_number(row.get(column)))
            rows = rows[:limit]
            if rows and "rank" in rows[0]:  # each node's own until here
                rows = [{**row, "rank": place} for place, row in enumerate(rows, start=1)]
        yield replace(by_node(kept), rows=tuple(rows), footer="")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


# -------------------------------------------------------------------------------------- discovery


def _of_shards(reply: Any, session: Session) -> list[Node]:
    """CLUSTER SHARDS: a list of names and values, one a shard, one a node."""
    found = []
    for shard in reply:
        for fields in _pairs(shard).get("nodes", ()):
            node = _pairs(fields)
            # TLS has a port of its own; a node without an endpoint is where it was asked.
            port = node.get("tls-port" if session.tls else "port") or node.get("port")
            host = next(
                (
                    str(node[key])
                    for key in ("endpoint", "hostname", "ip")
                    if node.get(key) not in (None, "", "?")
                ),
                session.host,
            )
            if port:
                role = "master" if node.get("role") == "master" else "replica"
                found.append(Node(host, int(port), role, node.get("health") == "fail"))
    return found


def _of_slots(reply: Any, session: Session) -> list[Node]:
    """CLUSTER SLOTS, before 7.0: slots, then the master, then its replicas."""
    return [
        Node(str(node[0]) or session.host, int(node[1]), "replica" if at else "master")
        for one in reply
        for at, node in enumerate(one[2:])
    ]


def _pairs(reply: Any) -> dict[str, Any]:
    return dict(zip(reply[::2], reply[1::2], strict=False)) if isinstance(reply, list) else reply
