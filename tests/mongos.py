"""What a mongos answers, made of a real mongod's answers.

No package that can be installed here has a mongos. This speaks the wire protocol before a mongod
and changes what a mongos tells otherwise, as the manual shows it: ``hello``, ``listShards``, no
replica set, no storage engine in ``serverStatus``, and for ``$indexStats`` and ``$collStats`` a
document of each of two shards, the second of which can't be reached.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from datetime import UTC, datetime
from typing import Any

import bson
import pymongo
from bson.codec_options import CodecOptions
from pymongo.errors import OperationFailure

from tests.servers import MongoDB

HEADER = struct.Struct("<iiii")
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
AWAY = "127.0.0.1:1"
"""The member of the second shard."""
_BETWEEN = ("$db", "lsid", "$clusterTime", "$readPreference", "txnNumber", "$client")
_NOT_THERE = ("wiredTiger", "storageEngine", "globalLock", "locks", "repl", "flowControl")
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(dict, tz_aware=True)


class Mongos(socketserver.ThreadingTCPServer):
    """A stand-in for a mongos; a context manager.

    Attributes:
        sharded: the shard key of a collection, by namespace.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, mongod: MongoDB, sharded: dict[str, dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.mongod, self.sharded = mongod, sharded
        self._lock = threading.Lock()
        self._client = pymongo.MongoClient[dict[str, Any]](mongod.url(), tz_aware=True)
        self._session = self._client.start_session()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mongodb://127.0.0.1:{self.server_address[1]}/"

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._client.close()

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """The reply to a command."""
        name, database = next(iter(command)), str(command.get("$db", "admin"))
        if name.lower() in ("hello", "ismaster"):
            return _hello()
        if name == "listShards":
            here = f"{self.mongod.host}:{self.mongod.port}"
            shards = [("s1", here), ("s2", AWAY)]
            return {"shards": [{"_id": n, "host": f"{n}/{host}"} for n, host in shards], "ok": 1.0}
        if name in ("replSetGetStatus", "replSetGetConfig"):
            return _error(59, f"no such command: '{name}'")
        if (name, command[name], database) == ("find", "collections", "config"):
            key = self.sharded.get(command["filter"]["_id"])
            found = [{"_id": command["filter"]["_id"], "key": key}] if key else []
            return _cursor(found, "config.collections")
        sent = {key: value for key, value in command.items() if key not in _BETWEEN}
        try:
            with self._lock:
                reply = dict(self._client[database].command(sent, session=self._session))
        except OperationFailure as error:
            return dict(error.details or _error(error.code or 1, str(error)))
        if name == "serverStatus":
            reply = {key: value for key, value in reply.items() if key not in _NOT_THERE}
            return reply | {"process": "mongos"}
        stages = command.get("pipeline") or [{}]
        if name == "aggregate" and stages[0].keys() & {"$indexStats", "$collStats"}:
            batch = reply["cursor"]["firstBatch"]
            away = [one | {"shard": "s2", "host": AWAY} for one in batch]
            reply["cursor"]["firstBatch"] = [one | {"shard": "s1"} for one in batch] + away
        return reply


class _Connection(socketserver.BaseRequestHandler):
    server: Mongos

    def handle(self) -> None:
        while head := self._read(HEADER.size):
            length, number, _, kind = HEADER.unpack(head)
            body = self._read(length - HEADER.size)
            if kind == OP_QUERY:
                name_end = body.index(b"\0", 4) + 1
                [command, *_] = bson.decode_all(body[name_end + 8 :], _OPTIONS)
                reply = struct.pack("<iqii", 8, 0, 0, 1) + self._answer(command)
                self._send(number, OP_REPLY, reply)
            else:
                command = bson.decode(body[5:], _OPTIONS)
                self._send(number, OP_MSG, struct.pack("<ib", 0, 0) + self._answer(command))

    def _answer(self, command: dict[str, Any]) -> bytes:
        return bson.encode(self.server.answer(command))

    def _send(self, number: int, kind: int, body: bytes) -> None:
        self.request.sendall(HEADER.pack(HEADER.size + len(body), 0, number, kind) + body)

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self.request.recv(size - len(data))
            except OSError:
                return b""
            if not more:
                return b""
            data += more
        return data


def _hello() -> dict[str, Any]:
    return {
        "ismaster": True,
        "isWritablePrimary": True,
        "msg": "isdbgrid",
        "maxBsonObjectSize": 16 << 20,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": datetime.now(UTC),
        "logicalSessionTimeoutMinutes": 30,
        "minWireVersion": 0,
        "maxWireVersion": 17,
        "ok": 1.0,
    }


def _error(code: int, message: str) -> dict[str, Any]:
    return {"ok": 0.0, "code": code, "errmsg": message, "codeName": "CommandNotFound"}


def _cursor(found: list[dict[str, Any]], namespace: str) -> dict[str, Any]:
    return {"cursor": {"id": bson.Int64(0), "ns": namespace, "firstBatch": found}, "ok": 1.0}
