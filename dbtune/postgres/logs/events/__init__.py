"""What a server logs beside statements: one kind of event a file, and what is kept of it.

An event's class takes records and lays out its table. Several parts of a log are read at the same
time, and a file read tomorrow goes on where today's ended: so what an event keeps can be added up
(:func:`~dbtune.logs.tally.merge`) and written to a file, and is all that is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from dbtune.logs.tables import CONNECTIONS, CONNECTIONS_BY
from dbtune.postgres.logs.events.cancelled import CANCELLED, Cancelled
from dbtune.postgres.logs.events.checkpoints import CHECKPOINTS, Checkpoints
from dbtune.postgres.logs.events.connections import Connections
from dbtune.postgres.logs.events.deadlocks import DEADLOCKS, Deadlocks
from dbtune.postgres.logs.events.errors import ERRORS, Errors
from dbtune.postgres.logs.events.lock_waits import LOCK_WAITS, LockWaits
from dbtune.postgres.logs.events.server import SERVER_EVENTS, ServerEvents
from dbtune.postgres.logs.events.temp_files import TEMP_FILES, TempFiles
from dbtune.postgres.logs.events.vacuums import VACUUMS, Vacuums
from dbtune.postgres.logs.record import Record
from dbtune.postgres.logs.statement import Statements
from dbtune.report import Table

EVENT_TABLES = (
    *(DEADLOCKS, LOCK_WAITS, ERRORS, CANCELLED, TEMP_FILES, CHECKPOINTS, VACUUMS),
    *(CONNECTIONS, CONNECTIONS_BY, SERVER_EVENTS),
)
"""In the order in which they are shown."""


@dataclass(slots=True)
class Events:
    """All events of a log; of each record the first of them that knows it takes it."""

    connections: Connections = field(default_factory=Connections)
    temp_files: TempFiles = field(default_factory=TempFiles)
    lock_waits: LockWaits = field(default_factory=LockWaits)
    deadlocks: Deadlocks = field(default_factory=Deadlocks)
    cancelled: Cancelled = field(default_factory=Cancelled)
    vacuums: Vacuums = field(default_factory=Vacuums)
    errors: Errors = field(default_factory=Errors)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    server: ServerEvents = field(default_factory=ServerEvents)
    other: int = 0

    def take(self, record: Record, statements: Statements) -> None:
        """Have a record counted."""
        for name in _NAMES:
            if getattr(self, name).take(record, statements):
                return
        self.other += 1

    def tables(self, limit: int, seconds: float = 0) -> Iterator[Table]:
        """The tables of all events.

        Args:
            limit: most rows of each.
            seconds: length of the observed time; 0 if it is not known.
        """
        made = {
            table.name: table
            for name in _NAMES
            for table in getattr(self, name).tables(limit, seconds)
        }
        for empty in EVENT_TABLES:
            if empty.name in made:
                yield made[empty.name]


_NAMES = tuple(one.name for one in fields(Events) if one.name != "other")
