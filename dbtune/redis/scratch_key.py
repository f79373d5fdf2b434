"""One key of our own in a Redis server, for measuring: the only thing that dbtune writes there."""

from __future__ import annotations

import secrets
from typing import Any, Self

from redis import exceptions

from dbtune.errors import TargetError
from dbtune.profile import Profile, redact
from dbtune.redis.connect import connect_beside, where
from dbtune.session import Limits
from dbtune.text import plain

PREFIX = "dbtune:bench:"
_EXPIRES_SECONDS = 600
"""It goes away by itself if we are killed."""


class ScratchKey:
    """A key that exists within a ``with`` block, at most ten minutes."""

    def __init__(self, profile: Profile, limits: Limits) -> None:
        """
        Raises:
            TargetError: the server can't be reached.
        """
        self._where = where(profile)
        self._connection = connect_beside(profile, limits)
        self._key = f"{PREFIX}{secrets.token_hex(8)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._command("DEL", self._key)
        except TargetError:
            pass  # the connection broke, which was told; the key expires
        finally:
            self._connection.disconnect()

    def store(self, value: bytes) -> None:
        """SET it.

        Raises:
            TargetError: the server refuses.
        """
        self._command("SET", self._key, value, "EX", _EXPIRES_SECONDS)

    def hit(self) -> str:
        """GET it.

        Raises:
            TargetError: the server refuses, or it is gone: evicted.
        """
        value = self._command("GET", self._key)
        if value is None:
            raise TargetError(f"{self._where} evicted what was stored a moment before: it is full")
        return str(value)

    def miss(self) -> None:
        """GET a key that is not there.

        Raises:
            TargetError: the server refuses.
        """
        self._command("GET", f"{self._key}:none")

    def _command(self, *words: str | bytes | int) -> Any:
        try:
            self._connection.send_command(*words)
            return self._connection.read_response()
        except (exceptions.RedisError, OSError) as error:
            message = plain(redact(str(error)))
            raise TargetError(f"{self._where} refused {words[0]!s}: {message}") from None
