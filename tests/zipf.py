"""Cache-aside traffic with Zipf's popularity on a real Redis: what is missed is stored."""

from __future__ import annotations

import itertools
import random
import socket
import time

from tests.servers import Redis


class Traffic:
    """Reads keys ``item:<n>`` of a Zipf popularity, and stores those that are not there.

    Packed by hand: the driver's pipelines would be what is measured.
    """

    def __init__(
        self,
        server: Redis,
        *,
        keys: int,
        exponent: float,
        value_bytes: int = 1000,
        ttl_seconds: int = 0,
        seed: int = 1,
    ) -> None:
        self._socket = socket.create_connection((server.host, server.port))
        self._random = random.Random(seed)
        self._weights = list(itertools.accumulate((i + 1) ** -exponent for i in range(keys)))
        self._names = [b"item:%d" % i for i in range(keys)]
        random.Random(7).shuffle(self._names)  # popularity has nothing to do with the name
        self._value = b"x" * value_bytes
        self._ttl = b"%d" % ttl_seconds if ttl_seconds else b""
        self._left = b""
        self.hits = self.lookups = 0

    def __enter__(self) -> Traffic:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def run(
        self, *, lookups: int = 0, seconds: float = 0.0, per_second: float = 0.0, batch: int = 32
    ) -> float:
        """Ask for so many keys, or for so long; returns the hit ratio meanwhile."""
        started = time.monotonic()
        hits = asked = 0
        while (asked < lookups) if lookups else (time.monotonic() - started < seconds):
            names = self._random.choices(self._names, cum_weights=self._weights, k=batch)
            there = self._ask([(b"GET", name) for name in names])
            missed = dict.fromkeys(n for n, one in zip(names, there, strict=True) if not one)
            hits += sum(there)
            asked += batch
            more = (b"EX", self._ttl) if self._ttl else ()
            if missed:
                self._ask([(b"SET", name, self._value, *more) for name in missed])
            if per_second:
                time.sleep(max(0.0, asked / per_second - (time.monotonic() - started)))
        self.hits += hits
        self.lookups += asked
        return hits / asked

    def _ask(self, commands: list[tuple[bytes, ...]]) -> list[bool]:
        """Send commands; whether each had an answer."""
        self._socket.sendall(
            b"".join(
                b"*%d\r\n" % len(one) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in one)
                for one in commands
            )
        )
        found: list[bool] = []
        data, at = self._left, 0
        while len(found) < len(commands):
            end = data.find(b"\r\n", at)
            size = int(data[at + 1 : end]) if end >= 0 and data[at : at + 1] == b"$" else -1
            if end < 0 or (size >= 0 and len(data) < end + size + 4):
                data, at = data[at:] + self._socket.recv(1 << 18), 0
                continue
            found.append(data[at : at + 2] != b"$-")
            at = end + 2 + (size + 2 if size >= 0 else 0)
        self._left = data[at:]
        return found
