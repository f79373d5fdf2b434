"""A read-only, time-limited Redis (or Valkey) session.

Only commands of a short list of reads are ever sent, one connection wide: never KEYS, MONITOR or
DEBUG, which stop the server for everybody, and nothing that writes. RESP2 is spoken, so that
servers before 6.0 and proxies answer, too.

Least privilege, as an ACL (Redis 6 and later; before, there are only passwords)::

    ACL SETUSER dbtune on >PASSWORD resetkeys resetchannels -@all
        +slowlog|get +info +config|get +client|setname +client|list +latency|latest +cluster|info

(before 7.0, where ACLs knew fewer subcommands: ``+slowlog +config|get +client +latency``; the last
two are for ``check`` only). A URL that names a database other than 0 needs ``+select``. Of a
cluster, all nodes are found by ``+cluster|shards +cluster|slots``.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import Any, Self

from redis import exceptions

from dbtune.errors import TargetError, Unavailable, UsageError
from dbtune.profile import Profile, redact
from dbtune.redis import CLIENT_NAME
from dbtune.redis.connect import connect, connect_problem, is_passing, where
from dbtune.session import Limits, Trace
from dbtune.text import plain

READS = frozenset((
    "CLIENT LIST", "CLIENT SETNAME", "CLUSTER INFO", "CLUSTER SHARDS", "CLUSTER SLOTS",
    "CONFIG GET", "INFO", "LATENCY LATEST", "SLOWLOG GET",
))  # fmt: skip
"""Commands that a session sends."""

_CONTAINERS = frozenset(name.partition(" ")[0] for name in READS if " " in name)


class Session:
    """An open session; a context manager.

    Attributes:
        profile: whose target it is.
        limits: how long it may keep us waiting.
        user: the ACL user that is logged in; ``default`` unless one is named.
        info: the server's INFO, by field; empty where this user may not read it.
        no_info: why it is empty.
        node: its host and port, if it is read as one of several nodes.
        sent: how many of each command it has sent.
        closed_with: sessions that are closed together with this one.
    """

    def __init__(
        self, profile: Profile, limits: Limits, trace: Trace | None = None, *, node: str = ""
    ) -> None:
        self.profile = profile
        self.limits = limits
        self.trace = trace
        self.node = node
        self.closed_with: list[Session] = []
        self.sent: Counter[str] = Counter()
        self.no_info: Unavailable | None = None
        self._connection, self.user, self.database = connect(profile, limits)
        try:
            self._introduce()
            self.info = self._read_info()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        for one in self.closed_with:
            one.close()
        self._connection.disconnect()

    @property
    def server(self) -> str:
        """Product and version: ``Redis 7.0.15``, ``Valkey 8.0.1``."""
        if "valkey_version" in self.info:
            return f"Valkey {self.info['valkey_version']}"
        return f"Redis {self.info.get('redis_version', '')}".strip()

    @property
    def host(self) -> str:
        """The host that it is connected to; "" for a socket."""
        return str(getattr(self._connection, "host", "") or "")

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return "SSL" in type(self._connection).__name__

    @property
    def role(self) -> str:
        """``master``, ``replica``, ``cluster`` (one of its nodes); "" if it does not tell."""
        if self.info.get("cluster_enabled") == "1":
            return "cluster"
        told = self.info.get("role", "")
        return "replica" if told == "slave" else told

    def target(self) -> dict[str, object]:
        """What a report's header says about the target; holds no secret."""
        return {
            "name": where(self.profile),
            "engine": self.profile.engine.value,
            "server": self.server,
            "role": self.role or None,
            "database": str(self.database),
            "user": self.user,
        }

    def command(self, *words: str | int) -> Any:
        """Run one reading command and return its reply: texts, numbers and lists of those.

        Raises:
            Unavailable: this user may not, or this server has not.
            TargetError: the connection broke, a time limit passed, or the server wants a password.
        """
        name = _name(words)
        if name not in READS:
            raise ValueError(f"not a reading command: {name}")
        self.sent[name] += 1
        started = time.perf_counter()
        try:
            self._connection.send_command(*words)
            reply = self._connection.read_response()
        except (exceptions.RedisError, OSError) as error:
            raise self._translate(error, name) from None
        if self.trace:
            elapsed = (time.perf_counter() - started) * 1000
            count = len(reply) if isinstance(reply, list) else 1
            self.trace(" ".join(str(word) for word in words), elapsed, count)
        return reply

    def read_info(self, section: str) -> dict[str, str]:
        """One section of INFO, by field.

        Raises:
            Unavailable, TargetError: as :meth:`command`.
        """
        return parse_info(str(self.command("INFO", section)))

    def config(self, pattern: str) -> dict[str, str]:
        """Settings whose names match a pattern, as CONFIG GET tells them.

        Raises:
            Unavailable: managed services forbid it, or this user may not.
            TargetError: the connection broke.
        """
        words = [str(word) for word in self.command("CONFIG", "GET", pattern)]
        return dict(zip(words[::2], words[1::2], strict=False))

    def _introduce(self) -> None:
        # Without the name, its own commands may show among the slow ones; they are fast.
        with contextlib.suppress(Unavailable):
            self.command("CLIENT", "SETNAME", CLIENT_NAME)

    def _read_info(self) -> dict[str, str]:
        try:
            info = parse_info(str(self.command("INFO")))
        except Unavailable as missing:
            self.no_info = missing
            return {}
        if info.get("redis_mode") == "sentinel":
            raise UsageError(
                f"{where(self.profile)} is a Sentinel; name the Redis server it watches by "
                "redis+sentinel://HOST:PORT/SERVICE (SENTINEL MASTERS lists services)"
            )
        return info

    def _translate(self, error: Exception, name: str) -> Exception:
        message = plain(redact(str(error)))
        if isinstance(error, exceptions.NoPermissionError):
            return Unavailable(f"user {self.user} may not run {name}", grant_text(self.user, name))
        if isinstance(error, exceptions.AuthenticationError) or "NOAUTH" in message:
            return TargetError(connect_problem(error, self.profile))
        if isinstance(error, exceptions.ResponseError) and not is_passing(error):
            if "unknown command" in message.lower():
                return Unavailable(f"this server has no {name} (managed services take it away)")
            return Unavailable(f"{name}: {message}")
        passing = isinstance(error, exceptions.ResponseError)
        what = "no answer now from" if passing else "lost the connection to"
        return TargetError(connect_problem(error, self.profile, what))


def parse_info(text: str) -> dict[str, str]:
    """INFO's lines ``field:value``; headings and what is malformed are left out."""
    pairs = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: value.strip() for name, colon, value in pairs if colon}


def grant_text(user: str, name: str) -> str:
    """The command that lets a user run a command."""
    return f"ACL SETUSER {user} +{name.lower().replace(' ', '|')}"


def _name(words: tuple[str | int, ...]) -> str:
    first = str(words[0]).upper()
    return f"{first} {str(words[1]).upper()}" if first in _CONTAINERS else first
