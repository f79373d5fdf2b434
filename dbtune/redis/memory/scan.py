"""Keys read a batch at a time: SCAN, and of each key its type, its bytes and its time to live.

The driver's pipelines cost several times what the server takes (measured: 36 s for a million keys,
this a quarter of it), so commands are packed here, and replies are split as they come: those of one
batch are single lines, only SCAN's own has keys in it, which may hold anything.

Nothing is read that would touch a key's last access: MEMORY USAGE, TYPE and PTTL do not (the server
counts them in keyspace_hits all the same).
MEMORY USAGE looks at five elements of a collection (its default), never at all of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

_LEAST, _FIRST, _MOST = 10, 10, 400
"""Keys of a batch, which the server answers without a break: other clients wait that long."""
_TURN_SECONDS = 0.00003
"""What a batch may take longer than the quickest answer did, which is the way there and back; where
that way is long, half of it, since it is never quite the same."""
_RECEIVE_BYTES = 1 << 18
_SCAN = b"*4\r\n$4\r\nSCAN\r\n$%d\r\n%b\r\n$5\r\nCOUNT\r\n$%d\r\n%b\r\n"
_OF_KEY = (
    b"*3\r\n$6\r\nMEMORY\r\n$5\r\nUSAGE\r\n$%d\r\n%b\r\n"
    b"*2\r\n$4\r\nTYPE\r\n$%d\r\n%b\r\n"
    b"*2\r\n$4\r\nPTTL\r\n$%d\r\n%b\r\n"
)
_REPLIES = 3
_GONE_MS = -2
_TYPES = {f"+{one}".encode(): one for one in "string hash list set zset stream".split()}
COMMANDS = ("SCAN", "MEMORY USAGE", "TYPE", "PTTL")
"""What a user must be allowed to run."""


class Socket(Protocol):
    """What is needed of a connection's socket."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""

    def recv(self, size: int, /) -> bytes:
        """What has come, at least a byte; nothing when the other side has closed."""


class Key(NamedTuple):
    """A key.

    Attributes:
        name: its bytes.
        type: ``string``, ``hash``, ...
        size: bytes in memory, with its name and overhead, as MEMORY USAGE estimates.
        ttl_ms: milliseconds until it expires; -1 for never.
    """

    name: bytes
    type: str
    size: int
    ttl_ms: int


class ServerSays(Exception):
    """The server answered with an error."""


class Lost(OSError):
    """The connection ended in the middle of an answer."""


class Scanner:
    """Reads a database's keys, every one at least once, in the order of their hashes.

    The first keys are therefore a fair sample of all. Batches get smaller while the server takes
    long for one, and larger while it does not.
    """

    def __init__(self, socket: Socket, clock: Callable[[], float] = time.perf_counter) -> None:
        self._socket = socket
        self._clock = clock
        self._quickest = math.inf
        self.count = _FIRST
        self._buffer = b""
        self._at = 0

    def batches(self) -> Iterator[list[Key]]:
        """Batches of keys; keys that are gone meanwhile are left out.

        The next batch's names are asked for together with what is asked of this one's keys.

        Raises:
            ServerSays: this user may not run one of the commands.
            Lost, OSError: the connection broke.
        """
        asked_at = self._clock()
        self._socket.sendall(self._scan(b"0"))
        cursor, names = self._keys()
        self._answered(self._clock() - asked_at)
        while True:
            last = cursor == b"0"
            asked = b"".join(
                _OF_KEY % (len(one), one, len(one), one, len(one), one) for one in names
            )
            asked_at = self._clock()
            self._socket.sendall(asked if last else asked + self._scan(cursor))
            lines = self._lines(_REPLIES * len(names))
            self._answered(self._clock() - asked_at)
            yield _made(names, lines)
            if last:
                return
            cursor, names = self._keys()

    def _scan(self, cursor: bytes) -> bytes:
        count = b"%d" % self.count
        return _SCAN % (len(cursor), cursor, len(count), count)

    def _answered(self, seconds: float) -> None:
        """Choose how many keys the next batch has."""
        self._quickest = min(self._quickest, seconds)
        turn, allowed = seconds - self._quickest, max(_TURN_SECONDS, self._quickest / 2)
        if turn > allowed:
            self.count = max(_LEAST, self.count // 2)
        elif turn < allowed / 2:
            self.count = min(_MOST, self.count + self.count // 4)

    def _more(self) -> None:
        data = self._socket.recv(_RECEIVE_BYTES)
        if not data:
            raise Lost("the server closed the connection")
        self._buffer = self._buffer[self._at :] + data
        self._at = 0

    def _lines(self, many: int) -> list[bytes]:
        """So many lines, without their ends."""
        if not many:
            return []
        while self._buffer.count(b"\r\n", self._at) < many:
            self._more()
        *lines, self._buffer = self._buffer[self._at :].split(b"\r\n", many)
        self._at = 0
        return lines

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n", self._at)) < 0:
            self._more()
        line = self._buffer[self._at : end]
        self._at = end + 2
        if line.startswith(b"-"):
            raise ServerSays(line[1:].decode("utf-8", "replace"))
        return line

    def _keys(self) -> tuple[bytes, list[bytes]]:
        """SCAN's reply: the next cursor, and keys."""
        self._line()
        cursor = self._bulk()
        many = int(self._line()[1:])
        return cursor, [self._bulk() for _ in range(many)]

    def _bulk(self) -> bytes:
        while True:
            buffer, at = self._buffer, self._at
            end = buffer.find(b"\r\n", at)
            if end > 0:
                start = end + 2
                stop = start + int(buffer[at + 1 : end])
                if stop + 2 <= len(buffer):
                    self._at = stop + 2
                    return buffer[start:stop]
            self._more()


def _made(names: Sequence[bytes], lines: Sequence[bytes]) -> list[Key]:
    made = []
    for name, size, kind, ttl in zip(
        names, lines[::_REPLIES], lines[1::_REPLIES], lines[2::_REPLIES], strict=True
    ):
        try:
            key = Key(name, _TYPES.get(kind) or _type(kind), int(size[1:]), int(ttl[1:]))
        except ValueError:
            said = next((one for one in (size, kind, ttl) if one.startswith(b"-")), b"-?")
            raise ServerSays(said[1:].decode("utf-8", "replace")) from None
        if key.size >= 0 and key.ttl_ms != _GONE_MS:
            made.append(key)
    return made


def _type(reply: bytes) -> str:
    """A type as TYPE tells it, ``+string``; modules have types of their own."""
    if not reply.startswith(b"+"):
        raise ValueError(reply)
    return reply[1:].decode("ascii", "replace")
