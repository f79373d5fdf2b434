"""Reading logs bit by bit: what has been read is remembered in a file, and what it said.

A file is known again by its first bytes (decompressed), wherever rotation has moved it and however
it was compressed meanwhile; a file that was emptied (copytruncate) is a new one by them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from dbtune.codec import Mismatch, dump, load
from dbtune.errors import UsageError
from dbtune.logs.files import STDIN, expand, head_of, is_packed, opened
from dbtune.logs.parts import Progress
from dbtune.postgres.logs.detect import Detected
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.look import look, look_if_log
from dbtune.postgres.logs.read import Part, read_parts, split
from dbtune.postgres.logs.stream import Wanted
from dbtune.text import plain

SCHEMA = "dbtune.log-state/1"
_HEAD_BYTES = 4096
_MOST_PLACES = 1000
_MOST_STATEMENTS, _MOST_CELLS = 5000, 100_000
_MOST_BYTES = 1 << 30
_JUST_NOW_SECONDS = 5
"""A file that was written to so shortly ago may end in the middle of a record."""
_TAIL_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file has been read.

    Attributes:
        name: what it was called then.
        inode: its number in the file system.
        head: hash of its first ``head_bytes`` bytes.
        offset: bytes that have been read.
    """

    name: str
    inode: int
    head: str
    head_bytes: int
    offset: int


@dataclass(frozen=True, slots=True)
class State:
    """What has been read so far, and what it said.

    Attributes:
        database, user: what it was confined to.
        places: of files, those that were read last first.
        digest: of everything that has been read.
        updated_at: when the last of it was read.
    """

    database: str = ""
    user: str = ""
    places: tuple[Place, ...] = ()
    digest: Digest = field(default_factory=Digest)
    updated_at: datetime | None = None


def read_state(path: Path, wanted: Wanted) -> State:
    """What a file remembers; an empty state if there is no such file.

    Raises:
        UsageError: it is none, is damaged, of another version, or was made for something else.
    """
    name = f"--state {plain(str(path))}"
    if not path.exists():
        return State(wanted.database, wanted.user)
    try:
        with gzip.open(path) as stream:
            text = stream.read(_MOST_BYTES + 1)
        document = json.loads(text)
        schema = document["schema"]
        if schema != SCHEMA:
            raise UsageError(
                f"{name} is written in {plain(str(schema))}, this dbtune reads {SCHEMA}: name "
                "another file to begin anew"
            )
        state = load(State, document)
    except OSError as error:
        if not isinstance(error, gzip.BadGzipFile):
            raise UsageError(f"{name} can't be read: {error.strerror}") from None
        raise UsageError(f"{name} is no state of dbtune's: name another file") from None
    except (EOFError, zlib.error, ValueError, KeyError, TypeError, RecursionError, Mismatch):
        raise UsageError(f"{name} is damaged: remove it to begin anew") from None
    if (state.database, state.user) != (wanted.database, wanted.user):
        made_for = " ".join(
            f"--{option} {plain(value)}"
            for option, value in (("database", state.database), ("user", state.user))
            if value
        )
        raise UsageError(
            f"{name} was made with {made_for or 'neither --database nor --user'}: give the same, "
            "or another file"
        )
    return state


