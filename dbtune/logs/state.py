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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic

from dbtune.codec import Mismatch, dump, load
from dbtune.errors import UsageError
from dbtune.logs.files import STDIN, expand, head_of, is_packed, opened
from dbtune.logs.kind import DetectedT, DigestT, Kind, WantedT
from dbtune.logs.parts import Part, Progress
from dbtune.logs.read import look_if_log, read_parts, split
from dbtune.text import plain

SCHEMA = "dbtune.log-state/1"
_HEAD_BYTES = 4096
_MOST_PLACES = 1000
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
class Remembered:
    """How far logs have been read.

    Attributes:
        engine: whose logs they are.
        database, user: what was counted of them was confined to these.
        places: of files, those that were read last first.
        updated_at: when the last of it was read.
    """

    engine: str = "postgresql"
    database: str = ""
    user: str = ""
    places: tuple[Place, ...] = ()
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class State(Generic[DigestT]):
    """What has been read so far, and what it said."""

    remembered: Remembered
    digest: DigestT


def read_state(
    path: Path, kind: Kind[WantedT, DetectedT, DigestT], wanted: WantedT
) -> State[DigestT]:
    """What a file remembers; an empty state if there is no such file.

    Raises:
        UsageError: it is none, is damaged, of another version, or was made for something else.
    """
    name = f"--state {plain(str(path))}"
    asked: dict[str, Any] = {option: getattr(wanted, option) for option in kind.confined}
    if not path.exists():
        return State(Remembered(kind.engine, **asked), kind.digest())
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
        remembered = load(Remembered, document)
        if remembered.engine != kind.engine:
            raise UsageError(
                f"{name} remembers logs of {plain(remembered.engine)}, these are of {kind.engine}: "
                "name another file"
            )
        digest = load(kind.digest, document.get("digest", {}))
    except OSError as error:
        if not isinstance(error, gzip.BadGzipFile):
            raise UsageError(f"{name} can't be read: {error.strerror}") from None
        raise UsageError(f"{name} is no state of dbtune's: name another file") from None
    except (EOFError, zlib.error, ValueError, KeyError, TypeError, RecursionError, Mismatch):
        raise UsageError(f"{name} is damaged: remove it to begin anew") from None
    if any(getattr(remembered, option) != value for option, value in asked.items()):
        options = {option: getattr(remembered, option) for option in asked}
        made_for = " ".join(f"--{option} {plain(one)}" for option, one in options.items() if one)
        made_for = made_for and f"with {made_for}"
        none = "with neither " if len(options) > 1 else "without "
        none += " nor ".join(f"--{option}" for option in options)
        raise UsageError(f"{name} was made {made_for or none}: give the same, or another file")
    return State(remembered, digest)


def state_bytes(state: State[DigestT]) -> bytes:
    """A state as the content of a file."""
    document = {"schema": SCHEMA} | dump(state.remembered) | {"digest": dump(state.digest)}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8", "surrogatepass"), compresslevel=6, mtime=0)


@dataclass(frozen=True, slots=True)
class Progressed(Generic[DigestT]):
    """What a reading has added.

    Attributes:
        state: what is known now.
        files: files that had something new.
        new_bytes: how much (of text, uncompressed).
        waiting: files whose last record waits for the next time: they are being written to.
    """

    state: State[DigestT]
    files: tuple[str, ...] = ()
    new_bytes: int = 0
    waiting: tuple[str, ...] = ()


def read_on(
    kind: Kind[WantedT, DetectedT, DigestT],
    names: Sequence[str],
    wanted: WantedT,
    state: State[DigestT],
    progress: Progress | None = None,
) -> Progressed[DigestT]:
    """Read what is new in some logs.

    Args:
        kind: whose logs they are.
        names: files, folders, patterns.
        wanted: how to read them.
        state: what has been read before.
        progress: shows how far it is read.

    Raises:
        UsageError: one of them can't be read, or is no log.
    """
    if STDIN in names:
        raise UsageError("--state remembers how far files are read: standard input is none")
    digest = kind.digest()
    parts: list[Part[DetectedT]] = []
    places: list[Place] = []
    waiting: list[str] = []
    taken: set[Place] = set()
    for file in _files(expand(names), state.remembered.places):
        before = file.before
        if before is not None and before in taken:
            continue  # a copy of a file that is read by its other name
        if before is not None:
            taken.add(before)
        begin = end = file.begin
        found = None
        if file.packed or (file.size > begin and b"\n" in file.head):
            found = look_if_log(kind, file.name, wanted, names, digest)
            end = file.size if found is None else file.end(kind, found)
        if found is not None and (file.packed or end > begin):
            parts += split(kind, file.name, found, wanted.jobs, begin, end)
            places.append(file.place(end))
        elif before is not None:
            places.append(before)
        if not file.packed and end < file.size:
            waiting.append(file.name)
    read_parts(kind, parts, wanted, digest, progress)
    ends = digest.seen.ends.copy()
    digest.seen.ends.clear()
    places = [replace(one, offset=ends.get(one.name, one.offset)) for one in places]
    whole, new_bytes = state.digest, digest.seen.bytes
    whole.merge(digest)
    whole.settle()
    kind.kept(whole)
    kept = [one for one in state.remembered.places if one not in taken]
    remembered = replace(
        state.remembered,
        places=(*places, *kept)[:_MOST_PLACES],
        updated_at=datetime.now(UTC).replace(microsecond=0),
    )
    return Progressed(
        State(remembered, whole),
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

    def end(self, kind: Kind[WantedT, DetectedT, DigestT], detected: DetectedT) -> int:
        """Where it ends with a whole record; -1 for the end of a compressed file."""
        if self.packed:
            return -1
        from_ = max(self.begin, self.size - _TAIL_BYTES)
        with opened(self.name) as stream:
            stream.seek(from_)
            tail = stream.read(self.size - from_)
        lines = tail.rfind(b"\n") + 1
        if lines == len(tail) and time.time() - self.modified > _JUST_NOW_SECONDS:
            return self.size
        if kind.goes_on and detected.is_plain:
            lines = _last_start(kind, detected, tail[:lines])
        return from_ + lines

    def place(self, end: int) -> Place:
        """How far it is read when it is read to a byte."""
        head = self.head[: end if end >= 0 else None][:_HEAD_BYTES]
        return Place(self.name, self.inode, _hash(head), len(head), end)


def _last_start(kind: Kind[WantedT, DetectedT, DigestT], detected: DetectedT, tail: bytes) -> int:
    """Where the last record begins that others may still belong to."""
    at = len(tail)
    while at > 0:
        at = tail.rfind(b"\n", 0, at - 1) + 1
        if kind.start(detected, tail[at:]) == 0:
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
