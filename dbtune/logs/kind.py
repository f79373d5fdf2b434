"""What reading logs has to know of the engine that wrote them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from dbtune.logs.envelopes import Envelope
from dbtune.logs.seen import Seen


class Wanted(Protocol):
    """What a person wants of logs; an engine's own has more.

    Attributes:
        since, until: which records, as :func:`dbtune.logs.period.check_time` takes times.
        database: only what is of this database.
        jobs: processes that read; 0 takes as many as there are cores.
    """

    @property
    def since(self) -> str: ...
    @property
    def until(self) -> str: ...
    @property
    def database(self) -> str: ...
    @property
    def jobs(self) -> int: ...


class Detected(Protocol):
    """How to read a log.

    Attributes:
        first: time of the first record.
    """

    @property
    def first(self) -> str: ...

    @property
    def is_plain(self) -> bool:
        """Whether nothing is around the lines, so that reading may start in the middle."""

    def envelope(self) -> Envelope:
        """What undoes what is around the lines."""


class Digest(Protocol):
    """What a log says; digests of parts can be added up, and be written as JSON."""

    seen: Seen

    def merge(self, other: Any, /) -> None:
        """Add the digest of another part."""

    def settle(self) -> None:
        """Put together what began in one part and ended in another."""

    def bound(self, slack: int = 1) -> bool:
        """Leave out what is too much to keep, the lightest first; whether there was any."""


class Stream(Protocol):
    """Adds a log to a digest while its bytes come."""

    def feed(self, block: bytes) -> None:
        """Add some bytes."""

    def settle(self) -> None:
        """Count what has come in whole lines: nothing follows soon that belongs to it."""

    def finish(self) -> None:
        """Count what has come: nothing follows."""

    def go_on_in(self, digest: Any, /) -> None:
        """Add what comes to another digest."""


WantedT = TypeVar("WantedT", bound=Wanted)
DetectedT = TypeVar("DetectedT", bound=Detected)
DigestT = TypeVar("DigestT", bound=Digest)


@dataclass(frozen=True, slots=True)
class Kind(Generic[WantedT, DetectedT, DigestT]):
    """How the logs of an engine are read. Its functions are a module's: processes share them.

    Attributes:
        engine: whose logs they are, as a profile names it.
        digest: makes an empty digest.
        head_bytes: bytes of a file that tell its format.
        goes_on: a record may go on in the lines that follow it.
        detect: the format of a log by its first bytes and its name; raises ``UsageError``.
        fits: whether lines are in a format that is known already.
        start: where in whole lines the first record starts, -1 if none does.
        stream: what adds a log of a format to a digest.
        kept: bounds a digest that is written to a file.
        confined: attributes of ``Wanted`` that confine what is counted.
    """

    engine: str
    digest: type[DigestT]
    head_bytes: int
    goes_on: bool
    detect: Callable[[bytes, str, WantedT], DetectedT]
    fits: Callable[[DetectedT, bytes], bool]
    start: Callable[[DetectedT, bytes], int]
    stream: Callable[[DetectedT, WantedT, DigestT], Stream]
    kept: Callable[[DigestT], object]
    confined: tuple[str, ...] = ("database",)
