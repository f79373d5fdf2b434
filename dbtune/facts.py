"""Facts as files: frozen dataclasses to JSON and back, and the snapshot file that holds them.

A snapshot is one gzip-compressed JSON document::

    {"schema": "dbtune.snapshot/1", "dbtune": "0.1.0", "engine": "postgresql",
     "target": {...}, "collected_at": "...", "facts": {"server": {...}, "statements": {...}}}

A fact that could not be read stands there as ``{"unavailable": reason, "remedy": ...}``. Within
schema 1 fields are only added: what a file lacks gets its default, what dbtune does not know is
passed over, so that files of other versions can be read.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Generic,
    Protocol,
    TypeVar,
    get_type_hints,
)

from dbtune.codec import Mismatch, dump, load
from dbtune.errors import Unavailable, UsageError
from dbtune.profile import product_of
from dbtune.text import ms_text, plain

if TYPE_CHECKING:
    from dbtune.report import Report

SCHEMA = "dbtune.snapshot/1"
MAX_BYTES = 2 * 1024**3
"""Most bytes that a snapshot may have when unpacked: a small file can hold a bomb."""

S = TypeVar("S")
T = TypeVar("T")


# ------------------------------------------------------------------------ facts and their sources


class Fact(Generic[S, T]):
    """Something that can be read from a target: a name, a type, and the function that reads it.

    Attributes:
        name: what checks call it, and its key in a snapshot.
        read: reads it in an open session.
        between: of counters, what happened between two readings, as the same type; ``None`` for
            what is a state.
        plus: of what changes from moment to moment, two readings taken together; else ``None``.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[S], T],
        between: Callable[[T, T], T] | None = None,
        plus: Callable[[T, T], T] | None = None,
    ) -> None:
        self.name = name
        self.read = read
        self.between = between
        self.plus = plus

    @property
    def kind(self) -> type[T]:
        """The type of its values: what the function says that it returns."""
        found: type[T] = get_type_hints(self.read, vars(sys.modules[self.read.__module__]))[
            "return"
        ]
        return found


def fact(name: str) -> Callable[[Callable[[S], T]], Fact[S, T]]:
    """Make a function that reads something in a session a fact of that name.

    It raises :class:`~dbtune.errors.Unavailable` where the role, the server or its version can't
    give it. The file is the registration: see :func:`load_facts`.
    """
    return lambda read: Fact(name, read)


def counters(name: str, between: Callable[[T, T], T]) -> Callable[[Callable[[S], T]], Fact[S, T]]:
    """As :func:`fact`, for what only grows: ``between`` is what happened between two readings."""
    return lambda read: Fact(name, read, between)


def samples(name: str, plus: Callable[[T, T], T]) -> Callable[[Callable[[S], T]], Fact[S, T]]:
    """As :func:`fact`, for what is one thing now and another soon: ``plus`` adds up readings."""
    return lambda read: Fact(name, read, plus=plus)


