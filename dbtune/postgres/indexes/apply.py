"""Build suggested indexes on the target: concurrently, one by one, watched, undone if cut off.

Nothing here runs without ``--apply`` or ``--verify``. A build that fails, waits for too long or is
interrupted leaves an invalid index behind; it is dropped again, and only it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

from dbtune.errors import Unavailable
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations, Table
from dbtune.postgres.session import Row, Session
from dbtune.postgres.writer import WriteFailed, Writer
from dbtune.text import ms_text, plain

Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]
LOCK_SECONDS = 60.0
"""How long a build may wait for others: it waits for transactions that are older than itself."""
CLEANUP_SECONDS = 600.0
"""How long the drop of what was cut off may wait: it blocks nobody while it does."""
_EVERY_SECONDS = 0.25
_PHASES = (
    ("building index: scanning table", 0.0, 0.5),
    ("building index: sorting", 0.5, 0.6),
    ("building index: loading", 0.6, 0.75),
    ("building index", 0.0, 0.75),
    ("index validation: scanning index", 0.75, 0.85),
    ("index validation: sorting", 0.85, 0.88),
    ("index validation: scanning table", 0.88, 1.0),
)
"""Where a phase begins and ends, of the whole build."""


@dataclass(frozen=True, slots=True)
class Built:
    """What came of building an index.

    Attributes:
        index: the index.
        outcome: ``built``, ``failed`` or ``dropped``.
        seconds: how long it took.
        size_bytes: as built; ``None`` if it was not.
        reason: why it failed or was dropped, or "".
    """

    index: Definition
    outcome: str
    seconds: float = 0.0
    size_bytes: int | None = None
    reason: str = ""


class _Step(NamedTuple):
    """A statement that makes an index, and the index that it may leave behind invalid."""

    sql: str
    schema: str
    name: str


class Builder:
    """Builds indexes and drops its own again.

    Attributes:
        left: what could not be dropped again, as the end of a sentence with the statements that do.
    """

    def __init__(
        self, session: Session, writer: Writer, relations: Relations, progress: Progress
    ) -> None:
        """
        Args:
            session: to watch with.
            writer: to build with.
            relations: tables that the indexes are for.
            progress: makes a progress bar.
        """
        self._session = session
        self._writer = writer
        self._relations = relations
        self._progress = progress
        self._tables = {(one.schema, one.name): one for one in relations.tables.values()}
        self._waits = ""
        self.left = ""

    def build(self, index: Definition) -> Built:
        """Build one index.

        Raises:
            KeyboardInterrupt: the person interrupted; the build was cancelled and undone first.
            TargetError: the connection broke.
        """
        started = time.monotonic()
        made: list[_Step] = []
        for step in self._steps(index):
            if found := self._look(step):
                left = self._drop_all(made)
                return Built(index, "failed", reason=f"{_exists(step, found[0])}{left}")
            try:
                self._run(step)
            except WriteFailed as failed:
                left = self._drop_invalid(step) + self._drop_all(made)
                seconds = time.monotonic() - started
                return Built(index, "failed", seconds, reason=f"{self._why(failed)}{left}")
            except KeyboardInterrupt:
                self._drop_all([*made, step])  # it may have been finished meanwhile
                raise
            made.append(step)
        seconds = time.monotonic() - started
        return Built(index, "built", seconds, sum(map(self._size, made)))

    def drop(self, built: Built, reason: str) -> Built:
        """Drop an index that :meth:`build` built."""
        left = self._drop_all(list(self._steps(built.index)))
        return Built(built.index, "dropped", built.seconds, built.size_bytes, f"{reason}{left}")

    def analyze(self, table: Table) -> str:
        """Have the server learn about a table's new expressions; why it did not, or ""."""
        try:
            self._writer.run(f"ANALYZE {quote(table.schema)}.{quote(table.name)}")
        except WriteFailed as failed:
            return str(failed)
        return ""

    # ------------------------------------------------------------------------------------ one build

    def _steps(self, index: Definition) -> list[_Step]:
        """The statements that make an index; each part of a partitioned one by itself first.

        Made on a partitioned table then, it takes those of its partitions and builds none.
        """
        table = self._tables.get((index.schema, index.table))
        if table is None or table.kind != "p":
            return [_Step(index.ddl(), index.schema, index.name)]
        parts = [
            index._replace(schema=leaf.schema, table=leaf.name) for leaf in self._leaves(table)
        ]
        steps = [_Step(part.ddl(), part.schema, part.name) for part in parts]
        return [*steps, _Step(index.ddl(concurrently=False), index.schema, index.name)]

    def _leaves(self, table: Table) -> list[Table]:
        found = []
        for part in self._relations.tables.values():
            if part.parent == table.oid:
                found += self._leaves(part) if part.kind == "p" else [part]
        return found

    def _run(self, step: _Step) -> None:
        """Run a statement in another thread, and watch it from this one."""
        failed: list[WriteFailed] = []
        done = threading.Event()

        def work() -> None:
            try:
                self._writer.run(step.sql)
            except WriteFailed as error:
                failed.append(error)
            finally:
                done.set()

        thread = threading.Thread(target=work)
        self._waits = ""
        with self._progress(plain(f"building {step.name}"), 1.0) as advance:
            thread.start()
            try:
                while not done.wait(_EVERY_SECONDS):
                    advance(self._done())
            except BaseException:
                self._writer.cancel()
                raise
            finally:
                thread.join()
        if failed:
            raise failed[0]

    def _done(self) -> float:
        """How far the build is, from 0 to 1; notes whom it waits for."""
        try:
            rows = self._session.fact("index_progress", {"pid": self._writer.pid})
            if rows and rows[0]["blockers"]:
                waits = self._session.fact("index_waits", {"pid": self._writer.pid})
                self._waits = ", ".join(map(_blocker, waits))
        except Unavailable:
            return 0.0
        return _share(rows[0]) if rows else 0.0

    def _why(self, failed: WriteFailed) -> str:
        if failed.lock:
            whom = f" for {self._waits}" if self._waits else ""
            return f"it waited too long{whom}"
        return str(failed)

    # ----------------------------------------------------------------------------------------- undo

    def _look(self, step: _Step) -> list[Row]:
        return self._session.fact("index_built", {"schema": step.schema, "name": step.name})

    def _size(self, step: _Step) -> int:
        rows = self._look(step)
        return int(rows[0]["bytes"] or 0) if rows else 0

    def _drop_invalid(self, step: _Step) -> str:
        """Drop what a statement that did not succeed left behind: it was not there before."""
        rows = self._look(step)
        return self._drop(step) if rows and rows[0]["valid"] is False else ""

    def _drop_all(self, steps: Sequence[_Step]) -> str:
        """Drop what these statements made; what could not be dropped, as the end of a sentence."""
        # The partitioned index first: its parts can't be dropped from under it.
        return "".join(self._drop(step) for step in reversed(steps) if self._look(step))

    def _drop(self, step: _Step) -> str:
        statement = _drop_of(step)
        try:
            with self._progress(plain(f"removing {step.name}"), 1.0):
                self._writer.run(statement, lock_seconds=CLEANUP_SECONDS)
        except WriteFailed as failed:
            left = f"; still to be dropped ({failed}): {statement};"
        except KeyboardInterrupt:  # a second one: it may wait for long
            left = f"; still to be dropped: {statement};"
        else:
            return ""
        self.left += left
        return left


