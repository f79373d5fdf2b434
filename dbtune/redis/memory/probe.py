"""More about keys that a scan has found, on a connection of its own.

Only what touches no key's last access: OBJECT IDLETIME, OBJECT FREQ, OBJECT ENCODING (the server
counts them in keyspace_hits all the same); lengths only where :meth:`Probe.untouched` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from redis import exceptions

from dbtune.errors import TargetError, Unavailable
from dbtune.redis.connect import connect_beside, where
from dbtune.redis.session import Session, grant_text

Command = tuple[str | bytes, ...]
Answer = int | str | None


class Probe:
    """Asks about single keys; a context manager.

    Attributes:
        asked: how many commands were sent: what the server counts on top of its users'.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = connect_beside(session.profile, session.limits)
        self.asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.disconnect()

    def untouched(self) -> bool:
        """Make what this connection reads count as no access (Redis 7.2 and later)."""
        try:
            return self.ask([("CLIENT", "NO-TOUCH", "ON")]) == ["OK"]
        except Unavailable:
            return False

    def ask(self, commands: Sequence[Command]) -> list[Answer]:
        """Answers to commands about keys; ``None`` where there is none, as of a key that is gone.

        Raises:
            Unavailable: this user may not run one of them.
            TargetError: the connection broke.
        """
        self.asked += len(commands)
        answers: list[Answer] = []
        refused: Unavailable | None = None
        try:
            if commands:
                self._connection.send_packed_command(self._connection.pack_commands(commands))
            for command in commands:
                try:
                    answers.append(self._connection.read_response())
                except exceptions.NoPermissionError:
                    refused = refused or self._refused(command)
                except exceptions.ResponseError:
                    answers.append(None)
        except (exceptions.RedisError, OSError) as error:
            raise TargetError(
                f"lost the connection to {where(self._session.profile)} while asking about keys: "
                f"{error}"
            ) from None
        if refused is not None:
            raise refused
        return answers

    def _refused(self, command: Command) -> Unavailable:
        words = [one for one in command[:2] if isinstance(one, str)]
        name, user = " ".join(words), self._session.user
        return Unavailable(f"user {user} may not run {name} on every key", grant_text(user, name))
