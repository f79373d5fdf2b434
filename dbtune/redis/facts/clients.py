"""Who is connected, and what the server keeps for them."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.redis import CLIENT_NAME
from dbtune.redis.session import Session

MOST = 100_000


@dataclass(frozen=True, slots=True)
class Client:
    """A connection for which the server keeps much.

    Attributes:
        name: its name, or its library's, or "".
        address: where it comes from, without its port.
        kind: ``normal``, ``pubsub``, ``replica``.
        output_bytes: answers that it has not fetched.
        query_bytes: of a command that it has not finished.
        idle_seconds: since its last command.
        command: that command.
    """

    name: str
    address: str
    kind: str
    output_bytes: int
    query_bytes: int
    idle_seconds: int
    command: str


@dataclass(frozen=True, slots=True)
class Clients:
    """Connections at one moment.

    Attributes:
        total: all of them, dbtune's own not counted.
        idle_seconds: of each, since its last command, longest first; at most 100,000.
        blocked: waiting in BLPOP and the like.
        largest: those with the most kept for them, at most 20.
    """

    total: int
    idle_seconds: tuple[int, ...]
    blocked: int
    largest: tuple[Client, ...]


@fact("clients")
def clients(session: Session) -> Clients:
    """Least privilege: +client|list."""
    lines = str(session.command("CLIENT", "LIST")).splitlines()[:MOST]
    found = [fields_of(line) for line in lines]
    found = [one for one in found if one.get("name") != CLIENT_NAME]
    kept = sorted((_client(one) for one in found), key=lambda c: -(c.output_bytes + c.query_bytes))
    return Clients(
        total=len(found),
        idle_seconds=tuple(sorted((_int(one, "idle") for one in found), reverse=True)),
        blocked=sum("b" in one.get("flags", "") for one in found),
        largest=tuple(kept[:20]),
    )


def fields_of(line: str) -> dict[str, str]:
    """A line of CLIENT LIST: ``id=3 addr=127.0.0.1:5 ...``."""
    return dict(part.partition("=")[::2] for part in line.split(" "))


def _int(fields: dict[str, str], name: str) -> int:
    text = fields.get(name, "")
    return int(text) if text.isdigit() else 0


def _client(fields: dict[str, str]) -> Client:
    flags = fields.get("flags", "")
    kind = "replica" if "S" in flags else "pubsub" if "P" in flags else "normal"
    return Client(
        fields.get("name") or fields.get("lib-name", ""),
        fields.get("addr", "").rpartition(":")[0],
        kind,
        _int(fields, "omem"),
        _int(fields, "qbuf"),
        _int(fields, "idle"),
        fields.get("cmd", ""),
    )
