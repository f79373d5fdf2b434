"""A read-only, time-limited MongoDB session.

Only commands of a short list of reads are ever sent, each with ``maxTimeMS``; nothing is written,
no profiling level is changed. One server is read, always the same one: a URL with a single host
and no ``replicaSet`` means that very server (also a secondary, also behind a port forwarding); a
replica set or several mongos give the first member that fits the URL's read preference.

Least privilege: the built-in role ``clusterMonitor``, or only what dbtune reads::

    db.getSiblingDB("admin").createRole({role: "dbtune", roles: [], privileges: [
      {resource: {db: "", collection: "system.profile"}, actions: ["find"]},
      {resource: {cluster: true}, actions: ["inprog", "listDatabases"]}]})

What reads a collection of the user's (``explain`` of a query, samples for index advice) needs the
role ``read`` on its database, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Self

import pymongo
from bson import json_util
from bson.errors import BSONError
from pymongo import errors

from dbtune.errors import TargetError, Unavailable
from dbtune.mongo.connect import cause, connect, connect_problem, server_message, where
from dbtune.mongo.shellprint import database_text, shell_text
from dbtune.profile import Profile, redact
from dbtune.session import Limits, Trace
from dbtune.text import plain, shorten

READS = frozenset(
    "aggregate buildInfo collStats connectionStatus count dbStats explain find getCmdLineOpts "
    "getParameter hello hostInfo listCollections listDatabases listIndexes listShards profile "
    "replSetGetStatus serverStatus".split()
)
"""Commands that a session sends; ``profile`` only with -1, which reads the level, ``explain`` only
of reads."""

INTERNAL = frozenset(("admin", "config", "local"))
"""Databases of the server's own."""
_EXPLAINED = frozenset(("aggregate", "count", "distinct", "find"))
_WRITING_STAGES = frozenset(("$out", "$merge"))
# To tell the server that the session ends, the driver would look for one that is gone.
_GOODBYE_SECONDS = 1

Document = dict[str, Any]


class Session:
    """An open session; a context manager.

    Attributes:
        profile: whose target it is.
        limits: how long it may keep us waiting, and we it.
        database: the database that the URL or profile names; "" if none.
        version: the server's version, for example ``6.0.5``; "" if it does not tell.
        user: who is logged in (``name@database``); "" without authentication.
    """

    def __init__(self, profile: Profile, limits: Limits, trace: Trace | None = None) -> None:
        self.profile = profile
        self.limits = limits
        self._trace = trace
        self.user = ""
        self._client, self.database = connect(profile, limits)
        try:
            self._hello = self._log_in()
            self.version = str(self.command("admin", {"buildInfo": 1}).get("version", ""))
            self.user = self._who()
        except Unavailable as error:
            self.close()
            raise TargetError(f"can't connect to {where(profile)}: {error.reason}") from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; safe to call twice."""
        with pymongo.timeout(_GOODBYE_SECONDS):
            self._client.close()

    @property
    def role(self) -> str:
        """``primary``, ``secondary``, ``arbiter``, ``standalone``, ``mongos``, or another state."""
        hello = self._hello
        if hello.get("msg") == "isdbgrid":
            return "mongos"
        if not hello.get("setName") and not hello.get("isreplicaset"):  # that: not initiated yet
            return "standalone"
        if hello.get("isWritablePrimary"):
            return "primary"
        if hello.get("arbiterOnly"):
            return "arbiter"
        return "secondary" if hello.get("secondary") else "member (neither primary nor secondary)"

    @property
    def server(self) -> str:
        """Product and version: ``MongoDB 6.0.5``."""
        return f"MongoDB {self.version}".strip()

    def target(self) -> dict[str, object]:
        """What a report's header says about the target; holds no secret."""
        return {
            "name": where(self.profile),
            "engine": self.profile.engine.value,
            "server": self.server,
            "role": self.role,
            "database": self.database or None,
            "user": self.user or None,
        }

    def now(self) -> datetime:
        """The server's clock.

        Raises:
            TargetError: the connection broke.
        """
        told = self.command("admin", {"hello": 1}).get("localTime")
        return told if isinstance(told, datetime) else datetime.now(UTC)

    def database_names(self) -> list[str]:
        """Databases that this user has any privilege on, sorted.

        Raises:
            Unavailable, TargetError: as :meth:`command`.
        """
        listed = self.command(
            "admin", {"listDatabases": 1, "nameOnly": True, "authorizedDatabases": True}
        )
        return sorted(str(one["name"]) for one in listed["databases"])

    def blind(self) -> Unavailable | None:
        """That this user has privileges on no database but the server's own, if so.

        Raises:
            Unavailable, TargetError: as :meth:`command`.
        """
        if not self.user:
            return None
        names = set(self.database_names())
        if names - INTERNAL or "local" in names:  # who sees local sees all that there are
            return None
        return Unavailable(f"{self.user} sees no database", grant_text(self.user))

    def command(self, database: str, command: Mapping[str, Any]) -> Document:
        """Run one reading command and return its reply.

        Raises:
            Unavailable: this user may not, this server has not, or the time limit passed.
            TargetError: the connection broke, or the server wants authentication.
        """
        _refuse_writes(command)
        with self._sent(database, command) as counted:
            reply: Document = self._client[database].command(self._limited(command), **self._manner)
            counted.append(1)
        return reply

    def documents(self, database: str, command: Mapping[str, Any]) -> Iterator[Document]:
        """Run a ``find`` or ``aggregate`` and stream its documents, a batch in memory at a time.

        Raises:
            Unavailable, TargetError: as :meth:`command`.
        """
        _refuse_writes(command)
        with self._sent(database, command) as counted:
            cursor = self._client[database].cursor_command(self._limited(command), **self._manner)
            with cursor:
                for document in cursor:
                    counted.append(1)
                    yield document

    @property
    def _manner(self) -> dict[str, Any]:
        """The URL's read preference and decoding, which commands do not take over by themselves."""
        client = self._client
        return {"read_preference": client.read_preference, "codec_options": client.codec_options}

    def _limited(self, command: Mapping[str, Any]) -> Document:
        if "hello" in command:  # answers at once, and is the one command for a server in trouble
            return dict(command)
        return {**command, "maxTimeMS": max(1, round(self.limits.statement_seconds * 1000))}

    @contextmanager
    def _sent(self, database: str, command: Mapping[str, Any]) -> Iterator[list[int]]:
        """Trace a command and translate its errors; yields a list that grows by its documents."""
        counted: list[int] = []
        started = time.perf_counter()
        try:
            yield counted
        except (errors.PyMongoError, BSONError) as error:
            raise self._translate(error, database, command) from None
        if self._trace:
            elapsed = (time.perf_counter() - started) * 1000
            text = json_util.dumps({**command, "$db": database})
            self._trace(shorten(text, 1000), elapsed, len(counted))

    def _translate(self, error: Exception, database: str, command: Mapping[str, Any]) -> Exception:
        if isinstance(error, errors.NotPrimaryError):
            return Unavailable(f"this member holds no data, or may not read it: {cause(error)}")
        if isinstance(error, errors.ConnectionFailure):
            return TargetError(f"the connection to {where(self.profile)} broke: {cause(error)}")
        if not isinstance(error, errors.OperationFailure):
            return Unavailable(f"the server's answer can't be read: {plain(redact(str(error)))}")
        message = plain(redact(server_message(error)))
        if "requires authentication" in message:
            return TargetError(
                f"{where(self.profile)} wants a user and password\n"
                "write both in the URL before the host, or store them in a profile"
            )
        if error.code == 50:  # MaxTimeMSExpired
            seconds = self.limits.statement_seconds
            return Unavailable(f"took longer than {seconds:g} s; raise the limit with --timeout")
        if error.code == 8000:  # AtlasError
            return Unavailable(
                f"Atlas does not allow {_purpose(command)} here: {message}",
                "a dedicated cluster (M10 and larger) allows more",
            )
        if error.code == 13:  # Unauthorized
            who = self.user or "this user"
            data = _reads_data(command) and database not in INTERNAL
            role = ("read", database) if data else ("clusterMonitor", "admin")
            return Unavailable(
                f"{who} may not read {_purpose(command)}", grant_text(self.user, *role)
            )
        return Unavailable(message)

    def _log_in(self) -> Document:
        """The first command of the connection: this is where a wrong password shows."""
        try:
            hello: Document = self._client.admin.command("hello", **self._manner)
            return hello
        except (errors.PyMongoError, ValueError) as error:
            raise TargetError(connect_problem(error, self.profile)) from None

    def _who(self) -> str:
        status = self.command("admin", {"connectionStatus": 1})
        users = status.get("authInfo", {}).get("authenticatedUsers", [])
        if users:
            return f"{users[0]['user']}@{users[0]['db']}"
        # Either the server asks nobody, or nothing will be answered. What tells must not wait for
        # a ticket or a lock, as listDatabases does: that may be what is to be found out.
        with suppress(Unavailable):
            self.command("admin", {"getParameter": 1, "quiet": 1})
        return ""


