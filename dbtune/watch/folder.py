"""A folder of snapshot files with an index in SQLite: the files are the truth, the index is quick.

A file is written whole under another name and then renamed; the index learns of it afterwards. What
a crash left between the two is put right when the folder is opened again, and an index that is
damaged is made anew from the files.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from dbtune.errors import UsageError
from dbtune.facts import Snapshot, read, write
from dbtune.text import plain
from dbtune.watch.store import Entry, Event

INDEX = "index.sqlite"
SUFFIX = ".json.gz"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS snapshots (
    file TEXT PRIMARY KEY, target TEXT NOT NULL, engine TEXT NOT NULL,
    at TEXT NOT NULL, bytes INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS snapshots_target ON snapshots (target, at);
CREATE TABLE IF NOT EXISTS events (
    target TEXT NOT NULL, at TEXT NOT NULL, type TEXT NOT NULL, level TEXT NOT NULL,
    rule TEXT NOT NULL, subject TEXT NOT NULL, message TEXT NOT NULL
);
"""


class Folder:
    """Snapshots in a folder; several watchers may share one.

    Args:
        path: the folder; made if it is not there.
        create: whether it may be made.

    Raises:
        UsageError: it can't be used.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        if not create and not path.is_dir():
            raise UsageError(f"{plain(str(path))} is no folder of snapshots (dbtune watch -o DIR)")
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._database = self._open()
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"{plain(str(path))} can't be used: {reason}") from None

    def _open(self) -> sqlite3.Connection:
        index = self.path / INDEX
        try:
            return self._ready(sqlite3.connect(index, timeout=10))
        except sqlite3.OperationalError:  # locked, or no right to it: it is no damage
            raise
        except sqlite3.DatabaseError:
            index.replace(index.with_suffix(".damaged"))
            return self._ready(sqlite3.connect(index, timeout=10))

    def _ready(self, database: sqlite3.Connection) -> sqlite3.Connection:
        try:
            database.executescript(_SCHEMA)
            self._reconcile(database)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _reconcile(self, database: sqlite3.Connection) -> None:
        """What the index does not know of the files, and what it knows too much."""
        here = {one.name for one in self.path.glob(f"*{SUFFIX}") if not one.name.startswith(".")}
        known = {row[0] for row in database.execute("SELECT file FROM snapshots")}
        with database:
            database.executemany(
                "DELETE FROM snapshots WHERE file = ?", [(one,) for one in known - here]
            )
            for name in sorted(here - known):
                try:
                    found = read(self.path / name)
                except UsageError:  # somebody else's file, or a damaged one: left alone
                    continue
                _insert(database, self._entry(found, name))

    def _entry(self, snapshot: Snapshot, name: str) -> Entry:
        size = (self.path / name).stat().st_size
        return Entry(target_of(snapshot), snapshot.engine, snapshot.collected_at, name, size)

    def add(self, snapshot: Snapshot) -> Entry:
        """Keep a snapshot, whole or not at all.

        Raises:
            UsageError: the disk is full, or the folder gone.
        """
        name = (
            f"{slug(target_of(snapshot))}-{snapshot.collected_at.astimezone(UTC):%Y%m%dT%H%M%S.%f}"
        )
        name = f"{name}Z{SUFFIX}"
        temporary = self.path / f".{name}.{os.getpid()}"
        try:
            try:
                with temporary.open("wb") as file:
                    file.write(write(snapshot))
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self.path / name)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            entry = self._entry(snapshot, name)
            with self._database:
                _insert(self._database, entry)
        except (OSError, sqlite3.Error) as error:
            raise self._not_written(error) from None
        return entry

    def _not_written(self, error: OSError | sqlite3.Error) -> UsageError:
        reason = getattr(error, "strerror", None) or str(error)
        return UsageError(f"{plain(str(self.path))} can't be written: {reason}")

    def entries(self, target: str = "") -> list[Entry]:
        """What is kept, of all targets or one, earliest first."""
        rows = self._database.execute(
            "SELECT target, engine, at, file, bytes FROM snapshots "
            "WHERE ? IN ('', target) ORDER BY at, file",
            (target,),
        )
        return [
            Entry(row[0], row[1], datetime.fromisoformat(row[2]), row[3], row[4]) for row in rows
        ]

    def load(self, entry: Entry) -> Snapshot:
        """A snapshot.

        Raises:
            UsageError: its file is gone or damaged.
        """
        return read(self.path / entry.name)

    def remove(self, entries: Iterable[Entry]) -> None:
        """Forget snapshots; a file that can't be removed stays, and is found again.

        Raises:
            UsageError: the disk is full.
        """
        gone = list(_unlinked(self.path, entries))
        try:
            with self._database:
                self._database.executemany("DELETE FROM snapshots WHERE file = ?", gone)
        except sqlite3.Error as error:
            raise self._not_written(error) from None

    def log(self, target: str, events: Sequence[Event]) -> None:
        """Keep events.

        Raises:
            UsageError: the disk is full.
        """
        rows = [
            (target, _time(e.at), e.type, e.level, e.rule, e.subject, e.message) for e in events
        ]
        try:
            with self._database:
                self._database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise self._not_written(error) from None

    def events(self, target: str = "") -> list[Event]:
        """Events, earliest first."""
        with closing(
            self._database.execute(
                "SELECT at, type, message, level, rule, subject FROM events "
                "WHERE ? IN ('', target) ORDER BY at, rowid",
                (target,),
            )
        ) as rows:
            return [Event(datetime.fromisoformat(row[0]), *row[1:]) for row in rows]

    def close(self) -> None:
        """Let go of the index."""
        self._database.close()


def _unlinked(folder: Path, entries: Iterable[Entry]) -> Iterator[tuple[str]]:
    for entry in entries:
        try:
            (folder / entry.name).unlink(missing_ok=True)
        except OSError:
            continue
        yield (entry.name,)


def _insert(database: sqlite3.Connection, entry: Entry) -> None:
    database.execute(
        "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)",
        (entry.name, entry.target, entry.engine, _time(entry.at), entry.size_bytes),
    )


def _time(at: datetime) -> str:
    """Sorts as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def target_of(snapshot: Snapshot) -> str:
    """The name that a target has in stores; it holds no secret."""
    return str(snapshot.target.get("name") or "unknown")


def slug(target: str) -> str:
    """A target's name as part of a file's: safe, and its own."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", target.rpartition("@")[2]).strip("-")[:40]
    return f"{words or 'target'}-{hashlib.sha256(target.encode()).hexdigest()[:6]}"
