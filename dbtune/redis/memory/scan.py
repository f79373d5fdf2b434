"""Keys read a few at a time: SCAN, and of each key its type, its bytes and its time to live.

The driver's pipelines cost several times what the server takes (measured: 36 s for a million keys,
this a quarter of it), so commands are packed here, and replies are split as they come: those of
keys are single lines, only SCAN's own has keys in it, which may hold anything.

Nothing is read that would touch a key's last access: MEMORY USAGE, TYPE and PTTL do not (the server
counts them in keyspace_hits all the same).
MEMORY USAGE looks at five elements of a collection (its default), never at all of them.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

_KEYS = 4
"""Keys that one write asks about. A server has one thread: what comes in one write it answers in
one go, and its other clients wait that long. These are 12 commands; redis-cli sends ten."""
_LEAST, _MOST = 3, 100
"""Writes on their way. With one, the server would wait for us and we for it, and each would fall
asleep in between: waking up delays its other clients more than our commands do (measured). With
three there is always one to answer. Where the way is long there are as many as are sent until the
first is answered; each is sent when an answer has come, so that they do not arrive all at once."""
_WRITE_SECONDS = 0.00003
"""What a write's packing and the reading of its answers take us, about."""
_LEAST_COUNT = 20
"""Of SCAN, which is quick for each key."""
_TOGETHER = 40
"""Keys that are handed on at once."""
_SLOW_SECONDS = 0.001
"""Of waiting for an answer, beyond the way there and back: the server has much else to do."""
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


def _scan(cursor: bytes, count: int) -> bytes:
    return _SCAN % (len(cursor), cursor, len(b"%d" % count), b"%d" % count)


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

    The first keys are therefore a fair sample of all. Fewer questions are on their way while the
    server takes long to answer, and more while it does not.

    Attributes:
        writes: how many may be on their way.
    """

    def __init__(self, socket: Socket, clock: Callable[[], float] = time.perf_counter) -> None:
        self._socket = socket
        self._clock = clock
        self._most = self.writes = _LEAST
        self._allowed_seconds = _SLOW_SECONDS
        self._names: deque[bytes] = deque()
        self._cursor: bytes | None = b"0"  # where SCAN goes on; None: it is asked, or was the last
        self._asked: deque[list[bytes]] = deque()  # keys that are asked about; [] is a SCAN
        self._buffer = b""
        self._at = 0

    def batches(self) -> Iterator[list[Key]]:
        """Some keys at a time; keys that are gone meanwhile are left out.

        The next questions are on their way while the caller looks at these.

        Raises:
            ServerSays: this user may not run one of the commands.
            Lost, OSError: the connection broke.
        """
        self._look_how_far()
        found: list[Key] = []
        self._ask()
        while self._asked:
            lines: list[bytes] = []
            since = self._clock()
            if keys := self._asked.popleft():
                lines = self._lines(_REPLIES * len(keys))
            else:
                cursor, names = self._keys()
                self._names += names
                self._cursor = None if cursor == b"0" else cursor
            self._waited(self._clock() - since)
            self._ask()
            found += _made(keys, lines)
            if len(found) >= _TOGETHER:
                yield found
                found = []
        if found:
            yield found

    def _look_how_far(self) -> None:
        """Choose how many writes may be on their way."""
        there_and_back = math.inf
        for _ in range(3):
            since = self._clock()
            self._socket.sendall(_scan(b"0", 1))
            self._keys()
            there_and_back = min(there_and_back, self._clock() - since)
        self._most = self.writes = min(_MOST, max(_LEAST, int(there_and_back / _WRITE_SECONDS)))
        self._allowed_seconds = 2 * there_and_back + _SLOW_SECONDS

    def _ask(self) -> None:
        """Send as much as may be on its way."""
        while len(self._asked) < self.writes and (self._names or self._cursor is not None):
            keys = [self._names.popleft() for _ in range(min(_KEYS, len(self._names)))]
            question = b"".join(
                _OF_KEY % (len(one), one, len(one), one, len(one), one) for one in keys
            )
            if keys:
                self._asked.append(keys)
            # Names are asked for before the last ones have run out.
            if self._cursor is not None and len(self._names) <= _KEYS * self.writes:
                question += _scan(self._cursor, max(_LEAST_COUNT, _KEYS * self._most))
                self._asked.append([])
                self._cursor = None
            self._socket.sendall(question)

    def _waited(self, seconds: float) -> None:
        """Ask less of a server that has much else to do."""
        if seconds > self._allowed_seconds:
            self.writes = max(1, self.writes // 2)
        else:
            self.writes = min(self._most, self.writes + 1)

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