def grant_text(user: str, role: str = "clusterMonitor", on: str = "admin") -> str:
    """The mongosh statement that gives a user (``name@database``) a role that dbtune needs."""
    name, _, database = (user or "USER@admin").rpartition("@")
    return (
        f"{database_text(database)}.grantRolesToUser({shell_text(name)}, "
        f"[{{role: {shell_text(role)}, db: {shell_text(on)}}}])"
    )


def _purpose(command: Mapping[str, Any]) -> str:
    """What a command reads, in a word: a collection, a stage, or the command itself."""
    name, value = next(iter(command.items()))
    if name == "explain":
        return _purpose(value) if isinstance(value, Mapping) and value else name
    if name == "aggregate":
        stage = str(next(iter(next(iter(command["pipeline"]), {"": 0}))))
        if not isinstance(value, str):
            return stage
        if stage in _OF_SERVER:
            return f"{stage} of {value}"
    if name in _OF_COLLECTIONS:
        return str(value)
    return "the profiler's level" if name == "profile" else name


_OF_SERVER = ("$indexStats", "$planCacheStats")
"""Stages on a collection that tell of the server's work, not of documents."""
_OF_COLLECTIONS = ("find", "aggregate", "count", "distinct", "collStats", "listIndexes")


def _reads_data(command: Mapping[str, Any]) -> bool:
    """Whether a command reads a collection of the user's, for which there is the role ``read``."""
    name, value = next(iter(command.items()))
    if name == "explain":
        return True
    if any(stage.keys() & set(_OF_SERVER) for stage in command.get("pipeline", ())):
        return False
    data = name in _OF_COLLECTIONS and isinstance(value, str)
    return (data and not str(value).startswith("system.")) or name == "listCollections"


def _refuse_writes(command: Mapping[str, Any]) -> None:
    name = next(iter(command))
    if name not in READS or (name == "profile" and command[name] != -1):
        raise ValueError(f"not a reading command: {name}")
    inner = command["explain"] if name == "explain" else command
    if name == "explain" and next(iter(inner)) not in _EXPLAINED:
        raise ValueError(f"not a reading command: explain {next(iter(inner))}")
    if any(stage.keys() & _WRITING_STAGES for stage in inner.get("pipeline", ())):
        raise ValueError("not a reading command: a pipeline that writes")