def state_bytes(state: State) -> bytes:
    """A state as the content of a file."""
    text = json.dumps({"schema": SCHEMA} | dump(state), ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8", "surrogatepass"), compresslevel=6, mtime=0)


@dataclass(frozen=True, slots=True)
class Progressed:
    """What a reading has added.

    Attributes:
        state: what is known now.
        files: files that had something new.
        new_bytes: how much (of text, uncompressed).
        waiting: files whose last record waits for the next time: they are being written to.
    """

    state: State
    files: tuple[str, ...] = ()
    new_bytes: int = 0
    waiting: tuple[str, ...] = ()


def read_on(
    names: Sequence[str], wanted: Wanted, state: State, progress: Progress | None = None
) -> Progressed:
    """Read what is new in some logs.

    Args:
        names: files, folders, patterns.
        wanted: how to read them.
        state: what has been read before.
        progress: shows how far it is read.

    Raises:
        UsageError: one of them can't be read, or is no log.
    """
    if STDIN in names:
        raise UsageError("--state remembers how far files are read: standard input is none")
    digest = Digest()
    parts: list[Part] = []
    places: list[Place] = []
    waiting: list[str] = []
    taken: set[Place] = set()
    for file in _files(expand(names), state.places):
        before = file.before
        if before is not None and before in taken:
            continue  # a copy of a file that is read by its other name
        end = -1 if file.packed else file.end(wanted)
        if not file.packed and end < file.size:
            waiting.append(file.name)
        if before is not None:
            taken.add(before)
        if file.packed or end > file.begin:
            detected = look_if_log(file.name, wanted, names, digest)
            if detected is not None:
                parts += split(file.name, detected, wanted.jobs, file.begin, end)
                places.append(file.place(end))
        elif before is not None:
            places.append(before)
    read_parts(parts, wanted, digest, progress)
    ends = digest.seen.ends.copy()
    digest.seen.ends.clear()
    places = [replace(one, offset=ends.get(one.name, one.offset)) for one in places]
    whole, new_bytes = state.digest, digest.seen.bytes
    whole.merge(digest)
    whole.settle()
    whole.bound(statements=_MOST_STATEMENTS, cells=_MOST_CELLS)
    kept = [one for one in state.places if one not in taken]
    return Progressed(
        replace(
            state,
            places=(*places, *kept)[:_MOST_PLACES],
            digest=whole,
            updated_at=datetime.now(UTC).replace(microsecond=0),
        ),
        tuple(dict.fromkeys(part.name for part in parts)) if new_bytes else (),
        new_bytes,
        tuple(waiting),
    )


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is now.

    Attributes:
        head: its first bytes, decompressed.
        before: how far it had been read.
    """

    name: str
    inode: int
    size: int
    modified: float
    head: bytes
    packed: bool
    before: Place | None

    @property
    def begin(self) -> int:
        """Where what is new begins."""
        offset = self.before.offset if self.before else 0
        return 0 if offset > self.size and not self.packed else offset

    def look(self, wanted: Wanted) -> Detected:
        """Its format."""
        return look(self.name, wanted)

    def end(self, wanted: Wanted) -> int:
        """Where it ends with a whole record."""
        if self.size <= self.begin or b"\n" not in self.head:
            return self.begin
        from_ = max(self.begin, self.size - _TAIL_BYTES)
        with opened(self.name) as stream:
            stream.seek(from_)
            tail = stream.read(self.size - from_)
        lines = tail.rfind(b"\n") + 1
        if lines == len(tail) and time.time() - self.modified > _JUST_NOW_SECONDS:
            return self.size
        detected = self.look(wanted)
        return from_ + (_last_start(tail[:lines], detected) if detected.is_plain else lines)

    def place(self, end: int) -> Place:
        """How far it is read when it is read to a byte."""
        head = self.head[: end if end >= 0 else None][:_HEAD_BYTES]
        return Place(self.name, self.inode, _hash(head), len(head), end)


def _last_start(tail: bytes, detected: Detected) -> int:
    """Where the last record begins that others may still belong to."""
    at = len(tail)
    while at > 0:
        at = tail.rfind(b"\n", 0, at - 1) + 1
        if detected.format.start(tail[at:]) == 0:
            return at
    return 0


def _hash(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()


def _files(names: Sequence[str], places: Sequence[Place]) -> list[_File]:
    """The files that have something in them; of copies the one that was read before comes first."""
    found = []
    for name in names:
        head, packed = head_of(name, _HEAD_BYTES)[:_HEAD_BYTES], is_packed(name)
        if not head:
            continue
        try:
            stat = Path(name).stat()
        except OSError as error:  # rotated away meanwhile
            raise UsageError(f"{plain(name)} can't be read: {error.strerror}") from None
        known = [
            one
            for one in places
            if one.head_bytes <= len(head) and _hash(head[: one.head_bytes]) == one.head
        ]
        before = max(
            known, key=lambda one: (one.head_bytes, one.inode == stat.st_ino), default=None
        )
        found.append(_File(name, stat.st_ino, stat.st_size, stat.st_mtime, head, packed, before))
    return sorted(
        found, key=lambda one: not (one.before is not None and one.before.inode == one.inode)
    )