def _drop_of(step: _Step) -> str:
    concurrently = "CONCURRENTLY " if " INDEX CONCURRENTLY " in step.sql else ""
    return f"DROP INDEX {concurrently}{quote(step.schema)}.{quote(step.name)}"


def _exists(step: _Step, found: Row) -> str:
    """Why an index is not built that is there: it may be what is left of a build."""
    if found["valid"] is not False:
        return f"{step.name} exists already"
    if found["building"]:
        return f"{step.name} is being built by another session"
    return (
        f"{step.name} exists already, but is invalid: a build that was cut off left it; drop it "
        f"first: {_drop_of(step)};"
    )


def _share(row: dict[str, object]) -> float:
    """A row of pg_stat_progress_create_index as a share of the whole build."""

    def number(name: str) -> float:
        value = row[name]
        return float(value) if isinstance(value, int) else 0.0

    phase = str(row["phase"])
    for beginning, start, end in _PHASES:
        if phase.startswith(beginning):
            total = number("blocks_total") or number("tuples_total")
            done = number("blocks_done") if number("blocks_total") else number("tuples_done")
            return start + (end - start) * min(1.0, done / total if total else 0.0)
    return 0.0


def _blocker(row: dict[str, object]) -> str:
    """A session that makes others wait: ``process 4711 (shop, idle in transaction for 3 min)``."""
    seconds = row["transaction_seconds"]
    age = f" for {ms_text(seconds * 1000)}" if isinstance(seconds, float) else ""
    about = [str(row["username"] or ""), f"{row['state'] or 'active'}{age}"]
    return plain(f"process {row['pid']} ({', '.join(one for one in about if one)})")
