"""What logs say as a fact: in checks of a server, and in snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dbtune.errors import Unavailable
from dbtune.facts import Fact
from dbtune.logs.clock import moment
from dbtune.postgres.logs.digest import Digest
from dbtune.text import plain

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.logs.parts import Progress
    from dbtune.postgres.logs.stream import Wanted


@dataclass(frozen=True, slots=True)
class ServerLog:
    """What logs of a server say.

    Attributes:
        digest: their content, constants masked.
        files: names of the files, without their folders.
    """

    digest: Digest = field(default_factory=Digest)
    files: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """From the first to the last record; 0 if it is not known."""
        first, last = moment(self.digest.seen.first), moment(self.digest.seen.last)
        return (last - first).total_seconds() if first and last else 0.0


def _not_of_a_session(_session: object) -> ServerLog:
    raise Unavailable("no log was given", "dbtune snapshot TARGET --log FILE -o SNAPSHOT")


SERVER_LOG: Fact[object, ServerLog] = Fact("server_log", _not_of_a_session)
"""Given by files, never read in a session; so no session is asked for it."""


def read_log(
    names: Sequence[str], wanted: Wanted | None = None, progress: Progress | None = None
) -> ServerLog:
    """What logs say.

    Args:
        names: files, folders, patterns; ``-`` is standard input.
        wanted: how to read them.
        progress: shows how far they are read.

    Raises:
        UsageError: one of them can't be read, or is no log.
    """
    from dbtune.logs.files import expand
    from dbtune.logs.read import read
    from dbtune.postgres.logs.kind import POSTGRES
    from dbtune.postgres.logs.stream import Wanted

    files = expand(names)
    digest = read(POSTGRES, files, wanted or Wanted(), progress, names)
    return ServerLog(digest, tuple(plain(Path(one).name) for one in files))


def of_snapshot(snapshot: Snapshot) -> ServerLog | None:
    """The log in a snapshot; ``None`` if it has none.

    Raises:
        UsageError: the file is damaged there.
    """
    try:
        return snapshot.of(SERVER_LOG)
    except Unavailable:
        return None