class Derived:
    """What follows from facts: computed when it is asked for, in no snapshot.

    Attributes:
        name: what checks call it.
        make: the function; its parameters name the facts that it needs.
    """

    def __init__(self, name: str, make: Callable[..., object]) -> None:
        self.name = name
        self.make = make

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the facts that it is made of."""
        code = self.make.__code__
        return code.co_varnames[: code.co_argcount]

    def of(self, facts: Mapping[str, object]) -> object:
        """Itself; an ``Unavailable`` if what it needs is one."""
        given = [facts[name] for name in self.needs]
        missing = next((one for one in given if isinstance(one, Unavailable)), None)
        if missing is not None:
            return missing
        try:
            return self.make(*given)
        except Unavailable as absent:
            return absent


def derived(name: str) -> Callable[[Callable[..., object]], Derived]:
    """Make a function of facts a :class:`Derived` of that name."""
    return lambda make: Derived(name, make)


def load_facts(package: str) -> dict[str, Fact[Any, Any]]:
    """Import every module of a package; returns the facts that they define, by name."""
    return {one.name: one for one in _defined(package, Fact)}


def load_derived(package: str) -> dict[str, Derived]:
    """As :func:`load_facts`, of what follows from facts."""
    return {one.name: one for one in _defined(package, Derived)}


def _defined(package: str, kind: type[T]) -> list[T]:
    import importlib
    import pkgutil

    found: dict[str, T] = {}
    parent = importlib.import_module(package)
    for info in pkgutil.iter_modules(parent.__path__, package + "."):
        module = importlib.import_module(info.name)
        items = [item for item in vars(module).values() if isinstance(item, kind)]
        found |= {item.name: item for item in items}  # type: ignore[attr-defined]
    return [one for _, one in sorted(found.items())]


class Source(Protocol):
    """Where facts come from: a server now, or a file of what it was like."""

    def of(self, fact: Fact[Any, T]) -> T:
        """A fact.

        Raises:
            Unavailable: it can't be had.
        """
        ...


class Live(Generic[S]):
    """Facts of an open session; each is read once, when it is first asked for."""

    def __init__(self, session: S) -> None:
        self.session = session
        self._known: dict[str, Any] = {}

    def of(self, fact: Fact[S, T]) -> T:
        """A fact.

        Raises:
            Unavailable: this role, server or version can't give it.
            TargetError: the connection broke.
        """
        if fact.name not in self._known:
            try:
                self._known[fact.name] = fact.read(self.session)
            except Unavailable as missing:
                self._known[fact.name] = missing
        found = self._known[fact.name]
        if isinstance(found, Unavailable):
            raise found
        value: T = found
        return value


def observe(
    session: S,
    facts: Iterable[Fact[S, Any]],
    pause: Callable[[Callable[[], None] | None], None],
    *,
    twice: bool = True,
) -> dict[str, object]:
    """Facts by name, counters as what happened while ``pause`` ran.

    Args:
        session: an open session.
        facts: what to read.
        pause: lets time pass between the two readings of counters; it calls what it is given, if
            anything, every now and then meanwhile.
        twice: whether counters are read twice; else they are what was counted so far.
    """
    facts = list(facts)
    if not twice:
        return gather(Live(session), facts)
    growing = [one for one in facts if one.between is not None]
    moving = [one for one in facts if one.plus is not None]
    first = gather(Live(session), growing)
    taken: list[dict[str, object]] = []
    if growing or moving:
        pause((lambda: taken.append(gather(Live(session), moving))) if moving else None)
    # Counters first: what is read after them does not count as what the server did.
    second = gather(Live(session), sorted(facts, key=lambda one: one.between is None))
    for one in moving:
        assert one.plus is not None
        for sample in taken:
            early, late = sample[one.name], second[one.name]
            if not isinstance(early, Unavailable) and not isinstance(late, Unavailable):
                second[one.name] = one.plus(early, late)
    for one in growing:
        assert one.between is not None
        early, late = first[one.name], second[one.name]
        if not isinstance(early, Unavailable) and not isinstance(late, Unavailable):
            try:
                second[one.name] = one.between(early, late)
            except Unavailable as missing:
                second[one.name] = missing
    return second


def gather(source: Source, facts: Iterable[Fact[Any, Any]]) -> dict[str, object]:
    """Facts by name, as checks take them: what can't be had is an ``Unavailable``."""
    found: dict[str, object] = {}
    for one in facts:
        try:
            found[one.name] = source.of(one)
        except Unavailable as missing:
            found[one.name] = missing
    return found


