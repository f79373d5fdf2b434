"""How often each index was used, on every member that can be reached.

A member counts for itself and from its start, or from when the index was made: what the primary
never uses may serve all reads of a secondary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dbtune.errors import DbtuneError, Unavailable
from dbtune.mongo.indexes.facts import Collection, Index
from dbtune.mongo.plans.build import build
from dbtune.mongo.plans.find import Found
from dbtune.mongo.session import Session
from dbtune.profile import Profile, Secret
from dbtune.session import Limits

_MEMBER_SECONDS = 5


@dataclass(slots=True)
class Used:
    """Uses of a collection's indexes, by name.

    Attributes:
        ops: operations, of all members.
        since: since when the member that counts for the shortest time has counted.
        unread: members that could not be asked.
        remedy: what would let the server be asked.
        hosts: members that answered.
    """

    ops: dict[str, int] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    remedy: str = ""
    hosts: set[str] = field(default_factory=set)


def with_usage(session: Session, collections: Iterable[Collection]) -> list[Collection]:
    """Collections whose indexes know how often they were used.

    Raises:
        TargetError: the connection broke.
    """
    known = {one.namespace: Used() for one in collections}
    sizes = list(collections)
    _add(session, known)
    answered = set[str]().union(*(used.hosts for used in known.values()))
    for host in members_of(session):
        if host in answered:
            continue
        try:
            with Session(member_profile(session.profile, host), _limits()) as member:
                _add(member, known)
        except (DbtuneError, Unavailable):
            for used in known.values():
                used.unread.append(host)
    return [_told(one, known[one.namespace]) for one in sizes]


def _limits() -> Limits:
    return Limits(connect_seconds=_MEMBER_SECONDS)


def _add(session: Session, known: Mapping[str, Used]) -> None:
    for namespace, used in known.items():
        database, _, name = namespace.partition(".")
        command = {"aggregate": name, "pipeline": [{"$indexStats": {}}], "cursor": {}}
        try:
            for one in session.documents(database, command):
                access = one.get("accesses") or {}
                used.hosts.add(str(one.get("host", "")))
                index = str(one.get("name", ""))
                used.ops[index] = used.ops.get(index, 0) + int(access.get("ops") or 0)
                since = access.get("since")
                if isinstance(since, datetime):
                    used.since[index] = max(used.since.get(index, since), since)
        except Unavailable as missing:
            used.unread.append(f"this server ({missing.reason})")
            used.remedy = missing.remedy


def members_of(session: Session) -> list[str]:
    """The other members of the replica set; behind a mongos, those of all shards.

    Hidden members are only told to who may see the status of the set.
    """
    hello = session.command("admin", {"hello": 1})
    hosts = [*(hello.get("hosts") or []), *(hello.get("passives") or [])]
    if session.role == "mongos":
        hosts = _of_shards(session)
    elif hosts:
        try:
            told = session.command("admin", {"replSetGetStatus": 1}).get("members") or []
            hosts += [one.get("name") for one in told if one.get("stateStr") != "ARBITER"]
        except Unavailable:
            pass
    found = dict.fromkeys(str(host) for host in hosts if host != hello.get("me"))
    return list(found)


def _of_shards(session: Session) -> list[str]:
    """Members of all shards: ``{host: "rs0/db1:27018,db2:27018"}``."""
    try:
        shards = session.command("admin", {"listShards": 1}).get("shards") or []
    except Unavailable:
        return ["members of the shards, which this user may not list"]
    return [
        host
        for one in shards
        for host in str(one.get("host", "")).rpartition("/")[2].split(",")
        if host
    ]


def member_profile(profile: Profile, host: str) -> Profile:
    """The profile of one member of a replica set, with the same user and options."""
    url = profile.url.reveal() or "mongodb://localhost"
    encrypted = url.startswith("mongodb+srv://")
    rest = url.partition("://")[2]
    authority, _, tail = rest.partition("/")
    user, at, _ = authority.rpartition("@")
    path, _, query = tail.partition("?")
    dropped = re.compile(r"(?i)^(replicaset|directconnection|readpreference|srvservicename)=")
    options = [one for one in query.split("&") if one and not dropped.match(one)]
    options.append("directConnection=true")
    lower = query.lower()
    if encrypted and "tls=" not in lower and "ssl=" not in lower:
        options.append("tls=true")
    if encrypted and "authsource=" not in lower:
        options.append("authSource=admin")
    made = f"mongodb://{user}{at}{host}/{path}?{'&'.join(options)}"
    drop = {"host", "port"}
    kept = {key: value for key, value in dict(profile.parameters).items() if key not in drop}
    return replace(profile, url=Secret(made), parameters=kept)


def read_multikey(session: Session, index: Index) -> bool | None:
    """Whether a field of an index holds arrays; the planner tells. ``None`` if it does not.

    Raises:
        TargetError: the connection broke.
    """
    database, _, name = index.namespace.partition(".")
    command = {
        "explain": {"find": name, "filter": {}, "hint": index.name},
        "verbosity": "queryPlanner",
    }
    try:
        told = session.command(database, command)
    except Unavailable:
        return None
    found = [one.multikey for one in build(Found(told, 1, False)).nodes if one.index]
    return any(found) if found else None


def _told(collection: Collection, used: Used) -> Collection:
    indexes = tuple(_with(one, used) for one in collection.indexes)
    unread = tuple(dict.fromkeys(used.unread))
    return replace(collection, indexes=indexes, unread_members=unread, unread_remedy=used.remedy)


def _with(index: Index, used: Used) -> Index:
    told: dict[str, Any] = {"ops": used.ops.get(index.name), "since": used.since.get(index.name)}
    return replace(index, **told)