# ------------------------------------------------------------------------------ snapshot files


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read from a target at one time.

    Attributes:
        engine: ``postgresql``, ``mongodb`` or ``redis``.
        target: the report's description of the target, without secrets.
        collected_at: when.
        facts: as JSON has them, by name; :func:`of` gives them back.
        dbtune: version that wrote it.
        name: the file it came from, for messages.
    """

    engine: str
    target: Mapping[str, object]
    collected_at: datetime
    facts: Mapping[str, Any]
    dbtune: str = ""
    name: str = ""

    def require(self, engine: str) -> Snapshot:
        """Itself, if it is of that engine.

        Raises:
            UsageError: it is of another.
        """
        if self.engine != engine:
            told = f"{self.name} is a snapshot of {product_of(self.engine)}"
            raise UsageError(f"{told}; this needs {product_of(engine)}")
        return self

    def described(self, report: Report) -> Report:
        """A report on facts of the snapshot, saying what it is about and of when."""
        age = (datetime.now(UTC) - self.collected_at).total_seconds()
        taken = self.collected_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        note = f"from {self.name}, taken {taken}, {ms_text(max(age, 0) * 1000)} ago"
        return dataclasses.replace(
            report,
            target=self.target,
            collected_at=self.collected_at,
            notes=(note, *report.notes),
        )

    def of(self, fact: Fact[Any, T]) -> T:
        """A fact of the snapshot.

        Raises:
            Unavailable: it could not be read then, or the dbtune that wrote it did not know it.
            UsageError: the file is damaged there.
        """
        data = self.facts.get(fact.name)
        if data is None:
            raise Unavailable(f"the snapshot has no {fact.name.replace('_', ' ')}")
        if isinstance(data, dict) and "unavailable" in data:
            raise Unavailable(str(data["unavailable"]), str(data.get("remedy", "")))
        try:
            return load(fact.kind, data)
        except Mismatch as problem:
            raise UsageError(f"{self.name}: {fact.name}: {problem}") from None


def write(snapshot: Snapshot) -> bytes:
    """A snapshot as the content of a file; the same facts give the same bytes."""
    import gzip
    import json

    document = {"schema": SCHEMA} | {
        key: dump(getattr(snapshot, key)) for key in ("dbtune", "engine", "target", "collected_at")
    }
    document["facts"] = snapshot.facts  # as JSON has them already
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=True)
    return gzip.compress(text.encode("utf-8", "surrogatepass"), compresslevel=6, mtime=0)


def read(path: Path) -> Snapshot:
    """Read a snapshot file, compressed or not.

    Raises:
        UsageError: it can't be read, or is no snapshot.
    """
    name = plain(str(path))
    try:
        with path.open("rb") as stream:
            text = _unpacked(stream, name)
    except OSError as error:
        raise UsageError(f"{name} can't be read: {error.strerror}") from None
    return _snapshot(text, name)


def unpack(content: bytes, name: str) -> Snapshot:
    """A snapshot of what :func:`write` made.

    Args:
        content: the bytes.
        name: where they come from, for messages.

    Raises:
        UsageError: it is no snapshot.
    """
    import io

    return _snapshot(_unpacked(io.BytesIO(content), name), name)


def _snapshot(text: bytes, name: str) -> Snapshot:
    import json

    try:
        document = json.loads(text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise UsageError(f"{name} is no snapshot: {_instead(text)}") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, str) or not schema.startswith("dbtune.snapshot/"):
        raise UsageError(f"{name} is no snapshot of dbtune (dbtune snapshot TARGET -o FILE)")
    if schema != SCHEMA:
        number = schema.removeprefix("dbtune.snapshot/")
        newer = not number.isdecimal() or int(number[:9]) > 1
        what = "upgrade it" if newer else "take it anew (dbtune snapshot)"
        raise UsageError(
            f"{name} is written in {plain(schema)}; this dbtune reads {SCHEMA}: {what}"
        )
    try:
        return dataclasses.replace(load(Snapshot, document), name=name)
    except Mismatch as problem:
        raise UsageError(f"{name} is damaged: {problem}") from None


def _unpacked(stream: BinaryIO, name: str) -> bytes:
    import gzip
    import zlib

    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    try:
        if packed:
            with gzip.open(stream) as inner:
                text = inner.read(MAX_BYTES + 1)
        else:
            text = stream.read(MAX_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise UsageError(f"{name} is damaged: it is not a whole gzip file") from None
    if len(text) > MAX_BYTES:
        raise UsageError(f"{name} is larger than {MAX_BYTES // 1024**3} GiB when unpacked")
    return text


def _instead(text: bytes) -> str:
    if not text.strip():
        return "it is empty"
    return "it is not JSON"
